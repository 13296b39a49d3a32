"""A team of threads does many short pieces of work."""

from __future__ import annotations

import threading

import pytest

from textmlr.base.threads import team


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_each_thread_works_once_and_all_have_ended(threads: int) -> None:
    done: list[int] = []
    with team(threads) as run:
        for piece in range(1, 30):
            run(done.append)
            assert len(done) == piece * threads
            assert sorted(done[-threads:]) == list(range(threads))
    assert threading.active_count() < 20


def test_the_threads_stay() -> None:
    seen: set[int] = set()
    with team(3) as run:
        for _ in range(50):
            run(lambda _: seen.add(threading.get_ident()))
    assert len(seen) <= 3
    assert threading.get_ident() in seen


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_error_is_raised_once_all_have_ended(failing: int) -> None:
    ended: list[int] = []

    def work(thread: int) -> None:
        if thread == failing:
            raise ValueError(str(thread))
        ended.append(thread)

    with team(3) as run:
        with pytest.raises(ValueError, match=str(failing)):
            run(work)
        assert sorted(ended) == [thread for thread in range(3) if thread != failing]
        run(ended.append)  # it goes on
