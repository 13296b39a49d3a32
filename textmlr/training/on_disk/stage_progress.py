"""Work: how far a stage of work on a large corpus is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """The progress of a stage.

    what   the stage, in words
    done, total   bytes; total is 0 where it is not known
    """

    what: str
    done: int
    total: int


Watch = Callable[[Work], None]
