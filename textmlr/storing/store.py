"""Store: where a training run keeps what does not fit in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textmlr.corpus import Corpus
from textmlr.options import FeaturizerOptions, TrainingOptions
from textmlr.rows import Rows
from textmlr.storing.cache import Cache, Work
from textmlr.storing.rows import stored_rows


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """A cache, and how much memory its run may take.

    memory  bytes, about: for the table of distinct n-grams, and for θ.  None: the corpus would be
            learnt from in memory if no cache were wanted, where nothing is left out
    """

    cache: Cache
    memory: int | None

    def rows(
        self,
        corpus: Corpus,
        featurizer_options: FeaturizerOptions,
        options: TrainingOptions,
        threads: int,
        watch: Callable[[Work], None],
    ) -> Rows:
        """``Rows.of`` for a corpus on disk."""
        return stored_rows(
            corpus, featurizer_options, options, self.cache, memory=self.memory, threads=threads,
            watch=watch,
        )  # fmt: skip
