"""A sparse θ that starts from zero: where labels have many documents, SGD finds all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from textmlr.base.training_options import TrainingOptions
from textmlr.model.scoring import Mixed
from textmlr.training.dealt_parts import AnyObjective
from textmlr.training.objective import Objective
from textmlr.training.run_state import StateStore
from textmlr.training.sgd.fit import fit_runs
from textmlr.training.sgd.runs import ColumnFacts
from textmlr.training.sgd.trial_run import TrialResults, Watch
from textmlr.training.support.found_support import SupportFit
from textmlr.training.support.from_zero_runs import ZeroRuns
from textmlr.training.support.left_out import Scalars
from textmlr.training.support.share_calibration import Judged
from textmlr.training.support.support_choice import SupportChoice


def fit_from_zero(
    objective: AnyObjective,
    options: TrainingOptions,
    *,
    columns: ColumnFacts,
    validation: Objective | None = None,
    threads: int = 1,
    watch: Watch | None = None,
    beside: Callable[[], object] | None = None,
    states: StateStore | None = None,
    known: TrialResults | None = None,
) -> SupportFit:
    """Fit a sparse θ as ``sgd.fit`` fits a dense one: trials, calibration and final run are the
    same, and only the weights where label and feature met are there.

    The arguments are those of ``sgd.fit``.
    """
    runs = ZeroRuns(objective, ZeroRuns.decided(options), columns, watch, states)
    found = fit_runs(
        runs, validation=validation, threads=threads, beside=beside, overwrite=True, known=known
    )
    met = runs.met(runs.objective, np.arange(len(objective.y)))
    weights = replace(met.zeros(), theta=found.layers[0])
    calibration = found.calibration
    if not isinstance(calibration, Mixed):  # the factor is in θ
        calibration = Mixed(factor=calibration.factor)
    judged = found.judged
    return SupportFit(
        weights.postings(columns.bias),
        calibration.absorbed(),
        calibration,
        Scalars(0.0, 0.0, 0.0, 0.0, np.nan),
        SupportChoice(found.idf_power, 1.0, found.epochs),
        found.learning_rate,
        found.epochs,
        found.loss,
        found.accuracy,
        found.held_out,
        None if judged is None else Judged(judged.loss, judged.accuracy, judged.never_answered),
        found.folds,
        found.trials,
    )
