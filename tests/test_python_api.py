"""The Python API as people guess it: what train takes, single texts, the verbs, what is shown."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import textmlr
from textmlr import Corpus, FeaturizerOptions, InputError, Model, TrainingOptions
from textmlr.base.byte_sizes import bytes_of
from textmlr.model.answer_stream import answer_blocks

TEXTS = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle, a sheriff"] * 3
LABELS = ["scifi", "western", "scifi", "western"] * 3
FRAME = {"text": TEXTS, "label": LABELS}
NAMED = {"review": TEXTS, "stars": LABELS}
SHORT = 700  # characters of a repr


@pytest.fixture(scope="module")
def model() -> Model:
    return textmlr.train(TEXTS, LABELS)


@pytest.fixture(scope="module")
def tsv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "a.tsv"
    path.write_text(
        "".join(f"{label}\t{text}\n" for label, text in zip(LABELS, TEXTS, strict=True))
    )
    return path


def polars() -> Any:
    """It comes with the extra ``sources``, not with ``test``."""
    return pytest.importorskip("polars")


KINDS: dict[str, Callable[[Path], tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "lists": lambda p: ((TEXTS, LABELS), {}),
    "tuples": lambda p: ((tuple(TEXTS), tuple(LABELS)), {}),
    "generators": lambda p: (((t for t in TEXTS), (y for y in LABELS)), {}),
    "arrays": lambda p: ((np.array(TEXTS), np.array(LABELS)), {}),
    "pandas Series": lambda p: ((pd.Series(TEXTS), pd.Series(LABELS)), {}),
    "polars Series": lambda p: ((polars().Series(TEXTS), polars().Series(LABELS)), {}),
    "Arrow arrays": lambda p: ((pa.array(TEXTS), pa.array(LABELS)), {}),
    "pandas": lambda p: ((pd.DataFrame(FRAME),), {}),
    "pandas, named": lambda p: ((pd.DataFrame(NAMED),), {"text": "review", "label": "stars"}),
    "polars": lambda p: ((polars().DataFrame(NAMED),), {"text": "review", "label": "stars"}),
    "Arrow": lambda p: ((pa.table(NAMED),), {"text": "review", "label": "stars"}),
    "dict": lambda p: ((NAMED,), {"text": "review", "label": "stars"}),
    "Corpus": lambda p: ((Corpus.of(TEXTS, LABELS),), {}),
    "str": lambda p: ((str(p),), {}),
    "Path": lambda p: ((p,), {}),
    "paths": lambda p: (([p],), {}),
    "pattern": lambda p: ((str(p.parent / "*.tsv"),), {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_train_takes(kind: str, tsv: Path, model: Model) -> None:
    """Whatever holds the documents: the same model, and the same figures."""
    given, named = KINDS[kind](tsv)
    own = textmlr.train(*given, **named)
    assert own.labels == ["scifi", "western"]
    assert own.probabilities(TEXTS).tobytes() == model.probabilities(TEXTS).tobytes()
    if kind != "generators":
        assert model.evaluate(*given, **named).documents == len(TEXTS)


def test_train_takes_a_data_set() -> None:
    datasets = pytest.importorskip("datasets")
    own = textmlr.train(datasets.Dataset.from_dict(NAMED), text="review", label="stars")
    assert own.labels == ["scifi", "western"]


@pytest.mark.parametrize(
    ("given", "named", "told"),
    [
        ((3,), {}, "data takes texts with labels"),
        ((TEXTS,), {}, "labels are missing; give one a text"),
        ((TEXTS, LABELS[1:]), {}, "11 labels for 12 documents"),
        ((pd.DataFrame(NAMED),), {}, "say which with label='…'"),
        (("no such file.tsv",), {}, "no file is called"),
        ((TEXTS, FeaturizerOptions()), {}, "featurizer_options="),
        ((TEXTS, LABELS), {"epoch": 3}, "did you mean epochs"),
        ((TEXTS, LABELS), {"ngram_range": (1, 2)}, "did you mean ngrams"),
        (
            (TEXTS, LABELS),
            {"epochs": 3, "training_options": TrainingOptions()},
            "epochs and training_options are both given",
        ),
        ((TEXTS, LABELS), {"epochs": "x"}, "epochs="),
    ],
)
def test_train_refuses(given: tuple[Any, ...], named: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        textmlr.train(*given, **named)
    assert told in str(caught.value)
    assert str(caught.value).isprintable()


def test_options_by_name() -> None:
    own = textmlr.train(TEXTS, LABELS, ngrams=(1, 3), epochs=2)
    assert own.featurizer.options.ngrams == (1, 3)
    assert own.info()["options"]["epochs"] == 2
    listed = inspect.signature(textmlr.train).parameters
    assert {"ngrams", "epochs", "seed", "featurizer_options"} <= set(listed)
    assert "learning_rate" in (textmlr.train.__doc__ or "")


@pytest.mark.parametrize("text", ["a robot", b"a robot", "", "robot " * 9000])
def test_a_single_text_is_answered_singly(model: Model, text: Any) -> None:
    for ask in (
        model.predict,
        model.predict_proba,
        model.probabilities,
        model.scores,
        model.log_z,
        model.classify,
        lambda given: model.classify(given, top=None),
        lambda given: model.classify(given, min_probability=1.0),
    ):
        assert np.array_equal(np.asarray(ask(text)), np.asarray(ask([text])[0]))
    assert type(model.predict(text)) is str
    assert model.probabilities(text).shape == (2,)


def test_texts_in_whatever_holds_them(model: Model) -> None:
    want = model.predict(TEXTS)
    assert want.tolist() == LABELS
    assert want.dtype == object
    for own in (tuple(TEXTS), np.array(TEXTS), pd.Series(TEXTS), pd.DataFrame(FRAME)):
        assert model.predict(own).tolist() == LABELS
    corpus = Corpus.of(TEXTS, LABELS)
    assert model.classify(corpus) == model.classify(TEXTS)
    assert model.predict(corpus.texts).tolist() == LABELS
    assert model.predict([]).shape == (0,)


@pytest.mark.parametrize("given", [3, None, [3], [None], Path("a.txt"), {"a": 1}])
def test_no_texts(model: Model, given: Any) -> None:
    for ask in (model.predict, model.predict_proba, model.classify, model.scores, model.log_z):
        with pytest.raises(InputError):
            ask(given)


def test_verbs(model: Model, tsv: Path, tmp_path: Path) -> None:
    """Each does what the function or the command of its name does."""
    assert model.evaluate(TEXTS, LABELS).as_dict() == textmlr.evaluate(model, tsv).as_dict()
    compared = model.compare(model, tsv)
    assert compared.only_a == compared.only_b == 0
    newer = model.update(["a wedding kiss"], ["romance"], seed=2)
    assert newer.labels == ["romance", "scifi", "western"]
    assert model.labels == ["scifi", "western"]
    assert model.top("scifi", 3).label == "scifi"
    assert [own.label for own in model.top(k=1)] == model.labels
    size = model.save(tmp_path / "m.textmlr")
    loaded = textmlr.load(tmp_path / "m.textmlr")
    assert loaded.info() == model.info()
    assert loaded.predict("a robot") == "scifi"
    assert model.compress(size) is model
    assert model.compress(f"{size // 1000 + 1}kB") is model
    assert model.compress(size // 2).save(tmp_path / "s.textmlr") <= size // 2
    assert model.export(tmp_path / "m.json") == (tmp_path / "m.json").stat().st_size
    json.loads((tmp_path / "m.json").read_text())
    done = model.classify_files(tsv, tmp_path / "a.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [row["predicted"] for row in rows] == LABELS
    assert done["predicted"] == {"scifi": 6, "western": 6}
    for call in (
        lambda: model.compress("large"),
        lambda: model.compress(0),
        lambda: model.compress(1e6),
        lambda: model.export(tmp_path / "m.txt"),
        lambda: model.export(tmp_path / "m", "xml"),  # type: ignore[arg-type]
        lambda: model.classify_files(tsv, tsv),
        lambda: model.classify_files(tsv, tmp_path / "a.txt"),
        lambda: model.update(TEXTS, LABELS, epochs=2),
        lambda: textmlr.featurize(TEXTS, LABELS, model=model, min_df=2),
    ):
        with pytest.raises(InputError):
            call()


def test_featurize(model: Model, tmp_path: Path) -> None:
    from scipy.sparse import load_npz

    found = textmlr.featurize(TEXTS, LABELS, min_df=1, path=tmp_path / "x.npz")
    assert found.X.shape == (12, found.featurizer.columns)
    assert (load_npz(tmp_path / "x.npz") != found.X).nnz == 0
    of_model = textmlr.featurize(TEXTS[1:2], ["western"], model=model)
    assert of_model.y.tolist() == [1]
    assert (model.featurizer.transform(TEXTS[1:2]) != of_model.X).nnz == 0


def test_sizes() -> None:
    assert [bytes_of(text) for text in ("1", "1.5kB", "2 MiB")] == [1, 1500, 2 << 20]
    assert [bytes_of(text) for text in ("", "0", "-1", "1 m", "x")] == [None] * 5


SHOWN = (
    "classify classify_files compare compress counterfactual dumps evaluate explain export "
    "featurizer info is_multilabel labels load log_z of parts predict predict_proba probabilities "
    "record save scores theta thresholds top update"
)


def test_only_what_is_documented_is_shown(model: Model) -> None:
    assert dir(textmlr) == sorted(textmlr.__all__)
    assert [name for name in dir(model) if not name.startswith("_")] == SHOWN.split()
    for name in SHOWN.split():
        documented = getattr(Model, name, None)
        assert inspect.getdoc(documented) if documented else Model.__doc__, name
        assert documented or f"    {name} " in (Model.__doc__ or ""), name


def things(model: Model, corpus: Corpus) -> dict[str, Any]:
    """Objects that people meet."""
    trainer = textmlr.StreamTrainer(FeaturizerOptions(hash_bits=8))
    trainer.learn(TEXTS, LABELS)
    figures, parts = model.evaluate(corpus), model.parts
    why = model.explain(" ".join(TEXTS))
    return {
        "model": model,
        "hidden": textmlr.train(TEXTS, LABELS, hidden=(4,), solver="sgd"),
        "corpus": corpus,
        "texts": corpus.texts,
        "batch": corpus.batches[0],
        "document": corpus[0],
        "featurizer": model.featurizer,
        "unfitted": textmlr.Featurizer(),
        "vocabulary": model.featurizer.vocabulary,
        "evaluation": figures,
        "answered": figures.answered,
        "comparison": model.compare(model, corpus),
        "explanation": why,
        "word": why.words[0],
        "counterfactual": model.counterfactual(TEXTS[0]),
        "top": model.top("scifi", 5),
        "answer": model.classify("a robot"),
        "features": textmlr.featurize(corpus),
        "record": model.record,
        "parts": parts,
        "state": parts.update_state,
        "sketch": parts.update_state.trained_on,
        "calibration": parts.calibration,
        "answers": next(answer_blocks(model, corpus.batches)),
        "trainer": trainer,
        "tuned": textmlr.tune(corpus, seconds=None, trials=1),
        "featurizer options": FeaturizerOptions(),
        "training options": TrainingOptions(),
        "reading options": textmlr.ReadingOptions(),
    }


def test_what_is_shown_is_short(model: Model) -> None:
    """No object fills the screen, however large what it holds."""
    corpus = Corpus.of(TEXTS * 200, LABELS * 200)
    found = things(model, corpus)
    for name, thing in found.items():
        assert len(repr(thing)) <= SHORT, name
    for name in ("model", "hidden", "corpus", "featurizer", "evaluation", "comparison"):
        lines = repr(found[name]).splitlines()
        assert len(lines) == 3, name
        assert max(map(len, lines)) <= 130, name
    many = textmlr.train([f"{word} {word}" for word in WORDS], WORDS, epochs=1)
    assert "and 97 more" in repr(many)
    assert len(repr(many)) < SHORT


WORDS = ["".join(chr(97 + (i * k) % 26) for k in (1, 3, 7, 11)) + str(i) for i in range(100)]


@pytest.mark.parametrize(
    "answer",
    "predict predict_proba classify probabilities scores log_z explain counterfactual".split(),
)
def test_the_name_of_a_file_is_no_text(answer: str, tsv: Path, model: Model) -> None:
    """It would be answered as a text, and nobody would notice."""
    with pytest.raises(InputError, match="is a file, and would be answered as a text; evaluate"):
        getattr(model, answer)(str(tsv))
    getattr(model, answer)(str(tsv).encode())
    getattr(model, answer)("a robot.csv")  # there is no such file
