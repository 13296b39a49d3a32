"""The identity of a corpus's files: a digest of each; or size and time, by which a change during
reading shows."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from textmlr.corpus.formats import folder
from textmlr.corpus.refusals import refusals
from textmlr.corpus.sources import is_url, name_of
from textmlr.training.on_disk.stage_progress import Work

_DIGEST = 16  # bytes; a second takes in about 1 GB
_CHUNK = 1 << 20

Json = dict[str, Any]


def contents(sources: Sequence[str], watch: Callable[[Work], None] | None = None) -> Json:
    """The identity of sources, as JSON: their names in order; the name of every file that is read,
    with a digest of its bytes, or None for a URL and for a pipe, which can be read only once.

    Raises InputError for a file that cannot be read.
    """
    paths = [path for source in sources for path in files_of(source)]
    states = {path: _state_of(path) for path in paths}
    total = sum(state[0] for state in states.values() if state is not None)
    done = 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        if watch is not None:
            watch(Work("taking the files' checksums", done, total))

    # A file may be named more than once: its documents are read as often.
    digests = {path: state and _digest_of(path, count) for path, state in states.items()}
    return {
        "sources": [name_of(source) for source in sources],
        "files": [[name_of(path), digests[path]] for path in paths],
    }


def undigested(found: Json) -> list[str]:
    """The names in ``contents`` that have no digest."""
    return [name for name, digest in found["files"] if digest is None]


def states(sources: Sequence[str]) -> Json:
    """Size and time of the last change of each file that is read, by name; None for others."""
    return {name_of(path): _state_of(path) for source in sources for path in files_of(source)}


def files_of(source: str) -> Iterator[str]:
    """The files of a source: itself, or those of a folder a label, in the order they are read in.

    Raises InputError as reading the folder does.
    """
    if folder.is_folder(source):
        yield from folder.documents(source)
    else:
        yield source


def _state_of(path: str) -> list[int] | None:
    if path == "-" or is_url(path):
        return None
    try:
        state = os.stat(path)
    except (OSError, ValueError):  # reading it raises the error
        return None
    return [state.st_size, state.st_mtime_ns] if stat.S_ISREG(state.st_mode) else None


def _digest_of(path: str, count: Callable[[int], None]) -> str:
    digest, buffer = hashlib.blake2b(digest_size=_DIGEST), bytearray(_CHUNK)
    with refusals(path), open(path, "rb", buffering=0) as file:
        while got := file.readinto(buffer):
            digest.update(memoryview(buffer)[:got])
            count(got)
    return digest.hexdigest()
