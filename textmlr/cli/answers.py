"""The output of answers: lines for a pipe, bars for a terminal, JSON."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import click

from textmlr.base.checks import MOST_LISTED, check_label, check_listed
from textmlr.base.errors import InputError
from textmlr.base.limits import FEW_SHOWN, MANY_LABELS
from textmlr.base.option_errors import refuse
from textmlr.base.option_headings import ANSWER
from textmlr.base.printable import plain, to_json
from textmlr.cli.model_argument import complete_labels
from textmlr.cli.stage_options import one_value
from textmlr.cli.value_types import PROBABILITY, Checked
from textmlr.cli.verb import verb_option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from textmlr.cli.answer_bars import BarWriter
    from textmlr.model.answering import Answers
    from textmlr.model.label_choice import LabelChoice
    from textmlr.model.model import Model
    from textmlr.model.ranked_answers import RankedAnswers


ALL: Literal["all"] = "all"
FEW_OF = 8  # a list of more than one label in so many is cut from a list of all


class ListedOrAll(Checked):
    """A number of labels or features to list, or all."""

    def __init__(self, option: str) -> None:
        super().__init__(self._check_number)
        self._option = option

    def _check_number(self, number: Any) -> None:
        try:
            check_listed(self._option, number)
        except InputError:
            wanted = f"a whole number from 1 to {MOST_LISTED:,}, or all"
            raise refuse(self._option, number, wanted, "20") from None

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or ALL; None stays None."""
        return ALL if value == ALL else super().convert(value, param, ctx)


@dataclass(frozen=True)
class AnswerChoice:
    """The part of the answers that is asked for.

    top              how many of the likeliest labels; None: as many as suit the output
    label            the only label, None for all
    min_probability  of the likeliest label, or of each of several; below it the answer is "unsure",
                     or "no label"
    at_least_one     a document that may have several labels has its likeliest at least
    """

    top: int | Literal["all"] | None
    label: str | None
    min_probability: float | None
    at_least_one: bool

    @property
    def most(self) -> int | None:
        """How many of the likeliest labels a pipe and JSON get, None for all."""
        return None if self.top == ALL else self.top

    def few(self, model: Model) -> int | None:
        """How many of the likeliest labels a pipe and JSON get where there are very many, so that
        the others' probabilities need not be listed; None: they are."""
        labels = len(model.labels)
        if labels <= MANY_LABELS or model.is_multilabel or self.top == ALL:
            return None
        if self.label is not None:
            return 1
        few = self.top or FEW_SHOWN
        return few if few * FEW_OF <= labels else None

    @property
    def least(self) -> float:
        """min_probability, 0 where there is none."""
        return self.min_probability or 0.0

    def of_sets(self, model: Model, path: str) -> LabelChoice | None:
        """Which labels are the answer, by a multi-label model; None where a document has one.

        Raises InputError for at_least_one where a document has one.
        """
        thresholds = model.parts.thresholds
        if thresholds is None:
            if self.at_least_one:
                problem = "--at-least-one: each document has one label by this model"
                raise InputError(problem, place=path, mend="leave --at-least-one out")
            return None
        from textmlr.model.label_choice import LabelChoice

        return LabelChoice(thresholds, self.least, self.at_least_one)

    def column(self, model: Model, path: str) -> int | None:
        """The number of the only label, if there is one.  Raises InputError if it is unknown."""
        if self.label is None:
            return None
        check_label(self.label, model.labels, path)
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
            type=ListedOrAll("top"),
            metavar="K",
            show_default="all, or 5 of more than 1,000 labels; on a terminal 10 (5), and 3 where "
            "there are several documents; of a multi-label model those above their thresholds",
            help="Only the K likeliest labels, or all.",
        ),
        verb_option(
            "--label",
            heading=ANSWER,
            metavar="LABEL",
            shell_complete=complete_labels,
            help="Only P(Y=LABEL | document), one number a document.",
        ),
        verb_option(
            "--min-probability",
            heading=ANSWER,
            type=PROBABILITY,
            metavar="P",
            help="Answer 'unsure' (--json: null) where no label has probability P; a multi-label "
            "model gives no label below P.",
        ),
        verb_option(
            "--at-least-one",
            heading=ANSWER,
            is_flag=True,
            help="With a multi-label model: give the likeliest label where none is above its "
            "threshold.",
        ),
    ],
)


def warn_of_namesake(labels: list[str], as_json: bool, name: str) -> None:
    """Warn if the model has a label of the name of answers that are no label."""
    from textmlr.cli.warnings import warn

    if name in labels and not as_json:
        warn(f"the model has a label {name!r} of its own; --json tells the two apart")


def nothing_known(rates: bool, several: bool) -> str:
    """The sentence about a document without a known word.

    rates    whether the model knows the base rates of its training
    several  whether a document may have several labels, or none
    """
    if several:
        p = "its share of the documents of training" if rates else "that of its bias"
        return f"no known word; P of each label is {p}, the same for every such document"
    answer = "the base rates of training" if rates else "the bias's distribution"
    return f"no known word; the answer is {answer}, the same for every such document"


def warn_of_unread(
    first: str | None, unknown: int, invalid: int, *, rates: bool, several: bool
) -> None:
    """Say how much text could not be read, and how many documents have no known word.

    first           the name of the first such document, None if there is none
    rates, several  see ``nothing_known``
    """
    from textmlr.cli.warnings import warn, warn_of_invalid

    warn_of_invalid(invalid)
    if first is not None:
        others = f" and {unknown - 1:,} more" if unknown > 1 else ""
        warn(f"{plain(first)}{others}: {nothing_known(rates, several)}")


def answers_writer(
    labels: list[str],
    choice: AnswerChoice,
    column: int | None,
    as_json: bool,
    documents: int,
    sets: LabelChoice | None,
    *,
    is_few: bool = False,
) -> BlockWriter | FewWriter | JsonWriter | BarWriter:
    """A writer of so many answers to stdout.

    column  the number of the only label
    sets    of a multi-label model
    is_few  whether blocks are RankedAnswers, see ``AnswerChoice.few``
    """
    if as_json:
        return JsonWriter(labels, choice, column, sets)
    if sys.stdout.isatty() and column is None:
        from textmlr.cli.answer_bars import BarWriter

        return BarWriter(labels, choice.top, choice.least, documents, sets)
    if is_few:
        return FewWriter(labels, choice, column, documents)
    return BlockWriter(labels, choice, column, documents, sets)


class _Lines:
    """Writes text block by block."""

    _first = True

    def show(self, names: list[str], text: bytes) -> None:
        """Write a block; there is no empty line before the first document."""
        if self._first:
            text = text.removeprefix(b"\n")
            sys.stdout.flush()
        self._first = False
        sys.stdout.buffer.write(text)

    def finish(self) -> None:
        """Nothing is left to write."""


class BlockWriter(_Lines):
    """Writes answers for a pipe or a file, block by block."""

    def __init__(
        self,
        labels: list[str],
        choice: AnswerChoice,
        column: int | None,
        documents: int,
        sets: LabelChoice | None,
    ) -> None:
        from textmlr.export.answer_lines import LabelLines

        names = [plain(label) for label in labels]
        top = len(labels) if choice.top == ALL else choice.top
        self.lines = LabelLines(names, top, column, choice.least, documents, sets)

    def prepare(self, answers: Answers) -> tuple[Any, NDArray[np.int64], int]:
        """(text, known, invalid) of a block; known and invalid as Answers has them."""
        return self.lines.render(answers.probabilities), answers.known, answers.invalid


class FewWriter(_Lines):
    """``BlockWriter`` of the likeliest of very many labels, or of one of them."""

    def __init__(
        self, labels: list[str], choice: AnswerChoice, column: int | None, documents: int
    ) -> None:
        self._labels, self._least = labels, choice.least
        self._is_one, self._documents = column is not None, documents

    def prepare_ranked(self, ranked: RankedAnswers) -> tuple[Any, NDArray[np.int64], int]:
        """(text, known, invalid) of a block; known and invalid as RankedAnswers has them."""
        from textmlr.export.answer_lines import lines_of_few, lines_of_numbers

        if self._is_one:
            text = lines_of_numbers(ranked.of_truth, self._documents)
        else:
            own = ranked.labels, ranked.probabilities
            text = lines_of_few(self._labels, *own, self._least, self._documents)
        return text, ranked.known, ranked.invalid


class JsonWriter:
    """Writes answers as JSON, an object a line."""

    def __init__(
        self,
        labels: list[str],
        choice: AnswerChoice,
        column: int | None,
        sets: LabelChoice | None,
    ) -> None:
        self.labels, self.column, self.sets = labels, column, sets
        self.top, self.least = choice.most, choice.least

    def prepare(self, answers: Answers) -> tuple[Any, NDArray[np.int64], int]:
        """(objects, known, invalid) of a block; known and invalid as Answers has them."""
        objects = list(map(self._object, answers.probabilities))
        return objects, answers.known, answers.invalid

    def prepare_ranked(self, ranked: RankedAnswers) -> tuple[Any, NDArray[np.int64], int]:
        """(objects, known, invalid) of a block of documents by very many labels."""
        objects = []
        rows = zip(ranked.labels.tolist(), ranked.probabilities.tolist(), strict=True)
        for number, (order, shares) in enumerate(rows):
            label = self.labels[order[0]] if shares[0] >= self.least else None
            if self.column is not None:
                order, shares = [self.column], [float(ranked.of_truth[number])]
            names = map(self.labels.__getitem__, order)
            of_each = dict(zip(names, shares, strict=True))
            objects.append({"label": label, "probabilities": of_each})
        return objects, ranked.known, ranked.invalid

    def show(self, names: list[str], objects: list[dict[str, object]]) -> None:
        """Write a block."""
        for name, one in zip(names, objects, strict=True):
            sys.stdout.write(to_json({"document": name, **one}) + "\n")

    def finish(self) -> None:
        """Nothing is left to write."""

    def _object(self, row: NDArray[np.float64]) -> dict[str, object]:
        from textmlr.model.heads import ranked

        answer: dict[str, object] = {}
        if self.sets is not None:
            answer["labels"] = [self.labels[i] for i in self.sets.lists(row[None])[0]]
        else:
            (best,) = ranked(row.tolist(), 1)
            answer["label"] = self.labels[best] if row[best] >= self.least else None
        order = [self.column] if self.column is not None else ranked(row.tolist(), self.top)
        return answer | {"probabilities": {self.labels[i]: float(row[i]) for i in order}}
