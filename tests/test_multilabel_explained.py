"""Explanations by models whose documents have any number of labels."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from test_multilabel_models import LABELS, THRESHOLDS, linked, model_of, sigmoid

from textmlr import FeaturizerOptions, InputError, Model
from textmlr.cli import cli
from textmlr.model.explanation.excerpts import sum_of, versus
from textmlr.model.explanation.explanation_page import write_page
from textmlr.model.record import CorpusRecord, Record
from textmlr.model.scoring import Bent

TEXTS = ["a robot in orbit", "the sheriff rode a robot", "robot kiss kiss", "a saddle", "kiss"]


@pytest.fixture(scope="module")
def model() -> Model:
    return model_of()


def hidden() -> Model:
    """Two layers, with a bend between them."""
    linear = model_of()
    rng = np.random.default_rng(1)
    first = rng.normal(0, 1, (len(linear.theta), 5)).astype(np.float32)
    layers = [first, rng.normal(0, 1, (6, 4)).astype(np.float32)]
    return Model.of(replace(linear.parts, layers=layers, activation="relu"))


def calibrated() -> Model:
    """With a multiplier of its own for each score of a document."""
    return Model.of(replace(model_of().parts, calibration=Bent(low=0.7, middle=1.2, high=0.5)))


@pytest.mark.parametrize("make", [model_of, hidden, calibrated, linked])
def test_shares_add_up_to_the_score(make: Any) -> None:
    model = make()
    for text, label in itertools.product(TEXTS, [None, *LABELS]):
        why = model.explain(text, label)
        p, scores = model.probabilities(text), model.scores(text)
        chosen = int(p.argmax()) if label is None else LABELS.index(label)
        assert why.label == LABELS[chosen]
        assert why.answer == model.predict(text)
        assert why.thresholds == dict(zip(LABELS, THRESHOLDS.tolist(), strict=True))
        assert why.is_absolute
        assert versus(why) == "its absence"
        assert why.score == pytest.approx(scores[chosen], abs=1e-5)
        assert why.margin == pytest.approx(why.score)
        assert why.bias_margin == pytest.approx(why.bias)
        for parts in (why.features, why.words, why.by_word):
            total = sum(part.contribution for part in (*parts, *why.by_label))
            assert why.bias + total == pytest.approx(why.score, abs=1e-5)
            assert all(part.margin == pytest.approx(part.contribution) for part in parts)
        assert why.probability == pytest.approx(sigmoid(scores[chosen]))


@pytest.mark.parametrize("make", [model_of, hidden, calibrated, linked])
def test_against_another_label(make: Any) -> None:
    model = make()
    for text in TEXTS:
        why = model.explain(text, "scifi", "western")
        scores = model.scores(text)
        assert not why.is_absolute
        assert why.margin == pytest.approx(scores[1] - scores[2], abs=1e-5)
        total = why.bias_margin + sum(part.margin for part in (*why.words, *why.by_label))
        assert total == pytest.approx(why.margin, abs=1e-5)


def test_labels_that_add_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the second pass, each likely label in a line of its own."""
    monkeypatch.chdir(tmp_path)
    model = linked()
    model.save("m")
    seen = 0
    for text, label in itertools.product(TEXTS, LABELS):
        why = model.explain(text, label)
        shown = typed("--text", text, "--label", label, "--ngrams").stdout
        for own in why.by_label:
            assert own.probability > 0.1
            assert f"label {own.label}" in shown
            assert f"{own.margin:+.4f}" in shown
            row = next(line for line in shown.splitlines() if f"label {own.label} " in line)
            assert row.startswith("label") == (own.margin > 0)  # else in the column against it
            seen += 1
        added = sum(own.contribution for own in why.by_label)
        count = len(why.by_label)
        if count:
            assert f", {count} likely label{'s' * (count > 1)} {added:+.4f} = score" in sum_of(why)
            assert [own["label"] for own in why.as_dict()["by_label"]] == [
                own.label for own in why.by_label
            ]
    assert seen > 10


def test_the_sum_is_told_with_the_sigmoid(model: Model) -> None:
    why = model.explain(TEXTS[0], "zen")
    assert sum_of(why).endswith(f"P = 1 / (1 + exp({-why.score:.4f})) = {why.probability:.10g}")
    corpus = CorpusRecord(files=(), documents=10, per_label=(1, 2, 3, 4))
    rated = Model.of(replace(model.parts, record=Record(corpus=corpus)))
    why = rated.explain("unheard", "zen")
    assert why.method == "base rates"
    assert sum_of(why) == (
        f"score {why.score:.4f} = log-odds of the base rate; "
        f"P = 1 / (1 + exp({-why.score:.4f})) = {why.probability:.10g}"
    )
    assert "against its absence" in repr(why)
    assert "its absence" in why._repr_html_()


# ----------------------------------------------------------------------------- words that decide it
def without(text: str, words: tuple[str, ...]) -> str:
    return " ".join(word for word in text.split() if word not in words)


@pytest.mark.parametrize("label", [None, *LABELS])
def test_the_fewest_words_across_the_threshold(label: str | None) -> None:
    """Against all sets of words, tried one after the other."""
    options = FeaturizerOptions(min_df=1, ngrams=(1, 1))
    for seed in range(3):
        model = model_of(options=options, seed=seed)
        for text in ["the sheriff rode a robot in orbit", "robot kiss", "a saddle kiss"]:
            chosen = int(model.probabilities(text).argmax())
            own = LABELS[chosen] if label is None else label
            has = own in model.predict(text)
            sets = [
                gone
                for size in range(1, len(text.split()) + 1)
                for gone in itertools.combinations(text.split(), size)
                if (own in model.predict(without(text, gone))) != has
            ]
            found = model.counterfactual(text, label)
            assert (found.label, found.proved) == (own, True)
            assert found.threshold == THRESHOLDS[LABELS.index(own)]
            assert found.probability == model.probabilities(text)[LABELS.index(own)]
            if not sets:
                assert found.words == ()
                verb = "lose" if has else "get"
                assert found.sentence() == (
                    f"No words can be removed that make the document {verb} the label {own}."
                )
                continue
            assert len(found.words) == len(sets[0])
            rest = without(text, found.words)
            assert (own in model.predict(rest)) != has
            assert found.remaining == model.probabilities(rest)[LABELS.index(own)]
            has_not = "no longer has" if has else "has"
            assert f"the document {has_not} the label {own} (" in found.sentence()
            assert found.as_dict().keys() & {"new_label", "new_probability"} == set()


def test_a_long_document_is_searched_greedily() -> None:
    """Towards its threshold, from either side."""
    options = FeaturizerOptions(min_df=1, ngrams=(1, 1), idf=False)
    model = model_of(options=options)
    seen = set()
    for seed in range(6):
        rng = np.random.default_rng(seed)
        words = rng.choice(["robot", "sheriff", "kiss", "saddle", "orbit", "rode", "a"], 4000)
        text = " ".join([*words, *(f"unheard{i}" for i in range(300))])
        for label in LABELS[:3]:
            found = model.counterfactual(text, label)
            if found.words:
                has = label in model.predict(text)
                seen.add(has)
                assert (label in model.predict(without(text, found.words))) != has
    assert seen == {True, False}


def test_a_label_is_for_several_labels(model: Model) -> None:
    with pytest.raises(InputError, match="label"):
        model.counterfactual("robot", "opera")
    single = Model.of(replace(model.parts, thresholds=None))
    with pytest.raises(InputError, match="label: each document has one label"):
        single.counterfactual("robot", "zen")
    assert "threshold" not in single.counterfactual("robot").as_dict()
    why = single.explain("robot")
    assert why.answer == why.label
    assert "threshold" not in why.as_dict()


# ------------------------------------------------------------------------------------ command line
@pytest.fixture
def folder(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    model.save("m")
    return tmp_path


def typed(*words: object) -> Result:
    result = CliRunner().invoke(cli, ["explain", "-m", "m", *map(str, words)])
    assert result.exit_code == 0, result.output
    return result


def test_the_screen(model: Model, folder: Path) -> None:
    for text in TEXTS:
        answer = model.predict(text)
        for label in LABELS:
            shown = typed("--text", text, "--label", label, "--flip", "--ngrams").stdout
            why = model.explain(text, label)
            assert (
                f"  {label} {100 * why.probability:.1f} %, {why.margin:+.4f} nats against" in shown
            )
            side = "above" if label in answer else "below"
            least = 100 * THRESHOLDS[LABELS.index(label)]
            said = f"  It is {side} its threshold, {least:.1f} %. The answer: "
            assert said + (", ".join(answer) or "none") + ".\n" in shown
            assert "each 0.7 doubles the odds" in shown
            assert "vs its" not in shown  # the margin is the score
            others = [f"--label {other}" for other in answer if other != label]
            asked = f"\nThe other answers: {', '.join(others)}\n"
            assert shown.endswith(asked) if others else "The other answers" not in shown
            assert model.counterfactual(text, label).sentence() in shown
        assert (
            "vs western"
            in typed("--text", text, "--label", "scifi", "--against", "western", "--ngrams").stdout
        )


def test_own_labels_of_a_corpus(model: Model, folder: Path) -> None:
    rows = [
        {"text": TEXTS[0], "label": list(model.predict(TEXTS[0]))},
        {"text": TEXTS[1], "label": ["opera"]},
        {"text": TEXTS[2], "label": []},
    ]
    Path("c.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    numbers = ("--number", 1, "--number", 2, "--number", 3)
    found = [
        json.loads(line)
        for line in typed("--corpus", "c.jsonl", *numbers, "--json").stdout.splitlines()
    ]
    for row, one in zip(rows, found, strict=True):
        answer = model.predict(row["text"])
        assert one["own_labels"] == sorted(row["label"])
        assert one["answer"] == list(answer)
        assert one["right"] == (set(answer) == set(row["label"]))
        assert one["threshold"] == THRESHOLDS[LABELS.index(one["label"])]
    shown = typed("--corpus", "c.jsonl", *numbers).stdout
    assert "The model is right." in shown
    answer = ", ".join(model.predict(TEXTS[1]))
    assert f"  Its own labels: opera. The model misses opera and adds {answer}.\n" in shown
    assert "  Its own labels: none. " in shown


def test_the_first_label_of_each_document(model: Model, folder: Path) -> None:
    """It is compared with all answers, as a set of one."""
    text = next(text for text in TEXTS if len(model.predict(text)) == 1)
    (answer,) = model.predict(text)
    rows = [{"text": text, "label": [answer, "opera"]}, {"text": text, "label": ["opera"]}]
    Path("c.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = ("--corpus", "c.jsonl", "--number", 1, "--number", 2, "--no-multilabel")
    found = [json.loads(line) for line in typed(*command, "--json").stdout.splitlines()]
    assert [(one["own_labels"], one["right"]) for one in found] == [
        ([answer], True),
        (["opera"], False),
    ]
    assert f"  Its own labels: {answer}. The model is right.\n" in typed(*command).stdout


def test_the_page(model: Model, folder: Path) -> None:
    why = model.explain(TEXTS[0])
    write_page("a.html", why, None, document="doc", model="m", most=5)
    page = Path("a.html").read_text(encoding="utf-8")
    assert "<span>threshold</span>" in page
    assert ">threshold</th>" in page
    assert "against its absence" not in page.split("<h2>")[1]
    write_page(
        "b.html", model.explain(TEXTS[0], "zen", "scifi"), None, document="d", model="m", most=5
    )
    assert "against scifi" in Path("b.html").read_text(encoding="utf-8")
