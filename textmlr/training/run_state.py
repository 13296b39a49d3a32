"""The state of training, kept so that a run can resume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from numpy.typing import NDArray

Json = dict[str, Any]
State = tuple[Json, dict[str, NDArray[Any]]]


class StateStore(Protocol):
    """A place where the state of training is kept."""

    def once(self, name: str, find: Callable[[], Json]) -> Json:
        """The result kept under this name, or else that of ``find``, kept from now on (JSON)."""

    def load(self, run: str) -> State | None:
        """The last state of a run that was kept, None if there is none."""

    def save(self, run: str, state: Callable[[], State], *, ended: bool) -> None:
        """Keep the state of a run, in place of the one before; not if that was kept a short while
        ago, unless the run has ended."""
