"""kernels/hash_table.py against dictionaries."""

from __future__ import annotations

from collections import Counter

import naive_linear as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textmlr.base.arrays import frozen
from textmlr.features.vocabulary import NAMELESS, Vocabulary
from textmlr.kernels import csr_rows, distinct, hash_table

# Few values, and many that share their low bits: probing must go on past strangers.
HASHES = st.lists(
    st.integers(1, 6) | st.integers(1, 9).map(lambda i: i << 32) | st.integers(1, 2**64 - 1),
    max_size=60,
)


def u64(values: list[int]) -> np.ndarray:
    return np.array(values, np.uint64)


@given(st.lists(HASHES, min_size=1, max_size=4))
@settings(max_examples=80, deadline=None)
def test_distinct(documents: list[list[int]]) -> None:
    grams = u64([h for document in documents for h in document])
    ends = np.cumsum([0] + [len(document) for document in documents])
    slots, stamps = np.zeros(128, np.int64), np.zeros(128, np.int64)
    hashes, counts = np.empty(len(grams), np.uint64), np.empty(len(grams), np.int32)
    places, offsets = np.empty(len(grams), np.int64), np.empty(len(documents) + 1, np.int64)
    stamp = 1
    for _ in range(2):  # the second time over the scratch that the first left
        stamp = distinct.distinct(
            frozen(grams), frozen(ends), slots, stamps, stamp, hashes, counts, places, offsets
        )
        for i, document in enumerate(documents):
            at = slice(offsets[i], offsets[i + 1])
            columns = (hashes[at].tolist(), counts[at].tolist(), places[at].tolist())
            assert list(zip(*columns, strict=True)) == naive.distinct(document)
    assert stamp == 1 + 2 * len(documents)


@pytest.mark.slow
@given(HASHES)
@settings(max_examples=80, deadline=None)
def test_partition_and_count(values: list[int]) -> None:
    hashes = u64(values)
    shift = 61
    sizes = np.zeros(8, np.int64)
    hash_table.partition_sizes(frozen(hashes), shift, sizes)
    assert sizes.tolist() == [sum(h >> shift == p for h in values) for p in range(8)]
    out, places = np.empty(len(values) + 1, np.uint64), np.empty(len(values) + 1, np.int64)
    edges = np.concatenate([[0], np.cumsum(sizes)])
    for first, last in ((0, 3), (3, 4), (4, 8)):  # the rest goes to the last place of out
        cursor = np.append(edges[first:last], len(values))
        hash_table.partition(frozen(hashes), shift, first, 100, cursor, out, places)
        assert cursor.tolist() == [*edges[first + 1 : last + 1].tolist(), len(values)]
    out, places = out[:-1].copy(), places[:-1].copy()
    want = sorted(range(len(values)), key=lambda i: values[i] >> shift)
    assert places.tolist() == [100 + i for i in want]
    assert out.tolist() == [values[i] for i in want]

    found_h, found_p = np.empty_like(out), np.empty_like(places)
    found_n = np.empty(len(values), np.int64)
    keys, slots = np.zeros(128, np.uint64), np.empty(128, np.int32)
    found = hash_table._count(frozen(out), frozen(places), keys, slots, found_h, found_p, found_n)
    totals = Counter(values)
    assert found == len(totals)
    for h, p, n in zip(found_h[:found], found_p[:found], found_n[:found], strict=True):
        assert n == totals[int(h)]
        assert p == 100 + values.index(int(h))

    for least in (1, 2):
        keys.fill(7)  # whatever an earlier call left
        kept = hash_table.count_partitions(
            frozen(out),
            frozen(places),
            frozen(edges),
            least,
            keys,
            slots,
            found_h,
            found_p,
            found_n,
        )
        told = dict(zip(found_h[:kept].tolist(), found_n[:kept].tolist(), strict=True))
        assert told == {h: n for h, n in totals.items() if n >= least}
        assert len(told) == kept
        assert found_p[:kept].tolist() == [100 + values.index(h) for h in told]


@given(HASHES, HASHES)
@settings(max_examples=80, deadline=None)
def test_table(known: list[int], asked: list[int]) -> None:
    known = list(dict.fromkeys(known))
    table = np.zeros(64, np.uint64)
    assert hash_table.fill_table(frozen(u64(known)), table) == len(known)
    columns = np.empty(len(asked), np.int32)
    hash_table.look_up(frozen(u64(asked)), frozen(table), frozen(u64(known)), 5, columns)
    want = [5 + known.index(h) if h in known else -1 for h in asked]
    assert columns.tolist() == want


@given(HASHES, HASHES)
@settings(max_examples=80, deadline=None)
def test_looking_up_without_a_table(known: list[int], asked: list[int]) -> None:
    """Also hashes alike in the bits by which most are passed over, and into their own memory."""
    known = list(dict.fromkeys([*known, *(h ^ (1 << 40) for h in asked[:3])]))
    hashes = u64(asked)
    columns = hashes.view(np.int32)[: len(hashes)]
    Vocabulary(u64(known), np.ones(len(known), np.int64), *NAMELESS).look_up(hashes, 5, columns)
    assert columns.tolist() == [5 + known.index(h) if h in known else -1 for h in asked]


def test_a_full_table_and_a_repeated_hash() -> None:
    known, table = frozen(u64([8, 16, 24, 8, 32, 40, 48, 56])), np.zeros(8, np.uint64)
    assert hash_table.fill_table(known, table) == 7
    columns = np.empty(2, np.int32)
    hash_table.look_up(frozen(u64([56, 64])), frozen(table), known, 0, columns)
    assert columns.tolist() == [7, -1]


def test_hashes_that_a_table_cannot_tell_by_its_entries() -> None:
    """The same slot and the same upper half: only the whole hash, kept outside, tells them."""
    known = u64([(9 << 32) + (i << 8) + 3 for i in range(5)])
    table, columns = np.zeros(16, np.uint64), np.empty(6, np.int32)
    assert hash_table.fill_table(frozen(known), table) == 5
    asked = frozen(u64([*known.tolist(), (9 << 32) + (5 << 8) + 3]))
    hash_table.look_up(asked, frozen(table), frozen(known), 0, columns)
    assert columns.tolist() == [0, 1, 2, 3, 4, -1]


@pytest.mark.parametrize("width", [1, 3, 1024, 2**30 - 1])
def test_fold_is_even_and_in_range(width: int) -> None:
    hashes = np.random.default_rng(1).integers(1, 2**64, 20_000, np.uint64)
    columns = np.empty(len(hashes), np.int32)
    hash_table.fold(frozen(hashes), 1, width, columns)
    assert columns.tolist() == [1 + ((int(h) >> 32) * width >> 32) for h in hashes]
    if width <= 3:
        assert np.bincount(columns)[1:].min() > 0.9 * len(hashes) / width


@given(
    st.lists(st.lists(st.tuples(st.integers(-1, 70), st.integers(1, 9)), max_size=90), max_size=3),
    st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_rows(documents: list[list[tuple[int, int]]], bias: bool) -> None:
    """More than 32 entries take the radix sort, fewer the insertion sort."""
    documents = [[(c + bias if c >= 0 else c, n) for c, n in d] for d in documents]
    flat = [pair for document in documents for pair in document]
    columns = np.array([c for c, _ in flat], np.int32)
    counts = np.array([n for _, n in flat], np.int32)
    offsets = np.cumsum([0] + [len(document) for document in documents])
    longest = max(map(len, documents), default=0)
    indices = np.empty(len(flat) + len(documents), np.int32)
    values = np.empty(len(indices), np.float32)
    indptr = np.empty(len(offsets), np.int64)
    csr_rows.rows(
        frozen(columns),
        frozen(counts),
        frozen(offsets),
        bias,
        7,
        np.empty(longest, np.uint64),
        np.empty(longest, np.uint64),
        np.empty(256, np.int64),
        csr_rows.Csr(indptr, indices, values),
    )
    for i, document in enumerate(documents):
        at = slice(indptr[i], indptr[i + 1])
        got = list(zip(indices[at].tolist(), values[at].tolist(), strict=True))
        assert got == naive.row([c for c, _ in document], [n for _, n in document], bias)
    frequency = np.zeros(80, np.int64)
    csr_rows.document_frequency(frozen(indices[: indptr[-1]]), frequency)
    want = Counter(c for d in documents for c in {c for c, _ in d if c >= 0})
    assert all(frequency[c] == want[c] for c in range(int(bias), 80))


@pytest.mark.parametrize("length", [1, 31, 32, 33, 400])
@pytest.mark.parametrize("bits", [1, 8, 9, 17, 31])
def test_rows_of_columns_of_any_size(length: int, bits: int) -> None:
    """From 33 entries on, one radix pass a byte of the column; counts up to the largest int32."""
    rng = np.random.default_rng(bits)
    columns = rng.integers(0, 2**bits, length).astype(np.int32)
    columns[0] = 2**bits - 1
    columns = np.insert(columns, length // 2, [-1, -1])  # which are left out
    counts = rng.integers(1, 9, len(columns)).astype(np.int32)
    counts[0] = 2**31 - 1
    indices = np.empty(length + 1, np.int32)
    values, indptr = np.empty(length + 1, np.float32), np.empty(2, np.int64)
    csr_rows.rows(
        frozen(columns),
        frozen(counts),
        frozen(np.array([0, len(columns)])),
        False,
        bits,
        np.empty(length, np.uint64),
        np.empty(length, np.uint64),
        np.empty(256, np.int64),
        csr_rows.Csr(indptr, indices, values),
    )
    want = naive.row(columns.tolist(), counts.tolist(), False)
    assert indices[: indptr[1]].tolist() == [column for column, _ in want]
    np.testing.assert_allclose(values[: indptr[1]], [n for _, n in want], rtol=1e-6)


def test_probing_goes_round_the_end_of_a_full_table() -> None:
    """Seven hashes that all want the last of eight slots, and one that is not there."""
    known = [7 + (i << 40) for i in range(7)]
    table, columns = np.zeros(8, np.uint64), np.empty(8, np.int32)
    assert hash_table.fill_table(frozen(u64(known)), table) == 7
    asked = frozen(u64([*known, 7 + (9 << 40)]))
    hash_table.look_up(asked, frozen(table), frozen(u64(known)), 0, columns)
    assert columns.tolist() == [*range(7), -1]
    keys, slots = np.zeros(8, np.uint64), np.empty(8, np.int32)
    hashes, places = np.empty(7, np.uint64), np.empty(7, np.int64)
    counts = np.empty(7, np.int64)
    found = hash_table._count(
        frozen(u64(known)), frozen(np.arange(7)), keys, slots, hashes, places, counts
    )
    assert found == 7
    assert hashes.tolist() == known
    assert places.tolist() == list(range(7))
    assert counts.tolist() == [1] * 7


@pytest.mark.parametrize("term_frequency", [0, 1, 2])
@pytest.mark.parametrize("with_idf", [False, True])
@pytest.mark.parametrize("unit_norm", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_weigh(term_frequency: int, with_idf: bool, unit_norm: bool, bias: bool) -> None:
    rng = np.random.default_rng(2)
    lists = [rng.choice(np.arange(1, 30), size, False) for size in (5, 0, 12)]
    pairs = [
        [(0, 1)] * bias + sorted((int(c), int(rng.integers(1, 9))) for c in row) for row in lists
    ]
    indices = np.array([c for row in pairs for c, _ in row], np.int32)
    values = np.array([n for row in pairs for _, n in row], np.float32)
    indptr = np.cumsum([0] + [len(row) for row in pairs])
    idf = rng.uniform(1, 9, 30).astype(np.float32) if with_idf else np.zeros(0, np.float32)
    csr_rows.weigh(
        frozen(indices), values, frozen(indptr), bias, term_frequency, frozen(idf), unit_norm
    )
    want = [
        naive.weigh(row, int(bias), term_frequency, idf if with_idf else None, unit_norm)
        for row in pairs
    ]
    np.testing.assert_allclose(values, [w for row in want for w in row], rtol=1e-6)
