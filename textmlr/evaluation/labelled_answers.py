"""A model's answers to labelled documents: probabilities beside the true labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.printable import plain, plural
from textmlr.base.threads import machine_memory
from textmlr.corpus.alike_labels import joined_notes
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.duplicates import Overlap
from textmlr.evaluation.ranked_truth import RankedTruth, keeps_rows, ranked_truth
from textmlr.evaluation.true_labels import (
    LEAST_PROBABILITY,
    TrueLabels,
    known_weights,
    trained_overlap,
    true_codes,
)
from textmlr.model.answer_stream import answer_blocks
from textmlr.model.heads import SOFTMAX, Head, of_label
from textmlr.model.model import Model
from textmlr.training.training_notes import MOST_NAMED, invalid_notes, overlap_notes


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LabelledAnswers(TrueLabels):
    """Probabilities and true labels of n documents.

    names          L labels of the model, then true labels it does not know, which get P = 0
    codes          (n,) int64   true label of each document, into names
    probabilities  (n, L) float64, rows sum to 1
    invalid        pieces of invalid UTF-8 in the text
    overlap        as in Evaluation
    head           of the model
    trained_on     (L,) documents of each label in training, or the sums of their weights; None
                   where the model does not say
    """

    names: list[str]
    codes: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    invalid: int = 0
    overlap: Overlap | None = None
    head: Head = SOFTMAX
    trained_on: NDArray[np.float64] | None = None

    def __repr__(self) -> str:
        labels = plural(len(self.names), "label")
        return f"<answers to {plural(len(self), 'document')} of {labels}: .codes, .probabilities>"

    @property
    def width(self) -> int:
        """L, the labels of the model."""
        width: int = self.probabilities.shape[1]
        return width

    @property
    def top(self) -> NDArray[np.int64]:
        """(n,) the likeliest label of each document; ties go to the first."""
        return self.head.answers(self.probabilities)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """(n,) P of the likeliest label."""
        highest: NDArray[np.float64] = self.probabilities.max(axis=1)
        return highest

    @property
    def of_truth(self) -> NDArray[np.float64]:
        """(n,) P of the true label."""
        return of_label(self.probabilities, self.codes)

    @property
    def losses(self) -> NDArray[np.float64]:
        """(n,) −ln P(y | x), nats, P no less than LEAST_PROBABILITY."""
        return self.head.log_losses(self.probabilities, self.codes, LEAST_PROBABILITY)

    @property
    def rank(self) -> NDArray[np.int64]:
        """(n,) how many labels come before the true one, see TrueLabels."""
        p, own = self.probabilities, self.of_truth[:, None]
        before = np.arange(self.width) < self.codes[:, None]
        count = np.count_nonzero((p > own) | ((p == own) & before), axis=1)
        return np.where(self.codes < self.width, count, self.width)


class Answered(Protocol):
    """Answers to documents, of whose texts and labels there is something to say."""

    @property
    def names(self) -> list[str]: ...
    @property
    def invalid(self) -> int: ...
    @property
    def overlap(self) -> Overlap | None: ...
    @property
    def strangers(self) -> dict[str, int]: ...
    @property
    def documents_with_strangers(self) -> int: ...
    def __len__(self) -> int: ...


def answer_notes(answered: Answered, model: str = "the model") -> list[str]:
    """Which documents a model could not read, has seen before, or does not know the label of: a
    sentence each."""
    notes = [
        *invalid_notes(answered.invalid),
        *overlap_notes(
            answered.overlap,
            len(answered),
            "",
            f"the corpus that {plain(model)} was trained on",
            "answers to them say nothing of new ones",
        ),
    ]
    strangers = answered.strangers
    if strangers:
        some = plain(", ".join(list(strangers)[:MOST_NAMED]))
        documents = plural(answered.documents_with_strangers, "document")
        notes.append(
            f"{documents} with labels {plain(model)} does not know ({some}); they count as wrong"
        )
        known = [name for name in answered.names if name not in strangers]
        notes += joined_notes(list(strangers), known)
    return notes


def figures_dict(result: Any) -> dict[str, Any]:
    """The fields of a dataclass as JSON values, all but ``answered``, which would be copied."""
    figures = asdict(replace(result, answered=None))
    del figures["answered"]
    return figures


def answer(
    model: Model,
    corpus: Corpus,
    *,
    threads: int | None = None,
    watch: Callable[[int], None] | None = None,
) -> LabelledAnswers | RankedTruth:
    """A model's answers to the documents of a corpus, with their true labels: P of every label, or
    of very many labels what figures need.

    watch  called with the number of documents of each block that is answered
    """
    if not keeps_rows(len(corpus), len(model.labels)):
        return ranked_truth(model, corpus, threads, watch)
    given = given_answers(model, corpus, threads, watch)
    return LabelledAnswers(
        *true_codes(model, corpus),
        given.probabilities,
        given.invalid,
        given.overlap,
        model.parts.head,
        known_weights(model),
    )


class GivenAnswers(NamedTuple):
    """A model's answers without the truth: (n, L) probabilities, pieces of invalid UTF-8, and the
    documents that training had too."""

    probabilities: NDArray[np.float64]
    invalid: int
    overlap: Overlap | None


def given_answers(
    model: Model, corpus: Corpus, threads: int | None, watch: Callable[[int], None] | None
) -> GivenAnswers:
    """A model's answers to the documents of a corpus;  parameters as in ``answer``."""
    _check_memory(len(corpus), len(model.labels))
    blocks = []
    for block in answer_blocks(model, corpus.batches, threads):
        blocks.append(block)
        if watch is not None:
            watch(len(block.probabilities))
    none: NDArray[np.float64] = np.zeros((0, len(model.labels)))
    probabilities = np.concatenate([none, *(block.probabilities for block in blocks)])
    overlap = trained_overlap(model, corpus, threads)
    return GivenAnswers(probabilities, sum(block.invalid for block in blocks), overlap)


def _check_memory(documents: int, labels: int) -> None:
    """Refuse probabilities that do not fit: joining the blocks holds them twice."""
    needed = 2 * 8 * documents * labels
    available = machine_memory()
    if needed > available:
        raise InputError(
            f"probabilities of {documents:,} documents × {labels:,} labels need "
            f"{needed / 2**30:.1f} GiB, and this machine has {available / 2**30:.1f} GiB",
            mend="give fewer documents, or classify --corpus, which keeps none",
            guide="limits",
        )
