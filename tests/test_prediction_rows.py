"""classify --corpus gives a row for each row, in order, whatever the formats; and CSV and TSV that
other programs read as they were written."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from pyarrow import feather

import textmlr
from textmlr.cli import cli
from textmlr.corpus.reading import scan
from textmlr.export.predictions.csv import CsvWriter
from textmlr.export.predictions.prediction_columns import ColumnChoice, PredictionColumns
from textmlr.export.predictions.prediction_stream import predict

TEXTS = ["a robot in orbit", None, "", "the sheriff rode", None, "robot\tengine", 'a "saddle"\n']
NULLS = [i for i, text in enumerate(TEXTS) if text is None]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle, a horse"] * 3
    path = tmp_path_factory.mktemp("model") / "genres.textmlr"
    textmlr.train(texts, ["scifi", "western"] * 6).save(path)
    return str(path)


def _table() -> pa.Table:
    return pa.table({"id": list(range(len(TEXTS))), "text": pa.array(TEXTS, pa.string())})


def _written(kind: str, folder: Path) -> Path:
    """A corpus of TEXTS, of which some are null."""
    table, path = _table(), folder / f"in.{kind.split()[0]}"
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=2)
    elif kind == "parquet of views":
        views = table["text"].cast(pa.string_view())
        try:
            pq.write_table(table.set_column(1, "text", views), path)
        except pa.ArrowNotImplementedError:
            pytest.skip("this Arrow writes no views to Parquet")
    elif kind == "parquet of codes":
        pq.write_table(table.set_column(1, "text", table["text"].dictionary_encode()), path)
    elif kind == "feather":
        feather.write_feather(table, path)
    elif kind == "arrow":
        with ipc.new_file(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=3)
    elif kind == "arrows":
        with ipc.new_stream(path, table.schema) as stream:
            stream.write_table(table, max_chunksize=3)
    elif kind == "jsonl":
        rows = ({"id": i, "text": text} for i, text in enumerate(TEXTS))
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind == "jsonl without keys":
        rows = ({"id": i, "text": t} if t is not None else {"id": i} for i, t in enumerate(TEXTS))
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        path.write_text(json.dumps([{"id": i, "text": t} for i, t in enumerate(TEXTS)], indent=1))
    return path


KINDS = [
    "parquet",
    "parquet of views",
    "parquet of codes",
    "feather",
    "arrow",
    "arrows",
    "jsonl",
    "jsonl without keys",
    "json",
]
ENDINGS = ["parquet", "arrow", "csv", "tsv", "tab", "jsonl"]


def _run(*words: object) -> Result:
    result = CliRunner().invoke(cli, list(map(str, words)))
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result


def _rows(path: Path) -> list[dict[str, Any]]:
    """The rows of an output as every reader has them; numbers as numbers, no value as None."""
    if path.suffix == ".parquet":
        rows = pq.read_table(path).to_pylist()
    elif path.suffix == ".arrow":
        rows = feather.read_table(path).to_pylist()
    elif path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    else:
        dialect = "excel" if path.suffix == ".csv" else "excel-tab"
        with open(path, newline="", encoding="utf-8") as file:
            rows = [
                {key: value or None for key, value in row.items()}
                for row in csv.DictReader(file, dialect=dialect)
            ]
    return [
        row | {name: None if row[name] is None else float(row[name]) for name in ("probability",)}
        for row in rows
    ]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_row_for_each_row(kind: str, ending: str, model: str, tmp_path: Path) -> None:
    path, output = _written(kind, tmp_path), tmp_path / f"out.{ending}"
    done = _run("classify", "-m", model, "--corpus", path, "-o", output)
    assert f"{len(NULLS)} documents have no text (null): the answer is null" in done.stderr
    rows = _rows(output)
    assert [int(row["id"]) for row in rows] == list(range(len(TEXTS)))
    assert [row["text"] or None for row in rows] == [text or None for text in TEXTS]
    known = [text for text in TEXTS if text is not None]
    predicted = textmlr.load(model).predict(known).tolist()
    chances = textmlr.load(model).predict_proba(known).max(axis=1).tolist()
    for row, text in zip(rows, TEXTS, strict=True):
        expected = (None, None) if text is None else (predicted.pop(0), chances.pop(0))
        assert row["predicted"] == expected[0]
        assert row["probability"] == (None if text is None else pytest.approx(expected[1]))


@pytest.mark.parametrize("kind", KINDS)
def test_each_column_is_null_and_counted(kind: str, model: str, tmp_path: Path) -> None:
    path, output = _written(kind, tmp_path), tmp_path / "out.parquet"
    options = ("--top", 2, "--min-probability", 1, "--each-label", "--json", "-q")
    done = _run("classify", "-m", model, "--corpus", path, "-o", output, *options)
    table = pq.read_table(output).drop(["id", "text"])
    nulls = [i for i, row in enumerate(table.to_pylist()) if set(row.values()) == {None}]
    assert nulls == NULLS
    told = json.loads(done.stdout)
    assert told["documents"] == len(TEXTS)
    assert told["missing"] == len(NULLS)
    assert told["unsure"] == len(TEXTS) - len(NULLS)
    assert sum(told["predicted"].values()) == 0
    done = _run("classify", "-m", model, "--corpus", path, "-o", output, "--label", "scifi")
    assert [row["P(scifi)"] is None for row in pq.read_table(output).to_pylist()] == [
        text is None for text in TEXTS
    ]


def test_a_column_of_nulls_alone(model: str, tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    for kind in (pa.string(), pa.null()):
        pq.write_table(pa.table({"text": pa.nulls(3, kind)}), path)
        _run("classify", "-m", model, "--corpus", path, "-o", tmp_path / "out.csv")
        rows = (tmp_path / "out.csv").read_text().splitlines()
        assert rows == ["text,predicted,probability", ",,", ",,", ",,"]


def test_nulls_of_large_corpora_stay_in_their_places(model: str, tmp_path: Path) -> None:
    """Pieces, blocks and threads cut the rows where they like."""
    texts = [None if i % 7 == 3 else f"a robot of number {i}" for i in range(5000)]
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": texts}), path, row_group_size=777)
    loaded = textmlr.load(model)
    columns = PredictionColumns(loaded.labels, ColumnChoice())
    for chunk_bytes in (1 << 10, 1 << 22):
        chunks = scan([path], labelled=False, nulls=True, chunk_bytes=chunk_bytes)
        blocks = list(predict(loaded, chunks, columns, threads=3))
        found = [value for block in blocks for value in block.predictions.arrays[0].to_pylist()]
        assert [value is None for value in found] == [text is None for text in texts]


def test_python_writes_the_same(model: str, tmp_path: Path) -> None:
    path = _written("parquet", tmp_path)
    done = textmlr.load(model).classify_files(path, tmp_path / "python.tsv")
    _run("classify", "-m", model, "--corpus", path, "-o", tmp_path / "typed.tsv")
    assert (tmp_path / "python.tsv").read_bytes() == (tmp_path / "typed.tsv").read_bytes()
    assert done["missing"] == len(NULLS)


def test_a_text_that_is_none_is_refused_by_number(model: str) -> None:
    with pytest.raises(textmlr.InputError, match="document 1 is None"):
        textmlr.load(model).predict_proba(["a robot", None])  # type: ignore[list-item]


def test_training_still_refuses_nulls(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(_table().append_column("label", pa.array(["a", "b"] * 3 + ["a"])), path)
    with pytest.raises(textmlr.InputError, match="row 2: no text: column 'text' is null"):
        textmlr.read_corpus(path)


def test_lines_that_are_skipped_have_no_row(model: str, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "a robot"}\nnot JSON\n{"text": null}\n')
    output = tmp_path / "out.jsonl"
    done = _run("classify", "-m", model, "--corpus", path, "-o", output, "--skip-bad-lines")
    assert len(output.read_text().splitlines()) == 2
    assert "skipped 1 bad line" in done.stderr
    assert "lines that are skipped have no row in the output" in done.stderr


@pytest.mark.parametrize("ending", ["csv", "tsv"])
@pytest.mark.parametrize("lines", ["csv", "tsv with names", "label and text"])
def test_empty_texts_are_texts(lines: str, ending: str, model: str, tmp_path: Path) -> None:
    inputs = {
        "csv": ("in.csv", 'id,text\n1,a robot\n2,\n3,""\n', ("--text-column", "text")),
        "tsv with names": ("in.tsv", "id\ttext\n1\ta robot\n2\t\n", ("--text-column", "text")),
        "label and text": ("in.tsv", "1\ta robot\n2\t\n", ()),
    }
    name, text, options = inputs[lines]
    (tmp_path / name).write_text(text)
    output = tmp_path / f"out.{ending}"
    done = _run("classify", "-m", model, "--corpus", tmp_path / name, "-o", output, *options)
    assert "no text" not in done.stderr
    assert all(row["predicted"] for row in _rows(output))


HARD = [
    "plain",
    "",
    " spaces around ",
    'a "quoted" word',
    '"',
    "a, comma; and | others",
    "a\ttab",
    "two\nlines",
    "CR\r alone",
    "CR\r\nLF",
    "=1+1",
    "it's",
    "日本語, ไทย",
    None,
    "#comment",
    "\\backslash",
]


def _field(text: str, needs: re.Pattern[str]) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"' if needs.search(text) else text


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_quoting_is_minimal(delimiter: str) -> None:
    """RFC 4180, and empty text, which differs from none; Python's csv reads it."""
    batch = pa.record_batch({"a, b": pa.array(HARD), "n": pa.array(range(len(HARD)))})
    file = io.BytesIO()
    CsvWriter(file, batch.schema, "here", delimiter).write(batch)
    needs = re.compile(f'[{delimiter}"\\n\\r]|^$')
    fields = ["" if text is None else _field(text, needs) for text in ["a, b", *HARD]]
    numbers = ["n", *map(str, range(len(HARD)))]
    lines = [f"{text}{delimiter}{n}\n" for text, n in zip(fields, numbers, strict=True)]
    assert file.getvalue().decode() == "".join(lines)
    rows = list(csv.reader(io.StringIO(file.getvalue().decode(), newline=""), delimiter=delimiter))
    assert [row[0] for row in rows[1:]] == [text or "" for text in HARD]


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_pandas_and_polars_read_it(ending: str, model: str, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path, output = tmp_path / "in.parquet", tmp_path / f"out.{ending}"
    hard = [text for text in HARD if text]
    pq.write_table(pa.table({"text": hard, "n": range(len(hard))}), path)
    _run("classify", "-m", model, "--corpus", path, "-o", output)
    separator = "," if ending == "csv" else "\t"
    frame = pandas.read_csv(output, sep=separator)
    assert frame["n"].tolist() == list(range(len(hard)))
    assert frame["text"].tolist() == hard
    polars = pytest.importorskip("polars")
    assert polars.read_csv(output, separator=separator)["text"].to_list() == hard


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_what_is_written_is_read_again(ending: str, model: str, tmp_path: Path) -> None:
    path, output = tmp_path / "in.parquet", tmp_path / f"out.{ending}"
    hard = [text for text in HARD if text is not None]
    pq.write_table(pa.table({"text": hard}), path)
    _run("classify", "-m", model, "--corpus", path, "-o", output)
    corpus = textmlr.read_corpus(output, text="text", label="predicted")
    assert list(corpus.texts) == hard


def test_other_types_of_columns(model: str, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "a", "list": [1, "b"], "yes": true, "x": 0.5, "of": {"k": "v, w"}}\n')
    _run("classify", "-m", model, "--corpus", path, "-o", tmp_path / "out.tsv", "--label", "scifi")
    header, row = (tmp_path / "out.tsv").read_text().splitlines()
    assert header == "text\tlist\tyes\tx\tof\tP(scifi)"
    assert row.split("\t")[2:4] == ["true", "0.5"]
    (fields,) = csv.reader([row], dialect="excel-tab")
    assert json.loads(fields[1]) == [1, "b"]
    assert json.loads(fields[4]) == {"k": "v, w"}
