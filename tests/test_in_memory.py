"""Texts and labels in every container that people hold them in, for training and answering."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from test_features_input import INPUTS, TEXTS

from textmlr import Corpus, FeaturizerOptions, InputError, TrainingOptions
from textmlr.training.corpus_training import train_corpus

LABELS = ["b", "a", "b", "a", "b", "a", "b"]
QUICK = FeaturizerOptions(ngrams=(1, 1)), TrainingOptions(epochs=2, holdout=0.0)


class ArrowArray:
    """Something of another library, that hands out an Arrow array."""

    def __init__(self, values):
        self._array = pa.array(values)

    def __arrow_c_array__(self, requested_schema=None):
        return self._array.__arrow_c_array__(requested_schema)


class ArrowStream:
    """Something that hands out a stream of them, of string views, as polars does."""

    def __init__(self, values, kind=None):
        whole = pa.array(values, kind)
        self._column = pa.chunked_array([whole[:2], whole[2:]])

    def __arrow_c_stream__(self, requested_schema=None):
        return self._column.__arrow_c_stream__(requested_schema)


class Dataset:
    """What a Hugging Face Dataset looks like to whoever does not import it."""

    def __init__(self, form=None, names=None, **columns):
        self.data = pa.table(columns)
        self.format = {"type": form}
        self.column_names = self.data.column_names
        self.features = {name: ClassLabel(names) for name in columns if names and name == "label"}

    def with_format(self, form):
        assert form == "arrow"
        return self.data

    def __getitem__(self, name):
        return Column(self, name)


class ClassLabel:
    def __init__(self, names):
        self.names = names


class Column:
    """A lazy column of a Dataset."""

    def __init__(self, source, name):
        self.source, self.column_name = source, name

    def __iter__(self):
        return iter(self.source.data[self.column_name].to_pylist())


class Parts:
    """A DatasetDict."""

    column_names = {"train": ["text", "label"], "test": ["text", "label"]}  # noqa: RUF012

    def with_format(self, form):
        raise NotImplementedError


def polars_series(values):
    return pytest.importorskip("polars").Series(values)


def real_dataset(values):
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset.from_dict({"text": ["no", *values]}).select(range(1, len(values) + 1))


OTHERS = {
    "list": list,
    "arrow capsule": ArrowArray,
    "arrow capsule stream": ArrowStream,
    "string views": lambda values: ArrowStream(values, pa.string_view()),
    "dataset": lambda values: Dataset(text=values, other=values),
    "dataset of one column": lambda values: Dataset(body=values),
    "dataset column": lambda values: Dataset(one=values[::-1], two=values)["two"],
    "dataset made anew": lambda values: Dataset("custom", text=values),
    "polars": polars_series,
    "datasets": real_dataset,
    "datasets column": lambda values: real_dataset(values)["text"],
}
KINDS = {**INPUTS, **OTHERS}


@pytest.fixture(scope="module")
def model():
    return train_corpus(Corpus.of(TEXTS, LABELS), *QUICK)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_texts(kind, model):
    hold = KINDS[kind]
    wanted = model.probabilities(TEXTS)
    assert wanted.shape == (7, 2)
    assert model.probabilities(hold(TEXTS)).tobytes() == wanted.tobytes()
    answers = model.classify(hold(TEXTS), top=3)
    assert [answer[0].label for answer in answers] == ["ab"[i] for i in wanted.argmax(axis=1)]
    assert [len(answer) for answer in answers] == [2] * 7
    own = train_corpus(Corpus.of(hold(TEXTS), LABELS), *QUICK)
    assert own.theta.tobytes() == model.theta.tobytes()


def categories(labels):
    return pytest.importorskip("pandas").Series(labels, dtype="category")


LABEL_KINDS = {
    **{name: hold for name, hold in OTHERS.items() if "dataset" not in name},
    "iterator": iter,
    "numpy": np.array,
    "numpy object": lambda labels: np.array(labels, object),
    "bytes": lambda labels: [label.encode() for label in labels],
    "arrow": pa.array,
    "arrow dictionary": lambda labels: pa.array(labels).dictionary_encode(),
    "arrow dictionaries": lambda labels: pa.chunked_array(
        [pa.array(labels[:1]).dictionary_encode(), pa.array(labels[1:]).dictionary_encode()]
    ),
    "pandas categories": categories,
    "dataset": lambda labels: Dataset(text=labels[::-1], label=labels),
    "class labels": lambda labels: Dataset(
        names=["c", "b", "a"], label=["cba".index(label) for label in labels]
    ),
    "around them": lambda labels: [f" {label}\n" for label in labels],
}


@pytest.mark.parametrize("kind", LABEL_KINDS)
def test_every_kind_of_labels(kind):
    corpus = Corpus.of(TEXTS, LABEL_KINDS[kind](LABELS))
    assert corpus.labels == ["a", "b"]
    assert corpus.y.tolist() == [1, 0, 1, 0, 1, 0, 1]
    assert corpus.y.dtype == np.int32


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([10, 9], ["10", "9"]),
        (np.array([10, 9], np.uint8), ["10", "9"]),
        (pa.array([10, 9]), ["10", "9"]),
        ([np.int64(10), 9], ["10", "9"]),
        ([False, True], ["false", "true"]),
        (pa.array([False, True]), ["false", "true"]),
        (np.array([False, True]), ["false", "true"]),
    ],
    ids=str,
)
def test_labels_are_names(labels, names):
    assert Corpus.of(["x", "y"], labels).labels == names
    assert Corpus.of(["x", "y"], labels).y.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (["x", None], r"label 1 is missing \(None\)"),
        (["x", float("nan")], "label 1 is missing"),
        (pa.array(["x", None]), "label 1 is missing"),
        (pa.array(["x", None]).dictionary_encode(), "label 1 is missing"),
        (Dataset(names=["x", "y"], label=[0, -1]), "label 1 is missing"),
        (["x", 1.5], r"label 1 is 1.5 \(float\)"),
        (pa.array([0.5, 1.5]), "label 0 is 0.5"),
        (["x", {"y": 1}], "label 1 is"),
        (["x", ""], "label 1 is empty"),
        (["x", "a\tb"], "label 1, 'a.tb', has a tab"),
        (["x", b"\xff"], "label 1.* not UTF-8"),
        (["x", "\ud800"], "half a character"),
        ([1, "1"], "label 1 is '1', and another is 1"),
        (["x"], "1 label for 2 documents"),
        ("xy", "got one str"),
        ({"x": 0, "y": 1}, "got a dict"),
        ({"x", "y"}, "got a set"),
        (np.array([["x"], ["y"]]), "of shape"),
        (pa.table({"label": ["x", "y"]}), "Arrow Table"),
        (7, "got int"),
        (Parts(), r"dataset\['train'\]\['label'\]"),
        (Dataset(a=["x"], b=["y"]), "whose columns are a, b"),
    ],
    ids=range(22),
)
def test_bad_labels_are_named(labels, problem):
    with pytest.raises(InputError, match=problem):
        Corpus.of(["a text", "another"], labels)


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (Dataset(body=["a"], title=["b"]), "whose columns are body, title"),
        (Dataset(text=["a", None]), "document 1 is missing"),
        (ArrowStream(["a", "b", None]), "document 2 is missing"),
        (ArrowArray([1, 2]), "got an Arrow column of int64"),
        (Parts(), "DatasetDict|Parts of train, test"),
        ({"text": ["a"]}, "got a dict"),
        (ArrowStream([{"a": "x"}, {"a": "y"}, {"a": "z"}]), "table"),
    ],
    ids=range(7),
)
def test_bad_texts_are_named(texts, problem):
    with pytest.raises(InputError, match=problem):
        Corpus.of(texts, ["x"])


def test_a_frame_is_not_a_column():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"text": ["a", "b"], "label": ["x", "y"]})
    with pytest.raises(InputError, match=r"DataFrame of shape .*table\['text'\]"):
        Corpus.of(frame, frame["label"])
    assert Corpus.of(frame["text"], frame["label"]).labels == ["x", "y"]


def test_weights():
    corpus = Corpus.of(TEXTS, LABELS, [1, 0, 2.5, 1, 1, 1, 1])
    assert corpus.weights is not None
    assert corpus.weights.tolist() == [1, 0, 2.5, 1, 1, 1, 1]
    assert Corpus.of(TEXTS, LABELS, pa.array([1.0] * 7)).weights.tolist() == [1] * 7
    for bad, problem in (
        ([1] * 6, "6 weights for 7"),
        ([1, -1, *[1] * 5], "weight 1 is -1"),
        ([*[1] * 6, float("nan")], "weight 6 is nan"),
        ([*[1] * 6, "1"], "weight 6 is '1'"),
        ([*[1] * 6, None], "weight 6 is None"),
    ):
        with pytest.raises(InputError, match=problem):
            Corpus.of(TEXTS, LABELS, bad)


def test_a_corpus_in_memory_is_one_in_a_file(tmp_path):
    from textmlr import read_corpus

    texts = [text.strip().replace("\t", " ") or "-" for text in TEXTS]
    path = tmp_path / "some.tsv"
    path.write_text("".join(f"{a}\t{b}\n" for a, b in zip(LABELS, texts, strict=True)))
    read = train_corpus(read_corpus([path]), *QUICK)
    held = train_corpus(Corpus.of(pa.chunked_array([texts[:3], texts[3:]]), LABELS), *QUICK)
    assert read.theta.tobytes() == held.theta.tobytes()
    assert held.record.corpus.files == ("memory",)
