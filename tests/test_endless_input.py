"""Input that is endless, nested endlessly or out of all proportion is refused in few bytes."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from textmlr import InputError, Model, ModelFileError, read_corpus
from textmlr.base import limits, tensor_file
from textmlr.corpus.formats.lines import read_lines
from textmlr.corpus.reading import scan
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.training.tuning.journal import Journal, _parse

BOUND = 1 << 16
FORMATS = {
    "tsv": b"a\tb\n",
    "csv": b"label,text\na,b\n",
    "jsonl": b'{"label": "a", "text": "b"}\n',
    "fasttext": b"__label__a b\n",
    "lines": b"a\n",
}


class Endless(io.RawIOBase):
    """Some bytes, then others over and over; it counts those that were read."""

    def __init__(self, begin: bytes, rest: bytes) -> None:
        self._next, self._rest = begin, rest
        self.given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        while len(self._next) < len(view):
            self._next += self._rest * (1 + len(view) // len(self._rest))
        view[:] = self._next[: len(view)]
        self._next = self._next[len(view) :]
        self.given += len(view)
        if self.given > 64 * BOUND + (1 << 23):
            raise AssertionError("far more was read than has to be")
        return len(view)


@pytest.fixture
def _bounded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(limits, "MOST_DOCUMENT", BOUND)
    return


@pytest.mark.usefixtures("_bounded")
@pytest.mark.parametrize("chunk_bytes", [None, 1 << 12, 1 << 20])
@pytest.mark.parametrize("rest", [b"x", b"\0", b'"', b"[", b"x\\"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_line_without_an_end(form: str, rest: bytes, chunk_bytes: int | None) -> None:
    begin = FORMATS[form] * 3
    own = {"jsonl": b'{"label": "a", "text": ', "csv": b'a,"'}.get(form, b"__label__a\t")
    source = Endless(begin + own, rest)
    options, stdin = ReadingOptions(format=form), io.BufferedReader(source)  # type: ignore[arg-type]
    if chunk_bytes is None and form == "lines":
        told = refusal(lambda: read_lines("-", stdin=stdin))
    elif chunk_bytes is None:
        told = refusal(lambda: read_corpus(["-"], options, stdin=stdin))
    else:
        labelled = form != "lines"
        told = refusal(
            lambda: list(
                scan(["-"], options, labelled=labelled, chunk_bytes=chunk_bytes, stdin=stdin)
            )
        )
    assert re.match(r"standard input, line \d: .*(bytes and more|NUL)", told), told
    assert "divide it" in told or "NUL" in told


@pytest.mark.usefixtures("_bounded")
@pytest.mark.parametrize("chunk_bytes", [None, 1 << 12, 1 << 20])
@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl", "fasttext"])
def test_a_long_line_in_a_file(form: str, chunk_bytes: int | None, tmp_path: Path) -> None:
    long = b"x" * (BOUND + 10)
    own = {
        "csv": b"a,%b\n",
        "jsonl": b'{"label": "a", "text": "%b"}\n',
        "fasttext": b"__label__a %b\n",
    }.get(form, b"a\t%b\n")
    fine = own % b"x" * 2
    path = tmp_path / "corpus"
    options = ReadingOptions(format=form)  # type: ignore[arg-type]
    header = b"label,text\n" if form == "csv" else b""
    path.write_bytes(header + fine + own % long + fine)
    line = 4 if form == "csv" else 3
    if chunk_bytes is None:
        told = refusal(lambda: read_corpus([path], options))
    else:
        told = refusal(lambda: list(scan([path], options, chunk_bytes=chunk_bytes)))
    assert re.search(rf"corpus, line {line}: a (line|row|field) of [\d,]+ bytes", told), told
    path.write_bytes(header + fine + own % long[: BOUND - 100] + fine)
    assert len(read_corpus([path], options)) == 5


@pytest.mark.usefixtures("_bounded")
def test_bombs_and_folders_with_one_huge_file(tmp_path: Path) -> None:
    bomb = tmp_path / "a.tsv.gz"
    bomb.write_bytes(gzip.compress(b"a\t" + b"x" * (1 << 22)))
    for read in (lambda: read_corpus([bomb]), lambda: list(scan([bomb]))):
        with pytest.raises(InputError, match=r"a.tsv.gz, line 1: a line of [\d,]+ bytes"):
            read()
    for label in "ab":
        (tmp_path / "folder" / label).mkdir(parents=True)
        (tmp_path / "folder" / label / "1.txt").write_text("fine")
    huge = tmp_path / "folder" / "b" / "2.txt"
    huge.write_bytes(b"x" * (BOUND + 1))
    with pytest.raises(InputError, match=r"2.txt: a document of 65,537 bytes and more"):
        read_corpus([tmp_path / "folder"])
    huge.rename(huge.with_name("2.txt.gz"))
    huge.with_name("2.txt.gz").write_bytes(gzip.compress(b"x" * (BOUND + 1)))
    with pytest.raises(InputError, match=r"2.txt.gz: a document of [\d,]+ bytes and more"):
        read_corpus([tmp_path / "folder"])


def test_a_file_larger_than_memory(tmp_path: Path) -> None:
    path = tmp_path / "sparse.tsv"
    with open(path, "wb") as file:
        file.write(b"a\tb\n")
        file.truncate(1 << 42)
    with pytest.raises(InputError, match="too many for the memory of this machine"):
        read_corpus([path])


_CHILD = """
import resource, sys
from textmlr.__main__ import main
from textmlr import ReadingOptions, read_corpus
from textmlr.training.corpus_training import train_corpus
from textmlr.cli.document_file import read_document
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from textmlr import InputError
from textmlr.corpus.reading import scan
for read in (lambda: read_corpus(["/dev/zero"]), lambda: list(scan(["/dev/zero"])),
             lambda: read_document("/dev/zero"),
             lambda: read_corpus(["/dev/zero"], ReadingOptions("csv")),
             lambda: read_corpus(["/dev/zero"], ReadingOptions("jsonl"))):
    try:
        read()
        print("read")
    except InputError as error:
        print(error)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(after - before)
"""


@pytest.mark.slow
def test_dev_zero_takes_little_memory() -> None:
    """With the real bound: some hundred MB, where it was all there is."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD], capture_output=True, text=True, timeout=300, check=True
    )
    *told, kilobytes = done.stdout.splitlines()
    assert len(told) == 5, done.stdout
    assert all(line.startswith("/dev/zero") for line in told), told
    assert int(kilobytes) << 10 < 3 * limits.MOST_DOCUMENT


def test_memory_that_is_limited_is_told() -> None:
    """A process that may have less memory than the machine: no traceback."""
    code = (
        "import resource, io, sys\n"
        "from textmlr import read_corpus, InputError\n"
        "import textmlr.corpus.formats.tsv\n"
        "now = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (now + (50 << 20),) * 2)\n"
        "try: read_corpus(['-'])\n"
        "except InputError as error: print(error)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            for _ in range(200):
                child.stdin.write(b"a\tbcdefgh\n" * 100_000)
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()
        told = child.stdout.read().decode()
    assert "too many for the memory" in told
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != 0


def refusal(read: Callable[[], object]) -> str:
    """What is said where something is refused, else nothing."""
    try:
        read()
    except InputError as error:
        return str(error)
    return ""


def _scan(path: Path, tables: bool, skip: bool) -> None:
    for chunk in scan([path], ReadingOptions(skip_bad_lines=skip), tables=tables):
        if tables:
            assert chunk.table.num_rows == len(chunk)


@pytest.mark.parametrize("depth", [40, 500, 900, 2_000, 100_000])
@pytest.mark.parametrize("pair", ["[]", "{}"])
def test_json_nested_without_an_end(pair: str, depth: int, tmp_path: Path) -> None:
    begin, end = ('{"a":', "}") if pair == "{}" else ("[", "]")
    nested = begin * depth + "1" + end * depth
    for name, lines in {
        "first": [
            f'{{"label": "a", "text": "b", "more": {nested}}}',
            '{"label": "a", "text": "c"}',
        ],
        "second": ['{"label": "a", "text": "c"}', f'{{"label": "a", "text": {nested}}}'],
        "bare": [nested, nested],
    }.items():
        path = tmp_path / f"{name}.jsonl"
        path.write_text("\n".join(lines) + "\n")
        for tables in (False, True):
            for skip in (False, True):
                assert refusal(lambda p=path, t=tables, s=skip: _scan(p, t, s)).isprintable()
        unnamed = path.rename(path.with_suffix(""))
        assert refusal(lambda p=unnamed: read_corpus([p])).isprintable()
    with pytest.raises((ValueError, TypeError, KeyError, RecursionError)):
        _parse(nested.encode() + b"\n")


def test_headers_nested_without_an_end(tmp_path: Path) -> None:
    """A record of Arrow's, or of a model, that says more than anyone can follow."""
    deep = "[" * 100_000 + "]" * 100_000
    schema = pa.schema(
        [("text", pa.string()), ("label", pa.int64())], {b"huggingface": deep.encode()}
    )
    table = pa.table({"text": ["a", "b"], "label": [0, 1]}, schema=schema)
    with pa.ipc.new_file(tmp_path / "a.arrow", schema) as writer:
        writer.write_table(table)
    assert read_corpus([tmp_path / "a.arrow"]).labels == ["0", "1"]
    value: Any = 1
    for _ in range(100):
        value = {"a": [value]}
    tensor_file.save(tmp_path / "m", {"record": value}, {})
    with pytest.raises(ModelFileError, match="nested too deeply"):
        Model.load(tmp_path / "m")


def test_a_journal_nested_without_an_end(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text("[" * 100_000 + "]" * 100_000 + "\n")
    with pytest.raises(InputError, match="line 1: not a trial of textmlr tune"):
        Journal(str(path), {})


def test_a_journal_of_values_that_are_none(tmp_path: Path) -> None:
    figures = {"loss": 0.5, "accuracy": 1.0, "macro_f1": 1.0}
    options = {"featurizer": {}, "training": {}}
    line = {
        "trial": 1,
        "rung": 1.0,
        "documents": 9,
        "folds": 0,
        "figures": figures,
        "seconds": 1.0,
        "options": options,
    }
    path = tmp_path / "journal.jsonl"
    for wrong in (
        {"trial": float("inf")},
        {"seconds": 10**400},
        {"options": options | {"featurizer": 7}},
        {"figures": figures | {"loss": "a"}},
        {"figures": figures | {"accuracy": None}},
        {"figures": figures | {"macro_f1": float("nan")}},
    ):
        path.write_text(json.dumps(line | wrong) + "\n")
        with pytest.raises(InputError, match="line 1: not a trial of textmlr tune"):
            Journal(str(path), {})
