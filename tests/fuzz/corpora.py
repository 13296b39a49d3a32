"""Corpus files of every format: read as a naive reader reads them, or refused in one clear line.

Whole and in pieces of a few bytes a file comes to the same, plain and compressed too.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import math
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import corpora as writers
import pyarrow as pa

from textmlr.base.errors import InputError
from textmlr.corpus.chunks import Chunk, ScanRequest, settled
from textmlr.corpus.formats import json_objects
from textmlr.corpus.label_sets import LabelSets, Targets
from textmlr.corpus.reading import read_corpus, scan
from textmlr.corpus.reading_options import ReadingOptions

from .recipe import Recipe, require

WORDS = [
    b"\t",
    b"\n",
    b"\r\n",
    b"\xef\xbb\xbf",
    b'"',
    b'""',
    b"\0",
    b"\xff",
    b"__label__",
    b"label",
    b"text",
    b"weight",
    b"label\ttext\n",
    b"text,label\n",
    b'{"text": "a", "label": 1}\n',
    b"\\ud800",
    b"1e999",
    b"NaN",
    b"PAR1",
    b"ARROW1",
    b"\xff\xff\xff\xff",
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"BZh9",
    b"\xfd7zXZ\0",
    b"1e-5\t",
    b"0.1\t",
    b"[" * 50,
    b"sep=;\n",
    b'\\"',
    b"1 |f ",
    b"\xff\xfe",
    b"\xe9",
    b"\n\n",
]
GUIDED = (
    "textmlr.kernels.tsv_lines",
    "textmlr.kernels.csv_records",
    "textmlr.kernels.fasttext_lines",
    "textmlr.corpus.formats.arrow",
    "textmlr.corpus.arrow_batch",
    "textmlr.corpus.chunks",
    "textmlr.corpus.formats.csv",
    "textmlr.corpus.formats.csv_header",
    "textmlr.corpus.formats.parsed_lines",
    "textmlr.corpus.formats.swapped_columns",
    "textmlr.corpus.label_lists",
    "textmlr.corpus.label_rule",
    "textmlr.corpus.formats.vw",
    "textmlr.corpus.text_encodings",
    "textmlr.corpus.formats.fasttext",
    "textmlr.corpus.formats.table_columns",
    "textmlr.corpus.formats.folder",
    "textmlr.corpus.formats.detection",
    "textmlr.corpus.formats.json_objects",
    "textmlr.corpus.formats.lines",
    "textmlr.corpus.formats.parquet",
    "textmlr.corpus.reading",
    "textmlr.corpus.sources",
    "textmlr.corpus.byte_streams",
    "textmlr.corpus.formats.arrow_table",
    "textmlr.corpus.formats.tsv",
)
MODES = {
    "python": {"NUMBA_DISABLE_JIT": "1"},
    "compiled": {},
    "checked": {"NUMBA_BOUNDSCHECK": "1"},
}
Row = tuple[bytes, str | tuple[str, ...] | None, float | None]  # text, label or labels, weight
# Whether documents have label sets, by more than the files say.
SETS: tuple[dict[str, Any], ...] = (
    {},
    {"multilabel": True},
    {"multilabel": False, "label_separator": "|"},
    {"label_separator": ","},
)
ENDINGS = {
    "tsv": ".tsv",
    "csv": ".csv",
    "jsonl": ".jsonl",
    "parquet": ".parquet",
    "arrow": ".arrow",
    "fasttext": ".ft",
    "lines": ".txt",
    "guessed": "",
}
KINDS = (*ENDINGS, "folder", "vw", "mallet")
CHUNK_BYTES = (1, 7, 64, 1 << 16)
COMPRESSIONS = ("", "", ".gz", ".zst", ".bz2", ".xz")
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"text_column": "b", "label_column": "a"},
    {"text_column": "text", "label_column": "id"},
    {"header": False, "text_column": "2", "label_column": "1"},
    {"csv_escape": "\\"},
    {"delimiter": ";", "encoding": "cp1252"},
    {"encoding": "utf-16"},
    {"label_prefix": "l"},
)
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": lambda data: gzip.compress(data, 1, mtime=0),
    ".zst": writers.zstd,
    ".bz2": lambda data: bz2.compress(data, 1),
    ".xz": lambda data: lzma.compress(data, preset=0),
}
SLOW = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
PAIRS = writers.NASTY[:6]
LISTS = (
    b'{"text": "x", "label": ["b", "a"]}\n{"text": "y", "label": []}\n{"text": "z", "label": "a"}'
)


def seeds() -> list[bytes]:
    """Small files of each format, plain, compressed, and with compressed data that are not."""
    tsv = b"".join(f"{a}\t{b.split(chr(10))[0]}\n".encode() for a, b in PAIRS)
    files = {
        "tsv": [
            tsv,
            b"a\t1\tx\nb\t.5\ty\nc\t1e-3\tz",
            b"label\ttext\r\n\r\na\tb",
            b"a|b\tx\n|,a\ty\n",
        ],
        "csv": [
            writers.as_csv(PAIRS),
            writers.as_csv(PAIRS, ";"),
            b'text|label|weight\n"a\nb"|c|1',
        ],
        "jsonl": [
            writers.as_jsonl(PAIRS),
            b'{"a": true, "b": "x"}\n\n{"b": "y", "a": 1e999}',
            LISTS,
        ],
        "parquet": [writers.as_parquet(PAIRS)],
        "arrow": [writers.as_feather(PAIRS), writers.as_stream(PAIRS), _types()],
        "fasttext": [b"__label__a b c\nx __label__b y __label__c\n", b"__label__\t\n"],
        "lines": ["one\n\ntwo ü\r\n".encode(), b"\xef\xbb\xbf"],
        "guessed": [tsv, b"text,label\na,b\n", b'{"text": "x", "label": "y"}'],
        "vw": [b"1 |f a:2 b\n2 0.5 'x|g c\n", b"1:1 2:0.5 | x\n|y\n"],
        "mallet": [b"d1 a x y\nd2,b, z\n"],
        "folder": [b"\x03a/b\x05text.\x05b/.c/\x02ab\x02c/\x01d"],
    }
    found = []
    for number, kind in enumerate(KINDS):
        for data in files[kind]:
            for how in (0, 1, 4, 2 + 8 * 2, (3 + len(data) % 5) << 5):
                for packed in (0, 2 + number % 4, 30 + 32 * ((number + how) % 4)):
                    found.append(bytes([number, how, packed]) + data)
    return found


def _types() -> bytes:
    """An Arrow stream of other types."""
    file = io.BytesIO()
    table = pa.table(
        {
            "text": pa.array(["a", "b", None], pa.string_view()),
            "label": pa.array(["x", None, "x"]).dictionary_encode(),
            "weight": pa.array([0.5, 1, None], pa.float32()),
            "id": pa.array([[1], None, []], pa.list_(pa.int32())),
        }
    )
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


def check(data: bytes) -> None:
    """A file is read alike in pieces and whole, and as the naive reader reads it."""
    recipe = Recipe(data)
    kind = recipe.pick(KINDS)
    how = recipe.byte()
    packed = recipe.byte()
    compression = COMPRESSIONS[packed % len(COMPRESSIONS)]
    options = ReadingOptions(
        None if kind in ("guessed", "folder") else kind,
        **OPTIONS[how >> 5],
        **SETS[packed >> 5 & 3],
        weighted=bool(how & 2),
        skip_bad_lines=bool(how & 4),
    )
    request = ScanRequest(options, labelled=not how & 1 and kind != "lines")
    pieces = CHUNK_BYTES[(how >> 3) % len(CHUNK_BYTES)]
    content = recipe.rest()
    if SLOW and kind not in ("parquet", "arrow", "folder"):
        content = content[:200]
    pieces = max(pieces, len(content) // 40)  # more of them only take more time
    with tempfile.TemporaryDirectory(dir=".") as place:
        if kind == "folder":
            path = _write_folder(Path(place) / "corpus", Recipe(content), compression)
            content = None
        else:
            path = str(Path(place) / f"c{ENDINGS.get(kind, '')}{compression}")
            raw = packed >= 128  # the bytes are those of the compressed file itself
            Path(path).write_bytes(content if raw else PACKERS[compression](content))
            content = None if raw and compression else content
        with patch.object(json_objects, "pays", lambda lines: True):  # Arrow reads few lines too
            _check_file(path, kind, content, request, pieces)


def _check_file(
    path: str, kind: str, content: bytes | None, request: ScanRequest, pieces: int
) -> None:
    cut = _read(path, pieces, request)
    whole = _read(path, 1 << 30, request)
    if request.labelled:
        together = _outcome(lambda: _corpus_rows(path, request.options))
        plain = _read(path, 1 << 30, request, tables=False)  # not all of its columns
    else:
        together = plain = whole
    for one, other, what in ((cut, whole, "in pieces"), (together, plain, "together")):
        if isinstance(one, str) or isinstance(other, str):
            # What is read first may be refused first; and a file of bad rows alone is refused.
            few = not one or not other
            require(
                few or (isinstance(one, str) and isinstance(other, str)),
                f"read {what}: {one!r:.200}, whole: {other!r:.200}",
            )
        else:
            require(one == other, f"read {what}: {one!r:.200}, whole: {other!r:.200}")
    own = replace(request.options, weighted=False, skip_bad_lines=False)
    usual = own == ReadingOptions(own.format)
    if content is not None and usual and kind in NAIVE and not isinstance(whole, str):
        naive = NAIVE[kind](content, request)
        require(naive is None or whole == naive, f"read: {whole!r:.200}, naively: {naive!r:.200}")


def _read(path: str, pieces: int, request: ScanRequest, tables: bool = True) -> list[Row] | str:
    return _outcome(
        lambda: [
            row
            for chunk in settled(
                list(
                    scan(
                        [path],
                        request.options,
                        labelled=request.labelled,
                        chunk_bytes=pieces,
                        tables=tables,
                    )
                )
            )
            for row in _rows(chunk, tables)
        ]
    )


def _outcome(read: Callable[[], list[Row]]) -> list[Row] | str:
    try:
        return read()
    except InputError as error:
        told = f"{error.problem}; {error.mend}"  # names of files are as they are
        named = "/corpus/" in told  # by a file of a folder
        require(
            named or (told.isprintable() and len(told) < 3000), f"not one clear line: {told!r:.500}"
        )
        return told


def _rows(chunk: Chunk, tables: bool) -> list[Row]:
    n = len(chunk)
    labels: list[str | tuple[str, ...] | None] = [None] * n
    if chunk.labels is not None:
        codes, names = chunk.labels
        require(len(codes) == n, "a label a document")
        labels = _named(codes, names)
        require(len(set(names)) == len(names), "a label stands twice")
        require(all(name and name == name.strip(" \t\n\r\x0b\x0c") for name in names), "a label")
        "".join(names).encode()
    weights: list[float | None] = [None] * n
    if chunk.weights is not None:
        weights = chunk.weights.tolist()
        require(all(0 <= w < math.inf and math.copysign(1, w) > 0 for w in weights), "a weight")
    if tables:
        require(chunk.table.num_rows == n, "the table has other rows")
        chunk.table.validate(full=True)
    require((chunk.batch.starts <= chunk.batch.stops).all(), "a span ends before it begins")
    require(n == 0 or chunk.batch.starts.min() >= 0, "a span begins before the text")
    require(n == 0 or chunk.batch.stops.max() <= len(chunk.batch.text), "a span beyond the text")
    return [(chunk.batch[i], labels[i], weights[i]) for i in range(n)]


def _named(y: Targets, names: list[str]) -> list[Any]:
    """The label of each document, or its labels in order."""
    if isinstance(y, LabelSets):
        require(
            all(own == sorted({*own}) for own in y.tolist()), "codes of a set are not ascending"
        )
        return [tuple(sorted(names[code] for code in own)) for own in y.tolist()]
    return [names[code] for code in y.tolist()]


def _corpus_rows(path: str, options: ReadingOptions) -> list[Row]:
    corpus = read_corpus([path], options)
    texts = [batch[i] for batch in corpus.batches for i in range(len(batch))]
    labels = _named(corpus.y, corpus.labels)
    require(corpus.labels == sorted(set(corpus.labels)), "labels are not sorted")
    weights = [None] * len(texts) if corpus.weights is None else corpus.weights.tolist()
    return list(zip(texts, labels, weights, strict=True))


def _write_folder(place: Path, recipe: Recipe, compression: str) -> str:
    """Files by name and content, as the recipe has them."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for _ in range(6):
        if not recipe.left:
            break
        name = recipe.part()[:100].replace(b"\0", b"").lstrip(b"/")
        text = recipe.part()
        path = os.path.normpath(os.path.join(os.fsencode(place), name))
        if not path.startswith(os.fsencode(place) + b"/"):
            continue
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path + compression.encode(), "xb") as file:
                file.write(PACKERS[compression](text))
        except OSError:  # a name that is taken, or too long
            continue
    return str(place)


# --- naive readers: rows, or None where they cannot tell

SPACES = " \t\n\r\x0b\x0c"


def _lines(content: bytes) -> list[bytes]:
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return [line.removesuffix(b"\r") for line in (lines if lines[-1] else lines[:-1])]


def _number(raw: bytes) -> float | None:
    spaces = rb"[ \t\r\x0b\x0c]*"
    if not re.fullmatch(spaces + rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?" + spaces, raw):
        return None
    value = float(raw)
    return value if 0 <= value <= 3.4028234663852886e38 else None


def _tsv(content: bytes, request: ScanRequest) -> list[Row] | None:
    rows = list(_tsv_rows(content, request.options.weighted))
    if not request.labelled:
        rows = [(text, None, weight) for text, _, weight in rows]
    return _rounded(rows)


def _tsv_rows(content: bytes, weighted: bool) -> Iterator[Row]:
    """The good lines; where bad ones are refused there are no others."""
    for line in _lines(content):
        label, *rest = line.split(b"\t", 2 if weighted else 1)
        weight = _number(rest[0]) if weighted and rest else 1.0
        name = label.strip(SPACES.encode())
        if len(rest) < 1 + weighted or not name or weight is None or b"\0" in line:
            continue
        try:
            yield rest[-1], name.decode(), weight if weighted else None
        except UnicodeDecodeError:
            continue


def _rounded(rows: list[Row]) -> list[Row]:
    import numpy as np

    return [(t, n, None if w is None else abs(float(np.float32(w)))) for t, n, w in rows]


def _plain(content: bytes, request: ScanRequest) -> list[Row] | None:
    return [(line, None, None) for line in _lines(content) if b"\0" not in line]


def _jsonl(content: bytes, request: ScanRequest) -> list[Row] | None:
    """With keys that are as plain as can be, and no bad lines skipped."""
    if request.options != ReadingOptions(request.options.format):
        return None
    rows: list[Row] = []
    for line in _lines(content):
        if not line.strip():
            continue
        found = json.loads(line.decode("utf-8", "replace"))
        if "text" not in found or "label" not in found:
            return None
        text = found["text"].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        label = found["label"]
        if request.labelled and isinstance(label, str):
            label = re.sub("[\ud800-\udfff]", "\ufffd", label).strip(SPACES)
        elif isinstance(label, list):
            return None
        else:
            label = json.dumps(label)
        rows.append((text.encode(), label if request.labelled else None, None))
    return rows


def _csv(content: bytes, request: ScanRequest) -> list[Row] | None:
    """As Python's csv module reads it, where lines end as it thinks they do."""
    text = content.removeprefix(b"\xef\xbb\xbf")
    if request.options != ReadingOptions(request.options.format):
        return None
    if re.search(rb"\r(?!\n)", text) or b"\0" in text or not text.isascii():
        return None
    for delimiter in ",\t;|":
        lines = text.decode().split("\n")
        reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter)
        try:
            rows = [row for row in reader if row]
        except csv.Error:
            return None
        if writers.goes_on_behind_lines(text.decode(), delimiter):
            return None
        if rows and rows[0].count("text") == rows[0].count("label") == 1:
            break
    else:
        return None
    if any(len(row) != len(rows[0]) for row in rows):
        return None
    at, label = rows[0].index("text"), rows[0].index("label")
    return [
        (row[at].encode(), row[label].strip(SPACES) if request.labelled else None, None)
        for row in rows[1:]
    ]


NAIVE: dict[str, Callable[[bytes, dict[str, Any]], list[Row] | None]] = {
    "tsv": _tsv,
    "lines": _plain,
    "jsonl": _jsonl,
    "csv": _csv,
}
