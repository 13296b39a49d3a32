"""CacheError and InUseError: the system, or another process, refuses a cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from textmlr.base.errors import InputError

_ROOM = "make room, or name another place with --cache-dir"


class CacheError(InputError):
    """The system refused to write a cache: the run can be resumed."""


class InUseError(InputError):
    """Another process has the folder."""


@contextmanager
def refusals(folder: str) -> Iterator[None]:
    """Turn errors of the system within into CacheErrors that name the folder."""
    try:
        yield
    except CacheError:
        raise
    except InputError as error:  # atomic_write's
        if isinstance(error.__cause__, OSError) or "cannot be written" in error.problem:
            raise CacheError(error.problem, place=folder, mend=_ROOM) from error
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CacheError(f"cannot be written: {reason}", place=folder, mend=_ROOM) from error
