"""The features of settings, kept for the next trials that have the same."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.corpus.corpus import Corpus
from textmlr.model.heads import usual_head
from textmlr.training.objective import Objective
from textmlr.training.rows import Rows, few_features
from textmlr.training.tuning.space import Setting

CACHE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True, eq=False)
class SettingFeatures:
    """The features of one setting.

    objective  over all documents of the corpus
    judge      over those of a validation corpus, None if there is none
    idf        (V,) float64
    counts     (V,) int32   documents of the corpus that each is in
    min_df     each is in this many of them at least
    bias       the column that is always 1, None for none
    seconds    to make them
    """

    objective: Objective
    judge: Objective | None
    idf: NDArray[np.float64] | None
    counts: NDArray[np.int32]
    min_df: int
    bias: int | None
    seconds: float

    @property
    def bytes(self) -> int:
        """Memory of the rows."""
        rows = [one.features for one in (self.objective, self.judge) if one is not None]
        arrays = [array for one in rows for array in (one.indptr, one.indices, one.values)]
        return sum(array.nbytes for array in arrays)


class FeatureCache:
    """The features of the latest settings; threads may share one.

    They are made from all documents, those held out too; a fold leaves out those that it would not
    have made from its own (see ``judging.without``).
    """

    def __init__(self, corpus: Corpus, validation: Corpus | None, threads: int) -> None:
        self._corpus, self._validation, self._threads = corpus, validation, threads
        self._made: OrderedDict[FeaturizerOptions, SettingFeatures] = OrderedDict()
        self._lock, self._making = Lock(), Lock()

    def get(self, setting: Setting) -> SettingFeatures:
        """The features of a setting, made if they are not there, one setting at a time: that takes
        several threads, and much memory."""
        found = self._find(setting.featurizer)
        if found is not None:
            return found
        with self._making:
            found = self._find(setting.featurizer)
            if found is not None:
                return found
            made = self._make(setting)
            with self._lock:
                self._made[setting.featurizer] = made
                while len(self._made) > 1 and self.bytes > CACHE_BYTES:
                    self._made.popitem(last=False)
            return made

    def seconds(self, featurizer: FeaturizerOptions) -> float:
        """The time that the features took to make, 0 where they are not there."""
        with self._lock:
            return self._made[featurizer].seconds if featurizer in self._made else 0.0

    @property
    def bytes(self) -> int:
        """Memory of all features."""
        return sum(made.bytes for made in self._made.values())

    def _find(self, featurizer: FeaturizerOptions) -> SettingFeatures | None:
        with self._lock:
            if featurizer in self._made:
                self._made.move_to_end(featurizer)
            return self._made.get(featurizer)

    def _make(self, setting: Setting) -> SettingFeatures:
        began = time.perf_counter()
        head = usual_head(self._corpus.is_multilabel)
        featurizer = few_features(setting.featurizer, self._corpus, setting.training)
        rows = Rows.of(self._corpus, featurizer, setting.training, self._threads, head)
        judge = None
        if self._validation is not None:
            judge = rows.judge(self._validation, setting.training, self._threads)
        counts = rows.objective.documents_of()
        least = featurizer.bounds(len(self._corpus)).least or 1
        if featurizer.min_df is None and featurizer.max_features is None:
            # Where features are many, the featurizer chose min_df.
            own = counts[int(featurizer.bias) :]
            least = int(own.min(initial=len(self._corpus)))
        seconds = time.perf_counter() - began
        own_rows = rows.in_memory, judge, rows.idf, counts
        return SettingFeatures(*own_rows, least, rows.bias, seconds)
