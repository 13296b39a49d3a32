"""A model's answers to documents with label sets: probabilities and answers beside the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.printable import plural
from textmlr.base.training_options import EVEN_COST
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.duplicates import Overlap
from textmlr.corpus.label_sets import LabelSets, as_sets
from textmlr.evaluation.labelled_answers import given_answers
from textmlr.evaluation.true_labels import LEAST_PROBABILITY
from textmlr.model.heads import SIGMOIDS, Head
from textmlr.model.label_choice import LabelChoice
from textmlr.model.model import Model
from textmlr.model.record import Record
from textmlr.model.scoring import row_blocks


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SetAnswers:
    """Probabilities, answers and true labels of n documents.

    names          L labels of the model, then true labels it does not know, which get P = 0
    sets           the true labels of each document, codes into names
    probabilities  (n, L) float64, each of its own in 0 to 1
    thresholds     (L,) float64: a label is an answer where its P is this or more
    invalid, overlap  as in LabelledAnswers
    trained_on     (L,) documents of each label in training, or the sums of their weights; None
                   where the model does not say
    trained_documents  the documents of training, or the sum of their weights; 0 likewise
    head           of the model
    cost           of a wrong answer, where a missed label costs 1; None unless the thresholds are
                   chosen by costs
    answered       the labels that are answers, codes into names
    """

    names: list[str]
    sets: LabelSets
    probabilities: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    invalid: int = 0
    overlap: Overlap | None = None
    trained_on: NDArray[np.float64] | None = None
    trained_documents: float = 0.0
    head: Head = SIGMOIDS
    cost: float | None = None
    answered: LabelSets = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "answered", answers_at(self.probabilities, self.thresholds))

    def __len__(self) -> int:
        return len(self.sets)

    def __repr__(self) -> str:
        labels = plural(len(self.names), "label")
        return (
            f"<answers to {plural(len(self), 'document')} of {labels}: "
            ".sets, .answered, .probabilities, .thresholds>"
        )

    @property
    def losses(self) -> NDArray[np.float64]:
        """(n,) the sum over labels of their cross-entropy, nats, where a P is no less than
        LEAST_PROBABILITY, nor nearer to 1."""
        out = np.empty(len(self))
        for block in row_blocks(*self.probabilities.shape):
            p, sets = self.probabilities[block], self.sets[block]
            out[block] = self.head.log_losses(p, sets, LEAST_PROBABILITY)
        return out

    @property
    def strangers(self) -> dict[str, int]:
        """Documents of each label the model does not know."""
        width = self.probabilities.shape[1]
        counts = np.bincount(self.sets.codes, minlength=len(self.names)).tolist()
        return dict(zip(self.names[width:], counts[width:], strict=True))

    @property
    def documents_with_strangers(self) -> int:
        """Documents that have a label the model does not know."""
        unknown = self.sets.codes >= self.probabilities.shape[1]
        return len(np.unique(self.sets.rows[unknown]))


def answer_sets(
    model: Model,
    corpus: Corpus,
    *,
    threads: int | None = None,
    watch: Callable[[int], None] | None = None,
) -> SetAnswers:
    """A multi-label model's answers to the documents of a corpus, with their true labels; those of
    a corpus of a label a document are sets of one.

    watch  called with the number of documents of each block that is answered
    Raises InputError where they would not fit in memory.
    """
    parts = model.parts
    if parts.thresholds is None:
        raise InputError("the model gives a document one label", mend="train it with --multilabel")
    given = given_answers(model, corpus, threads, watch)
    names = [*model.labels, *sorted({*corpus.labels} - {*model.labels})]
    code_of = {name: code for code, name in enumerate(names)}
    codes = np.array([code_of[label] for label in corpus.labels], np.int32)
    known = model.record.label_weights()
    is_known = len(known) == len(model.labels)
    return SetAnswers(
        names,
        as_sets(corpus.y).recoded(codes),
        given.probabilities,
        parts.thresholds,
        given.invalid,
        given.overlap,
        known if is_known else None,
        model.record.documents or 0.0,
        parts.head,
        _cost_of(model.record),
    )


def _cost_of(record: Record) -> float | None:
    if record.option("maximise") != "utility":
        return None
    cost = record.option("cost_false_positive")
    return EVEN_COST if cost is None else float(cost)


def answers_at(
    probabilities: NDArray[np.float64], thresholds: NDArray[np.float64] | float
) -> LabelSets:
    """The labels of each row with P >= threshold, one for all or (L,) one each."""
    cuts = np.broadcast_to(thresholds, probabilities.shape[1:])
    rows, codes = np.nonzero(LabelChoice(cuts).chosen(probabilities))
    offsets = np.zeros(len(probabilities) + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=len(probabilities)), out=offsets[1:])
    return LabelSets(offsets, codes.astype(np.int32))


def of_pairs(
    p: NDArray[np.float64], rows: NDArray[np.integer], codes: NDArray[np.integer]
) -> NDArray[np.float64]:
    """(m,) P of pairs of a document and a label; 0 for a code beyond the columns."""
    width = p.shape[1]
    own = p[rows, np.minimum(codes, width - 1)]
    return np.where(codes < width, own, 0.0)


def keys(sets: LabelSets, width: int) -> NDArray[np.int64]:
    """(m,) a number for each pair of a document and a label, ascending;  width  above all codes."""
    pairs: NDArray[np.int64] = sets.rows * width + sets.codes
    return pairs
