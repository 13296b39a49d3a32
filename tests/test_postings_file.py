"""The form of a sparse θ in a model's file: its kernels, its bytes, and what it is refused for."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import naive_coding as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_postings import ASKED, OPTIONS, model_of

from textmlr import FeaturizerOptions, Model, ModelFileError, load
from textmlr.base import tensor_file
from textmlr.base.arrays import frozen
from textmlr.base.string_blobs import blob_of
from textmlr.features.featurizer import Featurizer
from textmlr.features.name_hashes import hashes_of
from textmlr.kernels import label_rows, name_parts
from textmlr.kernels.symbol_coding import SYMBOLS, TOTAL
from textmlr.model.model_file import pack
from textmlr.model.postings import Postings
from textmlr.model.postings_file.coded_rows import coded_rows, restored_rows
from textmlr.model.postings_file.feature_order import name_order
from textmlr.model.postings_file.front_streams import front_coded, hashed, restored_names
from textmlr.model.postings_file.rounded_postings import (
    COARSEST,
    codes_of,
    cut,
    from_short,
    rounded,
    rounded_bias,
    short_of,
)
from textmlr.model.postings_file.settled_parts import settled
from textmlr.model.postings_file.sparse_form import FREE, MOST_OF_BYTE, TENSORS
from textmlr.model.postings_file.symbol_streams import (
    OWN_CONTEXTS,
    Entries,
    as_symbols,
    classes_of,
    coded_symbols,
    from_symbols,
    restored_symbols,
)
from textmlr.model.small_file import front_coding

Json = dict[str, Any]
ROWS = st.integers(1, 40).flatmap(
    lambda most: st.tuples(
        st.just(most),
        st.lists(
            st.tuples(
                st.sets(st.integers(0, most - 1)),
                st.integers(0, 1 << 30),
                st.booleans(),
                st.floats(0, 1),
            ),
            max_size=12,
        ),
    )
)
NAMES = st.lists(
    st.one_of(
        st.lists(st.sampled_from(["a", "b", "ab", "é", "日本", "c\0d"]), min_size=1).map(" ".join),
        st.text("ab é😀", min_size=1, max_size=4).map(lambda text: f"char:{text}"),
    ),
    unique=True,
    max_size=30,
)


def family(drawn: tuple[int, Any]) -> tuple[int, list[list[int]], list[int]]:
    """(labels, rows, parents): some rows are part of an earlier one, some only say so."""
    most, own = drawn
    rows: list[list[int]] = []
    parents = []
    for labels, which, is_within, share in own:
        parent = which % len(rows) if rows and is_within else -1
        if parent >= 0 and share < 0.9:
            labels = {label for i, label in enumerate(rows[parent]) if i * share % 1 < 0.5}
        rows.append(sorted(labels))
        parents.append(parent)
    return most, rows, parents


def postings_of(most: int, rows: list[list[int]]) -> Postings:
    labels = np.array([label for row in rows for label in row], np.int32)
    ones = np.ones(most, np.float32)
    starts = np.cumsum([0, *map(len, rows)])
    return Postings(starts, labels, np.ones(len(labels), np.float32), ones, ones)


# Rows ----------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(ROWS)
def test_rows_are_coded_within_their_parents_and_restored(drawn: tuple[int, Any]) -> None:
    most, rows, parents = family(drawn)
    postings = postings_of(most, rows)
    coded = coded_rows(postings, np.array(parents, np.int64))
    links, alone = naive.links(rows, parents)
    assert (coded.links.tolist(), coded.alone.tolist()) == (links, alone)
    own = [-1 if bad else parent for bad, parent in zip(alone, parents, strict=True)]
    assert coded.bits.tobytes() == naive.rows_bytes(rows, own, most)
    arguments = coded.alone, postings.starts, np.array(parents, np.int64), most, "m"
    for padding in (b"", bytes(3)):
        bits = np.frombuffer(coded.bits.tobytes() + padding, np.uint8)
        labels, again = restored_rows(bits, *arguments)
        assert np.array_equal(labels, postings.labels)
        assert np.array_equal(again, coded.links)
    with pytest.raises(ModelFileError, match="m: the labels of its features are damaged"):
        restored_rows(np.frombuffer(coded.bits.tobytes() + b"\1", np.uint8), *arguments)
    if len(coded.bits):
        with pytest.raises(ModelFileError, match="m: the labels of its features are damaged"):
            restored_rows(coded.bits[:-1], *arguments)


@settings(deadline=None, max_examples=40)
@given(ROWS, st.binary(max_size=60))
def test_any_bits_are_rows_or_refused(drawn: tuple[int, Any], data: bytes) -> None:
    most, rows, parents = family(drawn)
    starts = np.cumsum([0, *map(len, rows)])
    alone = np.array(naive.links(rows, parents)[1], np.uint8)
    try:
        labels, _ = restored_rows(
            np.frombuffer(data, np.uint8), alone, starts, np.array(parents, np.int64), most, "m"
        )
    except ModelFileError:
        return
    for first, last in pairwise(starts):
        row = labels[first:last]
        assert (np.diff(row) > 0).all()
        assert ((row >= 0) & (row < most)).all()


def test_gaps_of_millions_and_runs_of_ones_longer_than_a_word() -> None:
    most = (1 << 31) - 1
    for row in ([], [0], [most - 1], [5, most - 2, most - 1], [*range(300), most - 1]):
        starts, labels = np.array([0, len(row)]), np.array(row, np.int32)
        parents, links = np.array([-1]), np.full(len(row), -1, np.int32)
        bits = np.empty(5 * (len(row) + 1), np.uint8)
        arrays = map(frozen, (starts, labels, parents, links))
        size = label_rows.encode_rows(*arrays, most, bits)
        found, _ = restored_rows(bits[:size], np.zeros(1, np.uint8), starts, parents, most, "m")
        assert np.array_equal(found, labels)
    assert sorted(label_rows.PLACES.tolist()) == list(range(64))


def test_a_row_has_no_more_labels_than_there_are() -> None:
    for parents in ([-1, -1], [-1, 0]):
        with pytest.raises(ModelFileError, match="more labels than there can be"):
            restored_rows(
                np.zeros(9, np.uint8),
                np.zeros(2, np.uint8),
                np.array([0, 2, 6]),
                np.array(parents),
                3,
                "m",
            )


# Symbols -------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(ROWS, st.integers(0, 1 << 30), st.sampled_from([3, 40, 256]), st.sampled_from([2, 32, 256]))
def test_symbols_are_coded_and_restored(
    drawn: tuple[int, Any], seed: int, different: int, most: int
) -> None:
    labels, rows, parents = family(drawn)
    postings = postings_of(labels, rows)
    coded = coded_rows(postings, np.array(parents, np.int64))
    rng = np.random.default_rng(seed)
    symbols = (rng.integers(0, different, len(postings)) ** 2 // different).astype(np.uint8)
    classes = classes_of(rng.integers(0, 50, labels))
    entries = Entries(coded.links, postings.labels, classes)
    stream, frequencies = coded_symbols(symbols, entries, most)
    assert set(frequencies.sum(axis=1).tolist()) <= {0, TOTAL}
    own = naive.contexts(
        *(one.tolist() for one in (symbols, coded.links, postings.labels, classes)), most
    )
    wanted = naive.words(symbols.tolist(), own, frequencies, TOTAL)
    assert stream.view("<u2").tolist() == wanted
    assert np.array_equal(restored_symbols(stream, frequencies, entries, most, "m"), symbols)
    for bad in (stream[:-2], np.concatenate([stream, stream[:2]])):
        with pytest.raises(ModelFileError, match="m: the symbols of its weights are damaged"):
            restored_symbols(bad, frequencies, entries, most, "m")
    for wrong in (frequencies + 1, frequencies * 2 - TOTAL):
        with pytest.raises(ModelFileError, match="m: the frequencies of its symbols are damaged"):
            restored_symbols(stream, wrong, entries, most, "m")


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=50), st.integers(0, 60))
def test_any_words_are_symbols_or_refused(data: bytes, size: int) -> None:
    links = np.full(size, -1, np.int32)
    links[1:] = np.arange(size - 1) // 2 if size else links[1:]
    entries = Entries(links, np.zeros(size, np.int32), np.zeros(1, np.uint8))
    frequencies = np.zeros((4 + OWN_CONTEXTS, SYMBOLS), np.int64)
    frequencies[[0, 1, 4], 0:2] = TOTAL // 2
    try:
        restored_symbols(
            np.frombuffer(data[: len(data) // 2 * 2], np.uint8), frequencies, entries, 4, "m"
        )
    except ModelFileError:
        return


def test_whole_numbers_are_symbols_and_those_too_large_stand_apart() -> None:
    numbers = np.array([0, -1, 1, -2, 127, -127, -128, 128, 2**31 - 1, -(2**31)], np.int32)
    symbols, large = as_symbols(numbers)
    assert symbols[:4].tolist() == [0, 1, 2, 3]
    assert large.tolist() == [*numbers[6:].tolist()]
    assert np.array_equal(from_symbols(symbols, large, "m"), numbers)
    with pytest.raises(ModelFileError, match="its large weights are not so many"):
        from_symbols(symbols, large[1:], "m")


# Names ---------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(NAMES)
def test_names_are_sorted_front_coded_hashed_and_found_in_each_other(texts: list[str]) -> None:
    names, offsets = blob_of(texts)
    raw = [text.encode() for text in texts]
    order = name_order(names, offsets)
    assert order.tolist() == sorted(range(len(raw)), key=raw.__getitem__)
    assert np.array_equal(hashed(names, offsets), hashes_of(names, offsets)) or not raw
    found = np.empty((len(raw), 2), np.int64)
    slots = np.full(2 << len(raw).bit_length(), -1, np.int64)
    hashes, parts = np.zeros(len(raw), np.uint64), np.zeros((len(raw), 2), np.uint64)
    name_parts.find_parents(frozen(names), frozen(offsets), slots, hashes, parts, found)
    assert list(map(tuple, found.tolist())) == naive.parents(raw)
    raw.sort()
    names, offsets = blob_of([name.decode() for name in raw])
    shared, rest = front_coded(names, offsets)
    assert all(map(np.array_equal, (shared, rest), front_coding.front_code(raw)))
    again = restored_names(shared, rest, len(names), "m")
    assert all(map(np.array_equal, again, (names, offsets)))
    with pytest.raises(ModelFileError, match="m: its names are not as long as it says"):
        restored_names(shared, rest, len(names) + 1, "m")
    if raw:
        with pytest.raises(ModelFileError, match="m: its names are not as long as it says"):
            restored_names(shared, rest[:-1], len(names), "m")


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=12), st.binary(max_size=40), st.integers(0, 60))
def test_any_bytes_are_names_or_refused(shared: bytes, rest: bytes, size: int) -> None:
    arrays = np.frombuffer(shared, np.uint8) % 5, np.frombuffer(rest, np.uint8)
    try:
        restored_names(*arrays, size, "m")
    except ModelFileError:
        return


# Weights -------------------------------------------------------------------------------------


def summed(seed: int = 0, *, learnt: float = 0.3, octaves: float = 3) -> tuple[Postings, Any]:
    """Postings with sums, and the factors of their rows."""
    rng = np.random.default_rng(seed)
    rows = [sorted(set(rng.integers(0, 9, 5).tolist())) for _ in range(30)]
    own = postings_of(9, rows)
    factors = rng.uniform(1, 9, len(rows)).astype(np.float32)
    sums = (factors.repeat(np.diff(own.starts)) * 2 ** rng.uniform(0, octaves, len(own))).astype(
        np.float32
    )
    scales = rng.uniform(0.1, 2, 9).astype(np.float32)
    scales[3] = 0
    row_scales = rng.uniform(0.5, 2, len(rows)).astype(np.float32)
    weights = row_scales.repeat(np.diff(own.starts)) * scales[own.labels] * np.sqrt(sums)
    weights += (learnt * rng.normal(size=len(own))).astype(np.float32)
    bias = rng.normal(size=9).astype(np.float32)
    return Postings(own.starts, own.labels, weights, bias, scales, sums, row_scales), factors


@pytest.mark.parametrize("octaves", [0.0, 3.0, 15.5, 40.0])
@pytest.mark.parametrize("learnt", [0.0, 0.3, 50.0])
@pytest.mark.parametrize("with_sums", [True, False])
def test_rounding_is_near_and_once_is_enough(
    octaves: float, learnt: float, with_sums: bool
) -> None:
    own, factors = summed(learnt=learnt, octaves=octaves)
    if not with_sums:
        own = Postings(own.starts, own.labels, own.weights, own.bias, own.scales)
    near, step = rounded(own, factors, None)
    again, same = rounded(near, factors, step)
    assert same == step
    assert (step > 0) == (learnt > 0 or not with_sums)
    names = ["weights", "bias", "scales", "sums"]
    for name in names + ["row_scales"] * with_sums:
        assert np.array_equal(getattr(near, name), getattr(again, name)), name
    codes_of(near, factors, step)
    size = 2.0 ** (COARSEST + 1 - step) if step else 0
    large = 2.0 ** (octaves - 15) * np.abs(own.weights).max() if octaves > 15 else 0
    assert np.allclose(near.weights, own.weights, rtol=0.025, atol=size / 2 + large)
    assert np.allclose(near.bias, own.bias, atol=1 / 512)
    assert np.allclose(near.scales, own.scales, rtol=1e-3)
    if with_sums:
        assert np.allclose(near.row_scales, own.row_scales, rtol=1e-3)
    if with_sums and octaves <= 15:
        assert np.allclose(near.sums, own.sums, rtol=0.023)
    with pytest.raises(ValueError, match="not in whole numbers"):
        codes_of(own, factors, step)


def test_sums_of_0_stay_0_and_negative_ones_are_none() -> None:
    own, factors = summed()
    sums = own.sums.copy()
    sums[::3] = 0
    near, _ = rounded(replace(own, sums=sums), factors, None)
    assert not near.sums[::3].any()
    assert (near.sums[1::3] > 0).all()
    sums[4] = -1
    with pytest.raises(ValueError, match="a sum of features is negative"):
        rounded(replace(own, sums=sums), factors, None)


def test_numbers_of_labels_are_rounded_to_ten_bits() -> None:
    values = np.array([0, 1, -1.5, 1e-30, 3.14159265, 1e30, -7e-12], np.float32)
    assert np.allclose(cut(values), values, rtol=2**-11, atol=0)
    assert np.array_equal(cut(cut(values)), cut(values))
    assert np.array_equal(from_short(short_of(cut(values))), cut(values))
    assert rounded_bias(np.array([0.001, -0.0, 1e9, 0.3], np.float32)).tolist() == [
        0.0, 0.0, 1e9, np.float32(77 / 256),
    ]  # fmt: skip


# Files ---------------------------------------------------------------------------------------

HASHED = FeaturizerOptions(ngrams=(1, 2), char_ngrams=None, hash_bits=9)
KINDS = {
    "plain": {},
    "many": {"labels": 400, "filled": 0.02},
    "full": {"labels": 5, "filled": 1.0},
    "empty": {"labels": 5, "filled": 0.0},
    "hashed": {"options": HASHED},
    "hashed idf": {"options": replace(HASHED, idf=True)},
    "no idf": {"options": replace(OPTIONS, idf=False)},
    "no bias": {"options": replace(OPTIONS, bias=False)},
    "extreme": {"bias": np.linspace(-1e4, 1e4, 20), "size": 1e3},
}


def sparse_model(kind: str) -> Model:
    return model_of(**({"labels": 20, "share": 0.1} | KINDS[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_saved_loaded_and_saved_again_is_the_same(kind: str, tmp_path: Path) -> None:
    model = sparse_model(kind)
    model.save(tmp_path / "m")
    again = load(tmp_path / "m")
    again.save(tmp_path / "n")
    assert (tmp_path / "m").read_bytes() == (tmp_path / "n").read_bytes() == model.dumps()
    own = Model.of(settled(model.parts))
    assert own.dumps() == model.dumps()
    assert np.array_equal(own.probabilities(ASKED), again.probabilities(ASKED))
    assert again.record.as_json() == model.record.as_json()
    assert again.labels == model.labels
    assert repr(again.parts.storage.dtype) == "'postings'"
    if model.featurizer.vocabulary is not None:
        assert sorted(again.featurizer.feature_names()) == sorted(model.featurizer.feature_names())
    if kind != "extreme":
        assert np.allclose(again.probabilities(ASKED), model.probabilities(ASKED), atol=0.02)


def test_only_such_models_have_the_new_format(tmp_path: Path) -> None:
    sparse_model("plain").save(tmp_path / "m")
    assert b'"7 ' in (tmp_path / "m").read_bytes()[:100]
    assert pack(sparse_model("plain").parts).version == 7 == tensor_file.FORMAT_VERSION


def test_a_model_that_says_it_is_settled_and_is_not_cannot_be_saved() -> None:
    parts = settled(sparse_model("plain").parts)
    weights = parts.postings.weights + np.float32(1e-3)
    with pytest.raises(ValueError, match="not in whole numbers"):
        pack(replace(parts, postings=replace(parts.postings, weights=weights)))


def test_features_stand_behind_those_within_them() -> None:
    texts = ["red wine", "red wine", "wine", "a red wine", "bread", "red"]
    featurizer = Featurizer(FeaturizerOptions(ngrams=(1, 3), char_ngrams=None, min_df=1)).fit(texts)
    rows = featurizer.columns
    model = model_of(4)
    starts = np.arange(rows + 1) - 1
    starts[0] = 0
    m = rows - 1
    ones = np.ones(4, np.float32)
    postings = Postings(starts, np.zeros(m, np.int32), np.ones(m, np.float32), ones, ones)
    parts = settled(replace(model.parts, featurizer=featurizer, postings=postings))
    names = parts.featurizer.feature_names()[1:]
    for i, name in enumerate(names):
        parts_of = {name.rpartition(" ")[0], name.partition(" ")[2]} - {""}
        assert parts_of <= set(names[:i])


# Forged files --------------------------------------------------------------------------------


def forged(model: Model, change: Any) -> bytes:
    """The bytes of a model's file after a change of its header and tensors, with right sums."""
    header, tensors, version = pack(model.parts)
    header = copy.deepcopy(header)
    tensors = {name: np.array(array) for name, array in tensors.items()}
    change(header, tensors)
    return tensor_file.dumps(header, tensors, version)


def set_about(name: str, value: Any, header: Json, tensors: Any) -> None:
    header["storage"][name] = value


def damage(name: str, place: int, how: int, header: Json, tensors: Any) -> None:
    """Cut a tensor, change a bit of it, or add some bytes."""
    own = tensors[name]
    if how == 0:
        tensors[name] = own[:place]
    elif how == 1 and len(own):
        own[place] ^= 1 << place % 8
    else:
        tensors[name] = np.concatenate([own[:place], own[:2], own[place:]])


def answers_or_refused(model: Model, change: Any) -> None:
    data = forged(model, change)
    try:
        again = load(data)
    except ModelFileError:
        return
    again.probabilities(ASKED)


@pytest.mark.parametrize("kind", ["plain", "hashed idf", "empty"])
def test_every_number_of_the_description_is_checked(kind: str) -> None:
    model = sparse_model(kind)
    about = pack(model.parts).header["storage"]
    answers = model.dumps()
    assert forged(model, lambda header, tensors: None) == answers
    for name, value in about.items():
        wrong: list[Any] = [None, "x", -1, 1 << 40, 1 << 63, 10**30, [], 0.5, True, False, 3]
        if name == "lengths":
            wrong += [[*value[:-1], value[-1] + 1], [-1, *value[1:]], [1 << 62, *value[1:]]]
        elif type(value) is int:
            wrong += [value + 1, value - 1]
        for other in wrong:
            if json.dumps(other) == json.dumps(value):
                continue

            answers_or_refused(model, partial(set_about, name, other))


@pytest.mark.parametrize("name", TENSORS)
def test_every_cut_and_changed_tensor_is_refused_or_answers(name: str) -> None:
    model = sparse_model("plain")
    size = len(pack(model.parts).tensors[name])
    rng = np.random.default_rng(1)
    for place in rng.integers(0, max(size, 1), 60).tolist():
        for how in range(3):
            answers_or_refused(model, partial(damage, name, place, how))


def test_a_file_declares_no_more_than_its_size_vouches_for() -> None:
    """Before anything is expanded: rows within rows may take no bits at all."""
    model = sparse_model("full")
    for name in ("labels", "rows", "entries"):
        claimed = (len(model.dumps()) + FREE) * MOST_OF_BYTE[name]

        with pytest.raises(ModelFileError, match="it declares more than so few bytes can hold"):
            load(forged(model, partial(set_about, name, claimed)))


def test_a_model_of_more_than_its_bytes_vouch_for_is_filled_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from textmlr.model.postings_file import sparse_form

    model = sparse_model("full")
    size = len(model.dumps())
    monkeypatch.setattr(sparse_form, "MOST_OF_BYTE", {"entries": 1, "bytes": 1})
    monkeypatch.setattr(sparse_form, "FREE", 0)
    larger = model.dumps()
    assert len(larger) > size
    assert load(larger).dumps() == larger
    monkeypatch.undo()
    assert np.array_equal(
        load(larger).probabilities(ASKED), load(model.dumps()).probabilities(ASKED)
    )
