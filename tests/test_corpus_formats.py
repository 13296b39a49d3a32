"""Every format gives the same documents, whole and in chunks, however it comes."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from corpora import (
    COMPRESSORS,
    NASTY,
    WRITERS,
    Pair,
    as_csv,
    as_feather,
    as_jsonl,
    as_table,
    goes_on_behind_lines,
    pairs_of,
    write,
    write_folder,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.spelled_errors import as_typed
from textmlr.base.errors import InputError
from textmlr.corpus.arrow_batch import batch_of
from textmlr.corpus.chunks import Chunk
from textmlr.corpus.label_sets import as_sets
from textmlr.corpus.reading import read_corpus, scan
from textmlr.corpus.reading_options import ReadingOptions

# ------------------------------------------------------------------ the same documents


def check_nasty(corpus: Any) -> None:
    assert pairs_of(corpus) == NASTY
    assert corpus.labels == sorted({label for label, _ in NASTY})
    assert corpus.y.dtype == np.int32
    assert (corpus.weights, corpus.skipped, corpus.notes) == (None, 0, [])
    for batch in corpus.batches:
        assert batch.text.dtype == np.uint8
        assert batch.starts.dtype == batch.stops.dtype == np.int64


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("compression", COMPRESSORS)
def test_all_formats_in_all_compressions(tmp_path: Path, ending: str, compression: str) -> None:
    data = COMPRESSORS[compression](WRITERS[ending](NASTY))
    path = write(tmp_path / f"A{ending.upper()}{compression}", data)
    corpus = read_corpus([path])
    check_nasty(corpus)
    assert corpus.names == [path]
    # Standard input shows what it is by its first bytes.
    check_nasty(read_corpus(["-"], stdin=io.BytesIO(data)))
    # A name that says nothing of the format, or something else.
    for name in ("corpus", "corpus.txt", "corpus.tsv"):
        if ending == ".csv" and name == "corpus.tsv":
            continue
        check_nasty(read_corpus([write(tmp_path / (name + compression), data)]))


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_dialects_of_csv(tmp_path: Path, delimiter: str, quoting: Any, end: str) -> None:
    data = as_csv(NASTY, delimiter, quoting=quoting, lineterminator=end)
    for start in (b"", b"\xef\xbb\xbf", b"\n\r\n"):
        check_nasty(read_corpus([write(tmp_path / "a.csv", start + data)]))
        check_nasty(read_corpus([write(tmp_path / "b.csv", start + data.removesuffix(b"\n"))]))


def test_a_folder_a_label(tmp_path: Path) -> None:
    pairs = write_folder(tmp_path / "corpus", NASTY)
    assert pairs_of(read_corpus([tmp_path / "corpus"])) == pairs
    (tmp_path / "corpus" / ".hidden").mkdir()
    (tmp_path / "corpus" / ".hidden" / "x").write_text("x")
    (tmp_path / "corpus" / "plain" / ".swp").write_text("x")
    (tmp_path / "corpus" / "plain" / "deeper" / "still").mkdir(parents=True)
    last = tmp_path / "corpus" / "plain" / "deeper" / "still" / "9.txt.gz"
    last.write_bytes(COMPRESSORS[".gz"](b"\xef\xbb\xbfdeep"))
    corpus = read_corpus([str(tmp_path / "corpus")])
    assert sorted(pairs_of(corpus)) == sorted([*pairs, ("plain", "deep")])
    # A file a document: names of files are sorted, and digits come before letters.
    assert [text for label, text in pairs_of(corpus) if label == "plain"][-1] == "deep"
    tables = [chunk.table for chunk in scan([tmp_path / "corpus"], chunk_bytes=10)]
    assert len(tables) > 2
    table = pa.Table.from_batches(tables)
    assert table.column_names == ["path", "label", "text"]
    paths = table["path"].to_pylist()
    assert str(last) in paths
    assert len({*paths}) == len(NASTY) + 1
    unlabelled = list(scan([tmp_path / "corpus" / "plain"], labelled=False))
    assert unlabelled[0].labels is None
    assert unlabelled[0].table.column_names == ["path", "text"]
    assert unlabelled[0].table["text"].to_pylist()[-1] == "deep"


def test_several_files_of_several_formats(tmp_path: Path) -> None:
    write_folder(tmp_path / "folder", [("z", "last")])
    files = [
        write(tmp_path / "a.tsv", b"b\tone\na\ttwo\n"),
        write(tmp_path / "b.csv", b"label,text\nc,three\na,four\n"),
        write(tmp_path / "c.ft", b"__label__b five\n"),
        write(tmp_path / "d.jsonl", b'{"text": "six", "class": "c"}\n'),
        str(tmp_path / "folder"),
    ]
    corpus = read_corpus(files)
    assert corpus.labels == ["a", "b", "c", "z"]
    assert pairs_of(corpus) == [
        ("b", "one"),
        ("a", "two"),
        ("c", "three"),
        ("a", "four"),
        ("b", "five"),
        ("c", "six"),
        ("z", "last"),
    ]
    assert corpus.names == files
    assert [corpus.place(i) for i in (0, 1, 3, 6)] == [
        (files[0], 1),
        (files[0], 2),
        (files[1], 2),
        (files[4], 1),
    ]
    with pytest.raises(IndexError):
        corpus.place(7)


FASTTEXT = (
    b"__label__a one  two\n"
    b"\xef\xbb\xbf__label__b  x\r\n"
    b"__label__b __label__a  __label__c y z\n"
    b"first __label__c then\t__label__a more __label__\n"
    b"  __label__a\n"
    b"__label__a_b not__label__x in __word__"
)


def test_fasttext(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", FASTTEXT.replace(b"\xef\xbb\xbf", b""))
    single = ReadingOptions(multilabel=False)
    corpus = read_corpus([path], single)
    assert pairs_of(corpus) == [
        ("a", "one  two"),
        ("b", "x"),
        ("b", "y z"),
        ("c", "first then more"),
        ("a", ""),
        ("a_b", "not__label__x in __word__"),
    ]
    assert corpus.notes == ["2 documents have several labels, of which the first is used"]
    table = next(scan([path], single)).table
    assert table.column_names == ["label", "text"]
    assert list(zip(*table.to_pydict().values(), strict=True)) == pairs_of(corpus)
    one = write(tmp_path / "b.ft", b"__label__a __label__b x\n")
    several = "1 document has several labels, of which the first is used"
    assert read_corpus([one], single).notes == [several]


def naive_fasttext(line: str) -> tuple[list[str], list[str]]:
    """(labels, words of the text) of a line."""
    words = line.split()
    labels = [word.removeprefix("__label__") for word in words if word.startswith("__label__")]
    return labels, [word for word in words if not word.startswith("__label__")]


tokens = st.sampled_from(
    ["__label__", "__label__a", "__label__b", "_", "__", "x", "ab__label__c", " ", " ", "\t", "é"]
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(tokens, max_size=12).map("".join), min_size=1, max_size=6))
@example(["__label__a x __label__b", "__label__a __label__b y"])
@example(["x", "", "__label__ __label__b __label__a", "__label__a y __label__a __label__"])
def test_fasttext_like_the_naive_reader(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    path = write(tmp_path_factory.getbasetemp() / "p.ft", "\n".join(lines).encode() + b"\n")
    for size in (1, 1 << 20):
        options = ReadingOptions(skip_bad_lines=True, multilabel=False)
        chunks = list(scan([path], options, chunk_bytes=size))
        rows = [naive_fasttext(line) for line in lines]
        good = [(labels[0], words) for labels, words in rows if labels and labels[0]]
        found = [(label, text.split()) for label, text in pairs_in(chunks)]
        assert found == good
        several = sum(len(labels) > 1 for labels, _ in rows if labels and labels[0])
        assert sum(c.several for c in chunks) == several
        options = ReadingOptions(skip_bad_lines=True, multilabel=True)
        chunks = list(scan([path], options, chunk_bytes=size))
        good = [
            (sorted({*labels} - {""}), words)
            for labels, words in rows
            if any(labels) or (not labels and words)
        ]
        found = [(labels, text.split()) for labels, text in sets_in(chunks)]
        assert found == good


# ------------------------------------------------------------------ chunks


def pairs_in(chunks: Sequence[Chunk]) -> list[Pair]:
    found = []
    for chunk in chunks:
        assert chunk.labels is not None
        codes, names = chunk.labels
        assert sorted({*codes.tolist()}) == list(range(len(names)))
        found += [(names[codes[i]], chunk.batch[i].decode()) for i in range(len(chunk))]
    return found


def sets_in(chunks: Sequence[Chunk]) -> list[tuple[list[str], str]]:
    found = []
    for chunk in chunks:
        assert chunk.labels is not None
        y, names = chunk.labels
        texts = [chunk.batch[i].decode() for i in range(len(chunk))]
        labels = [sorted(names[code] for code in own) for own in as_sets(y).tolist()]
        found += list(zip(labels, texts, strict=True))
    return found


LINES: list[Pair] = [(f"label {i % 3}", f"text {i}\t" + "x" * (i * 7 % 50)) for i in range(40)]


@pytest.mark.parametrize("ending", [*WRITERS, ".tsv"])
@pytest.mark.parametrize("compression", ["", ".gz"])
@pytest.mark.parametrize("size", [1, 50, 1000, 1 << 20])
def test_chunks_are_the_whole(tmp_path: Path, ending: str, compression: str, size: int) -> None:
    pairs = LINES if ending == ".tsv" else NASTY * 3
    if ending == ".tsv":
        data = "".join(f"{label}\t{text}\n" for label, text in pairs).encode()
    else:
        data = WRITERS[ending](pairs)
    path = write(tmp_path / f"a{ending}{compression}", COMPRESSORS[compression](data))
    chunks = list(scan([path], chunk_bytes=size))
    assert pairs_in(chunks) == pairs
    assert {chunk.name for chunk in chunks} == {path}
    sizes = [len(chunk) for chunk in chunks]
    assert [chunk.first for chunk in chunks] == [1 + sum(sizes[:i]) for i in range(len(sizes))]
    if size == 1:
        assert len(chunks) > 5
    table = pa.Table.from_batches([chunk.table for chunk in chunks])
    assert table["text"].to_pylist() == [text for _, text in pairs]
    assert table["label"].to_pylist() == [label for label, _ in pairs]
    if ending != ".tsv":
        assert table.column_names == ["id", "text", "label"]
        assert list(map(int, table["id"].to_pylist())) == list(range(len(pairs)))
    needed = list(scan([path], chunk_bytes=size, tables=False))
    assert pairs_in(needed) == pairs


def test_a_table_keeps_types_and_its_own_rows(tmp_path: Path) -> None:
    table = pa.table(
        {
            "n": [1, 2, None, 4],
            "text": ["a", None, "c", "d"],
            "more": [[1], [], [2], []],
            "label": ["x", "y", None, "y"],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    (chunk,) = scan([tmp_path / "a.parquet"], ReadingOptions(skip_bad_lines=True))
    assert chunk.table.to_pydict() == table.take([0, 3]).to_pydict()
    assert chunk.table.schema.field("n").type == pa.int64()
    assert (chunk.first, chunk.skipped) == (1, 2)
    (chunk,) = scan([tmp_path / "a.parquet"], ReadingOptions(skip_bad_lines=True), labelled=False)
    assert chunk.table.to_pydict() == table.take([0, 2, 3]).to_pydict()


def test_first_is_that_of_the_first_good_row(tmp_path: Path) -> None:
    csv_file = write(tmp_path / "a.csv", b"text,label\nx,\ny,\nz,a\n")
    tsv = write(tmp_path / "a.tsv", b"\n\na\tz\n")
    ft = write(tmp_path / "a.ft", b"x\ny\n__label__a z\n")
    jsonl = write(tmp_path / "a.jsonl", b'{"text": "x"}\n3\n{"text": "z", "label": "a"}\n')
    feather.write_feather(
        pa.table({"text": ["x", "y", "z"], "label": ["", None, "a"]}), tmp_path / "a.arrow"
    )
    options = ReadingOptions(skip_bad_lines=True)
    for path in (csv_file, tsv, ft, jsonl, tmp_path / "a.arrow"):
        named = None if path in (tsv, ft) else "label"
        (chunk,) = scan([path], replace(options, label_column=named))
        assert (chunk.first, chunk.skipped, chunk.batch[0]) == (3, 2, b"z"), path


def test_documents_without_labels(tmp_path: Path) -> None:
    text = write(tmp_path / "a.txt", b"one\ttwo\r\n\nthree")
    for size in (1, 1000):
        chunks = list(scan([text], labelled=False, chunk_bytes=size))
        assert [chunk.batch[i] for chunk in chunks for i in range(len(chunk))] == [
            b"one\ttwo",
            b"",
            b"three",
        ]
        assert all(chunk.labels is None for chunk in chunks)
    assert chunks[0].table.to_pydict() == {"text": ["one\ttwo", "", "three"]}
    table = write(tmp_path / "a.csv", b"id,text\n7,x\n8,y\n")
    assert next(scan([table], labelled=False)).table.to_pydict() == {
        "id": ["7", "8"],
        "text": ["x", "y"],
    }
    lines = write(tmp_path / "a.tsv", b"a\tx\n")
    assert next(scan([lines], labelled=False)).batch[0] == b"x"
    assert next(scan([lines], ReadingOptions(format="lines"), labelled=False)).batch[0] == b"a\tx"
    objects = write(tmp_path / "a.jsonl", b'{"text": "x"}\n{"text": "y", "n": 1}\n')
    (chunk,) = scan([objects], labelled=False)
    assert chunk.table.to_pydict() == {"text": ["x", "y"], "n": [None, 1]}
    marked = write(tmp_path / "b.txt", b"__label__a x\nno label\n")
    (chunk,) = scan([marked], labelled=False)
    assert chunk.table.to_pydict() == {"text": ["x", "no label"]}
    with pytest.raises(InputError, match="plain lines have no labels; "):
        read_corpus([text], ReadingOptions(format="lines"))


def test_nul_bytes_among_lines_without_labels(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"one\nt\0w\0o\nthree\n\0\n\0")
    with pytest.raises(InputError, match=r"a\.txt, line 2: binary data"):
        list(scan([path], labelled=False))
    (chunk,) = scan([path], ReadingOptions(skip_bad_lines=True), labelled=False)
    assert chunk.table.to_pydict() == {"text": ["one", "three"]}
    assert chunk.skipped == 3
    chunks = list(scan([path], ReadingOptions(skip_bad_lines=True), labelled=False, chunk_bytes=2))
    assert [chunk.skipped for chunk in chunks] == [0, 1, 0, 1, 1]


def test_tables_of_text_that_is_not_utf8(tmp_path: Path) -> None:
    for name, data in (("a.csv", b"label,text\na,\xff!\n"), ("a.tsv", b"a\t\xff!\n")):
        (chunk,) = scan([write(tmp_path / name, data)])
        assert chunk.batch[0] == b"\xff!"
        assert chunk.table["text"].to_pylist() == ["\ufffd!"]


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".ft"])
def test_scan_takes_memory_for_a_chunk(tmp_path: Path, ending: str) -> None:
    lines = {
        ".csv": b'label,"some ""text"" of, a middling length"\n',
        ".tsv": b"label\tsome text of a middling length\n",
        ".ft": b"__label__label some text of a middling length\n",
        ".jsonl": b'{"label": "label", "text": "some text of a middling length"}\n',
    }
    head = b"label,text\n" if ending == ".csv" else b""
    path = write(tmp_path / f"a{ending}", head + lines[ending] * 60_000)

    def count(number: int) -> int:
        documents = 0
        for chunk in scan([path], chunk_bytes=1 << 16, tables=False):
            documents += len(chunk)
            if documents >= number:
                break
        return documents

    count(1)  # compiles
    tracemalloc.start()
    try:
        assert count(1 << 30) == 60_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2e6 < os.path.getsize(path)


# ------------------------------------------------------------------ columns


@pytest.mark.parametrize(
    ("columns", "text", "label"),
    [
        ("text,label", 0, 1),
        ("Label, Text ", 1, 0),
        ("title,text,label", 1, 2),
        ("id,review,sentiment", 1, 2),
        ("class,id,Sentence", 2, 0),
        ("label,category,text", 2, 0),
        ("y,content", 1, 0),
    ],
)
def test_plain_names(tmp_path: Path, columns: str, text: int, label: int) -> None:
    row = ["-"] * len(columns.split(","))
    row[text], row[label] = "the text", "the label"
    path = write(tmp_path / "a.csv", f"{columns}\n{','.join(row)}\n".encode())
    assert pairs_of(read_corpus([path])) == [("the label", "the text")]


def table_errors() -> Iterator[tuple[str, ReadingOptions, str]]:
    yield (
        "a,text",
        ReadingOptions(),
        (
            "no column has a plain name for the label, such as label or class; say which with "
            "--label-column: the columns are a, text"
        ),
    )
    yield (
        "label,x y",
        ReadingOptions(),
        (
            "no column has a plain name for the text, such as text or document; say which with "
            "--text-column: the columns are label, 'x y'"
        ),
    )
    yield (
        "title,body,label",
        ReadingOptions(),
        ("the text could be any of title, body; say which with --text-column"),
    )
    yield (
        "text,class,topic",
        ReadingOptions(),
        ("the label could be any of class, topic; say which with --label-column"),
    )
    yield (
        "text,label",
        ReadingOptions(text_column="tekst"),
        ("no column 'tekst'; the columns are text, label"),
    )
    yield (
        "text,a,a",
        ReadingOptions(label_column="a"),
        "columns 2 (a) and 3 (a) are both called 'a'; rename them, or say which by number: "
        "--label-column 2 or --label-column 3",
    )
    yield (
        "text,label",
        ReadingOptions(label_column="text"),
        (
            "column 'text' cannot be both the text and the label; name two of the columns there "
            "are: text, label"
        ),
    )
    yield (
        ",".join(f"c{i}" for i in range(30)),
        ReadingOptions(text_column="x"),
        (
            "no column 'x'; the columns are "
            + ", ".join(f"c{i}" for i in range(20))
            + " and 10 more"
        ),
    )


def table_errors_of_formats() -> Iterator[tuple[str, str, ReadingOptions, str]]:
    """The same in each format; an object of JSON has no key twice."""
    for ending, (columns, options, message) in product(
        (".csv", ".parquet", ".arrow", ".jsonl"), table_errors()
    ):
        names = columns.split(",")
        if ending != ".jsonl" or len({*names}) == len(names):
            yield ending, columns, options, message


@pytest.mark.parametrize(
    ("ending", "columns", "options", "message"), list(table_errors_of_formats())
)
def test_columns_that_are_not_there(
    tmp_path: Path, ending: str, columns: str, options: ReadingOptions, message: str
) -> None:
    names = columns.split(",")
    path = tmp_path / f"a{ending}"
    table = pa.Table.from_arrays([pa.array(["1"])] * len(names), names)
    if ending == ".csv":
        path.write_text(f"{columns}\n{','.join('1' * len(names))}\n")
        if options == ReadingOptions():
            hint = (
                "; a CSV file begins with a line of column names; --no-header reads one that does "
            )
            message += f"{hint}not" * ("no column" in message)
    elif ending == ".parquet":
        pq.write_table(table, path)
    elif ending == ".arrow":
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table)
    else:
        path.write_text(json.dumps(dict.fromkeys(names, "1")) + "\n")
        if options == ReadingOptions():
            message += "; they are those of the first row" * ("no column" in message)
    with pytest.raises(InputError) as caught:
        read_corpus([path], options)
    assert as_typed(caught.value) == f"{path}: {message}"


def test_columns_may_be_named(tmp_path: Path) -> None:
    options = ReadingOptions(text_column="Überschrift", label_column="n")
    data = "n,text,label,Überschrift\n1,no,no,yes\n".encode()
    assert pairs_of(read_corpus([write(tmp_path / "a.csv", data)], options)) == [("1", "yes")]
    # Lines of label<TAB>text have no names: a file of a named column is a table.
    tabbed = write(tmp_path / "a.tsv", data.replace(b",", b"\t"))
    assert pairs_of(read_corpus([tabbed], options)) == [("1", "yes")]
    with pytest.raises(InputError, match="label<TAB>text have no columns for text='…'; "):
        read_corpus([tabbed], replace(options, format="tsv"))
    with pytest.raises(InputError, match="have no place for text='…'; "):
        read_corpus([write(tmp_path / "a.ft", b"__label__a x\n")], options)
    write_folder(tmp_path / "folder", NASTY)
    with pytest.raises(InputError, match="has no place for text='…'; "):
        read_corpus([tmp_path / "folder"], options)


def test_weights_of_every_format(tmp_path: Path) -> None:
    weights = [1.0, 0.25, 0.0, 0.1, 3e5]
    names = ["a", "b", "a", "b", "c"]
    table = pa.table({"text": names, "label": names, "weight": weights})
    pq.write_table(table, tmp_path / "a.parquet")
    feather.write_feather(table, tmp_path / "a.arrow")
    rows = list(zip(names, names, weights, strict=True))
    write(
        tmp_path / "a.csv",
        b"text,label,weight\n"
        + b"".join(f"{text},{label},{weight!r}\n".encode() for text, label, weight in rows),
    )
    write(
        tmp_path / "a.jsonl",
        b"".join(
            json.dumps({"text": text, "label": label, "weight": weight}).encode() + b"\n"
            for text, label, weight in rows
        ),
    )
    write(
        tmp_path / "a.tsv",
        b"".join(f"{label}\t{weight!r}\t{text}\n".encode() for text, label, weight in rows),
    )
    for ending in ("parquet", "arrow", "csv", "jsonl", "tsv"):
        corpus = read_corpus([tmp_path / f"a.{ending}"], ReadingOptions(weighted=True))
        assert corpus.weights is not None
        assert corpus.weights.dtype == np.float32
        assert corpus.weights.tolist() == np.array(weights, np.float32).tolist(), ending
        (chunk,) = scan([tmp_path / f"a.{ending}"], ReadingOptions(weighted=True))
        assert chunk.weights is not None
        assert "weight" in chunk.table.column_names
    whole = pa.table({"text": ["x", "y"], "label": ["a", "b"], "n": [2, 3]})
    pq.write_table(whole, tmp_path / "n.parquet")
    corpus = read_corpus([tmp_path / "n.parquet"], ReadingOptions(weighted=True, weight_column="n"))
    assert corpus.weights is not None
    assert corpus.weights.tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([3, 1, 3], ["3", "1", "3"]),
        ([1.0, 0.5, 1e20], ["1.0", "0.5", "1e+20"]),
        ([True, False, True], ["true", "false", "true"]),
        ([" a", "a ", "\ta\n"], ["a", "a", "a"]),
    ],
)
def test_labels_that_are_no_strings(tmp_path: Path, labels: list[Any], names: list[str]) -> None:
    table = pa.table({"text": ["x", "y", "z"], "label": labels})
    pq.write_table(table, tmp_path / "a.parquet")
    pq.write_table(
        table.set_column(1, "label", table["label"].dictionary_encode()), tmp_path / "b.parquet"
    )
    feather.write_feather(table, tmp_path / "a.arrow")
    write(
        tmp_path / "a.jsonl",
        b"".join(json.dumps(row).encode() + b"\n" for row in table.to_pylist()),
    )
    for name in ("a.parquet", "b.parquet", "a.arrow", "a.jsonl"):
        assert [label for label, _ in pairs_of(read_corpus([tmp_path / name]))] == names, name


def test_nan_is_no_label(tmp_path: Path) -> None:
    table = pa.table({"text": ["x", "y"], "label": [1.0, math.nan]})
    pq.write_table(table, tmp_path / "a.parquet")
    write(tmp_path / "a.jsonl", b'{"text": "x", "label": 1.0}\n{"text": "y", "label": NaN}\n')
    with pytest.raises(InputError, match=r"a\.parquet, row 2: label 'nan' has no name; "):
        read_corpus([tmp_path / "a.parquet"])
    with pytest.raises(InputError, match=r"a\.jsonl, line 2: the label in 'label' is NaN, not a"):
        read_corpus([tmp_path / "a.jsonl"])
    for name in ("a.parquet", "a.jsonl"):
        corpus = read_corpus([tmp_path / name], ReadingOptions(skip_bad_lines=True))
        assert (corpus.labels, corpus.skipped) == (["1.0"], 1)


def test_dates_and_lists_are_labels_and_lists_of_lists_are_not(tmp_path: Path) -> None:
    days = pa.array([0, 1], pa.date32())
    pq.write_table(pa.table({"text": ["x", "y"], "label": days}), tmp_path / "a.parquet")
    assert read_corpus([tmp_path / "a.parquet"]).labels == ["1970-01-01", "1970-01-02"]
    pq.write_table(pa.table({"text": ["x"], "label": [[["a"]]]}), tmp_path / "b.parquet")
    with pytest.raises(
        InputError, match=r"column 'label' holds list<.*>, not labels; name another"
    ):
        read_corpus([tmp_path / "b.parquet"])
    pq.write_table(pa.table({"text": [1], "label": ["a"]}), tmp_path / "c.parquet")
    with pytest.raises(InputError, match="column 'text' holds int64, not text; name another"):
        read_corpus([tmp_path / "c.parquet"])
    pq.write_table(
        pa.table({"text": ["x"], "label": ["a"], "weight": ["b"]}), tmp_path / "d.parquet"
    )
    with pytest.raises(InputError, match="column 'weight' holds string, not numbers; name another"):
        read_corpus([tmp_path / "d.parquet"], ReadingOptions(weighted=True))


# ------------------------------------------------------------------ Arrow's buffers


def lies_in(batch: Any, array: pa.Array) -> bool:
    data = array.buffers()[2]
    return bool(batch.text.ctypes.data == data.address and len(batch.text) == data.size)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()])
def test_text_is_used_where_it_lies(kind: pa.DataType) -> None:
    array = pa.array(["one", "", "três", "four"], pa.string()).cast(kind)
    for part, texts in (
        (array, [b"one", b"", "três".encode(), b"four"]),
        (array[1:3], [b"", "três".encode()]),
        (array[2:2], []),
    ):
        batch = batch_of(part)
        assert [batch[i] for i in range(len(batch))] == texts
        assert not texts or lies_in(batch, part)


@pytest.mark.parametrize("kind", [pa.string_view(), pa.dictionary(pa.int8(), pa.string())])
def test_views_and_dictionaries_are_cast(kind: pa.DataType) -> None:
    array = pa.array(["one", "a text that is too long for a view", "one"]).cast(kind)
    batch = batch_of(array[1:])
    assert [batch[i] for i in range(2)] == [b"a text that is too long for a view", b"one"]


def test_nulls_are_empty(tmp_path: Path) -> None:
    batch = batch_of(pa.array(["a", None, "b"]))
    assert [batch[i] for i in range(3)] == [b"a", b"", b"b"]


def test_an_arrow_file_is_read_once(tmp_path: Path) -> None:
    """Its batches are spans of what was read of it."""
    table = pa.table({"text": ["word " * 400] * 2000, "label": ["a", "b"] * 1000})
    feather.write_feather(table, tmp_path / "a.feather", compression="uncompressed")
    read_corpus([tmp_path / "a.feather"])
    before, traced = pa.total_allocated_bytes(), tracemalloc.start()
    assert traced is None
    try:
        corpus = read_corpus([tmp_path / "a.feather"])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1e6
    assert pa.total_allocated_bytes() - before < 5e6
    assert sum(batch.text_bytes for batch in corpus.batches) == 4_000_000


def test_small_row_groups_are_put_together(tmp_path: Path) -> None:
    pairs = [(f"label {i % 50}", f"text {i}") for i in range(500)]
    table = as_table(pairs)
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=10)
    with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=10)
    coded = table.set_column(2, "label", table["label"].dictionary_encode())
    pq.write_table(coded, tmp_path / "b.parquet", row_group_size=10)
    for name in ("a.parquet", "a.arrow", "b.parquet"):
        corpus = read_corpus([tmp_path / name])
        assert pairs_of(corpus) == pairs
        assert len(corpus.batches) == 1


def test_only_needed_columns_are_read(tmp_path: Path) -> None:
    """One that cannot be read does no harm to training."""
    table = pa.table(
        {
            "text": ["x" * 99] * 5000,
            "junk": np.random.default_rng(0).random(5000),
            "label": ["a", "b"] * 2500,
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    column = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(0).column(1)
    at = column.dictionary_page_offset or column.data_page_offset
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    data[at : at + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    (tmp_path / "a.parquet").write_bytes(data)
    assert len(read_corpus([tmp_path / "a.parquet"])) == 5000
    with pytest.raises(InputError, match=r"a\.parquet: cannot be read as Parquet: "):
        list(scan([tmp_path / "a.parquet"]))


# ------------------------------------------------------------------ against Python's own readers

FIELD = st.text(st.sampled_from('a"\n,;é \t'), max_size=6)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=5), st.sampled_from([0, 1, 2]))
def test_csv_that_python_writes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], dialect: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        quoting = csv.QUOTE_ALL if dialect == 1 else csv.QUOTE_MINIMAL
        writer = csv.writer(file, delimiter=";" if dialect == 2 else ",", quoting=quoting)
        writer.writerow(["text", "label"])
        writer.writerows((text, "l" + label) for text, label in rows)
    expected = [(("l" + label).strip(" \t\n"), text) for text, label in rows]
    assert pairs_of(read_corpus([path])) == expected
    assert pairs_in(list(scan([path], chunk_bytes=3))) == expected


pieces = st.sampled_from(['"', '"', '""', ",", ",", "\n", "\n", "\r\n", "a", "bc", "é", "\t", " "])


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(st.lists(pieces, max_size=30).map("".join))
@example('a,"b"c"d"\n"x""y",z"z')
@example('a,"b""\n')
@example("\r\n\n\na,b\n\r\n")
def test_csv_that_python_reads(tmp_path_factory: pytest.TempPathFactory, body: str) -> None:
    """Any text at all: the same rows, of which those of other than two fields are bad."""
    path = tmp_path_factory.getbasetemp() / "read.csv"
    if goes_on_behind_lines(body):
        return
    if '\\"' in body:  # may be told to be an escape, which Python's reader does not see
        return
    path.write_text("text,label\n" + body, encoding="utf-8", newline="")
    rows = [row for row in csv.reader(io.StringIO(body, newline="")) if row]
    rows = [row[:2] if not any(row[2:]) else row for row in rows]  # empty fields behind are none
    unclosed = not _closed(body)
    good = [(label.strip(" \t\r\n"), text) for text, label in (r for r in rows if len(r) == 2)]
    if unclosed and rows and len(rows[-1]) == 2:
        good = good[:-1]
    expected = [(label, text) for label, text in good if label]
    for size in (1, 5, 1 << 20):
        if not rows:
            with pytest.raises(InputError, match="nothing below the line of column names"):
                list(scan([path], ReadingOptions(skip_bad_lines=True), chunk_bytes=size))
            continue
        chunks = list(scan([path], ReadingOptions(skip_bad_lines=True), chunk_bytes=size))
        assert pairs_in(chunks) == expected
        lost = sum(chunk.skipped for chunk in chunks)
        lines = rows[-1:] if unclosed else []  # all of its lines are counted
        assert lost - len(rows) + len(expected) in (
            {0} if not lines else range(body.count("\n") + 1)
        )


def _closed(body: str) -> bool:
    """Whether Python's strict reader finds the end of the last quoted field."""
    try:
        list(csv.reader(io.StringIO(body + "\n\x01", newline="")))
        rows = list(csv.reader(io.StringIO(body + "\n\x01", newline="")))
    except csv.Error:
        return False
    return bool(rows) and rows[-1] == ["\x01"]


VALUES = st.one_of(
    st.text(max_size=8),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"text": st.text(max_size=10)},
            optional={"label": VALUES, "other": VALUES, "more": VALUES},
        ),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
)
def test_json_that_python_writes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], ascii: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.jsonl"
    first = json.dumps({"text": "first", "label": "first"})
    lines = [json.dumps(row, ensure_ascii=ascii) for row in rows]
    path.write_bytes("\n".join([first, *lines]).encode("utf-8", "surrogatepass"))
    expected = [("first", "first")]
    kept = []
    for row in rows:
        label = row.get("label")
        if isinstance(label, list) and label:  # the first of them
            label = label[0]
        name = label.strip(" \t\n\r\x0b\x0c") if isinstance(label, str) else json.dumps(label)
        if name and isinstance(label, str | int | float | bool):
            expected.append((name, row["text"]))
            kept.append(row)
    options = ReadingOptions(skip_bad_lines=True, multilabel=False)
    for size in (1, 1 << 20):
        chunks = list(scan([path], options, chunk_bytes=size))
        assert pairs_in(chunks) == expected
        left_out = sum(chunk.skipped + chunk.unlabelled for chunk in chunks)
        assert left_out == len(rows) + 1 - len(expected)
    table = chunks[0].table.to_pylist()[1:]
    for found, row in zip(table, kept, strict=True):
        assert all(same_value(found[key], value) for key, value in row.items())


def same_value(found: Any, value: Any) -> bool:
    """Whether a table's value is the object's: perhaps as a float, with more keys, or as JSON."""
    if isinstance(value, dict) and isinstance(found, dict):
        return {key: number for key, number in found.items() if number is not None} == value
    if isinstance(value, float | int) and isinstance(found, float):
        return math.isclose(found, value)
    return bool(found == value) or (isinstance(found, str) and json.loads(found) == value)


@pytest.mark.slow
def test_each_kernel_compiles_once(tmp_path: Path) -> None:
    """In a fresh process, over all ways of reading."""
    from test_corpus import run

    code = """
import sys
from textmlr.corpus.reading import scan, read_corpus
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.kernels import csv_records, fasttext_lines, tsv_lines
*paths, weighted, tsv = sys.argv[1:]
for path in (*paths, weighted, tsv):
    for options in ({}, {"chunk_bytes": 1}, {"labelled": False}, {"tables": False}):
        for chunk in scan([path], ReadingOptions(weighted=path in (weighted, tsv)), **options):
            chunk.table
    read_corpus([path])
    read_corpus([path], ReadingOptions(skip_bad_lines=True))
counts = [len(kernel.signatures) for module in (csv_records, fasttext_lines, tsv_lines)
          for name, kernel in vars(module).items()
          if hasattr(kernel, "signatures") and not name.startswith("_")]
print(len(counts), *{*counts})
"""
    paths = [
        write(tmp_path / "a.csv", as_csv(NASTY)),
        write(tmp_path / "a.csv.gz", COMPRESSORS[".gz"](as_csv(NASTY, ";"))),
        write(tmp_path / "a.ft", b"__label__a x __label__b\n"),
        write(tmp_path / "a.ft.xz", COMPRESSORS[".xz"](b"__label__a x __label__b\n")),
        write(tmp_path / "a.jsonl", as_jsonl(NASTY)),
        write(tmp_path / "a.feather", as_feather(NASTY)),
        write(tmp_path / "w.csv", b"text,label,weight\nx,a,1\ny,b,+2\n"),
        write(tmp_path / "w.tsv", b"a\t1\tx\nb\t2\t\n"),
    ]
    # find is counted twice: fasttext has it too.  Kernels may call others with what they like.
    run(code, *paths)
    assert run(code, *paths).split() == [b"10", b"1"]
