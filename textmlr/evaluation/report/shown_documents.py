"""Documents as a report shows them: where they stand, and their text, cut where it is long."""

from __future__ import annotations

import os

from textmlr.base.web_page import visible
from textmlr.corpus.corpus import Corpus

CUT = 1500  # characters of a document


def article(corpus: Corpus, i: int, about: str) -> str:
    """A document with what is to be said about it, HTML, at its head."""
    return (
        f'<article><header>{about} <span class="soft">· {_where(corpus, i)}</span></header>'
        f'<div dir="auto">{_document(corpus.text(i))}</div></article>\n'
    )


def _where(corpus: Corpus, i: int) -> str:
    """document 7 of test.tsv"""
    name, number = corpus.place(i)
    return f"document {number:,} of {visible(os.path.basename(name))}"


def _document(text: str) -> str:
    if not text.strip():
        return '<span class="soft">(an empty document)</span>'
    if len(text) <= CUT:
        return visible(text, "\n\t")
    rest = len(text) - CUT
    return (
        visible(text[:CUT], "\n\t")
        + f'… <span class="soft">(cut here: {rest:,} of {len(text):,} characters left out)</span>'
    )
