"""The true labels of documents beside a model's labels: what answers of any form say of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textmlr.base.threads import chosen_threads
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.duplicates import Overlap
from textmlr.corpus.label_sets import LabelSets
from textmlr.corpus.reading import recode
from textmlr.model.heads import Head
from textmlr.model.model import Model

# The least probability in a log loss, as in scikit-learn's log_loss: 36 nats.
LEAST_PROBABILITY = float(np.finfo(np.float64).eps)


class TrueLabels:
    """Answers to n documents, each of which has one label.

    names  L labels of the model, then true labels it does not know, which get P = 0
    codes  (n,) int64   true label of each document, into names
    invalid     pieces of invalid UTF-8 in the text
    overlap     documents that training had too, as in Evaluation
    head        of the model
    trained_on  (L,) documents of each label in training, or the sums of their weights; None where
                the model does not say
    """

    __slots__ = ()
    names: list[str]
    codes: NDArray[np.int64]
    invalid: int
    overlap: Overlap | None
    head: Head
    trained_on: NDArray[np.float64] | None

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def width(self) -> int:
        """L, the labels of the model."""
        raise NotImplementedError

    @property
    def top(self) -> NDArray[np.int64]:
        """(n,) the likeliest label of each document; ties go to the first."""
        raise NotImplementedError

    @property
    def confidence(self) -> NDArray[np.float64]:
        """(n,) P of the likeliest label."""
        raise NotImplementedError

    @property
    def of_truth(self) -> NDArray[np.float64]:
        """(n,) P of the true label."""
        raise NotImplementedError

    @property
    def rank(self) -> NDArray[np.int64]:
        """(n,) labels that are likelier than the true one, or as likely and before it: 0 where it
        is the answer, L where the model does not know it."""
        raise NotImplementedError

    @property
    def losses(self) -> NDArray[np.float64]:
        """(n,) −ln P(y | x), nats, P no less than LEAST_PROBABILITY."""
        raise NotImplementedError

    @property
    def strangers(self) -> dict[str, int]:
        """Documents of each label the model does not know."""
        counts = np.bincount(self.codes, minlength=len(self.names))[self.width :].tolist()
        return dict(zip(self.names[self.width :], counts, strict=True))

    @property
    def documents_with_strangers(self) -> int:
        """Documents whose label the model does not know."""
        return int((self.codes >= self.width).sum())


def true_codes(model: Model, corpus: Corpus) -> tuple[list[str], NDArray[np.int64]]:
    """The names and the codes of ``TrueLabels`` of a corpus whose documents have one label each."""
    _, strangers = recode(corpus, model.labels)
    names = [*model.labels, *strangers]
    code_of = {name: code for code, name in enumerate(names)}
    assert not isinstance(corpus.y, LabelSets)  # evaluation.multilabel is for these
    return names, np.array([code_of[label] for label in corpus.labels], np.int64)[corpus.y]


def known_weights(model: Model) -> NDArray[np.float64] | None:
    """(L,) documents of each label in training, or the sums of their weights; None where the model
    does not say."""
    known = model.record.label_weights()
    return known if len(known) == len(model.labels) else None


def trained_overlap(model: Model, corpus: Corpus, threads: int | None) -> Overlap | None:
    """The documents of a corpus that training had too; None where the model does not say."""
    sketch = model.parts.update_state.trained_on
    return None if sketch is None else sketch.overlap(corpus.batches, chosen_threads(threads))
