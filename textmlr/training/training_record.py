"""The record of a model that was trained: what its file says of the training.

Nothing in it differs from run to run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import TypeAlias

import numpy as np

from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.duplicates import Duplicates, Overlap
from textmlr.corpus.label_sets import label_counts
from textmlr.model.calibration_record import CalibrationRecord, ThresholdsRecord
from textmlr.model.record import (
    CandidateRecord,
    CorpusRecord,
    CutRecord,
    DuplicatesRecord,
    ExactRecord,
    ExactTrialRecord,
    HeldOutRecord,
    OverlapRecord,
    Record,
    SgdRecord,
    SgdTrialRecord,
    TakenRecord,
    VersionsRecord,
)
from textmlr.model.scoring import Calibration
from textmlr.model.support_record import SupportRecord
from textmlr.training.exact.penalty_path import ExactFit
from textmlr.training.ngram_choice import Candidate
from textmlr.training.rows import Rows, label_totals
from textmlr.training.sgd.fit import Fit
from textmlr.training.sgd.trial_run import TrialRun
from textmlr.training.support.found_support import SupportFit
from textmlr.training.thresholds import Thresholds

Found: TypeAlias = Fit | ExactFit | SupportFit
# Options of documents with several labels, or very many, which files of other models need not have.
NEWER = ("maximise", "cost_false_positive", "theta")


def training_record(
    corpus: Corpus,
    duplicates: Duplicates,
    rows: Rows,
    candidates: Sequence[Candidate],
    options: TrainingOptions,
    found: Found,
    overlap: Overlap | None,
) -> Record:
    """The record of a model.

    overlap  of the validation documents with the corpus, None where it has none of its own
    """
    return Record(
        versions=VersionsRecord.now(),
        options=written_options(options),
        corpus=_corpus(corpus, duplicates, rows, options),
        ngrams=tuple(CandidateRecord(**asdict(candidate)) for candidate in candidates),
        cut=_cut(rows.cut) if rows.cut else None,
        held_out=_held_out(found, overlap),
        final=_final(found, options),
        thresholds=thresholds_record(
            found.thresholds,
            options,
            isinstance(found, Fit) and found.second is not None,
        ),
    )


def calibration_record(calibration: Calibration) -> CalibrationRecord:
    """A calibration, as the record has it."""
    return CalibrationRecord(**calibration.as_json())


def written_options(options: TrainingOptions) -> dict[str, object]:
    """The options as the record has them."""
    return {k: v for k, v in asdict(options).items() if k not in NEWER or v is not None}


def thresholds_record(
    found: Thresholds | None, options: TrainingOptions, second: bool
) -> ThresholdsRecord | None:
    """How thresholds were chosen, as the record has it;  second  whether there is a second pass."""
    if found is None:
        return None
    return ThresholdsRecord(
        maximise=options.maximise or "micro-f1",
        by_label=found.by_label,
        micro_f1=found.micro_f1,
        macro_f1=found.macro_f1,
        second_pass=second,
    )


def _corpus(
    corpus: Corpus, duplicates: Duplicates, rows: Rows, options: TrainingOptions
) -> CorpusRecord:
    alike = corpus.weights is None and options.class_weight is None
    totals = None if alike else tuple(label_totals(corpus, options.class_weight).tolist())
    return CorpusRecord(
        files=tuple(dict.fromkeys(os.path.basename(name) for name in corpus.names)),
        documents=len(corpus),
        skipped=corpus.skipped,
        nonzeros=rows.objective.nonzeros,
        invalid_utf8=rows.invalid,
        weighted=corpus.weights is not None,
        per_label=tuple(label_counts(corpus.y, len(corpus.labels)).astype(int).tolist()),
        weight_per_label=totals,
        doubles=DuplicatesRecord(**duplicates.summary(corpus)),
        taken=tuple(map(TakenRecord.of, corpus.taken)),
    )


def _cut(cut: dict[str, int]) -> CutRecord:
    return CutRecord(kept=cut["kept"], of=cut["of"], missed=cut["missed"])


def _held_out(found: Found, overlap: Overlap | None) -> HeldOutRecord:
    judged = found.judged
    trials: tuple[SgdTrialRecord, ...] | tuple[ExactTrialRecord, ...]
    if isinstance(found, ExactFit):
        trials = tuple(
            ExactTrialRecord(l2=trial.l2, loss=trial.loss, accuracy=trial.accuracy)
            for trial in found.trials
        )
    else:
        trials = tuple(map(_trial, found.trials))
    never = judged.never_answered if judged else ()
    if not isinstance(found, SupportFit) and found.thresholds is not None:
        never = found.thresholds.never_answered  # labels answer by these, not as the likeliest
    return HeldOutRecord(
        documents=found.held_out,
        folds=found.folds,
        origin="corpus" if overlap is None else "validation",
        overlap=None if overlap is None else OverlapRecord(**asdict(overlap)),
        loss=judged.loss if judged else None,
        accuracy=judged.accuracy if judged else None,
        trials=trials,
        never_answered=never,
    )


def _trial(trial: TrialRun) -> SgdTrialRecord:
    return SgdTrialRecord(
        idf_power=trial.idf_power,
        learning_rate=trial.learning_rate,
        epochs=trial.epochs,
        calibration=calibration_record(trial.calibration),
        loss=trial.loss,
        accuracy=trial.accuracy,
    )


def _final(found: Found, options: TrainingOptions) -> SgdRecord | ExactRecord | SupportRecord:
    if isinstance(found, ExactFit):
        return _exact(found, options.l1)
    return _support(found) if isinstance(found, SupportFit) else _sgd(found)


def _support(found: SupportFit) -> SupportRecord:
    scalars = found.scalars
    return SupportRecord(
        solver="support",
        weights=len(found.postings),
        attraction=scalars.attraction,
        prior=scalars.prior,
        norm_power=scalars.norm_power,
        idf_power=found.choice.idf_power,
        cap=found.choice.cap,
        calibration=calibration_record(found.fitted),
        learning_rate=found.learning_rate,
        epochs=found.epochs,
        loss=found.loss,
        accuracy=found.accuracy,
        crowded=found.crowded or None,
    )


def _sgd(found: Fit) -> SgdRecord:
    return SgdRecord(
        solver="sgd",
        idf_power=found.idf_power,
        calibration=calibration_record(found.calibration),
        learning_rate=found.learning_rate,
        epochs=found.epochs,
        loss=found.loss,
        accuracy=found.accuracy,
        halvings=found.halvings,
        averaged=found.averaged or None,
    )


def _exact(found: ExactFit, l1: float) -> ExactRecord:
    optimum = found.optimum
    return ExactRecord(
        solver="exact",
        l2=found.l2,
        l1=l1,
        value=optimum.value,
        gradient_norm=optimum.gradient_norm,
        gap=optimum.gap if np.isfinite(optimum.gap) else None,
        converged=optimum.converged,
        iterations=optimum.iterations,
        loss=found.loss,
        accuracy=found.accuracy,
    )
