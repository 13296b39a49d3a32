"""Files of parts: rows are held and written in bulk, at the places that the index names.

test_on_disk has training, which is the same from memory and disk; these tests kill mutants of
``training.on_disk.part_files``, made by a mutation tool, that it let live.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import corpus_of, documents

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.blocks import blocks_of
from textmlr.corpus.disk_corpus import sum_of
from textmlr.features.featurizer import Featurizer
from textmlr.training.on_disk import disk_rows, part_files, row_counts
from textmlr.training.on_disk.disk_objective import name_of
from textmlr.training.on_disk.stage_progress import Work


def test_rows_are_written_once_many_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded however large the corpus is, and no file is opened for few rows."""
    monkeypatch.setattr(part_files, "HELD_WORDS", 10)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    writer = part_files._PartWriter(str(tmp_path), 3)
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
    [
        (TrainingOptions(), 36),
        (TrainingOptions(step="adagrad"), 72),
        (TrainingOptions(hidden=(5,), step="plain"), 60),
        (TrainingOptions(hidden=(5, 7)), 120),
    ],
)
def test_what_a_row_of_theta_takes_while_it_is_learnt(
    options: TrainingOptions, expected: int
) -> None:
    """float32 of each label, or unit of the first layer, in three copies; Adagrad has sums too."""
    corpus = corpus_of([("a", "x"), ("b", "y"), ("c", "z")])
    assert disk_rows._row_bytes(corpus, options.decided()) == expected


@pytest.mark.parametrize("bits", [None, 10])
def test_counts_are_on_the_disk_and_are_those_of_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bits: int | None
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    corpus, told = corpus_of(documents(300, 1)), list[Work]()
    features = FeaturizerOptions(ngrams=(1, 1), char_ngrams=None, hash_bits=bits)
    for entries in (1 << 20, 500):  # one record, and several
        monkeypatch.setattr(row_counts, "RECORD_ENTRIES", entries)
        monkeypatch.setattr(row_counts, "blocks_of", lambda batches: blocks_of(batches, 1 << 11))
        spilled = row_counts.write_counts(
            corpus,
            Featurizer(features),
            str(tmp_path),
            memory=None,
            most=None,
            threads=2,
            watch=told.append,
        )
        path = tmp_path / row_counts.FILE
        assert synced.pop() == path.stat().st_size == 4 * spilled.records[:, 0].sum()
        assert spilled.sum == sum_of(str(path))
        assert (len(spilled.records) == 1) == (entries > 500)
        read = [
            row_counts.read_record(str(tmp_path), spilled.records, record)
            for record in range(len(spilled.records))
        ]
        assert spilled.records[:, 1].tolist() == [len(one) for one in read]
        assert spilled.records[:, 1].sum() == 300
        assert spilled.records[:, 2].tolist() == [len(one.indices) for one in read]
        words = [np.diff(one.indptr) for one in read]
        assert np.concatenate(words).min() > 5
        for one, width in zip(read, spilled.records[:, 3].tolist(), strict=True):
            assert one.columns == 1 << width
            assert one.indices.max() < one.columns
        if bits is not None:
            seen = np.bincount(np.concatenate([one.indices for one in read]), minlength=1 << bits)
            assert seen.tolist() == spilled.frequencies.tolist()
    assert len(told) > 20
    assert told[-1] == Work("tokenising", corpus.text_bytes, corpus.text_bytes)
    assert spilled.invalid == 0


def test_what_another_run_left_in_files_of_parts_is_gone(tmp_path: Path) -> None:
    (tmp_path / name_of(0)).write_bytes(b"old words")
    writer = part_files._PartWriter(str(tmp_path), 1)
    assert writer.finish().tolist() == [0]
    assert (tmp_path / name_of(0)).read_bytes() == b""
