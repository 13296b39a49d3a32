"""A corpus as a sequence of documents: in memory, of files, and on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from textmlr import Corpus, Featurizer, FeaturizerOptions, InputError, read_corpus, train
from textmlr.corpus.corpus import files_of
from textmlr.corpus.disk_corpus import CorpusWriter, restore
from textmlr.corpus.documents import Document, drawn
from textmlr.corpus.reading import scan
from textmlr.training.corpus_training import train_corpus

TEXTS = [f"text {i} é" for i in range(23)]
LABELS = ["abc"[i % 3] for i in range(22)] + ["rare"]
PAIRS = list(zip(TEXTS, LABELS, strict=True))


@pytest.fixture(params=["memory", "batches", "files", "disk"])
def corpus(request, tmp_path):
    """One corpus in each form that there is."""
    if request.param == "memory":
        return Corpus.of(TEXTS, LABELS)
    if request.param == "batches":
        parts = Corpus.of(TEXTS[:9], LABELS[:9]).batches + Corpus.of(TEXTS[9:], LABELS[9:]).batches
        return Corpus.of(parts, LABELS)
    paths = []
    for name, begin, end in (("1.tsv", 0, 7), ("2.tsv", 7, 23)):
        lines = "".join(f"{label}\t{text}\n" for text, label in PAIRS[begin:end])
        (tmp_path / name).write_text(lines)
        paths.append(tmp_path / name)
    if request.param == "files":
        return read_corpus(paths)
    writer = CorpusWriter(str(tmp_path), weighted=False)
    for number, path in enumerate(paths):
        for chunk in scan([path], tables=False, chunk_bytes=60):
            writer.add(chunk, number)
    return restore(str(tmp_path), writer.finish([str(path) for path in paths]))


def test_a_corpus_is_the_sequence_of_its_documents(corpus):
    assert isinstance(corpus, Sequence)
    assert len(corpus) == 23
    assert list(corpus) == PAIRS
    assert [corpus[i] for i in range(23)] == PAIRS
    assert [corpus[i] for i in range(-23, 0)] == PAIRS
    assert list(reversed(corpus)) == PAIRS[::-1]
    assert corpus[np.int64(3)] == Document("text 3 é", "a") == ("text 3 é", "a")
    assert corpus[3].text, corpus[3].label == PAIRS[3]
    assert PAIRS[4] in corpus
    assert ("text 4 é", "a") not in corpus
    assert corpus.index(PAIRS[4]) == 4
    assert corpus.count(PAIRS[4]) == 1
    for i in (23, -24):
        with pytest.raises(IndexError, match=f"there is no document {i}: the corpus has 23"):
            corpus[i]
        with pytest.raises(IndexError, match="there is no document"):
            corpus.place(i)
    for wrong in ("a", 1.0, True, None):
        with pytest.raises(InputError, match="the number of a document"):
            corpus[wrong]


@pytest.mark.parametrize(
    "cut", [slice(None), slice(3), slice(-4, None), slice(2, 20, 5), slice(5, 5), slice(99, 200)]
)
def test_a_slice_is_the_corpus_of_its_documents(corpus, cut):
    part = corpus[cut]
    assert isinstance(part, Corpus)
    assert list(part) == PAIRS[cut]
    assert part.labels == sorted({label for _, label in PAIRS[cut]})


def test_a_slice_that_goes_backwards_is_refused(corpus):
    with pytest.raises(InputError, match="goes backwards"):
        corpus[::-1]


def test_texts_and_labels_of_documents(corpus):
    texts = corpus.texts
    assert isinstance(texts, Sequence)
    assert (len(texts), list(texts), texts[-1], texts[2:4]) == (23, TEXTS, TEXTS[-1], TEXTS[2:4])
    assert repr(texts) == "<23 texts of a corpus: 'text 0 é', …>"
    assert corpus.labels_of.tolist() == LABELS
    assert corpus.labels_of.shape == (23,)
    again = Corpus.of(corpus.texts, corpus.labels_of)
    assert list(again) == PAIRS


def test_a_data_frame_of_it():
    frame = Corpus.of(TEXTS, LABELS).to_pandas()
    assert list(frame.itertuples(index=False, name=None)) == PAIRS
    weighed = Corpus.of(["a", "b"], ["x", "y"], [1, 0.5]).to_pandas()
    assert weighed.columns.tolist() == ["text", "label", "weight"]
    assert weighed["weight"].tolist() == [1, 0.5]


def test_split_divides_every_label(corpus):
    first, second = corpus.split(0.25, seed=3)
    assert sorted([*first, *second]) == sorted(PAIRS)
    assert len(second) == round(0.25 * 23)
    assert Counter(second.labels_of) == {"a": 2, "b": 2, "c": 2}
    assert "rare" in first.labels  # with one document, it is for training
    again = corpus.split(0.25, seed=3)
    assert [list(part) for part in again] == [list(first), list(second)]
    assert list(corpus.split(0.25, seed=4)[1]) != list(second)
    for part in (first, second):  # in the corpus's order
        assert [PAIRS.index(one) for one in part] == sorted(PAIRS.index(one) for one in part)


def test_parts_of_a_split_can_be_used():
    corpus = Corpus.of(["good fun", "bad bore"] * 40, ["pos", "neg"] * 40, np.arange(80))
    first, second = corpus.split()
    assert len(second) == 16
    assert sorted([*first.weights, *second.weights]) == list(range(80))
    assert train_corpus(first).labels == ["neg", "pos"]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.999])
def test_shares_of_labels_of_any_size(share):
    rng = np.random.default_rng(0)
    y = rng.choice(12, 700, p=np.arange(1, 13) / 78).astype(np.int32)
    second = drawn(y, share, 1)
    sizes, taken = np.bincount(y), np.bincount(y[second], minlength=12)
    most = sizes - 1
    assert second.sum() == min(round(share * 700), most.sum())
    assert (taken <= most).all()
    assert (abs(taken - share * sizes) <= 1 + 1e-9).all()


def test_what_cannot_be_split_is_refused():
    corpus = Corpus.of(["a", "b", "c"], ["x", "y", "z"])
    for share in (0, 0.2, 0.5):
        with pytest.raises(InputError, match="each label keeping one, is none; give a larger"):
            corpus.split(share)
    for share in (1, 1.5, -0.1, "half", None):
        with pytest.raises(InputError, match="share="):
            corpus.split(share)
    with pytest.raises(InputError, match="seed="):
        corpus.split(0.2, seed="x")


def test_it_is_shown_in_three_lines():
    many = Corpus.of([f"text {i}" for i in range(2000)], [f"label {i % 50}" for i in range(2000)])
    lines = repr(many).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) < 100
    assert lines[0] == "Corpus of 2,000 documents with 50 labels, 16.9 KB of text"
    assert lines[1].endswith("label 13 40 and 44 more")
    assert repr(Corpus.of(["a"], ["\x1b[31m"])).isascii()
    assert "\x1b" not in repr(Corpus.of(["a"], ["\x1b[31m"]))
    assert repr(Corpus.of([], [])).startswith("Corpus of 0 documents with 0 labels, 0 bytes")


def test_a_notebook_shows_its_first_documents():
    html = Corpus.of(["<script>alert(1)</script>"] * 7, ["<b>", "a"] * 3 + ["a"])._repr_html_()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 5
    assert "&lt;b&gt;" in html
    assert "and 2 more" in html


def test_texts_may_be_a_corpus(corpus):
    featurizer = Featurizer(FeaturizerOptions(ngrams=(1, 1)))
    whole = featurizer.fit_transform(TEXTS).toarray()
    assert (featurizer.fit_transform(corpus).toarray() == whole).all()
    assert list(Corpus.of(corpus, corpus.labels_of)) == PAIRS


def test_messages_name_few_files_and_no_memory():
    corpus = Corpus.of([], [])
    with pytest.raises(InputError, match=r"^the corpus has 0 labels; give"):
        train(corpus)
    with pytest.raises(InputError, match=r"^the corpus has 1 label, 'x'; give"):
        train(["a", "b"], ["x", "x"])
    assert files_of(replace(corpus, names=["a.csv", "memory", "a.csv"])) == "a.csv"
    many = replace(corpus, names=[str(i) for i in range(2000)])
    assert files_of(many) == "0, 1, 2, 3, 4 and 1,995 more"
