"""The file of tensors: its limits, the message of each refusal, and the reach of its checksums.

Most of these tests kill a mutant of ``base.tensor_file``, made by a mutation tool, that the others
let live.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textmlr.base import file_bytes, file_checks, tensor_file
from textmlr.base.errors import InputError, ModelFileError

MIB = 1 << 20


def refused(path: Path) -> str:
    with pytest.raises(ModelFileError) as caught:
        tensor_file.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def _checksum(version: str, content: str) -> str:
    number = int(version) if version.isascii() and version.isdecimal() else 0
    return f"{tensor_file.header_checksum(number, content.encode()):08x}"


def written(
    path: Path,
    data: bytes = b"",
    *,
    length: int = 0,
    version: str | None = None,
    layout: dict[str, Any] | None = None,
    tensors: dict[str, Any] | None = None,
    header: Any = None,
    metadata: dict[str, str] | None = None,
    pad: int = 8,
) -> Path:
    """A file whose own checksums agree; all data are one tensor unless ``layout`` says otherwise.

    length  bytes that the safetensors header is filled up to, with spaces
    """
    if layout is None:
        shape = [len(data)]
        layout = {"a": {"dtype": "U8", "shape": shape, "data_offsets": [0, len(data)]}}
        tensors = {"a": ["U8", shape, tensor_file._checksum(np.frombuffer(data, np.uint8))]}
    content = json.dumps({"header": {} if header is None else header, "tensors": tensors or {}})
    number = str(tensor_file.FORMAT_VERSION) if version is None else version
    own = {"textmlr": f"{number} {_checksum(number, content)} {content}"}
    raw = json.dumps({"__metadata__": own | (metadata or {}), **layout}).encode()
    raw += b" " * max(length - len(raw), -len(raw) % pad)
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + data)
    return path


# Limits --------------------------------------------------------------------------------------


def test_a_header_has_at_most_a_mebibyte_or_a_sixteenth_of_the_file(tmp_path: Path) -> None:
    """Python makes up to thirty times as many bytes of it: no small file is to fill a machine."""
    path = tmp_path / "m"
    assert 1 << 19 <= tensor_file.MOST_HEADER <= 1 << 22  # real ones have some thousands of bytes
    large = bytes(48 * MIB)
    for data, most in ((b"", MIB), (bytes(4 * MIB), MIB), (large, 3 * MIB)):
        tensor_file.load(written(path, data, length=most))
        assert refused(written(path, data, length=most + MIB)).startswith("its header is too large")
    tensor_file.load(
        written(path, large, length=16 * ((48 * MIB + 8) // 15 // 16))
    )  # the sixteenth
    assert "too large" in refused(written(path, large, length=48 * MIB // 15 + 64))
    tensor_file.load(written(path, length=tensor_file.MOST_HEADER))
    assert "too large" in refused(written(path, length=tensor_file.MOST_HEADER + 8))


def test_a_header_that_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "m"
    for data, length in ((b"", MIB), (bytes(48 * MIB), 3 * MIB)):
        tensors = {"a": np.frombuffer(data, np.uint8)}
        tensor_file.save(path, {"names": "x" * (length - 1000)}, tensors)
        tensor_file.load(path)
        before = path.stat().st_mtime_ns
        with pytest.raises(InputError, match="m: its header would be too large; train on fewer, l"):
            tensor_file.save(path, {"names": "x" * (length + MIB // 2)}, tensors)
        assert path.stat().st_mtime_ns == before


def test_what_begins_with_an_impossible_size_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "m"
    for size, told in (
        (100_000_001, "is not a textmlr model"),
        (100_000_000, "its header is too"),
        (MIB, "is cut short"),
        (2**64 - 1, "is not a textmlr model"),
    ):
        path.write_bytes(struct.pack("<Q", size) + b"{" + bytes(50))
        assert refused(path).startswith(told)
    for content in (b"", b"1234567", b"12345678"):
        path.write_bytes(content)
        assert refused(path).startswith("is empty, or cut short; copy the file again")
    path.write_bytes(b"12345678{")
    assert refused(path).startswith("is not a textmlr model; name a model")
    path.write_bytes(struct.pack("<Q", 8) + b"[       ")
    assert refused(path).startswith("is not a textmlr model")
    path.write_bytes(struct.pack("<Q", 8) + b"{}      ")
    assert refused(path).startswith("a safetensors file, but not a textmlr model; name")


def test_only_the_first_bytes_are_read_of_what_is_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pages(*_: object) -> None:
        raise AssertionError("all of it is read")

    monkeypatch.setattr(file_bytes, "pages", pages)
    (tmp_path / "m").write_bytes(b"label\ttext\n" * 1000)
    assert "is not a textmlr model" in refused(tmp_path / "m")


# Reading -------------------------------------------------------------------------------------


def test_a_file_that_becomes_shorter_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = written(tmp_path / "m", bytes(100)), os.fstat

    def longer(handle: int) -> os.stat_result:
        found = list(real(handle))
        found[6] += 10
        return os.stat_result(found)

    monkeypatch.setattr(os, "fstat", longer)
    assert refused(path).startswith("is cut short")


def test_paths_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hint = "check the path"
    assert refused(tmp_path / "none") == (
        "no such file or directory; check the path, or train a model first (textmlr train)"
    )
    with pytest.raises(ModelFileError, match=f"null byte; {hint}"):
        tensor_file.load("a\0b")
    assert refused(tmp_path) == "is not a file; name a model file"

    def refuse(*_: object, **__: object) -> None:
        raise OSError("Odd")

    path = written(tmp_path / "m")
    monkeypatch.setattr("builtins.open", refuse)
    assert refused(path).startswith("odd; check the path, or train")


def test_a_load_leaves_no_file_open(tmp_path: Path) -> None:
    path = written(tmp_path / "m", bytes(100))
    _, tensors = tensor_file.load(path)
    path.write_bytes(b"another" * 1000)  # in place
    assert tensors["a"].tobytes() == bytes(100)


# What a file says ----------------------------------------------------------------------------


def test_versions(tmp_path: Path) -> None:
    path, now = tmp_path / "m", tensor_file.FORMAT_VERSION
    oldest = tensor_file.OLDEST_VERSION
    for version in (oldest, now):
        tensor_file.load(written(path, version=f"{version:08d}"))
    for version, told in (
        (f"{now:09d}", "its format version is unreadable"),
        ("٤", "its format version is unread"),
        ("4.0", "its format version is unreadable"),
        ("0", "its format version is 0"),
        (f"{now + 1}", f"was made by a newer textmlr (format {now + 1}); upgrade textmlr"),
        ("99999999", "was made by a newer textmlr"),
        (
            f"{oldest - 1}",
            f"was made by an older textmlr (format {oldest - 1}); train the model again",
        ),
        ("1", "was made by an older textmlr (format 1)"),
    ):
        assert refused(written(path, version=version)).startswith(told)


def test_metadata_are_ours_alone(tmp_path: Path) -> None:
    path = tmp_path / "m"
    assert refused(written(path, metadata={"author": "me"})).startswith("it has metadata that are")
    path.write_bytes(written(path).read_bytes().replace(b"textmlr", b"textmlx"))
    assert refused(path).startswith("a safetensors file, but not a textmlr model")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("NaN", "its header is no JSON (NaN is no JSON)"),
        ("1e999", "(1e999 is too large)"),
        ("-Infinity", "(-Infinity is no JSON)"),
        ('{"a": 1, "a": 1}', "(a key stands twice)"),
        ("[" * 10_000 + "]" * 10_000, "(nested too deeply)"),
        ("[", "its header is no JSON (Expec"),
    ],
)
def test_json_that_is_none(tmp_path: Path, content: str, told: str) -> None:
    inner = f'{{"header": {content}, "tensors": {{}}}}'
    number = str(tensor_file.FORMAT_VERSION)
    entry = f"{number} {_checksum(number, inner)} {inner}"
    raw = json.dumps({"__metadata__": {"textmlr": entry}}).encode()
    raw += b" " * (-len(raw) % 8)
    (tmp_path / "m").write_bytes(struct.pack("<Q", len(raw)) + raw)
    assert told in refused(tmp_path / "m")
    raw = f'{{"__metadata__": {content}}}'.encode()
    raw += b" " * (-len(raw) % 8)
    (tmp_path / "m").write_bytes(struct.pack("<Q", len(raw)) + raw)
    assert told in refused(tmp_path / "m")


def test_headers_are_objects_and_aligned(tmp_path: Path) -> None:
    path = tmp_path / "m"
    assert "'header' is missing or not of type dict" in refused(written(path, header=[1]))
    number = str(tensor_file.FORMAT_VERSION)
    inner = f"{number} {_checksum(number, '[1]')} [1]"
    raw = json.dumps({"__metadata__": {"textmlr": inner}}).encode()
    path.write_bytes(struct.pack("<Q", len(raw) + -len(raw) % 8) + raw + b" " * (-len(raw) % 8))
    assert refused(path).startswith("its header is no JSON object")
    content = written(path, bytes(16)).read_bytes()
    size = int.from_bytes(content[:8], "little")
    for more in range(1, 8):
        path.write_bytes(
            struct.pack("<Q", size + more) + content[8 : 8 + size] + b" " * more + bytes(16)
        )
        assert refused(path).startswith("its header is not aligned")
    path.write_bytes(content[: 8 + size - 8])
    assert refused(path).startswith("is cut short")


def one(dtype: Any, shape: Any, first: Any, last: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (one("F32", [1, 1, 2], 0, 8), "tensor 'a' has an impossible shape"),
        (one("F32", [1000], 0, 8), "tensor 'a' has an impossible shape"),
        (one("F32", [-1], 0, 8), "tensor 'a' has an impossible shape"),
        (one("U8", [100, 100], 0, 8), "tensor 'a' is larger than the file"),
        (one("F32", [3], 0, 8), "tensor 'a' is not as long as its shape says"),
        (one("F32", [4], 0, 16), "is cut short"),
        (one("F32", [1], 4, 8), "there is a gap or an overlap before tensor 'a'"),
        (one("F8", [8], 0, 8), "tensor 'a' has dtype 'F8'"),
        (one("U8", [8], 8, 0), "a tensor's offsets are out of range"),
        (one("U8", [8], 0, True), "a tensor's offsets are out of range"),
        (one("U8", [7], 0, 7), "its size is not what its header says"),
        ([], "a tensor's entry is no object"),
        ({"dtype": "U8", "shape": [8]}, "'data_offsets' is missing or not of type list"),
        (one(8, [8], 0, 8), "'dtype' is missing or not of type str"),
        (one("U8", 8, 0, 8), "'shape' is missing or not of type list"),
    ],
)
def test_what_a_layout_may_not_say(tmp_path: Path, entry: Any, told: str) -> None:
    about = entry if isinstance(entry, dict) else {}
    crc = zlib.crc32(bytes(7 if about.get("shape") == [7] else 8))
    tensors = {"a": [about.get("dtype"), about.get("shape"), crc]}
    path = written(tmp_path / "m", bytes(8), layout={"a": entry}, tensors=tensors)
    assert refused(path).startswith(told)


def test_tensors_that_lie_as_they_should_not(tmp_path: Path) -> None:
    layout = {"a": one("U8", [2], 0, 2), "b": one("F32", [1], 2, 6), "c": one("U8", [2], 6, 8)}
    tensors = {
        "a": ["U8", [2], zlib.crc32(bytes(2))],
        "b": ["F32", [1], zlib.crc32(bytes(4))],
        "c": ["U8", [2], zlib.crc32(bytes(2))],
    }
    path = written(tmp_path / "m", bytes(8), layout=layout, tensors=tensors)
    assert refused(path).startswith("tensor 'b' is not aligned")
    path = written(tmp_path / "m", bytes(8), layout=layout, tensors={})
    assert refused(path).startswith("its tensors are not those it lists")
    empty = {"a": one("F32", [0, 1000], 0, 0), "b": one("U8", [8], 0, 8)}
    tensors = {"a": ["F32", [0, 1000], 0], "b": ["U8", [8], zlib.crc32(bytes(8))]}
    path = written(tmp_path / "m", bytes(8), layout=empty, tensors=tensors)
    assert refused(path).startswith("tensor 'a' has an impossible shape")  # it has 1000 columns
    path = written(
        tmp_path / "m",
        bytes(2000),
        layout=empty | {"b": one("U8", [2000], 0, 2000)},
        tensors=tensors | {"b": ["U8", [2000], zlib.crc32(bytes(2000))]},
    )
    assert tensor_file.load(path)[1]["a"].shape == (0, 1000)


@pytest.mark.parametrize("size", [tensor_file.CHECKED, tensor_file.CHECKED + 1])
def test_a_checksum_is_of_all_bytes_or_of_those_of_its_blocks(tmp_path: Path, size: int) -> None:
    """Part of the format: files are to be read by later versions too."""
    assert tensor_file.CHECKED == 1 << 22
    data = np.random.default_rng(1).integers(0, 256, size, np.uint8)
    tensor_file.save(tmp_path / "m", {}, {"a": data})
    raw = (tmp_path / "m").read_bytes()
    head = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]["textmlr"]
    told = json.loads(head.split(" ", 2)[2])["tensors"]["a"][2]
    blocks = [zlib.crc32(data[: 1 << 22]), zlib.crc32(data[1 << 22 :])]
    own = zlib.crc32(data) if size == 1 << 22 else zlib.crc32(struct.pack("<2I", *blocks))
    assert told == own


# Helpers of what knows models ----------------------------------------------------------------


def test_values_are_of_their_kinds() -> None:
    values = {"n": 1, "b": True, "s": "x", "none": None}
    assert file_checks.take(values, "n", int, "m") == 1
    assert file_checks.take(values, "b", bool, "m") is True
    for key, kind in (("b", int), ("n", bool), ("s", int), ("none", str), ("not", str)):
        told = f"m: '{key}' is missing or not of type {kind.__name__}"
        with pytest.raises(ModelFileError, match=told):
            file_checks.take(values, key, kind, "m")


def test_tensors_are_of_their_dtypes_and_shapes() -> None:
    tensors = {"a": np.zeros((2, 3), np.float32)}
    for shape in ((2, 3), (None, 3), (2, None), (None, None)):
        assert file_checks.tensor(tensors, "a", np.float32, shape, "m") is tensors["a"]
    for shape in ((2,), (2, 3, None), (3, 3), (2, 4), (None, 2), ()):
        with pytest.raises(ModelFileError, match=r"is float32 of shape \(2, 3\), not float32 of"):
            file_checks.tensor(tensors, "a", np.float32, shape, "m")
    with pytest.raises(ModelFileError, match=r"not float64 of \(any, 3\)"):
        file_checks.tensor(tensors, "a", np.float64, (None, 3), "m")
    with pytest.raises(ModelFileError, match="tensor 'b' is missing"):
        file_checks.tensor(tensors, "b", np.float32, (2, 3), "m")


def test_blobs_and_what_is_told_of_them() -> None:
    def check(blob: bytes, offsets: list[int]) -> None:
        file_checks.check_blob(
            np.frombuffer(blob, np.uint8), np.array(offsets, np.int64), "m", "ns"
        )

    check("é東a".encode(), [0, 2, 2, 5, 6, 6])
    for offsets in ([], [1, 6], [0, 5], [0, 7], [0, 5, 2, 6]):
        with pytest.raises(ModelFileError, match="m: the offsets of the ns are out of range"):
            check("é東a".encode(), offsets)
    with pytest.raises(ModelFileError, match="m: the ns are not UTF-8"):
        check(b"\xff", [0, 1])
    for offsets in ([0, 1, 6], [0, 3, 6], [0, 4, 6], [0, 2, 3, 6]):
        with pytest.raises(ModelFileError, match="m: the ns are cut wrongly"):
            check("é東a".encode(), offsets)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    for header, tensors in (
        ({"a": float("nan")}, {}),
        ({"a": object()}, {}),
        ({}, {"a": np.zeros(2, np.int16)}),
    ):
        with pytest.raises((TypeError, ValueError, KeyError)):
            tensor_file.save(tmp_path / "m", header, tensors)
    assert not os.listdir(tmp_path)
