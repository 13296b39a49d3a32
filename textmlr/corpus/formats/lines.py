r"""Lines: a file in blocks of whole lines, and the format of one unlabelled document a line.

UTF-8; a byte order mark at the start is dropped; lines end in \n or \r\n, the last one perhaps
in nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from textmlr.base import limits
from textmlr.base.arrays import frozen
from textmlr.base.checks import check_file, check_flag, check_path
from textmlr.base.errors import FormatError, InputError
from textmlr.base.option_mentions import mention
from textmlr.base.options import check_options
from textmlr.base.string_blobs import strings_of
from textmlr.corpus.batch import Batch
from textmlr.corpus.byte_streams import Stream
from textmlr.corpus.chunks import SKIP, Chunk, ScanRequest, check_bad
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.corpus.refusals import too_long
from textmlr.corpus.sources import opened
from textmlr.corpus.taken_columns import Taken
from textmlr.corpus.text_encodings import BOM, check_marks, first_invalid
from textmlr.kernels import text_spans
from textmlr.kernels import tsv_lines as kernels

TAKEN = Taken("a document a line")
_BLANK = frozenset(b" \n\r\v\f")
_LOOKED_AT = 1 << 12  # bytes
_QUOTED = 40  # characters of a file that a message may quote
_MANY = 1 << 10  # labels that are brought together before they are decoded
BINARY = "binary data (a NUL byte)", f"give text, in UTF-8 or as {mention('encoding')} says"


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Lines that follow one another in a file.

    first          number of the first, from 1
    text           (bytes,) uint8, writable for formats that write to it
    words          (bytes // 8,) uint64, the same memory
    starts, stops  (n,) int64   without line ends
    """

    name: str
    first: int
    text: NDArray[np.uint8]
    words: NDArray[np.uint64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)


def blocks_of(
    stream: Stream, chunk_bytes: int | None, *, blank_end: bool = False
) -> Iterator[Lines]:
    """All lines of a file, in blocks of about chunk_bytes, or of all of them.

    blank_end  blank lines at the end of the file are none
    Raises InputError if there are none.
    """
    first = 1
    texts = _texts(stream, chunk_bytes, blank_end)
    if blank_end:
        check_returns(stream)
    while (text := _next(texts, stream.name, first)) is not None:
        stream.check_text(text, first)
        begin = len(BOM) if first == 1 and text[: len(BOM)].tobytes() == BOM else 0
        if text.size == begin:
            continue  # a mark and nothing else
        lines = split(stream.name, first, text, begin)
        if text.size > limits.MOST_DOCUMENT:
            _check_lengths(lines)
        yield lines
        first += len(lines)
    if first == 1:
        raise FormatError("the file is empty", place=stream.name, mend="write one document a line")


def check_returns(stream: Stream) -> None:
    """Raise FormatError for a file whose lines end in carriage returns alone."""
    head = stream.head()
    if b"\n" not in head and sum(bool(line.strip()) for line in head.split(b"\r")) > 1:
        raise FormatError(
            "its lines end in carriage returns alone",
            place=stream.name,
            mend="convert them, as tr '\\r' '\\n' does",
        )


def _check_lengths(lines: Lines) -> None:
    """Raise InputError for a line that is longer than any may be."""
    sizes = lines.stops - lines.starts
    longest = int(sizes.argmax())
    if sizes[longest] > limits.MOST_DOCUMENT:
        raise too_long(lines.name, lines.first + longest, "a line", int(sizes[longest]))


class _LongError(Exception):
    """A line longer than any may be; its argument is how many bytes of it were seen."""


def _next(texts: Iterator[NDArray[np.uint8]], name: str, first: int) -> NDArray[np.uint8] | None:
    """The next block, which begins with line ``first``; None at the end."""
    try:
        return next(texts, None)
    except _LongError as error:
        raise too_long(name, first, "a line", error.args[0]) from None


def _texts(stream: Stream, chunk_bytes: int | None, blank_end: bool) -> Iterator[NDArray[np.uint8]]:
    """Blocks that end where a line does, none empty."""
    if chunk_bytes is None:
        text = stream.rest("line")
        if text.size:
            yield text[: _without_blanks(text) or text.size] if blank_end else text
        return
    rest, block = bytearray(), stream.read(chunk_bytes)
    begun = False
    while block:
        following = None if stream.live else stream.read(chunk_bytes)  # it may be long in coming
        end = len(block) if following == b"" else block.rfind(b"\n") + 1
        rest += block[:end] if end else block
        if end:
            # Blank lines wait for a line that is not, which makes them bad.
            own = _without_blanks(np.frombuffer(rest, np.uint8)) if blank_end else len(rest)
            blank = bytearray() if own == len(rest) else rest[own:]
            if own:
                del rest[own:]
                yield np.frombuffer(rest, np.uint8)
                begun = True
            rest = blank + block[end:]
        if len(rest) > limits.MOST_DOCUMENT:
            raise _LongError(len(rest))
        block = stream.read(chunk_bytes) if following is None else following
    if rest and not (begun and blank_end and not _without_blanks(np.frombuffer(rest, np.uint8))):
        yield np.frombuffer(rest, np.uint8)


def _without_blanks(text: NDArray[np.uint8]) -> int:
    """Where the last line ends that is not blank, 0 if all are."""
    end = text.size
    while end and text[end - 1] in _BLANK:
        end -= 1
    if not end:
        return 0
    behind = bytes(text[end : end + _LOOKED_AT]).find(b"\n")
    while behind < 0 and end < text.size:  # a last line with very many spaces
        end += min(_LOOKED_AT, text.size - end)
        behind = bytes(text[end : end + _LOOKED_AT]).find(b"\n")
    return min(end + behind + 1, text.size) if behind >= 0 else text.size


def split(name: str, first: int, text: NDArray[np.uint8], begin: int) -> Lines:
    """The lines of text[begin:], which is not empty."""
    n = kernels.count(frozen(text), kernels.NEWLINE, begin) + int(text[-1] != kernels.NEWLINE)
    read = frozen(text)
    words = read[: text.size & ~7].view(np.uint64)
    starts, stops = np.empty(n, np.int64), np.empty(n, np.int64)
    kernels.split(read, words, begin, starts, stops)
    return Lines(name, first, text, words, frozen(starts), frozen(stops))


def encoding_mend(text: NDArray[np.uint8]) -> str:
    """The clause on what to do about text that is no UTF-8: name the encoding, a likely one."""
    from textmlr.corpus.likely_encoding import MOST, likely_encoding

    begin = max(first_invalid(text), 0)
    likely = likely_encoding(text[begin : begin + MOST].tobytes())
    if likely is None:
        return f"say its {mention('encoding')}"
    return f"say {mention('encoding', likely)}, which it looks like"


def quote(text: NDArray[np.uint8], start: int, stop: int) -> str:
    """The beginning of a span in quotes, without control characters."""
    raw = text[start : min(stop, start + 4 * _QUOTED)].tobytes()
    return quoted(raw.decode("utf-8", "surrogateescape"))


def quoted(text: str) -> str:
    """The beginning of a text in quotes, without control characters."""
    shown = ""
    for character in text:
        if "\udc80" <= character <= "\udcff":  # a byte that is not UTF-8
            character = f"\\x{ord(character) - 0xDC00:02x}"
        elif not character.isprintable():
            character = character.encode("unicode_escape").decode()
        if len(shown) + len(character) > _QUOTED - 3:
            return f"'{shown}...'"
        shown += character
    return f"'{shown}'"


def intern(
    text: NDArray[np.uint8],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    status: NDArray[np.uint8],
) -> tuple[NDArray[np.int32], list[str | None]]:
    """Codes of the labels text[starts[i]:stops[i]], (n,) int32, and the labels they stand for, in
    order of occurrence.

    status  (n,) uint8   rows other than GOOD have the code -1; it becomes BAD_LABEL where the
                         label is not UTF-8, which is None in the list
    """
    n = len(starts)
    # Room for n labels, half full at most; pages that stay untouched take no memory.
    slots = np.zeros(2 << n.bit_length(), np.int32)
    first, last, codes = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int32)
    spans = frozen(starts), frozen(stops)
    found = kernels.intern(text, *spans, status, slots, first, last, codes)
    labels = _decoded(text, first[:found], last[:found])
    if None in labels:
        wrong = np.array([label is None for label in labels])
        status[(codes >= 0) & wrong[codes]] = kernels.BAD_LABEL
    return codes, labels


def _decoded(
    text: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> list[str | None]:
    """The strings text[starts[i]:stops[i]], None for one that is not UTF-8."""
    if len(starts) < _MANY:
        pairs = zip(starts.tolist(), stops.tolist(), strict=True)
        return [_string(text[i:j]) for i, j in pairs]
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(stops - starts)])
    blob = np.empty(bounds[-1], np.uint8)
    text_spans.gather(frozen(text), frozen(starts), frozen(stops), blob)
    try:
        return list(strings_of(blob, bounds))
    except UnicodeDecodeError:
        return [_string(blob[i:j]) for i, j in pairwise(bounds.tolist())]


def _string(text: NDArray[np.uint8]) -> str | None:
    try:
        return str(text.data, "utf-8")
    except UnicodeDecodeError:
        return None


def chunks(stream: Stream, request: ScanRequest) -> Iterator[Chunk]:
    """Every line is a document without a label; blank lines are documents too."""
    for lines in blocks_of(stream, request.chunk_bytes):
        bad = nul_lines(lines)
        examples = check_bad(bad, partial(_nul_error, lines), request.options.skip_bad_lines)
        starts, stops, first = lines.starts, lines.stops, lines.first
        if len(bad):
            starts, stops = np.delete(starts, bad), np.delete(stops, bad)
            good = np.setdiff1d(np.arange(len(lines)), bad)
            first += int(good[0]) if len(good) else 0
        batch = Batch(frozen(lines.text), starts, stops)
        table = partial(_table, batch)
        yield Chunk(stream.name, first, batch, None, None, table, len(bad), examples, taken=TAKEN)


def _table(batch: Batch) -> Any:
    from textmlr.corpus.arrow_batch import record_batch, strings_of

    return record_batch({"text": strings_of(batch)})


def nul_lines(lines: Lines) -> NDArray[np.int64]:
    """The lines with a NUL byte, (b,) int64, from 0, ascending."""
    text, found = frozen(lines.text), []
    at, end = int(lines.starts[0]) if len(lines) else text.size, text.size
    while (at := kernels.find(text, lines.words, 0, at, end)) < end:
        found.append(int(np.searchsorted(lines.starts, at, "right")) - 1)
        at = int(lines.starts[found[-1] + 1]) if found[-1] + 1 < len(lines) else end
    return np.array(found, np.int64)


def _nul_error(lines: Lines, line: int) -> InputError:
    problem, mend = BINARY
    return FormatError(problem, place=lines.name, line=lines.first + line, mend=f"{mend}, {SKIP}")


def read_lines(
    path: str | os.PathLike[str],
    *,
    stdin: BinaryIO | None = None,
    compression_limit: bool = True,
    encoding: str | None = None,
) -> Batch:
    """Read a file of one unlabelled document a line; blank lines are documents too.

    path   "-" is standard input; .gz, .zst, .bz2 and .xz are decompressed
    stdin  read for "-" in place of the process's own
    compression_limit, encoding  as in ReadingOptions
    Raises InputError for a file that cannot be read or decompressed, is empty or holds a NUL byte.
    """
    check_path("path", path)
    check_file("stdin", stdin)
    check_flag("compression_limit", compression_limit)
    check_options(ReadingOptions(encoding=encoding))
    own: Any = {"limited": compression_limit, "encoding": encoding}
    with opened(os.fspath(path), stdin, **own) as stream:
        check_marks(stream.head(), stream.name)
        (lines,) = blocks_of(stream, None)
    bad = nul_lines(lines)
    if len(bad):
        problem, mend = BINARY
        line = lines.first + int(bad[0])
        raise FormatError(problem, place=lines.name, line=line, mend=mend)
    return Batch(frozen(lines.text), lines.starts, lines.stops)
