"""Locks that a fork leaves free.

A child process has the one thread that forked: a lock that another thread held at that moment would
never be released in it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable


class ForkLock:
    """A reentrant lock, made once a process, that is free in every child unless the thread that
    forked holds it there.

    A fork never waits for it without end, and holds it at no time: whatever the thread that has it
    waits for (Numba's lock, logging's, an application's own) may be held by the one that forks.  In
    a child whose fork came while another thread had it, the lock is a new one, and what it guards
    may be half done.

    patience   seconds that a fork waits for the lock to be free; more than 0 only where it is held
               for moments, around nothing that takes locks of others
    abandoned  whether this process, or one it descends from, was forked while another thread held
               the lock; ``leave()`` is called in the child when that happens
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
