"""The output of answers: lines for a pipe, bars for a terminal, JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import click

from textmlr.base.errors import InputError
from textmlr.base.option_headings import ANSWER
from textmlr.base.printable import plain, to_json
from textmlr.cli.shared_options import listed
from textmlr.cli.stage_options import one_value
from textmlr.cli.value_types import PROBABILITY
from textmlr.cli.verb import verb_option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from textmlr.model.answering import Answers
    from textmlr.model.model import Model


@dataclass(frozen=True)
class AnswerChoice:
    """The part of the answers that is asked for.

    top              how many of the likeliest labels, None for all
    label            the only label, None for all
    min_probability  of the likeliest label; below it the answer is "unsure"
    """

    top: int | None
    label: str | None
    min_probability: float | None

    @property
    def least(self) -> float:
        """min_probability, 0 where there is none."""
        return self.min_probability or 0.0

    def column(self, model: Model, path: str) -> int | None:
        """The number of the only label, if there is one.  Raises InputError if it is unknown."""
        if self.label is None:
            return None
        if self.label not in model.labels:
            raise InputError(
                f"no label {self.label!r}",
                place=path,
                mend="its labels are " + ", ".join(model.labels[:20]),
            )
        return model.labels.index(self.label)


choice_options = one_value(
    "choice",
    [field.name for field in fields(AnswerChoice)],
    AnswerChoice,
    [
        verb_option(
            "-k",
            "--top",
            heading=ANSWER,
            type=listed("top"),
            metavar="K",
            help="Only the K likeliest labels.",
        ),
        verb_option(
            "--label",
            heading=ANSWER,
            metavar="LABEL",
            help="Only P(Y=LABEL | document), one number a document.",
        ),
        verb_option(
            "--min-probability",
            heading=ANSWER,
            type=PROBABILITY,
            metavar="P",
            help="Answer 'unsure' (--json: null) where no label has probability P.",
        ),
    ],
)


def warn_of_namesake(labels: list[str], as_json: bool) -> None:
    """Warn if the model has a label named as unsure answers are."""
    from textmlr.cli.warnings import warn
    from textmlr.export.answer_lines import UNSURE

    if UNSURE in labels and not as_json:
        warn(f"the model has a label {UNSURE!r} of its own; --json tells the two apart")


def nothing_known(rates: bool) -> str:
    """The sentence about a document without a known word.

    rates  whether the model knows the base rates of its training
    """
    answer = "the base rates of training" if rates else "the bias's distribution"
    return f"no known word; the answer is {answer}, the same for every such document"


def warn_of_unread(first: str | None, unknown: int, invalid: int, *, rates: bool) -> None:
    """Say how much text could not be read, and how many documents have no known word.

    first  the name of the first such document, None if there is none
    rates  see ``nothing_known``
    """
    from textmlr.cli.warnings import warn, warn_of_invalid

    warn_of_invalid(invalid)
    if first is not None:
        others = f" and {unknown - 1:,} more" if unknown > 1 else ""
        warn(f"{plain(first)}{others}: {nothing_known(rates)}")


def answers_writer(
    labels: list[str], choice: AnswerChoice, column: int | None, as_json: bool, documents: int
) -> BlockWriter | DocumentWriter:
    """A writer of so many answers to stdout;  column  the number of the only label."""
    if as_json or (sys.stdout.isatty() and column is None):
        return DocumentWriter(labels, choice, column, as_json)
    return BlockWriter(labels, choice, column, documents)


class BlockWriter:
    """Writes answers for a pipe or a file, block by block."""

    def __init__(
        self, labels: list[str], choice: AnswerChoice, column: int | None, documents: int
    ) -> None:
        from textmlr.export.answer_lines import LabelLines

        names = [plain(label) for label in labels]
        self.lines = LabelLines(names, choice.top, column, choice.least, documents)
        self.first = True

    def prepare(self, answers: Answers) -> tuple[Any, NDArray[np.int64], int]:
        """(text, known, invalid) of a block; known and invalid as Answers has them."""
        return self.lines.render(answers.probabilities), answers.known, answers.invalid

    def show(self, names: list[str], text: bytes) -> None:
        """Write a block; there is no empty line before the first document."""
        if self.first:
            text = text.removeprefix(b"\n")
            sys.stdout.flush()
        self.first = False
        sys.stdout.buffer.write(text)


class DocumentWriter:
    """Writes answers as JSON or for a terminal, a document at a time."""

    def __init__(
        self, labels: list[str], choice: AnswerChoice, column: int | None, as_json: bool
    ) -> None:
        self.labels, self.column, self.as_json = labels, column, as_json
        self.top, self.least = choice.top, choice.least
        self.first = True

    def prepare(self, answers: Answers) -> tuple[Any, NDArray[np.int64], int]:
        """(probabilities, known, invalid) of a block, as Answers has them."""
        return answers.probabilities, answers.known, answers.invalid

    def show(self, names: list[str], rows: NDArray[np.float64]) -> None:
        """Write a block; rows (n, L)."""
        for name, row in zip(names, rows, strict=True):
            if self.as_json:
                sys.stdout.write(to_json(self._object(name, row)) + "\n")
            else:
                sys.stdout.writelines(self._bars(name, row))
            self.first = False

    def _order(self, row: NDArray[np.float64]) -> list[int]:
        if self.column is not None:
            return [self.column]
        from textmlr.model.heads import ranked

        return ranked(row.tolist(), self.top)

    def _object(self, name: str, row: NDArray[np.float64]) -> dict[str, object]:
        from textmlr.model.heads import ranked

        (best,) = ranked(row.tolist(), 1)
        return {
            "document": name,
            "label": self.labels[best] if row[best] >= self.least else None,
            "probabilities": {self.labels[i]: float(row[i]) for i in self._order(row)},
        }

    def _bars(self, name: str, row: NDArray[np.float64]) -> Iterator[str]:
        from textmlr.cli.terminal import bar
        from textmlr.export.answer_lines import UNSURE

        order = self._order(row)
        if not self.first and len(order) > 1:
            yield "\n"
        yield click.style(plain(name), bold=True) + "\n"
        if row.max() < self.least:
            yield f"  {click.style(UNSURE, fg='yellow')}: no label has {100 * self.least:g} %\n"
        width = max(len(plain(self.labels[i])) for i in order)
        for i in order:
            shade = click.style(bar(row[i]), fg="cyan")
            yield f"  {plain(self.labels[i]):<{width}}  {100 * row[i]:5.1f} %  {shade}\n"
