"""A Featurizer's input and output: kinds of input, the CSR arrays, hashing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torture

from textmlr import Featurizer, FeaturizerOptions, InputError
from textmlr.corpus.in_memory import batches_of

TEXTS = ["The cat — the CAT.", "", "мышь и кот", "漢字 กข 😀", "the cat, again", "  ", "x" * 5000]
HASHED = FeaturizerOptions(hash_bits=22, term_frequency="raw", norm=None)
COUNTS = FeaturizerOptions(term_frequency="raw", idf=False, norm=None, min_df=1)


def bits(matrix):
    """All that a CSR matrix is made of."""
    return (
        matrix.shape,
        *((a.dtype, a.tobytes()) for a in (matrix.data, matrix.indices, matrix.indptr)),
    )


def fitted(texts, options=None, **how):
    """(bits, names) of fit_transform, which transform gives again."""
    featurizer = Featurizer(options)
    found = bits(featurizer.fit_transform(texts, **how))
    return found, featurizer.feature_names()


def pandas_series(dtype):
    def make(texts):
        pd = pytest.importorskip("pandas")
        return pd.Series(texts, dtype=dtype, index=range(10, 10 + len(texts)))

    return make


def string_dtype(texts):
    return np.array(texts, np.dtypes.StringDType())


def chunked(texts):
    none = pa.array([], pa.string())
    return pa.chunked_array([none, pa.array(texts[:3]), none, pa.array(texts[3:]), none])


def sliced(texts):
    return pa.array(["before", "ünd", *texts, "after"])[2 : 2 + len(texts)]


INPUTS = {
    "tuple": tuple,
    "iterator": iter,
    "generator": lambda texts: (text for text in texts),
    "bytes": lambda texts: [text.encode() for text in texts],
    "str and bytes": lambda texts: [t.encode() if i % 2 else t for i, t in enumerate(texts)],
    "dict keys": lambda texts: dict.fromkeys(texts).keys(),
    "numpy U": np.array,
    "numpy str_": lambda texts: [np.str_(text) for text in texts],
    "numpy S": lambda texts: np.array([text.encode() for text in texts]),
    "numpy object": lambda texts: np.array(texts, dtype=object),
    "numpy StringDType": string_dtype,
    "numpy, every second": lambda texts: np.repeat(np.array(texts), 2)[::2],
    "arrow string": pa.array,
    "arrow large string": lambda texts: pa.array(texts, pa.large_string()),
    "arrow binary": lambda texts: pa.array([text.encode() for text in texts], pa.binary()),
    "arrow large binary": lambda texts: pa.array([t.encode() for t in texts], pa.large_binary()),
    "arrow string view": lambda texts: pa.array(texts, pa.string_view()),
    "arrow dictionary": lambda texts: pa.array(texts).dictionary_encode(),
    "arrow slice": sliced,
    "arrow chunked": chunked,
    "arrow chunked slice": lambda texts: chunked(["x", *texts, "y"]).slice(1, len(texts)),
    "pandas object": pandas_series(object),
    "pandas default": pandas_series(None),
    "pandas python string": pandas_series("string"),
    "pandas categories": pandas_series("category"),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_every_kind_of_input_gives_the_same_bits(kind):
    assert fitted(INPUTS[kind](TEXTS)) == fitted(TEXTS)
    featurizer = Featurizer().fit(TEXTS)
    assert bits(featurizer.transform(INPUTS[kind](TEXTS))) == bits(featurizer.transform(TEXTS))
    hasher = Featurizer(HASHED)
    assert bits(hasher.transform(INPUTS[kind](TEXTS))) == bits(hasher.transform(TEXTS))


def test_pandas_with_arrow_inside():
    pd = pytest.importorskip("pandas")
    series = pd.Series(TEXTS, dtype=pd.ArrowDtype(pa.string()))
    assert fitted(series) == fitted(TEXTS)
    (batch,) = batches_of(series)
    assert batch.text.ctypes.data == series.array.__arrow_array__().chunk(0).buffers()[2].address


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_arrow_text_is_not_copied(kind):
    whole = pa.array([*TEXTS, "one more"], kind)
    for array in (whole, whole[2:5]):
        (batch,) = batches_of(array)
        _, offsets, text = array.buffers()
        assert batch.text.ctypes.data == text.address
        assert [batch[i].decode() for i in range(len(batch))] == array.to_pylist()
        if kind == pa.large_string():
            assert batch.starts.ctypes.data == offsets.address + 8 * array.offset
    batches = batches_of(pa.chunked_array([whole, whole[1:]]))
    assert [b.text.ctypes.data for b in batches] == [whole.buffers()[2].address] * 2


@pytest.mark.parametrize(
    "nothing", [[], iter([]), np.array([], dtype=str), pa.array([], pa.string())], ids=range(4)
)
def test_no_documents(nothing):
    matrix = Featurizer().fit(TEXTS).transform(nothing)
    assert matrix.shape == (0, len(Featurizer().fit(TEXTS).feature_names()))
    assert matrix.nnz == 0
    with pytest.raises(InputError, match="no documents"):
        Featurizer().fit([])


@pytest.mark.parametrize("text", ["one text", b"one text", np.str_("one text")])
def test_a_single_text_is_refused(text):
    for refused in (Featurizer().fit, Featurizer(HASHED).transform):
        with pytest.raises(InputError, match="list of documents"):
            refused(text)


def missing_in_pandas():
    return pytest.importorskip("pandas").Series(["a", "b", None])


BAD = {
    "None": lambda: ["a", "b", None],
    "NaN": lambda: ["a", "b", float("nan")],
    "number": lambda: iter(["a", "b", 3]),
    "list": lambda: ["a", "b", ["c"]],
    "numpy object": lambda: np.array(["a", "b", None], dtype=object),
    "numpy StringDType": lambda: np.array(["a", "b", None], np.dtypes.StringDType(na_object=None)),
    "arrow": lambda: pa.array(["a", "b", None, "c", None]),
    "arrow slice": lambda: pa.array([None, "a", "b", None])[1:],
    "arrow chunks": lambda: pa.chunked_array([pa.array(["a"]), pa.array(["b", None])]),
    "arrow view": lambda: pa.array(["a", "b", None], pa.string_view()),
    "arrow dictionary": lambda: pa.array(["a", "b", None]).dictionary_encode(),
    "pandas": missing_in_pandas,
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_not_text_is_named_by_position(kind):
    with pytest.raises(InputError, match=r"document 2\b"):
        Featurizer().fit(BAD[kind]())
    with pytest.raises(InputError, match=r"document 2\b"):
        Featurizer(HASHED).transform(BAD[kind]())


@pytest.mark.parametrize(
    "texts",
    [None, 3, np.array([["a", "b"]]), np.array("a"), np.array([1.5]), pa.array([1, 2]), object()],
    ids=range(7),
)
def test_other_things_are_refused(texts):
    with pytest.raises(InputError):
        Featurizer().fit(texts)


@pytest.mark.parametrize(
    "options",
    [
        FeaturizerOptions(min_df=1),
        FeaturizerOptions(bias=False, norm=None, term_frequency="raw", char_ngrams=(2, 3)),
        HASHED,
        FeaturizerOptions(hash_bits=3, idf=True, char_ngrams=(1, 4), ngrams=None),
    ],
    ids=range(4),
)
def test_the_arrays_of_the_matrix(options):
    documents = [document for _, document in torture.documents()]
    featurizer = Featurizer(options)
    for matrix in (featurizer.fit_transform(documents), featurizer.transform(documents)):
        assert matrix.format == "csr"
        types = [matrix.data.dtype, matrix.indices.dtype, matrix.indptr.dtype]
        assert types == [np.float32, np.int32, np.int32]
        assert matrix.shape == (len(documents), featurizer.columns)
        assert matrix.indptr[0] == 0
        assert matrix.indptr[-1] == len(matrix.data) == len(matrix.indices)
        steps = np.diff(matrix.indices.astype(np.int64))
        steps[matrix.indptr[1:-1][np.diff(matrix.indptr[1:]) > 0] - 1] = 1  # from row to row
        assert (steps > 0).all(), "not ascending, or a column twice"
        assert matrix.indices.min() >= 0
        assert matrix.indices.max() < matrix.shape[1]
        assert np.isfinite(matrix.data).all()
        assert (matrix.data > 0).all()
        if options.bias:
            heads = matrix.indptr[:-1]
            assert (matrix.indices[heads] == 0).all()
            assert (matrix.data[heads] == 1).all()
        if options.norm == "l2":
            squares = np.add.reduceat(matrix.data.astype(np.float64) ** 2, matrix.indptr[:-1])
            np.testing.assert_allclose(squares[np.diff(matrix.indptr) > 1], 2, rtol=1e-6)


@pytest.mark.parametrize("options", [FeaturizerOptions(), HASHED, FeaturizerOptions(min_df=2)])
@pytest.mark.parametrize("empty", ["", b"", " \t\n", "\u2003"])
def test_the_empty_document_gives_the_bias_alone(options, empty):
    featurizer = Featurizer(options).fit(["a word", empty, "a word"])
    for matrix in (featurizer.transform([empty]), featurizer.transform(["x y", empty])[[1]]):
        assert matrix.indices.tolist() == [0]
        assert matrix.data.tolist() == [1.0]
    if options is not HASHED:
        assert featurizer.feature_names()[0] == "(bias)"


def test_documents_that_are_all_empty():
    featurizer = Featurizer()
    assert featurizer.fit_transform(["", " "]).toarray().tolist() == [[1.0], [1.0]]
    assert featurizer.transform(["a b c"]).toarray().tolist() == [[1.0]]
    with pytest.raises(InputError, match="min_df"):
        Featurizer(FeaturizerOptions(bias=False)).fit(["", " "])


def test_hashing_counts_what_a_vocabulary_counts():
    documents = [document for _, document in torture.documents()]
    counted = Featurizer(COUNTS).fit_transform(documents)
    hashed = Featurizer(HASHED).transform(documents)
    assert hashed.shape == (len(documents), 1 << 22)
    np.testing.assert_array_equal(hashed.sum(axis=1), counted.sum(axis=1))
    # About n²/2m of n features are expected to meet another's column among m.
    used, features = len(np.unique(hashed.indices)), counted.shape[1]
    assert features - 1.2 * features**2 / (2 << 22) < used <= features


def test_hashing_does_not_depend_on_what_was_seen():
    hasher = Featurizer(HASHED)
    alone = bits(hasher.transform(["the cat"]))
    hasher.fit(["something else"])
    assert bits(hasher.transform(["the cat"])) == alone
    with pytest.raises(InputError, match="names"):
        hasher.feature_names()


def test_hashing_with_idf_needs_fit():
    options = FeaturizerOptions(hash_bits=18, idf=True, norm=None, term_frequency="binary")
    with pytest.raises(InputError, match="fit"):
        Featurizer(options).transform(TEXTS)
    documents = ["a b", "a c", "a a"]
    hashed = Featurizer(options).fit_transform(documents)
    exact = Featurizer(
        FeaturizerOptions(norm=None, term_frequency="binary", min_df=1)
    ).fit_transform(documents)
    for ours, wanted in zip(hashed, exact, strict=True):
        assert sorted(ours.data) == sorted(wanted.data)


def test_transform_needs_fit():
    for use in (lambda f: f.transform(["a"]), Featurizer.feature_names):
        with pytest.raises(InputError, match="fit"):
            use(Featurizer())


def test_invalid_bytes_are_counted():
    featurizer = Featurizer()
    featurizer.fit(["fine", b"\xff\xfe", "\ufffd".encode(), b"a\xe2\x82"])
    assert featurizer.invalid == 3
    featurizer.transform([b"\x80" * 10])
    assert featurizer.invalid == 10
    featurizer.transform(["fine"])
    assert featurizer.invalid == 0


def test_joint():
    """Column f·L + ℓ, so that theta.ravel() · f(x, y) is the score of y."""
    featurizer = Featurizer().fit(TEXTS, ["b", "a", "b", "c", "a", "b", "c"])
    theta = np.random.default_rng(0).normal(size=(featurizer.columns, 3))
    for text in TEXTS:
        row = featurizer.transform([text])
        for code, label in enumerate("abc"):
            joint = featurizer.joint(text, label)
            assert joint.shape == (1, theta.size)
            assert joint.nnz == row.nnz
            assert (joint.indices == row.indices * 3 + code).all()
            assert (joint.data == row.data).all()
            np.testing.assert_allclose(joint @ theta.ravel(), (row @ theta)[:, code], rtol=1e-12)
    with pytest.raises(InputError, match="'d'"):
        featurizer.joint("text", "d")
    with pytest.raises(InputError, match="labels"):
        Featurizer().fit(TEXTS).joint("text", "a")
    with pytest.raises(InputError, match="2 labels for 7"):
        Featurizer().fit(TEXTS, ["a", "b"])


# ------------------------------------------------------------------ what neighbours do with it


def test_scikit_learn_takes_the_matrix() -> None:
    from sklearn.linear_model import SGDClassifier
    from sklearn.svm import LinearSVC

    matrix = Featurizer().fit_transform(["a b", "a c", "b d", "c d"])
    for estimator in (LinearSVC(), SGDClassifier()):
        assert estimator.fit(matrix, [0, 0, 1, 1]).coef_.shape == (1, matrix.shape[1])


def test_a_featurizer_is_copied_and_pickled() -> None:
    import copy
    import pickle

    fitted = Featurizer().fit(["the cat", "the dog"], ["x", "y"])
    want = fitted.transform(["the cat sat"]).toarray()
    for other in (copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted))):
        assert other.transform(["the cat sat"]).toarray().tolist() == want.tolist()
        assert other.labels == ["x", "y"]


def test_a_fit_refused_for_its_labels_changes_nothing() -> None:
    fitted = Featurizer().fit(["a", "b"], ["u", "v"])
    names = fitted.feature_names()
    for labels, problem in ((["x"], "1 labels for 2"), (["x", 1], "label 1 is 1")):
        with pytest.raises(InputError, match=problem):
            fitted.fit(["c", "d"], labels)  # type: ignore[arg-type]
        assert fitted.feature_names() == names
        assert fitted.labels == ["u", "v"]


def test_arrow_that_is_no_column() -> None:
    with pytest.raises(InputError, match="Arrow Table"):
        Featurizer().fit(pa.table({"a": ["x"]}))


def test_options_of_another_type() -> None:
    with pytest.raises(InputError, match="FeaturizerOptions"):
        Featurizer({"ngrams": (1, 2)})  # type: ignore[arg-type]
