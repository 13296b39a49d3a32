"""Runs of training from disk that are cut off at a given place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from textmlr.training.on_disk import cache as caches
from textmlr.training.on_disk.cache import Cache


class Stopped(BaseException):
    """The run is cut off here."""


@contextmanager
def cut_after_stage(stage: str) -> Iterator[None]:
    """The run within is cut off right after it entered a stage in its cache."""
    entered = Cache.enter

    def enter(self: Cache, name: str, *values: Any) -> None:
        entered(self, name, *values)
        if name == stage:
            raise Stopped(stage)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cache, "enter", enter)
        with pytest.raises(Stopped):
            yield


@contextmanager
def cut_after_saves(saves: int) -> Iterator[None]:
    """The run within is cut off right after so many checkpoints, whatever they cost."""
    put, saved = Cache.put, 0

    def put_some(self: Cache, name: str, *content: Any) -> None:
        nonlocal saved
        put(self, name, *content)
        saved += name.endswith(".checkpoint")
        if saved == saves:
            raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("textmlr.base.durations.SHORTEST", 1e-6)
        patch.setattr(Cache, "put", put_some)
        patch.setattr(caches, "SHARE", 0)
        with pytest.raises(Stopped):
            yield
