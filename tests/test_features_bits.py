"""Order, threads, earlier use, the origin of parts and Numba change no bit of features."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torture
from hypothesis import given, settings
from hypothesis import strategies as st
from test_features_input import HASHED, TEXTS, bits, fitted

from textmlr import Featurizer, FeaturizerOptions, InputError


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(st.permutations(range(len(torture.SENTENCES))))
def test_the_order_of_documents_permutes_rows(order):
    documents = list(torture.SENTENCES.values())
    shuffled = [documents[i] for i in order]
    for options in (FeaturizerOptions(), HASHED):
        featurizer = Featurizer(options).fit(documents)
        moved = featurizer.transform(documents)[list(order)]
        found = featurizer.transform(shuffled)
        assert found.data.tobytes() == moved.data.tobytes()
        assert (found.indices == moved.indices).all()
        assert (found.indptr == moved.indptr).all()
    ours, theirs = Featurizer().fit(documents), Featurizer().fit(shuffled)
    assert sorted(ours.feature_names()) == sorted(theirs.feature_names())
    column = {name: i for i, name in enumerate(theirs.feature_names())}
    moved = theirs.transform(documents)[:, [column[name] for name in ours.feature_names()]]
    # The sum of squares of a row is added up in another order.
    np.testing.assert_allclose(
        moved.toarray(), ours.transform(documents).toarray(), rtol=1e-6, atol=0
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [FeaturizerOptions(), FeaturizerOptions(char_ngrams=(3, 3), ngrams=(1, 1)), HASHED],
    ids=range(3),
)
def test_threads_change_no_bit(options):
    """Over many blocks of text, some of them a single document, and several Arrow chunks."""
    documents = [document for _, document in torture.documents() if isinstance(document, str)]
    documents = [text.replace("\ud800", "") for text in documents] * 8
    documents[20:20] = [" ".join(documents[:300]), "ab " * 400_000]
    found = []
    for threads in (1, 2, 7):
        featurizer = Featurizer(options)
        matrix = featurizer.fit_transform(documents, threads=threads)
        names = [] if options.hash_bits else featurizer.feature_names()
        idf = b"" if featurizer.idf is None else featurizer.idf.tobytes()
        assert bits(featurizer.transform(documents, threads=threads)) == bits(matrix)
        found.append((bits(matrix), names, idf))
    assert found[0] == found[1] == found[2]


def test_callers_in_several_threads_share_a_featurizer():
    documents = list(torture.SENTENCES.values())
    featurizer = Featurizer().fit(documents)
    wanted = bits(featurizer.transform(documents))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: bits(featurizer.transform(documents)), range(50)))
    assert set(found) == {wanted}


def test_a_second_fit_forgets_the_first():
    featurizer = Featurizer().fit(["some other text"], ["label"])
    assert bits(featurizer.fit_transform(TEXTS)) == fitted(TEXTS)[0]
    assert featurizer.feature_names() == fitted(TEXTS)[1]
    assert featurizer.labels is None
    for nothing in ([], ["a", None], "text"):  # what cannot be fitted changes nothing
        with pytest.raises(InputError):
            featurizer.fit(nothing)
    assert bits(featurizer.transform(TEXTS)) == fitted(TEXTS)[0]


@pytest.mark.parametrize("little", [False, True])
def test_a_restored_featurizer_is_the_same(little, monkeypatch):
    """With a table of all features, and with one of those alone that are looked up."""
    monkeypatch.setattr(Featurizer, "asks_little", little)
    documents = [document for _, document in torture.documents()]
    first = Featurizer(FeaturizerOptions(min_df=1)).fit(documents, ["a"] * len(documents))
    second = Featurizer.restore(
        first.options, first.vocabulary, first.idf, first.labels, first.documents
    )
    for texts in (TEXTS, ["unknown words only"], documents, TEXTS):
        assert bits(second.transform(texts)) == bits(first.transform(texts))
    assert second.feature_names() == first.feature_names()


PLAIN = """
import hashlib, sys
sys.path.insert(0, {tests!r})
from textmlr.kernels.jit import run_plain
assert run_plain()
from test_features_bits import digest_of_everything
print(digest_of_everything())
from textmlr.kernels import tokens
assert not hasattr(tokens.split, "signatures")
"""


# The most n-grams from the fewest bytes: buffers are just large enough, and in plain Python an
# index past their end is an error.
TIGHT_DOCUMENTS = ["!" * 50, "!", "a", "a b c d", "ab" * 30, "字字", "é!é!"]
TIGHT = [
    FeaturizerOptions(ngrams=words, char_ngrams=characters)
    for words in (None, (1, 1), (1, 16), (16, 16))
    for characters in (None, (1, 1), (2, 3), (1, 16), (16, 16))
    if words or characters
]


def digest_of_everything():
    """A digest of names and bits of small documents, by several options."""
    groups = (torture.SENTENCES, torture.EMOJI, torture.LETTERS, torture.MARKS)
    documents = [text for group in groups for text in group.values()]
    documents += [b"".join(list(torture.byte_sequences())[65_800:66_100]), *TEXTS[:5]]
    digest = hashlib.sha256()
    for options in (FeaturizerOptions(min_df=1, char_ngrams=(3, 4)), HASHED):
        featurizer = Featurizer(options)
        digest.update(repr(bits(featurizer.fit_transform(documents))).encode())
        digest.update(str(featurizer.invalid).encode())
        if options.hash_bits is None:
            digest.update("\n".join(featurizer.feature_names()).encode())
    for options in TIGHT:
        for document in TIGHT_DOCUMENTS:
            digest.update(repr(fitted([document], options)).encode())
    return digest.hexdigest()


@pytest.mark.slow
def test_kernels_left_as_plain_python_give_the_same_bits():
    code = PLAIN.format(tests=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest_of_everything()
