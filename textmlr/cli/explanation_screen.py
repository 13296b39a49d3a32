"""The screen of ``textmlr explain``: the answer, the coloured words, a table by word, the sum."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from textmlr.base.printable import JOINERS, plain
from textmlr.cli.explained_documents import AskedDocument

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from textmlr.model.explanation.counterfactual import Counterfactual
    from textmlr.model.explanation.explanation import Explanation
    from textmlr.model.explanation.reasons import Contribution, GroupedWord

PHRASE_SHARE = 0.5  # of a word's margin, from which on an n-gram of several words is named
MOST_OTHERS = 5  # labels that are answers, too
WIDEST = 100  # columns: figures far from their words are hard to read
NATS = "Numbers are nats: each 0.7 makes the label twice as likely, beside the others."
LINKS = "A row of a label says what the probability of that label adds to the score of this one."
ODDS = "Numbers are nats: each 0.7 doubles the odds of the label."
KEPT = "\n\t" + JOINERS
# Styles of a word by strength, for and against the label: blue and orange, which all colour vision
# tells apart, and a line under orange.  Backgrounds have their own ink and are neither light nor
# dark, so that they stand out in any terminal.
FOR = ("", "#3b8ed0", "#ffffff on #54768f", "bold #ffffff on #0072ce")
AGAINST = (
    "",
    "underline #c8701a",
    "underline #ffffff on #8a6a4d",
    "bold underline #ffffff on #c25400",
)


@dataclass(frozen=True)
class Shown:
    """What is shown of an explanation.

    most    words for the label, and against it, and with ``ngrams`` n-grams
    whole   all of a long document
    ngrams  the n-grams, too
    """

    most: int
    whole: bool
    ngrams: bool


def show(
    asked: AskedDocument,
    explanation: Explanation,
    counterfactual: Counterfactual | None,
    shown: Shown,
) -> None:
    """Show why one document has its label."""
    from rich.console import Console

    from textmlr.model.explanation.excerpts import excerpts, method_of, parts_of, sum_of

    _show_answer(asked, explanation)
    click.echo()
    parts = excerpts(explanation, shown.whole)
    if sys.stdout.isatty() and _has_colours(console := Console(highlight=False)):
        _show_coloured(console, explanation, parts)
    else:
        click.echo(_marked(explanation, parts))
    if parts != [(0, len(explanation.text))]:
        seen = sum(stop - start for start, stop in parts)
        click.echo(f"\n({seen:,} of {len(explanation.text):,} characters; --whole shows all)")
    _show_words(explanation, shown.most)
    if shown.ngrams:
        _show_table(explanation, shown.most)
    click.echo(ODDS if explanation.is_absolute else NATS)
    if explanation.by_label:
        click.echo(LINKS)
    if shown.ngrams or explanation.method != "exact":
        click.echo(method_of(explanation))
    click.echo(sum_of(explanation).replace("; ", "\n"))
    if (two := parts_of(explanation)) is not None:
        click.echo(two)
    if counterfactual is not None:
        click.echo()
        click.echo(_visible(counterfactual.sentence()))
    _show_others(explanation)


def _show_others(explanation: Explanation) -> None:
    """How to ask for the other labels that are the answer."""
    if not isinstance(explanation.answer, tuple):
        return
    others = [label for label in explanation.answer if label != explanation.label]
    if others:
        words = [f"--label {plain(shlex.quote(label))}" for label in others[:MOST_OTHERS]]
        more = " …" if len(others) > MOST_OTHERS else ""
        click.echo(f"\nThe other answers: {', '.join(words)}{more}")


def _show_answer(asked: AskedDocument, explanation: Explanation) -> None:
    from textmlr.model.explanation.excerpts import versus

    click.secho(plain(asked.name), bold=True)
    click.echo(
        f"  {plain(explanation.label)} {_percent(explanation, explanation.probability)}, "
        f"{explanation.margin:+.4f} nats against {plain(versus(explanation))}"
    )
    if isinstance(explanation.answer, tuple):
        _show_labels(asked, explanation, explanation.answer)
        return
    likeliest = explanation.answer
    if explanation.label != likeliest:
        share = _percent(explanation, explanation.probabilities[likeliest])
        click.echo(f"  The likeliest label is {plain(likeliest)}, {share}.")
    if asked.label is None:
        return
    assert isinstance(asked.label, str)  # as many labels as the model gives
    own = plain(asked.label)
    if asked.label == likeliest:
        click.echo(f"  Its own label is {own}: the model is right.")
    elif asked.label not in explanation.probabilities and asked.is_known:
        told = len(explanation.probabilities)
        click.echo(f"  Its own label is {own}, none of the {told} likeliest: the model is wrong.")
    elif asked.label in explanation.probabilities:
        share = _percent(explanation, explanation.probabilities[asked.label])
        click.echo(f"  Its own label is {own}, {share}: the model is wrong.")
    else:
        click.echo(f"  Its own label is {own}, which the model does not know.")


def _percent(explanation: Explanation, share: float) -> str:
    """A probability; of very many labels, of which none may have 0.1 %, with two digits."""
    if explanation.left_out and share < 0.001:
        return f"{100 * share:.2g} %"
    return f"{100 * share:.1f} %"


def _show_labels(asked: AskedDocument, explanation: Explanation, answer: tuple[str, ...]) -> None:
    """The labels that are the answer, and those that the document has."""
    from textmlr.corpus.documents import as_tuple

    assert explanation.thresholds is not None
    least = 100 * explanation.thresholds[explanation.label]
    side = "above" if explanation.label in answer else "below"
    click.echo(f"  It is {side} its threshold, {least:.1f} %. The answer: {_listed(answer)}.")
    if asked.label is None:
        return
    own = as_tuple(asked.label)
    missed = [label for label in own if label not in answer]
    added = [label for label in answer if label not in own]
    wrong = [f"misses {_listed(missed)}"] if missed else []
    wrong += [f"adds {_listed(added)}"] if added else []
    verdict = "is right" if not wrong else " and ".join(wrong)
    click.echo(f"  Its own labels: {_listed(own)}. The model {verdict}.")


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(map(plain, labels)) or "none"


def _visible(text: str) -> str:
    """Text as a terminal may show it: line ends and joiners kept, all else as ``plain`` has it."""
    return plain(text.replace("\r\n", "\n"), KEPT)


def _has_colours(console: Console) -> bool:
    return console.color_system is not None and not console.no_color


def _show_coloured(
    console: Console, explanation: Explanation, parts: list[tuple[int, int]]
) -> None:
    from rich.text import Text

    from textmlr.model.explanation.excerpts import levels, pieces

    strength = levels(explanation)
    shown = Text()
    for i, part in enumerate(parts):
        if i or part[0]:
            shown.append("\n…" if i else "…", "dim")
        for piece, number in pieces(explanation, part):
            style = ""
            if number is not None:
                styles = FOR if explanation.words[number].margin > 0 else AGAINST
                style = styles[strength[number]]
            shown.append(_visible(piece), style)
    if parts and parts[-1][1] < len(explanation.text):
        shown.append("…", "dim")
    shown.rstrip()
    console.print(shown)


def _marked(explanation: Explanation, parts: list[tuple[int, int]]) -> str:
    """The document for a pipe: words of weight with what they add in brackets."""
    from textmlr.model.explanation.excerpts import levels, pieces

    strength = levels(explanation)
    made = []
    for part in parts:
        text = ""
        for piece, number in pieces(explanation, part):
            text += _visible(piece)
            if number is not None and strength[number]:
                text += f"[{explanation.words[number].margin:+.2f}]"
        before = "…" if part[0] else ""
        made.append(before + text + ("…" if part[1] < len(explanation.text) else ""))
    return "\n".join(made).rstrip("\n")


def _show_words(explanation: Explanation, most: int) -> None:
    """The strongest words, each once, on either side."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from textmlr.model.explanation.excerpts import BASE_RATES, start_of

    words = explanation.by_word
    sides = (
        [word for word in words if word.margin > 0][:most],
        [word for word in reversed(words) if word.margin < 0][:most],
    )
    if not any(sides):
        click.echo()
        return
    table = Table(box=None, expand=True, pad_edge=False)
    headings = (f"for {explanation.label}", FOR[1]), ("against it", AGAINST[1])
    for heading, style in headings:  # the key to the colours, too
        table.add_column(
            Text.assemble((plain(heading), style)), ratio=1, no_wrap=True, overflow="ellipsis"
        )
        table.add_column("adds", justify="right", no_wrap=True)
    for i in range(max(map(len, sides))):
        cells: list[str | Text] = []
        for side, (_, style) in zip(sides, headings, strict=True):
            cells += _cells(explanation, side[i], style) if i < len(side) else ["", ""]
        table.add_row(*cells)
    rest = len(words) - sum(map(len, sides))
    margin = sum(word.margin for word in words) - sum(w.margin for side in sides for w in side)
    others = f"{rest:,} other word" + ("" if rest == 1 else "s")
    own = Text(start_of(explanation), "dim")
    if explanation.by_base is not None:
        added = explanation.by_base[1]
        mixed: list[str | Text] = [Text(BASE_RATES, "dim"), f"{added:+.4f}"]
        table.add_row(*(mixed if added > 0 else ["", "", *mixed]))
    for link in explanation.by_label:
        row: list[str | Text] = [Text(f"label {plain(link.label)}", "dim"), f"{link.margin:+.4f}"]
        table.add_row(*(row if link.margin > 0 else ["", "", *row]))
    table.add_row(
        Text(others if rest else "", "dim"),
        f"{margin:+.4f}" if rest else "",
        own,
        f"{explanation.bias_margin:+.4f}",
    )
    console = Console(highlight=False)
    console.width = min(console.width, WIDEST)
    click.echo()
    console.print(table)


def _cells(explanation: Explanation, word: GroupedWord, style: str) -> list[str | Text]:
    """A word, how often it occurs and the phrase that most of its share is of; what it adds."""
    from rich.text import Text

    from textmlr.model.explanation.grouped_words import phrases_of

    name = Text(_visible(word.text), style.removeprefix("underline "))
    if word.count > 1:
        name.append(f" ×{word.count:,}", "dim")
    for phrase, share in phrases_of(explanation, word)[:1]:
        if share / word.margin >= PHRASE_SHARE:
            name.append(f"  “{_visible(phrase)}”", "dim")
    return [name, f"{word.margin:+.4f}"]


def _show_table(explanation: Explanation, most: int) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from textmlr.model.explanation.excerpts import (
        BASE_RATES,
        name_of,
        shown_features,
        start_of,
        versus,
        weight_of,
    )

    shown = shown_features(explanation, most)
    table = Table(box=SIMPLE_HEAD, show_footer=True)
    table.add_column("feature", "together", overflow="fold")
    table.add_column("times", justify="right")
    table.add_column("f(x)", justify="right")
    table.add_column(weight_of(explanation), justify="right")
    table.add_column("score", f"{explanation.score:+.4f}", justify="right")
    is_absolute = explanation.is_absolute  # then the margin is the score
    several = explanation.against is None and len(explanation.probabilities) > 2
    beside = "others" if several else plain(versus(explanation))
    if not is_absolute:
        table.add_column(Text(f"vs {beside}"), f"{explanation.margin:+.4f}", justify="right")
    cells = 5 if is_absolute else 6

    def row(*own: str | Text) -> None:
        table.add_row(*own[:cells])

    def add(feature: Contribution, style: str) -> None:
        row(
            _named(_visible(name_of(feature)), style),
            f"{feature.count:,}",
            f"{feature.value:.4f}",
            f"{feature.weight:+.4f}",
            f"{feature.contribution:+.4f}",
            f"{feature.margin:+.4f}",
        )

    for feature in shown.in_favour:
        add(feature, FOR[1])
    if shown.others:
        together = (f"{shown.contribution:+.4f}", f"{shown.margin:+.4f}")
        row(f"{shown.others:,} others", "", "", "", *together)
    for feature in reversed(shown.against):
        add(feature, AGAINST[1].removeprefix("underline "))
    for link in explanation.by_label:
        added = (f"{link.contribution:+.4f}", f"{link.margin:+.4f}")
        row(f"label {plain(link.label)}", "", "", "", *added)
    if explanation.by_base is not None:
        row(BASE_RATES, "", "", "", *(f"{one:+.4f}" for one in explanation.by_base))
    own = start_of(explanation)
    row(own, "", "", "", f"{explanation.bias:+.4f}", f"{explanation.bias_margin:+.4f}")
    Console(highlight=False).print(table)


def _named(name: str, style: str) -> Text:
    """A name for a table, without rich's markup."""
    from rich.text import Text

    return Text(name, style)
