"""The file of predictions: the ending of its name says its format and compression.

The writer of a format is imported when it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, BinaryIO, Protocol, cast

from textmlr.base.errors import InputError
from textmlr.base.stdio import to_standard_output
from textmlr.base.whole_files import atomic_write

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("parquet", "arrow", "csv", "tsv", "jsonl")
DELIMITED = ("csv", "tsv")  # have no lists
TEXT = (*DELIMITED, "jsonl")  # may be compressed, and written to standard output
ENDINGS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
STANDARD_OUTPUT = "-"


class PredictionWriter(Protocol):
    """Writes record batches of one schema; the caller closes the file."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Write some rows."""

    def close(self) -> None:
        """Write the last rows and the end of the file."""


@dataclass(frozen=True, slots=True)
class PredictionFile:
    """A file to write: its path ("-" is standard output), its format and compression."""

    path: str
    format: str
    compression: str | None = None

    @classmethod
    def of(cls, path: str, format: str | None = None) -> PredictionFile:
        """The file of a path; without a format its ending says it.

        Raises InputError where neither says it, and for a binary format to standard output.
        """
        bare, compression = path.lower(), None
        for ending, name in COMPRESSED.items():
            if bare.endswith(ending):
                bare, compression = bare.removesuffix(ending), name
        found = format or ENDINGS.get(os.path.splitext(bare)[1])
        shown = "standard output" if path == STANDARD_OUTPUT else path
        if found is None:
            raise InputError(
                "its format is not known",
                place=shown,
                mend="give --output-format " + ", ".join(TEXT)
                if path == STANDARD_OUTPUT
                else "let its name end in " + ", ".join(ENDINGS) + ", or give --output-format",
            )
        if found not in TEXT and path == STANDARD_OUTPUT:
            raise InputError(
                f"{found} cannot be written to a pipe",
                place=shown,
                mend="write " + " or ".join(TEXT) + ", or name a file",
            )
        if found not in TEXT and compression is not None:
            raise InputError(
                f"{found} is compressed inside", place=shown, mend="leave out the last ending"
            )
        return cls(path, found, compression)


@contextmanager
def opened(output: PredictionFile, schema: pa.Schema) -> Iterator[PredictionWriter]:
    """A writer to a file, which appears whole, once all is written, or not at all."""
    if output.path == STANDARD_OUTPUT:
        with to_standard_output() as stdout, _written(output, stdout, schema) as writer:
            yield writer
        return
    with (
        atomic_write(output.path) as temporary,
        open(temporary, "wb") as file,
        _written(output, file, schema) as writer,
    ):
        yield writer


@contextmanager
def _written(
    output: PredictionFile, file: BinaryIO, schema: pa.Schema
) -> Iterator[PredictionWriter]:
    if output.compression is None:
        with _closed(_writer(output, file, schema)) as writer:
            yield writer
        return
    with (
        _compressed(file, output.compression) as stream,
        _closed(_writer(output, stream, schema)) as writer,
    ):
        yield writer


@contextmanager
def _closed(writer: PredictionWriter) -> Iterator[PredictionWriter]:
    """Close a writer, whatever happens; of two errors the first is raised."""
    import pyarrow as pa

    try:
        yield writer
    except BaseException:
        with suppress(OSError, pa.ArrowException):  # there is no file, and the first error says why
            writer.close()
        raise
    writer.close()


def _compressed(file: BinaryIO, compression: str) -> IO[bytes]:
    if compression == "gzip":
        import gzip

        # Neither name nor time: the same rows are the same bytes.
        return cast(IO[bytes], gzip.GzipFile("", "wb", 6, file, mtime=0))
    if compression == "bz2":
        import bz2

        return cast(IO[bytes], bz2.BZ2File(file, "wb"))
    import pyarrow as pa

    return cast(IO[bytes], pa.CompressedOutputStream(pa.PythonFile(file, "w"), compression))


def _writer(output: PredictionFile, file: IO[bytes], schema: pa.Schema) -> PredictionWriter:
    if output.format == "parquet":
        from textmlr.export.predictions.parquet import ParquetWriter

        return ParquetWriter(file, schema, output.path)
    if output.format == "arrow":
        from textmlr.export.predictions.arrow import ArrowWriter

        return ArrowWriter(file, schema)
    if output.format in DELIMITED:
        from textmlr.export.predictions.csv import DELIMITERS, CsvWriter

        return CsvWriter(file, schema, output.path, DELIMITERS[output.format])
    from textmlr.export.predictions.jsonl import JsonlWriter

    return JsonlWriter(file, output.path)
