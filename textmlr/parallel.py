"""The one owner of threads: fixed blocks of work, results in the order of the blocks.

Blocks are cut by the data alone, never by the number of threads, so that what is computed
does not depend on how many threads compute it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def available_threads() -> int:
    """Processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def map_blocks(function: Callable[[T], R], blocks: Iterable[T], threads: int) -> Iterator[R]:
    """Yield function(block) for each block, in order, at most 2·threads ahead of the reader.

    If the reader stops or a block fails, blocks not yet begun are dropped and those under way
    are not waited for.  Raises RuntimeError in a process that was forked in between: the threads
    are in its parent.
    """
    work = iter(blocks)
    first = list(islice(work, 2))
    if threads <= 1 or len(first) < 2:  # one block needs no thread
        yield from map(function, first)
        yield from map(function, work)
        return
    from concurrent.futures import ThreadPoolExecutor  # late: not for one document

    process = os.getpid()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="textmlr")
    try:
        ahead = [*first, *islice(work, 2 * threads - 2)]
        waiting = deque(pool.submit(function, block) for block in ahead)
        while waiting:
            if os.getpid() != process:
                raise RuntimeError("forked in the middle of blocks of work; begin them anew")
            result = waiting.popleft().result()
            waiting.extend(pool.submit(function, block) for block in islice(work, 1))
            yield result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
