"""Folders of Hugging Face's data sets, as the library and the hub lay them out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textmlr.base.errors import InputError
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.reading import read_corpus, scan
from textmlr.corpus.reading_options import ReadingOptions

NAMES = ["neg", "pos", "odd"]
FEATURES = {
    "text": {"dtype": "string", "_type": "Value"},
    "label": {"names": NAMES, "_type": "ClassLabel"},
}


def table(first: int, rows: int, *, described: bool = True) -> pa.Table:
    numbers = range(first, first + rows)
    own = pa.table(
        {
            "text": [f"text {i}" for i in numbers],
            "label": pa.array([i % 2 for i in numbers], pa.int64()),
        }
    )
    info = {"huggingface": json.dumps({"info": {"features": FEATURES}})}
    return own.replace_schema_metadata(info if described else None)


def save(folder: Path, rows: int, shards: int = 1, *, described: bool = True) -> None:
    """A folder as save_to_disk writes it."""
    folder.mkdir(parents=True)
    names = [f"data-{i:05}-of-{shards:05}.arrow" for i in range(shards)]
    for i, name in enumerate(names):
        own = table(i * rows, rows, described=described)
        with (
            pa.OSFile(str(folder / name), "wb") as file,
            pa.ipc.new_stream(file, own.schema) as out,
        ):
            out.write_table(own)
    state: dict[str, Any] = {"_data_files": [{"filename": name} for name in names]}
    (folder / "state.json").write_text(json.dumps(state | {"_split": None}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": FEATURES, "license": ""}))


def said(corpus: Corpus) -> str:
    (taken,) = corpus.taken
    return taken.sentence()


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("shards", [1, 3])
def test_save_to_disk(tmp_path: Path, described: bool, shards: int) -> None:
    """Labels have the names of the features, wherever these are written."""
    save(tmp_path / "d", 4, shards, described=described)
    corpus = read_corpus(tmp_path / "d")
    assert [tuple(one) for one in corpus][:2] == [("text 0", "neg"), ("text 1", "pos")]
    assert len(corpus) == 4 * shards
    assert corpus.labels == ["neg", "pos"]
    assert said(corpus) == "read as a Hugging Face data set: text text, label label"
    chunks = list(scan(tmp_path / "d", labelled=False))
    assert sum(map(len, chunks)) == len(corpus)


def test_splits(tmp_path: Path) -> None:
    for split, rows in (("train", 6), ("test", 2), ("validation", 3)):
        save(tmp_path / "d" / split, rows)
    (tmp_path / "d" / "dataset_dict.json").write_text('{"splits": ["train", "test", "validation"]}')
    corpus = read_corpus(tmp_path / "d")
    assert len(corpus) == 6
    assert said(corpus).startswith(
        "read as a Hugging Face data set (split train; test, validation left): text text"
    )
    assert len(read_corpus(tmp_path / "d" / "test")) == 2
    (tmp_path / "d" / "dataset_dict.json").write_text('{"splits": ["test", "validation"]}')
    with pytest.raises(InputError, match=r"of the splits test, validation, none of which is train"):
        read_corpus(tmp_path / "d")


def test_parquet_of_the_hub(tmp_path: Path) -> None:
    for folder in (tmp_path / "a" / "data", tmp_path / "b", tmp_path / "c" / "plain_text"):
        folder.mkdir(parents=True)
        pq.write_table(table(0, 5), folder / "train-00000-of-00002.parquet")
        pq.write_table(table(5, 5), folder / "train-00001-of-00002.parquet")
        pq.write_table(table(0, 2), folder / "test-00000-of-00001.parquet")
        top = tmp_path / folder.relative_to(tmp_path).parts[0]
        (top / "README.md").write_text("---\nlicense: mit\n---\n")
        corpus = read_corpus(top)
        assert len(corpus) == 10
        assert corpus.labels == ["neg", "pos"]
        assert "(split train; test left)" in said(corpus)
    assert len(read_corpus(tmp_path / "a" / "test")) == 2
    assert len(read_corpus(tmp_path / "c" / "plain_text" / "test")) == 2
    own = tmp_path / "d" / "train"
    own.mkdir(parents=True)
    pq.write_table(table(0, 3), own / "0000.parquet")
    assert len(read_corpus(tmp_path / "d")) == 3
    with pytest.raises(InputError, match="No such file"):
        read_corpus(tmp_path / "a" / "validation")


def test_several_configurations(tmp_path: Path) -> None:
    for name in ("en", "fr"):
        (tmp_path / "d" / name).mkdir(parents=True)
        pq.write_table(table(0, 3), tmp_path / "d" / name / "train-00000-of-00001.parquet")
    with pytest.raises(InputError, match=r"of several configurations: en, fr; name one of them"):
        read_corpus(tmp_path / "d")
    assert len(read_corpus(tmp_path / "d" / "fr")) == 3


def test_columns_are_named_as_in_other_tables(tmp_path: Path) -> None:
    save(tmp_path / "d", 4)
    corpus = read_corpus(tmp_path / "d", ReadingOptions(text_column="text", label_column="2"))
    assert corpus.labels == ["neg", "pos"]
    with pytest.raises(InputError, match=r"data-00000-of-00001\.arrow: no column 'words'"):
        read_corpus(tmp_path / "d", ReadingOptions(text_column="words"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("state.json", "{", "it is not JSON"),
        ("state.json", "[]", "it holds no object"),
        ("state.json", "{}", "it names no files"),
        ("state.json", '{"_data_files": [{"filename": "../x"}]}', "not in the folder"),
        (
            "state.json",
            '{"_data_files": [{"filename": "x"}], "_indices_data_files": [{"filename": "y"}]}',
            "whose rows are chosen by a list of indices beside it; save dataset.flatten_indices()",
        ),
        ("dataset_info.json", "\x00", "it is not JSON"),
    ],
)
def test_folders_that_are_not_whole(tmp_path: Path, name: str, content: str, message: str) -> None:
    save(tmp_path / "d", 2)
    (tmp_path / "d" / name).write_text(content)
    with pytest.raises(InputError) as caught:
        read_corpus(tmp_path / "d")
    assert message in str(caught.value)


def test_a_folder_a_label_stays_one(tmp_path: Path) -> None:
    """Folders whose names are those of splits are labels, if their files are documents."""
    for label in ("train", "test", "data"):
        (tmp_path / "d" / label).mkdir(parents=True)
        (tmp_path / "d" / label / "train.txt").write_text("a text")
    assert read_corpus(tmp_path / "d").labels == ["data", "test", "train"]


@pytest.mark.parametrize("multilabel", [True, False])
def test_folders_have_as_many_labels_as_are_asked_for(tmp_path: Path, multilabel: bool) -> None:
    for label in ("a", "b"):
        (tmp_path / "texts" / label).mkdir(parents=True)
        (tmp_path / "texts" / label / "one.txt").write_text("a text")
    options = ReadingOptions(multilabel=multilabel)
    corpus = read_corpus(tmp_path / "texts", options)
    assert corpus.is_multilabel == multilabel
    assert corpus.labels_of.tolist() == ([("a",), ("b",)] if multilabel else ["a", "b"])
    (tmp_path / "hub").mkdir()
    columns = {"text": ["x", "y", "z"], "a": [0, 1, 1], "b": [0, 1, 0]}
    pq.write_table(pa.table(columns), tmp_path / "hub" / "train-00000-of-00001.parquet")
    own = ReadingOptions(multilabel=multilabel, label_columns=("a", "b"))
    corpus = read_corpus(tmp_path / "hub", own)
    sets = [("x", ()), ("y", ("a", "b")), ("z", ("a",))]
    assert [tuple(one) for one in corpus] == (sets if multilabel else [("y", "a"), ("z", "a")])
    firsts = "1 document has several labels, of which the first is used"
    assert corpus.notes == ([] if multilabel else [firsts, "1 row has no label, and is left out"])
    (chunk,) = scan([tmp_path / "hub"], own)
    assert chunk.first == (1 if multilabel else 2)  # the first row with a label
    assert chunk.table.column("text").to_pylist() == [text for text, _ in corpus]


def test_as_the_library_writes_them(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=NAMES)}
    )
    rows = {"text": [f"text {i}" for i in range(9)], "label": [i % 3 for i in range(9)]}
    whole = datasets.Dataset.from_dict(rows, features=features)
    whole.save_to_disk(tmp_path / "one", num_shards=2)
    parts = datasets.DatasetDict({"train": whole, "test": whole.select([8, 1, 3])})
    parts.save_to_disk(tmp_path / "many")
    for folder in (tmp_path / "one", tmp_path / "many"):
        corpus = read_corpus(folder)
        assert [label for _, label in corpus] == [NAMES[i % 3] for i in range(9)]
    assert [text for text, _ in read_corpus(tmp_path / "many" / "test")] == [
        "text 8",
        "text 1",
        "text 3",
    ]
