"""Store: a training run's place on disk for rows that do not fit in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.corpus import Corpus
from textmlr.model.heads import SOFTMAX, Head
from textmlr.training.objective import Objective
from textmlr.training.on_disk.cache import Cache
from textmlr.training.on_disk.disk_objective import StoredObjective
from textmlr.training.on_disk.disk_rows import stored_rows
from textmlr.training.on_disk.stage_progress import Work
from textmlr.training.rows import Rows
from textmlr.training.support.label_sums import most_of_memory

# Training takes about so many bytes of memory a byte of text: for hashes, counts and places of
# n-grams, and for rows; more for short words.
MEMORY_A_BYTE = 16


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """A cache, and how much memory its run may take.

    memory  bytes, about, for the table of distinct n-grams and for θ.  None: as many as needed, for
            a corpus that is on disk only because a cache is wanted
    """

    cache: Cache
    memory: int | None

    @property
    def most_weights(self) -> int | None:
        """The weights of a sparse θ that fit in its memory; None: no limit."""
        return None if self.memory is None else most_of_memory(self.memory)

    def rows(
        self,
        corpus: Corpus,
        featurizer_options: FeaturizerOptions,
        options: TrainingOptions,
        threads: int,
        watch: Callable[[Work], None],
        head: Head = SOFTMAX,
    ) -> Rows:
        """``Rows.of`` for a corpus on disk."""
        rows = stored_rows(
            corpus,
            featurizer_options,
            options,
            self.cache,
            memory=self.memory,
            threads=threads,
            watch=watch,
        )
        objective = rows.objective
        assert isinstance(objective, Objective | StoredObjective)
        return replace(rows, objective=replace(objective, head=head))
