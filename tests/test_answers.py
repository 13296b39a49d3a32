"""Answers: kernels/document_answer against featurizing and scoring and against the naive twins, and
how they are written as lines."""

from __future__ import annotations

import naive
import naive_linear
import numpy as np
import pytest
import torture
from hypothesis import given, settings
from hypothesis import strategies as st

from textmlr import FeaturizerOptions
from textmlr.corpus.in_memory import batches_of
from textmlr.export.answer_lines import MANY, LabelLines, shortest
from textmlr.features.featurizer import Featurizer
from textmlr.model import scoring
from textmlr.model.answer_stream import answer_blocks
from textmlr.model.answering import Answerer
from textmlr.model.model import Model
from textmlr.model.parameters import Network
from textmlr.model.record import Record

DOCUMENTS = [
    "the robot robot, the Robot!",
    "",
    "kiss kiss kiss",
    "\u0e01\u0e32 \u6f22\u5b57 \u00e9t\u00c9",
    "x",
    "a kiss for the robot " * 40,
    *torture.SENTENCES.values(),
    *torture.EMOJI.values(),
]
ASKED = [*DOCUMENTS, "unheard qqq", b"caf\xe9 \xff robot", "robot \ud800 kiss"]
OPTIONS = [
    FeaturizerOptions(min_df=1),
    FeaturizerOptions(min_df=1, char_ngrams=(2, 4), bias=False, norm=None, term_frequency="raw"),
    FeaturizerOptions(ngrams=None, char_ngrams=(1, 3), min_df=1, punctuation=False),
    FeaturizerOptions(ngrams=(2, 3), min_df=1, term_frequency="binary", min_token_length=2),
    FeaturizerOptions(hash_bits=4),
    FeaturizerOptions(hash_bits=6, idf=True, split_scripts=False, bias=False),
]


def model_of(options: FeaturizerOptions, labels: int) -> Model:
    featurizer = Featurizer(options).fit(DOCUMENTS)
    theta = np.random.default_rng(labels).normal(size=(featurizer.columns, labels))
    names = [f"label {i:04}" for i in range(labels)]
    return Model(names, featurizer, [theta.astype(np.float32)], Record())


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("labels", [2, 3, 7, 23, 58])
def test_the_short_way_answers_as_the_long_one(options: FeaturizerOptions, labels: int) -> None:
    model = model_of(options, labels)
    featurizer = model.featurizer
    (batch,) = batches_of(ASKED)
    (answers,) = answer_blocks(model, [batch], 1)
    counts = featurizer._rows(featurizer._hasher.hash(batch))
    rows = featurizer.weigh(counts, counts.values)
    scores = scoring.score(rows, Network.of([model.theta]))
    sizes = scoring.score(
        rows, Network.of([np.abs(model.theta)])
    )  # of what is added up: values are positive
    assert (np.abs(answers.scores - scores) <= 1e-6 + 1e-6 * sizes).all()
    log_z = model.parts.head.log_z(answers.scores)
    np.testing.assert_allclose(answers.log_z, log_z, rtol=1e-12)
    np.testing.assert_allclose(answers.probabilities.sum(axis=1), 1, atol=1e-12)
    want = naive_linear.probabilities(answers.scores)
    np.testing.assert_allclose(answers.probabilities, want, atol=1e-12)
    assert answers.known.tolist() == (np.diff(rows.indptr) - options.bias).tolist()
    assert answers.invalid == rows.invalid == 2
    again = featurizer.featurize([batch], 2)
    for a, b in zip(
        (rows.indptr, rows.indices, rows.values),
        (again.indptr, again.indices, again.values),
        strict=True,
    ):
        assert a.tobytes() == b.tobytes()


@pytest.mark.slow
def test_answers_of_the_naive_twin() -> None:
    options = FeaturizerOptions(min_df=1)
    model = model_of(options, 5)
    names = model.featurizer.feature_names()
    theta = dict(zip(names, model.theta.astype(float), strict=True))
    scores = [
        sum(weight * theta[name] for name, weight in row.items())
        for row in naive.weights(DOCUMENTS, options)
    ]
    np.testing.assert_allclose(model.scores(DOCUMENTS), scores, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_document_has_the_same_bits_alone_and_without_a_table(
    options: FeaturizerOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(options, 23)
    together = model.probabilities(ASKED, threads=2)
    assert together.tobytes() == model.probabilities(ASKED * 9, threads=1)[: len(ASKED)].tobytes()
    alone = np.concatenate([model.probabilities([text]) for text in ASKED])
    assert together.tobytes() == alone.tobytes()
    if options.hash_bits is None:
        fitted = model.featurizer
        assert fitted.vocabulary is not None
        monkeypatch.setattr(Featurizer, "asks_little", True)
        monkeypatch.setattr(Featurizer, "prepared", None)
        for texts in (ASKED, ASKED[:1]):  # more n-grams than there are features, and fewer
            other = Featurizer.restore(
                fitted.options, fitted.vocabulary, fitted.idf, [], fitted.documents
            )
            network = Network.of([model.theta])
            answerer = Answerer(other, network, None, model.parts.calibration, model.parts.base)
            answers = answerer.answer(batches_of(texts)[0])
            assert answers.probabilities.tobytes() == together[: len(texts)].tobytes()


@pytest.mark.slow
def test_a_long_document_alone() -> None:
    model = model_of(OPTIONS[0], 3)
    long = "robot kiss the Robot " * 2000
    assert model.probabilities([long]).tobytes() == model.probabilities([long, "x"])[:1].tobytes()


def numbers() -> list[float]:
    rng = np.random.default_rng(1)
    powers = 10.0 ** -np.arange(324)
    some = [
        rng.random(20_000),
        np.exp(-40 * rng.random(20_000)),
        np.exp(-744 * rng.random(20_000)),
        powers,
        np.nextafter(powers, 1),
        np.nextafter(powers, 0),
        rng.integers(0, 2**20, 9999) / 2**20,
        [0, 1, 1 - 2.0**-53, 5e-324, 2.0**-1022, 0.99999999995, 0.000099999999999],
    ]
    return np.clip(np.concatenate(some), 0, 1).tolist()


def written(values: list[float], documents: int = 1) -> list[str]:
    lines = LabelLines(["a"], None, 0, documents=documents).render(np.array(values)[:, None])
    return lines.decode().splitlines()


def significant(text: str) -> str:
    """The digits of a number without zeros before or after them."""
    return text.partition("e")[0].replace(".", "").strip("0")


def test_numbers_are_written_with_the_fewest_digits_that_are_read_back() -> None:
    values = numbers()
    texts = written(values)
    assert [float(text) for text in texts] == values
    assert [significant(text) for text in texts] == [significant(repr(value)) for value in values]


def test_arrow_writes_numbers_as_python_does() -> None:
    assert written(numbers(), MANY) == written(numbers())


@given(st.lists(st.floats(0, 1), min_size=1))
@settings(max_examples=200, deadline=None)
def test_any_number_is_read_back(values: list[float]) -> None:
    values = [abs(value) for value in values]
    texts = written(values)
    assert [float(text) for text in texts] == values
    assert texts == written(values, MANY) == shortest(np.array(values))


@pytest.mark.parametrize("labels", [1, 2, 8, 9, 58, 300])
@pytest.mark.parametrize("top", [None, 1, 3])
@pytest.mark.parametrize("least", [0.0, 0.75, 1.0])
@pytest.mark.parametrize("documents", [7, MANY])
def test_lines(labels: int, top: int | None, least: float, documents: int) -> None:
    """The likeliest first, ties in the order of the labels; unsure before them, or instead."""
    p = np.random.default_rng(labels).integers(0, 9, (7, labels)) / 8
    names = ["ünï" * (i % 3) + str(i) for i in range(labels)]
    want = []
    for row in p:
        order = np.argsort(-row, kind="stable")[:top]
        several = min(top or labels, labels) > 1
        want += [""] * several
        unsure = bool(row.max() < least)
        want += [f"unsure\t{row.max():g}"] * unsure
        if several or not unsure:
            want += [f"{names[i]}\t{row[i]:g}" for i in order]
    assert LabelLines(names, top, None, least, documents).render(p).decode().split("\n") == [
        *want,
        "",
    ]
    if least == 0:
        assert "unsure" not in want
    column = LabelLines(names, None, labels // 2, 0, documents).render(p).decode().splitlines()
    assert column == [f"{value:g}" for value in p[:, labels // 2]]
