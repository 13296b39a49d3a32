"""train: a labelled corpus in, a Model out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from textmlr.choosing import Candidate, choose
from textmlr.corpus import Corpus
from textmlr.errors import InputError
from textmlr.features import Features
from textmlr.model import Model, versions
from textmlr.options import FeaturizerOptions, TrainingOptions
from textmlr.parallel import available_threads
from textmlr.rows import Rows
from textmlr.training import Fit, Progress, fit, most_epochs


@dataclass(frozen=True, slots=True)
class Stage:
    """Training enters a stage: "features" (with what is read) or "fit" (with the rows made).

    epochs    how many "fit" will run at most
    """

    name: str
    documents: int
    labels: int
    columns: int = 0
    nonzeros: int = 0
    epochs: int = 0


Event = Stage | Candidate | Progress
Watch = Callable[[Event], None]


def train(
    corpus: Corpus,
    featurizer_options: FeaturizerOptions | None = None,
    training_options: TrainingOptions | None = None,
    *,
    validation: Corpus | None = None,
    threads: int | None = None,
    watch: Watch | None = None,
) -> Model:
    """Learn a Model from labelled documents.

    validation  documents to choose step size and epochs by, in place of a held-out part
    threads     None: one a processor.  Their number changes no bit of the model
    watch       called with a Stage, a Candidate or a Progress as training goes
    Raises InputError if the corpus cannot be learnt from.
    """
    options = training_options or TrainingOptions()
    threads = threads or available_threads()

    def tell(event: Event) -> None:
        if watch is not None:
            watch(event)

    if len(corpus.labels) < 2:
        only = f", {corpus.labels[0]!r}" if corpus.labels else ""
        raise InputError(
            f"the corpus has {len(corpus.labels)} label{only}",
            place=", ".join(corpus.names) or None,
            mend="give documents of two labels at least",
        )
    tell(Stage("features", len(corpus), len(corpus.labels)))
    try:
        chosen, candidates, rows = choose(
            corpus, featurizer_options or FeaturizerOptions(), options,
            validation=validation, threads=threads, watch=tell,
        )  # fmt: skip
        if rows is None:
            rows = Rows.of(corpus, chosen, options, threads)
        objective, features = rows.objective, rows.objective.features
        judge = None if validation is None else rows.judge(validation, options, threads)
        made = features.columns, len(features.indices)
        most = most_epochs(objective, rows.idf, options)
        tell(Stage("fit", len(corpus), len(corpus.labels), *made, most))
        # Names are not needed before the file is.
        result = fit(
            objective, options, idf=rows.idf, validation=judge, threads=threads, watch=tell,
            beside=rows.featurizer.name_features, overwrite=True,
        )  # fmt: skip
    except ArithmeticError as error:
        raise InputError(str(error), mend="lower the learning rate or the penalty") from error
    record = _record(corpus, features, candidates, options, result, validation)
    calibration = result.calibration.absorbed()
    return Model(
        corpus.labels, rows.featurizer, [result.theta], record, rows.columns, calibration
    )  # fmt: skip


def _record(
    corpus: Corpus,
    features: Features,
    candidates: list[Candidate],
    options: TrainingOptions,
    result: Fit,
    validation: Corpus | None,
) -> dict[str, object]:
    """What the model file says of its training; nothing that differs from run to run."""
    judged = result.judged
    return {
        "versions": versions(),
        "options": asdict(options),
        "corpus": {
            "files": [os.path.basename(name) for name in corpus.names],
            "documents": len(corpus),
            "skipped": corpus.skipped,
            "nonzeros": len(features.indices),
            "invalid_utf8": features.invalid,
            "weighted": corpus.weights is not None,
            "per_label": np.bincount(corpus.y, minlength=len(corpus.labels)).tolist(),
        },
        "ngrams": [asdict(candidate) for candidate in candidates],
        "held_out": {
            "documents": result.held_out,
            "folds": result.folds,
            "from": "validation" if validation is not None else "corpus",
            "loss": judged.loss if judged else None,
            "accuracy": judged.accuracy if judged else None,
            "trials": [asdict(trial) for trial in result.trials],
        },
        "final": {
            "idf_power": result.idf_power,
            "calibration": asdict(result.calibration),
            "learning_rate": result.learning_rate,
            "epochs": result.epochs,
            "loss": result.loss,
            "accuracy": result.accuracy,
            "halvings": result.halvings,
        },
    }
