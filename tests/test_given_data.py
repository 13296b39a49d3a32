"""Data in every form that people have them in, as a corpus; and what is told of the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textmlr import Corpus, InputError, ReadingOptions, read_corpus
from textmlr.corpus.given_data import as_corpus, texts_of

TEXTS = ["good film", "bad film", "fine ending"]
LABELS = ["pos", "neg", "pos"]
COLUMNS = {"text": TEXTS, "label": LABELS}


class Stream:
    """A table of another library, that hands out Arrow's."""

    def __init__(self, columns):
        self._table = pa.table(columns)

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


class DataSet:
    """What a Hugging Face Dataset looks like to whoever does not import it."""

    def __init__(self, columns, form=None):
        self._columns, self.column_names = columns, list(columns)
        self.data, self.features, self.format = columns, {}, {"type": form}

    def with_format(self, form):
        return DataSet(self._columns, form)

    def __getitem__(self, name):
        own = self._columns[name]
        return pa.chunked_array([own]) if self.format["type"] == "arrow" else own


class LazyFrame:
    """As polars calls a plan."""


def frames():
    """(name, a table of COLUMNS with the names of its columns) for every library."""
    table = pa.table(COLUMNS)
    yield "dict", COLUMNS
    yield "rows", [dict(zip(COLUMNS, row, strict=True)) for row in zip(TEXTS, LABELS, strict=True)]
    yield "pandas", pd.DataFrame(COLUMNS)
    yield "pandas, categories", pd.DataFrame(COLUMNS).astype({"label": "category"})
    yield "pandas, another index", pd.DataFrame(COLUMNS, index=[7, 3, 3])
    yield "Arrow table", table
    yield "Arrow batch", table.to_batches()[0]
    yield "Arrow reader", table.to_reader()
    yield "stream", Stream(COLUMNS)
    yield "data set", DataSet(COLUMNS)
    yield (
        "records",
        np.array(list(zip(TEXTS, LABELS, strict=True)), [("text", "O"), ("label", "O")]),
    )


def content(corpus):
    return [(corpus.text(i), corpus.labels[code]) for i, code in enumerate(corpus.y.tolist())]


WHOLE = list(zip(TEXTS, LABELS, strict=True))


@pytest.mark.parametrize(("name", "frame"), list(frames()), ids=[name for name, _ in frames()])
def test_a_table_of_any_library_is_a_corpus(name, frame):
    assert content(as_corpus(frame)) == WHOLE


def test_tables_of_polars_and_of_data_sets_that_are_installed():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(COLUMNS)
    assert content(as_corpus(frame)) == WHOLE
    assert content(as_corpus(frame["text"], frame["label"])) == WHOLE
    with pytest.raises(InputError, match=r"no rows yet; give data\.collect"):
        as_corpus(frame.lazy())
    with pytest.raises(InputError, match="labels are missing"):
        as_corpus(frame["text"])


def test_data_sets_that_are_installed():
    datasets = pytest.importorskip("datasets")
    own = datasets.Dataset.from_dict(COLUMNS)
    assert content(as_corpus(own)) == WHOLE
    named = own.class_encode_column("label")
    assert content(as_corpus(named)) == WHOLE
    assert content(as_corpus(own.to_iterable_dataset())) == WHOLE
    with pytest.raises(InputError, match=r"has the parts train; give one of them.*'train'"):
        as_corpus(datasets.DatasetDict({"train": own}))


def test_columns_by_name_and_by_plain_names():
    frame = pd.DataFrame({"id": [1, 2, 3], "review": TEXTS, "stars": [5, 1, 5], "w": [1, 2, 0.5]})
    corpus = as_corpus(frame, text="review", label="stars", weights="w")
    assert content(corpus) == list(zip(TEXTS, ["5", "1", "5"], strict=True))
    assert corpus.weights.tolist() == [1, 2, 0.5]
    assert content(as_corpus(frame, label="stars")) == content(corpus)
    assert as_corpus(frame, label="stars", weights=[3, 3, 3]).weights.tolist() == [3, 3, 3]
    assert content(as_corpus(frame, frame["stars"])) == content(corpus)  # the text by plain name
    with pytest.raises(InputError) as caught:
        as_corpus(frame)
    assert str(caught.value) == (
        "the DataFrame: no column has a plain name for the label, such as label or class; say "
        "which with label='…': the columns are id, review, stars, w"
    )
    with pytest.raises(InputError, match="the DataFrame: no column 'rewiew'; the columns are id"):
        as_corpus(frame, text="rewiew", label="stars")
    with pytest.raises(InputError, match="cannot be both the text and the label"):
        as_corpus(frame, text="review", label="review")


@pytest.mark.parametrize("hold", [list, tuple, iter, np.array, pd.Series, pa.array])
def test_texts_with_labels_in_any_container(hold):
    assert content(as_corpus(hold(TEXTS), hold(LABELS))) == WHOLE
    assert as_corpus(hold(TEXTS), hold(LABELS), weights=[1, 2, 3]).weights.tolist() == [1, 2, 3]


def test_files_by_path_list_folder_and_pattern(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = "".join(f"{label}\t{text}\n" for text, label in WHOLE)
    Path("a.tsv").write_text(lines)
    pq.write_table(pa.table({"review": TEXTS, "stars": [5, 1, 5]}), "b.parquet")
    Path("by/pos").mkdir(parents=True)
    Path("by/neg").mkdir()
    Path("by/pos/1.txt").write_text("good film")
    Path("by/neg/1.txt").write_text("bad film")
    for data in ("a.tsv", Path("a.tsv"), ["a.tsv"], (Path("a.tsv"),), "a.*", "*.tsv"):
        assert content(as_corpus(data)) == WHOLE
        assert content(read_corpus(data)) == WHOLE
    assert len(as_corpus(["a.tsv", Path("a.tsv")])) == 6
    assert content(as_corpus("by")) == [("bad film", "neg"), ("good film", "pos")]
    assert as_corpus("b.parquet", text="review", label="stars").labels == ["1", "5"]
    assert read_corpus("b.parquet", label="stars").labels == ["1", "5"]
    options = ReadingOptions(label_column="stars")
    assert as_corpus("b.parquet", reading=options).labels == ["1", "5"]
    with pytest.raises(InputError, match="'review' here, and 'x' in the reading options"):
        as_corpus("b.parquet", text="review", reading=ReadingOptions(text_column="x"))


def test_a_corpus_is_given_back():
    corpus = Corpus.of(TEXTS, LABELS)
    assert as_corpus(corpus) is corpus
    for name in ("labels", "text", "label", "weights"):
        with pytest.raises(InputError, match=f"{name} cannot be given here"):
            as_corpus(corpus, **{name: "x"})


def test_options_in_messages_are_named_as_python_has_them(tmp_path):
    table = tmp_path / "a.csv"
    table.write_text("id,words\n1,x\n")
    with pytest.raises(InputError, match=r"say which with text='…' and label='…': the columns"):
        as_corpus(table)
    lines = tmp_path / "a.tsv"
    lines.write_text("pos\tgood\nnothing\n")
    with pytest.raises(InputError, match=r"reading=ReadingOptions\(skip_bad_lines=True\)"):
        as_corpus(lines)


@pytest.mark.parametrize(
    ("data", "labels", "named", "told"),
    [
        (TEXTS, None, {}, r"labels are missing; give one a text, as in train\(texts, labels\)"),
        (np.array(TEXTS), None, {}, "labels are missing"),
        (pd.Series(TEXTS), None, {}, "labels are missing"),
        (pa.chunked_array([TEXTS]), None, {}, "labels are missing"),
        (iter(TEXTS), None, {}, "labels are missing"),
        (WHOLE, None, {}, r"data are pairs, not texts; .*zip\(\*pairs\)"),
        ("a good film", None, {}, "no file is called 'a good film'; give texts with"),
        ("nothing.tsv", None, {}, "nothing.tsv: No such file"),
        ([Path("nothing.tsv")], None, {}, "nothing.tsv: No such file"),
        (["nothing.tsv", "b.csv.gz"], None, {}, "nothing.tsv: No such file"),
        (["nothing", __file__], None, {}, "nothing: No such file"),
        (["see a.csv", "good.csv"], None, {}, "labels are missing"),
        ([], None, {}, "data are empty"),
        (7, None, {}, r"data takes texts with labels, .* not 7 \(int\)"),
        (None, None, {}, "data takes texts with labels"),
        (print, None, {}, "data takes texts with labels"),
        (b"x", None, {}, "data takes texts with labels"),
        ({"a", "b"}, None, {}, "data takes texts with labels"),
        (7, LABELS, {}, "expected documents, got int"),
        ("good film", ["pos"], {}, r"put it in a list: \[text\]"),
        (__file__, LABELS, {}, "is a file, which holds its labels itself; leave labels out"),
        (pd.DataFrame(COLUMNS), "label", {}, "'label' is one str; name a column by label='label'"),
        (TEXTS, LABELS, {"text": "x"}, "text cannot be given here: texts in a list have no"),
        (TEXTS, LABELS, {"label": "x"}, "label cannot be given here: the labels are given"),
        (TEXTS, LABELS, {"weights": "x"}, "weights takes a number a text, not 'x'"),
        (TEXTS, LABELS, {"reading": ReadingOptions()}, "reading cannot be given here"),
        (COLUMNS, None, {"reading": ReadingOptions()}, "reading cannot be given here"),
        (COLUMNS, None, {"text": 3}, "the dict: no column '3'; there are 2 columns"),
        (TEXTS, None, {"text": "x"}, "text and label name columns, and data have none"),
        (TEXTS, LABELS[:2], {}, "2 labels for 3 documents"),
        ({"text": TEXTS, "label": LABELS[:2]}, None, {}, "2 labels for 3 documents"),
        (["good", None], LABELS[:2], {}, "document 1 is None"),
        (TEXTS, ["pos", None, "neg"], {}, "label 1 is missing"),
        ({}, None, {}, "the dict: has no columns; give a table with a column of text"),
        ([1, 2], LABELS[:2], {}, r"document 0 is 1 \(int\), not text; make each text a str"),
        (["good", float("nan")], LABELS[:2], {}, "document 1 is nan .* drop missing texts"),
        ([{"text": "x", "label": "y"}, 3], None, {}, "row 1 is a int, and the first is a dict"),
        (__file__, None, {"weights": [1]}, "weights are numbers, but a file holds its own"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_sentence(data, labels, named, told):
    with pytest.raises(InputError, match=told) as caught:
        as_corpus(data, labels, **named)
    assert "\n" not in str(caught.value)


def test_texts_without_labels():
    for data in (TEXTS, iter(TEXTS), pd.Series(TEXTS), pd.DataFrame({"text": TEXTS}), COLUMNS):
        assert b"".join(one[i] for one in texts_of(data) for i in range(len(one))) == (
            "".join(TEXTS).encode()
        )
    assert sum(map(len, texts_of(Corpus.of(TEXTS, LABELS)))) == 3
    assert sum(map(len, texts_of({"a": TEXTS, "b": LABELS}, text="b"))) == 3
    with pytest.raises(InputError, match="text cannot be given here"):
        texts_of(TEXTS, text="x")
