"""The answers in a terminal: the likeliest labels of each document, with bars."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import click
import numpy as np

from textmlr.base.limits import FEW_SHOWN, MANY_LABELS
from textmlr.base.printable import BAR, bar, plain
from textmlr.cli.terminal import cells
from textmlr.export.answer_lines import NO_LABEL, UNSURE
from textmlr.model.heads import ranked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from textmlr.model.answering import Answers
    from textmlr.model.label_choice import LabelChoice
    from textmlr.model.ranked_answers import RankedAnswers

# So many of the likeliest labels fit a screen of 24 lines: of one document, and of each of several.
OF_ONE = 10
OF_SEVERAL = 3
FIGURE = 11  # columns of "  100.0 %  "
LEAST_BAR = 10


class BarWriter:
    """Writes answers for a terminal, the likeliest label first.

    Where the labels of a document are more lines than the screen has, the likeliest is written
    once more below them.  Where documents may have several labels, those that are not of the answer
    are grey, with the probability that they lack in place of a bar.

    top    how many of the likeliest labels; None: as many as fit, and all of the answer
    least  the least probability of an answer, 0 for none
    sets   of a multi-label model
    """

    def __init__(
        self,
        labels: list[str],
        top: int | Literal["all"] | None,
        least: float,
        documents: int,
        sets: LabelChoice | None = None,
    ) -> None:
        self._screen = shutil.get_terminal_size()
        self._most = max(self._screen.columns - 2 - FIGURE - LEAST_BAR, LEAST_BAR)
        self._labels, is_many = labels, len(labels) > MANY_LABELS
        self._least = least
        usual = OF_SEVERAL if documents > 1 else FEW_SHOWN if is_many else OF_ONE
        self._left_out, self._sets, self._cuts = 0, sets, top is not None
        if top is None and len(labels) > usual + 1:  # a line that says "1 more" saves nothing
            self._left_out = len(labels) - usual
            top = usual
        self._top = len(labels) if top is None or top == "all" else min(top, len(labels))
        self._several = documents > 1
        # Those of one document are as wide as they need; those of several stand below each other.
        shown = range(0 if is_many or not self._several else len(labels))
        self._width = max((cells(self._name(i)) for i in shown), default=0)
        self._first = True

    def prepare(self, answers: Answers) -> tuple[Any, NDArray[np.int64], int]:
        """(probabilities, known, invalid) of a block, as Answers has them."""
        return answers.probabilities, answers.known, answers.invalid

    def prepare_ranked(self, ranked: RankedAnswers) -> tuple[Any, NDArray[np.int64], int]:
        """(itself, known, invalid) of a block of documents by very many labels."""
        return ranked, ranked.known, ranked.invalid

    def show(self, names: list[str], rows: NDArray[np.float64] | RankedAnswers) -> None:
        """Write a block; rows (n, L)."""
        if not isinstance(rows, np.ndarray):
            self._show_ranked(names, rows)
            return
        for name, row in zip(names, rows, strict=True):
            order, answer = self._order(row)
            self._show_one(name, order, row[order].tolist(), answer, float(row.max()))

    def _show_ranked(self, names: list[str], ranked: RankedAnswers) -> None:
        """Write a block of documents, each with the likeliest of very many labels."""
        labels = ranked.labels[:, : self._top]
        if self._several:
            few = set(labels.ravel().tolist())
            self._width = max((cells(self._name(i)) for i in few), default=0)
        p = ranked.probabilities[:, : self._top]
        for name, order, shares in zip(names, labels.tolist(), p.tolist(), strict=True):
            self._show_one(name, order, shares, None, shares[0])

    def finish(self) -> None:
        """Say how many labels are not shown."""
        if not self._left_out or self._first:
            return
        of = " labels of each document" if self._several else ""
        said = f"{self._left_out:,} more{of}"
        if self._sets is not None:  # how many are shown depends on the document
            said = f"{len(self._labels):,} labels in all"
        gap = "\n" if self._several and self._top > 1 else "  "
        sys.stdout.write(f"{gap}{said}: --top all\n")

    def _name(self, label: int) -> str:
        """A label's name as it is shown."""
        return _cut(plain(self._labels[label]), self._most)

    def _show_one(
        self, name: str, order: list[int], shares: list[float], answer: set[int] | None, best: float
    ) -> None:
        """Write a document's labels;  best  the largest probability of any."""
        # Not sys.stdout: click leaves colours out where NO_COLOR says so.
        click.echo("".join(self._lines(name, order, shares, answer, best)), nl=False)
        self._first = False

    def _lines(
        self, name: str, order: list[int], shares: list[float], answer: set[int] | None, best: float
    ) -> Iterator[str]:
        if not self._first and len(order) > 1:
            yield "\n"
        yield click.style(plain(name), bold=True) + "\n"
        if answer is None and best < self._least:
            yield f"  {click.style(UNSURE, fg='yellow')}: no label has {100 * self._least:g} %\n"
        elif answer is not None and not answer:
            yield f"  {click.style(NO_LABEL, fg='yellow')}: each is below its threshold\n"
        names = [self._name(i) for i in order]
        width = self._width or max(map(cells, names))
        length = min(max(self._screen.columns - 2 - width - FIGURE - 1, 0), BAR)
        for i, label, share in zip(order, names, shares, strict=True):
            gap = " " * (width - cells(label))
            line = f"{label}{gap}  {100 * share:5.1f} %  "
            if answer is None or i in answer:
                yield f"  {line}{click.style(bar(share, length), fg='cyan')}\n"
            else:
                yield f"  {click.style(f'{line}below {self._needed(i)}', dim=True)}\n"
        if len(order) + 2 > self._screen.lines:
            yield f"likeliest: {names[0]}, {100 * shares[0]:.1f} %\n"

    def _order(self, row: NDArray[np.float64]) -> tuple[list[int], set[int] | None]:
        """(the labels to show, those of the answer); None where a document has one label."""
        order = ranked(row.tolist())
        if self._sets is None:
            return order[: self._top], None
        answer = self._sets.lists(row[None])[0]
        own = set(answer)
        if self._cuts:
            return order[: self._top], own
        others = [i for i in order if i not in own]
        return answer + others[: max(self._top - len(answer), 0)], own

    def _needed(self, label: int) -> str:
        """The least probability at which a label is of the answer."""
        assert self._sets is not None
        return f"{100 * max(self._sets.thresholds[label], self._least):.1f} %"


def _cut(label: str, most: int) -> str:
    """A label in so many columns."""
    if cells(label) <= most:
        return label
    while cells(label) >= most:
        label = label[:-1]
    return label + "…"
