"""Reading TSV: documents, refusals and their messages."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import random
import re
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.spelled_errors import as_typed
from textmlr.base.arrays import frozen
from textmlr.base.errors import InputError
from textmlr.corpus import likely_encoding, sources
from textmlr.corpus.batch import Batch
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.formats import tsv
from textmlr.corpus.formats.lines import read_lines
from textmlr.corpus.reading import read_corpus, recode
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.corpus.text_encodings import unmarked
from textmlr.kernels import tsv_lines as kernels

ROOT = Path(__file__).parent.parent
BOM = b"\xef\xbb\xbf"
WHITESPACE = b" \t\n\r\x0b\x0c"


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zstd,
    ".xz": lzma.compress,
}

# ------------------------------------------------------------------ the naive reader

Row = tuple[str, float, bytes]


def naive_lines(data: bytes, *, blank_end: bool = True) -> list[bytes]:
    lines = data.removeprefix(BOM).split(b"\n")
    if lines[-1] == b"":
        del lines[-1]
    lines = [line.removesuffix(b"\r") for line in lines]
    blank = [not line.strip(b" \r\x0b\x0c") for line in lines]
    while not blank_end and not all(blank) and blank[-1]:  # at the end they are none
        del lines[-1], blank[-1]
    return lines


def rows_of_tsv(data: bytes) -> list[bytes]:
    return naive_lines(data, blank_end=False)


def naive_row(line: bytes, weighted: bool) -> Row | str:
    """(label, weight, text) of a line, or a word of the message that refuses it."""
    if b"\0" in line:
        return "binary"
    if b"\t" not in line:
        return "no tab" if line.strip(WHITESPACE) else "blank"
    label, rest = line.split(b"\t", 1)
    label = label.strip(WHITESPACE)
    if not label:
        return "empty label"
    weight = 1.0
    if weighted:
        if b"\t" not in rest:
            return "no tab between weight and text"
        number, rest = rest.split(b"\t", 1)
        try:
            weight = float(number.strip(WHITESPACE).decode("ascii"))
        except ValueError:
            return "weight"
        if not (0 <= weight <= float(np.finfo(np.float32).max)) or b"_" in number:
            return "weight"
    try:
        return label.decode(), weight, rest
    except UnicodeDecodeError:
        return "not UTF-8"


def rows_of(corpus: Corpus) -> list[Row]:
    texts = [batch[i] for batch in corpus.batches for i in range(len(batch))]
    weights = [1.0] * len(corpus) if corpus.weights is None else corpus.weights.tolist()
    labels = [corpus.labels[code] for code in corpus.y.tolist()]
    return list(zip(labels, weights, texts, strict=True))


def float32(rows: Sequence[Row]) -> list[Row]:
    return [(label, float(np.float32(weight)), text) for label, weight, text in rows]


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def run(code: str, *arguments: str, stdin: bytes = b"") -> bytes:
    """What code prints in a fresh process, which must say nothing else."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


# ------------------------------------------------------------------ what is read


def test_hand_worked(tmp_path: Path) -> None:
    first = write(tmp_path / "a.tsv", BOM + b"pos\tgood film\r\n neg \tbad\tvery bad\n")
    second = write(tmp_path / "b.tsv", "été\t\nneg\tdull ".encode() + b"\xff")
    corpus = read_corpus([first, second])
    assert corpus.labels == ["neg", "pos", "été"]
    assert corpus.y.tolist() == [1, 0, 2, 0]
    assert [[batch[i] for i in range(len(batch))] for batch in corpus.batches] == [
        [b"good film", b"bad\tvery bad"],
        [b"", b"dull \xff"],
    ]
    assert len(corpus) == 4
    assert corpus.weights is None
    assert corpus.names == [first, second]
    assert (corpus.skipped, corpus.skipped_examples) == (0, [])
    assert corpus.y.dtype == np.int32
    for batch in corpus.batches:
        assert batch.text.dtype == np.uint8
        assert batch.starts.dtype == batch.stops.dtype == np.int64


def test_weights(tmp_path: Path) -> None:
    path = write(tmp_path / "w.tsv", b"a\t1\tx\nb\t 0.25 \ty\tz\r\na\t2e3\t\nb\t-0\tq\n")
    corpus = read_corpus([path], ReadingOptions(weighted=True))
    assert corpus.weights is not None
    assert corpus.weights.dtype == np.float32
    assert corpus.weights.tolist() == [1.0, 0.25, 2000.0, 0.0]
    assert not np.signbit(corpus.weights).any()
    assert [corpus.batches[0][i] for i in range(4)] == [b"x", b"y\tz", b"", b"q"]


def test_one_label_is_left_to_training(tmp_path: Path) -> None:
    assert read_corpus([write(tmp_path / "a.tsv", b"a\tx\n")]).labels == ["a"]


def test_paths_may_be_path_objects(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    write(path, b"a\tx\n")
    assert read_corpus([path]).names == [str(path)]
    assert read_lines(path)[0] == b"a\tx"


pieces = st.sampled_from(
    b"a|b|label| |\t|\t|\t|\r|\n|\n|\r\n|\0|\xff|\x0b|0|1|2.5|-|e1|nan|\xc3\xa9|\xef\xbb\xbf|"
    b"a\t1\ttext\n|long label \xe2\x82\xac\tlong enough to span several words of eight\n".split(
        b"|"
    )
)
files = st.lists(st.lists(pieces, max_size=24).map(b"".join), min_size=1, max_size=3)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(files, st.booleans())
@example([b"a\tx\n\n"], False)
@example([b"a\tx\r\r\n", BOM + BOM + b"a\tx"], False)
@example([b"a\t1\tx\r"], True)
def test_reads_like_the_naive_reader(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes], weighted: bool
) -> None:
    returns = [b"\n" not in data and len(re.findall(rb"[^\r]*\S[^\r]*", data)) for data in contents]
    assume(max(returns) < 2)  # such files are refused whole, for their line ends
    assume(not any(map(unmarked, contents)))  # as are these, for their zero bytes
    folder = tmp_path_factory.getbasetemp()
    names = [write(folder / f"property{i}.tsv", data) for i, data in enumerate(contents)]
    found = [[naive_row(line, weighted) for line in rows_of_tsv(data)] for data in contents]
    good = [row for rows in found for row in rows if not isinstance(row, str)]
    wrong = [
        (names[file], line, row)
        for file, rows in enumerate(found)
        for line, row in enumerate(rows or ["empty"], 1)
        if isinstance(row, str)
    ]
    if wrong:
        name, line, word = wrong[0]
        with pytest.raises(InputError, match=re.escape(word)) as caught:
            read_corpus(names, ReadingOptions(weighted=weighted))
        assert caught.value.place == name
        assert caught.value.line == (None if word == "empty" else line)
    if good and not any(word == "empty" for _, _, word in wrong):
        corpus = read_corpus(names, ReadingOptions(weighted=weighted, skip_bad_lines=True))
        assert rows_of(corpus) == float32(good)
        assert corpus.labels == sorted({label for label, _, _ in good})
        assert [len(batch) for batch in corpus.batches] == [
            sum(not isinstance(row, str) for row in rows) for rows in found
        ]
        assert corpus.skipped == len(wrong)
        assert [x.split(": ")[0] for x in corpus.skipped_examples] == [
            f"{name}, line {line}" for name, line, _ in wrong[:5]
        ]
    for name, data in zip(names, contents, strict=True):
        if naive_lines(data) and b"\0" not in data:
            batch = read_lines(name)
            assert [batch[i] for i in range(len(batch))] == naive_lines(data)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text("abéß漢𝕏 ", min_size=1).filter(str.strip), min_size=1), st.randoms())
def test_order_of_lines_and_files_changes_no_label(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str], rng: random.Random
) -> None:
    folder = tmp_path_factory.getbasetemp()
    rows = [f"{label}\t{i}".encode() for i, label in enumerate(labels)]

    def read(rows: list[bytes], cut: int) -> Corpus:
        parts = [part for part in (rows[:cut], rows[cut:]) if part]
        return read_corpus(
            [write(folder / f"order{i}.tsv", b"\n".join(part)) for i, part in enumerate(parts)]
        )

    before = read(rows, 0)
    shuffled = rng.sample(rows, len(rows))
    after = read(shuffled, rng.randrange(len(rows) + 1))
    assert after.labels == before.labels == sorted({label.strip(" ") for label in labels})
    assert sorted(rows_of(after)) == sorted(rows_of(before))


def test_many_labels_are_kept_apart(tmp_path: Path) -> None:
    """More labels than any small table holds, each twice, in two files."""
    names = [f"label {i * 7919 % 30011}" for i in range(30011)]
    data = "".join(f"{name}\t{name}\n" for name in names).encode()
    corpus = read_corpus([write(tmp_path / f"{i}.tsv", data) for i in range(2)])
    assert corpus.labels == sorted(names)
    assert all(label.encode() == text for label, _, text in rows_of(corpus))


def test_recode(tmp_path: Path) -> None:
    corpus = read_corpus([write(tmp_path / "a.tsv", b"c\t1\na\t2\nx\t3\nc\t4\nx\t5\nu\t6\n")])
    codes, unknown = recode(corpus, ["c", "b", "a"])
    assert codes.tolist() == [0, 2, -1, 0, -1, -1]
    assert codes.dtype == np.int32
    assert unknown == {"u": 1, "x": 2}
    assert list(unknown) == ["u", "x"]
    assert recode(corpus, corpus.labels)[1] == {}


def test_read_lines(tmp_path: Path) -> None:
    batch = read_lines(write(tmp_path / "a.txt", BOM + b"one\ttwo\r\n\n \nlast"))
    assert isinstance(batch, Batch)
    assert [batch[i] for i in range(len(batch))] == [b"one\ttwo", b"", b" ", b"last"]
    assert len(read_lines(write(tmp_path / "b.txt", b"\n"))) == 1


# ------------------------------------------------------------------ compression and streams

SMALL = b"b\tone\na\ttwo\n"


@pytest.mark.parametrize("ending", COMPRESSORS)
@pytest.mark.parametrize("size", [1, 100_000])
def test_compressed_files(tmp_path: Path, ending: str, size: int) -> None:
    data = SMALL * size
    path = write(tmp_path / f"A.TSV{ending.upper()}", COMPRESSORS[ending](data))
    corpus = read_corpus([path])
    assert corpus.labels == ["a", "b"]
    assert corpus.y.tolist() == [1, 0] * size
    assert rows_of(corpus)[-2:] == [("b", 1.0, b"one"), ("a", 1.0, b"two")]
    assert len(read_lines(path)) == 2 * size


@pytest.mark.parametrize("ending", COMPRESSORS)
def test_members_one_after_the_other(tmp_path: Path, ending: str) -> None:
    compress = COMPRESSORS[ending]
    path = write(tmp_path / f"a.tsv{ending}", compress(b"a\tx") + compress(b"y\nb\tz\n"))
    assert rows_of(read_corpus([path])) == [("a", 1.0, b"xy"), ("b", 1.0, b"z")]


@pytest.mark.parametrize("ending", ["", *COMPRESSORS])
def test_standard_input(ending: str) -> None:
    data = COMPRESSORS[ending](SMALL) if ending else SMALL
    stream = io.BytesIO(data)
    corpus = read_corpus(["-"], stdin=stream)
    assert rows_of(corpus) == [("b", 1.0, b"one"), ("a", 1.0, b"two")]
    assert corpus.names == ["standard input"]
    assert not stream.closed
    assert read_lines("-", stdin=io.BytesIO(data))[1] == b"a\ttwo"


def test_the_process_own_standard_input() -> None:
    code = "from textmlr.corpus.reading import read_corpus; print(read_corpus(['-']).labels)"
    for data in (SMALL, gzip.compress(SMALL)):
        assert run(code, stdin=data).strip() == b"['a', 'b']"


class Dripping(io.RawIOBase):
    """A stream that gives few bytes at a time, then perhaps fails."""

    def __init__(self, data: bytes, error: OSError | None = None) -> None:
        self.data, self.error = data, error

    def read(self, size: int = -1) -> bytes:
        if not self.data and self.error:
            raise self.error
        chunk, self.data = self.data[:3], self.data[3:]
        return chunk


@pytest.mark.parametrize("ending", ["", *COMPRESSORS])
def test_a_stream_that_drips(ending: str) -> None:
    data = COMPRESSORS[ending](SMALL) if ending else SMALL
    assert read_corpus(["-"], stdin=as_stdin(Dripping(data))).y.tolist() == [1, 0]


def as_stdin(stream: Any) -> BinaryIO:
    return stream  # type: ignore[no-any-return]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("name", ["pipe", "pipe.gz"])
def test_named_pipe(tmp_path: Path, name: str) -> None:
    """A file that does not say how large it is, as <(zcat corpus.gz) is not either."""
    path = tmp_path / name
    os.mkfifo(path)
    data = SMALL * 50_000
    blob = gzip.compress(data) if name.endswith(".gz") else data
    writer = threading.Thread(target=path.write_bytes, args=(blob,))
    writer.start()
    assert read_corpus([str(path)]).y.tolist() == [1, 0] * 50_000
    writer.join()


# ------------------------------------------------------------------ what is refused: lines

SKIP = "or pass --skip-bad-lines"
CP1252 = f"say --encoding cp1252, which it looks like, {SKIP}"
PAIR = f"write label<TAB>text, {SKIP}"
TRIPLE = f"write label<TAB>weight<TAB>text, {SKIP}"
BINARY = "binary data (a NUL byte); give text, in UTF-8 or as --encoding says"
NO_TAB = "no tab between label and text in"


def bad_weight(quoted: str) -> str:
    return (
        f"weight '{quoted}' is not a finite number >= 0; {TRIPLE}, with a weight such as 1 or 0.5"
    )


PLAIN_ERRORS = [
    (b"a\tx\n\nb\ty\n", 2, f"blank line; delete it, {SKIP}"),
    (b"a\tx\n \x0b \r\nb\ty\n", 2, f"blank line; delete it, {SKIP}"),
    (b"\n", 1, f"blank line; delete it, {SKIP}"),
    (BOM + b"no tab", 1, f"{NO_TAB} 'no tab'; {PAIR}"),
    (b"a\tx\r\nno tab\r\n", 2, f"{NO_TAB} 'no tab'; {PAIR}"),
    (b"a" * 37, 1, f"{NO_TAB} '{'a' * 37}'; {PAIR}"),
    (b"a" * 38, 1, f"{NO_TAB} '{'a' * 37}...'; {PAIR}"),
    ("é".encode() * 5000, 1, f"{NO_TAB} '{'é' * 37}...'; {PAIR}"),
    ("𝕏".encode() * 5000, 1, f"{NO_TAB} '{'𝕏' * 37}...'; {PAIR}"),
    (b"\x1b[31m\x07\x7f\xc2\x85", 1, rf"{NO_TAB} '\x1b[31m\x07\x7f\x85'; {PAIR}"),
    ("a\u202eb\u2028".encode(), 1, rf"{NO_TAB} 'a\u202eb\u2028'; {PAIR}"),
    (b"\xff" * 100, 1, f"{NO_TAB} '" + r"\xff" * 9 + f"...'; {PAIR}"),
    (b"a\tx\n\ty\n", 2, f"empty label before the tab; {PAIR}"),
    (b" \x0c\ty\n", 1, f"empty label before the tab; {PAIR}"),
    (b"a\tx\0y\n", 1, BINARY),
    (b"a\tx\n\0\n", 2, BINARY),
    (b"a\tx\ncaf\xe9\ty\n", 2, rf"label 'caf\xe9' is not UTF-8; {CP1252}"),
    (
        b"\xed\xa0\x80\ty",
        1,
        r"label '\xed\xa0\x80' is not UTF-8; say its --encoding, " + SKIP,
    ),
    # The first bad line is the one reported, whatever is wrong with the others.
    (b"\xff\tx\n\n", 1, rf"label '\xff' is not UTF-8; {CP1252}"),
    (b"\n\xff\tx\n", 1, f"blank line; delete it, {SKIP}"),
]
WEIGHT_ERRORS = [
    (
        b"a\t1\tx\nb\ty\n",
        2,
        f"no tab between weight and text in 'b\\ty'; {TRIPLE}, or leave out --weighted",
    ),
    (b"b\n", 1, f"no tab between label and weight in 'b'; {TRIPLE}"),
    (b"\t1\tx\n", 1, f"empty label before the tab; {TRIPLE}"),
    (b"a\t\tx\n", 1, bad_weight("")),
    (b"a\t1\tx\na\t-1\tx\na\tnan\tx", 2, bad_weight("-1")),
    (b"a\t1_0\tx\n", 1, bad_weight("1_0")),
    (b"a\t" + b"9" * 400 + b"\tx\n", 1, bad_weight("9" * 37 + "...")),
    (b"a\tx\tx\n\n", 1, bad_weight("x")),
    (b"\n\na\tx\tx\n", 1, f"blank line; delete it, {SKIP}"),
    (
        b"\xff\t+1\tx\nb\t?\tx\n",
        1,
        rf"label '\xff' is not UTF-8; {CP1252}",
    ),
    *[
        (b"a\t" + word.encode() + b"\tx\n", 1, bad_weight(word))
        for word in (
            "nan NaN inf -inf +inf infinity 1e39 9999999999999999999e22 1e999 -1e-9 "
            "0x10 1,5 1e 1e+ . e5 -. \u0661"
        ).split()
    ],
]


@pytest.mark.parametrize(
    ("data", "weighted", "line", "message"),
    [(data, False, *rest) for data, *rest in PLAIN_ERRORS]
    + [(data, True, *rest) for data, *rest in WEIGHT_ERRORS],
)
def test_bad_lines(
    tmp_path: Path,
    data: bytes,
    weighted: bool,
    line: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(likely_encoding, "_by_library", lambda sample: None)  # it may be installed
    path = write(tmp_path / "bad.tsv", data)
    fine = write(tmp_path / "fine.tsv", b"a\t1\tx\n")
    for files in ([path], [fine, path]):
        with pytest.raises(InputError) as caught:
            read_corpus(files, ReadingOptions(weighted=weighted))
        assert as_typed(caught.value) == f"{path}, line {line}: {message}"
        assert (caught.value.place, caught.value.line) == (path, line)
        assert str(caught.value).isprintable()
    with pytest.raises(InputError) as caught:
        read_corpus(["-"], ReadingOptions(weighted=weighted), stdin=io.BytesIO(data))
    assert as_typed(caught.value) == f"standard input, line {line}: {message}"


def test_the_first_bad_file_is_reported(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{i}.tsv", b"a\tx\n" * i + b"no tab\n") for i in range(2)]
    with pytest.raises(InputError, match=r"0\.tsv, line 1: "):
        read_corpus(files)
    with pytest.raises(InputError, match=r"1\.tsv, line 2: "):
        read_corpus(files[::-1])


def test_bad_lines_are_skipped(tmp_path: Path) -> None:
    first = write(tmp_path / "a.tsv", b"b\tx\nno tab\n\n\ty\na\tz\0\ncaf\xe9\tq\na\tlast")
    second = write(tmp_path / "b.tsv", b"\n\nc\tmore\n")
    corpus = read_corpus([first, second], ReadingOptions(skip_bad_lines=True))
    assert rows_of(corpus) == [("b", 1.0, b"x"), ("a", 1.0, b"last"), ("c", 1.0, b"more")]
    assert corpus.labels == ["a", "b", "c"]
    assert corpus.skipped == 7
    assert corpus.skipped_examples == [
        f"{first}, line 2: no tab between label and text in 'no tab'",
        f"{first}, line 3: blank line",
        f"{first}, line 4: empty label before the tab",
        f"{first}, line 5: binary data (a NUL byte)",
        rf"{first}, line 6: label 'caf\xe9' is not UTF-8",
    ]


def test_bad_weights_are_skipped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", b"a\tnan\tx\nb\t2\ty\nb\t+1e0\tz\na\t-1\tx\nb\tx\n")
    corpus = read_corpus([path], ReadingOptions(weighted=True, skip_bad_lines=True))
    assert rows_of(corpus) == [("b", 2.0, b"y"), ("b", 1.0, b"z")]
    assert corpus.labels == ["b"]
    assert corpus.skipped == 3


def test_a_file_may_be_skipped_whole_but_not_all_files(tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.tsv", b"\n\xff\tx\n")
    fine = write(tmp_path / "fine.tsv", b"a\tx\n")
    corpus = read_corpus([bad, fine], ReadingOptions(skip_bad_lines=True))
    assert ([len(batch) for batch in corpus.batches], corpus.skipped) == ([0, 1], 2)
    with pytest.raises(InputError) as caught:
        read_corpus([bad, bad], ReadingOptions(skip_bad_lines=True))
    assert str(caught.value) == (
        f"all 4 lines are bad; the first: {bad}, line 1: blank line; write label<TAB>text lines"
    )


@pytest.mark.parametrize("line", [b"tw\0o", b"tw\0o\n\0\n", b"\0", b"two\0\r\n"])
def test_binary_data_among_lines(tmp_path: Path, line: bytes) -> None:
    path = write(tmp_path / "a.txt", b"one\n\n" + line)
    with pytest.raises(InputError) as caught:
        read_lines(path)
    assert as_typed(caught.value) == f"{path}, line 3: {BINARY}"


# ------------------------------------------------------------------ what is refused: files

Reader = Callable[[str], object]
READERS: list[Reader] = [lambda path: read_corpus([path]), read_lines]
EMPTY = "the file is empty; write one document a line"


@pytest.fixture(params=READERS, ids=["read_corpus", "read_lines"])
def reader(request: pytest.FixtureRequest) -> Reader:
    made: Reader = request.param
    return made


def refusal(reader: Reader, path: str) -> str:
    with pytest.raises(InputError) as caught:
        reader(path)
    assert caught.value.place == path
    assert caught.value.line is None
    return str(caught.value).removeprefix(f"{path}: ")


def test_missing_file(reader: Reader, tmp_path: Path) -> None:
    for name in ("none.tsv", "none.gz", "none/none.zst"):
        assert refusal(reader, str(tmp_path / name)) == (
            "No such file or directory; check the path and its permissions"
        )


def test_the_file_is_named_as_the_user_wrote_it(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"^\./x/\.\./none\.tsv: No such file"):
        reader("./x/../none.tsv")


def test_directory(reader: Reader, tmp_path: Path) -> None:
    said = "no documents in the folder; write a file a document"
    if reader is read_lines:
        said = "Is a directory; name the files in it"
    assert refusal(reader, str(tmp_path)) == said


def test_permission(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patched, since root may read everything."""

    def refuse(path: str, *args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(sources, "open", refuse, raising=False)
    assert refusal(reader, "a.tsv") == "Permission denied; check the path and its permissions"


def test_nul_in_a_path(reader: Reader) -> None:
    assert refusal(reader, "a\0b") == "embedded null byte; check the path"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="not Linux")
def test_a_read_that_fails(reader: Reader) -> None:
    assert refusal(reader, "/proc/self/mem").startswith("Input/output error; ")


@pytest.mark.parametrize("ending", ["", *COMPRESSORS])
def test_a_stream_that_fails_midway(ending: str) -> None:
    data = COMPRESSORS[ending](SMALL) if ending else SMALL
    broken = Dripping(data[:-4], OSError(errno.EIO, os.strerror(errno.EIO)))
    with pytest.raises(InputError, match=r"^standard input: Input/output error; "):
        read_corpus(["-"], stdin=as_stdin(broken))


@pytest.mark.parametrize("data", [b"", BOM])
def test_empty_file(reader: Reader, tmp_path: Path, data: bytes) -> None:
    assert refusal(reader, write(tmp_path / "a.tsv", data)) == EMPTY
    for ending, compress in COMPRESSORS.items():
        assert refusal(reader, write(tmp_path / f"a{ending}", compress(data))) == EMPTY


@pytest.mark.parametrize("ending", COMPRESSORS)
def test_nothing_at_all_under_a_compressed_name(
    reader: Reader, tmp_path: Path, ending: str
) -> None:
    assert refusal(reader, write(tmp_path / f"a{ending}", b"")) == EMPTY


def test_empty_standard_input() -> None:
    with pytest.raises(InputError) as caught:
        read_corpus(["-"], stdin=io.BytesIO())
    assert str(caught.value) == f"standard input: {EMPTY}"


def test_no_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match=r"^standard input: closed; "):
        read_corpus(["-"])


def test_standard_input_twice() -> None:
    with pytest.raises(InputError, match=r"^standard input: - given more than once; "):
        read_corpus(["-", "-"], stdin=io.BytesIO(SMALL))


def test_no_list_of_files() -> None:
    with pytest.raises(InputError, match=r"^no corpus files; "):
        read_corpus([])
    with pytest.raises(InputError, match="No such file"):
        read_corpus("train.tsv")


KINDS = {".gz": "gzip", ".bz2": "bzip2", ".zst": "zstd", ".xz": "xz"}


@pytest.mark.parametrize("ending", COMPRESSORS)
def test_not_compressed_as_its_name_says(reader: Reader, tmp_path: Path, ending: str) -> None:
    problem = f"not {KINDS[ending]} data, though its name ends in {ending}"
    mend = "; rename it as what it is, or compress it"
    others = [compress(SMALL) for end, compress in COMPRESSORS.items() if end != ending]
    for data in (SMALL, b"a", *others):
        assert refusal(reader, write(tmp_path / f"a{ending}", data)) == problem + mend


@pytest.mark.parametrize("ending", COMPRESSORS)
def test_compressed_though_its_name_does_not_say(
    reader: Reader, tmp_path: Path, ending: str
) -> None:
    for name in ("a.tsv", f"a{ending}.tsv"):
        assert refusal(reader, write(tmp_path / name, COMPRESSORS[ending](SMALL))) == (
            f"binary data: the file is compressed by {KINDS[ending]}; "
            f"rename it so that its name ends in {ending}"
        )


def incompressible(size: int) -> bytes:
    return b"a\t" + random.Random(1).randbytes(size).hex().encode() + b"\n"


@pytest.mark.slow
@pytest.mark.parametrize("ending", COMPRESSORS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1.0])
def test_truncated(reader: Reader, tmp_path: Path, ending: str, share: float) -> None:
    whole = COMPRESSORS[ending](incompressible(200_000))
    path = write(tmp_path / f"a{ending}", whole[: int(len(whole) * share) - 1])
    problem = f"the {KINDS[ending]} data are truncated; copy or compress the file again"
    assert refusal(reader, path) == problem


@pytest.mark.parametrize("ending", COMPRESSORS)
def test_corrupt(reader: Reader, tmp_path: Path, ending: str) -> None:
    problem = f"the {KINDS[ending]} data are corrupt; copy or compress the file again"
    whole = bytearray(COMPRESSORS[ending](incompressible(200_000)))
    middle = len(whole) // 2
    whole[middle : middle + 64] = bytes(byte ^ 0xFF for byte in whole[middle : middle + 64])
    if ending != ".zst":  # Arrow writes zstd frames without a checksum
        assert refusal(reader, write(tmp_path / f"a{ending}", bytes(whole))) == problem
    head = COMPRESSORS[ending](SMALL)[:10] + b"\xff" * 100
    assert refusal(reader, write(tmp_path / f"b{ending}", head)) == problem


# ------------------------------------------------------------------ size

BIG = 20_000_000


def peak_of(action: Callable[[], object]) -> int:
    """Bytes allocated at the worst moment of an action."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_one_huge_line(tmp_path: Path, ending: str) -> None:
    compress = COMPRESSORS.get(ending, bytes)
    read_corpus([write(tmp_path / f"warm{ending}", compress(SMALL))])  # compiles, imports
    without = write(tmp_path / f"without{ending}", compress(b"a\tx\n" + b"\x01y" * (BIG // 2)))

    def refused() -> None:
        with pytest.raises(InputError, match="line 2: no tab between label and text in") as caught:
            read_corpus([without])
        assert len(str(caught.value)) < len(without) + 160
        assert str(caught.value).isprintable()

    assert peak_of(refused) < 1.2 * BIG + 2e6
    with_tab = write(tmp_path / f"with{ending}", compress(b"a\t" + b"word " * (BIG // 5)))
    found: list[Corpus] = []
    assert peak_of(lambda: found.append(read_corpus([with_tab]))) < 1.2 * BIG + 2e6
    assert int((found[0].batches[0].stops - found[0].batches[0].starts)[0]) == BIG


def test_memory_is_the_file_and_its_spans(tmp_path: Path) -> None:
    lines = 200_000
    path = write(tmp_path / "a.tsv", b"label\tsome text of a middling length\n" * lines)
    read_corpus([path])
    # starts, stops, tabs, first places of text, label spans (two), slots (four at most), codes...
    peak = peak_of(lambda: read_corpus([path]))
    assert peak < os.path.getsize(path) + 80 * lines


# ------------------------------------------------------------------ the kernels

KERNELS = ["find", "count", "split", "check", "intern"]


def compiled_and_plain(name: str) -> tuple[Any, Any]:
    kernel: Any = getattr(kernels, name)
    return kernel, plain_of(kernel)


def plain_of(kernel: Any) -> Any:
    """The Python that the kernel is written in, and that of the kernels it calls."""
    names = {
        name: plain_of(value)
        for name, value in kernel.function.__globals__.items()
        if hasattr(value, "signatures") and name in kernel.function.__code__.co_names
    }
    code = kernel.function.__code__
    return FunctionType(code, {**kernel.function.__globals__, **names})


def arrays(data: bytes) -> tuple[Any, Any]:
    text = frozen(np.frombuffer(data, np.uint8))
    return text, text[: text.size & ~7].view(np.uint64)


def places(values: Any) -> Any:
    return frozen(np.array(values, np.int64))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_find_and_count(data: st.DataObject) -> None:
    # 0x09 and 0x0a, 0x00 and 0x01, 0x80: neighbours that a carry of the word trick would confuse
    content = bytes(data.draw(st.lists(st.sampled_from([0, 1, 8, 9, 10, 11, 128, 255]))))
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, len(content)))
    text, words = arrays(content)
    for byte in (0, 9, 10):
        place = content.find(bytes([byte]), start, stop)
        expected = stop if place < 0 else place
        for find in compiled_and_plain("find"):
            with np.errstate(over="ignore"):
                assert find(text, words, byte, start, stop) == expected
        for count in compiled_and_plain("count"):
            assert count(text, byte, start) == content[start:].count(bytes([byte]))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["", "a", "b", "ab", "ba", "c", "abcdefghi", " a "]), max_size=30))
def test_intern(names: list[str]) -> None:
    """Against a dict, in the smallest table there may be; an empty name is a bad line."""
    stops = np.cumsum([len(name) for name in names]).astype(np.int64)
    starts = places([0, *stops[:-1]] if names else [])
    seen: dict[str, int] = {}
    expected = [seen.setdefault(name.strip(), len(seen)) if name else -1 for name in names]
    n = len(names)
    for intern in compiled_and_plain("intern"):
        slots = np.zeros(2 << n.bit_length(), np.int32)
        first, last, codes = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int32)
        status = np.array([kernels.NO_LABEL * (not name) for name in names], np.uint8)
        text, _ = arrays("".join(names).encode())
        with np.errstate(over="ignore"):
            found = intern(text, starts, stops, status, slots, first, last, codes)
        assert codes.tolist() == expected
        spans = zip(first[:found].tolist(), last[:found].tolist(), strict=True)
        assert ["".join(names)[i:j] for i, j in spans] == list(seen)


def test_labels_go_round_the_end_of_the_table() -> None:
    """A label whose slot is the last one, taken, is put in the first."""
    names = [f"{i}" for i in range(1000)]
    stops = np.cumsum([len(name) for name in names]).astype(np.int64)
    starts = stops - np.array([len(name) for name in names])
    text, _ = arrays("".join(names).encode())
    _, plain = compiled_and_plain("intern")  # the compiled one would not say that it ran over
    wrapped = 0
    for i in range(999):
        slots, codes = np.zeros(8, np.int32), np.empty(2, np.int32)
        spans = np.empty(2, np.int64), np.empty(2, np.int64)
        pair = places(starts[i : i + 2]), places(stops[i : i + 2])
        with np.errstate(over="ignore"):
            plain(text, *pair, np.zeros(2, np.uint8), slots, *spans, codes)
        assert sorted(slots.tolist()) == [0] * 6 + [1, 2]
        wrapped += slots[7] == 1 and slots[0] == 2
    assert wrapped  # or the test has shown nothing


def test_find_sees_one_byte_anywhere_in_long_data() -> None:
    for length in range(70):
        for at in range(length):
            content = bytearray(b"\x01" * length)
            content[at] = 0
            text, words = arrays(bytes(content))
            assert kernels.find(text, words, 0, 0, length) == at
            assert kernels.find(text, words, 0, at + 1, length) == length
            assert kernels.find(text, words, 0, 0, at) == at


numbers = st.one_of(
    st.floats(0, 3.4e38).map(repr),
    st.floats(0, 10, width=32).map(repr),
    st.integers(0, 10**25).map(str),
    st.from_regex(r"[0-9]{0,21}(\.[0-9]{0,21})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.from_regex(r"[+\-0-9.eE_ na]{0,6}", fullmatch=True),
)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(numbers)
@example("16777217")  # halfway between two float32
@example("16777217.000000001")
@example("340282346638528859811704183484516925440")
@example("340282356779733661637539395458142568448")  # rounds to infinity
@example("81021091461181645e-15")  # so near to halfway that a division by 1e15 misses the side
@example("29995808601379397e-15")
@example("0.30000000000000004")
@example("9999999999999999999")
@example("00000000000000000000000000001")
@example("1e-46")
@example("+1")
@example(" 1 ")
@example("nan")
@example("inf")
@example("1e400")
def test_weights_are_the_nearest_float32(number: str) -> None:
    for many in (tsv.MANY, 1):  # by Python, and by Arrow
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tsv, "MANY", many)
            check_weight(number)


def check_weight(number: str) -> None:
    line = b"a\t" + number.encode() + b"\ttext"
    row = naive_row(line, weighted=True)
    stdin = io.BytesIO(line)
    if isinstance(row, str):
        with pytest.raises(InputError, match=re.escape(row)):
            read_corpus(["-"], ReadingOptions(weighted=True), stdin=stdin)
        return
    corpus = read_corpus(["-"], ReadingOptions(weighted=True), stdin=stdin)
    assert corpus.weights is not None
    assert corpus.weights.tolist() == [float(np.float32(row[1]))]


def test_no_mark_is_left_in_a_label_that_only_begins_alike(tmp_path: Path) -> None:
    """Labels that are prefixes of each other, and one that ends where its file does."""
    data = b"ab\t1\nabc\t2\na\t3\nabd\t4\n ab\t5\nabc \t6"
    corpus = read_corpus([write(tmp_path / "a.tsv", data)])
    assert [label for label, _, _ in rows_of(corpus)] == ["ab", "abc", "a", "abd", "ab", "abc"]


def test_each_kernel_compiles_once(tmp_path: Path) -> None:
    """In a fresh process, over all ways of reading."""
    code = """
import bz2, io, sys
from textmlr.corpus.reading import read_corpus
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.corpus.formats.lines import read_lines
from textmlr.kernels import tsv_lines
path = sys.argv[1]
read_corpus([path]); read_corpus([path], ReadingOptions(skip_bad_lines=True))
read_corpus([path, path], ReadingOptions(weighted=True)); read_lines(path)
for data in (b"a\\t1\\tx\\n\\n", bz2.compress(b"\\xef\\xbb\\xbfa\\t1\\tx\\n\\n")):
    for weighted in (False, True):
        options = ReadingOptions(weighted=weighted, skip_bad_lines=True)
        read_corpus(["-"], options, stdin=io.BytesIO(data))
print(*[len(getattr(tsv_lines, name).signatures) for name in sys.argv[2:]])
"""
    path = write(tmp_path / "a.tsv", b"a\t1\tx\n")
    assert run(code, path, *KERNELS).split() == [b"1"] * len(KERNELS)


def test_plain_kernels_read_the_same(tmp_path: Path) -> None:
    """Without Numba, as the command line runs for one small document."""
    data = BOM + "é\t0.1\tx\ty\r\n\n b \t7e-3\t\na\tno\t\nb\t+1\tz\0\nc\n".encode() * 5
    path = write(tmp_path / "a.tsv", data)
    code = """
import sys
import textmlr.kernels.jit
assert "plain" not in sys.argv or textmlr.kernels.jit.run_plain()
from textmlr.corpus.reading import read_corpus
from textmlr.corpus.reading_options import ReadingOptions
corpus = read_corpus(sys.argv[1:2], ReadingOptions(weighted=True, skip_bad_lines=True))
batch = corpus.batches[0]
print(*(batch[i] for i in range(len(batch))), corpus.labels, corpus.y.tolist())
print(corpus.weights.tolist(), corpus.skipped, corpus.skipped_examples, file=sys.stdout)
print("numba" in sys.modules)
"""
    compiled, plain = (run(code, path, mode).splitlines() for mode in ("compiled", "plain"))
    assert plain[:-1] == compiled[:-1]
    assert plain[-1] == b"False"


def test_plain_files_need_no_arrow(tmp_path: Path) -> None:
    """Nor scipy, of which Numba itself loads scipy.linalg: so the kernels are left plain."""
    code = "import sys, textmlr.kernels.jit; textmlr.kernels.jit.run_plain(); "
    code += "from textmlr.corpus.reading import read_corpus; read_corpus(sys.argv[1:]); "
    code += "print({'pyarrow', 'scipy'} & {*sys.modules})"
    for name, needed in (("a.tsv", b"set()"), ("a.tsv.gz", b"set()"), ("a.zst", b"{'pyarrow'}")):
        compress = COMPRESSORS.get(Path(name).suffix, bytes)
        assert run(code, write(tmp_path / name, compress(SMALL))).strip() == needed


def test_compiled_kernels_need_no_numba(tmp_path: Path) -> None:
    code = "import sys; from textmlr.corpus.reading import read_corpus; read_corpus(sys.argv[1:])"
    code += "; print({'pyarrow', 'scipy', 'numba'} & {*sys.modules})"
    path = write(tmp_path / "a.tsv", SMALL)
    run(code, path)  # compiles, if nothing has yet
    assert run(code, path).strip() == b"set()"
