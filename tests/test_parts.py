"""Files of parts: rows are held and written much at a time, to where they are said to lie.

Training, which is the same from memory and disk, is in test_storing; these tests were written
because mutants of ``storing.parts``, made by a mutation tool that was run by hand, had survived.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import corpus_of

from textmlr.corpus.stored import sum_of
from textmlr.options import TrainingOptions
from textmlr.storing import parts, rows
from textmlr.training.stored import name_of


def test_rows_are_written_once_many_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded however large the corpus is, and no file is opened for few rows."""
    monkeypatch.setattr(parts, "HELD_WORDS", 10)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    writer = parts._PartWriter(str(tmp_path), 3)
    paths = [tmp_path / name_of(part) for part in range(3)]

    def on_disk() -> list[list[int]]:
        return [np.fromfile(path, np.uint32).tolist() for path in paths]

    def add(part: list[int], words: list[int], stops: list[int]) -> list[int]:
        return writer.add(
            np.array(part, np.uint16), np.array(words, np.uint32), np.array(stops, np.int64)
        ).tolist()

    assert add([0, 0, 2], list(range(9)), [4, 6, 9]) == [4, 6, 3]
    assert on_disk() == [[], [], []]
    assert add([2], [9], [1]) == [4]  # ten are held now
    assert on_disk() == [[0, 1, 2, 3, 4, 5], [], [6, 7, 8, 9]]
    assert add([1, 2], list(range(20, 29)), [2, 9]) == [2, 11]
    assert on_disk() == [[0, 1, 2, 3, 4, 5], [], [6, 7, 8, 9]]
    assert not synced
    assert writer.finish().tolist() == [6, 2, 11]
    assert on_disk() == [[0, 1, 2, 3, 4, 5], [20, 21], [6, 7, 8, 9, *range(22, 29)]]
    assert synced == [path.stat().st_ino for path in paths]
    assert writer.sums == [sum_of(str(path)) for path in paths]


@pytest.mark.parametrize(
    ("options", "expected"),
    [(TrainingOptions(), 36), (TrainingOptions(step="adagrad"), 72),
     (TrainingOptions(hidden=(5,), step="plain"), 60), (TrainingOptions(hidden=(5, 7)), 120)],
)  # fmt: skip
def test_what_a_row_of_theta_takes_while_it_is_learnt(
    options: TrainingOptions, expected: int
) -> None:
    """float32 of each label, or unit of the first layer, in three copies; Adagrad has sums too."""
    corpus = corpus_of([("a", "x"), ("b", "y"), ("c", "z")])
    assert rows._row_bytes(corpus, options.decided()) == expected


def test_what_another_run_left_in_files_of_parts_is_gone(tmp_path: Path) -> None:
    (tmp_path / name_of(0)).write_bytes(b"old words")
    writer = parts._PartWriter(str(tmp_path), 1)
    assert writer.finish().tolist() == [0]
    assert (tmp_path / name_of(0)).read_bytes() == b""
