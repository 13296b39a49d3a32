"""Locks that a fork leaves free.

A child process has the one thread that forked: a lock that another thread held at that moment would
never be released in it.  So forks wait for these.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _thread import RLock


def lock_across_forks() -> RLock:
    """A reentrant lock, made once a process, that is free whenever ``os.fork`` forks.

    Forks take these locks in the reverse of the order in which they were made: a thread that takes
    several takes the younger first.  What they guard is whole in the child.
    """
    lock = threading.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
        )
    return lock
