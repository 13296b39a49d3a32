"""The model file: what is written is read, and nothing else is."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LIMITED_PYTHON
from hypothesis import given, settings
from hypothesis import strategies as st

from textmlr.base import file_checks, tensor_file, whole_files
from textmlr.base.errors import InputError, ModelFileError

HEADER = {"name": "Ünï", "numbers": [1, 2.5, None], "nested": {"a": True}}
TENSORS = {
    "theta": np.arange(6, dtype=np.float32).reshape(3, 2),
    "bytes": np.arange(5, dtype=np.uint8),
    "hashes": np.array([1, 2**63 + 1], np.uint64),
    "empty": np.zeros((0, 4), np.int64),
    "ids": np.array([3, -1, 7], np.int32),
    "half": np.array([0.5], np.float16),
    "double": np.array([np.pi]),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "m.textmlr"
    tensor_file.save(path, HEADER, TENSORS)
    return path


def test_round_trip(file: Path) -> None:
    header, tensors = tensor_file.load(file)
    assert header == HEADER
    assert tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert tensors[name].dtype == array.dtype
        assert tensors[name].shape == array.shape
        assert tensors[name].tobytes() == array.tobytes()


def test_arrays_are_views_of_the_file(file: Path) -> None:
    _, tensors = tensor_file.load(file)
    for name in ("theta", "hashes", "ids"):
        assert not tensors[name].flags.owndata
        assert not tensors[name].flags.writeable


def test_same_bytes_and_size(file: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.textmlr"
    reordered = dict(reversed(TENSORS.items()))
    assert tensor_file.save(again, HEADER, reordered) == again.stat().st_size
    assert again.read_bytes() == file.read_bytes()


def test_other_programs_read_it(file: Path) -> None:
    from safetensors.numpy import load_file

    assert load_file(file)["theta"].tolist() == TENSORS["theta"].tolist()


def refused(path: Path) -> str:
    with pytest.raises(ModelFileError) as caught:
        tensor_file.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.mend
    return str(caught.value)


def test_every_truncation_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        refused(file)
    file.write_bytes(whole + b"\0")
    refused(file)


@pytest.mark.slow
def test_every_changed_byte_is_noticed(file: Path) -> None:
    whole = file.read_bytes()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 0x55
        file.write_bytes(changed)
        refused(file)


def test_another_version_is_noticed(file: Path) -> None:
    """A bit makes one version another that is read."""
    known = range(tensor_file.OLDEST_VERSION, tensor_file.FORMAT_VERSION + 1)
    for version in known:
        tensor_file.save(file, HEADER, TENSORS, version)
        whole = file.read_bytes()
        start = b'"textmlr":"%d '
        assert whole.count(start % version) == 1
        for other in set(known) - {version}:
            file.write_bytes(whole.replace(start % version, start % other))
            assert "checksum of its header" in refused(file)


@pytest.mark.slow
@given(st.data())
@settings(max_examples=300, deadline=None)
def test_flipped_bits(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "flipped.textmlr"
    tensor_file.save(path, HEADER, TENSORS)
    whole = bytearray(path.read_bytes())
    flips = data.draw(st.sets(st.integers(0, 8 * len(whole) - 1), min_size=1, max_size=4))
    for bit in flips:
        whole[bit // 8] ^= 1 << bit % 8
    path.write_bytes(whole)
    refused(path)


def test_a_file_is_what_safetensors_own_library_writes(tmp_path: Path) -> None:
    from safetensors.numpy import save

    tensors = {
        name: np.ones(3, dtype)
        for name, dtype in zip("gfedcba", tensor_file._DTYPES.values(), strict=True)
    } | {"empty": np.zeros((0, 4), np.float32)}
    header = {"text": 'é\u2028"\\\x01', "number": 1.5}
    size = tensor_file.save(tmp_path / "m", header, tensors)
    raw = (tmp_path / "m").read_bytes()
    metadata = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]
    assert raw == save(tensors, metadata=metadata)
    assert size == len(raw) == tensor_file.size_of(header, tensors)


def forged(
    path: Path,
    layout: dict[str, Any],
    data: bytes,
    header: dict[str, Any] | None = None,
    version: object = tensor_file.FORMAT_VERSION,
) -> Path:
    """A file whose own checksums agree, whatever else it claims."""
    tensors = {}
    for name, entry in layout.items():
        if isinstance(entry, dict) and isinstance(entry.get("data_offsets"), list):
            first, last = (entry["data_offsets"] + [0, 0])[:2]
            whole = isinstance(first, int) and isinstance(last, int)
            crc = zlib.crc32(data[first:last]) if whole and 0 <= first <= last else 0
            tensors[name] = [entry.get("dtype"), entry.get("shape"), crc]
    content = json.dumps({"header": header or {}, "tensors": tensors})
    number = version if isinstance(version, int) else 0
    check = tensor_file.header_checksum(number, content.encode())
    entry = f"{version} {check:08x} {content}"
    raw = json.dumps({"__metadata__": {"textmlr": entry}, **layout}).encode()
    raw += b" " * (-len(raw) % 8)
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + data)
    return path


def entry(dtype: str, shape: Any, first: Any, last: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


def test_a_forged_file_that_tells_the_truth_is_read(tmp_path: Path) -> None:
    path = forged(tmp_path / "m", {"a": entry("F32", [2], 0, 8)}, bytes(8))
    assert tensor_file.load(path)[1]["a"].tolist() == [0, 0]


@pytest.mark.parametrize(
    "layout",
    [
        {"a": entry("F32", [3], 0, 8)},
        {"a": entry("F32", [-2], 0, 8)},
        {"a": entry("F32", [2**62, 4], 0, 8)},
        {"a": entry("F32", [2.0], 0, 8)},
        {"a": entry("F32", [True, 2], 0, 8)},
        {"a": entry("F32", "2", 0, 8)},
        {"a": entry("BF16", [4], 0, 8)},
        {"a": entry("F32", [2], 8, 0)},
        {"a": entry("F32", [2], -8, 0)},
        {"a": entry("F32", [2], 0, 16)},
        {"a": entry("F32", [1], 0, 4)},
        {"a": entry("F32", [1], 4, 8)},
        {"a": entry("F32", [1], 0, 4), "b": entry("F32", [2], 0, 8)},
        {"a": {"dtype": "F32", "shape": [2]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8.0]}},
        {"a": 7},
        {"a": entry("U8", [2], 0, 2), "b": entry("F32", [1], 2, 6), "c": entry("U8", [2], 6, 8)},
    ],
)
def test_lying_layouts(tmp_path: Path, layout: dict[str, Any]) -> None:
    refused(forged(tmp_path / "m", layout, bytes(8)))


def test_formats_of_other_times(tmp_path: Path) -> None:
    path = tmp_path / "m"
    assert "newer textmlr" in refused(forged(path, {}, b"", version=tensor_file.FORMAT_VERSION + 1))
    for version in range(1, tensor_file.OLDEST_VERSION):
        assert "older textmlr" in refused(forged(path, {}, b"", version=version))
    for version in (0, "x", "", "-1", "9" * 50):
        refused(forged(path, {}, b"", version=version))


def test_other_files(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "other"
    assert "no such file" in refused(path)
    for content in (b"", b"x", b"label\ttext\n" * 9, b"PK\x03\x04" + bytes(60), b"\x80\x04" * 30):
        path.write_bytes(content)
        refused(path)
    for size in (2**60, 2**63, 2**64 - 1, 100_000_001):
        path.write_bytes(struct.pack("<Q", size) + b"{" + bytes(50))
        refused(path)
    save_file({"a": np.zeros(2)}, path)
    assert "not a textmlr model" in refused(path)
    assert "is not a file" in refused(tmp_path)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert "is not a file" in refused(fifo)
    assert "is not a file" in refused(Path("/dev/zero"))


def raw_header(path: Path, raw: bytes) -> Path:
    raw += b" " * (-len(raw) % 8)
    path.write_bytes(struct.pack("<Q", len(raw)) + raw)
    return path


def test_hostile_json(tmp_path: Path) -> None:
    path = tmp_path / "m"
    for raw in (
        b'{"a":' + b"[" * 100_000,
        b'{"a":1,"a":2}',
        b'{"__metadata__":NaN}',
        b'{"__metadata__":{"textmlr":1}}',
        b'{"__metadata__":[]}',
        b'{"\xff":1}',
        b"{}",
        b'{"a":' + b"9" * 5000 + b"}",
    ):
        refused(raw_header(path, raw))


def test_blobs(tmp_path: Path) -> None:
    def check(blob: bytes, offsets: list[int]) -> None:
        array = np.frombuffer(blob, np.uint8)
        file_checks.check_blob(array, np.array(offsets, np.int64), "m", "names")

    check("aé東".encode(), [0, 1, 3, 3, 6])
    check(b"", [0])
    for blob, offsets in (
        (b"abc", [0, 2]),
        (b"abc", [1, 3]),
        (b"abc", [0, 2, 1, 3]),
        (b"abc", []),
        ("é".encode(), [0, 1, 2]),
        (b"\xff", [0, 1]),
        (b"abc", [0, 4]),
    ):
        with pytest.raises(ModelFileError, match="names"):
            check(blob, offsets)


class TestAtomicWrite:
    def test_failure_leaves_the_old_file(self, file: Path, monkeypatch: Any) -> None:
        before = file.read_bytes()
        for error in (KeyboardInterrupt, OSError(28, "No space left on device"), MemoryError):
            with monkeypatch.context() as patch:

                def fail(handle: int, error: Any = error) -> None:
                    raise error

                patch.setattr(os, "fsync", fail)
                with pytest.raises((KeyboardInterrupt, InputError, MemoryError)):
                    tensor_file.save(file, HEADER, {})
            assert file.read_bytes() == before
            assert os.listdir(file.parent) == [file.name]

    def test_no_space_is_said(self, tmp_path: Path) -> None:
        code = (
            "import resource, sys, numpy as np\n"
            "from textmlr.base import tensor_file\n"
            "from textmlr.base.errors import InputError\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
            "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "try:\n"
            f"    tensor_file.save({str(tmp_path / 'm')!r}, {{}}, {{'a': np.zeros(10**5)}})\n"
            "except InputError as error:\n"
            "    print(error)\n"
        )
        root = Path(__file__).parent.parent
        done = subprocess.run([*LIMITED_PYTHON, "-c", code], capture_output=True, cwd=root)
        assert b"cannot be written" in done.stdout, done.stderr
        assert os.listdir(tmp_path) == []

    def test_places_that_cannot_be_written(self, tmp_path: Path) -> None:
        for path in (tmp_path, tmp_path / "no" / "m", Path("/proc/m")):
            for attempt in (
                lambda p: tensor_file.save(p, {}, {}),
                lambda p: whole_files.check_writable(p) or tensor_file.save(p, {}, {}),
            ):
                with pytest.raises(InputError, match="cannot be written") as caught:
                    attempt(path)
                assert str(path) in str(caught.value)

    def test_a_link_is_followed_and_the_mask_kept(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(tmp_path / "real")
        old = os.umask(0o027)
        try:
            tensor_file.save(tmp_path / "link", {}, {})
        finally:
            os.umask(old)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640


def test_every_block_of_a_large_tensor_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensor_file, "CHECKED", 16)
    path = tmp_path / "m"
    array = np.arange(25, dtype=np.int32)  # six blocks and a quarter
    tensor_file.save(path, {}, {"a": array})
    _, tensors = tensor_file.load(path)
    assert tensors["a"].tolist() == array.tolist()
    whole = path.read_bytes()
    for place in range(len(whole) - array.nbytes, len(whole), 16):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert "checksum" in refused(path)
