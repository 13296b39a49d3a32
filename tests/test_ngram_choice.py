"""The choice of n-grams: by held-out documents, and only where the options leave it open."""

from __future__ import annotations

import random
import unicodedata

import numpy as np
import pytest
from conftest import corpus_of, documents

from textmlr import FeaturizerOptions, InputError
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.corpus import Corpus
from textmlr.features.featurizer import Featurizer
from textmlr.training import ngram_choice as module
from textmlr.training.corpus_training import train_corpus
from textmlr.training.ngram_choice import Candidate, choose
from textmlr.training.rows import Rows

PAIRS = documents(300, 11)


def by_stems(number: int, seed: int) -> list[tuple[str, str]]:
    """Documents whose label only the beginning of a word tells, each word being new."""
    rng = random.Random(seed)
    made = []
    for i in range(number):
        label = "ab"[i % 2]
        stem = {"a": "robo", "b": "kiss"}[label]
        ending = "".join(rng.choices("aeioumnrst", k=6))
        filler = ["".join(rng.choices("bcdfg", k=5)) for _ in range(4)]
        made.append((label, " ".join([stem + ending, *filler])))
    return made


def by_threes(number: int, seed: int) -> list[tuple[str, str]]:
    """Documents whose label is told by the order of three words, and by no two of them."""
    rng = random.Random(seed)
    made = []
    for _ in range(number):
        x, y, z = (rng.choice("pq") for _ in range(3))
        odd = ((x == "q") + (y == "q") + (z == "q")) % 2
        made.append(("even" if not odd else "odd", f"x{x} m y{y} m z{z}"))
    return made


def chosen_of(
    corpus: Corpus, options: FeaturizerOptions, training: TrainingOptions | None = None
) -> tuple[FeaturizerOptions, list[Candidate], Rows | None]:
    found = choose(
        corpus,
        options,
        training or TrainingOptions(),
        validation=None,
        threads=2,
        watch=lambda candidate: None,
    )
    return found.options, found.candidates, found.rows


def test_characters_are_chosen_where_they_pay() -> None:
    chosen, tried, rows = chosen_of(corpus_of(by_stems(300, 1)), FeaturizerOptions())
    assert (chosen.ngrams, chosen.char_ngrams) == ((1, 2), (4, 4))
    assert [one.char_ngrams for one in tried] == [None, (4, 4)]
    assert tried[1].loss < tried[0].loss
    assert tried[1].accuracy > 0.9
    assert rows is not None  # of the whole corpus, and so made once only
    assert rows.featurizer.options.char_ngrams == (4, 4)


def test_words_alone_are_kept_where_characters_do_not_pay() -> None:
    chosen, tried, rows = chosen_of(corpus_of(by_threes(600, 1)), FeaturizerOptions())
    assert chosen.char_ngrams is None
    assert len(tried) == 2
    assert rows is not None
    assert rows.featurizer.options.char_ngrams is None


def test_longer_words_are_tried_in_a_large_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = corpus_of(by_threes(2000, 1))
    assert chosen_of(corpus, FeaturizerOptions())[0].ngrams == (1, 2)  # too small to try
    monkeypatch.setattr(module, "CHOICE_BYTES", 20_000)
    monkeypatch.setattr(module, "MORE_WORDS", (1, 5))
    chosen, tried, rows = chosen_of(corpus, FeaturizerOptions())
    assert (chosen.ngrams, chosen.char_ngrams) == ((1, 5), None)
    assert chosen.min_df is None
    assert rows is None  # only a sample was read
    assert [(one.ngrams, one.char_ngrams) for one in tried] == [
        ((1, 2), None),
        ((1, 2), (4, 4)),
        ((1, 5), None),
    ]
    assert 0.9 * 20_000 < tried[-1].documents * 11 <= 20_000 < len(corpus) * 11


@pytest.mark.parametrize("hash_bits", [None, 16])
def test_what_is_given_is_not_chosen(hash_bits: int | None) -> None:
    corpus = corpus_of(by_stems(300, 1))
    given = FeaturizerOptions(ngrams=(1, 1), hash_bits=hash_bits)
    assert chosen_of(corpus, given)[0].ngrams == (1, 1)
    assert chosen_of(corpus, given)[0].char_ngrams == (4, 4)
    given = FeaturizerOptions(char_ngrams=None, hash_bits=hash_bits)
    chosen, _, _ = chosen_of(corpus, given)
    assert (chosen.ngrams, chosen.char_ngrams) == ((1, 2), None)
    given = FeaturizerOptions(ngrams=(1, 3), char_ngrams=None, hash_bits=hash_bits)
    assert chosen_of(corpus, given)[:2] == (given, [])


def test_without_documents_to_judge_by_there_is_no_choice() -> None:
    corpus = corpus_of(by_stems(300, 1))
    chosen, tried, rows = chosen_of(corpus, FeaturizerOptions(), TrainingOptions(holdout=0))
    assert (chosen, tried, rows) == (FeaturizerOptions(ngrams=(1, 2), char_ngrams=None), [], None)
    few = corpus_of(PAIRS[:9])
    chosen, tried, rows = chosen_of(few, FeaturizerOptions())
    assert (chosen.ngrams, chosen.char_ngrams, tried) == ((1, 2), None, [])


def test_of_many_labels_words_alone_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = corpus_of(by_stems(300, 1))
    monkeypatch.setattr(module, "CHOICE_LABELS", 2)
    assert chosen_of(corpus, FeaturizerOptions())[0].char_ngrams == (4, 4)
    monkeypatch.setattr(module, "CHOICE_LABELS", 1)
    chosen, tried, _ = chosen_of(corpus, FeaturizerOptions())
    assert (chosen.ngrams, chosen.char_ngrams, tried) == ((1, 2), None, [])
    asked = chosen_of(corpus, FeaturizerOptions(char_ngrams=(3, 3)))[0]
    assert asked.char_ngrams == (3, 3)


def test_a_validation_file_judges() -> None:
    """Documents of other words: there only characters tell."""
    model = train_corpus(
        corpus_of(by_stems(300, 1)), validation=corpus_of(by_stems(60, 2)), threads=1
    )
    assert model.featurizer.options.char_ngrams == (4, 4)
    assert [one.documents for one in model.record.ngrams] == [300, 300]


def test_threads_change_nothing() -> None:
    corpus = corpus_of(by_stems(300, 1))
    models = [train_corpus(corpus, threads=threads) for threads in (1, 2, 4)]
    assert len({model.theta.tobytes() for model in models}) == 1
    assert models[0].record == models[1].record == models[2].record


@pytest.mark.parametrize(
    ("text", "lengths", "form"),
    [
        ("the cat sat", (4, 4), "nfc"),
        ("кошка сидит", (4, 4), "nfc"),
        ("고양이가 앉았다", (1, 3), "nfc"),
        (unicodedata.normalize("NFD", "고양이가 앉았다"), (1, 3), "nfc"),
        ("고양이가 앉았다", (4, 4), "nfd"),
        ("123 !?", (4, 4), "nfc"),
        ("हिन्दी में लिखा", (3, 3), "nfc"),
        ("ইহা বাংলা ভাষা", (3, 3), "nfc"),
        ("بِسْمِ ٱللَّهِ ٱلرَّحْمَٰنِ", (4, 4), "nfc"),
        ("味道很好 ok", None, "nfc"),
        ("カレーがおいしい", None, "nfc"),
        ("อาหารอร่อยมาก", None, "nfc"),
        ("", (4, 4), "nfc"),
    ],
)
def test_length_by_script(text: str, lengths: tuple[int, int] | None, form: str) -> None:
    options = FeaturizerOptions(normalize=form)
    assert module._characters(corpus_of([("a", text)]), options, (1, 3)) == lengths


def test_where_words_are_characters_longer_runs_are_tried() -> None:
    """In a small corpus too, and kept where they are better; no pieces of characters are."""
    words = {"x": "東京都 大阪府 名古屋".split(), "y": "京都東 阪大府 古名屋".split()}
    rng = np.random.default_rng(3)
    pairs = [
        (label, "".join(rng.choice(words[label] + ["山川海"] * 3, 4)))
        for label in rng.choice(["x", "y"], 400)
    ]
    chosen, tried, _ = chosen_of(corpus_of(pairs), FeaturizerOptions())
    assert [(one.ngrams, one.char_ngrams) for one in tried] == [((1, 2), None), ((1, 3), None)]
    better = tried[1].loss < tried[0].loss
    assert (chosen.ngrams, chosen.char_ngrams) == ((1, 3) if better else (1, 2), None)
    given = FeaturizerOptions(ngrams=(1, 1))
    assert chosen_of(corpus_of(pairs), given)[0].ngrams == (1, 1)


def test_sample_is_some_of_the_documents() -> None:
    corpus = corpus_of(PAIRS, [float(i + 1) for i in range(len(PAIRS))])
    assert module.drawn(corpus, 1 << 30, 1) is corpus
    size = sum(batch.text_bytes for batch in corpus.batches)
    some = module.drawn(corpus, size // 3, 1)
    assert len(some) == sum(map(len, some.batches)) == len(corpus) * (size // 3) // size
    numbers = (some.weights.astype(int) - 1).tolist()
    assert numbers == sorted(set(numbers))
    texts = [batch[i].decode() for batch in some.batches for i in range(len(batch))]
    assert texts == [PAIRS[i][1] for i in numbers]
    assert [corpus.labels[code] for code in some.y] == [PAIRS[i][0] for i in numbers]
    again = module.drawn(corpus, size // 3, 1)
    assert again.y.tolist() == some.y.tolist()


def test_auto_is_decided_by_a_featurizer_alone() -> None:
    assert Featurizer().options.ngrams == (1, 2)
    assert Featurizer().options.char_ngrams is None
    assert Featurizer(FeaturizerOptions(ngrams=None)).options.char_ngrams == (4, 4)
    with pytest.raises(InputError, match="ngrams"):
        FeaturizerOptions(ngrams="automatic")


def test_sample_of_sorted_labels_has_all() -> None:
    pairs = sorted(PAIRS)
    some = module.drawn(corpus_of(pairs), 4000, 1)
    assert len(np.unique(some.y)) == 3


def test_documents_of_weight_zero_are_not_drawn() -> None:
    weights = [float(i % 10 == 0) for i in range(len(PAIRS))]
    some = module.drawn(corpus_of(PAIRS, weights), 2000, 1)
    assert some.weights is not None
    assert some.weights.all()
