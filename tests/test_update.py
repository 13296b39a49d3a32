"""update: a model takes new documents and labels without forgetting the old ones."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import naive_linear as naive
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import COMMON, WORDS, corpus_of, documents, objective_of, write_tsv

from textmlr import (
    FeaturizerOptions,
    InputError,
    Model,
    ModelFileError,
    TrainingOptions,
    UpdateOptions,
)
from textmlr.base.arrays import frozen
from textmlr.cli import cli
from textmlr.evaluation.labelled_answers import answer
from textmlr.features.extension import row_frequencies
from textmlr.kernels import dual_ascent
from textmlr.kernels.csr_rows import Csr
from textmlr.model.model_facts import kept_of
from textmlr.model.parameters import Network
from textmlr.model.scoring import score
from textmlr.model.small_file.compression import compress
from textmlr.training.corpus_training import train_corpus
from textmlr.training.objective import Objective
from textmlr.training.update import penalised_loss
from textmlr.training.update.linear_update import common_of, curvature_of, precision_of
from textmlr.training.update.model_update import update_model
from textmlr.training.update.penalised_loss import Prior, minimum

Pairs = list[tuple[str, str]]
NOTHING_HELD = UpdateOptions(holdout=0.0)
FORMS = {
    "plain": (FeaturizerOptions(ngrams=(1, 2)), None),
    "hashed": (FeaturizerOptions(ngrams=(1, 2), hash_bits=14), None),
    "hashed, idf": (FeaturizerOptions(ngrams=(1, 2), hash_bits=14, idf=True), None),
    "idf": (FeaturizerOptions(ngrams=(1, 2), idf=True), None),
    "no norm": (FeaturizerOptions(ngrams=(1, 1), norm=None), None),
    "no bias": (FeaturizerOptions(ngrams=(1, 1), bias=False), None),
    "sparse": (FeaturizerOptions(ngrams=(1, 1)), TrainingOptions(l1=3e-3)),
    "sparse, hashed": (FeaturizerOptions(ngrams=(1, 1), hash_bits=14), TrainingOptions(l1=3e-3)),
    "sparse, no norm": (FeaturizerOptions(ngrams=(1, 1), norm=None), TrainingOptions(l1=3e-3)),
    "exact": (FeaturizerOptions(ngrams=(1, 1)), TrainingOptions(solver="exact", l2=1e-3)),
}


def cooking(number: int, seed: int) -> Pairs:
    """Documents of a label, and with words, that the others have not."""
    rng = random.Random(seed)
    own = "oven dough simmer garlic saucepan whisk recipe butter roast pepper".split()
    made = []
    for _ in range(number):
        words = rng.choices(own, k=4) + rng.choices(COMMON, k=10)
        words += rng.choices(WORDS[rng.choice(sorted(WORDS))], k=2)
        rng.shuffle(words)
        made.append(("cooking", " ".join(words) + "."))
    return made


def accuracy(model: Model, pairs: Pairs) -> float:
    answered = answer(model, corpus_of(pairs))
    return float((answered.top == answered.codes).mean())


def loss(model: Model, pairs: Pairs) -> float:
    return float(answer(model, corpus_of(pairs)).losses.mean())


@pytest.fixture(scope="module")
def old() -> Model:
    """Learnt from 150 documents of three labels."""
    return train_corpus(corpus_of(documents(150, 1)), FeaturizerOptions(ngrams=(1, 2)))


@pytest.fixture(scope="module")
def test_pairs() -> Pairs:
    return documents(300, 9)


def least_change(
    rows: Objective, base: np.ndarray, precision: np.ndarray, *, common: np.ndarray | None = None
) -> np.ndarray:
    """θ − old θ at the minimum of the penalised loss."""
    return minimum(rows.features, rows.y, rows.weights, base, Prior(precision, common)).change


class TestPenalisedLoss:
    """The solver by itself."""

    def problem(self) -> tuple[Objective, np.ndarray, np.ndarray]:
        rows = objective_of(documents(40, 3))
        rng = np.random.default_rng(1)
        base = rng.normal(size=(40, rows.labels)) * 2
        precision = rng.uniform(0.05, 3, rows.features.columns)
        weights = rng.uniform(0.2, 2, 40).astype(np.float32)
        return replace(rows, weights=weights), base, precision

    def gradient(
        self,
        rows: Objective,
        base: np.ndarray,
        precision: np.ndarray,
        common: np.ndarray,
        change: np.ndarray,
    ) -> np.ndarray:
        """Of the penalised loss at change, written out in dense float64."""
        x = naive.dense(
            rows.features.indptr, rows.features.indices, rows.features.values, len(change)
        )
        penalty = precision[:, None] * change + np.outer(common, common @ change)
        return (
            penalty
            + naive.gradient(x, np.zeros_like(change), rows.y, rows.weights)
            + (
                x.T
                @ (
                    rows.weights[:, None]
                    * (naive.probabilities(base + x @ change) - 1 / rows.labels)
                )
            )
        )

    @pytest.mark.parametrize("size", [0.0, 0.5, 20.0])
    def test_the_minimum(self, monkeypatch: pytest.MonkeyPatch, size: float) -> None:
        monkeypatch.setattr(penalised_loss, "DUAL_TOLERANCE", 1e-10)
        rows, base, precision = self.problem()
        common = size * np.random.default_rng(2).uniform(size=len(precision))
        change = least_change(rows, base, precision, common=common).astype(float)
        at_start, at_end = (
            np.linalg.norm(self.gradient(rows, base, precision, common, where))
            for where in (0 * change, change)
        )
        assert at_end < 1e-4 * at_start
        if not size:
            np.testing.assert_array_equal(change, least_change(rows, base, precision))

    def test_what_is_common_stays(self) -> None:
        """The more the mean weighs, the less its score moves; other directions go on to."""
        rows, base, precision = self.problem()
        mean = rows.features.to_scipy().toarray().mean(axis=0)
        free, held = (
            least_change(rows, base, precision, common=size * mean).astype(float)
            for size in (0, 100.0)
        )
        assert np.abs(mean @ held).max() < 0.01 * np.abs(mean @ free).max()
        assert np.abs(held).max() > 0.3 * np.abs(free).max()

    def test_a_base_that_a_feature_could_give(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Beginning at θ0, with next to no penalty around it, is beginning anywhere."""
        monkeypatch.setattr(penalised_loss, "DUAL_TOLERANCE", 1e-10)
        rows, _, _ = self.problem()
        precision = np.full(rows.features.columns, 0.5)
        rng = np.random.default_rng(2)
        theta = rng.normal(size=(rows.features.columns, rows.labels)).astype(np.float32)
        base = score(rows.features, Network.of([theta])).astype(float)
        # ½h‖θ − θ0‖² + loss at its minimum: the gradient of loss is −h(θ − θ0).
        end = theta + least_change(rows, base, precision)
        np.testing.assert_allclose(
            rows.gradient(end) * rows.total_weight, -0.5 * (end - theta), atol=2e-4
        )

    def test_features_move_as_far_as_their_precision_lets_them(self) -> None:
        rows, base, precision = self.problem()
        held = precision.copy()
        held[5] = 1e9
        free, stiff = least_change(rows, base, precision), least_change(rows, base, held)
        assert np.abs(free[5]).max() > 1e-2
        assert np.abs(stiff[5]).max() < 1e-6

    def test_documents_of_weight_0_are_not_there(self) -> None:
        rows, base, precision = self.problem()
        weights = rows.weights.copy()
        weights[::4] = 0
        kept = np.flatnonzero(weights)
        without = least_change(replace(rows, weights=weights).take(kept), base[kept], precision)
        np.testing.assert_array_equal(
            least_change(replace(rows, weights=weights), base, precision), without
        )

    def test_the_base_in_the_kernel(self) -> None:
        """One visit with a base is, in p, one visit with the base as a feature of its own that
        does not move: here of weight 0 in the curvature."""
        y = np.array([1], np.int32)
        base = np.array([[0.3, -1.0, 2.0]])
        p, naps = np.full((1, 3), 1 / 3), np.zeros((2, 1), np.int32)
        logs, gaps, theta = np.log(p), np.empty(1), np.zeros((1, 3))
        arrays = np.array([0, 1]), np.zeros(1, np.int32), np.ones(1, np.float32)
        none, shares = np.zeros(1), np.array([1e-9])  # so small a step that θ stays at 0
        own = y, shares, np.ones(1), none, base, np.zeros(0)
        dual_ascent.epoch(
            Csr(*map(frozen, arrays)),
            dual_ascent.Documents(*map(frozen, own)),
            frozen(np.zeros(1, np.int32)),
            dual_ascent.Ascent(theta, np.zeros(3), logs, p, gaps, naps),
            0,
            0.0,
            np.empty((4, 3)),
        )
        np.testing.assert_allclose(p[0], np.exp(base[0]) / np.exp(base[0]).sum(), rtol=1e-6)

    def test_curvature(self) -> None:
        scores = np.log(np.array([[0.5, 0.5], [0.9, 0.1]])).astype(np.float32)
        assert curvature_of(scores) == pytest.approx((0.25 + 0.09) / 2)

    def test_precision(self) -> None:
        made = precision_of(np.array([0.0, 8.0]), 2.0)
        np.testing.assert_allclose(made, [0.01, 2.01])
        np.testing.assert_allclose(common_of(np.array([0.0, 8.0]), 4.0), [0, 2])
        assert (precision_of(np.zeros(1), 0.0) > 0).all()


class TestOfTheSameLabels:
    def test_better_than_either_half(self, old: Model, test_pairs: Pairs) -> None:
        more = documents(150, 2)
        updated = update_model(old, corpus_of(more))
        alone = train_corpus(corpus_of(more), FeaturizerOptions(ngrams=(1, 2)))
        assert loss(updated, test_pairs) < 0.95 * min(
            loss(old, test_pairs), loss(alone, test_pairs)
        )
        assert updated.labels == old.labels
        assert updated.featurizer.documents == 300

    def test_as_good_as_training_on_everything(self, old: Model, test_pairs: Pairs) -> None:
        everything = train_corpus(
            corpus_of(documents(150, 1) + documents(150, 2)), FeaturizerOptions(ngrams=(1, 2))
        )
        updated = update_model(old, corpus_of(documents(150, 2)), NOTHING_HELD)
        assert accuracy(updated, test_pairs) > accuracy(everything, test_pairs) - 0.02

    def test_part_by_part(self, old: Model, test_pairs: Pairs) -> None:
        more = documents(150, 2)
        model = old
        for first in range(0, 150, 15):
            model = update_model(model, corpus_of(more[first : first + 15]), NOTHING_HELD)
        at_once = update_model(old, corpus_of(more), NOTHING_HELD)
        assert loss(model, test_pairs) < 0.95 * loss(old, test_pairs)
        assert accuracy(model, test_pairs) > accuracy(at_once, test_pairs) - 0.02
        # Document frequencies add up, whichever way the documents came.
        assert model.featurizer.documents == at_once.featurizer.documents == 300
        counts = [
            dict(
                zip(
                    m.featurizer.feature_names()[1:],
                    m.featurizer.vocabulary.frequencies.tolist(),
                    strict=True,
                )
            )
            for m in (model, at_once)
            if m.featurizer.vocabulary is not None
        ]
        assert counts[0] == counts[1]
        assert len(model.record.updates) == 10

    def test_a_few_documents_do_no_harm(self, old: Model, test_pairs: Pairs) -> None:
        for seed in (3, 4, 5):
            updated = update_model(old, corpus_of(documents(3, seed)))
            assert loss(updated, test_pairs) < 1.02 * loss(old, test_pairs)
            assert updated.record.updates[-1].compared is None  # too few to hold some out

    def test_documents_of_one_label(self, old: Model, test_pairs: Pairs) -> None:
        own = [pair for pair in documents(150, 2) if pair[0] == "western"]
        updated = update_model(old, corpus_of(own), NOTHING_HELD)
        given = answer(updated, corpus_of(test_pairs)).top
        assert np.mean(given == updated.labels.index("western")) < 0.45  # of a third
        assert accuracy(updated, test_pairs) > accuracy(old, test_pairs) - 0.03
        westerns = [pair for pair in test_pairs if pair[0] == "western"]
        assert loss(updated, westerns) < loss(old, westerns)

    def test_training_without_the_old_model_forgets(self, old: Model, test_pairs: Pairs) -> None:
        """What the bounds of these tests are worth: with no precision from old documents all is
        forgotten."""
        own = corpus_of([pair for pair in documents(150, 2) if pair[0] == "western"])
        rows = old.featurizer.featurize(own.batches, 1)
        y = np.full(len(own), old.labels.index("western"), np.int32)
        new = Objective(rows, y, np.ones(len(own), np.float32), 3)
        base = score(rows, Network.of([old.theta])).astype(float)
        theta = old.theta + least_change(new, base, np.full(rows.columns, 1e-2))
        forgetful = Model(
            old.labels, old.featurizer, [theta], old.record, None, old.parts.calibration
        )
        assert accuracy(forgetful, test_pairs) < accuracy(old, test_pairs) - 0.1

    def test_of_one_label_of_two_as_many_as_all_the_old(self) -> None:
        """Nothing in the new documents speaks for the other label."""
        two = [pair for pair in documents(300, 1) if pair[0] != "romance"]
        test = [pair for pair in documents(300, 9) if pair[0] != "romance"]
        first = train_corpus(corpus_of(two), FeaturizerOptions(ngrams=(1, 2)))
        own = [pair for pair in documents(600, 2) if pair[0] == "western"]
        assert len(own) == len(two)
        second = update_model(first, corpus_of(own), NOTHING_HELD)
        assert accuracy(second, test) > accuracy(first, test) - 0.05


class TestOfNewLabels:
    def test_learnt_and_the_old_ones_kept(self, old: Model, test_pairs: Pairs) -> None:
        updated = update_model(old, corpus_of(cooking(60, 1)), NOTHING_HELD)
        assert updated.labels == ["cooking", "romance", "scifi", "western"]
        assert accuracy(updated, cooking(100, 2)) > 0.85
        assert accuracy(updated, test_pairs) > accuracy(old, test_pairs) - 0.04
        told = updated.record.updates[-1].as_json()
        assert told["new_labels"] == ["cooking"]
        assert updated.record.corpus.per_label == (60, 50, 50, 50)

    def test_among_documents_of_old_labels(self, old: Model, test_pairs: Pairs) -> None:
        mixed = documents(150, 2) + cooking(30, 1)
        updated = update_model(old, corpus_of(mixed), NOTHING_HELD)
        assert accuracy(updated, cooking(100, 2)) > 0.85
        assert loss(updated, test_pairs) < loss(old, test_pairs) + 0.02

    def test_twice(self, old: Model) -> None:
        """A label that was new is an old one the next time."""
        first = update_model(old, corpus_of(cooking(60, 1)), NOTHING_HELD)
        second = update_model(first, corpus_of(documents(90, 2)), NOTHING_HELD)
        assert accuracy(second, cooking(100, 2)) > 0.75
        assert second.record.updates[-1].new_labels == ()

    def test_new_words_get_rows_and_names(self, old: Model) -> None:
        before = old.featurizer.feature_names()
        updated = update_model(old, corpus_of(cooking(60, 1)), NOTHING_HELD)
        names = updated.featurizer.feature_names()
        assert names[: len(before)] == before
        assert "garlic" in names[len(before) :]
        assert len(set(names)) == len(names)
        assert updated.theta.shape == (len(names), 4)
        assert updated.record.updates[-1].features == (len(before), len(names))

    def test_min_df_and_max_features_hold(self) -> None:
        def of(**options: int) -> tuple[list[str], list[str]]:
            chosen = FeaturizerOptions(ngrams=(1, 1), **options)
            first = train_corpus(corpus_of(documents(150, 1)), chosen)
            new = [*cooking(6, 1), ("cooking", "saffron"), *[("cooking", "thyme")] * 2]
            second = update_model(first, corpus_of(new), NOTHING_HELD)
            return first.featurizer.feature_names(), second.featurizer.feature_names()

        before, after = of(min_df=2)
        assert "thyme" in after
        assert "saffron" not in after
        before, after = of(max_features=49)
        assert len(before) == len(after) == 50


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_model(form: str, test_pairs: Pairs, tmp_path: Path) -> None:
    """Updated, saved, read and updated again; the labels that were there are kept."""
    featurizer, training = FORMS[form]
    first = train_corpus(corpus_of(documents(150, 1)), featurizer, training)
    second = update_model(first, corpus_of(cooking(60, 1) + documents(30, 3)))
    assert accuracy(second, cooking(60, 2)) > 0.6
    assert accuracy(second, test_pairs) > accuracy(first, test_pairs) - 0.08
    path = tmp_path / "m.textmlr"
    second.save(path)
    again = Model.load(path)
    np.testing.assert_array_equal(
        again.probabilities(["garlic robot"]), second.probabilities(["garlic robot"])
    )
    third = update_model(again, corpus_of(documents(90, 4)))
    assert loss(third, test_pairs) < loss(second, test_pairs) + 0.01
    assert third.featurizer.documents == 330
    frequencies = row_frequencies(third.featurizer, third.parts.columns)
    assert frequencies is not None
    assert (frequencies > 0).all()
    if featurizer.bias:
        assert frequencies[0] == 330
    if third.featurizer.idf is not None and first.featurizer.idf is not None:
        old_idf = first.featurizer.idf
        np.testing.assert_array_equal(third.featurizer.idf[: len(old_idf)], old_idf)
    if training is not None and training.l1:
        assert third.record.final.features_kept == kept_of(third.parts)["features"]


class TestCompared:
    def test_a_test_file(self, old: Model, test_pairs: Pairs) -> None:
        """Figures are those of the models themselves."""
        judges = test_pairs + cooking(30, 5) + [("poetry", "moon and rose")]
        updated = update_model(old, corpus_of(cooking(60, 1)), validation=corpus_of(judges))
        rows = {row["of"]: row for row in updated.record.updates[-1].compared["rows"]}
        assert {name: row["documents"] for name, row in rows.items()} == {
            "all": 331,
            "old labels": 300,
            "new labels": 30,
            "unknown labels": 1,
        }
        for name, pairs in (("old labels", test_pairs), ("all", judges)):
            for model, at in ((old, 0), (updated, 1)):
                assert rows[name]["accuracy"][at] == pytest.approx(accuracy(model, pairs))
        assert rows["old labels"]["loss"] == pytest.approx(
            [loss(old, test_pairs), loss(updated, test_pairs)], rel=1e-4
        )
        assert rows["new labels"]["accuracy"][0] == 0
        assert rows["new labels"]["loss"][0] is None  # infinite
        assert rows["unknown labels"]["accuracy"] == [0, 0]

    def test_held_out_documents_teach_as_well(self, old: Model) -> None:
        """The update is the same, whatever was held out to compare."""
        new = corpus_of(documents(240, 2))
        compared = update_model(old, new)
        assert compared.record.updates[-1].compared["rows"][0]["documents"] == 24
        np.testing.assert_array_equal(compared.theta, update_model(old, new, NOTHING_HELD).theta)

    def test_nothing_to_judge_old_labels_by(self, old: Model, tmp_path: Path) -> None:
        updated = update_model(old, corpus_of(cooking(240, 1)))
        assert updated.record.updates[-1].compared["absent"] == 3
        updated.save(tmp_path / "m.textmlr")  # the record is JSON
        assert Model.load(tmp_path / "m.textmlr").record.updates == updated.record.updates

    def test_labels_that_lost(self, old: Model, test_pairs: Pairs) -> None:
        """Taught that westerns are romances, the model says so, and which labels paid for it."""
        wrong = [("romance", text) for label, text in documents(600, 2) if label == "western"]
        updated = update_model(old, corpus_of(wrong), validation=corpus_of(test_pairs))
        lost = updated.record.updates[-1].compared["lost"]
        assert lost[0]["label"] == "western"
        assert lost[0]["right"][1] < lost[0]["right"][0] <= lost[0]["documents"] == 100


class TestBits:
    def test_threads_change_none(self, tmp_path: Path) -> None:
        first = train_corpus(corpus_of(documents(150, 1)), FeaturizerOptions(ngrams=(1, 2)))
        for threads in (1, 3):
            made = update_model(
                first, corpus_of(cooking(60, 1) + documents(90, 2)), threads=threads
            )
            made.save(tmp_path / f"{threads}.textmlr")
        assert (tmp_path / "1.textmlr").read_bytes() == (tmp_path / "3.textmlr").read_bytes()

    def test_the_old_model_stays_as_it_was(self, old: Model) -> None:
        theta, record = old.theta.copy(), json.dumps(old.record.as_json())
        names, labels = old.featurizer.feature_names(), list(old.labels)
        update_model(old, corpus_of(cooking(60, 1)))
        np.testing.assert_array_equal(old.theta, theta)
        assert json.dumps(old.record.as_json()) == record
        assert (old.featurizer.feature_names(), old.labels) == (names, labels)

    def test_documents_of_weight_0_teach_nothing(self, old: Model) -> None:
        """Their words are features, with weights of 0."""
        new, idle = documents(90, 2), [("western", "zebra zebra")] * 3
        weighted = update_model(old, corpus_of(new + idle, [1.0] * 90 + [0.0] * 3), NOTHING_HELD)
        zebra = weighted.featurizer.feature_names().index("zebra")
        assert not weighted.theta[zebra].any()

    def test_weights(self, old: Model) -> None:
        """Twice the weight, half the others': as if it stood there twice."""
        new = documents(60, 2)
        twice = update_model(old, corpus_of(new, [2.0] * 30 + [0.5] * 30), NOTHING_HELD)
        even = update_model(old, corpus_of(new), NOTHING_HELD)
        assert loss(twice, new[:30]) < loss(even, new[:30])
        assert loss(twice, new[30:]) > loss(even, new[30:])


class TestRefused:
    def test_no_documents(self, old: Model) -> None:
        none = replace(corpus_of([]), y=np.zeros(0, np.int32))
        with pytest.raises(InputError, match="no documents to train on"):
            update_model(old, none)

    def test_no_weight(self, old: Model) -> None:
        with pytest.raises(InputError, match="every document has weight 0"):
            update_model(old, corpus_of(documents(6, 2), [0.0] * 6))

    def test_hashed_columns_of_unknown_frequency(self) -> None:
        """As in files from before there were updates."""
        first = train_corpus(
            corpus_of(documents(60, 1)), FeaturizerOptions(ngrams=(1, 1), hash_bits=12)
        )
        assert first.parts.columns is not None
        columns = replace(first.parts.columns, frequencies=None)
        first = Model.of(replace(first.parts, columns=columns))
        with pytest.raises(InputError, match="train it again"):
            update_model(first, corpus_of(documents(6, 2)))

    def test_frequencies_in_a_file_are_checked(self, tmp_path: Path) -> None:
        model = train_corpus(
            corpus_of(documents(60, 1)), FeaturizerOptions(ngrams=(1, 1), hash_bits=12)
        )
        assert model.parts.columns is not None
        assert model.parts.columns.frequencies is not None
        model.save(tmp_path / "m.textmlr")
        read = Model.load(tmp_path / "m.textmlr").parts.columns
        assert read is not None
        np.testing.assert_array_equal(read.frequencies, model.parts.columns.frequencies)
        none = np.zeros_like(model.parts.columns.frequencies)
        columns = replace(model.parts.columns, frequencies=none)
        model = Model.of(replace(model.parts, columns=columns))
        model.save(tmp_path / "m.textmlr")
        with pytest.raises(ModelFileError, match="document frequency is not positive"):
            Model.load(tmp_path / "m.textmlr")

    @pytest.mark.parametrize("options", [{"holdout": 1.0}, {"holdout": -0.1}, {"seed": -1}])
    def test_options(self, options: dict[str, float]) -> None:
        with pytest.raises(InputError, match=next(iter(options))):
            UpdateOptions(**options)  # type: ignore[arg-type]


class TestCommand:
    def run(self, *arguments: str) -> str:
        done = CliRunner().invoke(cli, ["update", *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    def test_in_place_and_elsewhere(self, model_file: Path, tmp_path: Path) -> None:
        model, new = tmp_path / "m.textmlr", write_tsv(tmp_path / "new.tsv", cooking(220, 1))
        model.write_bytes(model_file.read_bytes())
        other = tmp_path / "n.textmlr"
        told = self.run(str(model), str(new), "-o", str(other))
        assert model.read_bytes() == model_file.read_bytes()
        assert "Wrote" in told
        assert "in place" not in told
        assert "3 + 1 = 4: cooking" in told
        assert "300 + 220 = 520" in told
        assert "held-out new documents" in told
        assert "None of them has one of 3 labels" in told
        told = self.run(str(model), str(new), "--no-holdout")
        assert "in place of the old model" in told
        assert "held-out" not in told
        assert Model.load(model).labels[0] == "cooking"
        np.testing.assert_array_equal(Model.load(model).theta, Model.load(other).theta)

    def test_json_and_info(self, model_file: Path, tmp_path: Path, test_tsv: Path) -> None:
        new = write_tsv(tmp_path / "new.tsv", documents(30, 4))
        out = tmp_path / "n.textmlr"
        summary = json.loads(
            self.run(str(model_file), str(new), "-o", str(out), "--test", str(test_tsv), "--json")
        )
        assert summary["documents"] == 330
        assert summary["update"]["compared"]["rows"][0]["documents"] == 90
        done = CliRunner().invoke(cli, ["info", str(out)], catch_exceptions=False)
        assert "updated" in done.stdout
        assert "30 documents of new.tsv" in done.stdout

    def test_a_remark_where_old_labels_lost(self, model_file: Path, tmp_path: Path) -> None:
        wrong = [("romance", text) for label, text in documents(900, 2) if label == "western"]
        new, out = write_tsv(tmp_path / "wrong.tsv", wrong), tmp_path / "n.textmlr"
        test = write_tsv(tmp_path / "test.tsv", documents(300, 9))
        done = CliRunner().invoke(
            cli, ["update", str(model_file), str(new), "-o", str(out), "--test", str(test)]
        )
        assert "answers got worse" in done.stderr
        assert "western" in done.stderr

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["missing.textmlr", "new.tsv"], "missing.textmlr"),
            (["{model}", "missing.tsv"], "missing.tsv"),
            (["{model}", "new.tsv", "-o", "nowhere/n.textmlr"], "nowhere"),
            (["{model}", "new.tsv", "--no-holdout", "--test", "new.tsv"], "exclude each other"),
        ],
    )
    def test_errors(
        self,
        arguments: list[str],
        told: str,
        model_file: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        import sys

        from textmlr import __main__

        monkeypatch.chdir(tmp_path)
        write_tsv(tmp_path / "new.tsv", documents(6, 2))
        filled = [argument.format(model=model_file) for argument in arguments]
        monkeypatch.setattr(sys, "argv", ["textmlr", "update", *filled])
        before = model_file.read_bytes()
        with pytest.raises(SystemExit) as raised:
            __main__.main()
        assert raised.value.code == 2
        assert model_file.read_bytes() == before
        del told


@pytest.mark.slow
@pytest.mark.parametrize("bias", [True, False])
def test_a_document_without_words(bias: bool) -> None:
    first = train_corpus(corpus_of(documents(60, 1)), FeaturizerOptions(ngrams=(1, 1), bias=bias))
    second = update_model(first, corpus_of([("western", "")]))
    assert np.isfinite(second.theta).all()
    assert second.featurizer.documents == 61
    if not bias:
        np.testing.assert_array_equal(second.theta, first.theta)


def test_words_that_the_model_has_not_at_all() -> None:
    """Documents and model have nothing in common but the bias."""
    first = train_corpus(corpus_of(documents(60, 1)), FeaturizerOptions(ngrams=(1, 1)))
    new = [("east", "qigong qilin"), ("west", "waltz wurst")] * 20
    second = update_model(first, corpus_of(new), NOTHING_HELD)
    assert accuracy(second, new) == 1
    assert accuracy(second, documents(90, 2)) > accuracy(first, documents(90, 2)) - 0.02


@pytest.mark.slow
@pytest.mark.parametrize("form", ["", "l1", "hashed"])
def test_totals_of_features_are_those_of_all_documents(form: str) -> None:
    """Σ f(x), by which ``top`` reckons contributions: as if the old documents had been read again,
    for features that they could have."""
    words = FeaturizerOptions(ngrams=(1, 1), norm=None, hash_bits=12 if form == "hashed" else None)
    old, new = corpus_of(documents(80, 1)), corpus_of(documents(40, 2))
    model = train_corpus(old, words, TrainingOptions(l1=2e-3) if form == "l1" else None)
    updated = update_model(model, new)
    both = [*old.batches, *new.batches]
    sums = np.asarray(model.featurizer.featurize(both, 1).to_scipy().sum(axis=0)).ravel()
    if form == "hashed":
        before, names = model.featurizer.column_names, updated.featurizer.column_names
        assert names is not None
        assert before is not None
        assert names.names.tobytes() == before.names.tobytes()
        np.testing.assert_allclose(names.totals, sums[names.columns], rtol=1e-5)
    else:
        vocabulary = updated.featurizer.vocabulary
        assert vocabulary is not None
        assert vocabulary.totals is not None
        kept = np.flatnonzero(model.theta.any(axis=1)[1:])
        assert len(kept) > 5
        np.testing.assert_allclose(vocabulary.totals[kept], sums[1 + kept], rtol=1e-5)


def test_a_compressed_model_is_updated_like_any_other(test_pairs: Pairs) -> None:
    """What the small form dropped may come back, as features that are not new to the world."""
    whole = train_corpus(
        corpus_of(documents(300, 1)), FeaturizerOptions(ngrams=(1, 2), char_ngrams=None)
    )
    small = compress(whole, 6000)
    updated = update_model(small, corpus_of(documents(60, 2)))
    assert len(updated.parts.layers[0]) > len(small.parts.layers[0])
    before, after = accuracy(small, test_pairs), accuracy(updated, test_pairs)
    assert after >= before - 0.02
    assert updated.parts.storage.dtype == "float32"
