"""One document from a file or standard input."""

from __future__ import annotations

from typing import BinaryIO

import click

from textmlr.base.errors import InputError
from textmlr.base.limits import MOST_DOCUMENT
from textmlr.base.magic_bytes import begins_a_model
from textmlr.base.stdio import standard_input

_PART = 1 << 20  # bytes that are read at once


def shown_path(path: str) -> str:
    """The name of a document's file in messages."""
    return "standard input" if path == "-" else path


def _whole(file: BinaryIO, path: str) -> bytes:
    """All bytes of a file; a file without an end is refused."""
    parts: list[bytes] = []
    size = 0
    while part := file.read(_PART):
        size += len(part)
        if b"\0" in part:  # it is refused, however long it is
            return b"".join([*parts, part])
        if size > MOST_DOCUMENT:
            raise InputError(
                f"a document of over {size:,} bytes; one may have {MOST_DOCUMENT:,}",
                place=shown_path(path),
                mend="make sure that it is text, and divide it",
            )
        parts.append(part)
    return b"".join(parts)


def read_document(path: str) -> bytes:
    """The text of a file or standard input, without a byte order mark."""
    try:
        if path == "-":
            file = standard_input()
            if file.isatty():
                click.echo("Type or paste a document, then Ctrl-D:", err=True)
            text = _whole(file, path)
        else:
            with open(path, "rb") as file:
                text = _whole(file, path)
    except IsADirectoryError as error:
        raise InputError("is a directory", place=path, mend="name a file") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(reason, place=shown_path(path), mend="name a readable file") from error
    if begins_a_model(text):
        raise InputError("is a model, not a document", place=shown_path(path), mend="give text")
    if (nul := text.find(b"\0")) >= 0:
        raise InputError(
            f"is not text (NUL at byte {nul:,})", place=shown_path(path), mend="give plain text"
        )
    return text.removeprefix(b"\xef\xbb\xbf")
