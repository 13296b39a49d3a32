"""Tuning: the same trials whatever the time and threads, kept in a journal, and never worse than
train by its own measure."""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from click.testing import CliRunner, Result
from conftest import (
    corpus_of,
    documents,
    interrupted,
    mostly_slow,
    shown_in_terminal,
    write_tsv,
)

from textmlr import FeaturizerOptions, InputError, TrainingOptions
from textmlr.base.tuning_options import TuningOptions
from textmlr.cli import cli
from textmlr.cli.value_types import Duration
from textmlr.corpus.batch import Batch
from textmlr.corpus.corpus import Corpus
from textmlr.evaluation.evaluation import Evaluation
from textmlr.model.answer_stream import answer_blocks
from textmlr.model.model import Model
from textmlr.training.calibration import Scored, calibrate
from textmlr.training.corpus_training import train_corpus
from textmlr.training.rows import Rows
from textmlr.training.sgd import trials
from textmlr.training.tuning import feature_cache, judging, search
from textmlr.training.tuning import folds as tuning_folds
from textmlr.training.tuning.events import Event, ResumedSearch, Rung, TuningResult
from textmlr.training.tuning.folds import folds_of, levels_of, stratified
from textmlr.training.tuning.judging import Judge
from textmlr.training.tuning.search import search_settings
from textmlr.training.tuning.space import FEATURIZER, SEARCHED, TRAINING, Setting, Space
from textmlr.training.tuning.trial import Trial

COMMAND = [sys.executable, "-m", "textmlr"]
ROOT = Path(__file__).parent.parent
CORPUS = corpus_of(documents(300, 11))
OTHER = corpus_of(documents(90, 12))
KNOWN = Setting(
    FeaturizerOptions(ngrams=(1, 2), char_ngrams=None, idf=False),
    TrainingOptions(learning_rate=4.0, idf_power=1.0, epochs=3, l2=1e-6),
)


def tuned(
    journal: Path,
    trials: int = 12,
    corpus: Corpus = CORPUS,
    validation: Corpus | None = None,
    threads: int = 2,
    events: list[Event] | None = None,
    featurizer: FeaturizerOptions | None = None,
    training: TrainingOptions | None = None,
    fixed: tuple[str, ...] = (),
    cv: int | None = 1,
    **options: object,
) -> TuningResult:
    limits = TuningOptions(None, trials, cv=cv, **options)  # type: ignore[arg-type]
    watch = None if events is None else events.append
    return search_settings(
        corpus,
        featurizer,
        training,
        limits,
        fixed=fixed,
        validation=validation,
        threads=threads,
        journal=journal,
        watch=watch,
    )


def told(trials: tuple[Trial, ...]) -> list[tuple[object, ...]]:
    """Trials without what differs from run to run."""
    return [
        (t.number, t.setting, t.rung, t.documents, t.folds, t.figures, t.problem) for t in trials
    ]


def part_of(corpus: Corpus, chosen: np.ndarray) -> Corpus:
    """Some documents of a corpus of one batch."""
    (batch,) = corpus.batches
    batch = Batch(batch.text, batch.starts[chosen], batch.stops[chosen])
    return replace(corpus, batches=[batch], y=corpus.y[chosen])


class TestSearch:
    def test_trials_do_not_depend_on_threads(self, tmp_path: Path) -> None:
        one = tuned(tmp_path / "one", threads=1)
        two = tuned(tmp_path / "two", threads=2)
        assert told(one.trials) == told(two.trials)
        assert len(one.trials) == 12
        assert one.model.theta.tobytes() == two.model.theta.tobytes()
        other = tuned(tmp_path / "other", training=TrainingOptions(seed=2))
        assert [t.setting for t in other.trials[1:]] != [t.setting for t in one.trials[1:]]

    def test_the_first_trial_is_what_train_does(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(trials, "ENOUGH_HELD_OUT", 20)  # train calibrates by the same, too
        result = tuned(tmp_path / "j", trials=1)
        model = train_corpus(CORPUS)
        final, held = model.record.final.as_json(), model.record.held_out.as_json()
        setting, figures = result.default.setting, result.default.figures
        assert setting.featurizer == model.featurizer.options
        assert setting.training.learning_rate == final["learning_rate"]
        assert setting.training.idf_power == final["idf_power"]
        assert figures is not None
        assert (figures.loss, figures.accuracy) == (held["loss"], held["accuracy"])
        assert result.best is result.default
        assert result.model.theta.tobytes() == model.theta.tobytes()

    def test_the_best_is_never_worse_than_the_default(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(trials, "ENOUGH_HELD_OUT", 20)
        options = FeaturizerOptions(min_df=1)
        result = tuned(tmp_path / "j", trials=30, featurizer=options, fixed=("min_df",))
        judged = [t for t in result.trials if t.figures is not None and t.rung == 1]
        losses = [t.figures.loss for t in judged if t.figures is not None]
        assert result.best.figures is not None
        assert result.best.figures.loss == min(losses)
        assert min(losses) < losses[0]
        record = result.model.record.held_out.as_json()
        assert (record["loss"], record["accuracy"]) == (
            result.best.figures.loss,
            result.best.figures.accuracy,
        )

    @pytest.mark.parametrize("metric", ["accuracy", "macro-f1"])
    def test_another_metric(self, tmp_path: Path, metric: str) -> None:
        result = tuned(tmp_path / "j", metric=metric)
        figures = [t.figures.named(metric) for t in result.trials if t.figures is not None]
        assert result.best.figures is not None
        assert result.best.figures.named(metric) == max(figures)

    def test_rungs_halve(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nine settings on a ninth of the documents, the best three on a third, one on all."""
        monkeypatch.setattr(tuning_folds, "LEAST_RUNG", 10)
        events: list[Event] = []
        result = tuned(tmp_path / "j", trials=14, events=events)
        rungs = [event for event in events if isinstance(event, Rung)]
        assert [rung.trials for rung in rungs] == [9, 3, 1]
        most = rungs[-1].level.documents
        assert [rung.level.documents for rung in rungs] == [round(most / 9), round(most / 3), most]
        low, middle, full = result.trials[1:10], result.trials[10:13], result.trials[13:]
        best = sorted(low, key=lambda trial: trial.badness("log-loss"))[:3]
        assert [t.setting for t in middle] == [t.setting for t in best]
        assert full[0].setting == min(middle, key=lambda t: t.badness("log-loss")).setting

    def test_large_texts_have_more_settings_share_features(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def features_of_second_round(path: Path) -> int:
            return len({trial.setting.featurizer for trial in tuned(path, 37).trials[10:]})

        assert features_of_second_round(tmp_path / "small") > 3
        monkeypatch.setattr(search, "LARGE", 0)
        assert features_of_second_round(tmp_path / "large") <= 3

    def test_given_options_stay(self, tmp_path: Path) -> None:
        featurizer = FeaturizerOptions(ngrams=(1, 1), max_features=100)
        training = TrainingOptions(epochs=2, class_weight="balanced", learning_rate=3.0)
        fixed = ("ngrams", "epochs", "learning_rate")
        result = tuned(tmp_path / "j", 20, featurizer=featurizer, training=training, fixed=fixed)
        for trial in result.trials:
            features, own = trial.setting.featurizer, trial.setting.training
            assert (features.ngrams, features.max_features) == ((1, 1), 100)
            assert (own.epochs, own.class_weight, own.learning_rate) == (2, "balanced", 3.0)
        assert len({trial.setting.training.idf_power for trial in result.trials}) > 3
        assert not {*fixed} & {*result.searched}

    def test_all_options_fixed_leaves_the_default(self, tmp_path: Path) -> None:
        result = tuned(
            tmp_path / "j",
            fixed=tuple(SEARCHED),
            featurizer=KNOWN.featurizer,
            training=KNOWN.training,
        )
        assert len(result.trials) == 1
        assert result.best is result.default
        alone = tuned(tmp_path / "k", trials=1)
        assert len(alone.trials) == 1

    def test_nothing_is_kept_without_a_journal(self, tmp_path: Path) -> None:
        limits = TuningOptions(None, 3, cv=1)
        result = search_settings(CORPUS, options=limits)
        assert told(result.trials) == told(tuned(tmp_path / "j", 3).trials)

    def test_hashing(self, tmp_path: Path) -> None:
        options = FeaturizerOptions(hash_bits=12)
        result = tuned(tmp_path / "j", featurizer=options, fixed=("hash_bits",))
        assert {t.setting.featurizer.hash_bits for t in result.trials} == {12}
        assert all(t.figures is not None for t in result.trials)
        assert result.model.parts.columns is not None

    def test_a_trial_that_fails_is_told_and_passed_over(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        learn = judging.learn

        def fail(objective, judge, idf, options, *more):  # type: ignore[no-untyped-def]
            if options.epochs > 6:
                raise ArithmeticError("too far")
            return learn(objective, judge, idf, options, *more)

        monkeypatch.setattr(judging, "learn", fail)
        result = tuned(tmp_path / "j", 20)
        failed = [trial for trial in result.trials if trial.problem]
        assert failed
        assert all("too far" in str(t.problem) and t.figures is None for t in failed)
        assert result.best.figures is not None
        monkeypatch.setattr(judging, "learn", None)  # nothing is run again
        assert told(tuned(tmp_path / "j", 20).trials) == told(result.trials)

    def test_no_time_leaves_the_default(self, tmp_path: Path) -> None:
        result = search_settings(
            CORPUS, options=TuningOptions(1e-3, cv=1), journal=tmp_path / "j", threads=1
        )
        assert [trial.number for trial in result.trials] == [0]
        assert result.best is result.default

    def test_validation(self, tmp_path: Path) -> None:
        """Judged on all of its documents, learnt from all of the corpus's."""
        result = tuned(tmp_path / "j", validation=OTHER)
        assert result.judging == len(OTHER)
        assert {trial.documents for trial in result.trials} == {len(CORPUS)}
        record = result.model.record.held_out.as_json()
        assert record["from"] == "validation"
        assert result.best.figures is not None
        assert result.best.figures.loss == record["loss"]

    def test_refusals(self, tmp_path: Path) -> None:
        few = corpus_of(documents(30, 3))
        with pytest.raises(InputError, match=r"give cv=5 \(or another number\), or validation"):
            tuned(tmp_path / "j", corpus=few)
        assert tuned(tmp_path / "few", 3, corpus=few, cv=3).judging == 30
        with pytest.raises(InputError, match=r"one of 40 folds.*fewer"):
            tuned(tmp_path / "j", corpus=few, cv=40)
        with pytest.raises(InputError, match="both given"):
            tuned(tmp_path / "j", validation=OTHER, cv=3)
        with pytest.raises(InputError, match="leave out solver"):
            tuned(tmp_path / "j", training=TrainingOptions(l1=1e-4))
        with pytest.raises(InputError, match="fixed names no option: nonsense"):
            tuned(tmp_path / "j", fixed=("nonsense",))
        for options in ({"trials": 0}, {"seconds": 0.0}, {"cv": 0}, {"metric": "speed"}):
            with pytest.raises(InputError, match=next(iter(options))):
                TuningOptions(**options)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="limit one"):
            TuningOptions(None, None)


class TestJudging:
    def test_levels(self) -> None:
        def shares(documents: int, folds: int) -> list[tuple[int, int, float]]:
            return [(x.documents, x.folds, x.share) for x in levels_of(documents, folds)]

        assert shares(900, 1) == [(900, 1, 1.0)]
        assert shares(6000, 1) == [(2000, 1, 1 / 3), (6000, 1, 1.0)]
        assert shares(18000, 1) == [(2000, 1, 1 / 9), (6000, 1, 1 / 3), (18000, 1, 1.0)]
        assert shares(6000, 4) == [(2000, 1, 1 / 12), (6000, 1, 1 / 4), (6000, 4, 1.0)]

    def test_folds_are_stratified_and_disjoint(self) -> None:
        y = np.repeat(np.arange(4), (40, 21, 7, 1)).astype(np.int32)
        numbers = stratified(y, 4, 5, 1)
        assert sorted(np.bincount(numbers).tolist()) == [13, 14, 14, 14, 14]
        for label in range(4):
            counts = np.bincount(numbers[y == label], minlength=5)
            assert counts.max() - counts.min() <= 1
        assert numbers.tolist() != stratified(y, 4, 5, 2).tolist()

    def test_folds_where_few_are_held_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def folds(cv: int | None) -> int:
            return len(folds_of(CORPUS, False, TrainingOptions(), cv))

        assert (folds(None), folds(1), folds(4)) == (5, 1, 4)
        monkeypatch.setattr(tuning_folds, "FEW_JUDGES", 20)
        assert folds(None) == 1
        assert len(folds_of(CORPUS, False, TrainingOptions(holdout=0), None)) == 5
        validated = folds_of(CORPUS, True, TrainingOptions(), None)
        assert [fold.held for fold in validated] == [None]

    def test_every_document_judges_once(self) -> None:
        folds = folds_of(CORPUS, False, TrainingOptions(), 4)
        held = np.concatenate([fold.held for fold in folds if fold.held is not None])
        assert sorted(held.tolist()) == list(range(300))
        for fold in folds:
            assert fold.held is not None
            assert sorted([*fold.held, *fold.training]) == list(range(300))
            few, more = fold.part(50), fold.part(100)
            assert len(few) == 50
            assert set(few.tolist()) < set(more.tolist())

    def test_cross_validation_is_what_its_folds_say(self) -> None:
        """Against models trained on each fold's documents with the fold as validation."""
        judge = Judge(CORPUS, None, KNOWN.training, 3, 1)
        figures = judge.figures(KNOWN, judge.levels[-1], lambda: True)
        assert figures is not None
        assert judge.judging == 300
        parts = []
        for fold in judge.folds:
            assert fold.held is not None
            made = judge.cache.get(KNOWN)
            part = made.objective.take(np.sort(fold.training))
            held = made.objective.take(fold.held)
            run = judging.learn(part, held, made.idf, KNOWN.training, lambda: True)
            assert run is not None
            parts.append(run)
        right = sum(int((part.scores.argmax(axis=1) == part.y).sum()) for part in parts)
        assert figures.accuracy == pytest.approx(right / 300)
        assert figures.loss == calibrate(Scored.joined(parts))[1]

    @pytest.mark.parametrize("norm", ["l2", None])
    @pytest.mark.parametrize("min_df", [1, 2, 3])
    def test_features_are_those_of_the_documents_to_learn_from(
        self, norm: Literal["l2"] | None, min_df: int
    ) -> None:
        """As if the featurizer had not seen the held-out ones, up to the order of columns."""
        setting = KNOWN.with_value("norm", norm).with_value("min_df", min_df)
        setting = setting.with_value("idf_power", 0.0)  # idf is that of all documents
        judge = Judge(CORPUS, None, setting.training, 3, 1)
        figures = judge.figures(setting, judge.levels[-1], lambda: True)
        parts = []
        for fold in judge.folds:
            assert fold.held is not None
            own, held = part_of(CORPUS, np.sort(fold.training)), part_of(CORPUS, fold.held)
            rows = Rows.of(own, setting.featurizer, setting.training, 1)
            held_rows = rows.judge(held, setting.training, 1)
            run = judging.learn(rows.objective, held_rows, None, setting.training, lambda: True)
            assert run is not None
            parts.append(run)
        expected = judging.figures_of(Scored.joined(parts), setting.training)
        assert figures is not None
        assert figures.loss == pytest.approx(expected.loss, rel=1e-3)
        assert figures.accuracy == pytest.approx(expected.accuracy)

    def test_macro_f1_is_that_of_evaluate(self) -> None:
        judge = Judge(CORPUS, OTHER, KNOWN.training, None, 1)
        figures = judge.figures(KNOWN, judge.levels[-1], lambda: True)
        model = train_corpus(CORPUS, KNOWN.featurizer, KNOWN.training, validation=OTHER)
        result = Evaluation.of(
            model.labels,
            OTHER.y,
            np.concatenate(
                [answers.probabilities for answers in answer_blocks(model, OTHER.batches)]
            ),
        )
        assert figures is not None
        assert figures.macro_f1 == pytest.approx(result.macro_f1)
        assert figures.accuracy == pytest.approx(result.accuracy)
        assert figures.loss == pytest.approx(result.log_loss, rel=1e-4)

    def test_a_run_is_left_when_time_ends(self) -> None:
        judge = Judge(CORPUS, OTHER, KNOWN.training, None, 1)
        asked = []
        assert judge.figures(KNOWN, judge.levels[-1], lambda: bool(asked.append(1))) is None
        assert len(asked) == 1

    def test_features_are_made_once_while_there_is_room(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache = Judge(CORPUS, None, KNOWN.training, 3, 1).cache
        made = cache.get(KNOWN)
        other = KNOWN.with_value("ngrams", (1, 1))
        assert cache.get(KNOWN.with_value("learning_rate", 9.0)) is made
        cache.get(other)
        assert cache.get(KNOWN) is made
        monkeypatch.setattr(feature_cache, "CACHE_BYTES", made.bytes)
        cache.get(KNOWN.with_value("lowercase", False))
        assert cache.bytes <= made.bytes
        assert cache.get(KNOWN) is not made


class TestSpace:
    def test_what_is_drawn_is_in_the_space(self) -> None:
        space = Space(KNOWN, (), 1000)
        rng = np.random.default_rng(1)
        setting = KNOWN
        seen: dict[str, set[object]] = {name: set() for name in SEARCHED}
        for _ in range(300):
            near = Setting(space.near_featurizer(rng, setting), space.near_training(rng, setting))
            assert near.featurizer != setting.featurizer
            setting = near
            drawn = Setting(space.draw_featurizer(rng), space.draw_training(rng))
            for one in (near, drawn):
                assert Setting.from_json(json.loads(json.dumps(one.as_json()))) == one
                for name in SEARCHED:
                    seen[name].add(one.value(name))
        for name, choice in FEATURIZER.items():
            assert seen[name] - {KNOWN.value(name)} == {*choice.values} - {KNOWN.value(name)}
        for name, span in TRAINING.items():
            values = [float(str(value)) for value in seen[name]]
            assert span.low <= min(values)
            assert max(values) <= span.high
            assert len(values) > 10

    def test_long_texts_get_few_character_ngrams(self) -> None:
        space = Space(KNOWN, {*SEARCHED} - {"char_ngrams"}, 40_000_000)
        rng = np.random.default_rng(1)
        pairs = {space.draw_featurizer(rng).char_ngrams for _ in range(100)}
        assert pairs == {None, (3, 3), (4, 4)}

    def test_no_words_need_characters(self) -> None:
        known = KNOWN.with_value("char_ngrams", (4, 4)).with_value("ngrams", None)
        space = Space(known, ("ngrams",), 1000)
        rng = np.random.default_rng(1)
        assert None not in {space.draw_featurizer(rng).char_ngrams for _ in range(100)}


class TestJournal:
    def test_going_on_is_as_if_never_interrupted(self, tmp_path: Path) -> None:
        whole = tuned(tmp_path / "whole", 30)
        tuned(tmp_path / "parts", 4)
        tuned(tmp_path / "parts", 17)
        events: list[Event] = []
        parts = tuned(tmp_path / "parts", 30, events=events)
        assert told(parts.trials) == told(whole.trials)
        assert sum(trial.kept for trial in parts.trials) == 17
        assert events[0] == ResumedSearch(17, False)
        assert parts.model.theta.tobytes() == whole.model.theta.tobytes()
        lines = (tmp_path / "parts").read_text().splitlines()
        assert sorted(json.loads(line)["trial"] for line in lines) == list(range(30))

    def test_a_whole_journal_needs_no_trial(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = tuned(tmp_path / "j")
        monkeypatch.setattr(Judge, "figures", None)
        after = tuned(tmp_path / "j")
        assert told(after.trials) == told(before.trials)
        assert after.best.number == before.best.number

    def test_lines_tell_everything(self, tmp_path: Path) -> None:
        result = tuned(tmp_path / "j", training=TrainingOptions(seed=5))
        lines = [json.loads(line) for line in (tmp_path / "j").read_text().splitlines()]
        by_number = {line["trial"]: line for line in lines}
        for trial in result.trials:
            line = by_number[trial.number]
            assert Setting.from_json(line["options"]) == trial.setting
            assert line["figures"]["loss"] == trial.figures.loss  # type: ignore[union-attr]
            assert (line["rung"], line["seed"], line["cv"], line["folds"]) == (1.0, 5, 1, 1)
            assert line["version"]
            assert len(line["corpus"]) == 16
            assert line["seconds"] >= 0

    @pytest.mark.parametrize("torn", mostly_slow([b'{"tr\0\0', b'{"trial": 99, "ru', b"{", b"\0"]))
    def test_a_torn_last_line_is_dropped(self, tmp_path: Path, torn: bytes) -> None:
        before = tuned(tmp_path / "j", 5)
        with open(tmp_path / "j", "ab") as file:
            file.write(torn)
        events: list[Event] = []
        after = tuned(tmp_path / "j", 8, events=events)
        assert events[0] == ResumedSearch(5, True)
        assert told(after.trials)[:5] == told(before.trials)
        lines = [json.loads(line) for line in (tmp_path / "j").read_text().splitlines()]
        assert sorted(line["trial"] for line in lines) == list(range(8))

    def test_a_file_of_something_else_is_left_alone(self, tmp_path: Path) -> None:
        for other in (b"notes", b'{"mine": 1', b"notes\n", b"\xff"):
            (tmp_path / "j").write_bytes(other)
            with pytest.raises(InputError, match="line 1: not a trial"):
                tuned(tmp_path / "j", 1)
            assert (tmp_path / "j").read_bytes() == other

    def test_a_bad_line_is_named(self, tmp_path: Path) -> None:
        tuned(tmp_path / "j", 3)
        lines = (tmp_path / "j").read_text().splitlines()
        for bad in ("nonsense", "[]", '{"trial": 1}', lines[1].replace("l2", "l3")):
            (tmp_path / "j").write_text("\n".join([lines[0], bad, lines[2], ""]))
            with pytest.raises(InputError, match="j, line 2: not a trial"):
                tuned(tmp_path / "j", 3)

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"corpus": OTHER}, "corpus"),
            ({"validation": OTHER}, "validation"),
            ({"training": TrainingOptions(seed=2)}, "given"),
            ({"training": TrainingOptions(class_weight="balanced")}, "given"),
            ({"fixed": ("norm",)}, "given"),
            ({"metric": "accuracy"}, "metric"),
            ({"cv": 3}, "cv"),
        ],
    )
    def test_another_search_is_refused(
        self, tmp_path: Path, change: dict[str, object], name: str
    ) -> None:
        tuned(tmp_path / "j", 2)
        before = (tmp_path / "j").read_bytes()
        with pytest.raises(InputError, match=f"line 1: .* its {name} is .*--journal"):
            tuned(tmp_path / "j", 2, **change)  # type: ignore[arg-type]
        assert (tmp_path / "j").read_bytes() == before

    def test_what_the_system_refuses(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="irectory"):
            tuned(tmp_path)
        with pytest.raises(InputError, match="cannot be written"):
            tuned(tmp_path / "none" / "j")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def good(*arguments: str | Path) -> Result:
    result = run(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


class TestCommand:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        "options",
        [
            [],
            ["--ngrams", "1", "--metric", "accuracy", "--no-compression-limit"],
            ["--cv", "3", "--class-weight", "balanced", "--seed", "3"],
            ["--hash-bits", "12", "--no-calibration", "--idf"],
            ["--char-ngrams", "2-3", "--ngrams", "none", "--norm", "none", "--no-bias"],
        ],
    )
    def test_the_command_of_train_makes_the_same_file(
        self, train_tsv: Path, tmp_path: Path, options: list[str]
    ) -> None:
        model = tmp_path / "m.textmlr"
        shown = good("tune", train_tsv, "-o", model, "--trials", "15", *options)
        command = shown.stdout.splitlines()[-1].removeprefix("The same model: ")
        words = shlex.split(command)
        assert words[:2] == ["textmlr", "train"]
        before = model.read_bytes()
        model.unlink()
        good(*words[1:], "-q")
        assert model.read_bytes() == before

    def test_the_command_with_a_validation_file(
        self, train_tsv: Path, test_tsv: Path, tmp_path: Path
    ) -> None:
        model, odd = tmp_path / "m.textmlr", tmp_path / "odd name.tsv"
        odd.write_bytes(b"no tab\n" + test_tsv.read_bytes())
        done = good(
            "tune",
            train_tsv,
            "-o",
            model,
            "--trials",
            "6",
            "--validation",
            odd,
            "--skip-bad-lines",
            "--json",
        )
        summary = json.loads(done.stdout)
        assert summary["tuning"]["judging"] == 90
        before = model.read_bytes()
        good(*shlex.split(summary["tuning"]["command"])[1:], "-q")
        assert model.read_bytes() == before

    def test_what_is_shown(self, train_tsv: Path, tmp_path: Path) -> None:
        model = tmp_path / "m.textmlr"
        done = good("tune", train_tsv, "-o", model, "--trials", "12")
        for part in ("log loss", "macro-F1", "default", " won", "Trained", "12 trials"):
            assert part in done.stdout
        lines = done.stderr.splitlines()
        assert sum(line.startswith("#") for line in lines) == 12
        again = good("tune", train_tsv, "-o", model, "--trials", "12")
        assert "resuming from 12 trials in" in again.stderr
        assert not any(line.startswith("#") for line in again.stderr.splitlines())
        assert good("tune", train_tsv, "-o", model, "--trials", "12", "-q").output == ""

    def test_json(self, train_tsv: Path, tmp_path: Path) -> None:
        model = tmp_path / "m.textmlr"
        done = good(
            "tune",
            train_tsv,
            "-o",
            model,
            "--trials",
            "12",
            "--json",
            "-q",
            "--l2",
            "1e-5",
            "--journal",
            tmp_path / "own.jsonl",
        )
        summary = json.loads(done.stdout)
        assert summary["tuning"]["trials"] == 12
        assert "l2" not in summary["tuning"]["searched"]
        assert summary["options"]["l2"] == 1e-5
        assert summary["tuning"]["best"]["loss"] <= summary["tuning"]["default"]["loss"]
        assert sorted(os.listdir(tmp_path)) == ["m.textmlr", "own.jsonl"]

    def test_errors(self, train_tsv: Path, test_tsv: Path, tmp_path: Path) -> None:
        for options, problem in (
            (["--cv", "3", "--validation", "x.tsv"], "exclude each other"),
            (["--no-holdout"], "--no-holdout"),
            (["-o", "m", "--journal", "m"], "one file"),
        ):
            result = run("tune", train_tsv, *options)
            assert result.exit_code == 2, options
            assert problem in result.stderr
        for options, problem in (
            (["--time", "soon"], "--time soon is not a time such as 90s, 5m or 1h"),
            (["--time", "0s"], "--time 0s is not a time such as 90s, 5m or 1h"),
            (["--metric", "speed"], "--metric speed is not one of log-loss"),
            (["--cv", "0"], "--cv 0 is not"),
            (["--trials", "0"], "--trials 0 is not"),
            (["--holdout", "0", "--cv", "1"], "--cv 5"),
            (["-o", str(tmp_path / "none" / "m")], "no folder"),
            (["--journal", str(tmp_path / "none" / "j")], "no folder"),
            (["--journal", str(test_tsv)], "test.tsv, line 1: not a trial"),
            (["--journal", str(train_tsv)], "is itself an input"),
        ):
            others = {"--trials": "2", "-o": tmp_path / "m"}
            own = [w for pair in others.items() if pair[0] not in options for w in pair]
            result = run("tune", train_tsv, *own, *options)
            assert isinstance(result.exception, InputError), options
            assert problem in str(result.exception)
        good("tune", train_tsv, "--trials", "2", "-o", tmp_path / "m", "-q")
        result = run("tune", test_tsv, "--trials", "2", "-o", tmp_path / "m")
        assert isinstance(result.exception, InputError)
        assert "its corpus is" in str(result.exception)

    def test_times(self) -> None:
        convert = Duration().convert
        assert [convert(text, None, None) for text in ("90s", "5m", "1h", "0.5m")] == [
            90,
            300,
            3600,
            30,
        ]

    def test_a_torn_line_is_told(self, train_tsv: Path, tmp_path: Path) -> None:
        model = tmp_path / "m.textmlr"
        good("tune", train_tsv, "-o", model, "--trials", "3", "-q")
        with open(f"{model}.trials.jsonl", "a") as file:
            file.write('{"tri')
        done = good("tune", train_tsv, "-o", model, "--trials", "4", "-q")
        assert "was not whole" in done.stderr


class TestProcess:
    def test_interrupt_keeps_the_trials(self, train_tsv: Path, tmp_path: Path) -> None:
        model = tmp_path / "m.textmlr"
        model.write_bytes(b"the old model")
        command = [*COMMAND, "tune", str(train_tsv), "-o", str(model), "--time", "1h"]
        told_last = interrupted(command, b"#14")
        assert b"the same command resumes the search" in told_last
        assert model.read_bytes() == b"the old model"
        assert sorted(os.listdir(tmp_path)) == ["m.textmlr", "m.textmlr.trials.jsonl"]
        done = good("tune", train_tsv, "-o", model, "--trials", "20", "--json")
        assert json.loads(done.stdout)["tuning"]["trials"] == 20
        whole = good("tune", train_tsv, "-o", tmp_path / "w.textmlr", "--trials", "20", "--json")
        best = [json.loads(one.stdout)["tuning"]["best"] for one in (done, whole)]
        assert best[0] == best[1]

    def test_a_terminal_gets_a_table(self, train_tsv: Path, tmp_path: Path) -> None:
        command = [*COMMAND, "tune", str(train_tsv), "-o", str(tmp_path / "m"), "--trials", "25"]
        text, code = shown_in_terminal(command, ROOT)
        assert code == 0
        for part in ("setting", "default", "25 trials of 25", "Trained"):
            assert part in text
        assert "\n#1, " not in text


class TestHidden:
    def test_the_command_makes_the_same_network(self, tmp_path: Path) -> None:
        """Dropout is searched with hidden layers, and rates are Adagrad's."""
        corpus = write_tsv(tmp_path / "train.tsv", documents(240, 1))
        out = tmp_path / "tuned.textmlr"
        asked = ["tune", corpus, "--hidden", "6,4", "--ngrams", "1", "--trials", "8", "-o", out]
        result = CliRunner().invoke(cli, [*map(str, asked), "--json"])
        assert result.exit_code == 0, result.output
        told = json.loads(result.stdout.splitlines()[-1])
        command = shlex.split(told["tuning"]["command"])
        assert command[command.index("--hidden") + 1] == "6,4"
        again = tmp_path / "again.textmlr"
        command[command.index("-o") + 1] = str(again)
        assert CliRunner().invoke(cli, command[1:]).exit_code == 0
        first, second = Model.load(out), Model.load(again)
        assert [a.tobytes() for a in first.parts.layers] == [
            a.tobytes() for a in second.parts.layers
        ]

    def test_ranges(self) -> None:
        hidden = TrainingOptions(hidden=(4,), seed=2).decided()
        known = replace(KNOWN, training=replace(hidden, learning_rate=0.1, idf_power=1.0, epochs=3))
        space = Space(known, (), 1000)
        rng = np.random.default_rng(1)
        drawn = [space.draw_training(rng) for _ in range(50)]
        assert max(one.learning_rate for one in drawn) <= 0.5
        assert 0 <= min(one.dropout for one in drawn) < max(one.dropout for one in drawn) <= 0.7
