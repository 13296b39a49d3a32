"""What the words of ``top`` add up from features, the stretches of characters, and the order."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import corpus_of, documents
from hypothesis import given, settings
from hypothesis import strategies as st
from test_top import OPTIONS, QUICK, model_of

from textmlr import FeaturizerOptions, Model
from textmlr.corpus.reading import read_corpus
from textmlr.model.explanation.named_features import CHARACTERS, PHRASE, WORD, NamedFeatures
from textmlr.model.explanation.top_features import top_features
from textmlr.model.explanation.top_words import WordEntries, shown_stretch, spreads
from textmlr.model.explanation.word_pieces import WordPieces
from textmlr.training.corpus_training import train_corpus

MANY = 10**6
DATA = Path(__file__).parent.parent / "data"
CHOICES = {
    "words and pieces": FeaturizerOptions(ngrams=(1, 2), char_ngrams=(3, 4)),
    "counts": FeaturizerOptions(char_ngrams=(2, 2), term_frequency="raw", norm=None),
    "pieces alone": FeaturizerOptions(ngrams=None, char_ngrams=(3, 3)),
    "pairs and pieces": FeaturizerOptions(ngrams=(2, 2), char_ngrams=(4, 4)),
    "words alone": FeaturizerOptions(ngrams=(1, 3)),
    "hashed": OPTIONS[3],
    "hashed pieces": FeaturizerOptions(hash_bits=12, char_ngrams=(3, 3)),
}
WORDS = ["banana", "bananas", "ban", "anna", "a", "film", "films", "filmed", "界", "don", "nan"]


@pytest.fixture(scope="module", params=CHOICES)
def model(request: pytest.FixtureRequest) -> Model:
    return model_of(CHOICES[request.param], zero=0.3)


def test_words_add_up_to_features(model: Model) -> None:
    for one in top_features(model, k=MANY):
        sums = []
        for rankings in (one.words, one.ngrams):
            assert rankings.by_contribution is not None
            both = rankings.by_contribution
            listed: list[Any] = [*both.most_for, *both.most_against]
            sums.append(sum(entry.contribution for entry in listed))
        # Features of every document have no spread, and are not listed.
        named = NamedFeatures.of(model)
        everywhere = np.flatnonzero(named.documents >= named.corpus)
        if not len(everywhere):
            assert sums[0] == pytest.approx(sums[1], abs=1e-4)


def test_each_feature_is_divided_whole(model: Model) -> None:
    named = NamedFeatures.of(model)
    entries = WordEntries.of(named, model.featurizer.options.term_frequency)
    _, feature, share = entries.parts
    whole = np.bincount(feature, share, minlength=len(named.rows))
    np.testing.assert_allclose(whole, 1.0, atol=1e-12)
    figures = np.random.default_rng(0).normal(size=len(named.rows))
    assert entries.contributions(figures).sum() == pytest.approx(figures.sum(), abs=1e-9)


def runs(word: str, low: int, high: int) -> list[str]:
    """Naive twin: the character n-grams of a word."""
    padded = f" {word} "
    if len(padded) < low:
        return [padded]
    return [padded[i : i + n] for n in range(low, high + 1) for i in range(len(padded) - n + 1)]


@pytest.mark.parametrize("name", ["words and pieces", "counts"])
def test_pieces_are_those_of_words(name: str) -> None:
    """Places, shares and weights, against strings."""
    options = CHOICES[name]
    model = model_of(options)
    named = NamedFeatures.of(model)
    names = [named.name(i) for i in range(len(named.rows))]
    kinds = named.kinds()
    for known, kind in zip(names, kinds.tolist(), strict=True):
        expected = CHARACTERS if known.startswith("char:") else PHRASE if " " in known else WORD
        assert kind == expected
    found = WordPieces.of(named, kinds)
    told = sorted((names[p], names[w]) for p, w in zip(found.piece, found.word, strict=True))
    pieces = {known for known in names if known.startswith("char:")}
    assert options.char_ngrams not in (None, "auto")
    low, high = model.featurizer.options.char_range or (0, 0)
    words = [known for known, kind in zip(names, kinds.tolist(), strict=True) if kind == WORD]
    expected_places = [("char:" + run, word) for word in words for run in runs(word, low, high)]
    assert told == sorted(place for place in expected_places if place[0] in pieces)
    assert named.totals is not None
    totals = dict(zip(names, named.totals.tolist(), strict=True))
    amounts: dict[str, float] = defaultdict(float)
    for piece, word in expected_places:
        amounts[piece] += totals[word]
    for piece, word, share in zip(found.piece, found.word, found.share, strict=True):
        assert share == pytest.approx(totals[names[word]] / amounts[names[piece]])
    entries = WordEntries.of(named, options.term_frequency)
    figures = np.random.default_rng(0).normal(size=len(names))
    weights, column = entries.weights(figures), {known: i for i, known in enumerate(names)}
    for i in np.flatnonzero(entries.feature >= 0).tolist():
        word = names[entries.feature[i]]
        if kinds[entries.feature[i]] != WORD:
            continue
        counts: dict[str, int] = defaultdict(int)
        for run in runs(word, low, high):
            counts["char:" + run] += 1
        value = (lambda n: n) if options.term_frequency == "raw" else (lambda n: 1 + math.log(n))
        expected_weight = figures[column[word]] + sum(
            value(count) * figures[column[run]] for run, count in counts.items() if run in column
        )
        assert weights[i] == pytest.approx(expected_weight)


def grown(piece: str, words: dict[str, float]) -> str:
    """Naive twin: the longest stretch round a piece that more than half of its places share."""
    places = [
        (f" {word} ", i, amount)
        for word, amount in words.items()
        for i in range(len(word) + 3 - len(piece))
        if f" {word} "[i : i + len(piece)] == piece
    ]
    total, text = sum(amount for _, _, amount in places), piece
    for side in ("right", "left"):
        while True:
            amounts: dict[str, float] = defaultdict(float)
            for word, i, amount in places:
                at = i + len(text) if side == "right" else i - 1
                if 0 <= at < len(word):
                    amounts[word[at]] += amount
            best = max(amounts, key=lambda c: amounts[c], default="")
            if not best or amounts[best] <= total * (0.5 + 1e-9):
                break
            if side == "right":
                places = [p for p in places if p[0][p[1] + len(text) :][:1] == best]
                text += best
            else:
                places = [(w, i - 1, a) for w, i, a in places if i and w[i - 1] == best]
                text = best + text
    return text


@given(st.lists(st.sampled_from(WORDS), min_size=4, max_size=40))
@settings(deadline=None, max_examples=60)
def test_stretches(tokens: list[str]) -> None:
    """Pieces of which no word has half, against a naive twin."""
    texts = [" ".join(tokens[i : i + 3]) for i in range(0, len(tokens), 3)]
    pairs = [(("x", "y")[i % 2], text) for i, text in enumerate([*texts, "don", "film"])]
    options = FeaturizerOptions(ngrams=(1, 1), char_ngrams=(2, 3), norm=None, min_df=1)
    model = train_corpus(corpus_of(pairs), options, QUICK)
    named = NamedFeatures.of(model)
    kinds = named.kinds()
    assert named.totals is not None
    amounts = {
        named.name(i): float(named.totals[i]) for i in np.flatnonzero(kinds == WORD).tolist()
    }
    found = WordPieces.of(named, kinds)
    for i in np.flatnonzero(kinds == CHARACTERS).tolist():
        piece = named.name(i).removeprefix("char:")
        each = [a * runs(w, len(piece), len(piece)).count(piece) for w, a in amounts.items()]
        clear = abs(max(each) / sum(each) - 0.5) > 1e-6
        if clear:
            assert found.many[i] == (max(each) < sum(each) / 2)
    places, texts_of = found.stretches()
    told: dict[int, set[str]] = defaultdict(set)
    for place, text in zip(found.piece[places].tolist(), texts_of, strict=True):
        told[place].add(text)
    assert set(told) == set(np.flatnonzero(found.many).tolist())
    for i, stretch in told.items():
        assert stretch == {grown(named.name(i).removeprefix("char:"), amounts)}


def test_stretches_are_shown_with_their_open_ends() -> None:
    shown = [shown_stretch(text) for text in (" docu", "ment ", "cum", " a ", " ")]
    assert shown == ["docu…", "…ment", "…cum…", "a", "…"]


def test_a_stem_stands_for_its_words() -> None:
    forms = ["futbolcu", "futbolda", "futbolun", "futbolla"]
    pairs = [
        ("spor" if i % 2 else "haber", f"{forms[i // 2 % 4]} {'xyz'[i % 3]}") for i in range(48)
    ]
    pairs = [(label, text if label == "spor" else text[-1] + " gazete") for label, text in pairs]
    options = FeaturizerOptions(ngrams=(1, 1), char_ngrams=(4, 4))
    (one,) = top_features(train_corpus(corpus_of(pairs), options, QUICK), ["spor"], 3)
    stem = next(word for word in one.words.most_for if word.text == "futbol…")
    assert set(stem.words) == set(forms)
    assert stem.documents == sum(label == "spor" for label, _ in pairs)


def test_spread_is_a_standard_deviation() -> None:
    """Of a feature that adds the same wherever it occurs; 0 for one of all documents."""
    for documents_with, nats in ((3, 0.5), (10, -2.0), (1, 1.0)):
        adds = np.zeros(10)
        adds[:documents_with] = nats
        (spread,) = spreads(np.array([adds.sum()]), np.array([documents_with]), 10)
        assert spread == pytest.approx(math.copysign(adds.std(), nats))


def test_what_every_document_has_does_not_lead() -> None:
    pairs = [(label, f"the . {text}") for label, text in documents(150, 5)]
    options = FeaturizerOptions(ngrams=(1, 1), char_ngrams=(3, 3))
    for one in top_features(train_corpus(corpus_of(pairs), options, QUICK), k=10):
        assert not {"the", "."} & {word.text for word in one.words.most_for}


def test_the_repr_is_a_short_table(model: Model) -> None:
    one = top_features(model, k=20)[0]
    lines = repr(one).splitlines()
    assert lines[0].startswith(one.label)
    assert 2 <= len(lines) <= 11
    assert one.ngrams.most_for == one.by_contribution.most_for if one.by_contribution else True


STOP_WORDS = set(
    "the a an and of to in is it that this he she his her him they them their with for on as at by "
    "be was were are have has had but not or from we my our its what who which there all one so "
    "".split()
)


@pytest.mark.slow
def test_on_real_text_stop_words_do_not_lead() -> None:
    """Among the first 20 words, against the order by the plain sum; and the sums are exact."""
    corpus = read_corpus(str(DATA / "genres-train.tsv"))
    model = train_corpus(corpus, FeaturizerOptions(ngrams=(1, 2), char_ngrams=(4, 4)))
    told, plain = [], []
    for one in top_features(model, k=MANY):
        words = one.words.by_contribution
        assert words is not None
        assert one.by_contribution is not None
        listed = [*words.most_for, *words.most_against]
        features = [*one.by_contribution.most_for, *one.by_contribution.most_against]
        assert sum(word.contribution or 0.0 for word in listed) == pytest.approx(
            sum(feature.contribution or 0.0 for feature in features), rel=1e-6, abs=1e-4
        )
        by_sum = sorted(words.most_for, key=lambda word: -(word.contribution or 0.0))
        for order, found in ((words.most_for, told), (by_sum, plain)):
            found.append(np.mean([_says_nothing(word.text) for word in order[:20]]))
    assert np.mean(told) < 0.6 * np.mean(plain)


def _says_nothing(text: str) -> bool:
    return all(word in STOP_WORDS or not any(map(str.isalpha, word)) for word in text.split(" "))
