"""The file of a matrix f(x): the ending of its name says its format.

NumPy and pyarrow are imported when it is written.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, TYPE_CHECKING

from textmlr.base.errors import InputError
from textmlr.base.stdio import to_standard_output
from textmlr.base.whole_files import atomic_files

if TYPE_CHECKING:
    from textmlr.export.matrices.matrix_parts import MatrixPart

FORMATS = ("npz", "svmlight", "vw")
ENDINGS = {
    ".npz": "npz",
    ".svm": "svmlight",
    ".svmlight": "svmlight",
    ".libsvm": "svmlight",
    ".vw": "vw",
}
STANDARD_OUTPUT = "-"
LINE_ENDS = str.maketrans({"\n": "\\n", "\r": "\\r"})  # labels of a table may have them


@dataclass(frozen=True, slots=True)
class MatrixFile:
    """A file to write: its path ("-" is standard output), its format, and the index of the first
    column in it (svmlight)."""

    path: str
    format: str
    first_index: int = 1

    @classmethod
    def of(cls, path: str, format: str | None = None, *, zero_based: bool = False) -> MatrixFile:
        """The file of a path; without a format its ending says it.

        Raises InputError where neither says it, and for an option that the format lacks.
        """
        found = format or ENDINGS.get(os.path.splitext(path.lower())[1])
        shown = "standard output" if path == STANDARD_OUTPUT else path
        if found is None:
            raise InputError(
                "its format is not known",
                place=shown,
                mend="let its name end in "
                + ", ".join(ENDINGS)
                + ", or give a format: "
                + ", ".join(FORMATS),
            )
        if path == STANDARD_OUTPUT and found == "npz":
            raise InputError(
                "npz cannot be written to a pipe",
                place=shown,
                mend="write svmlight or vw, or name a file",
            )
        if zero_based and found != "svmlight":
            raise InputError(
                f"{found} has no index of its first column to choose",
                place=shown,
                mend="leave out --zero-based",
            )
        return cls(path, found, int(not zero_based))


def files_of(output: MatrixFile) -> list[str]:
    """The paths of the file and of those that may be written beside it."""
    kinds = {"npz": (), "svmlight": ("labels", "features"), "vw": ("labels",)}
    return [output.path, *(f"{output.path}.{kind}" for kind in kinds[output.format])]


@dataclass(slots=True)
class MatrixSummary:
    """Counts of a matrix that was written.

    first_code  the code of the first label
    invalid     pieces of invalid UTF-8 in the text, read as U+FFFD
    files       the matrix's first, then those beside it
    """

    first_code: int
    documents: int = 0
    nonzeros: int = 0
    invalid: int = 0
    files: tuple[str, ...] = ()


def write_matrix(
    output: MatrixFile,
    parts: Iterable[MatrixPart],
    *,
    labels: Sequence[str] | None,
    names: Sequence[str] | None,
    threads: int | None = None,
) -> MatrixSummary:
    """Write parts one after another, whole or not at all; only .npz holds all in memory.

    labels  of the codes of documents, None where they have none
    names   of the columns, None where they have none
    Beside svmlight stand FILE.labels (code<TAB>label) and FILE.features (index<TAB>name); beside
    vw, whose lines hold the names, stands FILE.labels.
    Raises InputError for a corpus without documents, for weights that a format has no place for,
    and for a file that cannot be written.
    """
    from textmlr.export.matrices.matrix_parts import has_sets

    following = iter(parts)
    held = list(islice(following, 1))
    sets = any(has_sets(part) for part in held)
    done = MatrixSummary(int(output.format == "vw" and not sets))

    def counted() -> Iterator[MatrixPart]:
        for part in chain(held, following):
            if part.weights is not None:
                _check_weights(output, sets=sets)
            done.documents += len(part)
            done.nonzeros += len(part.features.indices)
            done.invalid += part.features.invalid
            yield part
        if not done.documents:
            raise InputError("the corpus has no documents", mend="give at least one")

    beside = _beside(output, labels, names, done.first_code)
    with _opened(output.path, list(beside)) as (file, paths):
        if output.format == "npz":
            from textmlr.export.matrices.npz import write_npz

            write_npz(file, counted(), labels, names)
        else:
            _write_lines(output, file, counted(), names, threads)
        for path, (rows, first) in zip(paths, beside.values(), strict=True):
            with open(path, "wb") as table:
                for number, row in enumerate(rows, first):
                    table.write(f"{number}\t{row.translate(LINE_ENDS)}\n".encode())
    done.files = (output.path, *beside)
    return done


def _check_weights(output: MatrixFile, *, sets: bool) -> None:
    """Raise InputError if a format has no place for weights;  sets  beside label sets."""
    if output.format == "svmlight" or (output.format == "vw" and sets):
        other = ".npz" if sets else ".npz or .vw"
        beside = " beside several labels" if output.format == "vw" else ""
        raise InputError(
            f"{output.format} has no place for weights{beside}",
            place=output.path,
            mend=f"write {other}, or leave out --weighted",
        )


def _write_lines(
    output: MatrixFile,
    file: IO[bytes],
    parts: Iterable[MatrixPart],
    names: Sequence[str] | None,
    threads: int | None,
) -> None:
    from textmlr.base.threads import chosen_threads, map_blocks
    from textmlr.export.matrices.matrix_parts import cut
    from textmlr.export.matrices.row_lines import SvmlightLines, VwLines

    lines = SvmlightLines(output.first_index) if output.format == "svmlight" else VwLines(names)
    for text in map_blocks(lines.render, cut(parts), chosen_threads(threads)):
        file.write(text)


def _beside(
    output: MatrixFile,
    labels: Sequence[str] | None,
    names: Sequence[str] | None,
    first_code: int,
) -> dict[str, tuple[Sequence[str], int]]:
    """(rows, number of the first row) of each file beside, by its path."""
    if output.path == STANDARD_OUTPUT or output.format == "npz":
        return {}
    tables = {"labels": (labels, first_code)}
    if output.format == "svmlight":
        tables["features"] = (names, output.first_index)
    return {
        f"{output.path}.{kind}": (rows, first)
        for kind, (rows, first) in tables.items()
        if rows is not None
    }


@contextmanager
def _opened(path: str, beside: list[str]) -> Iterator[tuple[IO[bytes], list[str]]]:
    """A file to write, and the names of those to write beside it; all appear, or none."""
    if path == STANDARD_OUTPUT:
        with to_standard_output() as stdout:
            yield stdout, []
        return
    with atomic_files([*beside, path]) as (*others, temporary), open(temporary, "w+b") as file:
        yield file, others
