"""Predictions over a corpus: the appended columns, how each format holds them, in little memory."""

from __future__ import annotations

import bz2
import csv
import datetime
import gzip
import io
import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from conftest import LIMITED_PYTHON, documents, shown_in_terminal
from test_cli import COMMAND, ROOT, good, run

from textmlr.base.errors import InputError
from textmlr.corpus.chunks import Chunk
from textmlr.corpus.in_memory import batches_of
from textmlr.corpus.reading import scan
from textmlr.export.predictions import parquet
from textmlr.export.predictions.corpus_size import documents_of
from textmlr.export.predictions.prediction_columns import ColumnChoice, PredictionColumns
from textmlr.export.predictions.prediction_file import FORMATS, PredictionFile, opened
from textmlr.export.predictions.prediction_stream import predict, write_predictions
from textmlr.model.model import Model

PAIRS = documents(60, 3)
TEXTS = [text for _, text in PAIRS]


def table_of(texts: list[str]) -> pa.Table:
    """A corpus with more columns than text and label: some nested, some with nulls."""
    n = len(texts)
    noon = datetime.datetime(2026, 1, 31, 12, 0, 0, 250_000)
    return pa.table(
        {
            "id": pa.array(range(n), pa.int16()),
            "text": texts,
            "stars": pa.array([None if i % 3 else i / 7 for i in range(n)]),
            "when": pa.array([noon + datetime.timedelta(days=i) for i in range(n)]),
            "utc": pa.array([i * 10**9 for i in range(n)], pa.timestamp("ns", "Europe/Berlin")),
            "tags": pa.array([[f"t{i}", 'a "quoted", one'][: i % 3] for i in range(n)]),
            "by": pa.array([{"name": f"n\n{i}", "age": i} if i % 2 else None for i in range(n)]),
            "kind": pa.array([f"k{i % 2}" for i in range(n)]).dictionary_encode(),
            "price": pa.array([Decimal(i) / 4 for i in range(n)], pa.decimal128(6, 2)),
        }
    )


def chunks_of(table: pa.Table, rows: int, name: str = "corpus") -> Iterator[Chunk]:
    """A table as a corpus is read: so many rows at a time."""
    first = 1
    for batch in table.combine_chunks().to_batches(rows):
        text = batches_of(batch["text"])[0]
        yield Chunk(name, first, text, None, None, lambda batch=batch: batch)
        first += len(batch)


@pytest.fixture(scope="module")
def model(model_file: Path) -> Model:
    return Model.load(model_file)


def written(
    model: Model,
    path: Path,
    wanted: ColumnChoice | None = None,
    table: pa.Table | None = None,
    threads: int = 2,
) -> bytes:
    chunks = chunks_of(table_of(TEXTS) if table is None else table, 7)
    write_predictions(model, chunks, PredictionFile.of(str(path)), wanted, threads=threads)
    return path.read_bytes()


def parquet_of(model: Model, folder: Path, wanted: ColumnChoice) -> pa.Table:
    written(model, folder / "out.parquet", wanted)
    return pq.read_table(folder / "out.parquet")


def read_back(path: Path) -> dict[str, list[Any]]:
    """The columns of a file, as other programs read them; None for null."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
    elif path.suffix == ".arrow":
        with pa.ipc.open_file(path) as file:
            table = file.read_all()
    elif path.suffix in (".csv", ".tsv"):
        parse = pa.csv.ParseOptions(delimiter="," if path.suffix == ".csv" else "\t")
        options = pa.csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
        table = pa.csv.read_csv(path, parse_options=parse, convert_options=options)
    else:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return {name: [row[name] for row in rows] for name in rows[0]}
    return {name: table[name].to_pylist() for name in table.column_names}


class TestColumns:
    def test_the_answer_and_its_probability(self, model: Model, tmp_path: Path) -> None:
        table = parquet_of(model, tmp_path, ColumnChoice())
        own = table_of(TEXTS)
        assert table.column_names == [*own.column_names, "predicted", "probability"]
        assert table.select(own.column_names).equals(own)
        rows = model.probabilities(TEXTS)
        assert table["predicted"].to_pylist() == [model.labels[i] for i in rows.argmax(axis=1)]
        assert np.array_equal(table["probability"].to_numpy(), rows.max(axis=1))

    def test_top(self, model: Model, tmp_path: Path) -> None:
        answers = model.classify(TEXTS, top=None)
        for top in (1, 2, 3, 9):
            table = parquet_of(model, tmp_path, ColumnChoice(top=top))
            names = table.column_names[table.column_names.index("predicted") :]
            ranks = ["", "_2", "_3"][:top]
            assert names == [f"{kind}{r}" for r in ranks for kind in ("predicted", "probability")]
            for rank, name in enumerate(ranks):
                labels = [several[rank].label for several in answers]
                shares = [several[rank].probability for several in answers]
                assert table[f"predicted{name}"].to_pylist() == labels
                assert table[f"probability{name}"].to_pylist() == shares

    def test_below_the_least_probability_predicted_is_null(
        self, model: Model, tmp_path: Path
    ) -> None:
        plain = parquet_of(model, tmp_path, ColumnChoice())
        shares = plain["probability"].to_pylist()
        least = float(np.median(shares))
        table = parquet_of(model, tmp_path, ColumnChoice(min_probability=least))
        expected = [
            label if share >= least else None
            for label, share in zip(plain["predicted"].to_pylist(), shares, strict=True)
        ]
        assert table["predicted"].to_pylist() == expected
        assert 0 < table["predicted"].null_count < len(table)
        assert table["probability"].equals(plain["probability"])
        assert table.column_names[-2:] == ["predicted", "probability"]

    def test_with_top_the_likeliest_is_named_all_the_same(
        self, model: Model, tmp_path: Path
    ) -> None:
        table = parquet_of(model, tmp_path, ColumnChoice(min_probability=1.0, top=2))
        assert table.column_names[-5:] == [
            "predicted",
            "probability",
            "predicted_1",
            "predicted_2",
            "probability_2",
        ]
        plain = parquet_of(model, tmp_path, ColumnChoice(top=2))
        assert table["predicted_1"].equals(plain["predicted"])
        assert table["predicted"].null_count == len(TEXTS)
        assert table["predicted_2"].equals(plain["predicted_2"])

    def test_one_label_or_each(self, model: Model, tmp_path: Path) -> None:
        rows = model.probabilities(TEXTS)
        one = parquet_of(model, tmp_path, ColumnChoice(label="scifi"))
        own = len(table_of(TEXTS).column_names)
        assert one.column_names[own:] == ["P(scifi)"]
        assert np.array_equal(one["P(scifi)"].to_numpy(), rows[:, 1])
        each = parquet_of(model, tmp_path, ColumnChoice(each_label=True, prefix="m_"))
        assert each.column_names[own:] == [
            "m_predicted",
            "m_probability",
            "m_P(romance)",
            "m_P(scifi)",
            "m_P(western)",
        ]
        for number, label in enumerate(model.labels):
            assert np.array_equal(each[f"m_P({label})"].to_numpy(), rows[:, number])

    def test_a_column_of_that_name_is_not_overwritten(self, model: Model, tmp_path: Path) -> None:
        table = table_of(TEXTS).append_column("probability", pa.array([0] * len(TEXTS)))
        with pytest.raises(InputError, match=r"corpus: has a column 'probability' already.*prefix"):
            written(model, tmp_path / "out.csv", table=table)
        assert os.listdir(tmp_path) == []
        written(model, tmp_path / "out.parquet", ColumnChoice(prefix="new_"), table)
        names = pq.read_schema(tmp_path / "out.parquet").names
        assert names[-3:] == ["probability", "new_predicted", "new_probability"]

    @pytest.mark.slow
    @pytest.mark.parametrize("form", FORMATS)
    def test_every_wish_in_every_format(self, model: Model, tmp_path: Path, form: str) -> None:
        rows = model.probabilities(TEXTS)
        wishes = [
            ColumnChoice(prefix, top, least, None, each)
            for prefix, top, least, each in product(
                ("", "m_"), (None, 1, 2), (None, 0.9999), (False, True)
            )
        ]
        for wish in [*wishes, ColumnChoice(label="western"), ColumnChoice("m_", label="western")]:
            path = tmp_path / f"out.{form}"
            written(model, path, wish, pa.table({"text": TEXTS}))
            columns = read_back(path)
            own = PredictionColumns(model.labels, wish)
            assert list(columns) == ["text", *(field.name for field in own.fields)]
            for name, values in columns.items():
                plain = name.removeprefix(wish.prefix)
                if plain == "probability":
                    assert values == rows.max(axis=1).tolist()
                elif plain.startswith("P("):
                    assert values == rows[:, model.labels.index(plain[2:-1])].tolist()
                elif plain == "predicted":
                    least = wish.min_probability or 0.0
                    best = [model.labels[i] for i in rows.argmax(axis=1)]
                    sure = rows.max(axis=1) >= least
                    assert values == [b if s else None for b, s in zip(best, sure, strict=True)]

    def test_bad_wishes(self, model: Model) -> None:
        for wish in (
            {"top": 0},
            {"min_probability": 1.5},
            {"label": "scifi", "top": 1},
            {"label": "scifi", "each_label": True},
            {"label": "scifi", "min_probability": 0.0},
        ):
            with pytest.raises(InputError, match=next(iter(wish))):
                ColumnChoice(**wish)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="no label 'opera'; the labels are romance"):
            PredictionColumns(model.labels, ColumnChoice(label="opera"))

    def test_a_column_twice(self, model: Model, tmp_path: Path) -> None:
        table = table_of(TEXTS).append_column("id", pa.array([0] * len(TEXTS)))
        with pytest.raises(InputError, match="two columns 'id'"):
            written(model, tmp_path / "out.csv", table=table)


class TestFormats:
    def test_arrow(self, model: Model, tmp_path: Path) -> None:
        expected = parquet_of(model, tmp_path, ColumnChoice(top=2))
        for ending in ("arrow", "feather"):
            written(model, tmp_path / f"out.{ending}", ColumnChoice(top=2))
            with pa.ipc.open_file(tmp_path / f"out.{ending}") as file:
                table = file.read_all()
            kind = expected.schema.get_field_index("kind")
            plain = expected.set_column(kind, "kind", expected["kind"].cast(pa.string()))
            assert table.equals(plain)

    def test_csv_is_read_back(self, model: Model, tmp_path: Path) -> None:
        texts = ['a "robot", and\na tab\there\r\n', "", *TEXTS[2:]]
        table = table_of(texts)
        made = written(model, tmp_path / "out.csv", ColumnChoice(min_probability=0.9), table)
        rows = list(csv.DictReader(io.StringIO(made.decode(), newline="")))
        assert [row["text"] for row in rows] == texts
        assert [int(row["id"]) for row in rows] == list(range(len(texts)))
        shares = model.probabilities(texts).max(axis=1)
        assert [float(row["probability"]) for row in rows] == shares.tolist()
        assert {row["predicted"] for row in rows} == {"", *model.labels}
        assert rows[1]["when"] == "2026-02-01T12:00:00.250000"
        assert rows[1]["utc"] == "1970-01-01T00:00:01.000000000Z"
        assert [json.loads(row["tags"]) for row in rows] == table["tags"].to_pylist()
        assert rows[0]["by"] == ""
        assert json.loads(rows[1]["by"]) == {"name": "n\n1", "age": 1}
        assert rows[1]["kind"] == "k1"
        assert rows[1]["price"] == "0.25"
        # An empty text is told from none.
        back = pa.csv.read_csv(
            tmp_path / "out.csv",
            parse_options=pa.csv.ParseOptions(newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                strings_can_be_null=True, quoted_strings_can_be_null=False
            ),
        )
        assert back["text"].null_count == 0
        assert back["text"][1].as_py() == ""
        assert back["predicted"].null_count == int((shares < 0.9).sum())
        assert back["stars"].equals(table["stars"])

    def test_json_lines_keep_types(self, model: Model, tmp_path: Path) -> None:
        table = table_of(TEXTS)
        nan = pa.array([float("nan"), float("inf"), None, *range(3, len(TEXTS))], pa.float64())
        table = table.append_column("odd", nan)
        made = written(model, tmp_path / "out.jsonl", ColumnChoice(min_probability=0.999), table)
        rows = [json.loads(line) for line in made.decode().splitlines()]
        assert len(rows) == len(TEXTS)
        for name in ("id", "text", "stars", "tags", "by", "kind"):
            assert [row[name] for row in rows] == table[name].to_pylist()
        assert rows[1]["when"] == "2026-02-01T12:00:00.250000"
        assert rows[1]["utc"] == "1970-01-01T00:00:01.000000000Z"
        assert rows[1]["price"] == "0.25"
        assert [row["odd"] for row in rows[:4]] == [None, None, None, 3.0]
        shares = model.probabilities(TEXTS).max(axis=1)
        assert [row["probability"] for row in rows] == shares.tolist()
        assert any(row["predicted"] is None for row in rows)
        assert list(rows[0]) == [*table.column_names, "predicted", "probability"]

    @pytest.mark.parametrize(
        ("ending", "plain"),
        [
            ("gz", gzip.decompress),
            ("bz2", bz2.decompress),
            ("zst", lambda data: pa.CompressedInputStream(io.BytesIO(data), "zstd").read()),
        ],
    )
    @pytest.mark.parametrize("form", ["csv", "jsonl"])
    def test_compressed(
        self, model: Model, tmp_path: Path, ending: str, plain: Any, form: str
    ) -> None:
        expected = written(model, tmp_path / f"out.{form}")
        found = written(model, tmp_path / f"out.{form}.{ending}")
        assert bytes(plain(found)) == expected
        assert found == written(model, tmp_path / f"again.{form}.{ending}")

    @pytest.mark.parametrize("form", FORMATS)
    def test_threads_change_no_bit(self, model: Model, tmp_path: Path, form: str) -> None:
        path, wanted = tmp_path / f"out.{form}", ColumnChoice(top=3, each_label=True)
        one, two, four = (written(model, path, wanted, threads=t) for t in (1, 2, 4))
        assert one == two == four

    def test_text_that_is_not_utf8(self, model: Model, tmp_path: Path) -> None:
        raw = pa.array([b"robot caf\xe9", b"kiss"])
        text = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
        table = pa.table({"text": text, "n": [1, 2]})
        rows = written(model, tmp_path / "out.jsonl", table=table).decode().splitlines()
        assert json.loads(rows[0])["text"] == "robot caf\ufffd"
        assert b"caf\xe9" in written(model, tmp_path / "out.csv", table=table)
        tally = write_predictions(
            model, chunks_of(table, 1), PredictionFile.of(str(tmp_path / "out.parquet"))
        )
        assert tally.invalid == 1

    def test_bytes_that_are_no_text_are_refused_by_name(self, model: Model, tmp_path: Path) -> None:
        picture = pa.array([b"\x89PNG"] * 2)
        table = pa.table({"text": ["a", "b"], "picture": picture})
        for ending in ("csv", "jsonl"):
            with pytest.raises(InputError, match=r"column 'picture' holds bytes.*write .parquet"):
                written(model, tmp_path / f"out.{ending}", table=table)
        written(model, tmp_path / "out.parquet", table=table)
        assert pq.read_table(tmp_path / "out.parquet")["picture"].to_pylist() == [b"\x89PNG"] * 2

    def test_what_json_cannot_hold(self, model: Model, tmp_path: Path) -> None:
        for odd in (pa.array([[float("nan")]]), pa.array([1], pa.duration("s"))):
            with pytest.raises(InputError, match="what JSON cannot"):
                written(model, tmp_path / "out.jsonl", table=pa.table({"text": ["a"], "odd": odd}))

    def test_endings(self) -> None:
        assert PredictionFile.of("A.Parquet") == PredictionFile("A.Parquet", "parquet")
        assert PredictionFile.of("a.ndjson.gz") == PredictionFile("a.ndjson.gz", "jsonl", "gzip")
        assert PredictionFile.of("a.txt", "csv") == PredictionFile("a.txt", "csv")
        assert PredictionFile.of("a.txt.zst", "csv").compression == "zstd"
        assert PredictionFile.of("-", "jsonl") == PredictionFile("-", "jsonl")
        for path, form, problem in (
            ("a.txt", None, "format is not known; let its name end in .parquet"),
            ("-", None, "standard output: .*--output-format csv, tsv, jsonl"),
            ("-", "parquet", "cannot be written to a pipe"),
            ("a.parquet.gz", None, "compressed inside"),
        ):
            with pytest.raises(InputError, match=problem):
                PredictionFile.of(path, form)


class TestStreaming:
    def test_few_rows_are_in_memory_at_once(
        self, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of what is read, little is ahead of what is written, however long the corpus."""
        monkeypatch.setattr(parquet, "MOST_ROWS", 40)
        read = held = most = 0

        def counted() -> Iterator[Chunk]:
            nonlocal read
            for chunk in chunks_of(pa.concat_tables([table_of(TEXTS)] * 50), 10):
                read += len(chunk.batch)
                yield chunk

        appended = PredictionColumns(model.labels, ColumnChoice())
        with opened(
            PredictionFile.of(str(tmp_path / "out.parquet")), self._schema(appended)
        ) as writer:
            written_rows = 0
            for block in predict(model, counted(), appended, threads=2):
                columns = [*block.own.columns, *block.predictions.arrays]
                writer.write(pa.RecordBatch.from_arrays(columns, schema=self._schema(appended)))
                written_rows += len(block.predictions)
                held = sum(batch.num_rows for batch in writer.waiting)  # type: ignore[attr-defined]
                most = max(most, read - written_rows + held)
        assert read == 3000
        # 2 blocks under way for each of 2 threads, one given out, one drawn; and a row group.
        assert most <= 6 * 10 + 40
        file = pq.ParquetFile(tmp_path / "out.parquet")
        groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        assert max(groups) <= 40
        assert sum(groups) == 3000

    def _schema(self, appended: PredictionColumns) -> pa.Schema:
        return appended.schema(table_of(TEXTS).schema, "corpus")

    def test_rows_meet_their_answers_whatever_the_chunks(
        self, model: Model, tmp_path: Path
    ) -> None:
        table = table_of(TEXTS)
        for rows in (1, 13, 60):
            path = tmp_path / f"{rows}.jsonl"
            tally = write_predictions(model, chunks_of(table, rows), PredictionFile.of(str(path)))
            assert tally.documents == len(TEXTS)
        assert len({(tmp_path / f"{rows}.jsonl").read_bytes() for rows in (1, 13, 60)}) == 1

    def test_large_documents_make_many_blocks_of_a_chunk(
        self, model: Model, tmp_path: Path
    ) -> None:
        texts = [f"robot {i} " + "engine kiss ranch " * 20_000 for i in range(9)]
        table = pa.table({"text": texts, "id": range(9)})
        chunks = chunks_of(table, 9)
        write_predictions(
            model, chunks, PredictionFile.of(str(tmp_path / "out.parquet")), threads=3
        )
        found = pq.read_table(tmp_path / "out.parquet")
        assert found["id"].to_pylist() == list(range(9))
        assert np.array_equal(
            found["probability"].to_numpy(), model.probabilities(texts).max(axis=1)
        )

    def test_the_tally(self, model: Model, tmp_path: Path) -> None:
        texts = ["robot orbit", "zzzz", "kiss vows", "qqqq zzzz"]
        chunks = chunks_of(pa.table({"text": texts}), 3, "some.csv")
        seen = []
        tally = write_predictions(
            model,
            chunks,
            PredictionFile.of(str(tmp_path / "out.csv")),
            ColumnChoice(min_probability=0.6),
            watch=lambda tally: seen.append(tally.documents),
        )
        assert tally.documents == 4
        assert tally.per_label.tolist() == [1, 1, 0]
        assert tally.unsure == 2
        assert tally.unknown == 2
        assert tally.first_unknown == "some.csv, document 2"
        assert seen == [3, 4]

    def test_no_documents(self, model: Model, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no documents"):
            write_predictions(model, iter([]), PredictionFile.of(str(tmp_path / "out.csv")))
        assert os.listdir(tmp_path) == []


def test_parquet_says_how_long_it_is(tmp_path: Path) -> None:
    for number in range(2):
        pq.write_table(table_of(TEXTS), tmp_path / f"{number}.parquet")
    (tmp_path / "lines.txt").write_text("robot\n")
    (tmp_path / "broken.parquet").write_text("PAR1 no more")
    assert documents_of([str(tmp_path / "?.parquet")]) == 120
    assert documents_of([str(tmp_path / "0.parquet"), str(tmp_path / "lines.txt")]) is None
    assert documents_of([str(tmp_path / "broken.parquet")]) is None
    assert documents_of(["-"]) is None


class TestSeveralFiles:
    def _write(self, model: Model, path: Path, *tables: pa.Table) -> pa.Table:
        chunks = (
            chunk
            for number, table in enumerate(tables)
            for chunk in chunks_of(table, 2, f"{number}.parquet")
        )
        write_predictions(model, chunks, PredictionFile.of(str(path)))
        return pq.read_table(path)

    def test_the_same_columns_in_another_order(self, model: Model, tmp_path: Path) -> None:
        one = pa.table({"text": ["robot"], "n": [1]})
        found = self._write(model, tmp_path / "out.parquet", one, one.select(["n", "text"]))
        assert found["n"].to_pylist() == [1, 1]
        assert found["predicted"].to_pylist() == ["scifi"] * 2

    def test_a_column_without_values_fits_any(self, model: Model, tmp_path: Path) -> None:
        one = pa.table({"text": ["robot"], "n": [1]})
        none = pa.table({"text": ["robot"], "n": pa.nulls(1)})
        found = self._write(model, tmp_path / "out.parquet", one, none)
        assert found["n"].to_pylist() == [1, None]

    @pytest.mark.parametrize(
        ("other", "problem"),
        [
            ({"text": ["a"]}, "1.parquet: has no column 'n', and 0.parquet has one"),
            (
                {"text": ["a"], "n": [1], "m": [1]},
                "1.parquet: has a column 'm', and 0.parquet has none",
            ),
            ({"text": ["a"], "n": ["x"]}, "1.parquet: column 'n' is string, and int64 in 0.par"),
        ],
    )
    def test_other_columns_are_refused(
        self, model: Model, tmp_path: Path, other: dict[str, Any], problem: str
    ) -> None:
        one = pa.table({"text": ["robot"], "n": [1]})
        with pytest.raises(InputError, match=problem):
            self._write(model, tmp_path / "out.parquet", one, pa.table(other))
        assert os.listdir(tmp_path) == []


class TestJsonCorpora:
    """Objects need not be alike, and types are found chunk by chunk."""

    ROWS = (
        {"text": "robot", "n": 1, "x": 0.5, "only": "here"},
        {"text": "kiss", "n": None, "x": 2},
        {"text": "ranch", "x": None, "n": 3},
    )

    def _write(self, model: Model, folder: Path, rows: Sequence[dict[str, Any]], end: str) -> Path:
        corpus, out = folder / "in.jsonl", folder / f"out.{end}"
        corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
        chunks = scan([corpus], labelled=False, chunk_bytes=1)  # a document each
        write_predictions(model, chunks, PredictionFile.of(str(out)))
        return out

    def test_missing_keys_and_whole_numbers(self, model: Model, tmp_path: Path) -> None:
        table = pq.read_table(self._write(model, tmp_path, self.ROWS, "parquet"))
        assert table["n"].to_pylist() == [1, None, 3]
        assert table["x"].to_pylist() == [0.5, 2.0, None]
        assert table["only"].to_pylist() == ["here", None, None]

    def test_json_to_json_takes_any(self, model: Model, tmp_path: Path) -> None:
        rows = [*self.ROWS, {"text": "kiss", "new": [{"a": [1]}, {"a": None}], "n": "three"}]
        made = self._write(model, tmp_path, rows, "jsonl").read_text().splitlines()
        found = [json.loads(line) for line in made]
        for before, after in zip(rows, found, strict=True):
            assert {key: after[key] for key in before} == before
        assert [row["predicted"] for row in found] == ["scifi", "romance", "western", "romance"]

    @pytest.mark.parametrize(
        ("last", "problem"),
        [
            ({"text": "a", "n": "x"}, "column 'n' is string from document 4 on, and int64 before"),
            ({"text": "a", "m": 1}, "has a column 'm', and its first documents have none"),
        ],
    )
    def test_others_are_told(
        self, model: Model, tmp_path: Path, last: dict[str, Any], problem: str
    ) -> None:
        with pytest.raises(InputError, match=f"in.jsonl: {problem}; .* write .jsonl"):
            self._write(model, tmp_path, [*self.ROWS, last], "csv")
        with pytest.raises(InputError, match="'probability' already"):
            self._write(model, tmp_path, [*self.ROWS, {"text": "a", "probability": 1}], "jsonl")


class TestFailing:
    def test_what_is_there_stays_if_it_fails(self, model: Model, tmp_path: Path) -> None:
        def failing() -> Iterator[Chunk]:
            yield from chunks_of(table_of(TEXTS), 10)
            raise InputError("broken off")

        for ending in ("parquet", "arrow", "csv", "jsonl", "csv.gz", "jsonl.zst", "csv.bz2"):
            path = tmp_path / f"out.{ending}"
            path.write_text("before")
            with pytest.raises(InputError, match="broken off"):
                write_predictions(model, failing(), PredictionFile.of(str(path)))
            assert path.read_text() == "before"
            path.unlink()
            assert os.listdir(tmp_path) == []

    @pytest.mark.slow
    @pytest.mark.parametrize("ending", ["parquet", "csv.gz", "jsonl"])
    def test_a_full_disk(self, model_file: Path, tmp_path: Path, ending: str) -> None:
        """A limit on the size of files stands for a disk that is full."""
        corpus = tmp_path / "in.parquet"
        rng = np.random.default_rng(1)
        noise = [bytes(row).hex() for row in rng.integers(0, 256, (4000, 40), np.uint8)]
        pq.write_table(pa.table({"text": noise}), corpus)
        out = tmp_path / "out" / f"out.{ending}"
        out.parent.mkdir()

        def limit() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        command = ["classify", "-m", model_file, "--corpus", corpus, "-o", out]
        done = subprocess.run(
            [*LIMITED_PYTHON, "-m", "textmlr", *command],
            cwd=ROOT,
            capture_output=True,
            preexec_fn=limit,
        )
        assert done.returncode == 2, done.stderr
        assert b"cannot be written: file too large" in done.stderr
        assert b"Traceback" not in done.stderr
        assert os.listdir(out.parent) == []


class TestCommand:
    @pytest.fixture
    def corpus(self, tmp_path: Path) -> Path:
        path = tmp_path / "in.parquet"
        labels = [label for label, _ in PAIRS]
        pq.write_table(table_of(TEXTS).append_column("label", pa.array(labels)), path)
        return path

    def test_a_file(self, model_file: Path, corpus: Path, tmp_path: Path, model: Model) -> None:
        out = tmp_path / "out.parquet"
        result = good("classify", "-m", model_file, "--corpus", corpus, "-o", out, "--top", "2")
        assert result.stdout == ""
        table = pq.read_table(out)
        assert table.column_names[-5:] == [
            "label",
            "predicted",
            "probability",
            "predicted_2",
            "probability_2",
        ]
        assert table["probability"].to_pylist() == model.probabilities(TEXTS).max(axis=1).tolist()
        for part in (
            f"Wrote {out}",
            "documents  60 in",
            "appended   predicted, probability",
            "scifi",
            "%",
        ):
            assert part in result.stderr

    def test_json_says_what_was_done(self, model_file: Path, corpus: Path, tmp_path: Path) -> None:
        asked = ("classify", "-m", model_file, "--corpus", corpus, "-o", tmp_path / "out.csv")
        summary = json.loads(good(*asked, "--json", "--min-probability", "0.999").stdout)
        assert summary["documents"] == 60
        assert summary["columns"] == ["predicted", "probability"]
        assert sum(summary["predicted"].values()) + summary["unsure"] == 60
        assert summary["unsure"] > 0
        summary = json.loads(good(*asked, "--json", "--label", "scifi").stdout)
        assert summary["columns"] == ["P(scifi)"]
        assert summary["predicted"] is None

    def test_standard_output(self, model_file: Path, corpus: Path, tmp_path: Path) -> None:
        asked = ("classify", "-m", model_file, "--corpus", corpus)
        result = good(*asked, "-o", "-", "--output-format", "csv")
        good(*asked, "-o", tmp_path / "out.csv")
        assert result.stdout_bytes == (tmp_path / "out.csv").read_bytes()
        assert "Wrote standard output" in result.stderr

    def test_a_reader_that_goes_away(self, model_file: Path, corpus: Path) -> None:
        big = corpus.parent / "big.parquet"
        pq.write_table(pa.concat_tables([pq.read_table(corpus)] * 200), big)
        command = [*COMMAND, "classify", "-m", str(model_file), "--corpus", str(big), "-o", "-"]
        with subprocess.Popen(
            [*command, "--output-format", "jsonl"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as child:
            assert child.stdout is not None
            assert child.stderr is not None
            child.stdout.readline()
            child.stdout.close()
            told = child.stderr.read()
        assert child.returncode == 141
        assert told == b""

    def test_ctrl_c_leaves_nothing(self, model_file: Path, tmp_path: Path) -> None:
        out = tmp_path / "out.csv"
        command = [*COMMAND, "classify", "-m", str(model_file), "--corpus", "-", "-o", str(out)]
        lines = ["yes", "robot engine " * 20]
        with (
            subprocess.Popen(lines, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as endless,
            subprocess.Popen(
                command, cwd=ROOT, stdin=endless.stdout, stderr=subprocess.PIPE
            ) as child,
        ):
            assert child.stderr is not None
            while child.poll() is None and not os.listdir(tmp_path):
                time.sleep(0.01)
            child.send_signal(signal.SIGINT)
            told = child.stderr.read()
            endless.kill()
        assert child.returncode == 130
        assert b"Interrupted; nothing was overwritten." in told
        assert os.listdir(tmp_path) == []

    @pytest.mark.slow
    def test_a_terminal_sees_how_far_it_is(
        self, model_file: Path, corpus: Path, tmp_path: Path
    ) -> None:
        asked = ["classify", "-m", str(model_file), "--corpus", str(corpus), "-o", "out.csv"]
        shown, code = shown_in_terminal([*COMMAND, *asked], tmp_path)
        assert code == 0, shown
        assert "━" in shown
        assert "Wrote out.csv" in shown

    def test_warnings(self, model_file: Path, tmp_path: Path) -> None:
        corpus = tmp_path / "in.tsv"
        corpus.write_bytes(b"a\trobot\nb\tzzzz\nc\tcaf\xe9 qqqq\n")
        out = tmp_path / "out.jsonl"
        result = good("classify", "-m", model_file, "--corpus", corpus, "-o", out)
        assert "1 piece of invalid UTF-8 read as U+FFFD" in result.stderr
        assert (
            f"{corpus}, document 2 and 1 more: no known word; the answer is the base rates"
            in result.stderr
        )
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        assert [row["label"] for row in rows] == ["a", "b", "c"]
        assert rows[0]["predicted"] == "scifi"

    def test_every_row_skipped(self, model_file: Path, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_text('{"text": 1}\n{"text": []}\n')
        asked = ("--corpus", tmp_path / "in.jsonl", "--skip-bad-lines", "--text-column", "text")
        result = run("classify", "-m", model_file, *asked, "-o", tmp_path / "out.csv")
        assert isinstance(result.exception, InputError)
        assert "all 2 rows are bad; the first: " in str(result.exception)
        assert os.listdir(tmp_path) == ["in.jsonl"]

    def test_usage(self, model_file: Path, corpus: Path, tmp_path: Path) -> None:
        out = str(tmp_path / "out.csv")
        for arguments, told in (
            (["--corpus", str(corpus)], "needs -o"),
            (["-o", out], "--output is for --corpus"),
            (["--prefix", "x", "doc.txt"], "--prefix is for --corpus"),
            (["--output-format", "csv"], "--output-format is for --corpus"),
            (["--each-label"], "--each-label is for --corpus"),
            (["--corpus", str(corpus), "-o", out, "doc.txt"], "--corpus before each"),
            (["--corpus", str(corpus), "-o", out, "--lines", "x"], "--corpus before each"),
            (["--corpus", str(corpus), "-o", out, "--label", "scifi", "--top", "2"], "--top"),
            (["--corpus", str(corpus), "-o", out, "--label", "scifi", "--each-label"], "--each"),
            (
                ["--corpus", str(corpus), "-o", out, "--label", "x", "--min-probability", ".5"],
                "--min-probability",
            ),
            (["--corpus", str(corpus), "-o", "-", "--output-format", "csv", "--json"], "stdout"),
        ):
            result = run("classify", "-m", model_file, *arguments)
            assert result.exit_code == 2, arguments
            assert told in result.stderr
        assert os.listdir(tmp_path) == ["in.parquet"]

    def test_devices_and_full_pipes(self, model_file: Path, corpus: Path) -> None:
        asked = ("classify", "-m", model_file, "--corpus", corpus, "--output-format", "csv", "-o")
        os.mkfifo(corpus.parent / "pipe")
        result = run(*asked, corpus.parent / "pipe")
        assert isinstance(result.exception, InputError)
        assert "pipe: cannot be written: is a device or a pipe" in str(result.exception)
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [*COMMAND, *map(str, asked), "-"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE
            )
        assert done.returncode == 2
        assert b"standard output: cannot be written: no space left on device" in done.stderr
        assert b"Traceback" not in done.stderr

    def test_refusals(self, model_file: Path, corpus: Path, tmp_path: Path) -> None:
        for arguments, told in (
            (["-o", tmp_path / "out.txt"], "its format is not known"),
            (["-o", tmp_path / "none" / "out.csv"], "there is no folder"),
            (["-o", tmp_path / "out.csv", "--label", "opera"], "no label 'opera'"),
            (["-o", corpus], "is itself an input"),
            (["-o", "-"], "--output-format csv, tsv, jsonl"),
        ):
            result = run("classify", "-m", model_file, "--corpus", corpus, *arguments)
            assert isinstance(result.exception, InputError)  # told without a traceback, exit 2
            assert told in str(result.exception)
        assert pq.read_table(corpus).num_rows == 60
