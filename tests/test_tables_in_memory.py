"""Tables in memory: nested keys, lists of labels and categories give what files give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from test_annotation_exports import TEXTS, argilla_record, choice, task

from textmlr.base.errors import InputError
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.given_data import as_corpus, texts_of
from textmlr.corpus.reading import read_corpus

WANTED = ["b", "a", "b", "c"]
INTEGERS = (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.int8(), pa.int16(), pa.int64())


def _values() -> dict[str, pa.Array]:
    found = {
        "string": pa.array(["b", "a", "c"]),
        "large_string": pa.array(["b", "a", "c"], pa.large_string()),
        "binary": pa.array([b"b", b"a", b"c"]),
    }
    for name in ("string_view", "binary_view"):
        if hasattr(pa, name):
            raw = [b"b", b"a", b"c"] if name == "binary_view" else ["b", "a", "c"]
            found[name] = pa.array(raw, getattr(pa, name)())
    return found


def _columns() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, values in _values().items():
        for kind in INTEGERS:
            codes = pa.array([0, 1, 0, 2], kind)
            found[f"{kind} of {name}"] = pa.DictionaryArray.from_arrays(codes, values)
        distinct = values.to_pylist()
        found[name] = pa.array([distinct[i] for i in (0, 1, 0, 2)], values.type)
    codes = pa.array([0, 1, 0, 2], pa.uint8())
    strings = pa.array(["b", "a", "c", None])
    found["null in a dictionary"] = pa.DictionaryArray.from_arrays(codes, strings)
    ends = pa.array([1, 2, 3, 4], pa.int32())
    found["run ends"] = pa.RunEndEncodedArray.from_arrays(ends, pa.array(WANTED))
    found["lists"] = pa.array([["b"], ["a"], ["b", "c"], ["c"]])
    found["large lists"] = pa.array([["b"], ["a"], ["b"], ["c"]], pa.large_list(pa.large_string()))
    for name in ("list_view", "large_list_view"):
        if hasattr(pa, name):
            found[name] = pa.array(
                [["b"], ["a"], ["b", "a"], ["c"]], getattr(pa, name)(pa.string())
            )
    found["lists of fixed size"] = pa.array([[one] for one in WANTED], pa.list_(pa.string(), 1))
    found["lists of codes"] = pa.ListArray.from_arrays(
        pa.array([0, 1, 2, 3, 4], pa.int32()), found["uint8 of string"]
    )
    found["chunks of other dictionaries"] = pa.chunked_array(
        [
            pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.uint8()), pa.array(["b", "a"])),
            pa.DictionaryArray.from_arrays(pa.array([1, 0], pa.uint8()), pa.array(["c", "b"])),
        ]
    )
    return found


COLUMNS = _columns()
# Of lists of which one has several.
SETS = {name: [("b",), ("a",), ("a", "b"), ("c",)] for name in ("list_view", "large_list_view")}
SETS["lists"] = [("b",), ("a",), ("b", "c"), ("c",)]
TEXT = [f"text {i}" for i in range(4)]


class Stream:
    """What has nothing but Arrow's stream."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.data.__arrow_c_stream__(requested_schema)


def labels_of(corpus: Corpus) -> list[Any]:
    return [label for _, label in corpus]


@pytest.mark.parametrize("name", COLUMNS)
def test_labels_of_every_arrow_type(tmp_path: Path, name: str) -> None:
    """Files, tables, streams and columns give the labels that strings would."""
    column = COLUMNS[name]
    table = pa.table({"text": TEXT, "label": column})
    wanted: list[Any] = SETS.get(name, WANTED)
    for corpus in (
        as_corpus(table),
        as_corpus(Stream(table)),
        Corpus.of(TEXT, column),
        as_corpus({"text": TEXT, "label": column}),
    ):
        assert labels_of(corpus) == wanted
    assert labels_of(Corpus.of(TEXT, column, multilabel=False)) == WANTED
    try:
        pq.write_table(table, tmp_path / "a.parquet")
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError, pa.ArrowInvalid):
        pass  # Parquet has no such type
    else:
        assert labels_of(read_corpus(tmp_path / "a.parquet")) == wanted
    path = tmp_path / "a.arrows"
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    assert labels_of(read_corpus(tmp_path / "a.arrows")) == wanted
    if not name.startswith("chunks"):  # a file has one dictionary
        feather.write_feather(table, str(tmp_path / "a.feather"), "uncompressed")
        assert labels_of(read_corpus(tmp_path / "a.feather")) == wanted


def test_polars(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    kinds = [
        polars.Categorical,
        polars.Enum(["c", "b", "a"]),
        polars.String,
        polars.Categorical(polars.Categories("own", physical=polars.UInt8))
        if hasattr(polars, "Categories")
        else polars.Categorical,
    ]
    for kind in kinds:
        frame = polars.DataFrame({"text": TEXT, "label": polars.Series(WANTED).cast(kind)})
        frame.write_parquet(tmp_path / "a.parquet")
        frame.write_ipc(tmp_path / "a.arrow")
        for corpus in (
            as_corpus(frame),
            Corpus.of(frame["text"], frame["label"]),
            as_corpus(Stream(frame)),
            read_corpus(tmp_path / "a.parquet"),
            read_corpus(tmp_path / "a.arrow"),
        ):
            assert labels_of(corpus) == WANTED
            assert corpus.labels == ["a", "b", "c"]
    frame = polars.DataFrame(
        {"data": [{"text": one} for one in TEXT], "label": [[one] for one in WANTED]}
    )
    corpus = as_corpus(frame, text="data.text")
    assert [tuple(one) for one in corpus] == list(zip(TEXT, WANTED, strict=True))


def test_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": TEXT, "label": WANTED})
    nested = pandas.DataFrame({"data": [{"text": one} for one in TEXT], "label": WANTED})
    lists = pandas.DataFrame({"text": TEXT, "label": [["b"], ["a"], ["b", "a"], ["c"]]})
    assert labels_of(as_corpus(frame.astype({"label": "category"}))) == WANTED
    assert [text for text, _ in as_corpus(nested, text="data.text")] == TEXT
    assert labels_of(as_corpus(lists)) == [("b",), ("a",), ("a", "b"), ("c",)]
    corpus = as_corpus(lists, multilabel=False)
    assert labels_of(corpus) == WANTED
    assert corpus.notes == ["1 document has several labels, of which the first is used"]
    assert labels_of(Corpus.of(lists["text"], lists["label"], multilabel=False)) == WANTED
    assert [batch[0] for batch in texts_of(nested, text="data.text")] == [b"text 0"]


def test_rows_with_nested_keys() -> None:
    rows = [
        {"id": i, "data": {"text": text}, "annotation": {"label": [label]}}
        for i, (text, label) in enumerate(zip(TEXT, WANTED, strict=True))
    ]
    own = list(zip(TEXT, WANTED, strict=True))
    columns = {name: [row[name] for row in rows] for name in ("data", "annotation")}
    for data in (rows, columns, pa.Table.from_pylist(rows), Stream(pa.Table.from_pylist(rows))):
        corpus = as_corpus(data, text="data.text", label="annotation.label")  # type: ignore[arg-type]
        assert [tuple(one) for one in corpus] == own
        assert corpus.taken[0].sentence() == (
            "text: column data.text, label: column annotation.label"
        )
    with pytest.raises(InputError, match=r"the columns are id, data.text, annotation.label"):
        as_corpus(rows)
    with pytest.raises(InputError, match=r"no column 'data\.words'"):
        as_corpus(rows, text="data.words", label="annotation.label")


def test_exports_in_memory() -> None:
    """What json.load gives of an export is read as its file is."""
    rows = [task(0, [["a"]]), task(1, [["b"]]), task(2, [])]
    corpus = as_corpus(rows)
    assert [tuple(one) for one in corpus] == [(TEXTS[0], "a"), (TEXTS[1], "b")]
    assert corpus.taken[0].sentence() == (
        "read as a Label Studio export: text data.text, label choices"
    )
    assert corpus.notes == ["1 row has no label, and is left out"]
    assert labels_of(as_corpus([choice(0, ["A"]), choice(1, ["B"])])) == ["A", "B"]
    assert labels_of(as_corpus([argilla_record(0, ["A"]), argilla_record(1, ["B"])])) == ["A", "B"]
    spacy: list[Any] = [("x", {"cats": {"A": 1, "B": 0}}), ("y", {"cats": {"A": 0, "B": 1}})]
    assert [tuple(one) for one in as_corpus(spacy)] == [("x", "A"), ("y", "B")]


def test_lists_that_are_no_labels() -> None:
    for empty in ([["a"], []], pa.array([["a"], []]), np.array([["a"], []], object)):
        with pytest.raises(InputError, match="label 1 is empty; "):
            Corpus.of(["x", "y"], empty)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="label 0"):
        Corpus.of(["x"], [[["a"]]])  # type: ignore[list-item]
    with pytest.raises(InputError, match="label 1 is missing"):
        Corpus.of(["x", "y"], pa.array([["a"], None]))


def test_columns_by_number() -> None:
    table = {"words": TEXT, "kind": WANTED, "2": ["x"] * 4}
    assert labels_of(as_corpus(table, text="1", label="2")) == ["x"] * 4  # a name wins
    table = {"words": TEXT, "kind": WANTED}
    assert labels_of(as_corpus(table, text="1", label="2")) == WANTED
    with pytest.raises(InputError, match="no column '3'; there are 2 columns: words, kind"):
        as_corpus(table, text="3", label="2")
    twice = pa.Table.from_arrays(
        [pa.array(TEXT), pa.array(WANTED), pa.array(TEXT)], ["text", "label", "text"]
    )
    with pytest.raises(
        InputError, match=r"rename them, or say which by number: text='1' or text='3'"
    ):
        as_corpus(twice)
    assert [text for text, _ in as_corpus(twice, text="3")] == TEXT
