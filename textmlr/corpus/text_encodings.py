"""Encodings of text: byte order marks, decoding to UTF-8 as bytes come, and what is no UTF-8.

A stream gives UTF-8, whatever its file has: UTF-16 and UTF-32 are known by their byte order marks,
any other encoding is named (``ReadingOptions.encoding``).  Nothing is decoded by a guess.
Source of the marks: The Unicode Standard 15.0, 23.8, table 23-6.
"""

from __future__ import annotations

import codecs
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import FormatError
from textmlr.base.option_mentions import mention

BOM = codecs.BOM_UTF8
# That of UTF-32 begins as that of UTF-16 does.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    BOM: "utf-8",
}
MARK_BYTES = 4
SEVERAL = 3  # characters of UTF-8, which text in another encoding seldom has by accident
_READ_BYTES = 1 << 20
_PIECE = 1 << 16
_LOOKED_AT = 1 << 12  # bytes that show UTF-16 without a mark
_MANY_ZEROS = 0.2  # of its bytes, where it is of letters of ASCII


def marked(head: bytes) -> str | None:
    """The encoding that a byte order mark at the beginning says, None without one."""
    return next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)


def may_be_marked(head: bytes) -> bool:
    """Whether these few bytes may be the beginning of a mark."""
    return any(mark.startswith(head) for mark in _MARKS)


class DecodedReader:
    """Text in some encoding, read as UTF-8, without a mark at its beginning.

    reader    the bytes; head  those that were read already
    encoding  by Python's name
    name      for messages
    Raises FormatError, naming line and byte, for bytes that the encoding does not have.
    """

    def __init__(self, head: bytes, reader: Any, encoding: str, name: str) -> None:
        self._head, self._reader, self._name = head, reader, name
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._out = b""
        self._begun = self._ended = False
        self._bytes = 0  # that the decoder was given
        self._lines = 1  # that its text has begun

    def read(self, most: int) -> bytes:
        """Some of the next bytes of UTF-8, none at the end."""
        return self._next(most, self._reader.read)

    def read1(self, most: int) -> bytes:
        """Some of the next bytes of UTF-8, without waiting for more than a character."""
        return self._next(most, getattr(self._reader, "read1", self._reader.read))

    def _next(self, most: int, read: Any) -> bytes:
        while not self._out and not self._ended:
            raw = self._head or read(min(max(most, 1), _READ_BYTES)) or b""
            self._head = b""
            self._ended = not raw
            self._out = self._decoded(raw)
        chunk, self._out = self._out[:most], self._out[most:]
        return chunk

    def _decoded(self, raw: bytes) -> bytes:
        before = self._decoder.getstate()
        try:
            text = self._decoder.decode(raw, final=not raw)
        except UnicodeError as error:
            raise self._refused(error, before) from None
        if text and not self._begun:
            self._begun = True
            text = text.removeprefix("\ufeff")
        try:
            out = text.encode()
        except UnicodeEncodeError as error:  # half a character
            line = self._lines + text.count("\n", 0, error.start)
            problem = f"half a character ({text[error.start]!a})"
            raise FormatError(problem, place=self._name, line=line, mend=self._mend) from None
        self._bytes += len(raw)
        self._lines += out.count(b"\n")
        return out

    @property
    def _mend(self) -> str:
        return f"make sure that it is {self._encoding}, or say another {mention('encoding')}"

    def _refused(self, error: UnicodeError, before: Any) -> FormatError:
        """The error of bytes that cannot be decoded."""
        if not isinstance(error, UnicodeDecodeError):  # those of some codecs say no place
            problem = f"cannot be decoded as {self._encoding}: {error}"
            return FormatError(problem, place=self._name, line=self._lines, mend=self._mend)
        given: bytes = error.object
        self._decoder.setstate(before)
        # A decoder that keeps the beginning of a character gives it back in the error.
        kept = before[0] if isinstance(before[0], bytes) and given.startswith(before[0]) else b""
        try:
            text = self._decoder.decode(given[len(kept) : error.start])
        except UnicodeError:
            text = ""
        bad = given[error.start : error.start + max(error.end - error.start, 1)][:4]
        shown = " ".join(f"{byte:02x}" for byte in bad)
        at = self._bytes - len(kept) + error.start
        return FormatError(
            f"byte {at:,} ({shown}) is not {self._encoding}",
            place=self._name,
            line=self._lines + text.count("\n"),
            mend=self._mend,
        )


def check_marks(head: bytes, name: str) -> None:
    """Raise FormatError, naming the option, for UTF-16 or UTF-32 without a byte order mark."""
    encoding = unmarked(head)
    if encoding is not None:
        raise FormatError(
            f"looks like {encoding[:6].upper()} without a byte order mark, by its zero bytes",
            place=name,
            mend=f"say {mention('encoding', encoding)}",
        )


def unmarked(head: bytes) -> str | None:
    """UTF-16 or UTF-32 that begins without a mark, by where its zero bytes are; else None."""
    head = head[: min(_LOOKED_AT, len(head) & ~3 or len(head) & ~1)]
    zeros = np.flatnonzero(np.frombuffer(head, np.uint8) == 0)
    if len(zeros) < 2:
        return None
    for encoding, width, empty in (
        ("utf-32-le", 4, (2, 3)),
        ("utf-32-be", 4, (0, 1)),
        ("utf-16-le", 2, (1,)),
        ("utf-16-be", 2, (0,)),
    ):
        places = zeros % width
        found = [np.count_nonzero(places == place) for place in empty]
        if width == 4 and min(found) < 0.9 * len(head) / 4:
            continue
        if width == 2 and (places != empty[0]).any():
            continue
        try:
            text = head[: len(head) & ~(width - 1)].decode(encoding)
        except UnicodeDecodeError:
            continue
        many = len(zeros) >= _MANY_ZEROS * len(head)
        if _is_text(text) and (many or not _is_utf8_text(head)):
            return encoding
    return None


def _is_text(text: str) -> bool:
    """Whether nearly all characters are printable."""
    odd = sum(not (character.isprintable() or character.isspace()) for character in text)
    return odd <= 0.05 * len(text)


def _is_utf8_text(head: bytes) -> bool:
    """Whether bytes are printable as UTF-8, but for zeros."""
    try:
        text = codecs.utf_8_decode(head, "strict", False)[0]
    except UnicodeDecodeError:
        return False
    return _is_text(text.replace("\0", ""))


def is_utf8_for(head: bytes, encoding: str) -> bool:
    """Whether text is UTF-8 with characters beyond ASCII, though another encoding is named."""
    if head.isascii() or b"\0" in head or codecs.lookup(encoding).name.startswith("utf-8"):
        return False
    try:
        text = codecs.utf_8_decode(head, "strict", False)[0]
    except UnicodeDecodeError:
        return False
    single = len(bytes(range(256)).decode(encoding, "replace")) == 256
    return sum(character > "\x7f" for character in text) >= (1 if single else SEVERAL)


def first_invalid(text: NDArray[np.uint8]) -> int:
    """The place of the first byte that is no UTF-8, -1 if all are.

    Pieces of ASCII are looked at by their largest byte, others by Python's decoder.
    """
    at = 0
    while at < text.size:
        piece = text[at : at + _PIECE]
        if piece.max() < 128:
            at += piece.size
            continue
        final = at + piece.size == text.size
        try:
            at += codecs.utf_8_decode(piece.data, "strict", final)[1]
        except UnicodeDecodeError as error:
            return at + error.start
    return -1
