"""update of models with hidden layers: Adagrad resumes from the squares in the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import corpus_of, documents, objective_of, write_tsv
from test_update import Pairs, accuracy, cooking, loss

from textmlr import (
    FeaturizerOptions,
    InputError,
    Model,
    ModelFileError,
    TrainingOptions,
    UpdateOptions,
)
from textmlr.base import tensor_file
from textmlr.cli import cli
from textmlr.corpus.label_sets import LabelSets
from textmlr.evaluation.labelled_answers import answer
from textmlr.model.heads import SIGMOIDS
from textmlr.model.model_file import pack
from textmlr.model.model_parts import UpdateState
from textmlr.model.record import Record
from textmlr.model.small_file.compression import compress
from textmlr.training.corpus_training import train_corpus
from textmlr.training.objective import Objective
from textmlr.training.update.model_update import update_model
from textmlr.training.update.network_update import (
    MOST_COMMONER,
    MOST_RARER,
    YET,
    NetworkLearner,
    OldTraining,
)

NOTHING_HELD = UpdateOptions(holdout=0.0)
WORDS = FeaturizerOptions(ngrams=(1, 1), char_ngrams=None)
HIDDEN = TrainingOptions(hidden=(16,))
FORMS = {
    "two layers": (WORDS, TrainingOptions(hidden=(12, 8), epochs=20)),
    "tanh, no dropout": (
        WORDS,
        TrainingOptions(hidden=(12,), activation="tanh", dropout=0.0, idf_power=0.0),
    ),
    "hashed": (FeaturizerOptions(ngrams=(1, 1), char_ngrams=None, hash_bits=14), HIDDEN),
    "idf": (FeaturizerOptions(ngrams=(1, 1), char_ngrams=None, idf=True), HIDDEN),
    "no bias": (FeaturizerOptions(ngrams=(1, 1), char_ngrams=None, bias=False), HIDDEN),
    "no norm": (
        FeaturizerOptions(ngrams=(1, 1), char_ngrams=None, norm=None),
        TrainingOptions(hidden=(16,), learning_rate=0.5),
    ),
}


@pytest.fixture(scope="module")
def old() -> Model:
    return train_corpus(corpus_of(documents(150, 1)), WORDS, HIDDEN)


@pytest.fixture(scope="module")
def test_pairs() -> Pairs:
    return documents(300, 9)


def forgetful(model: Model) -> Model:
    """The same, as if its steps had never been divided by anything."""
    nothing = [np.zeros_like(own) for own in model.parts.update_state.squares]
    return Model.of(
        replace(model.parts, update_state=UpdateState(nothing, model.parts.update_state.trained_on))
    )


class TestLearns:
    def test_as_good_as_training_on_everything(self, old: Model, test_pairs: Pairs) -> None:
        more = documents(150, 2)
        everything = train_corpus(corpus_of(documents(150, 1) + more), WORDS, HIDDEN)
        updated = update_model(old, corpus_of(more), NOTHING_HELD)
        assert loss(updated, test_pairs) < 0.97 * loss(old, test_pairs)
        assert accuracy(updated, test_pairs) > accuracy(everything, test_pairs) - 0.02
        assert updated.featurizer.documents == 300
        # What has been learnt adds up: old rows of features have seen more than before.
        first, then = (
            old.parts.update_state.squares[0],
            updated.parts.update_state.squares[0][: len(old.parts.update_state.squares[0])],
        )
        assert (then[0] > first[0]) & (np.median(then) > np.median(first))

    def test_a_few_documents_do_no_harm(self, old: Model, test_pairs: Pairs) -> None:
        for seed in (3, 4, 5):
            updated = update_model(old, corpus_of(documents(3, seed)))
            assert loss(updated, test_pairs) < 1.02 * loss(old, test_pairs)

    def test_documents_of_one_label(self, old: Model, test_pairs: Pairs) -> None:
        own = [pair for pair in documents(150, 2) if pair[0] == "western"]
        updated = update_model(old, corpus_of(own), NOTHING_HELD)
        given = answer(updated, corpus_of(test_pairs)).top
        assert np.mean(given == updated.labels.index("western")) < 0.45  # of a third
        assert accuracy(updated, test_pairs) > accuracy(old, test_pairs) - 0.03

    def test_without_squares_and_offset_all_is_forgotten(
        self, old: Model, test_pairs: Pairs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What the bounds of these tests are worth."""
        own = corpus_of([pair for pair in documents(150, 2) if pair[0] == "western"])
        monkeypatch.setattr(
            NetworkLearner, "_offset", lambda self, documents: np.zeros(3, np.float32)
        )
        updated = update_model(forgetful(old), own, NOTHING_HELD)
        assert accuracy(updated, test_pairs) < accuracy(old, test_pairs) - 0.1

    def test_a_new_label(self, old: Model, test_pairs: Pairs) -> None:
        updated = update_model(old, corpus_of(cooking(60, 1)), NOTHING_HELD)
        assert updated.labels == ["cooking", "romance", "scifi", "western"]
        assert accuracy(updated, cooking(100, 2)) > 0.7
        assert accuracy(updated, test_pairs) > accuracy(old, test_pairs) - 0.05
        again = update_model(updated, corpus_of(documents(90, 2)), NOTHING_HELD)
        assert accuracy(again, cooking(100, 2)) > 0.6

    def test_a_new_label_is_rare_where_nothing_is_learnt(self, old: Model) -> None:
        """Of weight 0, its documents teach nothing but that it exists."""
        pairs = [*documents(30, 2), ("cooking", "garlic garlic")]
        updated = update_model(old, corpus_of(pairs, [1.0] * 30 + [0.0]), NOTHING_HELD)
        p = updated.probabilities([text for _, text in documents(30, 3)])[:, 0]
        assert 0 < p.max() < 0.05
        garlic = updated.featurizer.feature_names().index("garlic")
        assert not updated.parts.layers[0][garlic].any()
        assert updated.parts.update_state.squares[0][garlic] == 0


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_network(form: str, test_pairs: Pairs, tmp_path: Path) -> None:
    """Updated, saved, read and updated again."""
    first = train_corpus(corpus_of(documents(150, 1)), *FORMS[form])
    second = update_model(first, corpus_of(cooking(60, 1) + documents(60, 3)))
    assert accuracy(second, cooking(60, 2)) > 0.6
    assert accuracy(second, test_pairs) > accuracy(first, test_pairs) - 0.08
    second.save(tmp_path / "m.textmlr")
    again = Model.load(tmp_path / "m.textmlr")
    assert [own.tobytes() for own in again.parts.update_state.squares] == [
        own.tobytes() for own in second.parts.update_state.squares
    ]
    assert again.parts.activation == second.parts.activation == first.parts.activation
    third, same = (
        update_model(m, corpus_of(documents(90, 4)), NOTHING_HELD) for m in (again, second)
    )
    assert third.probabilities(["a robot"]).tobytes() == same.probabilities(["a robot"]).tobytes()


def test_offset() -> None:
    """By hand: 90 old documents of 2 labels, 10 new ones of the first and of a third"""
    features = objective_of([("a", "word")] * 10).features
    y = np.array([0] * 5 + [2] * 5, np.int32)
    objective = Objective(features, y, np.ones(10, np.float32), 4)
    nothing = np.zeros(0, np.float32)
    learner = NetworkLearner(
        [],
        [],
        "relu",
        np.array([True, True, False, True]),
        np.array([45.0, 45, 0, 0]),
        90,
        nothing,
        OldTraining(TrainingOptions(), 0.0, 0.1),
    )
    expected = [0.0, -MOST_RARER, min(MOST_COMMONER, np.log(91) - YET - MOST_RARER / 2), 0.0]
    np.testing.assert_allclose(learner._offset(objective), expected, atol=1e-6)


def test_offset_of_label_sets() -> None:
    """By hand: 90 old documents, 45 and 90 of which have a label; of 10 new ones 2 have the first
    and 5 a third, none the others."""
    features = objective_of([("a", "word")] * 10).features
    y = LabelSets.of([[0, 2], [0], [2], [2], [2], [2], [], [], [], []])
    objective = Objective(features, y, np.ones(10, np.float32), 4, head=SIGMOIDS)
    learner = NetworkLearner(
        [],
        [],
        "relu",
        np.array([True, True, False, True]),
        np.array([45.0, 90, 0, 0]),
        90,
        np.zeros(0, np.float32),
        OldTraining(TrainingOptions(), 0.0, 0.1),
    )
    first = np.log(2 / 8) - np.log(47 / 53)
    expected = [first, -MOST_RARER, min(MOST_COMMONER, np.log(91) - YET), 0.0]
    np.testing.assert_allclose(learner._offset(objective), expected, atol=1e-6)


@pytest.mark.parametrize("power", [0.0, 1.0])
def test_squares_are_those_of_theta(power: float) -> None:
    """One visit of each document, in steps so small that θ stays: the squares that Adagrad has
    gathered are those of the gradients with respect to θ, whatever the scale of its steps."""
    pairs = documents(60, 1)
    options = TrainingOptions(
        hidden=(4,),
        idf_power=power,
        epochs=1,
        calibration=False,
        holdout=0.0,
        learning_rate=1e-6,
        dropout=0.0,
        activation="tanh",
        l2=0.0,
    )
    model = train_corpus(corpus_of(pairs), WORDS, options)
    first, last = (layer.astype(np.float64) for layer in model.parts.layers)
    rows = model.featurizer.featurize(corpus_of(pairs).batches, 1)
    f = np.zeros((60, rows.columns))
    f[np.repeat(np.arange(60), np.diff(rows.indptr)), rows.indices] = rows.values
    outputs = np.column_stack([np.tanh(f @ first), np.ones(60)])
    p = np.exp(outputs @ last)
    error = p / p.sum(axis=1, keepdims=True) - np.eye(3)[corpus_of(pairs).y]
    below = (error @ last[:-1].T) * (1 - outputs[:, :-1] ** 2)
    expected = [(f**2).T @ (below**2), (outputs**2).T @ (error**2)]
    for own, squares in zip(model.parts.update_state.squares, expected, strict=True):
        np.testing.assert_allclose(own, squares.mean(axis=1), rtol=2e-3, atol=1e-7)


def test_threads_change_no_bit(old: Model, tmp_path: Path) -> None:
    for threads in (1, 3):
        made = update_model(old, corpus_of(cooking(60, 1) + documents(240, 2)), threads=threads)
        made.save(tmp_path / f"{threads}.textmlr")
    assert (tmp_path / "1.textmlr").read_bytes() == (tmp_path / "3.textmlr").read_bytes()


def test_the_old_model_stays_as_it_was(old: Model) -> None:
    before = [array.copy() for array in (*old.parts.layers, *old.parts.update_state.squares)]
    update_model(old, corpus_of(cooking(60, 1)))
    for was, now in zip(before, (*old.parts.layers, *old.parts.update_state.squares), strict=True):
        np.testing.assert_array_equal(was, now)


def test_what_is_compared(old: Model, test_pairs: Pairs) -> None:
    updated = update_model(old, corpus_of(documents(90, 2)), validation=corpus_of(test_pairs))
    row = updated.record.updates[-1].compared["rows"][0]
    assert row["accuracy"] == pytest.approx([accuracy(m, test_pairs) for m in (old, updated)])
    assert row["loss"] == pytest.approx([loss(m, test_pairs) for m in (old, updated)], rel=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"squares.0": np.zeros(3, np.float32)}, "'squares.0' is float32 of shape"),
        ({"squares.1": np.full(17, -1, np.float32)}, "a sum of squared gradients is negative"),
        ({"squares.1": np.full(17, np.nan, np.float32)}, "negative, or not finite"),
        ({"squares.1": np.full(17, np.inf, np.float32)}, "negative, or not finite"),
        ({"squares.1": np.zeros(17)}, "'squares.1' is float64"),
        ({"squares.1": None}, "'squares.1' is missing"),
    ],
)
def test_files_that_lie(change, message: str, old: Model, tmp_path: Path) -> None:
    header, tensors, _ = pack(old.parts)
    tensors = {k: v for k, v in (tensors | change).items() if v is not None}
    tensor_file.save(tmp_path / "m.textmlr", header, tensors)
    with pytest.raises(ModelFileError, match=message):
        Model.load(tmp_path / "m.textmlr")


class TestRefused:
    def test_compressed(self, old: Model, tmp_path: Path) -> None:
        small = compress(old, 6000)
        assert small.parts.update_state.squares == []
        with pytest.raises(InputError, match=r"hidden layers.*that it was compressed from"):
            update_model(small, corpus_of(documents(30, 2)))

    def test_plain_steps(self) -> None:
        options = TrainingOptions(hidden=(4,), step="plain", epochs=2)
        model = train_corpus(corpus_of(documents(60, 1)), WORDS, options)
        with pytest.raises(InputError, match=r"hidden layers.*; train it again with --step"):
            update_model(model, corpus_of(documents(30, 2)))

    def test_a_record_that_says_nothing(self, old: Model) -> None:
        parts = old.parts
        for record in (
            Record(),
            replace(parts.record, final=None),
            replace(parts.record, options={}),
        ):
            with pytest.raises(InputError, match="record does not say how it was trained"):
                update_model(Model.of(replace(parts, record=record)), corpus_of(documents(30, 2)))


def test_command(old: Model, tmp_path: Path) -> None:
    old.save(tmp_path / "m.textmlr")
    new = write_tsv(tmp_path / "new.tsv", cooking(60, 1) + documents(240, 2))
    run = CliRunner().invoke(cli, ["update", str(tmp_path / "m.textmlr"), str(new)])
    assert run.exit_code == 0, run.output
    assert "3 + 1 = 4: cooking" in run.stdout
    assert "training on new documents" in run.stderr
    assert Model.load(tmp_path / "m.textmlr").labels[0] == "cooking"
