"""One document from a file or standard input."""

from __future__ import annotations

import click

from textmlr.errors import InputError
from textmlr.standard import standard_input


def shown_path(path: str) -> str:
    """How a document's file is called."""
    return "standard input" if path == "-" else path


def read_document(path: str) -> bytes:
    """The text of a file or standard input, without a byte order mark."""
    try:
        if path == "-":
            file = standard_input()
            if file.isatty():
                click.echo("Type or paste a document, then Ctrl-D:", err=True)
            text = file.read()
        else:
            with open(path, "rb") as file:
                text = file.read()
    except IsADirectoryError as error:
        raise InputError("is a directory", place=path, mend="name a file") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(reason, place=shown_path(path), mend="name a readable file") from error
    if (nul := text.find(b"\0")) >= 0:
        raise InputError(
            f"is not text (NUL at byte {nul:,})", place=shown_path(path), mend="give plain text"
        )
    return text.removeprefix(b"\xef\xbb\xbf")
