"""The names of corpus formats, as --format takes them."""

from __future__ import annotations

from typing import Literal

CorpusFormat = Literal["tsv", "csv", "jsonl", "parquet", "arrow", "fasttext", "lines"]
