"""Streams of bytes without formats: compression, limits, refusals, live sources.

Most of these tests kill a mutant of ``corpus.byte_streams``, made by a mutation tool, that the
tests with corpora let live.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from textmlr.base.errors import InputError
from textmlr.corpus import byte_streams, decompression
from textmlr.corpus.byte_streams import Stream
from textmlr.corpus.decompression import check_ratio, ending_of
from textmlr.corpus.refusals import refusals, unchanged

LINES = b"".join(b"label\ta text of line %d\n" % number for number in range(20_000))


def zstd(data: bytes) -> bytes:
    return pa.Codec("zstd").compress(data, asbytes=True)


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zstd,
    ".xz": lzma.compress,
}
KINDS = {".gz": "gzip", ".bz2": "bzip2", ".zst": "zstd", ".xz": "xz"}
endings = pytest.mark.parametrize("ending", COMPRESS)


class Drip(io.RawIOBase):
    """A raw file that gives few bytes at a time, and notes how many were asked for."""

    def __init__(self, data: bytes, most: int, fails: Exception | None = None) -> None:
        self._data, self._most, self._fails = data, most, fails
        self.given = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._fails is not None and self.given >= len(self._data):
            raise self._fails
        end = min(self._most, size if size >= 0 else self._most)
        chunk = self._data[self.given : self.given + end]
        self.given += len(chunk)
        return chunk


def stream(data: bytes, path: str = "-", *, renamable: bool = False, **options: bool) -> Stream:
    return Stream(io.BytesIO(data), "c", path, renamable=renamable, **options)


@contextmanager
def file(path: Path, data: bytes | None = None, **options: Any) -> Iterator[Stream]:
    if data is not None:
        path.write_bytes(data)
    with open(path, "rb", buffering=0) as raw:
        yield Stream(raw, str(path), str(path), renamable=True, **options)


# All bytes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, len(LINES)])
@pytest.mark.parametrize("ending", ["", *COMPRESS])
def test_every_way_of_reading_gives_all_bytes_once(tmp_path: Path, ending: str, size: int) -> None:
    data = LINES[:size]
    content = COMPRESS[ending](data) if ending else data
    path = tmp_path / f"c.tsv{ending}"
    path.write_bytes(content)

    def whole(own: Stream) -> bytes:
        return bytes(own.rest())

    def in_bits(own: Stream) -> bytes:
        assert own.head() == data[: byte_streams.HEAD]
        parts = [own.read(7), own.read(70_000)]
        assert [len(part) for part in parts] == [min(7, size), min(70_000, max(size - 7, 0))]
        parts.append(own.reader().read())
        return b"".join(parts)

    def then_whole(own: Stream) -> bytes:
        own.head()
        return own.read(5) + bytes(own.rest())

    def at_random(own: Stream) -> bytes:
        own.head()
        return bytes(own.random().read())

    for way in (whole, in_bits, then_whole, at_random):
        with file(path) as own:
            assert own.kind == KINDS.get(ending)
            assert way(own) == data
            assert own.read(1) == b"" or way is at_random
        assert way(Stream(Drip(content, 3 if size < 100 else 5000), "c", "-", renamable=False)) == (
            data
        )
    with file(path) as own:
        array = own.rest()
        assert array.dtype == np.uint8
        assert array.flags.writeable


def test_a_file_that_grows_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    with file(tmp_path / "c", b"a" * 100) as own:
        with open(tmp_path / "c", "ab") as more:
            more.write(b"b" * 300_000)
        own.head()
        with open(tmp_path / "c", "ab") as more:
            more.write(b"c" * 3_000_000)
        assert bytes(own.rest()) == b"a" * 100 + b"b" * 300_000 + b"c" * 3_000_000


def test_a_pipe_says_nothing_of_its_size() -> None:
    for before in (0, 10):
        ours, theirs = os.pipe()
        with open(ours, "rb", buffering=0) as raw:
            os.write(theirs, LINES[:5000])
            os.close(theirs)
            own = Stream(raw, "c", "-", renamable=False)
            assert own.read(before) + bytes(own.rest()) == LINES[:5000]


def test_a_plain_file_is_read_into_one_piece_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says how large it is; nothing is made twice."""

    def drain(own: Stream) -> None:
        raise AssertionError

    monkeypatch.setattr(Stream, "_drain", drain)
    with file(tmp_path / "c", LINES) as own:
        assert own.rest().nbytes == len(LINES)


def test_random_access_is_of_the_file_itself(tmp_path: Path) -> None:
    with file(tmp_path / "c", LINES) as own:
        found = own.random()
        assert isinstance(found, pa.OSFile | pa.NativeFile)
        assert not isinstance(found, pa.BufferReader)
        assert found.size() == len(LINES)
        os.replace(tmp_path / "c", tmp_path / "d")
        (tmp_path / "c").write_bytes(LINES)
        with pytest.raises(InputError, match="became another file while it was read"):
            own.random()
    memory = Stream(io.BytesIO(b"abcdefghijklmno"), "c", "file.parquet", renamable=False)
    memory.head()
    assert isinstance(memory.random(), pa.PythonFile)
    arrow = Stream(pa.BufferReader(b"abcdefghijklmno"), "c", "x://file.parquet", renamable=False)
    assert arrow.random() is arrow._reader
    assert isinstance(stream(b"abcdefghijklmno").random(), pa.BufferReader)  # standard input
    packed = Stream(io.BytesIO(gzip.compress(b"abc")), "c", "file.gz", renamable=False)
    assert packed.random().read() == b"abc"


@endings
def test_members_one_after_another_are_one_stream(ending: str) -> None:
    compress = COMPRESS[ending]
    content = compress(LINES) + compress(b"more") + compress(b"") + compress(b"end")
    assert bytes(stream(content, f"c{ending}").rest()) == LINES + b"moreend"


def test_bytes_behind_the_last_stream_of_xz_are_passed_over() -> None:
    """As of its own programs' padding."""
    for junk in (b"\0\0\0\0", b"junk", b"\0" * (3 << 20)):
        assert bytes(stream(lzma.compress(b"one") + junk, "c.xz").rest()) == b"one"


# What it is ----------------------------------------------------------------------------------


def test_endings() -> None:
    assert ending_of("a.TSV.GZ") == ".gz"
    assert [ending_of(f"a{ending}") for ending in COMPRESS] == list(COMPRESS)
    assert ending_of("a.gz.tsv") is None
    assert ending_of("") is None


@endings
def test_what_is_compressed_says_so_by_its_name_or_else_by_its_bytes(ending: str) -> None:
    content = COMPRESS[ending](LINES)
    assert bytes(stream(content).rest()) == LINES
    with pytest.raises(InputError, match=rf"compressed by {KINDS[ending]}; .* ends in {ending}$"):
        stream(content, "c.tsv", renamable=True)
    other = next(one for one in COMPRESS if one != ending)
    for data in (LINES, COMPRESS[other](LINES), content[1:]):
        with pytest.raises(InputError, match=f"c: not {KINDS[ending]} data, though its name"):
            stream(data, f"c.tsv{ending}")
    assert stream(b"", f"c.tsv{ending}").read(9) == b""
    assert stream(content[:3]).kind in (None, "gzip")


@pytest.mark.parametrize("level", [b"1", b"9"])
def test_bzip2_is_more_than_three_letters(level: bytes) -> None:
    assert stream(b"BZh" + level + b"\tis no label").kind is None
    assert stream(b"BZh" + level + b"1AY&SY").kind == "bzip2"
    assert stream(bz2.compress(b"")).kind == "bzip2"
    assert stream(b"BZh01AY&SY").kind is None


MAGIC = {
    "zip": b"PK\x03\x04",
    "empty zip": b"PK\x05\x06",
    "7z": b"7z\xbc\xaf\x27\x1c",
    "rar": b"Rar!\x1a\x07",
    "tar": b"\0\n" * 128 + b"\0ustar",
}


@pytest.mark.parametrize("kind", MAGIC)
def test_archives(kind: str) -> None:
    magic = MAGIC[kind]
    for data, path in ((magic, "c.tsv"), (magic, "-"), (gzip.compress(magic + b"x"), "c.gz")):
        with pytest.raises(InputError, match="c: an archive, and archives are not unpacked; unpac"):
            stream(data, path).head()
    assert stream(b"label " + magic).head() == b"label " + magic
    packed = gzip.compress(LINES)
    for ending in (".tgz", ".tar.gz", ".ZIP", ".rar", ".tar.bz2", ".txz", ".tbz2", ".tzst"):
        with pytest.raises(InputError, match="an archive"):
            stream(packed if "gz" in ending else b"", f"c{ending}")


# Limits --------------------------------------------------------------------------------------


def test_a_bomb_is_more_than_so_many_times_its_file_and_more_than_any_may_come_to() -> None:
    """Logs of one message over and over come to some 500 times as many bytes."""
    assert 500 < decompression.MOST_RATIO < 1030  # of which zeros have 1,030 with gzip
    free, ratio = decompression.FREE_BYTES, decompression.MOST_RATIO
    assert 1 << 26 <= free <= 1 << 28  # that a machine of 1 GB has
    check_ratio("c", 1, free)
    check_ratio("c", 0, free)
    check_ratio("c", free, free * ratio)
    with pytest.raises(InputError, match=f"^c: 1 bytes of it decompress to more than {free + 1:,}"):
        check_ratio("c", 1, free + 1)
    with pytest.raises(InputError, match=f"over {ratio:,} times as many"):
        check_ratio("c", 0, free + 1)
    with pytest.raises(
        InputError, match=r"; look .*, and pass .*compression_limit=False.* if that is meant"
    ):
        check_ratio("c", free, free * ratio + 1)


@endings
def test_bombs_are_refused_soon_and_not_what_is_as_large_as_real_logs(
    ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decompression, "FREE_BYTES", 1 << 20)
    monkeypatch.setattr(decompression, "MOST_RATIO", 250)
    bomb = COMPRESS[ending](bytes(1 << 23))
    own, parts = stream(bomb, f"c{ending}"), list[bytes]()
    with pytest.raises(InputError, match="over 250 times as many"):
        parts.extend(iter(lambda: own.read(1 << 18), b""))
    assert 1 << 20 <= sum(map(len, parts)) <= max(1 << 20, 250 * len(bomb))
    assert stream(bomb, f"c{ending}", limited=False).rest().nbytes == 1 << 23
    rng = np.random.default_rng(1)
    some = rng.integers(0, 256, 1 << 16, np.uint8).tobytes() + bytes(1 << 21)
    assert stream(COMPRESS[ending](some), f"c{ending}").rest().nbytes == len(some)


def test_windows_of_usual_programs_are_no_larger_than_is_allowed() -> None:
    """xz -9 takes 64 MiB; 1.5 GiB is what a file of a few bytes may ask for."""
    own = {"id": lzma.FILTER_LZMA2, "preset": 9}
    assert stream(lzma.compress(b"a", filters=[own]), "c.xz").read(9) == b"a"
    huge = bytearray(lzma.compress(b"a", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 26}]))
    assert huge[12:17] == b"\x02\x00\x21\x01\x1c"
    for size, fits in ((35, True), (37, False), (40, False)):  # 768 MiB, 1.5 GiB, 4 GiB
        huge[16] = size
        huge[20:24] = zlib.crc32(huge[12:20]).to_bytes(4, "little")
        if fits:
            assert stream(bytes(huge), "c.xz").read(9) == b"a"
        else:
            told = r"takes more than 1,024 MiB of memory \(xz's window\); .*, as xz -9 does"
            with pytest.raises(InputError, match=told):
                stream(bytes(huge), "c.xz").read(9)


def test_a_window_of_zstd_that_takes_too_much_memory() -> None:
    frame = b"\x28\xb5\x2f\xfd\x00\xa8" + ((4 << 3) | 1).to_bytes(3, "little") + b"a\tb\n"
    told = r"takes more than 128 MiB of memory \(zstd's window\); .*, as zstd -19 does"
    with pytest.raises(InputError, match=told):
        stream(frame, "c.zst").read(9)


# What fails ----------------------------------------------------------------------------------


@endings
def test_what_is_cut_or_corrupt(ending: str) -> None:
    content = COMPRESS[ending](LINES)
    mend = "; copy or compress the file again"
    for share in (0.3, 0.9):
        cut = content[: int(share * len(content))]
        with pytest.raises(InputError, match=f"c: the {KINDS[ending]} data are truncated{mend}"):
            stream(cut, f"c{ending}").rest()
    spoiled = bytearray(content)
    spoiled[len(content) // 2 :] = bytes(len(content) // 2)
    with pytest.raises(
        InputError, match=f"c: the {KINDS[ending]} data are (corrupt|trunc).*{mend}"
    ):
        stream(bytes(spoiled), f"c{ending}").rest()
    with pytest.raises(InputError, match=r"data are (corrupt|truncated)"):
        stream(bytes(spoiled), f"c{ending}").reader().read()


@pytest.mark.parametrize("ending", ["", *COMPRESS])
def test_what_the_system_refuses_midway(ending: str) -> None:
    """Is told as it is, not as a fault of the data."""
    content = (COMPRESS[ending](LINES) if ending else LINES)[:2000]
    own = Stream(
        Drip(content, 500, OSError(errno.EIO, "Input/output error")),
        "c",
        f"c{ending}",
        renamable=False,
    )
    with pytest.raises(InputError, match=r"^c: Input/output error; check the path and its permiss"):
        own.rest()
    with pytest.raises(InputError, match="Input/output error"):
        Stream(Drip(b"", 1, OSError(errno.EIO, "Input/output error")), "c", "c", renamable=False)


def test_refusals_name_the_file() -> None:
    for error, told in (
        (OSError(errno.EACCES, "Permission denied"), "Permission denied; check the path and its p"),
        (IsADirectoryError(errno.EISDIR, "Is a directory"), "Is a directory; name the files in it"),
        (OSError("odd"), "odd; check the path"),
        (ValueError("null byte"), "null byte; check the path"),
        (InputError("bad", mend="mend"), "bad; mend"),
    ):
        with pytest.raises(InputError, match=f"^(c: )?{told}"), refusals("c"):
            raise error


# Files that change ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (b"longer than before", ", by 10 bytes more"),
        (b"short", ", by 3 bytes less"),
        (b"as long.", ""),
    ],
)
@pytest.mark.parametrize("fault", [None, InputError("bad line"), OSError(5, "oh"), MemoryError()])
def test_a_file_that_is_written_to_meanwhile(
    tmp_path: Path, change: bytes, told: str, fault: Exception | None
) -> None:
    """What looks like a fault of its content may come of that."""
    path = tmp_path / "c"
    path.write_bytes(b"content.")

    def read(what: bytes | None) -> None:
        with open(path, "rb") as own, unchanged(own, "c"):
            if what is not None:
                path.write_bytes(what)
                os.utime(path, ns=(0, time.time_ns() + 1))
            if fault is not None:
                raise fault

    if isinstance(fault, MemoryError):  # nothing that the change may have caused
        with pytest.raises(MemoryError):
            read(change)
        return
    with pytest.raises(InputError, match=rf"^c: changed while it was read{told}; copy it first$"):
        read(change)
    if fault is None:
        read(None)
    else:
        with pytest.raises(type(fault)) as raised:
            read(None)
        assert raised.value is fault


def test_what_is_no_file_may_change() -> None:
    ours, theirs = os.pipe()
    with open(ours, "rb") as own, unchanged(own, "c"):
        os.write(theirs, b"more")
        os.close(theirs)
    with unchanged(io.BytesIO(), "c"), unchanged(object(), "c"):
        pass


# Live sources --------------------------------------------------------------------------------


@contextmanager
def pipe() -> Iterator[tuple[io.FileIO, Callable[[bytes], int]]]:
    """(a raw file, what writes to it)."""
    ours, theirs = os.pipe()
    with open(ours, "rb", buffering=0) as raw:
        yield raw, lambda data: os.write(theirs, data)
        os.close(theirs)


def test_a_live_source_gives_what_is_there() -> None:
    with pipe() as (raw, write):
        write(b"a\tb\n")
        own = Stream(raw, "c", "-", renamable=False, live=True)  # its head is not waited for
        assert own.head() == b"a\tb\n"
        write(b"c\td\n")
        assert own.read(100) == b"a\tb\n"
        assert own.read(3) == b"c\td"
        write(b"e\tf\n")
        assert own.read(100) == b"\ne\tf\n"


def test_a_live_head_ends_with_the_first_line_that_is_not_blank() -> None:
    for first in (b"\n", b"\xef\xbb\xbf\n", b" \n\n"):
        own = Stream(Drip(first + b"a\tb\n" * 20_000, 1), "c", "-", renamable=False, live=True)
        head = own.head()
        assert head.endswith(b"b\n")
        assert head.count(b"b") <= 3  # of ten bytes that show what it is
        assert own.read(1 << 18) == head
    own = Stream(Drip(b"\n" * 100_000, 1 << 20), "c", "-", renamable=False, live=True)
    assert len(own.head()) == byte_streams.HEAD


def test_a_live_source_may_be_compressed() -> None:
    """It begins with what is part of a magic number, and with a line end."""
    own = Stream(Drip(gzip.compress(b"a\tb\n"), 4), "c", "-", renamable=False, live=True)
    assert own.kind == "gzip"
    assert own.head() == b"a\tb\n"
    for begin in (b"\x1f\x8b", b"\x28\xb5", b"\xfd7", b"BZh"):
        drip = Drip(begin + b"\n" + b"x" * 30, 4)
        Stream(drip, "c", "-", renamable=False, live=True)
        assert drip.given == 10
        plain = Drip(b"x" + begin[1:] + b"\n" + b"x" * 30, 4)
        Stream(plain, "c", "-", renamable=False, live=True)
        assert plain.given == 4
