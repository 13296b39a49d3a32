"""textmlr classify: P(Y=label | x) of documents."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from textmlr.cli.options import json_option, model_option, threads_option
from textmlr.errors import InputError
from textmlr.jit import run_plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Up to here plain Python answers sooner than Numba's kernels load (measured: about 2 µs a byte
# against half a second).
PLAIN_BYTES = 1 << 15


@click.command()
@model_option
@click.argument("documents", nargs=-1, metavar="[DOC]...")
@click.option("--lines", metavar="FILE", help="Each line of FILE is a document (- is stdin).")
@click.option("--top", type=click.IntRange(1), metavar="K", help="Only the K likeliest labels.")
@click.option("--label", metavar="LABEL", help="Only P(Y=LABEL | document), a number a document.")
@threads_option
@json_option
def classify(
    model: str,
    documents: tuple[str, ...],
    lines: str | None,
    top: int | None,
    label: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Say how likely each label is, for each document.

    Each DOC is one document, whole; - or nothing reads standard input.

    To a terminal, a bar a label; to a pipe, lines label<TAB>probability, the likeliest first,
    with a blank line between documents if each has several; with --json an object a document.

    \b
    Examples:
      textmlr classify doc.txt
      textmlr classify --label scifi doc.txt
      textmlr classify --lines reviews.txt --top 1 > answers.tsv
    """
    if lines is not None and documents:
        raise click.UsageError("give documents or --lines FILE, not both")
    if label is not None and top is not None:
        raise click.UsageError("--label and --top exclude each other")
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
    answers = _Answers(loaded.labels, top, column, as_json)
    unknown: list[str] = []
    invalid = 0
    least = int(loaded.featurizer.options.bias)
    for features, probabilities in loaded.stream([batch], threads):
        invalid += features.invalid
        sizes = features.indptr[1:] - features.indptr[:-1]
        for row, size in zip(probabilities, sizes.tolist(), strict=True):
            name = next(names)
            answers.show(name, row)
            if size <= least:
                unknown.append(name)
    sys.stdout.flush()
    _warn(unknown, invalid)


def _warn(unknown: list[str], invalid: int) -> None:
    from textmlr.cli.render import plain, warn, warn_of_invalid

    warn_of_invalid(invalid)
    if unknown:
        others = f" and {len(unknown) - 1:,} more" if len(unknown) > 1 else ""
        warn(
            f"{plain(unknown[0])}{others}: no known feature; "
            "the answer is the bias's distribution, the same for every such document"
        )


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


class _Answers:
    """Writes one document's answer after the other to stdout."""

    def __init__(
        self, labels: list[str], top: int | None, column: int | None, as_json: bool
    ) -> None:
        self.labels, self.top, self.column, self.as_json = labels, top, column, as_json
        self.terminal = sys.stdout.isatty()
        self.first = True

    def show(self, name: str, row: NDArray[np.float64]) -> None:
        """Write P of one document; row (L,) float64."""
        if self.as_json:
            sys.stdout.write(json.dumps(self._object(name, row), ensure_ascii=False) + "\n")
        elif self.column is not None:
            sys.stdout.write(f"{row[self.column]:.10g}\n")
        else:
            sys.stdout.writelines(self._lines(name, row))
        self.first = False

    def _order(self, row: NDArray[np.float64]) -> list[int]:
        if self.column is not None:
            return [self.column]
        best: list[int] = (-row).argsort(kind="stable")[: self.top].tolist()
        return best

    def _object(self, name: str, row: NDArray[np.float64]) -> dict[str, object]:
        return {
            "document": name,
            "label": self.labels[int(row.argmax())],
            "probabilities": {self.labels[i]: float(row[i]) for i in self._order(row)},
        }

    def _lines(self, name: str, row: NDArray[np.float64]) -> Iterator[str]:
        from textmlr.cli.render import bar, plain

        order = self._order(row)
        if not self.first and len(order) > 1:
            yield "\n"
        if not self.terminal:
            for i in order:
                yield f"{plain(self.labels[i])}\t{row[i]:.10g}\n"
            return
        yield click.style(plain(name), bold=True) + "\n"
        width = max(len(plain(self.labels[i])) for i in order)
        for i in order:
            shade = click.style(bar(row[i]), fg="cyan")
            yield f"  {plain(self.labels[i]):<{width}}  {100 * row[i]:5.1f} %  {shade}\n"
