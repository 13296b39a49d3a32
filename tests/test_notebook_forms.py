"""What a notebook shows of a model and of an explanation: whole in itself, and safe."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import textmlr
from textmlr import Model

NASTY = "<script>alert('x')</script> & \"q\""
TEXTS = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle, a sheriff"] * 8
MODELS = Path(__file__).parent / "models"
OPEN = {"br", "meta", "img", "hr"}


@pytest.fixture(scope="module")
def model() -> Model:
    return textmlr.train(TEXTS, [NASTY, "western"] * 16, threads=1)


class Tags(HTMLParser):
    """The tags of HTML, which all have to be closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.kinds: set[str] = set()
        self.attributes: set[str] = set()
        self.titles: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.kinds.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.titles += [value or "" for name, value in attrs if name == "title"]
        if tag not in OPEN:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_forms_are_whole_and_safe(model: Model) -> None:
    """No script, nothing fetched, every tag closed, names escaped; light and dark."""
    for html in (model._repr_html_(), model.explain(f"robot {NASTY}\u202e")._repr_html_()):
        tags = Tags(html)
        assert "script" not in tags.kinds
        assert not tags.attributes & {"src", "href", "onclick", "onload"}
        assert "url(" not in html
        assert "&lt;script&gt;" in html
        assert "\u202e" not in html
        assert "prefers-color-scheme: dark" in html
        assert "data-jp-theme-light=false" in html


def test_a_model_says_what_it_is(model: Model) -> None:
    html = model._repr_html_()
    held = model.record.held_out
    assert held is not None
    for part in ("of 2 labels", "(16)", "32 documents", f"<b>{held.accuracy:.4f}</b>", "chance"):
        assert part in html
    assert "model.predict(texts)" in html


@pytest.mark.parametrize("name", sorted(path.name for path in MODELS.glob("*mlr")))
def test_older_models_have_a_form(name: str) -> None:
    assert "<b>Model</b> of" in Model.load(MODELS / name)._repr_html_()


def test_words_are_coloured_and_told(model: Model) -> None:
    """Each word that has a share is a span of its sign, with its numbers in its title."""
    why = model.explain("a robot and a sheriff")
    html = why._repr_html_()
    words = [word for word in why.words if word.margin]
    spans = re.findall(r'<span class="(for|against)[^"]*" style="--a:[\d.]+" title="', html)
    assert [kind == "for" for kind in spans] == [word.margin > 0 for word in words]
    titles = Tags(html).titles
    assert len(titles) == len(words)
    assert all(f"{one.margin:+.4f}" in title for one, title in zip(words, titles, strict=True))
    assert f"P = {why.probability:.2%}" in html


def test_a_long_document_is_shown_in_part(model: Model) -> None:
    html = model.explain("word " * 5000 + "robot" + " word" * 5000)._repr_html_()
    assert " … " in html
    assert ">robot</span>" in html
    assert len(html) < 50_000


def test_a_document_without_known_words_has_a_form(model: Model) -> None:
    for text in ("", "zzz", "\n\n"):
        Tags(model.explain(text)._repr_html_())
