"""textmlr classify: P(Y=label | x) of documents."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from textmlr.cli.document import read_document, shown_path
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
    texts = [] if lines is not None else [read_document(path) for path in documents or ("-",)]
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
        names = (f"{shown_path(lines)}:{line}" for line in range(1, len(batch) + 1))
    else:
        batch = batches_of(texts)[0]
        names = (shown_path(path) for path in documents or ("-",))
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


def _warn_of_namesake(labels: list[str], as_json: bool) -> None:
    from textmlr.cli.render import warn
    from textmlr.rendering import UNSURE

    if UNSURE in labels and not as_json:
        warn(f"the model has a label {UNSURE!r} of its own; --json tells the two apart")


def _warn(unknown: list[str], invalid: int) -> None:
    from textmlr.cli.render import plain, warn, warn_of_invalid

    warn_of_invalid(invalid)
    if unknown:
        others = f" and {len(unknown) - 1:,} more" if len(unknown) > 1 else ""
        warn(
            f"{plain(unknown[0])}{others}: no known feature; "
            "the answer is the bias's distribution, the same for every such document"
        )


def _writer(
    labels: list[str], top: int | None, column: int | None, least: float, as_json: bool
) -> _Lines | _Rows:
    if as_json or (sys.stdout.isatty() and column is None):
        return _Rows(labels, top, column, least, as_json)
    return _Lines(labels, top, column, least)


class _Lines:
    """Writes answers for a pipe or a file, block by block.

    labels  names;  top  how many of them, None for all;  column  the only one, if there is one
    least   of the likeliest label's probability; below it the answer is "unsure"
    """

    def __init__(
        self, labels: list[str], top: int | None, column: int | None, least: float
    ) -> None:
        from textmlr.cli.render import plain
        from textmlr.rendering import Lines

        self.lines = Lines([plain(label) for label in labels], top, column, least)
        self.first = True

    def prepare(self, answers: Answers) -> tuple[Any, NDArray[np.int64], int]:
        """(text, known, invalid) of a block; known and invalid as Answers has them."""
        return self.lines.render(answers.probabilities), answers.known, answers.invalid

    def show(self, names: list[str], text: bytes) -> None:
        """Write a block; there is no empty line before the first document."""
        if self.first:
            text = text.removeprefix(b"\n")
            sys.stdout.flush()
        self.first = False
        sys.stdout.buffer.write(text)


class _Rows:
    """Writes answers as JSON or for a terminal, a document at a time."""

    def __init__(
        self,
        labels: list[str],
        top: int | None,
        column: int | None,
        least: float,
        as_json: bool,
    ) -> None:
        self.labels, self.top, self.column, self.as_json = labels, top, column, as_json
        self.least = least
        self.first = True

    def prepare(self, answers: Answers) -> tuple[Any, NDArray[np.int64], int]:
        """(probabilities, known, invalid) of a block, as Answers has them."""
        return answers.probabilities, answers.known, answers.invalid

    def show(self, names: list[str], rows: NDArray[np.float64]) -> None:
        """Write a block; rows (n, L)."""
        for name, row in zip(names, rows, strict=True):
            if self.as_json:
                sys.stdout.write(json.dumps(self._object(name, row), ensure_ascii=False) + "\n")
            else:
                sys.stdout.writelines(self._bars(name, row))
            self.first = False

    def _order(self, row: NDArray[np.float64]) -> list[int]:
        if self.column is not None:
            return [self.column]
        best: list[int] = (-row).argsort(kind="stable")[: self.top].tolist()
        return best

    def _object(self, name: str, row: NDArray[np.float64]) -> dict[str, object]:
        best = int(row.argmax())
        return {
            "document": name,
            "label": self.labels[best] if row[best] >= self.least else None,
            "probabilities": {self.labels[i]: float(row[i]) for i in self._order(row)},
        }

    def _bars(self, name: str, row: NDArray[np.float64]) -> Iterator[str]:
        from textmlr.cli.render import bar, plain
        from textmlr.rendering import UNSURE

        order = self._order(row)
        if not self.first and len(order) > 1:
            yield "\n"
        yield click.style(plain(name), bold=True) + "\n"
        if row.max() < self.least:
            yield f"  {click.style(UNSURE, fg='yellow')}: no label has {100 * self.least:g} %\n"
        width = max(len(plain(self.labels[i])) for i in order)
        for i in order:
            shade = click.style(bar(row[i]), fg="cyan")
            yield f"  {plain(self.labels[i]):<{width}}  {100 * row[i]:5.1f} %  {shade}\n"
