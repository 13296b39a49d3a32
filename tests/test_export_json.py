"""A model as JSON: documented, whole, and scorer.js gives the model's answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import unicodedata
from pathlib import Path
from typing import Any

import naive_linear
import numpy as np
import pytest
import torture
from conftest import corpus_of, documents
from numpy.typing import NDArray

from textmlr import FeaturizerOptions, InputError, Model
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.reading import read_corpus
from textmlr.export import json as export
from textmlr.model.scoring import Calibration
from textmlr.model.zero_rows import without_zero_rows
from textmlr.training.corpus_training import train_corpus

DATA = Path(__file__).parent.parent / "data"
QUICK = TrainingOptions(epochs=1, holdout=0.0)
BENT = Calibration(1.0, -0.6, 1.7, 0.4)
# Names that every JavaScript object has, and what is not escaped, or too much, in JSON.
ODD = ["constructor __proto__ toString hasOwnProperty valueOf", 'a "quoted" \\ back\u2028slash\x00']
RUN = """
const fs = require("fs");
const { Scorer } = require(process.argv[2]);
const scorer = new Scorer(JSON.parse(fs.readFileSync(process.argv[3], "utf8")));
const texts = JSON.parse(fs.readFileSync(0, "utf8"));
console.log(JSON.stringify(texts.map((text) => [scorer.scores(text), scorer.probabilities(text)])));
"""

OPTIONS = [
    FeaturizerOptions(),
    FeaturizerOptions(ngrams=(1, 1), char_ngrams=(4, 4)),
    FeaturizerOptions(ngrams=None, char_ngrams=(2, 4), idf=True),
    FeaturizerOptions(ngrams=(2, 3), lowercase=False, bias=False),
    FeaturizerOptions(split_scripts=False, char_ngrams=(3, 3), norm=None, term_frequency="raw"),
    FeaturizerOptions(punctuation=False, min_token_length=3, term_frequency="binary"),
    FeaturizerOptions(min_df=2, term_frequency="raw", idf=True, norm=None, bias=False),
    FeaturizerOptions(normalize=None),
    FeaturizerOptions(
        stop_words=["the", "All", "don't", "и", "ὁ", "人", "l’œuvre", "!", "İĞNE", "हिन्दी", "de"],
        token_pattern=None,
        char_ngrams=(3, 3),
    ),
    FeaturizerOptions(stop_words=["human", "don't", "σ"], token_pattern=r"\w+", normalize=None),
    FeaturizerOptions(normalize="nfkc", lowercase=False),
    FeaturizerOptions(normalize="nfd", strip_accents=True, char_ngrams=(2, 3)),
    FeaturizerOptions(normalize="nfkc", strip_accents=True),
    FeaturizerOptions(hash_bits=16, ngrams=(1, 3)),
    FeaturizerOptions(hash_bits=9, char_ngrams=(2, 3), idf=True),
    FeaturizerOptions(hash_bits=18, bias=False, idf=True, norm=None),
]
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")


def torture_texts(whole: bool = False) -> list[str]:
    """What JavaScript can hold: no pair of surrogates that is two lone ones in Python.  Bytes that
    are all invalid are left out, and unless whole the lists of all code points and the sentences
    once more in other forms."""
    more = () if whole else ("code points", "all sentences, NFK", "all sentences, in bytes")
    left_out = ("surrogate pair", "longer", "bytes", *more)
    texts = [
        document.decode("utf-8", "replace") if isinstance(document, bytes) else document
        for name, document in torture.documents()
        if not name.startswith(left_out)
    ]
    return texts + ODD


def made(options: FeaturizerOptions, labels: int, zero: float = 0.0, whole: bool = False) -> Model:
    """A model over the torture documents with weights drawn at random, a share of rows 0."""
    pairs = [(f"ℓ{i % labels}", text) for i, text in enumerate(torture_texts(whole))]
    model = train_corpus(corpus_of(pairs), options, QUICK)
    rng = np.random.default_rng(1)
    theta = rng.normal(size=model.parts.layers[0].shape).astype(np.float32)
    if options.norm is None:
        theta /= 100  # rows are as long as documents are
    theta[rng.uniform(size=len(theta)) < zero] = 0
    whole_model = Model(
        model.labels, model.featurizer, [theta], model.record, model.parts.columns, BENT
    )
    return without_zero_rows(whole_model)


def exact(model: Model, texts: list[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(scores, probabilities) in double precision, from the rows."""
    rows = model.featurizer.transform(texts).astype(np.float64)
    scores = rows @ model.theta.astype(np.float64)
    own = model.parts.calibration
    relative = np.maximum(scores.std(axis=1), own.least) / own.spread
    scores *= (relative**own.exponent)[:, None]
    bias = int(model.featurizer.options.bias)
    counts = model.record.corpus.per_label
    scores = naive_linear.with_base(scores, rows.toarray(), model.theta, bias, counts)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return scores, shares / shares.sum(axis=1, keepdims=True)


def answered_by_node(
    model: Model, texts: list[str], folder: Path
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(scores, probabilities) as scorer.js has them."""
    export.export_json(model, folder / "model.json")
    (folder / "scorer.js").write_text(export.scorer(), encoding="utf-8")
    (folder / "run.js").write_text(RUN, encoding="utf-8")
    command = ["node", "run.js", "./scorer.js", "model.json"]
    done = subprocess.run(
        command, cwd=folder, input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    pairs = json.loads(done.stdout)
    return np.array([scores for scores, _ in pairs]), np.array([shares for _, shares in pairs])


def check(model: Model, texts: list[str], folder: Path) -> None:
    scores, probabilities = answered_by_node(model, texts, folder)
    true_scores, true_probabilities = exact(model, texts)
    np.testing.assert_allclose(probabilities, true_probabilities, atol=1e-6, rtol=0)
    np.testing.assert_allclose(scores, true_scores, atol=1e-5, rtol=1e-6)
    # The model itself sums in single precision.
    np.testing.assert_allclose(probabilities, model.probabilities(texts), atol=5e-6, rtol=0)


@pytest.mark.slow
@needs_node
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_torture(options: FeaturizerOptions, tmp_path: Path) -> None:
    model = made(options, 2 + OPTIONS.index(options) % 3)
    texts = torture_texts()
    assert np.ptp(model.probabilities(texts), axis=0).max() > 0.3
    if options.strip_accents:  # what combines is node's Unicode to say, which may be newer
        texts = [text for text in texts if "Cn" not in map(unicodedata.category, text)]
    check(model, texts, tmp_path)


@pytest.mark.slow
@needs_node
def test_every_code_point(tmp_path: Path) -> None:
    check(made(OPTIONS[1], 2, whole=True), torture_texts(whole=True), tmp_path)


@pytest.mark.slow
@needs_node
@pytest.mark.parametrize("options", [OPTIONS[1], OPTIONS[8]], ids=str)
def test_sparse_models(options: FeaturizerOptions, tmp_path: Path) -> None:
    """Features known by their hashes alone count in the length of a document."""
    check(made(options, 3, zero=0.7), torture_texts(), tmp_path)


@pytest.mark.slow
@needs_node
def test_a_thousand_documents(tmp_path: Path) -> None:
    texts = []
    for name in ("genres-train.tsv", "genres-test.tsv"):
        for batch in read_corpus([str(DATA / name)]).batches:
            texts += [batch[i].decode() for i in range(len(batch))]
    texts += [text for _, text in documents(300, 7)]
    assert len(texts) > 1000
    model = train_corpus(read_corpus([str(DATA / "genres-train.tsv")]))
    assert model.parts.calibration.exponent < 0
    check(model, texts, tmp_path)


@pytest.fixture(scope="module")
def small() -> Model:
    return train_corpus(
        corpus_of(documents(60, 1)), FeaturizerOptions(ngrams=(1, 2), char_ngrams=(3, 3))
    )


def test_weights_are_those_of_the_model_to_the_bit(small: Model, tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    assert export.export_json(small, path) == path.stat().st_size
    told = json.loads(path.read_text(encoding="utf-8"))
    assert told["labels"] == small.labels
    weights = dict(told["weights"]["words"])
    weights |= {f"char:{name}": row for name, row in told["weights"]["characters"].items()}
    names = small.featurizer.feature_names()
    assert {"(bias)", *weights} == set(names)
    weights["(bias)"] = told["bias"]
    theta = np.array([weights[name] for name in names], np.float64).astype(np.float32)
    assert theta.tobytes() == small.theta.tobytes()


def test_hashed_columns_have_their_names(tmp_path: Path) -> None:
    model = train_corpus(corpus_of(documents(60, 1)), FeaturizerOptions(hash_bits=8), QUICK)
    export.export_json(model, tmp_path / "m.json")
    told = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    names = dict(enumerate(model.featurizer.feature_names()))
    assert told["names"].keys() <= told["weights"]["columns"].keys()
    del names[0]  # the bias
    assert told["names"] == {str(column): name for column, name in names.items() if name}


def test_it_says_what_it_holds(small: Model, tmp_path: Path) -> None:
    export.export_json(small, tmp_path / "m.json")
    told = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    about = "\n".join(told["about"])
    for key, value in told.items():
        if isinstance(value, dict) and key != "made_by":
            assert not [own for own in value if own not in about], key
    assert all(len(line) <= 100 for line in told["about"])
    assert len(export.scorer().splitlines()) < 150


@needs_node
def test_an_expression_of_python_is_refused_by_the_scorer(tmp_path: Path) -> None:
    model = train_corpus(
        corpus_of([("a", "robot orbit"), ("b", "kiss a vow")] * 9),
        FeaturizerOptions(token_pattern="[a-z]+", stop_words=["a"]),
        QUICK,
    )
    with pytest.raises(subprocess.CalledProcessError) as failed:
        answered_by_node(model, ["a"], tmp_path)
    assert "its token_pattern is an expression of Python's re" in failed.value.stderr
    told = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert told["unicode"] == {"tokens": None, "kinds": {}, "lower": []}
    assert told["featurizer"]["token_pattern"] == "[a-z]+"
    assert told["featurizer"]["stop_words"] == ["a"]


def test_blocks_of_features(small: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export.export_json(small, tmp_path / "one")
    monkeypatch.setattr(export, "BLOCK", 7)
    export.export_json(small, tmp_path / "many")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "many").read_bytes()


def test_ranges_hold_every_code_point() -> None:
    """Expanded again, they are the tables that the tokenizer reads."""
    from textmlr.features.unicode_tables import LIMIT, frozen_tables

    for options in (
        FeaturizerOptions(normalize=None),
        FeaturizerOptions(lowercase=False, token_pattern=r"\w+"),
        FeaturizerOptions(split_scripts=False, normalize=None),
    ):
        told: dict[str, Any] = export._unicode(options)
        lower, kind = frozen_tables(options, ascii_only=False)
        again, letters = np.arange(0x110000), np.full(0x110000, "O")
        for first, last, step, change in told["lower"]:
            again[first : last + 1 : step] += change
        for letter, ranges in told["kinds"].items():
            for first, last in ranges:
                letters[first : last + 1] = letter
        np.testing.assert_array_equal(again[: len(lower)], lower)
        np.testing.assert_array_equal(again[len(lower) :], np.arange(len(lower), 0x110000))
        if options.token_pattern is None:
            assert "".join(letters[0x2F:0x3B]) == "ODDDDDDDDDDO"
            assert (letters[0x200D], letters[0xFE0F]) == ("Z", "V")
            letters[0x30:0x3A], letters[0x200D], letters[0xFE0F] = "N", "J", "X"
        kinds = np.array([export.KINDS.get(letter, 1) for letter in letters])
        np.testing.assert_array_equal(kinds[:LIMIT], kind[:LIMIT])
        assert kinds[0xE0000:0xE0200].tolist() == kind[LIMIT:].tolist()
        assert set(letters[LIMIT:0xE0000]) | set(letters[0xE0200:]) == {"O"}
        assert len(json.dumps(told)) < 40_000


def test_a_place_that_cannot_be_written(small: Model, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        export.export_json(small, tmp_path / "no" / "m.json")
    assert os.listdir(tmp_path) == []
