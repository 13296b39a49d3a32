"""The storage of a large corpus during training, and its removal."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from textmlr.base.durations import seconds_of
from textmlr.base.option_errors import refuse
from textmlr.base.option_headings import LARGE
from textmlr.base.printable import plain, size_of
from textmlr.cli.stage_options import Stages, one_value
from textmlr.cli.value_types import Size
from textmlr.cli.verb import verb_option
from textmlr.cli.warnings import warn
from textmlr.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from textmlr.corpus.corpus import Corpus
    from textmlr.training.on_disk.disk_store import Store
    from textmlr.training.training_progress import TrainingProgress


EVERY = "30s"  # between checkpoints on disk


@dataclass(frozen=True)
class CorpusStorage:
    """The options of train for a corpus too large for memory: where and how it is kept."""

    memory: int
    cache_dir: str | None
    keep_cache: bool
    resume: bool
    checkpoint_every: str | None

    @property
    def seconds(self) -> float:
        """Seconds between checkpoints of a run on disk.  Raises InputError."""
        given = self.checkpoint_every or EVERY
        seconds = seconds_of(given)
        if seconds is None:
            raise refuse("checkpoint_every", given, "a time such as 90s, 5m or 1h")
        return seconds

    def folders(self, output: str) -> tuple[str, ...]:
        """The folders that the cache of a model file may be in."""
        from textmlr.training.on_disk.gather import FOLDERS

        folder, name = os.path.split(os.path.realpath(output))
        base = os.path.join(self.cache_dir or folder, f"{name}.cache")
        return base, *(f"{base}-{number}" for number in range(2, FOLDERS))


storage_options = one_value(
    "storage",
    [field.name for field in fields(CorpusStorage)],
    CorpusStorage,
    [
        verb_option(
            "--memory",
            heading=LARGE,
            type=Size(),
            default="2GB",
            show_default=True,
            metavar="SIZE",
            help="Take about this much memory: a corpus too large for it is kept on disk.",
        ),
        verb_option(
            "--cache-dir",
            heading=LARGE,
            metavar="DIR",
            show_default="beside the model",
            help="Keep the text and the rows of a large corpus there during training.",
        ),
        verb_option(
            "--keep-cache",
            heading=LARGE,
            is_flag=True,
            help="Keep them for further runs over the same corpus.",
        ),
        verb_option(
            "--resume",
            heading=LARGE,
            is_flag=True,
            help="Resume a run that was cut off, and make this run one that can be resumed. With "
            "--stream, resume from the last checkpoint; documents of a file that were trained on "
            "before are passed over.",
        ),
        verb_option(
            "--checkpoint-every",
            heading=LARGE,
            metavar="TIME|N",
            show_default=f"{EVERY} on disk; 5m with --stream",
            help="Save the state of a run so often, such as 60s, 5m or 1h. With --stream, save the "
            "model too; a number of documents such as 100000 also serves.",
        ),
    ],
)


@contextmanager
def stored(
    corpora: Sequence[str],
    reading: ReadingOptions,
    output: str,
    storage: CorpusStorage,
    validation: str | None,
    stages: Stages,
    progress: TrainingProgress,
) -> Iterator[tuple[Corpus, Store | None]]:
    """The corpus, and where it is kept if it is on disk.

    On the way out the cache is removed, or a warning names what is left of it.
    """
    import numpy as np

    from textmlr.model.model import versions
    from textmlr.training.on_disk.gather import CacheOptions, end, gather, unverified

    resume, keep = storage.resume, storage.keep_cache
    folders, every = storage.folders(output), storage.seconds
    featurizer, training = (asdict(stage) for stage in stages)
    identity: dict[str, Any] = {
        "versions": {f"version of {of}": number for of, number in versions().items()}
        | {"version of numpy": np.__version__},
        "run": {"--memory": storage.memory},
        "featurizer": featurizer,
        "training": training,
    }
    progress.reading()
    where = CacheOptions(storage.memory, folders, resume, keep, every)
    corpus, store = gather(corpora, reading, where, identity, progress.watch, validation)
    if store is None:
        yield corpus, None
        return
    if resume and not store.cache.resumed:
        warn(f"nothing to resume in {plain(store.cache.folder)}: starting anew")
    for name in store.cache.damaged:
        warn(f"{plain(store.cache.path(name))} is not as it was written, and is made again")
    for name in unverified(store):
        warn(
            f"{plain(name)} cannot be read again to compare: the text that the run that was cut "
            "off read from it is used"
        )
    try:
        yield corpus, store
    except BaseException:
        if end(store, failed=True):
            size = size_of(store.cache.bytes)
            progress.end()
            warn(
                f"the run is cut off; the same command with --resume resumes from {size} in "
                f"{plain(store.cache.folder)}, which can be removed otherwise"
            )
        raise
    end(store, failed=False, keep=keep)
