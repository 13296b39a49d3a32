"""Explanations: shares that add up to the score, spans that cover the right characters."""

from __future__ import annotations

import doctest
import json
import math
import re
from collections import defaultdict
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import naive
import numpy as np
import pytest
import torture
from conftest import corpus_of, documents
from hypothesis import given, settings
from hypothesis import strategies as st

import textmlr.model.model
from textmlr import FeaturizerOptions, InputError
from textmlr.base.training_options import Activation, TrainingOptions
from textmlr.model.explanation import counterfactual
from textmlr.model.explanation.document_tokens import DocumentTokens
from textmlr.model.explanation.excerpts import excerpts, on_words, pieces, shown_features, sum_of
from textmlr.model.explanation.explanation import Explanation
from textmlr.model.model import Model
from textmlr.model.record import Record
from textmlr.model.scoring import Calibration
from textmlr.model.zero_rows import without_zero_rows
from textmlr.training.corpus_training import train_corpus

PAIRS = documents(200, 4)
QUICK = TrainingOptions(epochs=1, holdout=0.0)
TEXTS: list[str | bytes] = [
    *(text for _, text in PAIRS[:6]),
    "The robot, THE ROBOT! kiss…\r\nsaddle\tdust",
    "robot " * 300,
    "",
    "zzz",
    "robot\xa0字字 laser é e\u0301 İ ß 🤖".encode() + b"\xff kiss \xe2\x82 dust",
    "kiss \ud800robot\udfff",
]
EVERYTHING = "".join(
    text for _, text in torture.documents()[:120] if isinstance(text, str) and len(text) < 400
)


def model_of(options: FeaturizerOptions, training: TrainingOptions = QUICK) -> Model:
    return train_corpus(corpus_of(PAIRS), options, training)


def hidden(*widths: int, activation: Activation = "relu") -> TrainingOptions:
    """Training of a network."""
    return replace(QUICK, epochs=2, hidden=widths, activation=activation)


def calibrated(training: TrainingOptions = QUICK) -> Model:
    """Whose scores are multiplied by a power of their spread, here above and below the least."""
    own = model_of(FeaturizerOptions(char_ngrams=(3, 4)), training)
    parts = replace(own.parts, calibration=Calibration(1.0, -0.6, 0.8, 0.3))
    return Model.of(parts)


def sparse(options: FeaturizerOptions, training: TrainingOptions = QUICK) -> Model:
    """Some of whose features have no row in θ."""
    own = model_of(options, training)
    theta = own.parts.layers[0].copy()
    theta[np.random.default_rng(1).uniform(size=len(theta)) < 0.6] = 0
    parts = replace(own.parts, layers=[theta, *own.parts.layers[1:]], calibration=Calibration())
    thin = without_zero_rows(Model.of(parts))
    assert len(thin.parts.layers[0]) < len(theta)
    return thin


MODELS = {
    "as trained": lambda: train_corpus(corpus_of(PAIRS)),
    "characters": lambda: model_of(FeaturizerOptions(ngrams=None, char_ngrams=(1, 5))),
    "long n-grams": lambda: model_of(FeaturizerOptions(ngrams=(2, 16), char_ngrams=(16, 16))),
    "hashed": lambda: model_of(FeaturizerOptions(hash_bits=7)),
    "hashed, idf, characters": lambda: model_of(
        FeaturizerOptions(hash_bits=8, idf=True, char_ngrams=(2, 3), bias=False)
    ),
    "calibrated": calibrated,
    "sparse": lambda: sparse(FeaturizerOptions()),
    "sparse, no norm": lambda: sparse(FeaturizerOptions(norm=None)),
    "sparse, hashed": lambda: sparse(FeaturizerOptions(hash_bits=9, char_ngrams=(4, 4))),
    "no bias": lambda: model_of(FeaturizerOptions(bias=False, idf=False)),
    "raw counts": lambda: model_of(FeaturizerOptions(norm=None, idf=False, term_frequency="raw")),
    "binary, idf": lambda: model_of(FeaturizerOptions(idf=True, term_frequency="binary")),
    "no case, no signs": lambda: model_of(
        FeaturizerOptions(lowercase=False, punctuation=False, min_token_length=2)
    ),
    "two labels": lambda: train_corpus(
        corpus_of([pair for pair in PAIRS if pair[0] != "romance"]), training_options=QUICK
    ),
    "hidden, as trained": lambda: train_corpus(
        corpus_of(PAIRS), training_options=TrainingOptions(hidden=(8,))
    ),
    "hidden, tanh, calibrated": lambda: calibrated(hidden(6, activation="tanh")),
    "hidden, identity": lambda: model_of(FeaturizerOptions(), hidden(5, activation="identity")),
    "two hidden, no bias, raw": lambda: model_of(
        FeaturizerOptions(bias=False, norm=None, idf=False, term_frequency="raw"), hidden(9, 6)
    ),
    "two hidden, tanh, hashed": lambda: model_of(
        FeaturizerOptions(hash_bits=7), hidden(8, 7, activation="tanh")
    ),
    "three hidden, calibrated": lambda: calibrated(hidden(12, 9, 6)),
    "hidden, sparse": lambda: sparse(FeaturizerOptions(), hidden(8)),
    "hidden, sparse, hashed": lambda: sparse(
        FeaturizerOptions(hash_bits=9, char_ngrams=(4, 4)), hidden(8, activation="tanh")
    ),
}


@pytest.fixture(scope="module", params=[QUICK, hidden(8)], ids=["linear", "hidden"])
def model(request: pytest.FixtureRequest) -> Model:
    return model_of(FeaturizerOptions(ngrams=(1, 2), char_ngrams=(3, 4)), request.param)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_shares_add_up_to_the_score(name: str) -> None:
    model = MODELS[name]()
    for text in [*TEXTS, EVERYTHING]:
        scores = model.scores([text])[0].astype(np.float64)
        for chosen, label in enumerate(model.labels):
            others = [other for other in model.labels if other != label]
            for against in (None, *others):
                why = model.explain(text, label, against)
                own = scores[[model.labels.index(o) for o in others if against in (None, o)]]
                near = pytest.approx
                assert why.score == scores[chosen]
                assert why.margin == near(scores[chosen] - own.mean(), abs=1e-6)
                for parts in (why.features, why.words):
                    added = why.bias + sum(part.contribution for part in parts)
                    assert added == near(why.score, abs=1e-4)
                    added = why.bias_margin + sum(part.margin for part in parts)
                    assert added == near(why.margin, abs=1e-4)
                assert why.log_z == model.log_z([text])[0]
                assert list(why.probabilities) == model.labels
                assert list(why.probabilities.values()) == model.probabilities([text])[0].tolist()
                assert why.probability == near(np.exp(why.score - why.log_z), abs=1e-6)
                assert why.answer == model.classify([text])[0][0].label
        assert model.explain(text).label == why.answer


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_features_are_those_of_the_document(name: str) -> None:
    """Names, counts, values and weights, against the naive n-grams and f(x)."""
    model = MODELS[name]()
    options = model.featurizer.options
    for text in TEXTS:
        why = model.explain(text, model.labels[0])
        row = model.featurizer.transform([text]).toarray()[0]
        spans = defaultdict(list)
        for gram, _, _, start, stop in naive.gram_spans(naive.token_spans(text, options), options):
            spans[gram].append((start, stop))
        told = [name for feature in why.features for name in feature.names]
        assert len(set(told)) == len(told)
        assert set(told) <= set(spans)
        if options.hash_bits is None:
            columns = {n: i for i, n in enumerate(model.featurizer.feature_names()) if n}
            assert set(told) == {n for n in spans if n in columns}
        for feature in why.features:
            own = sorted(span for name in feature.names for span in spans[name])
            assert sorted(feature.spans) == own
            assert feature.count == len(own)
            if options.hash_bits is None:
                (column,) = (columns[name] for name in feature.names)
                assert feature.value == row[column]
                if len(model.parts.layers) == 1:
                    assert feature.weight == model.theta[column, 0]
        values = [feature.value for feature in why.features]
        assert np.isin(values, row).all()
        margins = [feature.margin for feature in why.features]
        assert margins == sorted(margins, reverse=True)


def test_hashed_features_name_all_that_share_a_column() -> None:
    model = model_of(FeaturizerOptions(hash_bits=4))
    why = model.explain(PAIRS[0][1])
    options = model.featurizer.options
    told = {name for feature in why.features for name in feature.names}
    assert told == set(naive.grams(naive.tokens(PAIRS[0][1], options), options))
    assert len(why.features) <= 15
    assert max(len(feature.names) for feature in why.features) > 1
    firsts = [[PAIRS[0][1].lower().find(n) for n in f.names if " " not in n] for f in why.features]
    assert all(first == sorted(first) for first in firsts)  # in order of occurrence


OPTIONS = [
    FeaturizerOptions(ngrams=(1, 2), char_ngrams=(1, 4)),
    FeaturizerOptions(ngrams=(2, 3), char_ngrams=(6, 9), lowercase=False, min_token_length=2),
    FeaturizerOptions(ngrams=None, char_ngrams=(3, 3), punctuation=False, split_scripts=False),
]


def check_places(document: str | bytes, options: FeaturizerOptions) -> None:
    """Tokens and n-grams lie where their naive twins say."""
    places = DocumentTokens.of(document, options)
    assert places.text == naive.decode(document)
    tokens = naive.token_spans(document, options)
    starts, stops = places.token_starts.tolist(), places.token_stops.tolist()
    assert list(zip(starts, stops, strict=True)) == [(i, j) for _, i, j in tokens]
    made = zip(
        places.names(np.arange(len(places.grams)), options),
        places.first.tolist(),
        places.last.tolist(),
        places.starts.tolist(),
        places.stops.tolist(),
        strict=True,
    )
    assert list(made) == naive.gram_spans(tokens, options)


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_places_in_every_script(options: FeaturizerOptions) -> None:
    for _, document in torture.documents():
        check_places(document[:1500], options)


@pytest.mark.slow
@given(st.text(max_size=60) | st.binary(max_size=60), st.sampled_from(OPTIONS))
@settings(max_examples=150, deadline=None)
def test_places_of_any_text(document: str | bytes, options: FeaturizerOptions) -> None:
    check_places(document, options)


PIECES = st.sampled_from(
    [
        "robot",
        "Kiss",
        "İ",
        "ß",
        "e\u0301",
        "字\ufe00",
        "ก",
        "🤖",
        "👩\u200d🚀",
        "\r\n",
        " ",
        "’",
        "-",
        "\ud800",
        "\ufffd",
        "दि",
        "a\u200db",
        "\x1b[31m",
        "٣",
        "ﬃ",
    ]
)


@given(st.lists(PIECES, max_size=25))
@settings(max_examples=100, deadline=None)
def test_words_have_their_share_of_features(model: Model, parts: list[str]) -> None:
    """A word's number is the sum over n-grams of share / occurrences / words they cover."""
    text = "".join(parts)
    why = model.explain(text)
    options = model.featurizer.options
    tokens = naive.token_spans(text, options)
    share = {name: f.contribution / f.count for f in why.features for name in f.names}
    want = [0.0] * len(tokens)
    for name, first, last, _, _ in naive.gram_spans(tokens, options):
        for token in range(first, last + 1):
            want[token] += share.get(name, 0.0) / (last - first + 1)
    assert [word.contribution for word in why.words] == pytest.approx(want, abs=1e-9)
    assert [(word.start, word.stop) for word in why.words] == [(i, j) for _, i, j in tokens]
    assert all(word.text == why.text[word.start : word.stop] for word in why.words)
    told = on_words(why)
    for word, features in zip(why.words, told, strict=True):
        assert sum(own for _, own in features) == pytest.approx(word.margin, abs=1e-9)


def test_offsets_are_those_of_what_python_decodes(model: Model) -> None:
    document = b"\xef\xbb\xbf\xff\xe2\x82 robot \xf0\x9f\xa4\x96\xc3 kiss"
    why = model.explain(document)
    assert why.text == document.decode("utf-8", "replace")
    (robot,) = (word for word in why.words if word.text == "robot")
    assert (robot.start, robot.stop) == (4, 9)
    why = model.explain("\ud800 robot")
    assert why.text == "\ufffd robot"
    assert why.words[1].start == 2


def test_nothing_known_is_the_bias(model: Model) -> None:
    for text in ("", " ", "Q"):
        why = model.explain(text)
        assert why.features == ()
        assert why.score == pytest.approx(why.bias, abs=1e-6)
        assert all(word.contribution == word.margin == 0 for word in why.words)


def test_wrong_labels_are_refused(model: Model) -> None:
    for label, against in (("nonsense", None), (None, "nonsense")):
        with pytest.raises(InputError, match=r"no label 'nonsense'.*romance, scifi, western"):
            model.explain("robot", label, against)
    likeliest = model.explain("robot").label
    for label in (likeliest, None):
        with pytest.raises(InputError, match="against itself"):
            model.explain("robot", label, likeliest)
    with pytest.raises(InputError, match="takes one text"):
        model.explain(3)  # type: ignore[arg-type]


def test_doctests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # one saves a model
    done = doctest.testmod(textmlr.model.model)
    assert done.attempted >= 6
    assert done.failed == 0


def test_as_dict_is_json(model: Model) -> None:
    why = model.explain(PAIRS[0][1])
    told = json.loads(json.dumps(why.as_dict()))
    assert told["probability"] == why.probability
    assert told["features"][0]["names"] == list(why.features[0].names)
    assert told["words"][0]["text"] == why.words[0].text


# --- what is shown


def test_shown_features_and_the_rest_add_up(model: Model) -> None:
    why = model.explain(PAIRS[0][1])
    for most in (1, 5, 10_000):
        shown = shown_features(why, most)
        assert len(shown.in_favour) <= most
        assert all(feature.margin > 0 for feature in shown.in_favour)
        assert all(feature.margin < 0 for feature in shown.against)
        listed = len(shown.in_favour) + len(shown.against)
        assert listed + shown.others == len(why.features)
        listed_margin = sum(f.margin for f in (*shown.in_favour, *shown.against))
        assert listed_margin + shown.margin == pytest.approx(sum(f.margin for f in why.features))
    assert shown.others == sum(feature.margin == 0 for feature in why.features)


@given(st.lists(PIECES, min_size=1, max_size=40), st.booleans())
@settings(max_examples=50, deadline=None)
def test_excerpts_cut_no_word(model: Model, parts: list[str], whole: bool) -> None:
    text = " filler" * 300 + " ".join(parts) + "x" * 500 + " filler" * 300 + " robot"
    why = model.explain(text)
    shown = excerpts(why, whole)
    if whole:
        assert shown == [(0, len(text))]
    made, numbers = "", []
    for part in shown:
        own = "".join(piece for piece, _ in pieces(why, part))
        assert own == why.text[part[0] : part[1]]
        made += own
        for piece, number in pieces(why, part):
            if number is not None:
                assert piece == why.words[number].text
                numbers.append(number)
    assert numbers == sorted(set(numbers))
    best = max(range(len(why.words)), key=lambda i: abs(why.words[i].margin))
    assert best in numbers
    assert whole or len(made) < len(text) / 2


def test_the_sum_adds_up_as_shown(model: Model) -> None:
    for text in TEXTS:
        why = model.explain(text)
        line = sum_of(why)
        if why.method == "base rates":
            assert text in ("", "zzz")
            share = f"P = exp({why.score:.4f}) = {why.probability:.10g}"
            assert line == f"score {why.score:.4f} = ln of the base rate; {share}"
            continue
        told = re.fullmatch(
            r"bias (\S+), [\d,]+ features? (\S+) = score (\S+); "
            r"P = exp\((\S+) − log z (\S+)\) = (\S+)",
            line,
        )
        assert told is not None
        bias, added, score, again, log_z, probability = map(float, told.groups())
        assert round(bias + added, 4) == score == again
        assert score == pytest.approx(why.score, abs=1e-4)
        assert math.exp(score - log_z) == pytest.approx(probability, abs=1e-4)
        assert told[6] == f"{why.probability:.10g}"


# --- fewest words


def classified(model: Model, text: str) -> tuple[str, float]:
    answer = model.classify([text])[0][0]
    assert answer.label is not None
    return answer.label, answer.probability


def without(text: str, spans: Any) -> str:
    for start, stop in sorted(spans, reverse=True):
        text = text[:start] + " " + text[stop:]
    return text


def brute_force(model: Model, text: str) -> int | None:
    """The size of the smallest set of words whose removal changes the label."""
    tokens = naive.token_spans(text, model.featurizer.options)
    kinds = sorted({token for token, _, _ in tokens})
    for size in range(1, len(kinds) + 1):
        for gone in combinations(kinds, size):
            left = without(text, [(i, j) for token, i, j in tokens if token in gone])
            if classified(model, left)[0] != classified(model, text)[0]:
                return size
    return None


def check_removal(model: Model, text: str) -> counterfactual.Counterfactual:
    found = model.counterfactual(text)
    label, probability = classified(model, text)
    assert (found.label, found.probability) == (label, probability)
    left = without(found.text, found.spans)
    assert classified(model, left) == (found.new_label, found.new_probability)
    column = model.labels.index(label)
    assert found.remaining == model.probabilities([left])[0, column]
    assert (found.new_label != label) == bool(found.words)
    assert {found.text[i:j].lower() for i, j in found.spans} == {w.lower() for w in found.words}
    everywhere = [
        (i, j)
        for token, i, j in naive.token_spans(text, model.featurizer.options)
        if token in {word.lower() for word in found.words}
    ]
    assert list(found.spans) == everywhere
    return found


SHORT = [
    "robot orbit kiss",
    "Robot! robot? the saddle",
    "kiss saddle laser dust planet the",
    "a sheriff kiss; wedding",
    "engine-kiss",
    "",
]


@pytest.mark.parametrize("text", SHORT)
def test_fewest_words_are_the_fewest(model: Model, text: str) -> None:
    found = check_removal(model, text)
    assert found.proved
    assert (len(found.words) or None) == brute_force(model, text)


@pytest.mark.parametrize("budget", [0, 3000])
def test_greedy_removals_are_true_and_needed(
    model: Model, monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    """No word of a set can be put back, with and without the effects of single words known."""
    monkeypatch.setattr(counterfactual, "EXHAUSTIVE_BYTES", budget)
    monkeypatch.setattr(counterfactual, "STEP_BYTES", 1)  # so that words are tried a few at a time
    sizes = []
    for _, text in PAIRS[:12]:
        found = check_removal(model, text)
        assert found.tried == (budget > 0)
        assert found.words
        assert found.proved == (len(found.words) <= found.tried + 1)
        sizes.append(len(found.words))
        kinds = {word.lower() for word in found.words}
        for back in kinds if len(kinds) > 1 else ():
            spans = [span for span in found.spans if text[slice(*span)].lower() != back]
            assert classified(model, without(text, spans))[0] == found.label
    assert max(sizes) > 1


def test_greedy_is_hardly_worse(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    fewest = [len(model.counterfactual(text).words) for _, text in PAIRS[:12]]
    monkeypatch.setattr(counterfactual, "EXHAUSTIVE_BYTES", 0)
    found = [len(model.counterfactual(text).words) for _, text in PAIRS[:12]]
    assert all(one >= best for one, best in zip(found, fewest, strict=True))
    assert sum(found) <= 1.5 * sum(fewest)


def test_greedy_steps_grow_but_do_not_overshoot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 400 words that all weigh the same, 200 have to go.  One at a time would take 200 steps; a
    step as large as all before it would remove 256, and each too many is judged twice to be put
    back."""
    words = [f"w{i:03d}" for i in range(400)]
    pairs = [("own", " ".join(words)), ("other", "else")]
    trained = train_corpus(corpus_of(pairs), FeaturizerOptions(ngrams=(1, 1), norm=None), QUICK)
    theta = np.zeros_like(trained.parts.layers[0])
    theta[:, trained.labels.index("own")] = 1.0
    theta[0] = 0.0
    theta[0, trained.labels.index("other")] = 200.5  # the bias
    model = Model.of(replace(trained.parts, layers=[theta], calibration=Calibration()))
    monkeypatch.setattr(counterfactual, "EXHAUSTIVE_BYTES", 0)
    steps, handed = [], []
    judge, needed = counterfactual._Search._judge, counterfactual._Search._needed

    def judging(search: Any, sets: Any) -> Any:
        sets = list(sets)
        steps.append(len(sets))
        return judge(search, sets)

    def putting_back(search: Any, removed: Any, breadth: int) -> Any:
        handed.append((len(removed), len(steps)))
        return needed(search, removed, breadth)

    monkeypatch.setattr(counterfactual._Search, "_judge", judging)
    monkeypatch.setattr(counterfactual._Search, "_needed", putting_back)
    assert len(check_removal(model, pairs[0][1]).words) == 200
    ((removed, made),) = handed
    assert removed <= 1.25 * 200
    assert made < 200 / 2


def test_where_the_bias_decides_nothing_changes_the_label(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = [np.zeros_like(layer) for layer in model.parts.layers]
    layers[-1][0 if len(layers) == 1 else -1, 1] = 1  # the bias
    flat = Model.of(replace(model.parts, layers=layers, record=Record()))  # no base rates
    found = check_removal(flat, "robot kiss saddle")
    assert found.proved
    assert found.sentence() == "No words can be removed that make the label another than scifi."
    monkeypatch.setattr(counterfactual, "EXHAUSTIVE_BYTES", 0)
    found = check_removal(flat, "robot kiss saddle")
    assert not found.proved
    assert "No words were found" in found.sentence()


@given(st.lists(PIECES, max_size=15), st.integers(0, 2**15 - 1))
@settings(max_examples=100, deadline=None)
def test_what_is_left_has_the_other_tokens(model: Model, parts: list[str], bits: int) -> None:
    """A space in place of a word makes and breaks no other token."""
    text, options = naive.decode("".join(parts)), model.featurizer.options
    tokens = naive.token_spans(text, options)
    kinds = sorted({token for token, _, _ in tokens})
    gone = {kind for i, kind in enumerate(kinds) if bits >> i & 1}
    left = without(text, [(i, j) for token, i, j in tokens if token in gone])
    assert naive.tokens(left, options) == [token for token, _, _ in tokens if token not in gone]


def test_removal_in_any_script(model: Model) -> None:
    for name in ("chinese", "thai", "hindi", "turkish"):
        text = torture.SENTENCES.get(name, "字字") + " robot ROBOT kiss"
        check_removal(model, text)
    found = model.counterfactual(b"robot \xff kiss robot saddle dust")
    assert "\ufffd" in found.text


def test_sentences_say_what_is_proved(model: Model) -> None:
    found = model.counterfactual(SHORT[0])
    assert "No fewer words do that." in found.sentence()
    assert f"the label is {found.new_label} (" in found.sentence()
    assert found.as_dict()["words"] == found.words


def test_explanation_is_public(model: Model) -> None:
    assert isinstance(model.explain("robot"), Explanation)
