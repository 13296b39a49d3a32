"""Reading a corpus for training: into memory if it is small, else onto disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

from textmlr.base.errors import InputError
from textmlr.base.option_errors import OptionError, Sentence
from textmlr.corpus.chunks import Chunk
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.decompression import ending_of
from textmlr.corpus.disk_corpus import CorpusWriter, restore
from textmlr.corpus.formats.detection import COLUMNAR, named_format
from textmlr.corpus.formats.folder import is_folder
from textmlr.corpus.reading import joined, read_corpus, scan
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.corpus.sources import is_url, name_of, sources_of
from textmlr.training.on_disk.cache import Cache
from textmlr.training.on_disk.cache_errors import InUseError, refusals
from textmlr.training.on_disk.disk_store import MEMORY_A_BYTE, Store
from textmlr.training.on_disk.file_identity import contents, files_of, states, undigested
from textmlr.training.on_disk.stage_progress import Work

FOLDERS = 16  # folders beside the model, for as many runs that train one model at once
LEAST_MEMORY = 100_000  # bytes: less is a size that lacks its unit

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CacheOptions:
    """The memory and the folders for a corpus, and the use of its cache.

    memory   bytes of memory, about, LEAST_MEMORY at least
    folders  where a cache may be, the first that is free
    resume   continue a run that was cut off
    keep     leave the cache for further runs
    every    seconds between checkpoints
    """

    memory: int
    folders: tuple[str, ...]
    resume: bool = False
    keep: bool = False
    every: float = 30.0

    def __post_init__(self) -> None:
        if self.memory < LEAST_MEMORY:
            raise OptionError(
                "memory",
                Sentence(f"{{memory:name}} of {self.memory:,} bytes is too little to train in"),
                Sentence("give a size with its unit, such as 500MB or 2GB"),
            )


def gather(
    paths: Sequence[str],
    options: ReadingOptions,
    storage: CacheOptions,
    identity: Json,
    watch: Callable[[Work], None],
    validation: str | None = None,
) -> tuple[Corpus, Store | None]:
    """Read a corpus; with a Store if it is on disk.

    options     how its files are read: the rows of a kept cache depend on each of them
    identity    what else the run depends on, see ``Cache``
    validation  a file of validation documents, which are read too
    It is on disk if its text is more than memory / MEMORY_A_BYTE, or a cache is wanted anyway.
    Raises InputError for what cannot be read or written.
    """
    sources = sources_of(paths)
    limit, size = storage.memory // MEMORY_A_BYTE, _plain_size(sources)
    before = states(sources)
    held: list[tuple[Chunk, int]] = []
    chunks = _scanned(sources, options)
    if not (storage.resume or storage.keep):
        if size is not None and size <= limit:
            return read_corpus(paths, options), None
        if size is None:
            text = 0
            for chunk, file in chunks:
                held.append((chunk, file))
                text += chunk.batch.text_bytes
                if text > limit:
                    break
            else:
                names = [name_of(source) for source in sources]
                own = [chunk for chunk, _ in held], [file for _, file in held]
                return joined(*own, names, options.has_weights), None
        held += islice(chunks, 0 if held else 1)  # an error in the first comes soon
    judges = [] if validation is None else sources_of([validation])
    read = {
        "corpus": contents(sources, watch),
        "validation": contents(judges),
        "reading": {f"--{name.replace('_', '-')}": own for name, own in asdict(options).items()},
    }
    cache = _opened(storage, read | identity, watch)
    store = Store(cache, storage.memory)
    try:
        if not cache.has("corpus"):
            _write(cache, held, chunks, sources, before, watch)
        corpus = restore(cache.folder, cache.values("corpus"))
        if (corpus.text_bytes if size is None else size) <= limit:
            store = replace(store, memory=None)  # without a limit, like a run in memory
        return corpus, store
    except BaseException:
        end(store, failed=True)
        raise


def end(store: Store, *, failed: bool, keep: bool = False) -> bool:
    """Release a store; return whether any of it is left, to resume from or for further runs.

    failed  the run was cut off: stages that are whole are left
    """
    cache = store.cache
    if failed and cache.begun:
        cache.release()
        return cache.has("corpus")
    if keep and not failed:
        cache.keep()
        return True
    cache.remove()
    return False


def unverified(store: Store) -> list[str]:
    """The pipes and URLs that a run to be resumed has read: they cannot be compared."""
    identity = store.cache.identity if store.cache.resumed else {}
    parts = (identity.get("corpus"), identity.get("validation"))
    return [name for part in parts if part for name in undigested(part)]


def _check_unchanged(before: Json, after: Json) -> None:
    changed = [name for name in before | after if before.get(name) != after.get(name)]
    if changed:
        raise InputError(
            "it changed while it was read",
            place=changed[0],
            mend="wait until nothing writes to it, or train on a copy",
        )


def _plain_size(sources: Sequence[str]) -> int | None:
    """Bytes of text in files, about; None if only reading them can say."""
    size = 0
    for source in sources:
        if source == "-" or is_url(source):
            return None
        if is_folder(source):
            if any(named_format(path) in COLUMNAR for path in files_of(source)):
                return None
        else:
            plain = os.path.isfile(source) or not os.path.exists(source)
            if not plain or ending_of(source) or named_format(source) in COLUMNAR:
                return None
        size += sum(os.path.getsize(path) for path in files_of(source) if os.path.exists(path))
    return size


def _scanned(sources: Sequence[str], options: ReadingOptions) -> Iterator[tuple[Chunk, int]]:
    for number, source in enumerate(sources):
        for chunk in scan([source], options, tables=False):
            yield chunk, number


def _opened(storage: CacheOptions, identity: Json, watch: Callable[[Work], None]) -> Cache:
    """The first cache that no other process has."""
    for number, folder in enumerate(storage.folders):
        try:
            return Cache.open(
                folder, identity, resume=storage.resume, every=storage.every, watch=watch
            )
        except InUseError:
            if storage.resume or number == len(storage.folders) - 1:
                raise
    raise AssertionError("no folder for a cache")


def _write(
    cache: Cache,
    held: list[tuple[Chunk, int]],
    chunks: Iterator[tuple[Chunk, int]],
    sources: Sequence[str],
    before: Json,
    watch: Callable[[Work], None],
) -> None:
    """Write the documents of all chunks to the cache.

    before  the state of the files before they were read
    """
    # Before the cache is emptied: a corpus that cannot be read costs no other run its cache.
    first = held[0] if held else next(chunks, None)
    cache.begin("corpus")
    with refusals(cache.folder):
        weighted = first is not None and first[0].weights is not None
        writer = CorpusWriter(cache.folder, weighted=weighted)
    text = 0
    try:
        waiting = held[1:]
        del held[:]
        while first is not None:
            chunk, file = first
            with refusals(cache.folder):
                writer.add(chunk, file)
            text += chunk.batch.text_bytes
            watch(Work("reading the corpus onto disk", text, 0))
            first = waiting.pop(0) if waiting else next(chunks, None)
        with refusals(cache.folder):
            header = writer.finish([name_of(source) for source in sources])
    finally:
        writer.close()
    _check_unchanged(before, states(sources))
    cache.enter("corpus", header, None, writer.sums)
