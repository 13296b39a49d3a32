"""The featurizer held against scikit-learn's CountVectorizer and TfidfVectorizer.

scikit-learn is given a preprocessor that lower-cases code point by code point; how that differs
from ``str.lower`` has a test of its own.  Character n-grams are cut from our tokens, which
scikit-learn gets with one space between.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import naive
import numpy as np
import pytest
import torture
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from textmlr import Featurizer, FeaturizerOptions

DATA = Path(__file__).parent.parent / "data"
COUNTS = FeaturizerOptions(
    term_frequency="raw",
    idf=False,
    norm=None,
    min_df=1,
    bias=False,
    split_scripts=False,
    token_pattern=r"\w+",
)
# scikit-learn's token pattern, and our options that say the same.
PATTERNS = {
    r"(?u)\w+": {"punctuation": False},
    r"(?u)\b\w\w+\b": {"punctuation": False, "min_token_length": 2},
    r"\w+|[^\w\s]": {"punctuation": True},
}


@cache  # it is asked for the same documents by most tests
def preprocess(document):
    return naive.lower(naive.prepared(naive.decode(document), COUNTS), COUNTS)


def keep_case(document):
    return naive.prepared(naive.decode(document), replace(COUNTS, lowercase=False))


def documents_of(corpus):
    if corpus == "torture":
        return [document for _, document in torture.documents()]
    if corpus == "big":
        return [document for _, document in torture.big_documents()]
    lines = (DATA / corpus).read_text(encoding="utf-8").rstrip("\n").split("\n")
    return [line.split("\t")[1] for line in lines]


def check_same(featurizer, ours, theirs, their_names, rtol=0.0):
    """The same names, the same entries under each, for every document."""
    names = featurizer.feature_names()
    column = {name: i for i, name in enumerate(names)}
    assert len(column) == len(names)
    assert column.keys() == set(their_names)
    ours, theirs = ours[:, [column[name] for name in their_names]].tocsr(), theirs.tocsr()
    ours.sort_indices()
    theirs.sort_indices()
    np.testing.assert_array_equal(ours.indptr, theirs.indptr)
    np.testing.assert_array_equal(ours.indices, theirs.indices)
    np.testing.assert_allclose(ours.data, theirs.data, rtol=rtol, atol=0)
    assert ours.nnz


def check_words(documents, pattern, ngrams, **options):
    """Counts of word n-grams; options are ours where they have the same name as theirs."""
    featurizer = Featurizer(replace(COUNTS, **PATTERNS[pattern], ngrams=ngrams, **options))
    vectorizer = CountVectorizer(
        preprocessor=preprocess,
        decode_error="replace",
        token_pattern=pattern,
        ngram_range=ngrams,
        **options,
    )
    theirs = vectorizer.fit_transform(documents)
    ours = featurizer.fit_transform(documents)
    check_same(featurizer, ours, theirs, vectorizer.get_feature_names_out())


def check_weights(documents, pattern, **options):
    featurizer = Featurizer(replace(COUNTS, **PATTERNS[pattern], **options))
    vectorizer = TfidfVectorizer(
        preprocessor=preprocess,
        decode_error="replace",
        token_pattern=pattern,
        ngram_range=featurizer.options.word_range,
        binary=options["term_frequency"] == "binary",
        sublinear_tf=options["term_frequency"] == "log",
        use_idf=options["idf"],
        smooth_idf=True,
        norm=options["norm"],
    )
    theirs = vectorizer.fit_transform(documents)
    ours = featurizer.fit_transform(documents)
    check_same(featurizer, ours, theirs, vectorizer.get_feature_names_out(), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("ngrams", [(1, 1), (1, 2), (2, 3)])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_counts_of_torture_documents(pattern, ngrams):
    check_words(documents_of("torture"), pattern, ngrams)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("term_frequency", "idf", "norm"),
    [
        ("log", True, "l2"),
        ("raw", True, "l2"),
        ("binary", True, None),
        ("log", False, "l2"),
        ("raw", True, None),
        ("binary", False, "l2"),
    ],
)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_weights_of_torture_documents(pattern, term_frequency, idf, norm):
    documents = documents_of("torture")
    check_weights(documents, pattern, term_frequency=term_frequency, idf=idf, norm=norm)


@pytest.mark.slow
def test_counts_and_weights_of_big_documents():
    documents = documents_of("big")
    check_words(documents, r"(?u)\b\w\w+\b", (1, 2))
    check_weights(documents, r"\w+|[^\w\s]", term_frequency="log", idf=True, norm="l2")


@pytest.mark.slow
@pytest.mark.parametrize("corpus", ["genres-train.tsv", "genres-test.tsv"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_counts_and_weights_of_real_text(pattern, corpus):
    documents = documents_of(corpus)
    check_words(documents, pattern, (1, 2))
    check_weights(documents, pattern, term_frequency="log", idf=True, norm="l2", ngrams=(1, 2))


@pytest.mark.slow
@pytest.mark.parametrize("min_df", [2, 3, 10])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_min_df(pattern, min_df):
    check_words(documents_of("torture"), pattern, (1, 2), min_df=min_df)


@pytest.mark.slow
@pytest.mark.parametrize("max_features", [1, 20, 1000])
def test_max_features(max_features):
    """Those in the most documents; which of those that tie is each library's own matter."""
    documents = documents_of("torture")
    options = replace(COUNTS, max_features=max_features)
    featurizer = Featurizer(options).fit(documents)
    vectorizer = CountVectorizer(
        preprocessor=preprocess,
        decode_error="replace",
        token_pattern=r"\w+|[^\w\s]",
        ngram_range=(1, 2),
        max_features=max_features,
        binary=True,
    )
    counted = naive.counts(documents, options)
    df = naive.document_frequency(counted)
    ours = featurizer.feature_names()
    theirs = list(vectorizer.fit(documents).get_feature_names_out())
    assert len(ours) == max_features
    assert sorted(df[name] for name in ours) == sorted(df[name] for name in theirs)
    last = min(df[name] for name in ours)
    assert {x for x in ours if df[x] > last} == {x for x in theirs if df[x] > last}


@pytest.mark.slow
@pytest.mark.parametrize("char_ngrams", [(1, 1), (2, 4), (3, 5), (8, 8)])
@pytest.mark.parametrize("lowercase", [True, False])
def test_character_ngrams(char_ngrams, lowercase):
    documents = documents_of("torture")
    options = replace(COUNTS, ngrams=None, char_ngrams=char_ngrams, lowercase=lowercase)
    prepare = preprocess if lowercase else keep_case
    words = CountVectorizer(
        preprocessor=prepare, decode_error="replace", token_pattern=r"\w+|[^\w\s]"
    ).build_analyzer()
    vectorizer = CountVectorizer(analyzer="char_wb", ngram_range=char_ngrams, lowercase=False)
    theirs = vectorizer.fit_transform([" ".join(words(document)) for document in documents])
    names = ["char:" + name for name in vectorizer.get_feature_names_out()]
    featurizer = Featurizer(options)
    check_same(featurizer, featurizer.fit_transform(documents), theirs, names)


def test_unseen_documents():
    """transform of documents that fit has not seen: unknown n-grams are left out alike."""
    documents = documents_of("torture")
    featurizer = Featurizer(replace(COUNTS, term_frequency="log", idf=True, norm="l2"))
    vectorizer = TfidfVectorizer(
        preprocessor=preprocess,
        decode_error="replace",
        token_pattern=r"\w+|[^\w\s]",
        ngram_range=(1, 2),
        sublinear_tf=True,
    )
    featurizer.fit(documents[::2])
    vectorizer.fit(documents[::2])
    ours, theirs = featurizer.transform(documents), vectorizer.transform(documents)
    check_same(featurizer, ours, theirs, vectorizer.get_feature_names_out(), rtol=1e-6)


@pytest.mark.slow
def test_the_preprocessor_is_str_lower_but_for_what_is_documented():
    """One code point at a time only İ differs; in a string, the sigma that ends a word too."""
    everything = [chr(c) for c in range(0x110000)]
    differ = [c for c in everything if naive.lower(c) != c.lower()]
    assert differ == ["\u0130"]
    plain = "".join(c for c in everything if c not in "\u0130\u03a3")
    assert naive.lower(plain) == plain.lower()
    assert naive.lower("ΑΣ ΑΣΑ") == "ας ασα".replace("ς", "σ")
    assert "ΑΣ ΑΣΑ".lower() == "ας ασα"
