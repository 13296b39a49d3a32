"""The search: rounds of successive halving, each begun from the best settings so far.

A round draws settings, judges them all on a share of the documents, and the best third of them on
three times as many, until the rest is judged on all, and then by all folds.  The first setting of
all is the one that ``train`` takes by itself.  The draws depend on the seed and on the results of
the rounds before, never on time or threads: time decides only how far the search gets.

Source: successive halving, Jamieson and Talwalkar, AISTATS 2016; some settings of a round are steps
from good ones, and some are drawn anew, as in evolutionary search.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import fields, replace
from itertools import count
from os import PathLike
from threading import Lock
from typing import Any

import numpy as np

from textmlr.base.checks import check_callable, check_kind, check_path, check_strings, check_threads
from textmlr.base.errors import InputError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.option_errors import OptionError, Sentence
from textmlr.base.threads import chosen_threads, map_blocks
from textmlr.base.training_options import TrainingOptions
from textmlr.base.tuning_options import Metric, TuningOptions
from textmlr.base.version import __version__
from textmlr.corpus.corpus import Corpus, check_corpus, files_of
from textmlr.model.model import Model
from textmlr.training.corpus_training import train_corpus
from textmlr.training.rows import check_judges
from textmlr.training.support.theta_choice import kept_dense, refuse_sparse
from textmlr.training.tuning.events import (
    Event,
    Phase,
    ResumedSearch,
    Rung,
    TrialStart,
    TuningResult,
    Watch,
)
from textmlr.training.tuning.folds import Level
from textmlr.training.tuning.journal import Journal, fingerprint
from textmlr.training.tuning.judging import Judge
from textmlr.training.tuning.space import SEARCHED, Setting, Space, training_ranges
from textmlr.training.tuning.trial import Trial

KEPT_OF = 3  # one setting in so many reaches the next rung
# Features drawn in a round, and settings of steps that share each of them: in the first round, in
# the others, and in those where the text is LARGE and features take most of the time.
FIRST = 3, 3
OTHERS = 9, 3
OF_LARGE = 3, 9
LARGE = 8 << 20  # bytes
PARENTS = 4  # best settings that others are drawn near to
FRUITLESS = 5  # rounds without a new setting: then there are no more
# Time left for the last training, in times of the best setting's trial: it makes the features,
# names them, runs twice (once to calibrate) and writes the file.
RESERVE = 2.5


def search_settings(
    corpus: Corpus,
    featurizer_options: FeaturizerOptions | None = None,
    training_options: TrainingOptions | None = None,
    options: TuningOptions | None = None,
    *,
    fixed: Collection[str] = (),
    validation: Corpus | None = None,
    threads: int | None = None,
    journal: str | PathLike[str] | None = None,
    watch: Watch | None = None,
) -> TuningResult:
    """Search for the setting whose model answers held-out documents best, and train that model.

    fixed       names of options that stay as given; those that are not searched do anyway
    validation  documents to judge by, in place of a held-out part
    threads     None: one a processor.  Their number changes no trial
    journal     file that each trial is written to, and whose trials are not run again
    watch       called with every Event, one thread at a time
    The same trials give the same model, whatever the time and threads they took; their number in a
    given time may differ from run to run.
    Raises InputError if the corpus cannot be trained on, or the journal is of another search.
    """
    began = time.monotonic()
    check_corpus("corpus", corpus)
    check_corpus("validation", validation, optional=True)
    check_kind("featurizer_options", featurizer_options, FeaturizerOptions, optional=True)
    check_kind("training_options", training_options, TrainingOptions, optional=True)
    check_kind("options", options, TuningOptions, optional=True)
    fixed = check_strings("fixed", fixed) or ()
    check_threads(threads)
    check_path("journal", journal, optional=True)
    check_callable("watch", watch)
    given = Setting(
        featurizer_options or FeaturizerOptions(), training_options or TrainingOptions()
    )
    if journal is not None:
        given.featurizer.check_written()
    options = options or TuningOptions()
    if (options.cv or 1) > 1 and validation is not None:
        raise InputError("cv and validation are both given", mend="leave one of them out")
    if given.training.chosen_solver != "sgd":
        raise InputError(
            f"solver={given.training.chosen_solver!r} chooses its penalty itself",
            mend="train with it, or leave out solver and l1",
        )
    refuse_sparse(given.training, "tune")
    check_judges(corpus, validation)
    _check_metric(options.metric, corpus)
    strangers = sorted({*fixed} - {*_fields()})
    if strangers:
        raise InputError(f"fixed names no option: {', '.join(strangers)}", mend="name options")
    book = Journal(journal, _identity(corpus, validation, given, fixed, options))
    search = _Search(corpus, validation, given, options, fixed, threads, book, watch, began)
    return search.run()


def _check_metric(metric: Metric, corpus: Corpus) -> None:
    """Raise InputError for a figure of several labels a document where there is one."""
    if metric == "micro-f1" and not corpus.is_multilabel:
        raise OptionError(
            "metric",
            Sentence("{metric} is of documents with several labels", {"metric": metric}),
            Sentence("give {metric}: it is the same number", {"metric": "accuracy"}),
            place=files_of(corpus),
        )


def _fields() -> list[str]:
    return [field.name for one in (FeaturizerOptions, TrainingOptions) for field in fields(one)]


def _identity(
    corpus: Corpus,
    validation: Corpus | None,
    given: Setting,
    fixed: Collection[str],
    options: TuningOptions,
) -> dict[str, Any]:
    """The values that trials of one search have in common (JSON)."""
    usual = Setting(FeaturizerOptions(), TrainingOptions())
    own: dict[str, Any] = {}
    for name in _fields():
        value = given.value(name)
        if name in {*fixed} & SEARCHED or value != usual.value(name):
            own[name] = list(value) if isinstance(value, tuple) else value
    return {
        "corpus": fingerprint(corpus),
        "validation": None if validation is None else fingerprint(validation),
        "given": own,
        "fixed": sorted({*fixed} & SEARCHED),
        "metric": options.metric,
        "cv": options.cv,
        "seed": given.training.seed,
        "version": __version__,
    }


class _Search:
    """One search."""

    def __init__(
        self,
        corpus: Corpus,
        validation: Corpus | None,
        given: Setting,
        options: TuningOptions,
        fixed: Collection[str],
        threads: int | None,
        journal: Journal,
        watch: Watch | None,
        began: float,
    ) -> None:
        self._corpus, self._validation, self._given = corpus, validation, given
        self._options, self._fixed, self._journal = options, fixed, journal
        self._threads = chosen_threads(threads)
        self._watch, self._began = watch, began
        self._lock = Lock()
        self._judge = Judge(corpus, validation, given.training, options.cv, self._threads)
        self._text_bytes = sum(batch.text_bytes for batch in corpus.batches)
        self._trials: list[Trial] = []
        self._seen: set[Setting] = set()
        self._left = options.trials  # trials that may still be

    def run(self) -> TuningResult:
        """Search until time or trials end, then train the best setting's model."""
        if self._journal.kept or self._journal.torn:
            self._tell(ResumedSearch(len(self._journal.kept), self._journal.torn))
        self._tell(Phase("default"))
        default = self._default()
        self._tell(Phase("search"))
        space = Space(default.setting, self._fixed, self._text_bytes)
        if space.names and self._left != 0:
            self._rounds(space)
        best = self._best(1)[0]
        self._tell(Phase("final"))
        model = self._train(best.setting)
        judged = self._judge.judging, len(self._judge.folds)
        return TuningResult(model, best, default, tuple(self._trials), *judged, tuple(space.names))

    def _rounds(self, space: Space) -> None:
        """Round after round, until time or trials end or there is nothing new."""
        fruitless = 0
        for number in count():
            settings = self._draw(space, number)
            fruitless = 0 if settings else fruitless + 1
            if fruitless == FRUITLESS or not self._round(number, settings):
                break

    def _tell(self, event: Event) -> None:
        """Call watch, one thread at a time."""
        if self._watch is not None:
            with self._lock:
                self._watch(event)

    def _train(self, setting: Setting) -> Model:
        return train_corpus(
            self._corpus,
            setting.featurizer,
            kept_dense(setting.training, self._corpus),
            validation=self._validation,
            threads=self._threads,
            watch=self._tell,
        )

    def _default(self) -> Trial:
        """The trial of the setting that ``train`` takes by itself, its choices made explicit."""
        trial = self._journal.kept.get(None)
        top = self._judge.levels[-1]
        if trial is None:
            setting = self._decided()
            self._tell(TrialStart(0, setting))
            began = time.perf_counter()
            try:
                figures = self._judge.figures(setting, top, lambda: True)
            except ArithmeticError as error:
                mend = "lower the learning rate or the penalty"
                raise InputError(str(error), mend=mend) from error
            seconds = time.perf_counter() - began
            trial = Trial(0, setting, top.share, top.documents, top.folds, figures, None, seconds)
            self._journal.append(trial)
        self._trials.append(trial)
        self._seen.add(trial.setting)
        self._left = None if self._left is None else self._left - 1
        self._tell(trial)
        return trial

    def _decided(self) -> Setting:
        """The setting that ``train`` takes by itself."""
        model = self._train(self._given)
        record = model.record.as_json()
        chosen = record["options"] | record["final"]
        setting = Setting(model.featurizer.options, self._given.training)
        for name in training_ranges(self._given.training):
            if setting.value(name) is None or name == "epochs":  # it may have stopped early
                setting = setting.with_value(name, chosen[name])
        return setting.judged_at_its_end()

    def _draw(self, space: Space, number: int) -> list[Setting]:
        """New settings for a round: of three features one is a good setting's, one near to a good
        one's and one drawn from anywhere, and so are the steps."""
        rng = np.random.default_rng([self._given.training.seed, (1 << 31) + 5, number])
        parents = [trial.setting for trial in self._best(PARENTS)]
        drawn: list[Setting] = []
        features, steps = OTHERS if self._text_bytes < LARGE else OF_LARGE
        if not number:
            features, steps = FIRST
        for i in range(features):
            parent = parents[int(rng.integers(len(parents)))]
            featurizer = parent.featurizer
            if i % 3 == 1:
                featurizer = space.near_featurizer(rng, parent)
            elif i % 3 == 2:
                featurizer = space.draw_featurizer(rng)
            for j in range(steps):
                training = parent.training
                if j % 2 == 1 or i % 3 == 0:
                    training = space.near_training(rng, parent)
                elif j:
                    training = space.draw_training(rng)
                setting = Setting(featurizer, training).judged_at_its_end()
                if setting not in self._seen:
                    self._seen.add(setting)
                    drawn.append(setting)
        return drawn

    def _best(self, most: int) -> list[Trial]:
        """The best trials on all documents, best first."""
        full = [trial for trial in self._trials if trial.rung == 1]
        return sorted(full, key=lambda trial: trial.badness(self._options.metric))[:most]

    def _round(self, number: int, settings: list[Setting]) -> bool:
        """Judge settings rung by rung; False if time or trials ended."""
        for level in self._judge.levels:
            trials = self._rung(number, level, settings)
            if trials is None or self._left == 0:
                return False
            trials.sort(key=lambda trial: trial.badness(self._options.metric))
            settings = [trial.setting for trial in trials[: -(-len(trials) // KEPT_OF)]]
        return True

    def _rung(self, number: int, level: Level, settings: list[Setting]) -> list[Trial] | None:
        """The trials of settings at a level; None if time or trials ended."""
        first = len(self._trials)
        most = len(settings) if self._left is None else min(len(settings), self._left)
        self._tell(Rung(number + 1, level, most))
        jobs = [(first + i, setting, level) for i, setting in enumerate(settings[:most])]
        ended = list(map_blocks(self._try, jobs, self._threads))
        trials = [trial for trial in ended if trial is not None]
        self._trials += trials
        if self._left is not None:
            self._left -= len(trials)
        return trials if len(trials) == len(settings) else None

    def _try(self, job: tuple[int, Setting, Level]) -> Trial | None:
        """One trial, from the journal or run; None if time ended before it did."""
        number, setting, level = job
        documents, folds = level.documents, level.folds
        trial = self._journal.kept.get((setting, documents, folds))
        if trial is not None:
            trial = replace(trial, number=number)
            self._tell(trial)
            return trial
        if self._is_over():
            return None
        self._tell(TrialStart(number, setting))
        began = time.perf_counter()
        figures, problem = None, None
        try:
            figures = self._judge.figures(setting, level, lambda: not self._is_over())
        except (ArithmeticError, InputError, MemoryError) as error:
            problem = str(error) or "out of memory"
        if figures is None and problem is None:
            return None
        seconds = time.perf_counter() - began
        trial = Trial(number, setting, level.share, documents, folds, figures, problem, seconds)
        self._journal.append(trial)
        self._tell(trial)
        return trial

    def _is_over(self) -> bool:
        """Whether only the time is left that the last training may take."""
        if self._options.seconds is None:
            return False
        best = self._best(1)[0]
        features = self._judge.cache.seconds(best.setting.featurizer)
        reserve = features + RESERVE * best.seconds / len(self._judge.folds)
        return time.monotonic() - self._began + reserve > self._options.seconds
