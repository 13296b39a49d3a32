"""Corpora written in every format, for tests of how they are read."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

from textmlr.corpus.corpus import Corpus

Pair = tuple[str, str]  # label, text

# What goes wrong first: quotes, delimiters, line ends, nothing, wide characters.
NASTY: list[Pair] = [
    ("two words", 'he said "hi", and\nleft;\twith a tab | too'),
    ("plain", "nothing special"),
    ("two words", ""),
    ("ümlaut", "emoji 🎬 and e\u0301, comma\r\nafter CRLF\r\n"),
    ('q"uote', '""'),
    ("plain", '"'),
    ("a,b;c", " space around "),
    ("plain", "\n"),
    ("__label__", '{"text": 1}'),
    ("plain", "long " * 300 + '"'),
    ("plain", "\\ back \\n slash\\"),
]


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zstd,
    ".xz": lzma.compress,
}


def as_csv(pairs: Sequence[Pair], delimiter: str = ",", **dialect: Any) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, **dialect)
    writer.writerow(["id", "text", "label"])
    writer.writerows([i, text, label] for i, (label, text) in enumerate(pairs))
    return file.getvalue().encode()


def as_jsonl(pairs: Sequence[Pair]) -> bytes:
    lines = (
        json.dumps({"id": i, "text": text, "label": label}, ensure_ascii=i % 2 == 0) + "\n"
        for i, (label, text) in enumerate(pairs)
    )
    return "".join(lines).encode()


def as_table(pairs: Sequence[Pair]) -> pa.Table:
    labels, texts = [label for label, _ in pairs], [text for _, text in pairs]
    return pa.table({"id": range(len(pairs)), "text": texts, "label": labels})


def as_parquet(pairs: Sequence[Pair]) -> bytes:
    file = io.BytesIO()
    pq.write_table(as_table(pairs), file, row_group_size=4)
    return file.getvalue()


def as_feather(pairs: Sequence[Pair]) -> bytes:
    file = io.BytesIO()
    feather.write_feather(as_table(pairs), file, chunksize=3)
    return file.getvalue()


def as_stream(pairs: Sequence[Pair]) -> bytes:
    file = io.BytesIO()
    table = as_table(pairs)
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=5)
    return file.getvalue()


WRITERS: dict[str, Callable[[Sequence[Pair]], bytes]] = {
    ".csv": as_csv,
    ".jsonl": as_jsonl,
    ".parquet": as_parquet,
    ".feather": as_feather,
    ".arrows": as_stream,
}


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def write_folder(path: Path, pairs: Sequence[Pair]) -> list[Pair]:
    """Write a file a document below a folder a label; the pairs in the order of reading."""
    for i, (label, text) in enumerate(pairs):
        (path / label).mkdir(parents=True, exist_ok=True)
        (path / label / f"{i:04}.txt").write_bytes(text.encode())
    return sorted(pairs, key=lambda pair: pair[0])


def pairs_of(corpus: Corpus) -> list[Pair]:
    labels = [corpus.labels[code] for code in corpus.y.tolist()]
    texts = [batch[i].decode() for batch in corpus.batches for i in range(len(batch))]
    return list(zip(labels, texts, strict=True))


def goes_on_behind_lines(text: str, delimiter: str = ",", escape: str = "") -> bool:
    """Whether a quoted CSV field of several lines goes on behind its closing quote, which is
    refused; character by character."""
    field, inside, closed, i = "", False, "", 0
    while i < len(text):
        c, after = text[i], text[i + 1 : i + 2]
        if escape and c == escape and after and after in f'"{escape}{delimiter}\n\r':
            field, i = field + c + after, i + 2
            continue
        if inside:
            field += c
            if c == '"' and after == '"':
                field, i = field + c, i + 1
            elif c == '"':
                inside, closed = False, field
        elif c in (delimiter, "\n"):
            if "\n" in closed and field[len(closed) :].removesuffix("\r" * (c == "\n")).strip(
                " \t"
            ):
                return True
            field = closed = ""
        else:
            inside = c == '"' and not field
            field += c
        i += 1
    return not inside and "\n" in closed and bool(field[len(closed) :].rstrip("\r").strip(" \t"))
