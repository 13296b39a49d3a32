"""Rows as words of 32 bits, and the table that numbers hashes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textmlr.base.arrays import frozen
from textmlr.kernels import disk_words as kernels

COUNTS = st.integers(1, 2**24)  # float32 has all of these
ROWS = st.lists(st.dictionaries(st.integers(0, 200), COUNTS, max_size=8), max_size=6)


def csr(rows: list[dict[int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(indptr, indices, values) of rows of counts by column."""
    indptr = np.cumsum([0, *map(len, rows)])
    indices = np.array([column for row in rows for column in row], np.int32)
    return indptr, indices, np.array([c for row in rows for c in row.values()], np.float32)


def rows_of(
    indptr: np.ndarray, indices: np.ndarray, values: np.ndarray
) -> list[list[tuple[int, int]]]:
    pairs = list(zip(indices.tolist(), values.astype(int).tolist(), strict=True))
    return [pairs[a:b] for a, b in zip(indptr[:-1].tolist(), indptr[1:].tolist(), strict=True)]


@given(ROWS, st.integers(8, 31), st.randoms())
@settings(deadline=None)
def test_rows_come_back_from_words(rows: list[dict[int, int]], bits: int, rng: object) -> None:
    matrix = csr(rows)
    order = np.arange(len(rows))
    rng.shuffle(order)  # type: ignore[attr-defined]
    words = np.zeros(2 * len(matrix[1]) + len(rows), np.uint32)
    ends = np.zeros(len(rows), np.int64)
    kernels.encode(*map(frozen, matrix), frozen(order), bits, words, ends)
    size = int(ends[-1]) if len(rows) else 0
    large = sum(count >= 1 << (32 - bits) for row in rows for count in row.values())
    assert size == len(rows) + len(matrix[1]) + large  # a word an entry, two of a large count
    indptr = np.zeros(len(rows) + 1, np.int64)
    indices, values = np.zeros_like(matrix[1]), np.zeros_like(matrix[2])
    assert kernels.decode(frozen(words), bits, indptr, indices, values) == size
    assert rows_of(indptr, indices, values) == [list(rows[i].items()) for i in order.tolist()]


@pytest.mark.parametrize(
    "words",
    [
        [],  # no row
        [2**32 - 1, 5],  # more entries than there is room for
        [2, 1 << 4 | 3],  # words that are missing
        [1, 1 << 4 | 3],  # fewer entries
        [2, 1 << 4 | 3, 3],  # a count that is missing
    ],
)
def test_words_that_are_no_rows_are_refused(words: list[int]) -> None:
    room = np.full(4, 7, np.int32), np.full(4, 7, np.float32)
    indptr = np.zeros(2, np.int64)
    content = frozen(np.array(words, np.uint32))
    assert kernels.decode(content, 4, indptr, room[0][:2], room[1][:2]) == -1
    assert room[0][2:].tolist() == [7, 7]
    assert room[1][2:].tolist() == [7, 7]


def test_columns_below_zero_are_not_written() -> None:
    indptr, values = np.array([0, 3]), np.ones(3, np.float32)
    words, ends = np.zeros(7, np.uint32), np.zeros(1, np.int64)
    indices = np.array([-1, 5, -1], np.int32)
    kernels.encode(
        frozen(indptr),
        frozen(indices),
        frozen(values),
        frozen(np.zeros(1, np.int64)),
        4,
        words,
        ends,
    )
    assert words[: int(ends[0])].tolist() == [1, 5 | 1 << 4]


@given(ROWS, st.integers(0, 2**32), st.booleans(), st.booleans())
@settings(deadline=None)
def test_renumbering_leaves_out_what_has_no_number(
    rows: list[dict[int, int]], seed: int, bias: bool, periods: bool
) -> None:
    rng = np.random.default_rng(seed)
    numbers = rng.permutation(201).astype(np.int32) - 50
    born = rng.integers(0, 4, 201 if periods else 0).astype(np.int32)
    matrix = csr(rows)
    room = len(matrix[1]) + len(rows)
    out = np.zeros(len(rows) + 1, np.int64), np.zeros(room, np.int32), np.zeros(room, np.float32)
    kernels.renumber(*map(frozen, matrix), frozen(numbers), frozen(born), 2, bias, *out)
    wanted = [
        [(0, 1)] * bias
        + [
            (int(numbers[column]), count)
            for column, count in row.items()
            if numbers[column] >= 0 and (not periods or born[column] <= 2)
        ]
        for row in rows
    ]
    size = int(out[0][-1])
    assert rows_of(out[0], out[1][:size], out[2][:size]) == wanted
    first = np.full(201, -1, np.int64)
    kernels.note_first(frozen(out[0]), frozen(out[1]), 7, first)
    for column in range(201):
        having = [i for i, row in enumerate(wanted) if column in dict(row)]
        assert first[column] == (7 + having[0] if having else -1)


@pytest.mark.slow
@given(st.integers(0, 2**32), st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_a_pruned_table_still_finds_all_others(seed: int, bound: int) -> None:
    """Hashes that share slots, at the end of the table too: chains of probes stay whole."""
    rng = np.random.default_rng(seed)
    table, state = np.zeros(2 * 64, np.uint64), np.zeros(4, np.int64)
    none = np.zeros(0, np.int32)
    pool = (rng.integers(1, 1 << 40, 48).astype(np.uint64) << np.uint64(6)) | rng.choice(
        np.array([0, 1, 30, 62, 63], np.uint64), 48
    )
    drawn = rng.choice(pool, 120)
    numbers = np.zeros(120, np.int32)
    kernels.intern(frozen(drawn), table, 60, frozen(none), none, 0, state, numbers)
    counts = Counter(drawn.tolist())
    assert state.tolist() == [len(counts), len(counts), 0, 0]
    own = dict(zip(drawn.tolist(), numbers.tolist(), strict=True))
    floors, tally = np.zeros(1, np.int64), np.zeros(8, np.int64)
    kernels.tally(frozen(table), frozen(none), frozen(floors), tally)
    assert tally.tolist() == [sum(min(c, 7) == k for c in counts.values()) for k in range(8)]
    spare = np.zeros(len(counts), np.int32)
    taken = kernels.prune(table, frozen(none), frozen(floors), bound, spare)
    gone = {h for h, count in counts.items() if count <= bound}
    assert sorted(spare[:taken].tolist()) == sorted(own[h] for h in gone)
    left = sorted(counts.keys() - gone)
    state[kernels.ENTRIES] -= taken
    again = np.zeros(len(left), np.int32)
    kernels.intern(
        frozen(np.array(left, np.uint64)), table, 60, frozen(none), none, 0, state, again
    )
    assert again.tolist() == [own[h] for h in left]  # none was entered anew
    larger = np.zeros(2 * 256, np.uint64)
    kernels.move(frozen(table), larger)
    out = np.zeros(64, np.uint64), np.zeros(64, np.int32), np.zeros(64, np.int64)
    found = kernels.extract(frozen(larger), 3, *out)
    rows = zip(*(array[:found].tolist() for array in out), strict=True)
    assert sorted(rows) == sorted((h, own[h], counts[h] + 1) for h in left if counts[h] + 1 >= 3)


def test_a_full_table_takes_no_more() -> None:
    hashes = np.arange(1, 11, dtype=np.uint64)
    table, state, none = np.zeros(32, np.uint64), np.zeros(4, np.int64), np.zeros(0, np.int32)
    numbers = np.zeros(10, np.int32)
    kernels.intern(frozen(hashes), table, 7, frozen(none), none, 0, state, numbers)
    assert numbers.tolist() == [0, 1, 2, 3, 4, 5, 6, -1, -1, -1]
    assert state.tolist() == [7, 7, 0, 3]
