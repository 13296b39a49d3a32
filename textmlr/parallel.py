"""The one owner of threads: fixed blocks of work, results in the order of the blocks.

Blocks are cut by the data alone, never by the number of threads, so that what is computed
does not depend on how many threads compute it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
    """Yield function(block) for each block, in order, at most 2·threads ahead of the reader."""
    if threads <= 1:
        yield from map(function, blocks)
        return
    work = iter(blocks)
    with ThreadPoolExecutor(threads, thread_name_prefix="textmlr") as pool:
        waiting = [pool.submit(function, block) for block in islice(work, 2 * threads)]
        try:
            while waiting:
                result = waiting.pop(0).result()
                waiting.extend(pool.submit(function, block) for block in islice(work, 1))
                yield result
        finally:
            for future in waiting:
                future.cancel()
