"""Hidden layers: kernels against naive twins and central differences, and a problem that needs
them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import naive_linear
import naive_network as naive
import numpy as np
import pytest
from conftest import as_python, corpus_of, objective_of
from test_linear_kernels import arrays, random_rows

from textmlr import FeaturizerOptions, InputError, ModelFileError, TrainingOptions
from textmlr.base import tensor_file
from textmlr.base.arrays import frozen
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.reading import read_corpus
from textmlr.export.json import export_json
from textmlr.kernels import layers as network_kernels
from textmlr.kernels import sgd
from textmlr.kernels.layers import Layers
from textmlr.model.explanation.top_features import top_features
from textmlr.model.model import Model
from textmlr.model.model_file import pack
from textmlr.model.parameters import Network
from textmlr.model.scoring import score
from textmlr.model.small_file.compression import compress
from textmlr.training.corpus_training import train_corpus

SHAPES = [(3,), (5, 3), (7, 4, 3), (4, 6, 5, 2)]  # the last are the labels
ACTIVATIONS = ["relu", "tanh", "identity"]


def network(widths, activation: str, columns: int = 9, seed: int = 0) -> Network:
    """Of random weights, far from the ReLU's corner by chance."""
    rng = np.random.default_rng(seed)
    rows = [columns, *(width + 1 for width in widths[:-1])]
    layers = [rng.normal(size=shape).astype(np.float32) for shape in zip(rows, widths, strict=True)]
    return Network.of(layers, activation)


def visit(rows, y, order, first, last, l2, net, squares=None, dropout=0.0, seed=0):
    """An epoch, as the solver calls it: [loss, correct]; the scale is folded in."""
    totals = np.empty(3)
    if squares is None:
        squares = [np.zeros((0, w.shape[1]), w.dtype) for w in (net.theta, net.upper)]
    room = net.room(training=True)
    work = room.work.astype(net.theta.dtype)
    sgd.epoch(
        rows.arrays(),
        frozen(y),
        frozen(order),
        sgd.Steps(first, last, l2, 1.0, dropout, seed),
        Layers(net.theta, net.upper, frozen(net.shape)),
        sgd.Squares(*squares),
        room._replace(work=work, seen=frozen(work), seen_rows=frozen(room.rows)),
        totals,
    )
    for weights in (net.theta, net.upper):
        weights *= totals[2]
    return totals[:2].tolist()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths", SHAPES)
def test_scores(widths, activation: str) -> None:
    rows = random_rows(12, 9, 3)
    x = naive_linear.dense(rows.indptr, rows.indices, rows.values, 9)
    net = network(widths, activation)
    expected, _, _ = naive.scores(x, [layer.astype(float) for layer in net.layers], activation)
    np.testing.assert_allclose(score(rows, net), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths", SHAPES)
def test_gradients_of_every_layer(
    widths, activation: str, dropout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float64, with the masks held: a step of 1 is the gradient, and central differences say
    the same to 1e-6."""
    as_python(monkeypatch, sgd, network_kernels)
    rows = random_rows(12, 9, 5)
    rows.values[:] = np.sign(rows.values)  # exact in float32
    x = naive_linear.dense(rows.indptr, rows.indices, rows.values, 9)
    y = np.full(12, widths[-1] - 1, np.int32)
    single = network(widths, activation, seed=7)
    for i in (0, 5, 9):
        net = Network(single.theta.astype(float), single.upper.astype(float), single.shape)
        before = [layer.copy() for layer in net.layers]
        order = np.full(1, i, np.int32)
        with np.errstate(over="ignore"):
            state = np.uint64(11) * sgd.APART
            told = visit(rows, y, order, 1.0, 1.0, 0.0, net, None, dropout, 11)
        factors = naive.masks(widths[:-1], dropout, state)
        at = x[i : i + 1], y[i : i + 1]
        assert told[0] == pytest.approx(naive.loss(*at, before, activation, factors), rel=1e-9)
        step = 1e-6
        for k, layer in enumerate(before):
            slopes = np.zeros_like(layer)
            for place in np.ndindex(*layer.shape):
                ends = []
                for sign in (1, -1):
                    moved = [other.copy() for other in before]
                    moved[k][place] += sign * step
                    ends.append(naive.loss(*at, moved, activation, factors))
                slopes[place] = (ends[0] - ends[1]) / (2 * step)
            gradient = layer - net.layers[k]
            largest = max(np.abs(slopes).max(), 1e-3)
            assert np.abs(gradient - slopes).max() < 1e-6 * largest


@pytest.mark.parametrize("adagrad", [False, True])
@pytest.mark.parametrize("l2", [0.0, 1e-2, 9.0])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths", SHAPES)
def test_epoch(widths, activation: str, l2: float, adagrad: bool) -> None:
    """At l2 = 9 the scale falls below its floor and is folded into every layer on the way."""
    rows = random_rows(20, 9, 1)
    x = naive_linear.dense(rows.indptr, rows.indices, rows.values, 9)
    rng = np.random.default_rng(2)
    y = rng.integers(0, widths[-1], 20).astype(np.int32)
    order = rng.integers(0, 20, 15).astype(np.int32)
    net = network(widths, activation, seed=4)
    steps = (0.1, 0.02) if adagrad else (0.05, 0.01)
    expected, loss = naive.epoch(x, y, order, *steps, l2, net.layers, activation, adagrad, 1e-6)
    squares = [np.zeros_like(w) for w in (net.theta, net.upper)] if adagrad else None
    told = visit(rows, y, order, *steps, l2, net, squares)
    assert told[0] == pytest.approx(loss, rel=1e-3)
    for layer, wanted in zip(net.layers, expected, strict=True):
        np.testing.assert_allclose(layer, wanted, rtol=5e-3, atol=2e-3)


def test_what_is_right_of_a_narrow_layer_stays_zero() -> None:
    rows = random_rows(20, 9, 1)
    net = network((4, 6, 3), "relu")
    visit(rows, np.zeros(20, np.int32), np.arange(20, dtype=np.int32), 0.1, 0.1, 1e-3, net)
    assert net.upper.shape == (5 + 7, 6)
    assert not net.upper[5:, 3:].any()


def test_thinned_rows() -> None:
    """About the share asked for is dropped, the rest grows, and the seed says which."""
    rows = random_rows(400, 60, 1)

    def thinned(seed: int):
        indptr, indices = np.empty_like(rows.indptr), np.empty_like(rows.indices)
        values = np.empty_like(rows.values)
        sgd.thin(*arrays(rows), 0.25, seed, indptr, indices, values)
        return naive_linear.dense(indptr, indices, values, 60)

    whole = naive_linear.dense(rows.indptr, rows.indices, rows.values, 60)
    part = thinned(3)
    kept = part != 0
    assert 0.72 < kept.sum() / (whole != 0).sum() < 0.78
    np.testing.assert_allclose(part[kept], whole[kept] / 0.75, rtol=1e-6)
    assert (thinned(3) == part).all()
    assert (thinned(4) != part).any()


def exclusive_or(copies: int) -> Corpus:
    """The label says whether exactly one of the words a and b is there."""
    kinds = [("a b", "no"), ("a y", "yes"), ("x b", "yes"), ("x y", "no")]
    return corpus_of([(label, text) for text, label in kinds * copies])


WORDS = FeaturizerOptions(ngrams=(1, 1), char_ngrams=None)


def test_exclusive_or() -> None:
    """Of single words a linear model cannot know it; one hidden layer does, of every document."""
    corpus = exclusive_or(100)
    texts, wanted = ["a b", "a y", "x b", "x y"], ["no", "yes", "yes", "no"]

    def right(options: TrainingOptions) -> int:
        answers = train_corpus(corpus, WORDS, options).classify(texts)
        return sum(row[0].label == label for row, label in zip(answers, wanted, strict=True))

    assert right(TrainingOptions()) <= 3
    assert right(TrainingOptions(hidden=(16,), dropout=0.0)) == 4
    assert right(TrainingOptions(hidden=(16, 8), dropout=0.0)) == 4


def test_a_wide_bottleneck_reaches_the_linear_optimum() -> None:
    """Of rank L or more, without activation, a product of layers is any θ: its minimum without a
    penalty on the layers is the one of the linear model."""
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(6)]
    pairs = []
    for _ in range(300):
        chosen = rng.choice(words, 3)
        shifted = (words.index(chosen[0]) + int(rng.random() < 0.3)) % 3
        pairs.append((f"l{shifted}", " ".join(chosen)))
    objective = objective_of(pairs)
    best = train_exactly(objective)
    from textmlr.training.sgd.descent import SGD

    options = TrainingOptions(hidden=(4,), activation="identity", dropout=0.0, step="plain")
    run = SGD.start(objective, np.arange(len(pairs)), 100, 0.3, options.decided())
    while run.done < run.epochs:
        run.epoch()
    assert objective.evaluate(run.network)[0] < best + 1e-4


def train_exactly(objective) -> float:
    """The least loss of a linear model."""
    from textmlr.training.exact.solver import minimise

    return minimise(replace(objective, l2=1e-8), tolerance=1e-6).value


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "relu"}, "means nothing without hidden layers"),
        ({"dropout": 0.1}, "means nothing without hidden layers"),
        ({"hidden": (4,), "solver": "exact"}, "the exact solver knows no hidden"),
        ({"hidden": (4,), "l1": 1e-3}, "the exact solver knows no hidden"),
        ({"hidden": (0,)}, "hidden=0 is not a whole number from 1 to 100,000"),
        ({"hidden": 4}, "is not a tuple"),
        ({"hidden": (4,), "dropout": 1.0}, "from 0 to just below 1; give one such as 0.5"),
        ({"input_dropout": 1.0}, "from 0 to just below 1; give one such as 0.5"),
    ],
)
def test_options_that_cannot_be(options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TrainingOptions(**options)


def test_layers_that_do_not_fit() -> None:
    ones = np.ones((3, 2), np.float32)
    with pytest.raises(ValueError, match="a layer has 2 rows, not 3"):
        Network.of([ones, ones[:2]])
    with pytest.raises(ValueError, match="not finite"):
        Network.of([ones, np.full((3, 2), np.nan, np.float32)])


@pytest.mark.parametrize(
    "options",
    [
        TrainingOptions(hidden=(8,)),
        TrainingOptions(hidden=(8, 4), activation="tanh", input_dropout=0.2, dropout=0.3),
        TrainingOptions(hidden=(3,), activation="identity", step="plain"),
        TrainingOptions(step="adagrad"),
    ],
)
def test_same_seed_same_bits(options: TrainingOptions, train_tsv: Path, tmp_path: Path) -> None:
    genres = read_corpus([train_tsv])
    files = []
    for threads in (1, 3):
        path = tmp_path / f"{threads}.textmlr"
        train_corpus(genres, WORDS, options, threads=threads).save(path)
        files.append(path.read_bytes())
    assert files[0] == files[1]


@pytest.mark.usefixtures("any_number")
def test_layers_that_cannot_fit_in_memory_are_refused(train_tsv: Path) -> None:
    options = TrainingOptions(hidden=(100_000_000, 64))
    with pytest.raises(InputError, match=r"features × 100,000,000 hidden units × 64 .*hidden"):
        train_corpus(read_corpus([train_tsv]), WORDS, options)


def test_a_model_file_holds_every_layer(train_tsv: Path, tmp_path: Path) -> None:
    model = train_corpus(read_corpus([train_tsv]), WORDS, TrainingOptions(hidden=(6, 5)))
    assert [layer.shape[1] for layer in model.parts.layers] == [6, 5, 3]
    path = tmp_path / "m.textmlr"
    model.save(path)
    loaded = Model.load(path)
    texts = ["robot kiss", "", "ship"]
    assert loaded.parts.activation == "relu"
    assert loaded.probabilities(texts).tobytes() == model.probabilities(texts).tobytes()
    assert loaded.probabilities(texts[:1]).tobytes() == model.probabilities(texts)[:1].tobytes()
    with pytest.raises(InputError, match="a model with hidden layers has no weight"):
        _ = loaded.theta


@pytest.fixture(scope="module")
def hidden_model(train_tsv: Path) -> Model:
    options = TrainingOptions(hidden=(12, 8), epochs=6)
    return train_corpus(read_corpus([train_tsv]), WORDS, options)


def test_compressed(hidden_model: Model, test_tsv: Path, tmp_path: Path) -> None:
    small = compress(hidden_model, 6000)
    assert small.save(tmp_path / "small.textmlr") <= 6000 < hidden_model.save(tmp_path / "whole")
    loaded = Model.load(tmp_path / "small.textmlr")
    corpus = read_corpus([test_tsv])
    answers = [model.probabilities(corpus.batches) for model in (hidden_model, small, loaded)]
    assert answers[1].tobytes() == answers[2].tobytes()
    right = [(p.argmax(axis=1) == corpus.y).mean() for p in answers]
    assert right[1] > right[0] - 0.05 > 0.7


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_onnx(activation: str, train_tsv: Path) -> None:
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    from textmlr.export.onnx import inputs, onnx_model

    options = TrainingOptions(hidden=(12, 8), epochs=3, activation=activation)
    model = train_corpus(read_corpus([train_tsv]), WORDS, options)
    session = onnxruntime.InferenceSession(onnx_model(model).SerializeToString())
    texts = ["robot kiss", "", "a saddle and a letter"]
    ids, values = inputs(model, texts)
    scores, log_z, p = session.run(None, {"ids": ids, "values": values})
    np.testing.assert_allclose(scores, model.scores(texts), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(log_z, model.log_z(texts), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(p, model.probabilities(texts), atol=1e-5)


def test_what_knows_linear_models_only_says_so(hidden_model: Model, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no weight of a feature for a label; ask textmlr"):
        top_features(hidden_model)
    with pytest.raises(InputError, match=r"is not written as JSON; write ONNX"):
        export_json(hidden_model, tmp_path / "m.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": [12, 8]}, "the widths of its layers are impossible"),
        ({"widths": [12, 9, 3]}, "'theta.1' is float32 of shape"),
        ({"widths": [12, -8, 3]}, "the widths of its layers are impossible"),
        ({"widths": [12, 8, 3, 3]}, "'theta.3' is missing"),
        ({"activation": "sine"}, "its activation is not known"),
    ],
)
def test_files_that_lie_about_layers(
    change, message: str, hidden_model: Model, tmp_path: Path
) -> None:
    header, tensors, _ = pack(hidden_model.parts)
    tensor_file.save(tmp_path / "m.textmlr", header | change, tensors)
    with pytest.raises(ModelFileError, match=message):
        Model.load(tmp_path / "m.textmlr")


def test_a_text_classifier_with_hidden_layers() -> None:
    from textmlr.sklearn import TextClassifier

    texts, labels = ["a b", "a y", "x b", "x y"] * 100, [0, 1, 1, 0] * 100
    classifier = TextClassifier(ngrams=(1, 1), char_ngrams=None, hidden=(16,), dropout=0.0)
    assert classifier.fit(texts, labels).predict(["a y", "x y"]).tolist() == [1, 0]
