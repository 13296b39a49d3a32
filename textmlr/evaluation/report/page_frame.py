"""What the pages of all reports share: title, tiles of figures, sections, warnings, footer."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from html import escape

from textmlr.base.printable import plural
from textmlr.base.version import __version__
from textmlr.base.web_page import name_of, page, visible
from textmlr.corpus.corpus import Corpus
from textmlr.evaluation.labelled_answers import Answered
from textmlr.model.model import Model

MOST_NAMED = 10


def whole_page(
    model_name: str,
    model: Model,
    corpus: Corpus,
    tiles: str,
    sections: Sequence[tuple[str, str, str]],
) -> str:
    """The page of a report.

    tiles     HTML, those of ``tiles_of`` and what is said of them
    sections  key, title and HTML of each
    """
    title = f"How good is {os.path.basename(model_name)}?"
    files = ", ".join(os.path.basename(name) for name in corpus.names)
    links = "".join(f'<a href="#{key}">{escape(name)}</a>' for key, name, _ in sections)
    body = "".join(
        f'<section id="{key}"><h2>{escape(name)}</h2>{text}</section>\n'
        for key, name, text in sections
    )
    return page(
        title,
        f"<h1>{visible(title)}</h1>\n"
        f'<p class="soft">{len(corpus):,} documents of {visible(files)}, {len(model.labels):,} '
        f"labels</p>\n{tiles}\n<nav>{links}</nav>\n{body}{_footer(model_name, model)}",
    )


def tiles_of(tiles: Iterable[tuple[str, str, str]]) -> str:
    """Figures in tiles: name, value, and what else is to be said."""
    items = "".join(
        f"<li><span>{name}</span><b>{value}</b><span>{more}</span></li>"
        for name, value, more in tiles
    )
    return f'<ul class="tiles">{items}</ul>'


def named(labels: Sequence[str]) -> str:
    """The first of some labels as HTML."""
    some = ", ".join(map(name_of, labels[:MOST_NAMED]))
    return some + (" and others" if len(labels) > MOST_NAMED else "")


def answer_warnings(answered: Answered) -> str:
    """Which documents the model does not know a label of, and which training had too."""
    text, strangers, overlap = "", answered.strangers, answered.overlap
    if strangers:
        text += (
            f'<p class="wrong">{plural(answered.documents_with_strangers, "document")} with labels '
            f"the model does not know ({named(list(strangers))}); they count as wrong.</p>"
        )
    if overlap is not None and overlap.documents:
        about = "" if overlap.exact else "About "
        text += (
            f'<p class="wrong">{about}{overlap.documents:,} of the documents also stand in the '
            "corpus that the model was trained on: answers to them say nothing of new ones.</p>"
        )
    return text


def _footer(model_name: str, model: Model) -> str:
    about, corpus = "", model.record.corpus
    if corpus is not None and corpus.documents:
        about = f"trained on {corpus.documents:,} documents of {', '.join(corpus.files)}, "
    return (
        f"<footer><p>{visible(model_name)}: {visible(about)}"
        f"{model.featurizer.columns:,} features. Made by textmlr {__version__}, "
        "<code>textmlr evaluate --report</code>.</p></footer>\n"
    )
