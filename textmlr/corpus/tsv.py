r"""TSV: one labelled document a line, label<TAB>text, in plain or compressed files.

UTF-8; a byte order mark at the start is dropped; lines end in \n or \r\n, the last one perhaps
in nothing.  The text is the rest of the line, further tabs and all.  A file is read into one
buffer and its documents are spans of it: no Python object per line.
"""

from __future__ import annotations

import io
import os
import re
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from textmlr.arrays import frozen
from textmlr.corpus.batch import Batch, Corpus
from textmlr.errors import InputError
from textmlr.kernels import lines as kernels

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK = 1 << 20
_BOM = b"\xef\xbb\xbf"
_ENDINGS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2"}
# RFC 1952 (gzip, deflate), RFC 8878 (zstd), and bzip2's level, then the first block or the end.
_MAGIC = re.compile(
    rb"(?P<gzip>\x1f\x8b\x08)|(?P<zstd>\x28\xb5\x2f\xfd)"
    rb"|(?P<bzip2>BZh[1-9](?:1AY&SY|\x17rE8P\x90))"
)
_HEAD = 10  # bytes that show the format
_QUOTED = 40  # characters of a file that a message may quote
_EXAMPLES = 5
_NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SKIP = "or pass --skip-bad-lines"
_FORM = {False: "label<TAB>text", True: "label<TAB>weight<TAB>text"}


def read_corpus(
    paths: Sequence[str | os.PathLike[str]],
    *,
    weighted: bool = False,
    skip_bad_lines: bool = False,
    stdin: BinaryIO | None = None,
) -> Corpus:
    """Read files of label<TAB>text lines as one corpus, a Batch a file.

    paths           files, decompressed if their names end in .gz, .zst or .bz2; "-" is standard
                    input, decompressed if its first bytes say so
    weighted        lines are label<TAB>weight<TAB>text, weight a finite number >= 0
    skip_bad_lines  leave out what is no such line, and count it in the Corpus
    stdin           read for "-" in place of the process's own
    Labels are stripped of ASCII whitespace and equal if their bytes are.
    Raises InputError naming file and line: for a file that cannot be read, decompressed or is
    empty; for the first line that is blank, lacks a tab or a label, holds a NUL byte, a label
    that is not UTF-8 or a bad weight; and if every line would be skipped.

    >>> from textmlr import read_corpus
    >>> corpus = read_corpus(["data/genres-test.tsv"])
    >>> len(corpus), corpus.labels[:3]
    (144, ['adventure', 'comedy', 'crime'])
    >>> corpus.text(0)[:30]
    'The steppe beyond Orenburg had'
    """
    if isinstance(paths, str | bytes):
        raise InputError("expected a list of files, got one name", mend="put it in a list: [path]")
    files = [os.fspath(path) for path in paths]
    if not files:
        raise InputError("no corpus files", mend="name at least one")
    if files.count("-") > 1:
        raise InputError("- given more than once", place="standard input", mend="name it once")
    parts = [_read_part(file, weighted, skip_bad_lines, stdin) for file in files]
    labels = sorted({label for part in parts for label in part.labels if label is not None})
    skipped = sum(part.skipped for part in parts)
    examples = [example for part in parts for example in part.examples][:_EXAMPLES]
    if not labels:
        raise InputError(
            f"all {skipped} lines are bad; the first: {examples[0]}",
            mend=f"write {_FORM[weighted]} lines",
        )
    code_of = {label: code for code, label in enumerate(labels)}
    codes = [
        np.array([-1 if label is None else code_of[label] for label in part.labels], np.int32)[
            part.codes
        ]
        for part in parts
    ]
    return Corpus(
        batches=[part.batch for part in parts],
        y=np.concatenate(codes),
        labels=labels,
        weights=np.concatenate([part.weights for part in parts]) if weighted else None,
        names=[_name(file) for file in files],
        skipped=skipped,
        skipped_examples=examples,
    )


def read_lines(path: str | os.PathLike[str], *, stdin: BinaryIO | None = None) -> Batch:
    """Read a file of one unlabelled document a line; blank lines are documents too.

    path   as in read_corpus: "-" is standard input, .gz, .zst and .bz2 are decompressed
    stdin  read for "-" in place of the process's own
    Raises InputError for a file that cannot be read or decompressed, is empty or holds a NUL byte.
    """
    file = os.fspath(path)
    text = _load(file, stdin)
    words, starts, stops = _split(text, _name(file))
    nul = kernels.find(text, words, 0, 0, text.size)
    if nul < text.size:
        line = int(np.searchsorted(starts, nul, "right")) - 1
        raise _error(_Lines(_name(file), text, starts, stops, stops, stops), line, kernels.BINARY)
    return Batch(text, starts, stops)


def recode(corpus: Corpus, labels: Sequence[str]) -> tuple[NDArray[np.int32], dict[str, int]]:
    """The labels of a corpus as codes into another list, a model's: (codes, unknown).

    codes    (n,) int32   -1 where the label is not in labels
    unknown  number of documents of each label that is not in labels, by code point
    """
    code_of = {label: code for code, label in enumerate(labels)}
    codes = np.array([code_of.get(label, -1) for label in corpus.labels], np.int32)
    counts = np.bincount(corpus.y, minlength=len(corpus.labels)).tolist()
    pairs = zip(corpus.labels, counts, strict=True)
    return codes[corpus.y], {label: n for label, n in pairs if label not in code_of}


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What one file gives.  labels: by local code; None for a name no line is left with."""

    batch: Batch
    codes: NDArray[np.int32]
    labels: list[str | None]
    weights: NDArray[np.float32]
    skipped: int
    examples: list[str]


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """The lines of one file; all (n,) int64 but text.  See kernels.lines.check."""

    name: str
    text: NDArray[np.uint8]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    tabs: NDArray[np.int64]
    lasts: NDArray[np.int64]


def _read_part(file: str, weighted: bool, skip: bool, stdin: BinaryIO | None) -> _Part:
    """Read one file; raise InputError for its first bad line, or skip it."""
    text = _load(file, stdin)
    words, starts, stops = _split(text, _name(file))
    n = len(starts)
    tabs = np.empty(n, np.int64)
    lasts = np.empty(n, np.int64) if weighted else tabs
    status = np.empty(n, np.uint8)
    kernels.check(text, words, starts, stops, weighted, tabs, lasts, status)
    lines = _Lines(_name(file), text, starts, stops, tabs, lasts)
    weights = _weights(lines, status, skip) if weighted else np.empty(0, np.float32)
    codes, labels = _intern(lines, status)
    bad = np.flatnonzero(status)
    first = lasts  # the text begins behind the last tab
    if len(bad):
        if not skip:
            raise _error(lines, int(bad[0]), int(status[bad[0]]), weighted)
        good = status == kernels.GOOD
        codes, first, stops = codes[good], lasts[good], frozen(stops[good])
        weights = weights[good] if weighted else weights
    examples = []
    for line in bad[:_EXAMPLES].tolist():
        error = _error(lines, line, int(status[line]), weighted)
        examples.append(str(InputError(error.problem, place=error.place, line=error.line)))
    batch = Batch(text, frozen(first + 1), stops)
    return _Part(batch, codes, labels, weights, len(bad), examples)


def _split(text: NDArray[np.uint8], name: str) -> tuple[NDArray[np.uint64], Any, Any]:
    """(text as words, starts, stops) of the lines; InputError if there are none."""
    first = len(_BOM) if text[: len(_BOM)].tobytes() == _BOM else 0
    if text.size == first:
        raise InputError("the file is empty", place=name, mend="write one document a line")
    n = kernels.count(text, kernels.NEWLINE, first) + int(text[-1] != kernels.NEWLINE)
    words = text[: text.size & ~7].view(np.uint64)
    starts, stops = np.empty(n, np.int64), np.empty(n, np.int64)
    kernels.split(text, words, first, starts, stops)
    return words, frozen(starts), frozen(stops)


def _intern(lines: _Lines, status: NDArray[np.uint8]) -> tuple[NDArray[np.int32], list[str | None]]:
    """Codes of the lines, (n,) int32, and the labels they stand for, in order of occurrence.

    A label that is not UTF-8 is None, and the status of its lines becomes BAD_LABEL.
    """
    n = len(lines.starts)
    # Room for n labels, half full at most; pages that stay untouched take no memory.
    slots = np.zeros(2 << n.bit_length(), np.int32)
    starts, stops, codes = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int32)
    tabs = lines.tabs
    found = kernels.intern(lines.text, lines.starts, tabs, status, slots, starts, stops, codes)
    labels: list[str | None] = []
    for start, stop in zip(starts[:found].tolist(), stops[:found].tolist(), strict=True):
        try:
            labels.append(str(lines.text[start:stop].data, "utf-8"))
        except UnicodeDecodeError:
            labels.append(None)
    if None in labels:
        wrong = np.array([label is None for label in labels])
        status[(codes >= 0) & wrong[codes]] = kernels.BAD_LABEL
    return codes, labels


def _weights(lines: _Lines, status: NDArray[np.uint8], skip: bool) -> NDArray[np.float32]:
    """Weights of the lines, (n,) float32; the status of bad ones becomes BAD_WEIGHT."""
    weights = np.empty(len(lines.starts), np.float32)
    kernels.weights(lines.text, lines.tabs, lines.lasts, status, weights)
    for line in np.flatnonzero(status == kernels.ODD_WEIGHT).tolist():
        raw = lines.text[lines.tabs[line] + 1 : lines.lasts[line]].tobytes().strip()
        value = float(raw) if _NUMBER.fullmatch(raw) else -1.0
        if 0 <= value <= kernels.LARGEST:
            weights[line] = abs(value)  # not -0.0
            status[line] = kernels.GOOD
        else:
            status[line] = kernels.BAD_WEIGHT
            if not skip:
                break  # no later line can be the first bad one
    return weights


def _error(lines: _Lines, line: int, status: int, weighted: bool = False) -> InputError:
    """The error of a line, counted from 0, that has this status."""
    start, stop = int(lines.starts[line]), int(lines.stops[line])
    tab, last = int(lines.tabs[line]), int(lines.lasts[line])
    write = f"write {_FORM[weighted]}, {_SKIP}"
    if status == kernels.BINARY:
        problem, mend = "binary data (a NUL byte)", "give UTF-8 text, not UTF-16 or another format"
    elif status == kernels.BLANK:
        problem, mend = "blank line", f"delete it, {_SKIP}"
    elif status == kernels.NO_TAB:
        after = "weight" if weighted else "text"
        problem, mend = f"no tab between label and {after} in {_quote(lines, start, stop)}", write
    elif status == kernels.NO_LABEL:
        problem, mend = "empty label before the tab", write
    elif status == kernels.NO_SECOND_TAB:
        problem = f"no tab between weight and text in {_quote(lines, start, stop)}"
        mend = f"{write}, or leave out --weighted"
    elif status == kernels.BAD_WEIGHT:
        problem = f"weight {_quote(lines, tab + 1, last)} is not a finite number >= 0"
        mend = f"{write}, with a weight such as 1 or 0.5"
    else:
        problem = f"label {_quote(lines, start, tab)} is not UTF-8"
        mend = f"convert the file to UTF-8, {_SKIP}"
    return InputError(problem, place=lines.name, line=line + 1, mend=mend)


def _quote(lines: _Lines, start: int, stop: int) -> str:
    """The beginning of a span in quotes, without control characters."""
    raw = lines.text[start : min(stop, start + 4 * _QUOTED)].tobytes()
    quoted = ""
    for character in raw.decode("utf-8", "surrogateescape"):
        if "\udc80" <= character <= "\udcff":  # a byte that is not UTF-8
            character = f"\\x{ord(character) - 0xDC00:02x}"
        elif not character.isprintable():
            character = character.encode("unicode_escape").decode()
        if len(quoted) + len(character) > _QUOTED - 3:
            return f"'{quoted}...'"
        quoted += character
    return f"'{quoted}'"


def _name(file: str) -> str:
    return "standard input" if file == "-" else file


def _load(file: str, stdin: BinaryIO | None) -> NDArray[np.uint8]:
    """The bytes of a file or of standard input, decompressed, (bytes,) uint8 and read-only.

    Raises InputError for what the system refuses and for compressed data that is not whole.
    """
    name = _name(file)
    ending = next((end for end in _ENDINGS if file.lower().endswith(end)), None)
    try:
        if file == "-":
            return frozen(_load_stream(_standard_input(stdin), name))
        with open(file, "rb", buffering=0) as stream:
            if ending is not None:
                return frozen(_load_stream(stream, name, ending))
            text = _load_plain(stream)
    except OSError as error:
        mend = "check the path and its permissions"
        if isinstance(error, IsADirectoryError):
            mend = "name the files in it"
        raise InputError(error.strerror or str(error), place=name, mend=mend) from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(str(error), place=name, mend="check the path") from None  # NUL in it
    if (kind := _kind(text[:_HEAD].tobytes())) is not None:
        ending = next(end for end in _ENDINGS if _ENDINGS[end] == kind)
        mend = f"rename it so that its name ends in {ending}"
        raise InputError(f"binary data: the file is compressed by {kind}", place=name, mend=mend)
    return frozen(text)


def _standard_input(stdin: BinaryIO | None) -> BinaryIO:
    if stdin is not None:
        return stdin
    buffer: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    if buffer is None:
        raise InputError("closed", place="standard input", mend="redirect a file into it")
    return buffer


def _load_plain(file: io.FileIO) -> NDArray[np.uint8]:
    """All bytes of a file, into one allocation if the size it gives is right."""
    buffer: NDArray[np.uint8] = np.empty(os.fstat(file.fileno()).st_size + 1, np.uint8)
    filled = 0
    while filled < buffer.size and (n := file.readinto(buffer.data[filled:])):
        filled += n
    if filled < buffer.size:
        return buffer[:filled]
    return _drain(file, buffer.tobytes())  # a pipe, or a file that is still growing


def _drain(stream: Any, head: bytes = b"") -> NDArray[np.uint8]:
    """head and all that is left in stream.  A bytearray grows in place, without a second copy."""
    buffer = bytearray(head)
    while chunk := stream.read(_CHUNK):
        buffer += chunk
    return np.frombuffer(buffer, np.uint8)


def _kind(head: bytes) -> str | None:
    """The compression that the first bytes show."""
    found = _MAGIC.match(head)
    return found.lastgroup if found else None


def _load_stream(stream: Any, name: str, ending: str | None = None) -> NDArray[np.uint8]:
    """All bytes of a stream, decompressed as the ending, or else its first bytes, say."""
    head = b""
    while len(head) < _HEAD and (chunk := stream.read(_HEAD - len(head))):
        head += chunk
    kind = _kind(head)
    if ending is not None and head and kind != _ENDINGS[ending]:
        raise InputError(
            f"not {_ENDINGS[ending]} data, though its name ends in {ending}",
            place=name,
            mend="rename it as what it is, or compress it",
        )
    if kind is None:
        return _drain(stream, head)
    return _decompress(kind, io.BufferedReader(_Rejoined(head, stream), _CHUNK), name)


class _Rejoined(io.RawIOBase):
    """A stream with the bytes put back that were read from its head."""

    def __init__(self, head: bytes, stream: Any) -> None:
        self._head = head
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        chunk = self._head[: len(view)] or self._stream.read(len(view)) or b""
        self._head = self._head[len(view) :]
        view[: len(chunk)] = chunk
        return len(chunk)


def _decompress(kind: str, stream: io.BufferedReader, name: str) -> NDArray[np.uint8]:
    """All bytes of a compressed stream; InputError if it is truncated or corrupt."""
    problem = f"the {kind} data are corrupt"
    try:
        if kind == "gzip":
            import gzip

            with gzip.GzipFile(fileobj=stream) as reader:
                return _drain(reader)
        if kind == "bzip2":
            import bz2

            with bz2.BZ2File(stream) as reader:
                return _drain(reader)
        import pyarrow as pa

        with pa.CompressedInputStream(stream, "zstd") as reader:
            return _drain(reader)
    except EOFError:
        problem = f"the {kind} data are truncated"
    except (zlib.error, ValueError):
        pass
    except OSError as error:
        if error.errno is not None:  # the system's, not the decompressor's
            raise
        if "truncated" in str(error).lower():
            problem = f"the {kind} data are truncated"
    raise InputError(problem, place=name, mend="copy or compress the file again")
