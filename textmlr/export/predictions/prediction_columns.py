"""A model's predictions as columns, which are appended to those of a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from textmlr.base.checks import check_flag, check_label, check_listed, check_share
from textmlr.base.errors import InputError
from textmlr.base.limits import MANY_LABELS
from textmlr.export.predictions.set_columns import SetColumns
from textmlr.model.answer_lists import check_one_rule
from textmlr.model.answering import Answers
from textmlr.model.heads import ranked_rows
from textmlr.model.ranked_answers import RankedAnswers

PREDICTED, PROBABILITY = "predicted", "probability"
MOST_COLUMNS = 5_000  # of labels: more are slow to write, and no table program opens them


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """The columns of predictions to append, and their names.

    prefix           before every name, for a corpus that has columns of those names
    top              also labels of ranks 2 to top: predicted_2, probability_2, …
    min_probability  predicted is null where no label is as likely; with top, predicted_1 is the
                     likeliest label all the same
    label            only one column, P(label), and none of the others
    each_label       P(label) of each label, after the others
    at_least_one     of a multi-label model: predicted has the likeliest label where it would have
                     none

    By a multi-label model predicted and probability are lists, of the labels that are likely
    enough; with top, predicted_1 and so on are single labels.
    """

    prefix: str = ""
    top: int | None = None
    min_probability: float | None = None
    label: str | None = None
    each_label: bool = False
    at_least_one: bool = False

    def __post_init__(self) -> None:
        if self.top is not None:
            check_listed("top", self.top)
        if self.min_probability is not None:
            check_share("min_probability", self.min_probability)
        check_flag("each_label", self.each_label)
        check_flag("at_least_one", self.at_least_one)
        if self.at_least_one and self.min_probability is not None:
            check_one_rule()
        others = self.top is not None, self.min_probability is not None
        if self.label is not None and any((*others, self.each_label, self.at_least_one)):
            raise InputError(
                "label leaves no room for top, min_probability, each_label and at_least_one",
                mend="ask for one label, or for the others",
            )


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """The predictions for a block of documents.

    arrays      a column each, in the order of ``PredictionColumns.fields``
    labels      of the model, how many there are
    best        (n,) int64  the likeliest label of each
    sure        (n,) bool   whether it is the answer, or any label is one
    unknown     rows without a known feature, ascending
    invalid     pieces of invalid UTF-8 in the text, read as U+FFFD
    missing     documents without text, which have no answer
    chosen      (n, L) bool   by a multi-label model, whether each label is one of the answer's
    """

    arrays: list[pa.Array]
    labels: int
    best: NDArray[np.int64]
    sure: NDArray[np.bool_]
    unknown: NDArray[np.int64]
    invalid: int
    missing: int = 0
    chosen: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.best)

    @property
    def per_label(self) -> NDArray[np.int64]:
        """(L,) int64: documents that have each label as their answer, or as one of it."""
        if self.chosen is not None:
            return np.asarray(self.chosen.sum(axis=0), np.int64)
        return np.bincount(self.best[self.sure], minlength=self.labels)

    @property
    def unsure(self) -> int:
        """Documents whose answer is none of the labels."""
        return len(self) - int(self.sure.sum()) - self.missing

    def without(self, missing: NDArray[np.bool_]) -> Predictions:
        """These, null for documents without text;  missing  (n,) bool."""
        if not missing.any():
            return self
        mask = pa.array(missing)
        return Predictions(
            [pc.if_else(mask, pa.scalar(None, column.type), column) for column in self.arrays],
            self.labels,
            self.best,
            self.sure & ~missing,
            self.unknown[~missing[self.unknown]],
            self.invalid,
            int(missing.sum()),
            None if self.chosen is None else self.chosen & ~missing[:, None],
        )


class PredictionColumns:
    """The chosen columns of predictions among these labels; threads may share them.

    fields  name and type of each
    sets    of a multi-label model; None: a document has one label
    Raises InputError for a label that the model does not have.
    """

    def __init__(
        self, labels: Sequence[str], wanted: ColumnChoice, sets: SetColumns | None = None
    ) -> None:
        self._wanted, self._sets = wanted, sets
        self._labels = len(labels)
        self._check_columns()
        self._names = pa.array(labels, pa.string())
        self._top = min(wanted.top or 1, len(labels))
        if wanted.label is None:
            self._columns = list(range(len(labels))) if wanted.each_label else []
        else:
            check_label(wanted.label, labels)
            self._columns = [labels.index(wanted.label)]
        fields = [] if wanted.label is not None else self._answer_fields()
        fields += [(f"P({labels[i]})", pa.float64()) for i in self._columns]
        self.fields = [pa.field(wanted.prefix + name, kind) for name, kind in fields]

    def _check_columns(self) -> None:
        """Raise InputError for more columns of labels than a file is of use with."""
        wanted = self._wanted
        is_many = wanted.each_label or (wanted.top or 1) > MOST_COLUMNS
        if is_many and self._labels > MOST_COLUMNS:
            asked = "each_label" if wanted.each_label else f"top={wanted.top}"
            raise InputError(
                f"{asked}: the model has {self._labels:,} labels, and a file may have columns of "
                f"{MOST_COLUMNS:,}",
                mend="take the likeliest by top=5, or one of them by label",
            )

    @property
    def few(self) -> int | None:
        """How many of the likeliest labels are needed where there are very many, and ``of_ranked``
        takes them and ``column``; None: ``of`` takes the probabilities of all."""
        many = self._labels > MANY_LABELS and self._sets is None and not self._wanted.each_label
        return self._top if many else None

    @property
    def column(self) -> int | None:
        """The number of the only label, if one is asked for."""
        return self._columns[0] if self._wanted.label is not None else None

    @property
    def _lists_first(self) -> bool:
        """Whether the likeliest label has a column of its own, beside the answer's."""
        return self._wanted.min_probability is not None and self._wanted.top is not None

    def _answer_fields(self) -> list[tuple[str, pa.DataType]]:
        if self._sets is not None:
            own = zip((PREDICTED, PROBABILITY), self._sets.types, strict=True)
            ranks = range(1, self._top + 1 if self._wanted.top is not None else 1)
            kinds = ((PREDICTED, pa.string()), (PROBABILITY, pa.float64()))
            return [*own, *((f"{name}_{rank}", kind) for rank in ranks for name, kind in kinds)]
        fields = [(PREDICTED, pa.string()), (PROBABILITY, pa.float64())]
        if self._lists_first:
            fields.append((f"{PREDICTED}_1", pa.string()))
        for rank in range(2, self._top + 1):
            fields.append((f"{PREDICTED}_{rank}", pa.string()))
            fields.append((f"{PROBABILITY}_{rank}", pa.float64()))
        return fields

    def schema(self, own: pa.Schema, place: str) -> pa.Schema:
        """The columns of the corpus and these.

        Raises InputError, naming place, where two have one name.
        """
        counts = Counter(own.names)
        if (twice := next((name for name, n in counts.items() if n > 1), None)) is not None:
            raise InputError(
                f"has two columns {twice!r}", place=place, mend="give one of them another name"
            )
        for field in self.fields:
            if field.name in counts:
                raise InputError(
                    f"has a column {field.name!r} already, and one of that name was to be appended",
                    place=place,
                    mend="give the new ones a prefix, such as --prefix model_",
                )
        for field in self.fields:
            own = own.append(field)
        return own

    def of(self, answers: Answers) -> Predictions:
        """The columns for a block of documents."""
        rows = answers.probabilities
        n, labels = rows.shape
        best, chosen = answers.best, None
        share = rows[np.arange(n), best]
        if self._sets is None:
            sure: NDArray[np.bool_] = share >= (self._wanted.min_probability or 0.0)
        else:
            chosen = self._sets.choice.chosen(rows)
            sure = np.asarray(chosen.any(axis=1))
        arrays = []
        if self._wanted.label is None:
            order = best[:, None] if self._top == 1 else ranked_rows(rows)[:, : self._top]
            shares = np.take_along_axis(rows, order, axis=1)
            lists = [] if self._sets is None else self._sets.arrays(rows)
            arrays = self._answers(order, shares, sure, lists)
        arrays += [pa.array(np.ascontiguousarray(rows[:, i])) for i in self._columns]
        return Predictions(
            arrays,
            labels,
            best,
            sure,
            np.flatnonzero(answers.known == 0),
            answers.invalid,
            chosen=chosen,
        )

    def of_ranked(self, ranked: RankedAnswers) -> Predictions:
        """``of`` by the likeliest of very many labels, ``few`` of them."""
        sure: NDArray[np.bool_] = ranked.probabilities[:, 0] >= (self._wanted.min_probability or 0)
        if self._wanted.label is not None:
            arrays = [pa.array(ranked.of_truth)]
        else:
            arrays = self._answers(ranked.labels, ranked.probabilities, sure, [])
        return Predictions(
            arrays,
            self._labels,
            ranked.labels[:, 0],
            sure,
            np.flatnonzero(ranked.known == 0),
            ranked.invalid,
        )

    def _answers(
        self,
        order: NDArray[np.int64],
        shares: NDArray[np.float64],
        sure: NDArray[np.bool_],
        lists: list[pa.Array],
    ) -> list[pa.Array]:
        """The columns of answers.

        order, shares (n, top)  the likeliest labels and their probabilities;  sure (n,)
        lists  the first columns, by a multi-label model, where each rank has columns besides
        """

        def column(rank: int, mask: NDArray[np.bool_] | None = None) -> list[pa.Array]:
            names = pa.array(np.ascontiguousarray(order[:, rank]), mask=mask)
            return [self._names.take(names), pa.array(np.ascontiguousarray(shares[:, rank]))]

        if self._sets is not None:
            arrays, first = lists, 0
            last = self._top if self._wanted.top is not None else 0
        else:
            arrays, first, last = column(0, ~sure), 1, self._top
            if self._lists_first:
                arrays.append(column(0)[0])
        for rank in range(first, last):
            arrays += column(rank)
        return arrays
