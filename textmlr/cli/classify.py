"""textmlr classify: P(Y=label | x) of documents."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from textmlr.cli.options import PROBABILITY, json_option, model_option, threads_option
from textmlr.errors import InputError
from textmlr.jit import run_plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from textmlr.answering import Answers

# Up to here plain Python answers sooner than Numba's kernels load (measured: about 2 µs a byte
# against half a second).
PLAIN_BYTES = 1 << 15


@click.command()
@model_option
@click.argument("documents", nargs=-1, metavar="[DOC]...")
@click.option("--lines", metavar="FILE", help="Each line of FILE is a document (- is stdin).")
@click.option("--top", type=click.IntRange(1), metavar="K", help="Only the K likeliest labels.")
@click.option("--label", metavar="LABEL", help="Only P(Y=LABEL | document), a number a document.")
@click.option("--min-probability", type=PROBABILITY, metavar="P",
              help="Answer 'unsure' (--json: null) where no label has probability P.")  # fmt: skip
@threads_option
@json_option
def classify(
    model: str,
    documents: tuple[str, ...],
    lines: str | None,
    top: int | None,
    label: str | None,
    min_probability: float | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Say how likely each label is, for each document.

    Each DOC is one document, whole; - or nothing reads standard input.

    To a terminal, a bar a label; to a pipe, lines label<TAB>probability, the likeliest first,
    with a blank line between documents if each has several; with --json an object a document.

    With --min-probability P the answer to a document of which no label has probability P is
    "unsure": its first line, with the likeliest label's probability, before the labels', or, with
    --top 1, its only one.  textmlr evaluate says what any P comes to.

    \b
    Examples:
      textmlr classify doc.txt
      textmlr classify --label scifi doc.txt
      textmlr classify --lines reviews.txt --top 1 > answers.tsv
      textmlr classify --lines reviews.txt --top 1 --min-probability 0.9 > answers.tsv
    """
    if lines is not None and documents:
        raise click.UsageError("give documents or --lines FILE, not both")
    if label is not None and top is not None:
        raise click.UsageError("--label and --top exclude each other")
    if label is not None and min_probability is not None:
        raise click.UsageError("--label and --min-probability exclude each other")
    texts = [] if lines is not None else [_read_document(path) for path in documents or ("-",)]
    if lines is None and sum(map(len, texts)) <= PLAIN_BYTES:
        run_plain()
    from textmlr.features.texts import batches_of
    from textmlr.model import Model

    loaded = Model.load(model)
    column = None
    if label is not None:
        if label not in loaded.labels:
            raise InputError(
                f"no label {label!r}", place=model,
                mend="its labels are " + ", ".join(loaded.labels[:20]),
            )  # fmt: skip
        column = loaded.labels.index(label)
    if lines is not None:
        from textmlr.corpus import read_lines

        batch = read_lines(lines)
        names = (f"{_shown(lines)}:{line}" for line in range(1, len(batch) + 1))
    else:
        batch = batches_of(texts)[0]
        names = (_shown(path) for path in documents or ("-",))
    if min_probability is not None:
        _warn_of_namesake(loaded.labels, as_json)
    writer = _writer(loaded.labels, top, column, min_probability or 0.0, as_json)
    unknown: list[str] = []
    invalid = 0
    for text, known, bad in loaded.map_answers(writer.prepare, [batch], threads):
        named = list(islice(names, len(known)))
        writer.show(named, text)
        unknown += [named[i] for i in (known == 0).nonzero()[0]]
        invalid += bad
    sys.stdout.flush()
    _warn(unknown, invalid)


def _shown(path: str) -> str:
    return "standard input" if path == "-" else path


def _read_document(path: str) -> bytes:
    """The text of a file or standard input, without a byte order mark."""
    try:
        if path == "-":
            if sys.stdin.isatty():
                click.echo("Type or paste a document, then Ctrl-D:", err=True)
            text = sys.stdin.buffer.read()
        else:
            with open(path, "rb") as file:
                text = file.read()
    except IsADirectoryError as error:
        raise InputError("is a directory", place=path, mend="name a file") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(reason, place=path, mend="name a readable file") from error
    if (nul := text.find(b"\0")) >= 0:
        raise InputError(
            f"is not text (NUL at byte {nul:,})", place=_shown(path), mend="give plain text"
        )
    return text.removeprefix(b"\xef\xbb\xbf")
