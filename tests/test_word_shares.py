"""The words of an explanation, each once: groups, sums, and the n-grams that they are in."""

from __future__ import annotations

from collections import defaultdict

import pytest
from conftest import corpus_of, documents
from hypothesis import given, settings
from hypothesis import strategies as st

from textmlr import FeaturizerOptions, Model
from textmlr.base.training_options import TrainingOptions
from textmlr.model.explanation.explanation import Explanation
from textmlr.model.explanation.grouped_words import phrases_of
from textmlr.training.corpus_training import train_corpus

PAIRS = documents(120, 5)
QUICK = TrainingOptions(epochs=1, holdout=0.0)
OPTIONS = {
    "words": FeaturizerOptions(ngrams=(1, 2)),
    "characters": FeaturizerOptions(ngrams=(1, 2), char_ngrams=(3, 4)),
    "characters alone": FeaturizerOptions(ngrams=None, char_ngrams=(2, 3)),
    "as they stand": FeaturizerOptions(lowercase=False, char_ngrams=(4, 4)),
    "hashed": FeaturizerOptions(hash_bits=8, char_ngrams=(3, 3)),
}
TEXT = "A robot, a ROBOT, a Robot: the robot in orbit. Not a kiss, not the kiss!"


@pytest.fixture(scope="module", params=OPTIONS)
def model(request: pytest.FixtureRequest) -> Model:
    return train_corpus(corpus_of(PAIRS), OPTIONS[request.param], QUICK)


def grouped(why: Explanation, lowercase: bool) -> dict[str, list[tuple[float, float]]]:
    """Naive twin: the shares of tokens by their text."""
    found = defaultdict(list)
    for word in why.words:
        key = word.text.lower() if lowercase else word.text
        found[key].append((word.contribution, word.margin))
    return found


@given(st.text("aAbB .,!é界", max_size=40))
@settings(deadline=None, max_examples=40)
def test_groups_are_the_words(model: Model, text: str) -> None:
    for document in (TEXT, text):
        why = model.explain(document)
        expected = grouped(why, model.featurizer.options.lowercase)
        assert len(why.by_word) == len(expected)
        for word in why.by_word:
            key = word.text.lower() if model.featurizer.options.lowercase else word.text
            assert word.count == len(expected[key]) == len(word.spans)
            assert word.contribution == pytest.approx(sum(c for c, _ in expected[key]), abs=1e-12)
            assert word.margin == pytest.approx(sum(m for _, m in expected[key]), abs=1e-12)
            forms = [why.text[i:j] for i, j in word.spans]
            assert forms.count(word.text) == max(map(forms.count, forms))
        margins = [word.margin for word in why.by_word]
        assert margins == sorted(margins, reverse=True)


def test_bias_and_words_are_the_score(model: Model) -> None:
    for _, text in PAIRS[:20]:
        why = model.explain(text)
        total = why.bias + sum(word.contribution for word in why.by_word)
        assert total == pytest.approx(why.score, abs=2e-5)
        total = why.bias_margin + sum(word.margin for word in why.by_word)
        assert total == pytest.approx(why.margin, abs=2e-5)


def test_phrases_are_the_word_ngrams() -> None:
    """With word n-grams alone, a word's own share and those of its phrases are all of it."""
    model = train_corpus(corpus_of(PAIRS), OPTIONS["words"], QUICK)
    for _, text in PAIRS[:10]:
        why = model.explain(text)
        alone = {f.names[0]: f.margin for f in why.features if " " not in f.names[0]}
        for word in why.by_word:
            phrases = phrases_of(why, word)
            assert [abs(share) for _, share in phrases] == sorted(
                (abs(share) for _, share in phrases), reverse=True
            )
            assert all(word.text.lower() in name.split(" ") for name, _ in phrases)
            total = alone.get(word.text.lower(), 0.0) + sum(share for _, share in phrases)
            assert total == pytest.approx(word.margin, abs=1e-9)


def test_short_reprs_show_words_and_no_escapes(model: Model) -> None:
    shown = repr(model.explain(TEXT + " \x1b[31m"))
    assert "robot ×" in shown.lower() or "other words" in shown
    assert len(shown.splitlines()) <= 12
    assert "\x1b" not in shown
    flip = model.counterfactual("the robot")
    assert repr(flip) == f"Counterfactual: {flip.sentence()}"
