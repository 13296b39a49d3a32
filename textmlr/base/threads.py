"""The one owner of threads: fixed blocks of work, results in the order of the blocks.

Blocks are cut by the data alone, never by the number of threads, so that results do not depend on
the number of threads.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from queue import Empty, Full, Queue
from typing import TypeVar

from textmlr.base.checks import check_threads

T = TypeVar("T")
R = TypeVar("R")


def available_threads() -> int:
    """Processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def chosen_threads(threads: int | None) -> int:
    """The number of threads to use, one a processor for None.  Raises InputError for a value that
    is no number of threads."""
    check_threads(threads)
    return available_threads() if threads is None else threads


def machine_memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def map_blocks(function: Callable[[T], R], blocks: Iterable[T], threads: int) -> Iterator[R]:
    """Yield function(block) for each block, in order, at most 2·threads ahead of the reader.

    If the reader stops or a block fails, blocks not yet begun are dropped, and those under way are
    not waited for.  Raises RuntimeError in a process that was forked in between: the threads are in
    its parent.
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


@contextmanager
def team(threads: int) -> Iterator[Callable[[Callable[[int], object]], None]]:
    """Threads that stay for many short pieces of work, for which ``map_blocks`` would begin them
    anew.

    Yields ``run``: run(work) calls work(t) in each thread t = 0, 1, …, of which this one is the
    first, and returns once all have ended.  Raises what work raises.
    """
    if threads <= 1:
        yield _alone
        return
    from concurrent.futures import ThreadPoolExecutor, wait

    with ThreadPoolExecutor(threads - 1, thread_name_prefix="textmlr") as pool:

        def run(work: Callable[[int], object]) -> None:
            others = [pool.submit(work, thread) for thread in range(1, threads)]
            try:
                work(0)
            finally:
                wait(others)
            for other in others:
                other.result()

        yield run


def _alone(work: Callable[[int], object]) -> None:
    work(0)


def awaited(items: Iterable[T], seconds: float, ahead: int = 2) -> Iterator[T | None]:
    """Yield the items, which another thread draws, at most ``ahead`` of them in advance; and None
    whenever none came within ``seconds``, so that the reader can do something else meanwhile.

    An error of drawing is raised here, in its turn.  If the reader stops, a draw under way is not
    waited for: its thread ends with it, or with the process.
    """
    ready: Queue[tuple[T | None, BaseException | None]] = Queue(ahead)
    stopped = threading.Event()

    def hand_over(item: T | None, error: BaseException | None) -> None:
        while not stopped.is_set():
            try:
                return ready.put((item, error), timeout=1.0)
            except Full:
                continue

    def draw() -> None:
        try:
            for item in items:
                hand_over(item, None)
                if stopped.is_set():
                    return
            hand_over(None, StopIteration())
        except BaseException as error:  # to be raised where the items are wanted
            hand_over(None, error)

    threading.Thread(target=draw, name="textmlr reading", daemon=True).start()
    try:
        while True:
            try:
                item, error = ready.get(timeout=seconds)
            except Empty:
                yield None
                continue
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item
    finally:
        stopped.set()
