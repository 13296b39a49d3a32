"""Locks that are free after a fork.

A child process has only the thread that forked: a lock that another thread held at that moment
would never be released in it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable


class ForkLock:
    """A reentrant lock, made once a process, that is free in every child unless the thread that
    forked holds it there.

    A fork never waits for it without end and never holds it: its holder may wait for a lock
    (Numba's, logging's, an application's) that the forking thread holds.  If another thread holds
    it during the fork, the child gets a new lock, and the work that it guards may be half done.

    patience   seconds that a fork waits for the lock to be free; more than 0 only where it is held
               for moments, around code that takes no other lock
    abandoned  whether this process, or an ancestor, was forked while another thread held the lock;
               ``leave()`` is called in the child when that happens
    """

    def __init__(self, patience: float = 0.0, leave: Callable[[], None] | None = None) -> None:
        self.abandoned = False
        self._lock = threading.RLock()
        self._patience = patience
        self._leave = leave
        if hasattr(os, "register_at_fork"):
            if patience:
                os.register_at_fork(before=self._wait)
            os.register_at_fork(after_in_child=self._renew)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def _wait(self) -> None:
        if self._lock.acquire(timeout=self._patience):
            self._lock.release()

    def _renew(self) -> None:
        if self._lock.acquire(blocking=False):
            self._lock.release()
            return
        self._lock = threading.RLock()
        self.abandoned = True
        if self._leave is not None:
            self._leave()
