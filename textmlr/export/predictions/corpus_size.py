"""The number of documents of a corpus, where the footers of its files say it."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from textmlr.corpus.sources import sources_of


def documents_of(paths: Sequence[str]) -> int | None:
    """The rows of Parquet files, by their footers; None if any is something else."""
    rows = 0
    for source in sources_of(paths):
        if not (source.lower().endswith((".parquet", ".pq")) and os.path.isfile(source)):
            return None
        try:
            rows += pq.read_metadata(source).num_rows
        except (OSError, pa.ArrowException):  # its reader says what is wrong
            return None
    return rows
