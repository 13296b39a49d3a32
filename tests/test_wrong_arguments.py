"""Every public function, given the wrong thing, says in one sentence what it takes."""

from __future__ import annotations

import inspect
import io
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import textmlr
from textmlr import (
    Corpus,
    Featurizer,
    FeaturizerOptions,
    InputError,
    Model,
    MultilabelComparison,
    ReadingOptions,
    StreamTrainer,
    TrainingOptions,
    UpdateOptions,
)
from textmlr.corpus import reading
from textmlr.corpus.formats import lines
from textmlr.corpus.label_sets import LabelSets
from textmlr.corpus.taken_columns import Taken
from textmlr.evaluation import comparison, labelled_answers
from textmlr.evaluation.multilabel.multilabel_evaluation import judge_sets
from textmlr.evaluation.multilabel.set_answers import SetAnswers
from textmlr.export import json, onnx
from textmlr.model.explanation import top_features
from textmlr.model.small_file import compression

MODELS = Path(__file__).parent / "fasttext"
TEXTS = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle, a sheriff"] * 3
LABELS = ["scifi", "western", "scifi", "western"] * 3
SETS = [["scifi"], ["western"], ["scifi", "western"], []] * 3
WRONG: tuple[Any, ...] = (
    None,
    3,
    -1,
    0.5,
    math.nan,
    "x",
    b"x",
    object(),
    [],
    [None],
    [3],
    [object()],
    {},
    {"a": 1},
    pd.DataFrame({"text": ["a"], "label": ["b"]}),
    ["a", pd.NA],
    pd.NA,
    math.inf,
    10**400,
    io.BytesIO(b"x"),
    (),
    np.zeros((2, 2)),
    np.zeros(0),
    Corpus,
    len,
    [float("nan")],
    [[]],
    True,
)
# What takes what only the house itself has (blocks, rows of numbers, parts): arrays that go to
# kernels, or parts of an object, which are checked by whoever makes them.
INTERNAL = {
    "Featurizer.restore",
    "Featurizer.fit_stateless",
    "Featurizer.featurize",
    "Featurizer.prepared",
    "Featurizer.counted_columns",
    "Featurizer.fit_counts",
    "Featurizer.weigh",
    "Featurizer.name_features",
    "Featurizer.keep",
    "Featurizer.adopt",
    "Featurizer.counts_of",
    "Featurizer.find_columns",
    "StreamTrainer.learn_batch",
    "StreamTrainer.stands_at",
    "comparison.mcnemar",
    "comparison.bootstrap_p",
    "comparison.p_of",
    "comparison.check_sides",
    "comparison.verdict_on",
}
# Exceptions are made of words; options of JSON are the file's, which ``record`` checks.
NOT_WALKED = {
    "Comparison",
    "Evaluation",
    "MultilabelComparison",
    "MultilabelEvaluation",
    "InputError",
    "InputError.but",
    "ModelFileError.but",
    "InputError.with_options",
    "ModelFileError.with_options",
    "ModelFileError",
    "FeaturizerOptions.of",
    "TrainingOptions.of",
    "TrainingOptions.epochs_of",
    "TrainingOptions.idf_powers",
}


@pytest.fixture(scope="module")
def model() -> Model:
    return textmlr.train(Corpus.of(TEXTS, LABELS))


def walked() -> dict[str, Callable[..., Any]]:
    """All public functions, classes and their public methods, by name."""
    found: dict[str, Callable[..., Any]] = {}
    for name in textmlr.__all__:
        one = getattr(textmlr, name)
        if not callable(one):
            continue
        found[name] = one
        if inspect.isclass(one):
            found |= {
                f"{name}.{key}": getattr(one, key)
                for base in one.__mro__
                if base.__module__.startswith("textmlr.")
                for key in vars(base)
                if not key.startswith("_") and callable(getattr(one, key))
            }
    for module in (comparison, compression, top_features, json, onnx):
        short = module.__name__.rsplit(".", 1)[-1]
        found |= {
            f"{short}.{key}": one
            for key, one in vars(module).items()
            if inspect.isfunction(one)
            and one.__module__ == module.__name__
            and not key.startswith("_")
        }
    found["corpus.scan"] = lambda *args, **named: list(reading.scan(*args, **named))
    found["corpus.scan"].__signature__ = inspect.signature(reading.scan)  # type: ignore[attr-defined]
    found["corpus.read_lines"] = lines.read_lines
    found["corpus.recode"] = reading.recode
    return {name: one for name, one in found.items() if name not in INTERNAL | NOT_WALKED}


def good(model: Model, folder: Path) -> dict[str, dict[str, Any]]:
    """Arguments that work, of each: those that have to be given."""
    whole = Corpus.of(TEXTS, LABELS)
    file = folder / "a.tsv"
    file.write_text("a\tb\nc\td\n")
    saved, out = folder / "model", folder / "out"
    model.save(saved)
    answered = labelled_answers.answer(model, whole)
    path = {"path": out}
    return {
        "Corpus": {
            "batches": whole.batches,
            "y": whole.y,
            "labels": whole.labels,
            "weights": None,
            "names": ["memory"],
        },
        "Corpus.of": {"texts": TEXTS, "labels": LABELS},
        "Corpus.picked": {"rows": np.arange(2)},
        "Corpus.subset": {"rows": np.arange(2)},
        "Corpus.text": {"i": 0},
        "Corpus.with_sets": {"multilabel": True},
        "Corpus.split": {"share": 0.3},
        "Corpus.place": {"i": 0},
        "Featurizer.fit": {"texts": TEXTS},
        "Featurizer.fit_transform": {"texts": TEXTS},
        "Featurizer.transform": {"texts": TEXTS},
        "Featurizer.joint": {"text": "a robot", "label": "scifi"},
        "Featurizer.inverse_transform": {"matrix": model.featurizer.transform(TEXTS)},
        "FeaturizerOptions.bounds": {"documents": 9},
        "FeaturizerOptions.bounds_of_fit": {"documents": 9},
        "Model": {
            "labels": model.labels,
            "featurizer": model.featurizer,
            "layers": model.parts.layers,
            "record": {},
        },
        "Model.of": {"parts": model.parts},
        "Model.scores": {"texts": TEXTS},
        "Model.log_z": {"texts": TEXTS},
        "Model.probabilities": {"texts": ["a text"]},
        "Model.classify": {"texts": ["a text"]},
        "Model.explain": {"text": "a robot"},
        "Model.counterfactual": {"text": "a robot"},
        "Model.predict": {"texts": TEXTS},
        "Model.predict_proba": {"texts": TEXTS},
        "Model.evaluate": {"data": TEXTS, "labels": LABELS},
        "Model.compare": {"other": model, "data": TEXTS, "labels": LABELS},
        "Model.update": {"data": TEXTS, "labels": LABELS},
        "Model.compress": {"size": 1 << 20},
        "Model.export": {"path": folder / "m.json"},
        "Model.classify_files": {"paths": file, "output": folder / "answers.csv"},
        "load": {"path": saved},
        "import_model": {"path": MODELS / "codes.ftz"},
        "featurize": {"data": TEXTS, "labels": LABELS},
        "Model.save": path,
        "Model.load": {"path": saved},
        "StreamTrainer.learn": {"texts": TEXTS, "labels": LABELS},
        "StreamTrainer.read_from": {"name": "a"},
        "StreamTrainer.reads": {"taken": Taken("CSV", "text", "label")},
        "StreamTrainer.save": path,
        "StreamTrainer.resume": {"path": saved},
        "StreamTrainer.check_same": {
            "featurizer_options": FeaturizerOptions(hash_bits=8),
            "training_options": TrainingOptions(),
        },
        "Evaluation.of": {
            "labels": model.labels,
            "y": whole.y,
            "resamples": 10,
            "probabilities": model.probabilities(TEXTS),
        },
        "MultilabelEvaluation.of": {
            "labels": model.labels,
            "y": SETS,
            "resamples": 10,
            "probabilities": model.probabilities(TEXTS),
        },
        "MultilabelEvaluation.worst": {"most": 3},
        "MultilabelEvaluation.of_label": {"label": "western"},
        "MultilabelComparison.of": {"a": set_answers(), "b": set_answers()},
        "ReadingOptions.for_model": {"is_multilabel": True},
        "evaluate": {"model": model, "data": whole, "resamples": 10},
        "compare": {"a": model, "b": model, "data": whole},
        "read_corpus": {"paths": [file]},
        "train": {"data": whole},
        "tune": {"data": whole, "seconds": None, "trials": 1},
        "update": {"model": model, "data": whole},
        "Evaluation.worst": {"most": 3},
        "Evaluation.frequent": {"most": 3},
        "Evaluation.of_label": {"label": "scifi"},
        "Comparison.of": {"a": answered, "b": answered},
        "compression.compress": {"model": model, "max_size": 10**6},
        "compression.check_size": {"max_size": 10**6},
        "top_features.top_features": {"model": model},
        "json.export_json": {"model": model} | path,
        "onnx.export_onnx": {"model": model} | path,
        "onnx.inputs": {"model": model, "texts": TEXTS},
        "onnx.onnx_model": {"model": model},
        "corpus.scan": {"paths": [file]},
        "corpus.read_lines": {"path": file},
        "corpus.recode": {"corpus": whole, "labels": model.labels},
    }


def bound(name: str, function: Callable[..., Any], model: Model) -> Callable[..., Any]:
    """A method of something that works."""
    owner, _, method = name.partition(".")
    if not method or inspect.ismethod(function) or not isinstance(owner, str):
        return function
    made: dict[str, Callable[[], Any]] = {
        "Corpus": lambda: Corpus.of(TEXTS, LABELS),
        "Model": lambda: model,
        "Featurizer": lambda: Featurizer().fit(TEXTS, LABELS),
        "StreamTrainer": lambda: _trainer(),
        "Comparison": lambda: textmlr.compare(model, model, TEXTS, LABELS),
        "Evaluation": lambda: textmlr.evaluate(model, TEXTS, LABELS),
        "MultilabelComparison": lambda: MultilabelComparison.of(set_answers(), set_answers()),
        "MultilabelEvaluation": lambda: judge_sets(set_answers(), resamples=10),
        "ReadingOptions": ReadingOptions,
        "FeaturizerOptions": FeaturizerOptions,
        "TrainingOptions": TrainingOptions,
    }
    return getattr(made[owner](), method) if owner in made else function


def set_answers() -> SetAnswers:
    """Answers to documents of several labels each."""
    sets = LabelSets.of([[0], [1], [0, 1]])
    p = np.array([[0.9, 0.2], [0.4, 0.6], [0.7, 0.3]])
    return SetAnswers(["scifi", "western"], sets, p, np.full(2, 0.5))


def _trainer() -> StreamTrainer:
    trainer = StreamTrainer(FeaturizerOptions(hash_bits=8))
    trainer.learn(TEXTS, LABELS)
    return trainer


def cases(function: Callable[..., Any], given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Arguments of which one is wrong."""
    for name in inspect.signature(function).parameters:
        for value in WRONG:
            if name in ("watch", "function") and callable(value):
                continue  # what it does when it is called is its own
            yield given | {name: value}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(walked()))
def test_every_public_function_says_what_it_takes(
    name: str, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It works, or says it by an InputError of one line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "textmlr.training.tuning.search._Search.run", lambda search: SimpleNamespace(model=model)
    )  # which is long
    given = good(model, tmp_path).get(name, {})
    function = walked()[name]
    function = bound(name, function, model)
    needed = {
        key
        for key, one in inspect.signature(function).parameters.items()
        if one.default is inspect.Parameter.empty
    }
    assert needed <= set(given), "say what a good call of it is"
    refused = 0
    for arguments in cases(function, given):
        changed = (k for k in arguments if k not in given or arguments[k] is not given[k])
        wrong = next(changed, None)
        if wrong is None:  # it is what is given anyway
            continue
        case = f"{name}({wrong}={_shown(arguments[wrong])})"
        told = refusal(lambda f=function, a=arguments: f(**a), case)
        if told is None:
            continue
        refused += 1
        assert told.isprintable(), f"{case}: {told}"
        assert len(told) < 400, f"{case}: {told}"
    assert refused or not inspect.signature(function).parameters


def refusal(call: Callable[[], Any], case: str) -> str | None:
    """What is said, None where it works."""
    try:
        call()
    except InputError as error:
        return str(error)
    except IndexError as error:  # as of a list
        return str(error)
    except Exception as error:
        raise AssertionError(f"{case}: {type(error).__name__}: {error}") from error
    return None


def _shown(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 100:
        return "huge"
    return " ".join(f"{type(value).__name__} {value!s:.40}".split())


def test_what_is_not_walked_is_there() -> None:
    """Names that went away are no excuse."""
    for name in INTERNAL | NOT_WALKED:
        owner, _, method = name.partition(".")
        home = {"comparison": comparison}.get(owner) or getattr(textmlr, owner)
        assert not method or hasattr(home, method)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda m: textmlr.train("no-file"),
            r"no-file: No such file",
        ),
        (
            lambda m: textmlr.train(pd.DataFrame({"text": ["a"]})),
            r"the DataFrame: no column has a plain name for the label",
        ),
        (lambda m: Model.load(7), r"path takes the path of a model, its bytes, or a file opened"),
        (lambda m: textmlr.update("m", None), r"model takes a Model, not 'm' \(str\); make one"),
        (lambda m: Corpus.of(["a", "b"], ["x", pd.NA]), r"label 1 is missing \(<NA>\)"),
        (lambda m: m.classify(["a"], top="2"), r"top='2' is not a whole number from 1 to"),
        (lambda m: m.classify(["a"], threads="2"), r"threads='2' is not a whole number from 1"),
        (lambda m: UpdateOptions(holdout="x"), r"holdout='x' is not a number from 0 to"),
        (lambda m: textmlr.read_corpus([io.BytesIO()]), r"paths takes the path of a file, not"),
    ],
)
def test_it_says_what_it_takes(call: Callable[[Model], Any], told: str, model: Model) -> None:
    with pytest.raises(InputError, match=told):
        call(model)
