"""Where train keeps a large corpus, and what becomes of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.printable import plain
from textmlr.base.training_options import TrainingOptions
from textmlr.cli.tables import size_of
from textmlr.cli.warnings import warn
from textmlr.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from textmlr.cli.progress import TrainingProgress
    from textmlr.corpus.corpus import Corpus
    from textmlr.training.on_disk.disk_store import Store


@contextmanager
def stored(
    corpora: Sequence[str],
    reading: ReadingOptions,
    output: str,
    cache_dir: str | None,
    *,
    memory: int,
    resume: bool,
    keep: bool,
    every: float,
    validation: str | None,
    options: tuple[FeaturizerOptions, TrainingOptions],
    progress: TrainingProgress,
) -> Iterator[tuple[Corpus, Store | None]]:
    """The corpus, and where it is kept if it is on disk; on the way out the cache is removed, or
    told of if something of it is left."""
    import numpy as np

    from textmlr.model.model import versions
    from textmlr.training.on_disk.gather import FOLDERS, Storage, end, gather, unverified

    folder, name = os.path.split(os.path.realpath(output))
    base = os.path.join(cache_dir or folder, f"{name}.cache")
    folders = (base, *(f"{base}-{number}" for number in range(2, FOLDERS)))
    featurizer, training = (asdict(stage) for stage in options)
    identity: dict[str, Any] = {
        "versions": {f"version of {of}": number for of, number in versions().items()}
        | {"version of numpy": np.__version__},
        "run": {"--memory": memory},
        "featurizer": featurizer,
        "training": training,
    }
    progress.reading()
    storage = Storage(memory, folders, resume, keep, every)
    corpus, store = gather(corpora, reading, storage, identity, progress.watch, validation)
    if store is None:
        yield corpus, None
        return
    if resume and not store.cache.resumed:
        warn(f"nothing to go on from in {plain(store.cache.folder)}: beginning anew")
    for name in store.cache.damaged:
        warn(f"{plain(store.cache.path(name))} is not as it was written: it is made again")
    for name in unverified(store):
        warn(
            f"{plain(name)} cannot be compared with what the run that was cut off read of it, "
            "which is gone on with"
        )
    try:
        yield corpus, store
    except BaseException:
        if end(store, failed=True):
            size = size_of(store.cache.bytes)
            progress.end()
            warn(
                f"the run is cut off; the same command with --resume goes on from {size} in "
                f"{plain(store.cache.folder)}, which can be removed otherwise"
            )
        raise
    end(store, failed=False, keep=keep)
