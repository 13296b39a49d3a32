"""Columns of every type of Arrow's, written in every format: the values, or one sentence."""

from __future__ import annotations

import csv
import datetime
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from conftest import mostly_slow

from textmlr.base.errors import InputError
from textmlr.corpus.corpus import Corpus
from textmlr.model.model import Model
from textmlr.training.train import train

OUTPUTS = ("parquet", "arrow", "csv", "tsv", "jsonl")
DELIMITERS_OF = {"csv": ",", "tsv": "\t"}
DELIMITERS = {f".{ending}": sign for ending, sign in DELIMITERS_OF.items()}
NOON = datetime.datetime(2026, 1, 31, 12)
WORDS = ["x", None, "y\u00e4"]
VIEW, CODES = pa.string_view(), pa.uint32()
CATEGORIES = pa.DictionaryArray.from_arrays(
    pa.array([1, None, 0], CODES), pa.array(["a", "b"], VIEW)
)
BYTES = [b"\xff", None, b"a"]
RUNS = pa.RunEndEncodedArray.from_arrays(pa.array([1, 3], pa.int32()), pa.array(["a", "b"]))
COLUMNS: dict[str, pa.Array] = {
    "null": pa.nulls(3),
    "bool": pa.array([True, None, False]),
    "uint64": pa.array([2**64 - 1, None, 0], pa.uint64()),
    "half": pa.array([0.5, None, 1.5], pa.float64()).cast(pa.float16()),
    "half, NaN": pa.array([0.5, float("nan"), None], pa.float32()).cast(pa.float16()),
    "float, NaN": pa.array([0.5, float("nan"), None], pa.float32()),
    "decimal": pa.array([Decimal("1.50"), None, Decimal("0.25")], pa.decimal256(40, 2)),
    "small decimal": pa.array([Decimal("1.50"), None, Decimal("0.25")]).cast(pa.decimal32(5, 2)),
    "string": pa.array(WORDS),
    "large string": pa.array(WORDS, pa.large_string()),
    "view": pa.array(WORDS, VIEW),
    "binary": pa.array(BYTES),
    "large binary": pa.array(BYTES, pa.large_binary()),
    "binary view": pa.array(BYTES, pa.binary_view()),
    "fixed binary": pa.array([b"ab", None, b"\xff\xfe"], pa.binary(2)),
    "date": pa.array([NOON.date(), None, NOON.date()]),
    "time": pa.array([NOON.time(), None, NOON.time()]),
    "timestamp": pa.array([NOON, None, NOON], pa.timestamp("ns", "Europe/Berlin")),
    "duration": pa.array([datetime.timedelta(1), None, datetime.timedelta(2)]),
    "interval": pa.array([pa.MonthDayNano([1, 2, 3]), None, pa.MonthDayNano([0, 0, 0])]),
    "list": pa.array([["a"], None, []]),
    "large list of views": pa.array([["a", None], None, []], pa.large_list(VIEW)),
    "list of halves": pa.array([[0.5], None, []], pa.list_(pa.float32())).cast(
        pa.list_(pa.float16())
    ),
    "fixed list of views": pa.array([["a", "b"], None, ["c", "d"]], pa.list_(VIEW, 2)),
    "list view": pa.array([["a"], None, []], pa.list_view(pa.string())),
    "list of binary": pa.array([[b"\xff"], None, []]),
    "list of categories": pa.ListArray.from_arrays(pa.array([0, 1, 1, 3], pa.int32()), CATEGORIES),
    "list of lists": pa.array([[["a"]], None, [[]]], pa.large_list(pa.large_list(VIEW))),
    "struct of categories": pa.StructArray.from_arrays(
        [CATEGORIES, pa.array([1, 2, 3])], ["c", "n"], mask=pa.array([False, True, False])
    ),
    "map": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64())),
    "map of views": pa.array([[("a", "b")], None, []], pa.map_(pa.string(), VIEW)),
    "dictionary": pa.array(WORDS).dictionary_encode(),
    "dictionary of views": CATEGORIES,
    "dictionary of binary": pa.array(BYTES).dictionary_encode(),
    "run ends": RUNS,
    "uuid": pa.array([b"0" * 16, None, b"1" * 16], pa.uuid()),
    "bool8": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None, 0], pa.int8())),
}


# What some formats have no place for.
TEXTS = ("csv", "tsv", "jsonl")
REFUSED = {
    "fixed binary": TEXTS,
    "duration": ("jsonl",),
    "interval": ("parquet", "csv", "tsv"),
    "list of binary": TEXTS,
    "dictionary of binary": TEXTS,
}
try:
    pq.write_table(pa.table({"c": COLUMNS["small decimal"]}), io.BytesIO())
except pa.ArrowNotImplementedError:  # an older Arrow
    REFUSED["small decimal"] = ("parquet",)


@pytest.fixture(scope="module")
def model() -> Model:
    return train(Corpus.of(["x fox", "y dog"] * 4, ["a", "b"] * 4))


def save(frame: pa.Table, path: Path) -> None:
    """Write a table as its name says: .arrows is a stream of two batches."""
    if path.suffix == ".parquet":
        pq.write_table(frame, path)
    elif path.suffix == ".arrow":
        feather.write_feather(frame, path, "uncompressed")
    else:
        with pa.ipc.new_stream(path, frame.schema) as stream:
            stream.write_table(frame, 2)


def values(path: Path) -> list[Any]:
    """The values of column c in a file that was written; of CSV, their texts."""
    if path.suffix == ".parquet":
        return pq.read_table(path)["c"].to_pylist()
    if path.suffix == ".arrow":
        return feather.read_table(path)["c"].to_pylist()
    text = path.read_text("utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line)["c"] for line in text.splitlines()]
    return [
        row["c"] for row in csv.DictReader(io.StringIO(text), delimiter=DELIMITERS[path.suffix])
    ]


def is_saved(name: str, source: Path) -> bool:
    """Whether a table with this column is saved; Parquet has no place for some types."""
    try:
        save(pa.table({"text": ["the x", "the y", "z"], "c": COLUMNS[name]}), source)
    except pa.ArrowNotImplementedError:
        return False
    return True


@pytest.mark.parametrize("kind", mostly_slow(["arrow", "arrows", "parquet"], ["parquet"]))
def test_each_type_is_written_in_each_format(kind: str, model: Model, tmp_path: Path) -> None:
    source = tmp_path / f"in.{kind}"
    saved = [name for name in COLUMNS if is_saved(name, source) and is_written(name, source, model)]
    assert len(saved) > len(COLUMNS) // 2


def is_written(name: str, source: Path, model: Model) -> bool:
    """Check what is written of a column in each format."""
    wanted = COLUMNS[name].to_pylist()
    for output in (source.with_name(f"out.{ending}") for ending in OUTPUTS):
        if output.suffix[1:] in REFUSED.get(name, ()):
            with pytest.raises(InputError) as refused:
                model.classify_files(source, output)
            assert "\n" not in str(refused.value)
            assert refused.value.mend
            continue
        model.classify_files(source, output)
        found = values(output)
        if "binary" in name and found[0] != wanted[0]:  # text that is binary is read as text
            assert found[0] == "\ufffd", name
        elif output.suffix in (".parquet", ".arrow") and "NaN" not in name:
            assert found == wanted, name
        empty = "" if output.suffix in (".csv", ".tsv") else None
        nulls = wanted if "NaN" not in name else [0, 0, None]
        assert [one == empty for one in found][2:] == [one is None for one in nulls][2:], name
    return True


def test_frames_of_polars_are_written(model: Model, tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    words = polars.Series("c", ["x", None, "y"])
    for kind in (polars.Categorical, polars.Enum(["x", "y"])):
        own = polars.DataFrame({"text": ["a x", "b", "c y"], "c": words.cast(kind)})
        frame = own.with_columns(
            each=polars.concat_list("c"), within=polars.struct("c", "text"), raw=polars.lit(b"\xff")
        )
        frame.write_ipc(tmp_path / "in.arrow")
        frame.write_ipc_stream(tmp_path / "in.arrows")
        for source in ("in.arrow", "in.arrows"):
            for ending in OUTPUTS:
                output = tmp_path / f"out.{ending}"
                model.classify_files(tmp_path / source, output)
                assert values(output) == ["x", "" if ending in DELIMITERS_OF else None, "y"]
            row = json.loads((tmp_path / "out.jsonl").read_text("utf-8").splitlines()[2])
            assert row["each"] == ["y"]
            assert row["within"] == {"c": "y", "text": "c y"}
            assert row["raw"] == "\ufffd"


def test_lists_of_a_fixed_size_within_others(model: Model, tmp_path: Path) -> None:
    """An older Arrow writes none to Parquet where one is null."""
    pairs = pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int8(), 2))
    frame = pa.table({"text": ["a x", "b", "c y"], "c": pa.StructArray.from_arrays([pairs], ["p"])})
    feather.write_feather(frame, tmp_path / "in.arrow")
    output = tmp_path / "out.parquet"
    try:
        pq.write_table(frame, io.BytesIO())
    except pa.ArrowNotImplementedError:
        with pytest.raises(InputError, match=r"column 'c', which is struct.*write \.arrow"):
            model.classify_files(tmp_path / "in.arrow", output)
        assert not output.exists()
    else:
        model.classify_files(tmp_path / "in.arrow", output)
        assert values(output) == frame["c"].to_pylist()
