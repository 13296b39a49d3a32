"""What training asks of whoever keeps its state, so that it can be gone on with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from textmlr.training.sgd.epochs import SGD, State

Json = dict[str, Any]


class Checkpoints(Protocol):
    """A place where the state of training is kept."""

    def once(self, name: str, find: Callable[[], Json]) -> Json:
        """What was found under this name before, or else what ``find`` finds now (JSON)."""

    def load(self, run: str) -> State | None:
        """The state that a run was kept with last, None if it was not."""

    def save(self, run: str, state: Callable[[], State], *, ended: bool) -> None:
        """Keep the state of a run, in place of what was kept before; not if that was a short while
        ago, unless it has ended."""


def follow(run: SGD, name: str, checkpoints: Checkpoints | None, more: Callable[[], Json]) -> Json:
    """Go on with a run from where it was kept, and keep it from now on; what was kept with it.

    more  gives what is to be kept with it (JSON)
    """
    if checkpoints is None:
        return {}
    kept = checkpoints.load(name)

    def keep(run: SGD) -> None:
        def state() -> State:
            header, arrays = run.state()
            return header | {"more": more()}, arrays

        checkpoints.save(name, state, ended=run.done == run.epochs)

    run.keep = keep
    if kept is None:
        return {}
    run.restore(kept)
    told: Json = kept[0]["more"]
    return told
