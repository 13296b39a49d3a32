"""Documents that stand more than once: found, recognised from a model file, and reported."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import documents, write_tsv
from hypothesis import given, settings
from hypothesis import strategies as st
from test_house import loaded

from textmlr import Corpus, FeaturizerOptions, Model, TrainingOptions, read_corpus
from textmlr.base.arrays import frozen
from textmlr.base.errors import ModelFileError
from textmlr.base.tensor_file import load, save
from textmlr.cli import cli
from textmlr.corpus.batch import Batch
from textmlr.corpus.duplicates import (
    KEY_BITS,
    LEAST_KEYS,
    MOST_TEXTS,
    WHOLE,
    DuplicateCounter,
    Duplicates,
    Overlap,
    Sketch,
    duplicates_of,
    fingerprints,
)
from textmlr.corpus.in_memory import batches_of
from textmlr.evaluation.evaluation import judge
from textmlr.evaluation.labelled_answers import answer
from textmlr.kernels import fingerprints as kernels
from textmlr.model.model_parts import UpdateState
from textmlr.model.record import DuplicatesRecord
from textmlr.model.small_file.compression import compress
from textmlr.training.corpus_training import train_corpus
from textmlr.training.training_notes import duplicate_notes, overlap_notes
from textmlr.training.update.model_update import update_model

pytestmark = pytest.mark.slow  # many, and each trains

SPACE = b" \t\n\r\x0b\x0c"
QUICK = FeaturizerOptions(ngrams=(1, 1), char_ngrams=None)
# Of the xxHash specification's own test values, and of its command xxhsum.
XXH64 = {
    b"a": 0xD24EC4F1A98C6E5B,
    b"abc": 0x44BC2CF5AD770999,
    b"Nobody inspects the spammish repetition": 0xFBCEA83C8A378BF1,
}
M64 = (1 << 64) - 1
P1, P2, P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P4, P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def naive_xxh64(data: bytes) -> int:
    """XXH64 of seed 0, as its specification says it."""

    def rotated(x: int, by: int) -> int:
        return (x << by | x >> 64 - by) & M64

    def step(lane: int, word: bytes) -> int:
        return rotated((lane + int.from_bytes(word, "little") * P2) & M64, 31) * P1 & M64

    rest = data
    if len(data) >= 32:
        lanes = [(P1 + P2) & M64, P2, 0, -P1 & M64]
        while len(rest) >= 32:
            lanes = [step(lane, rest[8 * i : 8 * i + 8]) for i, lane in enumerate(lanes)]
            rest = rest[32:]
        h = sum(rotated(lane, by) for lane, by in zip(lanes, (1, 7, 12, 18), strict=True)) & M64
        for lane in lanes:
            h = ((h ^ step(0, lane.to_bytes(8, "little"))) * P1 + P4) & M64
    else:
        h = P5
    h = (h + len(data)) & M64
    while len(rest) >= 8:
        h = (rotated(h ^ step(0, rest[:8]), 27) * P1 + P4) & M64
        rest = rest[8:]
    if len(rest) >= 4:
        h = (rotated(h ^ int.from_bytes(rest[:4], "little") * P1 & M64, 23) * P2 + P3) & M64
        rest = rest[4:]
    for byte in rest:
        h = rotated(h ^ byte * P5 & M64, 11) * P1 & M64
    h = (h ^ h >> 33) * P2 & M64
    h = (h ^ h >> 29) * P3 & M64
    return h ^ h >> 32


def naive_found(texts: list[bytes], y: list[int]) -> tuple[int, int, tuple[int, int] | None]:
    """(contradictory, repeated, first) by a dict of texts."""
    of_text = defaultdict(list)
    for i, text in enumerate(texts):
        if text.strip(SPACE):
            of_text[text.strip(SPACE)].append(i)
    contradictory = repeated = 0
    pairs = []
    for own in of_text.values():
        others = [i for i in own if y[i] != y[own[0]]]
        if others:
            contradictory += len(own)
            pairs.append((others[0], own[0]))
        else:
            repeated += len(own) - 1
    return contradictory, repeated, min(pairs)[::-1] if pairs else None


def of(found: Duplicates) -> tuple[int, int, tuple[int, int] | None]:
    return found.contradictory, found.repeated, found.first


def added(
    texts: list[bytes], y: list[int], cuts: list[int], threads: int = 1, most: int = MOST_TEXTS
):
    """What is found in texts that come in batches, cut at some places."""
    counter = DuplicateCounter(threads, most)
    edges = [0, *sorted(min(cut, len(texts)) for cut in cuts), len(texts)]
    for first, last in pairwise(edges):
        counter.add(batches_of(texts[first:last])[0], np.array(y[first:last], np.int32))
    return counter.finish()


# --- the kernel


@given(st.binary(max_size=140))
@settings(max_examples=200, deadline=None)
def test_fingerprints_are_xxh64_of_the_text_without_space_around_it(text: bytes) -> None:
    own = text.strip(SPACE)
    expected = (naive_xxh64(own) or 1) if own else 0
    assert fingerprints(batches_of([text]), 1).tolist() == [expected]


def test_fingerprints_as_others_reckon_them() -> None:
    assert fingerprints(batches_of([*XXH64]), 1).tolist() == [*XXH64.values()]
    assert [naive_xxh64(text) for text in XXH64] == [*XXH64.values()]


def test_documents_lie_anywhere_in_their_buffer() -> None:
    text = np.frombuffer(b"?" + bytes(range(33, 123)) + b"?" + bytes(range(33, 123)) + b"!", "u1")
    out = np.zeros(2, np.uint64)
    starts, stops = np.array([1, 92]), np.array([91, 182])
    kernels.fingerprints(frozen(text), frozen(starts), frozen(stops), out)
    assert out[0] == out[1] == naive_xxh64(bytes(range(33, 123)))


def test_one_signature() -> None:
    fingerprints([Batch(np.frombuffer(b"x", "u1"), np.zeros(1, np.int64), np.ones(1, np.int64))], 1)
    fingerprints(batches_of(["a", "b"]), 2)
    if hasattr(kernels.fingerprints, "signatures"):
        assert len(kernels.fingerprints.signatures) == 1


# --- what is found

TEXTS = st.sampled_from(
    [b"", b" \n", b"a", b"a ", b"\tb", b"b", b"B", b"\xff", b"long " * 20, b"c"]
)


@given(
    st.lists(st.tuples(TEXTS, st.integers(0, 2)), max_size=40),
    st.lists(st.integers(0, 40), max_size=4),
)
@settings(max_examples=200, deadline=None)
def test_found_is_what_a_dict_of_texts_finds(pairs, cuts) -> None:
    texts, y = [text for text, _ in pairs], [label for _, label in pairs]
    found = added(texts, y, cuts)
    assert of(found) == naive_found(texts, y)
    assert found.exact
    keys = {(naive_xxh64(t.strip(SPACE)) or 1) >> 64 - KEY_BITS for t in texts if t.strip(SPACE)}
    assert found.sketch.keys.tolist() == sorted(keys)


def test_order_and_threads_do_not_matter() -> None:
    rng = random.Random(1)
    texts = [f"text {rng.randrange(3000)}".encode() * 40 for _ in range(4000)]
    y = [rng.randrange(2) for _ in texts]
    once = added(texts, y, [])
    for seed in range(3):
        order = list(range(len(texts)))
        random.Random(seed).shuffle(order)
        again = added([texts[i] for i in order], [y[i] for i in order], [7, 1900], threads=4)
        assert (again.contradictory, again.repeated) == (once.contradictory, once.repeated)
        assert (again.sketch.keys == once.sketch.keys).all()
    assert of(once) == naive_found(texts, y)


def test_documents_of_weight_0_do_not_count() -> None:
    corpus = Corpus.of(["a", "a", "b", "b", "c"], list("xyxyx"), [1, 0, 1, 1, 0])
    found = duplicates_of(corpus, 1)
    assert of(found) == (2, 0, (2, 3))
    assert len(found.sketch.keys) == 2


@pytest.mark.parametrize("most", [300, 1000])
def test_of_many_texts_some_tell_of_all(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Estimates lie around the truth, in memory that is bounded, as the standard error says."""
    monkeypatch.setattr("textmlr.corpus.duplicates.PENDING", 64)
    off = []
    for seed in range(30):
        rng = random.Random(seed)
        texts = [f"{seed} {rng.randrange(3000)}".encode() for _ in range(4000)]
        y = [rng.randrange(2) for _ in texts]
        found = added(texts, y, list(range(0, 4000, 100)), most=most)
        truth = naive_found(texts, y)
        assert not found.exact
        assert len(found.sketch.keys) <= most
        off.append((found.contradictory / truth[0] - 1, found.repeated / truth[1] - 1))
        i, j = found.first or (0, 0)
        assert texts[i] == texts[j]
        assert y[i] != y[j]
    means, spread = np.mean(off, axis=0), np.std(off, axis=0)
    assert (abs(means) < 3 * spread / np.sqrt(len(off))).all()
    assert (spread > 0).all()
    assert (spread < 3 / np.sqrt(most * 0.2)).all()


def test_texts_of_many_documents_are_never_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textmlr.corpus.duplicates.PENDING", 64)
    rng = random.Random(1)
    for seed in range(5):
        texts = [f"{seed} {i}" for i in range(4000)] + ["often"] * 2000 + ["and often"] * 2000
        rng.shuffle(texts)
        y = [int(text != "and often" and i % 2 == 0) for i, text in enumerate(texts)]
        found = added([text.encode() for text in texts], y, list(range(0, 8000, 100)), most=400)
        assert not found.exact
        assert (found.contradictory, found.repeated) == (2000, 1999)
        assert len(found.sketch.keys) <= 400


def test_memory_is_bounded_where_every_text_is_of_many_documents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("textmlr.corpus.duplicates.PENDING", 64)
    counter = DuplicateCounter(1, most=40)
    batch = batches_of([str(i % 300) for i in range(100 * 300)])[0]
    counter.add(batch, np.zeros(len(batch), np.int32))
    assert len(counter._texts) <= 50
    found = counter.finish()
    assert 0 < found.repeated < 4 * 300 * 99


def test_one_text_many_times_takes_one_row() -> None:
    counter = DuplicateCounter(1, most=10)
    batch = batches_of(["the same"] * 1000)[0]
    for _ in range(20):
        counter.add(batch, np.arange(1000, dtype=np.int32))
    found = counter.finish()
    assert of(found) == (20_000, 0, (0, 1))
    assert found.exact


# --- sketches


def test_overlap_is_exact_of_small_corpora() -> None:
    sketch = duplicates_of(Corpus.of(["one", "two", "", "three"], list("abab")), 1).sketch
    batches = batches_of([" one\n", "One", "four", "", "three", "three"])
    assert sketch.overlap(batches, 1) == Overlap(3, exact=True)
    assert (
        duplicates_of(Corpus.of(["", " "], list("ab")), 1).sketch.overlap(batches, 2).documents == 0
    )
    assert Sketch(np.zeros(1, np.uint64)).overlap(batches_of(["", " "]), 1).documents == 0


def test_overlap_of_large_corpora_is_estimated_without_bias() -> None:
    rng = np.random.default_rng(3)
    estimates = []
    for seed in range(60):
        keys = np.unique(rng.integers(0, WHOLE, 5000, dtype=np.uint64))
        sketch = Sketch.smallest(keys, most=500)
        assert len(sketch.keys) == 500
        assert sketch.bound == int(keys[500])
        texts = [f"{seed}: {i}" for i in range(1000)]
        own = np.unique(fingerprints(batches_of(texts[:400]), 1) >> np.uint64(64 - KEY_BITS))
        sketch = Sketch.smallest(np.union1d(keys, own), most=500)
        overlap = sketch.overlap(batches_of(texts), 1)
        assert not overlap.exact
        estimates.append(overlap.documents)
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - 400) < 3 * error
    assert 20 < np.std(estimates) < 120  # √(400·(1 − s)/s) with s = 500/5400 is 63


@given(
    st.sets(st.integers(0, WHOLE - 1), max_size=60), st.sets(st.integers(0, WHOLE - 1), max_size=60)
)
@settings(deadline=None)
def test_a_joined_sketch_is_that_of_both(a: set[int], b: set[int]) -> None:
    def sketch(keys: set[int]) -> Sketch:
        return Sketch.smallest(np.array(sorted(keys), np.uint64), most=25)

    both, joined = sketch(a | b), sketch(a).joined(sketch(b))
    # Of both sketches no more is known than below the smaller bound: as much, or nearly.
    assert joined.bound == min(sketch(a).bound, sketch(b).bound)
    assert set(joined.keys.tolist()) == {key for key in a | b if key < joined.bound}
    assert set(both.keys.tolist()) <= set(joined.keys.tolist()) | {
        k for k in a | b if k >= joined.bound
    }


@given(st.sets(st.integers(0, WHOLE - 1), max_size=200))
@settings(deadline=None)
def test_packed_keys_come_back(numbers: set[int]) -> None:
    keys = np.array(sorted(numbers), np.uint64)
    low, high = Sketch(keys).packed()
    assert low.nbytes + high.nbytes <= 4.125 * len(keys) + 513
    assert Sketch.unpacked(low, high, WHOLE, "file").keys.tolist() == keys.tolist()


def trained(**options) -> Model:
    pairs = documents(60, 1)
    corpus = Corpus.of([text for _, text in pairs], [label for label, _ in pairs])
    return train_corpus(corpus, QUICK, TrainingOptions(holdout=0.0, **options))


def texts_of(number: int, seed: int) -> list[str]:
    return [text for _, text in documents(number, seed)]


def test_a_model_file_knows_its_documents_again(tmp_path: Path) -> None:
    for model in (trained(), trained(l1=1e-3)):
        model.save(tmp_path / "m")
        again = Model.load(tmp_path / "m")
        assert again.parts.update_state.trained_on is not None
        corpus = Corpus.of(texts_of(60, 1)[:10] + texts_of(20, 9), ["scifi"] * 30)
        evaluation = judge(answer(again, corpus))
        assert evaluation.overlap == Overlap(10, exact=True)
        assert evaluation.as_dict()["overlap"] == {"documents": 10, "exact": True}


def test_files_without_a_sketch_are_read(tmp_path: Path) -> None:
    model = trained()
    model = Model.of(replace(model.parts, update_state=UpdateState()))
    model.save(tmp_path / "m")
    assert "trained_on" not in load(tmp_path / "m")[0]
    again = Model.load(tmp_path / "m")
    assert again.parts.update_state.trained_on is None
    assert judge(answer(again, Corpus.of(["x"], ["scifi"]))).overlap is None


def test_what_lies_of_its_texts_is_refused(tmp_path: Path) -> None:
    trained().save(tmp_path / "m")
    header, tensors = load(tmp_path / "m")
    low, high = tensors["trained_on.low"], tensors["trained_on.high"]
    more = high.copy()
    more[-1] |= 0x80
    twice = np.repeat(low[:1], len(low))
    lies = [
        ({"bound": 0}, low, high),
        ({"bound": WHOLE + 1}, low, high),
        ({"bound": 5}, low, high),
        ({"bound": True}, low, high),
        ({}, low, high),
        ({"bound": WHOLE}, low[1:], high),
        ({"bound": WHOLE}, low, high[1:]),
        ({"bound": WHOLE}, low, np.zeros_like(high)),
        ({"bound": WHOLE}, low, more),
        ({"bound": WHOLE}, low, np.full_like(high, 255)),
        ({"bound": WHOLE}, twice, Sketch(np.arange(len(low), dtype=np.uint64)).packed()[1]),
    ]
    for about, own_low, own_high in lies:
        changed = tensors | {"trained_on.low": own_low, "trained_on.high": own_high}
        save(tmp_path / "lie", header | {"trained_on": about}, changed)
        with pytest.raises(ModelFileError):
            Model.load(tmp_path / "lie")


def test_a_sketch_is_little_beside_theta() -> None:
    keys = np.arange(3 * LEAST_KEYS, dtype=np.uint64)
    small, large = np.zeros((10, 2), np.float32), np.zeros((200 * LEAST_KEYS, 1), np.float32)
    assert len(Sketch(keys).beside(small.nbytes).keys) == LEAST_KEYS
    assert Sketch(keys).beside(small.nbytes).bound == LEAST_KEYS
    assert (
        len(Sketch(keys).beside(small.nbytes + large.nbytes).keys)
        == 8 * LEAST_KEYS - 5 * LEAST_KEYS
    )


def test_compress_drops_it(tmp_path: Path) -> None:
    model = trained()
    size = model.save(tmp_path / "m")
    assert compress(model, size) is model  # it is small enough as it is
    assert compress(model, size // 2).parts.update_state.trained_on is None


def test_update_extends_it() -> None:
    model, new = trained(), Corpus.of(texts_of(20, 5) + texts_of(60, 1)[:4], ["scifi"] * 24)
    updated = update_model(model, new)
    assert updated.parts.update_state.trained_on is not None
    assert updated.parts.update_state.trained_on.overlap(
        batches_of(texts_of(20, 5) + texts_of(60, 1)), 1
    ) == Overlap(80, exact=True)
    assert updated.record.updates[-1].overlap.as_json() == {"documents": 4, "exact": True}
    # Then nothing is known of old documents, and so of all.
    model = Model.of(replace(model.parts, update_state=UpdateState()))
    assert update_model(model, new).parts.update_state.trained_on is None


def test_number_of_threads_changes_no_byte(tmp_path: Path) -> None:
    pairs = documents(60, 1)
    corpus = Corpus.of([text for _, text in pairs], [label for label, _ in pairs])
    for threads in (1, 3):
        train_corpus(corpus, QUICK, threads=threads).save(tmp_path / str(threads))
    assert (tmp_path / "1").read_bytes() == (tmp_path / "3").read_bytes()


# --- messages, read aloud


def run(*words: object) -> tuple[str, list[str]]:
    """(what a command prints, its warnings)."""
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    lines = done.stderr.splitlines()
    return done.stdout, [line[9:] for line in lines if line.startswith("Warning: ")]


def test_train_tells_of_duplicates(tmp_path: Path) -> None:
    pairs = documents(300, 1)
    first = write_tsv(tmp_path / "a.tsv", [*pairs[:200], ("western", pairs[3][1] + " ")])
    second = write_tsv(tmp_path / "b.tsv", [("rare", "a word"), *pairs[200:], ("odd", "a word")])
    judges = write_tsv(tmp_path / "v.tsv", [*documents(40, 7), pairs[5], ("scifi", pairs[6][1])])
    told, warnings = run(
        "train",
        first,
        second,
        "-o",
        tmp_path / "m",
        "--ngrams",
        "1",
        "--char-ngrams",
        "none",
        "--validation",
        judges,
        "--json",
    )
    assert warnings == [
        "4 documents occur more than once with different labels "
        "(first: documents 4 and 201 of a.tsv)",
        "2 labels have only one document each, and none to be judged by: odd, rare",
        "2 of 42 validation documents also occur in the training corpus; the figures on them "
        "are too good",
    ]
    summary = json.loads(told)
    assert summary["corpus"]["doubles"] == {
        "contradictory": 4,
        "repeated": 0,
        "exact": True,
        "first": [["a.tsv", 4], ["a.tsv", 201]],
    }
    assert summary["held_out"]["overlap"] == {"documents": 2, "exact": True}


def test_nothing_is_told_where_there_is_nothing(tmp_path: Path, train_tsv: Path) -> None:
    words = ["train", train_tsv, "-o", tmp_path / "m", "--ngrams", "1", "--char-ngrams", "none"]
    assert run(*words)[1] == []


def test_train_tells_of_repetition_and_of_rare_labels(tmp_path: Path) -> None:
    pairs = documents(200, 1)
    rare = [(f"r{i}", f"word{i}") for i in range(7)]
    corpus = write_tsv(tmp_path / "c.tsv", pairs + pairs[:20] + rare)
    words = ["train", corpus, "-o", tmp_path / "m", "--ngrams", "1", "--char-ngrams", "none"]
    assert run(*words)[1] == [
        "20 of 227 documents repeat one before them, with its label: some are both trained on and "
        "held out, and figures on held-out documents are too good",
        "7 labels have only one document each, and none to be judged by: r0, r1, r2, r3, r4 and 2 "
        "more",
    ]


def test_names_of_files_and_labels_are_shown_safely(tmp_path: Path) -> None:
    corpus = tmp_path / "a\x1b[31m.tsv"
    write_tsv(corpus, [*documents(50, 1), ("x\x1b[2J", "one"), ("y", "one")])
    other = write_tsv(tmp_path / "b.tsv", [("z", "two"), ("y", "two"), ("z", "one"), ("z", "t")])
    words = ["train", corpus, "-o", tmp_path / "m", "--ngrams", "1", "--char-ngrams", "none"]
    warnings = run(*words)[1]
    assert "\x1b" not in "".join(warnings)
    assert "(first: documents 51 and 52 of a\\x1b[31m.tsv)" in warnings[0]
    assert "x\\x1b[2J, y" in warnings[1]
    warnings = run(*words, other)[1]
    assert warnings[0].startswith("5 documents occur more than once with different labels (first: ")
    corpus.write_text("y\tone\n")
    assert run(*words, other)[1][0] == (
        "4 documents occur more than once with different labels (first: documents 1 and 2 of b.tsv)"
    )
    other.write_text("z\tone\nz\tt\n")
    assert run(*words, other)[1][0] == (
        "2 documents occur more than once with different labels "
        "(first: document 1 of a\\x1b[31m.tsv and 1 of b.tsv)"
    )


def test_evaluate_and_compare_tell_of_documents_they_know(
    tmp_path: Path, train_tsv: Path, model_file: Path
) -> None:
    test = write_tsv(tmp_path / "t.tsv", [*documents(30, 8), *documents(300, 1)[:3]])
    sentence = (
        "3 of 33 documents also occur in the corpus that {} was trained on; answers to them "
        "say nothing of new ones"
    )
    told, warnings = run("evaluate", "-m", model_file, test, "--json")
    assert warnings == [sentence.format("the model")]
    assert json.loads(told)["overlap"] == {"documents": 3, "exact": True}
    assert run("compare", model_file, model_file, test)[1] == 2 * [sentence.format(model_file)]
    one = write_tsv(tmp_path / "one.tsv", [*documents(30, 8), documents(300, 1)[0]])
    assert run("evaluate", "-m", model_file, one)[1] == [
        "1 of 31 documents also occurs in the corpus that the model was trained on; answers to "
        "them say nothing of new ones"
    ]
    none = write_tsv(tmp_path / "none.tsv", documents(30, 8))
    assert run("evaluate", "-m", model_file, none)[1] == []


def test_update_tells_of_documents_it_knows(tmp_path: Path, model_file: Path) -> None:
    new = write_tsv(tmp_path / "n.tsv", [*documents(30, 8), *documents(300, 1)[:2]])
    test = write_tsv(tmp_path / "t.tsv", [*documents(20, 9), *documents(30, 8)[:1]])
    words = ["update", model_file, new, "-o", tmp_path / "m", "--test", test]
    assert run(*words)[1] == [
        "2 of 32 new documents also occur in the corpus that the model was trained on; they are "
        "trained on again",
        "1 of 21 test documents also occurs in the documents of training; the figures on them are "
        "too good",
    ]


def test_about() -> None:
    places = [("a.tsv", 17), ("a.tsv", 90_400)]
    own = DuplicatesRecord(contradictory=1204, repeated=900_000, exact=False, first=places)
    assert [
        *duplicate_notes(own, 4_000_000),
        *overlap_notes(Overlap(1312, exact=False), 25_000, "", "it", "beware"),
        *overlap_notes(None, 25_000, "", "it", "beware"),
    ] == [
        "about 1,204 documents occur more than once with different labels (two of them: "
        "documents 17 and 90,400 of a.tsv)",
        "about 900,000 of 4,000,000 documents repeat one before them, with its label: "
        "some are both trained on and held out, and figures on held-out documents are too good",
        "about 1,312 of 25,000 documents also occur in it; beware",
    ]


def test_scikit_learn_estimators_keep_it_to_themselves() -> None:
    """Python warnings are errors here: there is none, but the record has the figures."""
    pytest.importorskip("sklearn")
    from textmlr.sklearn import TextClassifier

    fitted = TextClassifier(ngrams=(1, 1)).fit(["same"] * 30, ["a", "b"] * 15)
    assert fitted.model_.record.corpus.doubles.contradictory == 30


@pytest.mark.slow
def test_a_report_tells_of_documents_it_knows(tmp_path: Path, model_file: Path) -> None:
    pytest.importorskip("matplotlib")
    test = write_tsv(tmp_path / "t.tsv", [*documents(30, 8), *documents(300, 1)[:3]])
    run("evaluate", "-m", model_file, test, "--report", tmp_path / "report")
    page = (tmp_path / "report" / "report.html").read_text()
    assert "3 of the documents also stand in the corpus that the model was trained on" in page


def test_real_documents_are_found(tmp_path: Path) -> None:
    """Every document of a corpus stands in itself, and few of its test file do."""
    root = Path(__file__).parent.parent / "data"
    corpus = read_corpus([str(root / "genres-train.tsv")])
    sketch = duplicates_of(corpus, 2).sketch
    assert sketch.overlap(corpus.batches, 2) == Overlap(len(corpus), exact=True)
    test = read_corpus([str(root / "genres-test.tsv")])
    assert sketch.overlap(test.batches, 2).documents == 0


def test_warnings_need_no_numba_to_be_imported() -> None:
    assert not loaded("import textmlr.cli.warnings") & {"numba", "numpy"}
