"""A corpus that other programs change while it is read, and files that return little, or fail."""

from __future__ import annotations

import errno
import gzip
import io
import itertools
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import documents, write_tsv
from test_faults import COMMAND, ROOT, contents, place, posix

from textmlr import InputError, read_corpus
from textmlr.corpus.reading import scan

__all__ = ["place"]  # a fixture


def written(path: Path, pairs: list[tuple[str, str]]) -> Path:
    """A corpus in the format of the path's ending."""
    table = pa.table({"label": [label for label, _ in pairs], "text": [text for _, text in pairs]})
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=50)
    elif path.suffix == ".arrow":
        with pa.ipc.new_file(path, table.schema) as sink:
            sink.write_table(table, max_chunksize=50)
    elif path.suffix == ".gz":
        raw = "".join(f"{label}\t{text}\n" for label, text in pairs).encode()
        path.write_bytes(gzip.compress(raw, 1))
    else:
        write_tsv(path, pairs)
    return path


def grow(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"scifi\tone more\n")


def shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 3)


def touch(path: Path) -> None:
    """Write to it, its size the same."""
    state = path.stat()
    with open(path, "r+b") as file:
        file.write(file.read(1))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 10**9))


PAIRS = documents(4000, 8)


@pytest.mark.parametrize("change", [grow, shrink, touch])
@pytest.mark.parametrize("name", ["c.tsv", "c.tsv.gz", "c.parquet", "c.arrow"])
def test_a_corpus_that_changes_while_it_is_read(
    tmp_path: Path, name: str, change: Callable[[Path], None]
) -> None:
    """Between two chunks: with a mapped file a shorter one would end the process by SIGBUS."""
    path = written(tmp_path / name, PAIRS)
    told = rf"{name}: changed while it was read(, by [\d,]+ bytes (more|less))?; copy it first$"
    chunks = scan([path], chunk_bytes=1 << 12, tables=False)
    next(chunks)
    change(path)
    with pytest.raises(InputError, match=told):
        list(chunks)


@pytest.mark.parametrize("name", ["c.tsv", "c.tsv.gz", "c.arrow"])
def test_a_corpus_that_is_replaced_is_read_to_its_end(tmp_path: Path, name: str) -> None:
    """By rename, as atomic writers do: the old file is whole as long as it is open."""
    path = written(tmp_path / name, PAIRS)
    chunks = scan([path], chunk_bytes=1 << 12, tables=False)
    read = len(next(chunks))
    os.replace(written(tmp_path / f"new.{name}", PAIRS[:9]), path)
    assert read + sum(map(len, chunks)) == len(PAIRS)


def test_standard_input_may_not_change_either(tmp_path: Path) -> None:
    path = written(tmp_path / "c.tsv", PAIRS)
    with open(path, "rb", buffering=0) as file:
        chunks = scan(["-"], chunk_bytes=1 << 12, stdin=file)
        next(chunks)
        grow(path)
        with pytest.raises(InputError, match="standard input: changed while it was read"):
            list(chunks)


@pytest.mark.slow
@posix
def test_predictions_of_a_corpus_that_grew_are_not_kept(place: Path) -> None:
    """The command ends with one line, and nothing under the output's name."""
    path = written(place / "c.tsv", documents(60_000, 9))
    with subprocess.Popen(
        [*COMMAND, "classify", "-m", "m.textmlr", "--corpus", "c.tsv", "-o", "o.csv"],
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        stdout=subprocess.DEVNULL,
    ) as child:
        while child.poll() is None:  # a log that is being written
            grow(path)
            time.sleep(0.01)
        assert child.stderr is not None
        told = child.stderr.read()
    assert child.returncode == 2
    assert "Error: c.tsv: changed while it was read, by " in told
    assert "Traceback" not in told
    assert sorted(contents(place)) == ["c.tsv", "d.txt", "m.textmlr"]


class Faulty(io.RawIOBase):
    """A file that gives a few bytes at a time, and then an error, if there is one."""

    def __init__(self, raw: bytes, error: Exception | None = None) -> None:
        self._raw, self._error, self._sizes = raw, error, itertools.cycle([1, 2, 7, 1000, 3])

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        n = min(next(self._sizes), len(buffer), len(self._raw))
        if not n and self._error is not None:
            raise self._error
        buffer[:n], self._raw = self._raw[:n], self._raw[n:]
        return n


def forms(folder: Path) -> list[bytes]:
    names = ("c.tsv", "c.tsv.gz", "c.parquet", "c.arrow")
    return [written(folder / name, PAIRS[:300]).read_bytes() for name in names]


def test_short_reads_are_no_end(tmp_path: Path) -> None:
    for raw in forms(tmp_path):
        for buffered in (False, True):
            file: Any = io.BufferedReader(Faulty(raw)) if buffered else Faulty(raw)
            corpus = read_corpus(["-"], stdin=file)
            assert [corpus.text(i) for i in (0, 299)] == [PAIRS[0][1], PAIRS[299][1]]
            whole = Faulty(raw)
            assert sum(map(len, scan(["-"], stdin=whole, chunk_bytes=500))) == 300  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ECONNRESET])
def test_an_error_in_the_middle_is_one_line(tmp_path: Path, number: int) -> None:
    """Not a shorter corpus."""
    for raw in forms(tmp_path):
        for size in (0, 5, len(raw) // 2, len(raw) - 3):
            file: Any = Faulty(raw[:size], OSError(number, os.strerror(number)))
            with pytest.raises(InputError, match=r"^standard input: ") as told:
                read_corpus(["-"], stdin=file)
            assert os.strerror(number) in str(told.value)
            assert "\n" not in str(told.value)
