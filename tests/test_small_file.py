"""The small form of a model file: names, hashes, scales, streams, and forged files."""

from __future__ import annotations

import lzma
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import corpus_of, documents
from hypothesis import given, settings
from hypothesis import strategies as st
from test_model import TEXTS

from textmlr import Featurizer, FeaturizerOptions, ModelFileError
from textmlr.base import tensor_file
from textmlr.base.training_options import TrainingOptions
from textmlr.features.name_hashes import hashes_of
from textmlr.model.model import Model
from textmlr.model.small_file.compressed import FILTERS, expand, from_planes, planes, squeeze
from textmlr.model.small_file.compression import compress
from textmlr.model.small_file.front_coding import front_code, restore
from textmlr.model.small_file.theta_storage import (
    MOST,
    ThetaStorage,
    expected_codes,
    finest,
    quantise,
    scale_of,
)
from textmlr.training.corpus_training import train_corpus

PAIRS = documents(200, 4)
QUICK = TrainingOptions(epochs=1, holdout=0.0)
ODD = [
    "東京タワー 東京",
    "ÉCOLE école İstanbul ẞ",
    "a-b--c ...!?",
    "char:x char : x",
    "😀👍🏽 e\u0301",
    "ไทย ไทย",
    "x" * 400 + " y",
    "\u0000 \x1f nul",
    "\ufffd bad",
]


@given(st.lists(st.text(max_size=30), min_size=1, max_size=6))
@settings(deadline=None, max_examples=30)
def test_hashes_follow_from_names(texts: list[str]) -> None:
    """Of any text, for words and characters of any length."""
    options = FeaturizerOptions(ngrams=(1, 4), char_ngrams=(1, 5), idf=False)
    vocabulary = Featurizer(options).fit(texts + ODD).vocabulary
    assert vocabulary is not None
    made = hashes_of(vocabulary.names, vocabulary.name_offsets)
    np.testing.assert_array_equal(made, vocabulary.hashes)


def test_no_names_no_hashes() -> None:
    assert len(hashes_of(np.zeros(0, np.uint8), np.zeros(1, np.int64))) == 0
    # Names that no n-gram has give some hash, and no error.
    blob = np.frombuffer(b"  a b char:", np.uint8)
    assert len(hashes_of(blob, np.array([0, 0, 2, 5, 6, 11, 11]))) == 6


@given(st.lists(st.text(max_size=300), max_size=30))
@settings(deadline=None)
def test_names_are_front_coded(names: list[str]) -> None:
    encoded = sorted(name.encode() for name in names)
    shared, rest = front_code(encoded)
    assert restore(shared, rest, sum(map(len, encoded)), "m") == encoded


def test_names_that_cannot_be() -> None:
    shared, rest = front_code([b"ab", b"abc", "é".encode()])
    size = 7
    for bad in (
        (shared[:-1], rest, size),
        (shared, rest[:-1], size),
        (shared, rest, size - 1),
        (shared + np.uint8(1), rest, size + 3),
        (shared, rest[::-1], size),
        (np.array([0, 2, 4], np.uint8), rest, size + 4),
    ):
        with pytest.raises(ModelFileError, match="name"):
            restore(*bad, "m")


@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20),
    st.integers(0, 255),
    st.integers(1, 10**6),
)
def test_rounding(row: list[float], top: int, documents: int) -> None:
    theta = np.array([row], np.float32)
    counts = np.array([documents])
    rounded, codes = quantise(theta, counts, top)
    scale = float(scale_of(codes)[0])
    whole = rounded / scale
    assert np.abs(whole).max() <= MOST
    np.testing.assert_array_equal(whole, np.rint(whole))
    assert np.abs(rounded.astype(np.float64) - theta).max() <= scale * 0.5000001
    if codes[0] > expected_codes(counts, top)[0]:  # no scale below it would do
        assert np.abs(theta).max() > MOST * float(scale_of(codes - np.uint8(1))[0])
    again, same = quantise(rounded, counts, top)
    if same[0] == codes[0]:
        np.testing.assert_array_equal(again, rounded)
    least = finest(theta, counts)
    np.testing.assert_array_equal(quantise(theta, counts, least)[0], quantise(theta, counts, 0)[0])


def test_scales() -> None:
    scales = scale_of(np.arange(256).astype(np.uint8)).astype(np.float64)
    ratios = scales[1:] / scales[:-1]
    assert ratios.min() >= 8 / 7
    assert ratios.max() <= 5 / 4
    codes = expected_codes(np.array([1, 2, 3, 4, 6, 8, 2**40]), 200).tolist()
    assert codes == [200, 198, 197, 196, 195, 194, 120]


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.uint64, np.float16, np.int32])
def test_planes(dtype: Any) -> None:
    array = np.frombuffer(np.random.default_rng(1).bytes(160), np.uint8).view(dtype)
    assert from_planes(planes(array), dtype).tobytes() == array.tobytes()
    assert planes(np.array([1, 2], np.int32)).tolist() == [1, 2, 0, 0, 0, 0, 0, 0]


PARTS = [np.frombuffer(b"abc" * 50, np.uint8), np.zeros(0, np.uint8), np.arange(9).astype(np.uint8)]


def test_streams() -> None:
    data, lengths = squeeze(PARTS)
    sizes = [len(part) for part in PARTS]
    for part, made in zip(PARTS, expand(data, lengths, sizes, "m"), strict=True):
        np.testing.assert_array_equal(part, made)
    for bad_lengths, bad_sizes in (
        (lengths, [149, 0, 9]), (lengths, [151, 0, 9]), (lengths, [150, 1, 9]),
        (lengths[:2], sizes), (lengths, sizes[:2]), ([-1, *lengths[1:]], sizes),
        ([lengths[0] + 1, lengths[1] - 1, lengths[2]], sizes), (lengths, [150, 0, -9]),
        ([True, *lengths[1:]], sizes), (lengths, [150, 0, 1 << 60]),
    ):  # fmt: skip
        with pytest.raises(ModelFileError):
            expand(data, bad_lengths, bad_sizes, "m")
    for at in range(len(data)):  # never more, and no other error
        changed = data.copy()
        changed[at] ^= 0x55
        try:
            made = expand(changed, lengths, sizes, "m")
        except ModelFileError:
            continue
        assert [len(part) for part in made] == sizes


@pytest.mark.slow
def test_a_bomb_takes_no_memory() -> None:
    """Gigabytes of zeros in some kilobytes: refused, whether they are declared or not."""
    zeros = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=FILTERS)
    bomb = b"".join(zeros.compress(bytes(1 << 24)) for _ in range(4)) + zeros.flush()
    data = np.frombuffer(bomb, np.uint8)
    tracemalloc.start()
    for declared in (4 << 24, 1000, 1 << 40):
        with pytest.raises(ModelFileError):
            expand(data, [len(data)], [declared], "m")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 24  # the decoder's dictionary is half of it


@pytest.fixture(scope="module")
def small() -> Model:
    model = train_corpus(corpus_of(PAIRS), FeaturizerOptions(idf=True), QUICK)
    return compress(model, 8_000)


def test_every_changed_byte_and_truncation_is_noticed(small: Model, tmp_path: Path) -> None:
    path = tmp_path / "m"
    small.save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for at in rng.choice(len(whole), 200, replace=False).tolist():
        for changed in (whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :], whole[:at]):
            path.write_bytes(changed)
            with pytest.raises(ModelFileError):
                Model.load(path)


def forged(small: Model, path: Path, **changes: Any) -> Path:
    """The small model's file, with another description, whose checksums agree."""
    small.save(path)
    header, tensors = tensor_file.load(path)
    stream = changes.pop("stream", tensors["small"])
    storage = header["storage"] | changes
    storage = {name: value for name, value in storage.items() if value is not None}
    tensor_file.save(path, header | {"storage": storage}, tensors | {"small": stream})
    return path


def test_descriptions_that_lie(small: Model, tmp_path: Path) -> None:
    path = tmp_path / "m"
    Model.load(forged(small, path))
    header, tensors = tensor_file.load(path)
    about, stream = header["storage"], tensors["small"]
    rows, lengths = about["rows"], about["lengths"]
    for changes in (
        {"dtype": "int4"},
        {"dtype": "float32"},
        {"dtype": "float16"},
        {"dtype": None},
        {"rows": rows + 1},
        {"rows": rows - 1},
        {"rows": 0},
        {"rows": -1},
        {"rows": 1 << 60},
        {"rows": 1 << 33},
        {"rows": 2.0},
        {"rows": True},
        {"mirrored": True},
        {"mirrored": 1},
        {"idf": "none"},
        {"idf": "bits"},
        {"idf": 1},
        {"odd": 1},
        {"odd": -1},
        {"odd": rows},
        {"names": 0},
        {"names": -1},
        {"rest": 0},
        {"names": about["names"] + 1},
        {"rest": 1 << 50},
        {"top": -1},
        {"top": 256},
        {"top": None},
        {"top": 1.5},
        {"lengths": lengths[:-1]},
        {"lengths": [*lengths, 0]},
        {"lengths": lengths[::-1]},
        {"lengths": "x"},
        {"lengths": [None] * len(lengths)},
        {"stream": stream[:-1].copy()},
        {"stream": np.zeros(0, np.uint8)},
        {"stream": np.roll(stream, 1)},
        {"stream": stream.view(np.uint8).astype(np.int32)},
    ):
        with pytest.raises(ModelFileError) as caught:
            Model.load(forged(small, path, **changes))
        assert str(path) in str(caught.value), changes


def with_parts(small: Model, path: Path, **changes: Any) -> Path:
    """The small model's file, with other bytes in some of its streams."""
    small.save(path)
    header, tensors = tensor_file.load(path)
    about, stream = header["storage"], tensors["small"]
    rows, odd = about["rows"], about["odd"]
    names = ("shared", "rest", "frequencies", "odd", "hashes", "idf", "codes", "theta")
    sizes = [rows - 1, about["rest"], 8 * (rows - 1), 8 * odd, 8 * odd, 0, rows, 3 * rows]
    found = expand(stream, about["lengths"], sizes, path)
    parts = dict(zip(names, (part.copy() for part in found), strict=True)) | changes
    stream, about["lengths"] = squeeze(list(parts.values()))
    about |= {"odd": len(parts["odd"]) // 8, "rest": len(parts["rest"])}
    tensor_file.save(path, header, tensors | {"small": stream})
    return path


def test_contents_that_cannot_be(small: Model, tmp_path: Path) -> None:
    path = tmp_path / "m"
    Model.load(with_parts(small, path))
    rows = len(small.parts.layers[0])
    frequencies = np.full(rows - 1, 3)
    none = frequencies.copy()
    none[4] = 0
    theta = np.full(3 * rows, 1, np.int8)
    theta[5] = -128
    twice = np.full(1, small.featurizer.vocabulary.hashes[0], np.uint64)
    for changes in (
        {"frequencies": planes(none)},
        {"frequencies": planes(-frequencies)},
        {"frequencies": planes(frequencies + 10**6)},  # more than there are documents: idf
        {"theta": theta.view(np.uint8)},
        {"odd": planes(np.array([rows - 1])), "hashes": planes(np.array([5], np.uint64))},
        {"odd": planes(np.array([-1])), "hashes": planes(np.array([5], np.uint64))},
        {"odd": planes(np.array([3])), "hashes": planes(np.array([0], np.uint64))},
        {"odd": planes(np.array([2, 3])), "hashes": planes(np.repeat(twice, 2))},
        {"shared": np.full(rows - 1, 200, np.uint8)},
        {"rest": np.full(3, 0xFE, np.uint8)},
    ):
        with pytest.raises(ModelFileError) as caught:
            Model.load(with_parts(small, path, **changes))
        assert str(path) in str(caught.value), changes


def test_a_hash_that_its_name_does_not_tell_is_held(tmp_path: Path) -> None:
    model = train_corpus(corpus_of(PAIRS), FeaturizerOptions(), QUICK)
    vocabulary = model.featurizer.vocabulary
    names = vocabulary.names.copy()
    robot = vocabulary.name_list().index("robot")
    names[vocabulary.name_offsets[robot]] = ord("R")
    model.featurizer.vocabulary = replace(vocabulary, names=names)
    small = compress(model, 8_000)
    small.save(tmp_path / "m")
    assert tensor_file.load(tmp_path / "m")[0]["storage"]["odd"] == 1
    loaded = Model.load(tmp_path / "m")
    assert "Robot" in loaded.featurizer.feature_names()
    assert loaded.scores(TEXTS).tobytes() == small.scores(TEXTS).tobytes()


def test_idf_that_does_not_follow_is_held(small: Model, tmp_path: Path) -> None:
    featurizer = small.featurizer
    idf = featurizer.idf.copy()
    idf[3] *= 2
    other = Featurizer.restore(
        featurizer.options, featurizer.vocabulary, idf, small.labels, featurizer.documents
    )
    model = Model.of(replace(small.parts, featurizer=other))
    model.save(tmp_path / "m")
    assert tensor_file.load(tmp_path / "m")[0]["storage"]["idf"] == "bits"
    assert Model.load(tmp_path / "m").featurizer.idf.tobytes() == idf.tobytes()
    assert ThetaStorage().dtype == "float32"
