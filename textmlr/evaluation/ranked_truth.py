"""The answers to labelled documents where labels are very many: of each document what figures need,
and no more.

All but a few figures need three numbers of a document: which label is the answer, how likely it is,
and how likely the true label is.  Figures of the k likeliest labels need a fourth, the rank of the
true label.  So memory is that of the documents, never of documents times labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.limits import MANY_LABELS
from textmlr.base.printable import plural
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.duplicates import Overlap
from textmlr.evaluation.true_labels import (
    LEAST_PROBABILITY,
    TrueLabels,
    known_weights,
    trained_overlap,
    true_codes,
)
from textmlr.model.answer_stream import ranked_blocks
from textmlr.model.heads import SOFTMAX, Head
from textmlr.model.model import Model
from textmlr.model.ranked_answers import RankedAnswers

# Up to so many probabilities P of every label is kept, where labels are not many: 2 GiB.
MOST_PROBABILITIES = 1 << 28


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RankedTruth(TrueLabels):
    """The answers to n documents, and how likely and in which place their true labels are.

    names, codes  as in TrueLabels
    labels        L, labels of the model
    ranked        the likeliest label or more of each document, P and rank of the true label
    invalid, overlap, head, trained_on  as in LabelledAnswers
    """

    names: list[str]
    codes: NDArray[np.int64]
    labels: int
    ranked: RankedAnswers
    invalid: int = 0
    overlap: Overlap | None = None
    head: Head = SOFTMAX
    trained_on: NDArray[np.float64] | None = None

    def __repr__(self) -> str:
        labels = plural(len(self.names), "label")
        return (
            f"<answers to {plural(len(self), 'document')} of {labels}: .codes, .top, .confidence, "
            ".of_truth, .rank>"
        )

    @property
    def width(self) -> int:
        """L, the labels of the model."""
        return self.labels

    @property
    def top(self) -> NDArray[np.int64]:
        """(n,) the likeliest label of each document; ties go to the first."""
        top: NDArray[np.int64] = self.ranked.labels[:, 0]
        return top

    @property
    def confidence(self) -> NDArray[np.float64]:
        """(n,) P of the likeliest label."""
        highest: NDArray[np.float64] = self.ranked.probabilities[:, 0]
        return highest

    @property
    def of_truth(self) -> NDArray[np.float64]:
        """(n,) P of the true label; 0 for one the model does not know."""
        return self.ranked.of_truth

    @property
    def rank(self) -> NDArray[np.int64]:
        """(n,) how many labels come before the true one, see TrueLabels."""
        return self.ranked.rank

    @property
    def losses(self) -> NDArray[np.float64]:
        """(n,) −ln P(y | x), nats, P no less than LEAST_PROBABILITY."""
        losses: NDArray[np.float64] = -np.log(np.clip(self.of_truth, LEAST_PROBABILITY, 1.0))
        return losses


def keeps_rows(documents: int, labels: int) -> bool:
    """Whether the answers to so many documents keep P of every label."""
    return labels <= MANY_LABELS and documents * labels <= MOST_PROBABILITIES


def ranked_truth(
    model: Model, corpus: Corpus, threads: int | None, watch: Callable[[int], None] | None
) -> RankedTruth:
    """A model's answers to the documents of a corpus;  parameters as in labelled_answers.answer."""
    names, codes = true_codes(model, corpus)
    blocks = [RankedAnswers.room(0, 1, codes[:0])]
    for block in ranked_blocks(model, corpus.batches, threads, 1, codes):
        blocks.append(block)
        if watch is not None:
            watch(len(block))
    return RankedTruth(
        names,
        codes,
        len(model.labels),
        _joined(blocks),
        sum(block.invalid for block in blocks[1:]),
        trained_overlap(model, corpus, threads),
        model.parts.head,
        known_weights(model),
    )


def _joined(blocks: Sequence[RankedAnswers]) -> RankedAnswers:
    """The answers of blocks, one after the other."""
    arrays = (
        np.concatenate([getattr(block, name) for block in blocks])
        for name in ("labels", "probabilities", "log_z", "known", "codes", "of_truth", "rank")
    )
    labels, probabilities, log_z, known, codes, of_truth, rank = arrays
    return RankedAnswers(labels, probabilities, log_z, known, 0, codes, of_truth, rank)
