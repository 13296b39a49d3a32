"""update of models of label sets: each label by itself, new labels, and none forgotten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import naive_linear as naive
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import SETS, corpus_of_sets, objective_of, set_documents

from textmlr import FeaturizerOptions, InputError, Model, TrainingOptions, UpdateOptions
from textmlr.cli import cli
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.label_sets import LabelSets
from textmlr.corpus.reading import recode
from textmlr.model.heads import SIGMOIDS
from textmlr.model.scoring import Bent
from textmlr.model.second_pass import SecondPass
from textmlr.training.corpus_training import train_corpus
from textmlr.training.objective import Objective
from textmlr.training.update.linear_update import CURVATURE, curvature_of
from textmlr.training.update.model_update import update_model
from textmlr.training.update.penalised_loss import Prior, minimum

Pairs = list[tuple[list[str], str]]
NOTHING_HELD = UpdateOptions(holdout=0.0)
FORMS = {
    "plain": (FeaturizerOptions(ngrams=(1, 2)), None),
    "hashed": (FeaturizerOptions(ngrams=(1, 2), hash_bits=14), None),
    "idf": (FeaturizerOptions(ngrams=(1, 2), idf=True), None),
    "no norm": (FeaturizerOptions(ngrams=(1, 1), norm=None), None),
    "no bias": (FeaturizerOptions(ngrams=(1, 1), bias=False), None),
    "hidden": (FeaturizerOptions(ngrams=(1, 1)), TrainingOptions(hidden=(8,), epochs=6)),
}


def trained(pairs: Pairs, form: str = "plain") -> Model:
    """A model of label sets; its thresholds differ from label to label."""
    model = train_corpus(corpus_of_sets(pairs), *FORMS[form])
    thresholds = np.linspace(0.35, 0.55, len(model.labels))
    return Model.of(replace(model.parts, thresholds=thresholds))


@pytest.fixture(scope="module")
def old() -> Model:
    return trained(set_documents(200, 1))


def linked(model: Model) -> Model:
    """The model with a second pass over labels, in which the second speaks for the third."""
    labels = len(model.labels)
    links = np.zeros((labels, labels), np.float32)
    links[1, 2], links[0, 1] = 1.5, -0.5
    scales, offsets = np.linspace(0.9, 1.1, labels), np.full(labels, -0.2)
    second = SecondPass(links, scales, offsets, (0.9, 1.0, 0.8))
    calibration = Bent(low=0.9, middle=1.1, high=0.7, links=second)
    return Model.of(replace(model.parts, calibration=calibration))


def loss(model: Model, pairs: Pairs) -> float:
    """Mean log loss of documents whose labels the model has."""
    corpus = corpus_of_sets(pairs)
    p = model.probabilities([text for _, text in pairs])
    return float(SIGMOIDS.log_losses(p, recode(corpus, model.labels)[0], 1e-12).mean())


def f1(model: Model, pairs: Pairs) -> float:
    answers = model.predict([text for _, text in pairs])
    said = sum(len(one) for one in answers) + sum(len(own) for own, _ in pairs)
    both = zip(answers, pairs, strict=True)
    return 2 * sum(len(set(one) & set(own)) for one, (own, _) in both) / said


class TestMinimum:
    """The solver by itself."""

    def problem(self, labels: int) -> tuple[Objective, np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(labels)
        one = objective_of([("x", text) for _, text in set_documents(40, 3)])
        has = rng.random((40, labels)) < 0.3
        y = LabelSets.of([np.flatnonzero(row).tolist() for row in has])
        weights = rng.uniform(0.2, 2, 40).astype(np.float32)
        weights[3] = 0
        rows = replace(one, y=y, weights=weights, labels=labels, head=SIGMOIDS)
        precision = rng.uniform(0.05, 3, rows.columns)
        return rows, rng.normal(size=(40, labels)) * 2, precision, rng.uniform(0, 1, rows.columns)

    @pytest.mark.parametrize("labels", [1, 3, 37])
    def test_gradient_is_nought(self, labels: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """In dense float64, written out; 37 labels are more than a block."""
        monkeypatch.setattr("textmlr.training.update.penalised_loss.DUAL_TOLERANCE", 1e-12)
        rows, base, precision, common = self.problem(labels)
        found = minimum(rows.features, rows.y, rows.weights, base, Prior(precision, common))
        change = found.change.astype(np.float64)
        x = naive.dense(
            rows.features.indptr, rows.features.indices, rows.features.values, len(change)
        )
        assert isinstance(rows.y, LabelSets)
        errors = 1 / (1 + np.exp(-base - x @ change)) - rows.y.indicator(labels)
        gradient = x.T @ (rows.weights[:, None] * errors)
        gradient += precision[:, None] * change + np.outer(common, common @ change)
        assert np.abs(gradient).max() < 1e-3

    def test_each_label_is_a_problem_of_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Labels in another order, so in other blocks: the same minimum."""
        monkeypatch.setattr("textmlr.training.update.penalised_loss.DUAL_TOLERANCE", 1e-12)
        rows, base, precision, common = self.problem(20)
        prior = Prior(precision, common)
        whole = minimum(rows.features, rows.y, rows.weights, base, prior).change
        assert isinstance(rows.y, LabelSets)
        back = np.arange(20)[::-1].copy()
        turned = minimum(
            rows.features, rows.y.recoded(back), rows.weights, base[:, ::-1].copy(), prior
        ).change
        np.testing.assert_allclose(turned[:, ::-1], whole, atol=1e-3)

    @pytest.mark.parametrize("threads", [2, 4])
    def test_threads_change_no_bit(self, threads: int) -> None:
        rows, base, precision, common = self.problem(37)
        one, other = (
            minimum(rows.features, rows.y, rows.weights, base, Prior(precision, common), number)
            for number in (1, threads)
        )
        assert one.change.tobytes() == other.change.tobytes()

    def test_a_precision_of_each_weight(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """By Newton's method: the same minimum as the dual's."""
        monkeypatch.setattr("textmlr.training.update.penalised_loss.DUAL_TOLERANCE", 1e-12)
        rows, base, precision, _ = self.problem(3)
        by_dual = minimum(rows.features, rows.y, rows.weights, base, Prior(precision)).change
        each = np.repeat(precision[:, None], 3, axis=1)
        found = minimum(rows.features, rows.y, rows.weights, base, Prior(each))
        np.testing.assert_allclose(found.change, by_dual, atol=5e-3)
        assert found.curvature is not None

    def test_curvature_is_no_more_than_a_sigmoid_has(self) -> None:
        scores = np.zeros((3, 40), np.float32)
        assert curvature_of(scores, SIGMOIDS) == CURVATURE
        assert curvature_of(scores[:, :1] + 3, SIGMOIDS) == pytest.approx(0.0226, abs=1e-4)


class TestUpdate:
    @pytest.mark.slow
    @pytest.mark.parametrize("form", FORMS)
    def test_better_than_the_old_one(self, form: str) -> None:
        first = trained(set_documents(120, 1), form)
        after = update_model(first, corpus_of_sets(set_documents(120, 2)))
        test = set_documents(400, 9)
        assert after.is_multilabel
        assert loss(after, test) < loss(first, test)
        assert f1(after, test) > f1(first, test) - 0.005
        assert after.featurizer.documents == 240

    @pytest.mark.parametrize("form", FORMS)
    def test_new_labels(self, form: str) -> None:
        """A label that comes later is learnt, and no other is forgotten."""
        first = trained(set_documents(200, 1), form)
        new = set_documents(150, 2, [*SETS, "late", "later"])
        after = update_model(first, corpus_of_sets(new))
        assert after.labels == sorted([*SETS, "late", "later"])
        record = after.record.updates[-1]
        assert record.new_labels == ("late", "later")
        known = [after.labels.index(label) for label in first.labels]
        before, now = first.parts.thresholds, after.parts.thresholds
        assert before is not None
        assert now is not None
        assert now[known].tolist() == before.tolist()
        assert np.delete(now, known).tolist() == [np.median(before)] * 2
        test = set_documents(400, 9, [*SETS, "late", "later"])
        assert f1(after, test) > (0.6 if form == "hidden" else 0.8)
        # Without a bias nothing says that a new label is rare.
        short = 0.15 if form == "no bias" else 0.05
        assert f1(after, set_documents(400, 8)) > f1(first, set_documents(400, 8)) - short

    def test_documents_of_one_label_alone(self, old: Model) -> None:
        """They do not make everything that label, and the others are still known."""
        new = [(["late"], f"late{i % 3} late{i % 2} word") for i in range(60)]
        after = update_model(old, corpus_of_sets(new), NOTHING_HELD)
        test = set_documents(300, 9)
        answers = after.predict([text for _, text in test])
        assert np.mean(["late" in one for one in answers]) < 0.1
        assert f1(after, test) > f1(old, test) - 0.1
        assert after.predict("late1 late0") == ("late",)

    def test_documents_without_a_label(self, old: Model) -> None:
        """They are documents: what they have in common says that there is no label."""
        new: Pairs = [([], f"nothing{i % 2} scifi1") for i in range(60)]
        with pytest.raises(InputError):
            Corpus.of(["x"], [])
        corpus = corpus_of_sets(new)
        after = update_model(old, corpus, NOTHING_HELD)
        code = after.labels.index("scifi")
        both = [model.probabilities("nothing1 scifi1")[code] for model in (old, after)]
        assert both[1] < both[0] / 2
        assert after.labels == old.labels

    def test_one_label_each_is_a_set_of_one(self, old: Model) -> None:
        """A corpus of single labels is taken as sets."""
        texts = ["scifi1 scifi2", "urgent1", "comedy0 comedy1"] * 5
        labels = ["scifi", "urgent", "comedy"] * 5
        single = Corpus.of(texts, labels)
        several = Corpus.of(texts, [[label] for label in labels], multilabel=True)
        one, other = (update_model(old, own, NOTHING_HELD) for own in (single, several))
        assert one.parts.layers[0].tobytes() == other.parts.layers[0].tobytes()

    def test_sets_for_a_model_of_one_label_a_document(self) -> None:
        texts, labels = ["robot", "saddle", "robot x", "saddle x"], ["scifi", "western"] * 2
        model = train_corpus(Corpus.of(texts, labels), FeaturizerOptions(ngrams=(1, 1)))
        with pytest.raises(InputError, match="sets of labels"):
            update_model(model, corpus_of_sets(set_documents(30, 2)))

    @pytest.mark.parametrize("form", ["plain", "hashed", "hidden"])
    def test_threads_change_no_bit(self, form: str, tmp_path: Path) -> None:
        first = trained(set_documents(150, 1), form)
        new = corpus_of_sets(set_documents(100, 2, [*SETS, "late"]))
        made = []
        for threads in (1, 2, 4):
            update_model(first, new, threads=threads).save(tmp_path / "m")
            made.append((tmp_path / "m").read_bytes())
        assert made[0] == made[1] == made[2]

    def test_a_second_pass_has_room_for_new_labels(self, old: Model) -> None:
        """They say nothing of others, and others nothing of them."""
        before = linked(old)
        new = corpus_of_sets(set_documents(80, 2, [*SETS, "another", "late"]))
        after = update_model(before, new, NOTHING_HELD)
        first, second = before.parts.calibration.second, after.parts.calibration.second
        assert first is not None
        assert second is not None
        known = [after.labels.index(label) for label in before.labels]
        assert (second.links[np.ix_(known, known)] == first.links).all()
        assert np.count_nonzero(second.links) == 2
        assert (second.scales[known] == first.scales).all()
        assert np.delete(second.scales, known).tolist() == [np.median(first.scales)] * 2
        assert np.delete(second.offsets, known).tolist() == [0.0] * 2

    def test_weights_count(self, old: Model) -> None:
        """Documents of weight 0 change nothing."""
        new = set_documents(60, 2)
        more = new + set_documents(20, 5)
        whole = update_model(old, corpus_of_sets(more, [1.0] * 60 + [0.0] * 20), NOTHING_HELD)
        alone = update_model(old, corpus_of_sets(new), NOTHING_HELD)
        test = set_documents(100, 9)
        assert abs(loss(whole, test) - loss(alone, test)) < 0.05


class TestCompared:
    @pytest.mark.parametrize("second", [False, True])
    def test_figures(self, old: Model, second: bool) -> None:
        """By another way: what the two models answer themselves."""
        old = linked(old) if second else old
        test = set_documents(300, 9, [*SETS, "late"])
        test += [(["unheard"], "billing1")] * 3
        new = corpus_of_sets(set_documents(150, 2, [*SETS, "late"]))
        after = update_model(old, new, validation=corpus_of_sets(test))
        compared = after.record.updates[-1].compared
        assert compared is not None
        rows = {row["of"]: row for row in compared["rows"]}
        assert list(rows) == ["all", "old labels", "new labels", "unknown labels"]
        assert rows["all"]["documents"] == len(test)
        assert rows["unknown labels"]["documents"] == 3
        assert rows["new labels"]["documents"] == sum("late" in own for own, _ in test)
        plain = [pair for pair in test if not {"late", "unheard"} & set(pair[0])]
        assert rows["old labels"]["documents"] == len(plain)
        for number, model in enumerate((old, after)):
            assert rows["old labels"]["loss"][number] == pytest.approx(loss(model, plain), abs=2e-5)
            assert rows["old labels"]["micro_f1"][number] == pytest.approx(f1(model, plain))
            assert rows["all"]["micro_f1"][number] == pytest.approx(f1(model, test))
        assert rows["new labels"]["loss"][0] is None

    def test_labels_that_are_forgotten_are_named(self) -> None:
        """Words of a label that now mean another."""
        first = trained(set_documents(200, 1))
        wrong = [(["comedy"], text) for own, text in set_documents(900, 4) if own == ["scifi"]]
        judges = corpus_of_sets(set_documents(400, 9))
        after = update_model(first, corpus_of_sets(wrong * 3), validation=judges)
        compared = after.record.updates[-1].compared
        assert compared is not None
        assert "scifi" in [one["label"] for one in compared["lost"]]
        lost = next(one for one in compared["lost"] if one["label"] == "scifi")
        assert lost["right"][1] < lost["right"][0] <= lost["documents"]

    def test_held_out(self, old: Model) -> None:
        after = update_model(old, corpus_of_sets(set_documents(300, 2)))
        compared = after.record.updates[-1].compared
        assert compared is not None
        assert compared["from"] == "corpus"
        assert compared["rows"][0]["documents"] >= 20
        assert compared["absent"] == 0


class TestCommandLine:
    def test_labels_are_read_as_the_model_was_trained(self, tmp_path: Path) -> None:
        """The separator and sets of one label, or none, are known from the model."""
        for name, pairs in (("old", set_documents(150, 1)), ("new", set_documents(90, 2))):
            lines = [f"{'|'.join(own)}\t{text}\n" for own, text in pairs]
            (tmp_path / name).with_suffix(".tsv").write_text("".join(lines))
        model = str(tmp_path / "m")
        train = ["train", str(tmp_path / "old.tsv"), "-o", model]
        runner = CliRunner()
        told = runner.invoke(cli, [*train, "--label-separator", "|", "--multilabel"])
        assert told.exit_code == 0, (told.output, told.exception)
        told = runner.invoke(cli, ["update", model, str(tmp_path / "new.tsv"), "--holdout", "0.4"])
        assert told.exit_code == 0, (told.output, told.exception)
        assert "micro-F1" in told.stdout
        after = Model.load(model)
        assert after.labels == sorted(SETS)
        assert after.featurizer.documents == 240
        (tmp_path / "one.tsv").write_text("scifi\trobot\nlate\tsomething else\n")
        told = runner.invoke(cli, ["update", model, str(tmp_path / "one.tsv")])
        assert told.exit_code == 0, (told.output, told.exception)
        assert Model.load(model).is_multilabel
