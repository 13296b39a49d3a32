"""A vocabulary that is given: these features and no others, in this order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

import textmlr
from textmlr import Featurizer, FeaturizerOptions, InputError
from textmlr.cli import cli
from textmlr.sklearn import TextFeaturizer

DATA = Path(__file__).parent.parent / "data"
COUNTS = {"term_frequency": "raw", "idf": False, "norm": None, "bias": False}
SCIKIT = r"(?u)\b\w\w+\b"
TERMS = ["the village", "robot", "zzyzx", "the", "her", "of the"]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return textmlr.read_corpus(DATA / "genres-train.tsv").texts


def fitted(texts: list[str], **options: object) -> Featurizer:
    return Featurizer(FeaturizerOptions(**options)).fit(texts)


def refused(options: dict[str, object], texts: list[str] | None = None) -> str:
    with pytest.raises(InputError) as error:
        fitted(texts or ["a text"], **options)
    return str(error.value)


@pytest.mark.parametrize(
    "given",
    [
        TERMS,
        tuple(TERMS),
        np.array(TERMS),
        {*TERMS},
        {term: column for column, term in enumerate(TERMS)},
        dict(zip(TERMS, [3, 1, 0, 5, 4, 2], strict=True)),
    ],
)
def test_counts_and_columns_are_scikit_learns(texts: list[str], given: object) -> None:
    featurizer = fitted(texts, **COUNTS, vocabulary=given, token_pattern=SCIKIT, ngrams=(1, 2))
    # scikit-learn tells lists and dicts of NumPy's arrays apart by their truth.
    theirs = given.tolist() if isinstance(given, np.ndarray) else given
    vectorizer = CountVectorizer(vocabulary=theirs, ngram_range=(1, 2)).fit(texts)
    assert featurizer.feature_names() == vectorizer.get_feature_names_out().tolist()
    assert featurizer.vocabulary_ == vectorizer.vocabulary_
    mine, other = featurizer.transform(texts), vectorizer.transform(texts)
    assert (mine.toarray() == other.toarray()).all()


def test_idf_of_a_feature_that_no_document_has(texts: list[str]) -> None:
    featurizer = fitted(texts, vocabulary=TERMS, token_pattern=SCIKIT, bias=False, ngrams=(1, 2))
    vectorizer = TfidfVectorizer(vocabulary=TERMS, ngram_range=(1, 2), sublinear_tf=True).fit(texts)
    np.testing.assert_allclose(featurizer.idf_, vectorizer.idf_, rtol=1e-6)
    assert abs(featurizer.transform(texts) - vectorizer.transform(texts)).max() < 1e-6


def test_without_idf_no_fit_is_needed() -> None:
    featurizer = Featurizer(FeaturizerOptions(**COUNTS, vocabulary=["cat", "the"], ngrams=(1, 1)))
    assert featurizer.transform(["the cat, the dog"]).toarray().tolist() == [[1, 2]]
    assert featurizer.feature_names() == ["cat", "the"]
    estimator = TextFeaturizer(**COUNTS, vocabulary=["cat", "the"])
    assert estimator.transform(["the cat, the dog"]).toarray().tolist() == [[1, 2]]
    with pytest.raises(InputError, match="not fitted; call fit first"):
        Featurizer(FeaturizerOptions(vocabulary=["cat"])).transform(["a"])


def test_names_are_those_of_feature_names(texts: list[str]) -> None:
    """Every kind of feature is found again by its name."""
    for options in ({"char_ngrams": (2, 5)}, {"char_ngrams": (4, 4), "lowercase": False}):
        every = fitted(texts[:60], ngrams=(1, 3), **COUNTS, **options)
        names = every.feature_names()[::7]
        some = fitted(texts[:60], ngrams=(1, 3), **COUNTS, **options, vocabulary=names)
        assert some.feature_names() == names
        columns = [every.vocabulary_[name] for name in names]
        whole = every.transform(texts[:60])[:, columns]
        assert (some.transform(texts[:60]).toarray() == whole.toarray()).all()


def test_lengths_of_n_grams_are_those_of_the_terms() -> None:
    def lengths(*terms: str) -> tuple[object, object]:
        options = FeaturizerOptions(vocabulary=terms, ngrams="auto", char_ngrams="auto").decided()
        return options.ngrams, options.char_ngrams

    assert lengths("a", "b") == ((1, 1), None)
    assert lengths("a b", "b c d") == ((1, 3), None)
    assert lengths("a", "char:abcd", "char:ab") == ((1, 1), (2, 4))
    assert lengths("don't") == ((1, 3), None)  # as many words as it may be, or more
    assert lengths("char:abc") == (None, (3, 3))


def test_terms_are_read_as_text_is() -> None:
    own = fitted(["a"], vocabulary=["New York", "CAFE\u0301", "char:Ab"], bias=False)
    assert own.feature_names() == ["new york", "café", "char:ab"]
    cased = fitted(["a"], vocabulary=["New York"], lowercase=False, bias=False)
    assert cased.feature_names() == ["New York"]
    stopped = fitted(["a"], vocabulary=["state of the art"], stop_words=["of", "the"], bias=False)
    assert stopped.feature_names() == ["state art"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"vocabulary": ["a", "new york city"], "ngrams": (1, 2)},
            "vocabulary: 'new york city' is 3 words, which ngrams=(1, 2) does not have; give "
            "ngrams=(1, 3), or leave it out",
        ),
        (
            {"vocabulary": ["a"], "ngrams": (2, 3)},
            "vocabulary: 'a' is one word, which ngrams=(2, 3) does not have; give ngrams=(1, 3)",
        ),
        (
            {"vocabulary": ["char:abc"], "char_ngrams": (4, 5)},
            "vocabulary: 'char:abc' is 3 characters, which char_ngrams=(4, 5) does not have; give "
            "char_ngrams=(3, 5)",
        ),
        (
            {"vocabulary": ["a", "char:abc"], "char_ngrams": None},
            "vocabulary: 'char:abc' is 3 characters, which char_ngrams=None does not have; give "
            "char_ngrams=(3, 3)",
        ),
        ({"vocabulary": ["a", "the"], "stop_words": ["the"]}, "vocabulary: 'the' has no word that"),
        ({"vocabulary": ["a", "A"]}, "vocabulary: 'a' and 'A' are one feature; leave one of them"),
        ({"vocabulary": ["a", "b", "a"]}, "vocabulary: 'a' stands twice; leave one of them out"),
        ({"vocabulary": {"a": 0, "b": 2}}, "the columns of vocabulary are not 0, 1, 2, … without"),
        ({"vocabulary": {"a": 0, "b": 0}}, "the columns of vocabulary are not 0, 1, 2, …"),
        ({"vocabulary": {"a": "x"}}, "the columns of vocabulary are not 0, 1, 2, …"),
        ({"vocabulary": []}, "vocabulary has no words; leave out vocabulary"),
        ({"vocabulary": [3]}, "vocabulary has 3 in it, which is not text; give a list of str"),
        ({"vocabulary": ["a\tb"]}, "vocabulary: 'a\\tb' has a tab or a line break; give names"),
        ({"vocabulary": ["{a}"], "ngrams": (4, 4)}, "vocabulary: '{ a}' is 3 words, which ngrams="),
        ({"vocabulary": ["a"], "min_df": 2}, "min_df=2 chooses features, and vocabulary has them"),
        ({"vocabulary": ["a"], "hash_bits": 9}, "vocabulary is a vocabulary, and hash_bits=9 is"),
    ],
)
def test_what_makes_no_sense_is_told(options: dict[str, object], told: str) -> None:
    assert refused(options).startswith(told)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("robot\nkiss\nrobot\n", "words, line 3: 'robot' stands twice (line 1)"),
        ("robot\t3\n", "words, line 1: 'robot\\t3' has a tab or a line break"),
        ("\n", "words: has no words; write a feature a line, or leave it out"),
    ],
)
def test_bad_files(tmp_path: Path, train_tsv: Path, data: str, told: str) -> None:
    (tmp_path / "words").write_text(data)
    assert told in refused({"vocabulary": tmp_path / "words"})
    arguments = ["train", str(train_tsv), "--vocabulary", str(tmp_path / "words")]
    assert told in str(CliRunner().invoke(cli, arguments).exception)


def test_a_file_of_names(tmp_path: Path, train_tsv: Path) -> None:
    (tmp_path / "words").write_bytes(
        b"\xef\xbb\xbfrobot\r\nthe  new\r\n\r\nchar: kis\r\nunknown\r\n"
    )
    arguments = ["train", str(train_tsv), "-o", str(tmp_path / "m"), "--json", "--vocabulary"]
    done = CliRunner().invoke(cli, [*arguments, str(tmp_path / "words")])
    names = ["robot", "the new", "char: kis", "unknown"]
    told = json.loads(done.stdout)
    assert told["featurizer"]["vocabulary"] == ["robot", "the  new", "char: kis", "unknown"]
    assert (told["featurizer"]["ngrams"], told["featurizer"]["char_ngrams"]) == ([1, 2], [4, 4])
    model = textmlr.load(tmp_path / "m")
    assert model.featurizer.feature_names() == ["(bias)", *names]
    assert (model.theta[4] == 0).all()  # no document has it
    assert model.theta[1].any()
    shown = CliRunner().invoke(cli, ["info", str(tmp_path / "m")]).output
    assert "--vocabulary (4 words)" in shown
    top = CliRunner().invoke(cli, ["top", str(tmp_path / "m"), "--json"]).output
    assert "robot" in top


def test_a_model_keeps_it(tmp_path: Path, texts: list[str]) -> None:
    corpus = textmlr.read_corpus(DATA / "genres-train.tsv")
    terms = [*fitted(texts, ngrams=(1, 2)).feature_names()[1:2000], "zzyzx"]
    model = textmlr.train(corpus, vocabulary=terms, epochs=3)
    assert model.featurizer.feature_names()[1:] == terms
    model.save(tmp_path / "m")
    loaded = textmlr.load(tmp_path / "m")
    assert loaded.featurizer.options.vocabulary == tuple(terms)
    assert (loaded.probabilities(texts) == model.probabilities(texts)).all()
    assert loaded.info() == model.info()
    after = loaded.update(["a zyzzyva of the robot"], [model.labels[0]])
    assert after.featurizer.feature_names() == model.featurizer.feature_names()
    small = loaded.compress("15kB")
    small.save(tmp_path / "s")
    again = textmlr.load(tmp_path / "s")
    assert set(again.featurizer.options.vocabulary or ()) < set(terms)
    assert (again.probabilities(texts) == small.probabilities(texts)).all()
    sparse = textmlr.train(corpus, vocabulary=terms, l1=1e-3)
    sparse.save(tmp_path / "l1")
    assert (textmlr.load(tmp_path / "l1").probabilities(texts) == sparse.probabilities(texts)).all()
    model.explain(texts[0])


def test_tune_searches_the_rest(train_tsv: Path) -> None:
    found = textmlr.tune(
        train_tsv, seconds=None, trials=3, vocabulary=["robot", "kiss", "saddle"], epochs=2
    )
    assert found.model.featurizer.options.vocabulary == ("robot", "kiss", "saddle")
    assert all(trial.problem is None for trial in found.trials)
    assert not {"min_df", "ngrams", "char_ngrams"} & set(found.searched)


def test_a_stream_has_none(train_tsv: Path, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("robot\n")
    arguments = ["train", str(train_tsv), "--stream", "--vocabulary", str(tmp_path / "words")]
    done = CliRunner().invoke(cli, arguments)
    assert "--vocabulary does not go with a stream: its features are hashed" in str(done.exception)


# ---------------------------------------------------------------- in scikit-learn's words
def test_inverse_transform(texts: list[str]) -> None:
    theirs = CountVectorizer(ngram_range=(1, 2)).fit(texts)
    ours = TextFeaturizer(token_pattern=SCIKIT, min_df=1).fit(texts)
    found = ours.inverse_transform(ours.transform(texts[:9]))
    for mine, other in zip(
        found, theirs.inverse_transform(theirs.transform(texts[:9])), strict=True
    ):
        assert sorted(mine) == sorted(other)
    dense = ours.transform(texts[:2]).toarray()
    for matrix in (dense, dense.tolist(), csr_matrix(dense)):
        for mine, other in zip(ours.inverse_transform(matrix), found, strict=False):
            assert sorted(mine) == sorted(other)


def test_the_bias_is_no_term() -> None:
    featurizer = Featurizer(FeaturizerOptions(ngrams=(1, 1))).fit(["a b", "a c"])
    assert featurizer.vocabulary_ == {"a": 1, "b": 2, "c": 3}
    assert featurizer.get_feature_names_out().tolist() == ["(bias)", "a", "b", "c"]
    assert [row.tolist() for row in featurizer.inverse_transform(featurizer.transform([""]))] == [
        []
    ]
    again = Featurizer(FeaturizerOptions(ngrams=(1, 1), vocabulary=featurizer.vocabulary_))
    assert again.fit(["c"]).vocabulary_ == featurizer.vocabulary_


@pytest.mark.parametrize(
    ("matrix", "told"),
    [
        (np.zeros((2, 9)), "the matrix has the shape (2, 9), not 3 columns"),
        (np.zeros(3), "the matrix has the shape (3,), not 3 columns"),
        ("abc", "matrix takes a matrix, not 'abc' (str)"),
        (None, "matrix takes a matrix, not None (NoneType)"),
    ],
)
def test_other_matrices(matrix: object, told: str) -> None:
    featurizer = Featurizer(FeaturizerOptions(ngrams=(1, 1))).fit(["a b"])
    with pytest.raises(InputError) as error:
        featurizer.inverse_transform(matrix)
    assert str(error.value).startswith(told)


def test_before_a_fit_and_with_hashing() -> None:
    for options in (FeaturizerOptions(), FeaturizerOptions(hash_bits=9)):
        featurizer = Featurizer(options)
        with pytest.raises(InputError):
            assert featurizer.vocabulary_
        with pytest.raises(InputError):
            featurizer.get_feature_names_out()
        assert not hasattr(featurizer, "idf_")
    assert not hasattr(TextFeaturizer(idf=False).fit(["a"]), "idf_")


def test_columns_by_name_are_made_once_a_fit() -> None:
    featurizer = Featurizer(FeaturizerOptions(ngrams=(1, 1))).fit(["a b"])
    assert featurizer.vocabulary_ is featurizer.vocabulary_
    assert featurizer.fit(["c d"]).vocabulary_ == {"c": 1, "d": 2}
