"""Training of one corpus: labelled documents in, a Model out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import check_callable, check_kind, check_threads
from textmlr.base.errors import InputError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.printable import plural
from textmlr.base.threads import chosen_threads
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.corpus import Corpus, check_corpus, files_of
from textmlr.corpus.duplicates import Duplicates, duplicates_of
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.model.heads import Head, head_of, usual_head
from textmlr.model.model import Model
from textmlr.model.model_facts import kept_of
from textmlr.model.model_parts import ModelParts, UpdateState
from textmlr.model.parameters import LINEAR
from textmlr.model.postings import Postings
from textmlr.model.record import Record
from textmlr.model.scoring import Bent, Calibration
from textmlr.model.zero_rows import without_zero_rows
from textmlr.training.exact.penalty_path import ExactFit, fit_exact
from textmlr.training.feature_names import FeatureNames
from textmlr.training.ngram_choice import Candidate, NgramChoice, choose
from textmlr.training.objective import Objective
from textmlr.training.on_disk.disk_store import Store
from textmlr.training.rows import (
    Rows,
    check_judges,
    few_features,
    memory_of,
    most_weights,
    sparse_memory_of,
)
from textmlr.training.sgd.fit import Fit, fit, most_epochs
from textmlr.training.sgd.runs import Runs
from textmlr.training.stage_lines import logged
from textmlr.training.support.found_support import SupportFit
from textmlr.training.support.support_choice import SupportChoice
from textmlr.training.support.theta_choice import (
    ThetaSizeError,
    check_theta,
    may_be_sparse,
    starts_from_zero,
    with_theta,
)
from textmlr.training.thresholds import Thresholds, check_maximise
from textmlr.training.training_events import Stage, Watch
from textmlr.training.training_record import training_record

MEND_ONE = "for one label that documents have or lack, give each of two, such as scifi and other"


def train_corpus(
    corpus: Corpus,
    featurizer_options: FeaturizerOptions | None = None,
    training_options: TrainingOptions | None = None,
    *,
    validation: Corpus | None = None,
    threads: int | None = None,
    watch: Watch | None = None,
    store: Store | None = None,
    head: str | None = None,
) -> Model:
    """Train a Model on labelled documents.

    validation  documents to choose by, in place of a held-out part
    threads     None: one a processor.  Their number changes no bit of the model
    watch       called with a Stage, a Candidate, a Progress, or a SolverStep and a Penalty of the
                exact solver, as training goes
    store       where rows and the state of training are kept, for a corpus on disk; None: in
                memory.  The model has the same bits, unless its features did not fit in the
                store's memory
    head        the name of the output, see ``textmlr.model.heads``; None: sigmoids where documents
                have sets of labels, else the softmax
    Raises InputError if the corpus cannot be trained on.
    """
    check_corpus("corpus", corpus)
    check_corpus("validation", validation, optional=True)
    check_kind("featurizer_options", featurizer_options, FeaturizerOptions, optional=True)
    check_kind("training_options", training_options, TrainingOptions, optional=True)
    check_threads(threads)
    check_callable("watch", watch)
    check_kind("store", store, Store, optional=True)
    own = usual_head(corpus.is_multilabel) if head is None else head_of(head)
    given = training_options or TrainingOptions()
    stored = store is not None
    check_theta(given, own, stored=stored)
    options = with_theta(given, corpus, own, stored=stored).decided()
    _check_two_labels(corpus)
    check_judges(corpus, validation)
    check_maximise(options, "corpus", multilabel=corpus.is_multilabel)
    threads = chosen_threads(threads)
    run = _Training(corpus, validation, options, threads, logged(watch), store, own)
    several = corpus.is_multilabel
    run.watch(Stage("features", len(corpus), len(corpus.labels), several=several))
    duplicates = duplicates_of(corpus, threads)
    try:
        run, candidates, rows = _rows(run, featurizer_options or FeaturizerOptions(), given)
        options = run.options
        names = FeatureNames(corpus, rows, options.seed, threads)
        fitted = run.fit(rows, names.collect)
        names.finish(fitted.first_layer)
    except ArithmeticError as error:
        raise InputError(str(error), mend="lower the learning rate or the penalty") from error
    overlap = None
    if validation is not None:
        overlap = duplicates.sketch.overlap(validation.batches, threads)
    record = training_record(corpus, duplicates, rows, candidates, options, fitted.found, overlap)
    featurizer, columns = rows.featurizer, rows.columns
    del rows, names  # the parts of a sparse θ are settled without them in memory
    return fitted.model(corpus, featurizer, columns, record, duplicates, run)


def _rows(
    run: _Training, wanted: FeaturizerOptions, given: TrainingOptions
) -> tuple[_Training, list[Candidate], Rows]:
    """(the training, of a sparse θ where a dense one would not fit in memory and nothing speaks
    against it, n-grams that were tried, rows);  given  options before they were decided."""
    try:
        return run, *run.rows(wanted)
    except ThetaSizeError:
        if not may_be_sparse(given, run.head, stored=run.store is not None):
            raise
    run = replace(run, options=replace(given, theta="sparse").decided())
    return run, *run.rows(wanted)


def _check_two_labels(corpus: Corpus) -> None:
    if len(corpus.labels) < 2:
        only = f", {corpus.labels[0]!r}" if corpus.labels else ""
        raise InputError(
            f"the corpus has {plural(len(corpus.labels), 'label')}{only}",
            place=files_of(corpus),
            mend=MEND_ONE if corpus.is_multilabel else "give documents of two labels at least",
        )


class _Fitted(NamedTuple):
    """θ, see ``Model``, and how it was found."""

    layers: list[NDArray[np.float32]]
    squares: list[NDArray[np.float32]]
    calibration: Calibration | None
    found: Fit | ExactFit | SupportFit
    thresholds: Thresholds | None
    postings: Postings | None = None

    @property
    def first_layer(self) -> NDArray[np.float32] | Postings:
        """θ from features on."""
        return self.layers[0] if self.postings is None else self.postings

    def model(
        self,
        corpus: Corpus,
        featurizer: Featurizer,
        columns: HashedColumns | None,
        record: Record,
        duplicates: Duplicates,
        run: _Training,
    ) -> Model:
        """The model of this θ."""
        sketch = duplicates.sketch.beside(
            sum(layer.nbytes for layer in self.layers)
            if self.postings is None
            else len(self.postings) // 2  # two bytes a weight in the file, and no more for names
        )
        options = run.options
        parts = ModelParts(
            corpus.labels,
            featurizer,
            self.layers,
            record,
            columns,
            Calibration() if self.calibration is None else self.calibration,
            activation=options.activation or LINEAR,
            update_state=UpdateState(self.squares, sketch),
            head=run.head,
            thresholds=None if self.thresholds is None else self.thresholds.values,
            postings=self.postings,
        )
        if parts.is_sparse:
            from textmlr.model.postings_file.settled_parts import settled  # few models are sparse

            parts = settled(parts, overwrite=True)
        model = Model.of(parts)
        return _sparse(model) if options.l1 else model


@dataclass(frozen=True, slots=True, eq=False)
class _Training:
    """The training of one model, its options decided."""

    corpus: Corpus
    validation: Corpus | None
    options: TrainingOptions
    threads: int
    watch: Watch
    store: Store | None
    head: Head

    def rows(self, wanted: FeaturizerOptions) -> tuple[list[Candidate], Rows]:
        """(n-grams that were tried, rows with the best ones).  Raises InputError where θ would not
        fit in memory."""
        wanted = self._with_weights(wanted)
        if self.options.theta != "sparse":
            wanted = few_features(wanted, self.corpus, self.options)
        choice, options, threads = self._choice(wanted), self.options, self.threads
        if choice.rows is not None:
            return choice.candidates, choice.rows
        if self.store is None:
            rows = Rows.of(self.corpus, choice.options, options, threads, self.head)
        else:
            own = choice.options, options, threads, self.watch, self.head
            rows = self.store.rows(self.corpus, *own)
        return choice.candidates, replace(rows, support=choice.support)

    @property
    def from_zero(self) -> bool:
        """Whether θ is sparse and starts from zero."""
        return not self.head.has_sets and starts_from_zero(self.options, self.corpus, self.head)

    def _with_weights(self, wanted: FeaturizerOptions) -> FeaturizerOptions:
        """The options of features, with the weights of features that θ's form asks for."""
        # TF-IDF only if it is asked for: SGD scales steps by idf instead, and a sparse θ its
        # weights, in rows whose length is 1 before rare features are raised (a point of accuracy on
        # some corpora).
        if self.options.solver != "exact" and wanted.idf is None:
            return replace(wanted, idf=False)
        return wanted

    def fit(self, rows: Rows, beside: Callable[[], object]) -> _Fitted:
        """Fit θ to rows.  Raises ArithmeticError where it does not stay finite."""
        options, threads, judge = self.options, self.threads, None
        if self.validation is not None:
            judge = rows.judge(self.validation, options, threads)
        self.watch(self._stage(rows))
        if options.theta == "sparse":
            beside()  # before the fit: what names are made of takes memory, and little time
            return self._fit_sparse(rows, judge)
        if options.solver == "exact":
            found = fit_exact(
                rows.in_memory,
                options,
                validation=judge,
                threads=threads,
                watch=self.watch,
                beside=beside,
            )
            return _Fitted([found.optimum.theta], [], None, found, found.thresholds)
        result = fit(
            rows.objective,
            options,
            columns=rows.column_facts,
            validation=judge,
            threads=threads,
            watch=self.watch,
            beside=beside,
            overwrite=True,
            states=None if self.store is None else self.store.cache,
            known=rows.trials,
        )
        squares = result.squares if options.hidden else []
        calibration = result.calibration.absorbed()
        if isinstance(calibration, Bent):
            calibration = replace(calibration, links=result.second)
        return _Fitted(result.layers, squares, calibration, result, result.thresholds)

    def _fit_sparse(self, rows: Rows, judge: Objective | None) -> _Fitted:
        if self.head.has_sets:
            from textmlr.training.support.set_fit import fit_sets

            found = fit_sets(
                rows.in_memory,
                self.options,
                columns=rows.column_facts,
                validation=judge,
                watch=self.watch,
            )
        elif self.from_zero:
            from textmlr.training.support.from_zero_fit import fit_from_zero

            found = fit_from_zero(
                rows.objective,
                self.options,
                columns=rows.column_facts,
                validation=judge,
                threads=self.threads,
                watch=self.watch,
                states=None if self.store is None else self.store.cache,
                known=rows.trials,
            )
        else:
            from textmlr.training.support.support_fit import fit_support

            assert rows.frequencies is not None
            found = fit_support(
                rows.objective,
                self.options,
                bias=rows.bias,
                frequencies=rows.frequencies,
                choice=rows.support,
                validation=judge,
                threads=self.threads,
                watch=self.watch,
                states=None if self.store is None else self.store.cache,
                room=None if self.store is None else self.store.most_weights,
            )
        return _Fitted([], [], found.calibration, found, found.thresholds, found.postings)

    def _stage(self, rows: Rows) -> Stage:
        """The stage "fit"."""
        objective, options, labels = rows.objective, self.options, len(self.corpus.labels)
        epochs = 0
        if options.theta == "sparse" and not self.from_zero:
            from textmlr.training.support.set_fit import SET_EPOCHS

            support = rows.support or SupportChoice()
            usual = SET_EPOCHS if self.head.has_sets else support.epochs
            epochs = usual if options.epochs is None else options.epochs
        elif options.solver != "exact":
            validated = self.validation is not None
            given = self._runs.decided(options) if self.from_zero else options
            epochs = most_epochs(objective, rows.idf, given, validated=validated)
        room = memory_of(objective.columns, labels, options, self.threads)
        if options.theta == "sparse":
            frequencies = rows.frequencies
            assert frequencies is not None
            room = sparse_memory_of(int(most_weights(frequencies, labels).sum()), labels)
        size = objective.columns, objective.nonzeros
        several = self.corpus.is_multilabel
        sparse = options.theta == "sparse"
        return Stage("fit", len(self.corpus), labels, *size, epochs, room, several, sparse)

    @property
    def _runs(self) -> type[Runs]:
        """The runs of SGD that are tried."""
        if not self.from_zero:
            return Runs
        from textmlr.training.support.from_zero_runs import ZeroRuns

        return ZeroRuns

    def _choice(self, wanted: FeaturizerOptions) -> NgramChoice:
        """``choose``, or its choice from before the run was cut off."""
        kind = self._runs

        def find() -> NgramChoice:
            options = self.options
            if options.theta == "sparse" and self.head.has_sets:  # of a sample a dense one will do
                options = replace(options, theta=None, epochs=None).decided()
            elif options.theta == "sparse" and not self.from_zero:
                from textmlr.training.support.drawn_labels import choose_sparse

                return choose_sparse(self.corpus, wanted, options, self.threads, self.watch)
            return choose(
                self.corpus,
                wanted,
                options,
                validation=self.validation,
                threads=self.threads,
                watch=self.watch,
                head=self.head,
                kind=kind,
            )

        if self.store is None:
            return find()

        def as_json() -> dict[str, object]:
            found = find()
            candidates = [asdict(candidate) for candidate in found.candidates]
            support = found.support and asdict(found.support)
            options = found.options.as_json()
            return {"options": options, "candidates": candidates, "support": support}

        # Rows in memory, which the choice was made on, are not those of the store, which may have
        # to leave features out: the store makes its own, in every run.
        kept = self.store.cache.once("choice", as_json)
        candidates = [Candidate.of(values) for values in kept["candidates"]]
        support = kept["support"] and SupportChoice(**kept["support"])
        return NgramChoice(FeaturizerOptions.of(kept["options"]), candidates, None, support)


def _sparse(model: Model) -> Model:
    """The model without the rows of θ that are 0; its record has the number of the others."""
    model = without_zero_rows(model)
    model.record = model.record.with_kept(kept_of(model.parts))
    return model
