"""The featurizer against its plain twin in naive.py, on torture documents and on random ones."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace

import naive
import numpy as np
import pytest
import torture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from textmlr import Featurizer, FeaturizerOptions
from textmlr.base.arrays import frozen
from textmlr.corpus.in_memory import batches_of
from textmlr.features import partitions, unicode_tables, vocabulary
from textmlr.features.options_array import options_array
from textmlr.kernels import csr_rows, hash_table, tokens
from textmlr.kernels.code_points import Text

COUNTS = FeaturizerOptions(
    term_frequency="raw", idf=False, norm=None, min_df=1, bias=False, ngrams=(1, 2)
)
WORDS = replace(COUNTS, ngrams=(1, 1))
# Each value of each option of the tokenizer and the n-grams, most pairs of them.
COMBINATIONS = [
    COUNTS,
    replace(COUNTS, lowercase=False, ngrams=(1, 3)),
    replace(COUNTS, punctuation=False),
    replace(COUNTS, split_scripts=False),
    replace(COUNTS, token_pattern=r"\w+"),
    replace(COUNTS, token_pattern=r"\w+", split_scripts=False, min_token_length=2),
    replace(COUNTS, punctuation=False, split_scripts=False, min_token_length=2, ngrams=(2, 3)),
    replace(COUNTS, lowercase=False, min_token_length=3, char_ngrams=(2, 3)),
    replace(COUNTS, ngrams=None, char_ngrams=(3, 5)),
    replace(COUNTS, ngrams=None, char_ngrams=(1, 2), punctuation=False, lowercase=False),
    replace(COUNTS, ngrams=(3, 3), char_ngrams=(6, 6), split_scripts=False, min_token_length=2),
]


def rows_of(matrix, names):
    """name → value of each row."""
    values, columns, bounds = matrix.data.tolist(), matrix.indices.tolist(), matrix.indptr.tolist()
    rows = []
    for first, last in itertools.pairwise(bounds):
        row = dict(zip([names[c] for c in columns[first:last]], values[first:last], strict=True))
        assert len(row) == last - first, "a column twice"
        rows.append(row)
    return rows


def difference(got, wanted, rtol=0.0):
    """The first few names on which two rows disagree."""
    return [
        (name, got.get(name), wanted.get(name))
        for name in got.keys() | wanted.keys()
        if not math.isclose(got.get(name, math.nan), wanted.get(name, math.nan), rel_tol=rtol)
    ][:5]


def check_counts(documents, options, where=None):
    """Counts, names and their order are the twin's."""
    featurizer = Featurizer(options)
    matrix = featurizer.fit_transform(documents)
    wanted = naive.counts(documents, options)
    names = featurizer.feature_names()
    assert len(set(names)) == len(names)
    rows = rows_of(matrix, names)
    for i, (row, count) in enumerate(zip(rows, wanted, strict=True)):
        if row != count:
            label = where[i] if where else documents[i]
            pytest.fail(f"{label!r:.200}: {difference(row, count)}")
    assert names == naive.feature_names(wanted, options)
    return featurizer


def check_weights(documents, options):
    featurizer = Featurizer(options)
    rows = rows_of(featurizer.fit_transform(documents), featurizer.feature_names())
    for row, wanted in zip(rows, naive.weights(documents, options), strict=True):
        assert not difference(row, wanted, rtol=1e-6)


def kernel_tokens(document, options, ascii_only=False):
    """(tokens as they stand in the document, number of invalid pieces), from the kernel."""
    return kernel_split(document, options, ascii_only)[1:]


def kernel_split(document, options, ascii_only=False, dropped=()):
    """(hashes of tokens, tokens as they stand in the document, number of invalid pieces).

    dropped  hashes that are left out
    """
    (batch,) = batches_of([document])
    lower, kind = unicode_tables.frozen_tables(options, ascii_only)
    table = np.zeros(0, np.uint64)
    if dropped:
        table = np.zeros(2 << len(dropped).bit_length(), np.uint64)
        for h in dropped:
            slot = h % len(table)
            while table[slot]:
                slot = (slot + 1) % len(table)
            table[slot] = h
    size = batch.text_bytes + 1
    hashes, offsets = np.empty(size, np.uint64), np.empty(2, np.int64)
    starts, stops = np.empty(size, np.int64), np.empty(size, np.int64)
    invalid = tokens.split(
        Text(frozen(batch.text), lower, kind, frozen(table)),
        frozen(batch.starts),
        frozen(batch.stops),
        frozen(options_array(options)),
        tokens.Tokens(hashes, starts, stops, offsets),
    )
    blob = batch.text.tobytes()
    spans = zip(starts[: offsets[1]].tolist(), stops[: offsets[1]].tolist(), strict=True)
    return hashes[: offsets[1]].tolist(), [blob[first:last] for first, last in spans], invalid


def invalid_pieces(document):
    if isinstance(document, str):
        return 0
    replaced = document.decode("utf-8", "replace").count("\ufffd")
    return replaced - document.count("\ufffd".encode())


@pytest.mark.slow
@pytest.mark.parametrize("options", COMBINATIONS, ids=range(len(COMBINATIONS)))
def test_counts_equal_the_twin_on_every_torture_document(options):
    names, documents = zip(*torture.documents(), strict=True)
    check_counts(documents, options, names)


@pytest.mark.slow
@pytest.mark.parametrize("options", COMBINATIONS[:6], ids=range(6))
def test_tokens_of_the_kernel_stand_where_they_are_found(options):
    for name, document in torture.documents():
        found, invalid = kernel_tokens(document, options)
        plain = replace(options, lowercase=False, normalize=None)
        text = naive.decode(document)
        spans = [text[start:stop] for _, start, stop in naive.token_spans(document, plain)]
        assert [piece.decode("utf-8", "replace") for piece in found] == spans, name
        assert invalid == invalid_pieces(document), name
        if document.isascii():
            assert kernel_tokens(document, options, ascii_only=True) == (found, 0), name


def test_dropped_tokens_are_left_out():
    """By their hashes, whatever else shares their slots."""
    for name, document in itertools.islice(torture.documents(), 60):
        hashes, pieces, invalid = kernel_split(document, COUNTS)
        distinct = list(dict.fromkeys(hashes))
        for chosen in (distinct[::2], distinct[:1], distinct):
            kept = [(h, piece) for h, piece in zip(hashes, pieces, strict=True) if h not in chosen]
            found, words, bad = kernel_split(document, COUNTS, dropped=chosen)
            assert list(zip(found, words, strict=True)) == kept, name
            assert bad == invalid, name


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        FeaturizerOptions(min_df=1),
        FeaturizerOptions(term_frequency="raw", idf=False, bias=False, min_df=1),
        FeaturizerOptions(term_frequency="binary", char_ngrams=(2, 4), norm=None, min_df=2),
        FeaturizerOptions(term_frequency="binary", ngrams=(1, 1), min_df=2, max_features=500),
        FeaturizerOptions(ngrams=(2, 2), min_df=1),
    ],
    ids=range(5),
)
def test_weights_equal_the_twin_on_every_torture_document(options):
    check_weights([document for _, document in torture.documents()], options)


@pytest.mark.slow
def test_every_broken_byte_sequence():
    documents = list(torture.byte_sequences())
    featurizer = check_counts(documents, WORDS)
    assert featurizer.invalid == sum(map(invalid_pieces, documents))


@pytest.mark.slow
@pytest.mark.parametrize("token_pattern", [None, r"\w+"])
@pytest.mark.parametrize("split_scripts", [True, False])
def test_every_code_point(split_scripts, token_pattern):
    """Kind and lower case, alone and before a letter, by the names of the features.

    Past the tables, where the next test shows that there is little, only some of each plane.
    """
    options = replace(WORDS, split_scripts=split_scripts, token_pattern=token_pattern)
    past = [*range(unicode_tables.LIMIT, 0x110000, 101), *range(0xE0000, 0xE1000), 0x10FFFF]
    points = [chr(c) for c in [*range(unicode_tables.LIMIT), *past] if not 0xD800 <= c < 0xE000]
    document = " ".join(points) + " " + " ".join([c + "Q" for c in points])
    featurizer = Featurizer(options).fit([document])
    assert featurizer.feature_names() == list(dict.fromkeys(naive.tokens(document, options)))


def test_no_letters_past_the_tables():
    """What tables() says of code points from LIMIT on: no letters, no case, few marks."""
    for c in map(chr, range(unicode_tables.LIMIT, 0x110000)):
        assert not c.isalnum()
        assert not c.isspace()
        assert c.lower() == c
        assert naive.is_mark(c) == ("\U000e0100" <= c <= "\U000e01ef")


@pytest.mark.slow
def test_big_documents():
    for name, document in torture.big_documents():
        featurizer = check_counts([document], COUNTS, [name])
        assert featurizer.invalid == invalid_pieces(document)


def test_character_ngrams_of_one_long_token():
    name, document = next(torture.big_documents())
    options = replace(COUNTS, ngrams=None, char_ngrams=(3, 5))
    featurizer = Featurizer(options)
    matrix = featurizer.fit_transform([document])
    assert matrix.data.sum(dtype=np.float64) == sum(len(document) + 2 - n + 1 for n in (3, 4, 5)), (
        name
    )
    # The token repeats itself every seven characters, so that its n-grams do too.
    short = "überaus" * 3
    want = naive.grams([short], options)
    assert featurizer.feature_names() == naive.feature_names([Counter(want)], options)


TRICKY = st.sampled_from(
    "aAbBzZ09_ .,!-\t\n\0\x1f\x7f\x85\xa0éÉßẞſİıΣσςKÅǅﬁ٣१𝟏ⅷ²กา่๑漢字かﾞー〇𠀀𗀀ㄅང༑\u0301\u0483\u093e"
    "\u200d\u200b\u2028\u20e3\ufe0f\ufeff\ufffd\uffff\ud800\udfff😀🏽🇩\U000e0100\U0010ffff"
)
FRAGMENTS = st.sampled_from(
    [
        *(b"a", b" ", b"\x80", b"\xff", b"\xc0\x80", b"\xcc\x81", b"\xc3", b"\xa9"),
        *(b"\xe0", b"\xe0\xb8", b"\xe0\xb8\x81", b"\xed\xa0"),
        *(b"\xf0\x9f", b"\xf0\x9f\x98", b"\xf0\x9f\x98\x80", b"\xf4\x90"),
    ]
)
DOCUMENTS = st.one_of(
    st.text(TRICKY, max_size=30),
    st.text(st.characters(exclude_categories=()), max_size=30),
    st.binary(max_size=30),
    st.lists(FRAGMENTS, max_size=15).map(b"".join),
)
RANGES = st.tuples(st.integers(1, 4), st.integers(0, 3)).map(lambda pair: (pair[0], sum(pair)))
OPTIONS = st.builds(
    FeaturizerOptions,
    lowercase=st.booleans(),
    punctuation=st.booleans(),
    split_scripts=st.booleans(),
    token_pattern=st.sampled_from([None, r"\w+"]),
    min_token_length=st.integers(1, 3),
    ngrams=RANGES,
    char_ngrams=st.none() | RANGES,
    term_frequency=st.sampled_from(["binary", "raw", "log"]),
    idf=st.sampled_from([True, False, None]),
    norm=st.sampled_from(["l2", None]),
    min_df=st.sampled_from([None, 1, 2]),
    max_features=st.sampled_from([None, 5]),
)
SEARCH = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)


@pytest.mark.slow
@SEARCH
@given(st.lists(DOCUMENTS, min_size=1, max_size=6), OPTIONS)
def test_counts_equal_the_twin_on_random_documents(documents, options):
    options = replace(
        options, term_frequency="raw", idf=False, norm=None, bias=False, min_df=1, max_features=None
    )
    if any(naive.counts(documents, options)):
        check_counts(documents, options)


@pytest.mark.slow
@SEARCH
@given(st.lists(DOCUMENTS, min_size=1, max_size=6), OPTIONS)
def test_weights_equal_the_twin_on_random_documents(documents, options):
    check_weights(documents, options)


def test_a_worked_example():
    """By hand: 3 documents; df of "the" 3, of "cat" 2, of "dog" 1."""
    documents = ["The cat, the", "the cat", "the dog"]
    options = FeaturizerOptions(ngrams=(1, 1), punctuation=False)
    featurizer = Featurizer(options)
    rows = rows_of(featurizer.fit_transform(documents), featurizer.feature_names())
    assert featurizer.feature_names() == ["(bias)", "the", "cat", "dog"]
    the, cat, dog = 1.0, math.log(4 / 3) + 1, math.log(4 / 2) + 1
    twice = (1 + math.log(2)) * the
    length = math.hypot(twice, cat)
    assert rows[0] == pytest.approx({"(bias)": 1, "the": twice / length, "cat": cat / length})
    length = math.hypot(the, cat)
    assert rows[1] == pytest.approx({"(bias)": 1, "the": the / length, "cat": cat / length})
    length = math.hypot(the, dog)
    assert rows[2] == pytest.approx({"(bias)": 1, "the": the / length, "dog": dog / length})


def test_names():
    options = replace(COUNTS, bias=True, char_ngrams=(3, 3))
    names = Featurizer(options).fit(["Ab, 漢字"]).feature_names()
    words = ["(bias)", "ab", ",", "ab ,", "漢", ", 漢", "字", "漢 字"]
    assert names == [*words, "char: ab", "char:ab ", "char: , ", "char: 漢 ", "char: 字 "]


def test_the_rarest_features_of_a_large_vocabulary_go_unless_asked_for(monkeypatch):
    documents = ["a b", "a c", "a d"]
    automatic = replace(WORDS, min_df=None)
    assert Featurizer(automatic).fit(documents).feature_names() == ["a", "b", "c", "d"]
    for module in (partitions, vocabulary):
        monkeypatch.setattr(module, "MANY_FEATURES", 3)
    assert Featurizer(automatic).fit(documents).feature_names() == ["a"]
    assert Featurizer(WORDS).fit(documents).feature_names() == ["a", "b", "c", "d"]


def test_unseen_words_are_left_out():
    featurizer = Featurizer(WORDS).fit(["a b"])
    assert rows_of(featurizer.transform(["b c b", "c"]), ["a", "b"]) == [{"b": 2}, {}]


def test_each_kernel_compiles_once():
    """Whatever the input: one signature a kernel.

    Kernels that only kernels call are left out: Numba compiles those again for literal arguments.
    """
    for documents in (["a b", "b"], ["ก 漢 é"], [b"\xff"], [""], torture.SENTENCES.values()):
        for options in (*COMBINATIONS[:7], FeaturizerOptions(hash_bits=8, idf=True)):
            featurizer = Featurizer(replace(options, bias=True)).fit(documents)
            featurizer.transform(np.array(["x", "é"]))
    for module in (tokens, csr_rows, hash_table):
        for name, kernel in vars(module).items():
            if hasattr(kernel, "signatures") and not name.startswith("_"):
                assert len(kernel.signatures) <= 1, (name, kernel.signatures)


def test_a_featurizer_is_shown_in_three_lines() -> None:
    featurizer = Featurizer(FeaturizerOptions(ngrams=(1, 1), idf=False, norm=None))
    assert repr(featurizer) == (
        "Featurizer, not fitted yet\noptions: ngrams=(1, 1), char_ngrams=None, idf=False, norm=None"
        "\nuse it: featurizer.fit(texts)"
    )
    featurizer.fit(["the cat", "the cat and the dog"])
    assert repr(featurizer).splitlines()[::2] == [
        "Featurizer of 5 features, fitted to 2 documents",
        "use it: featurizer.transform(texts), featurizer.feature_names()",
    ]
    hashed = Featurizer(FeaturizerOptions(hash_bits=4, idf=False))
    assert repr(hashed).startswith("Featurizer of 16 features, which needs no fit\n")
