"""Answers of a model of fastText: from text to scores in one kernel, and on by its head."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import Scratch, frozen
from textmlr.corpus.batch import Batch
from textmlr.features.fasttext_dictionary import FastTextDictionary
from textmlr.features.fasttext_featurizer import FastTextFeaturizer
from textmlr.kernels import fasttext_scores as kernels
from textmlr.model.answering import SHORT, Answerer, Answers
from textmlr.model.fasttext.fasttext_parts import TABLE_LOSSES

if TYPE_CHECKING:
    from textmlr.model.model_parts import ModelParts


class FastTextAnswerer(Answerer):
    """A model of fastText, ready to answer as an ``Answerer`` does; threads may share one."""

    def __init__(self, parts: ModelParts) -> None:
        own, layers = parts.fasttext, parts.layers
        assert own is not None
        assert isinstance(parts.featurizer, FastTextFeaturizer)
        self.featurizer, self.head = parts.featurizer, parts.head
        self._dictionary: FastTextDictionary = parts.featurizer.dictionary
        self._labels = layers[1].shape[1]
        base = parts.base if len(parts.base) else np.zeros(self._labels, np.float32)
        kind = kernels.TREE if own.loss == "hs" else kernels.DIRECT
        self.looks_up = own.loss in TABLE_LOSSES
        kind = kernels.TABLE if self.looks_up else kind
        self.tree = own.tree if own.loss == "hs" else None
        self._layers = kernels.FastTextLayers(
            frozen(layers[0]),
            frozen(np.ascontiguousarray(layers[1][:-1])),
            frozen(own.tree),
            frozen(_ranks(self._dictionary, own.prefix, parts.labels)),
            frozen(base),
            frozen(np.array([kind], np.int64)),
        )
        self._scratch, self._own = Scratch(), threading.local()

    def answer(self, block: Batch) -> Answers:
        """Answers for the documents of a block."""
        out = Answers.room(len(block), self._labels)
        longest = int((block.stops - block.starts).max(initial=0))
        reading = self._dictionary.reading(longest, self._scratch)
        kernels.scores(
            frozen(block.text),
            frozen(block.starts),
            frozen(block.stops),
            self._dictionary.arrays,
            self._layers,
            reading,
            self._scores_room(len(reading.rows)),
            out.scores,
            out.known,
        )
        scores, log_z = frozen(out.scores), out.log_z
        self.head.log_z_kernel(scores, log_z)
        self.head.p_kernel(scores, frozen(log_z), out.probabilities)
        return Answers(out.scores, log_z, out.probabilities, out.known, 0, self.head)

    @property
    def labels(self) -> int:
        """L."""
        return int(self._labels)

    def probabilities_of(self, text: str | bytes) -> NDArray[np.float64] | None:
        """P of each label for one document: (1, L); None if it has to go the general way."""
        if isinstance(text, str):
            try:
                text = text.encode()
            except UnicodeEncodeError:  # a lone surrogate
                return None
        if len(text) > SHORT:
            return None
        span = np.array([0, len(text)])
        block = Batch(np.frombuffer(text, np.uint8), span[:1], span[1:])
        return self.answer(block).probabilities

    def _scores_room(self, rows: int) -> kernels.FastTextRoom:
        """This thread's scratch."""
        try:
            room: kernels.FastTextRoom = self._own.room
        except AttributeError:
            hidden = len(self._layers.upper)
            room = self._own.room = kernels.FastTextRoom(
                np.ones(rows, np.float32),
                np.arange(hidden, dtype=np.int32),
                np.zeros(hidden, np.float32),
                np.zeros(self._labels, np.float32),
                np.zeros(2 * self._labels, np.float64),
            )
        return room


def _ranks(dictionary: FastTextDictionary, prefix: str, labels: Sequence[str]) -> NDArray[np.int32]:
    """The place of each label among fastText's."""
    place = {name: i for i, name in enumerate(dictionary.label_names(prefix))}
    return np.array([place.get(label, 0) for label in labels], np.int32)
