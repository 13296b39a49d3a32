"""train: a labelled corpus in, a Model out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.corpus import Corpus, recode
from textmlr.errors import InputError
from textmlr.features import Features, Featurizer
from textmlr.features.columns import Columns
from textmlr.features.featurizer import inverse_document_frequency
from textmlr.model import Model, versions
from textmlr.options import FeaturizerOptions, TrainingOptions
from textmlr.parallel import available_threads
from textmlr.training import (
    ExactFit,
    Fit,
    Objective,
    Penalty,
    Progress,
    Step,
    fit,
    fit_exact,
    most_epochs,
)


@dataclass(frozen=True, slots=True)
class Stage:
    """Training enters a stage: "features" (with what is read) or "fit" (with the rows made).

    epochs    how many "fit" will run at most, 0 where that is not known
    """

    name: str
    documents: int
    labels: int
    columns: int = 0
    nonzeros: int = 0
    epochs: int = 0


Event = Stage | Progress | Step | Penalty
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

    validation  documents to choose by, in place of a held-out part
    threads     None: one a processor.  Their number changes no bit of the model
    watch       called with a Stage, and with a Progress, or a Step and a Penalty of the exact
                solver, as training goes
    Raises InputError if the corpus cannot be learnt from.
    """
    options = (training_options or TrainingOptions()).decided()
    exact = options.solver == "exact"
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
    wanted = featurizer_options or FeaturizerOptions()
    featurizer = Featurizer(wanted if exact else _without_idf(wanted))
    features, columns, frequencies = _features(featurizer, corpus, threads)
    featurizer.labels = corpus.labels
    _check_memory(features.columns, len(corpus.labels), threads)
    idf = None
    if options.idf_power is not None or not featurizer.options.uses_idf:
        idf = inverse_document_frequency(frequencies, len(corpus))
    objective = _objective(features, corpus, corpus.labels, options)
    judge = None
    if validation is not None:
        rows = featurizer.featurize(validation.batches, threads)
        if columns is not None:
            rows = columns.renumber(rows, threads)
        judge = _objective(rows, validation, corpus.labels, options)
    made = features.columns, len(features.indices)
    epochs = 0 if exact else most_epochs(objective, idf, options)
    tell(Stage("fit", len(corpus), len(corpus.labels), *made, epochs))
    # Names are not needed before the file is.
    name = featurizer.name_features
    if exact:
        found = fit_exact(
            objective, options, validation=judge, threads=threads, watch=tell, beside=name
        )
        record = _record(corpus, features, options, _held_out(found, validation), _of_exact(found))
        return Model(corpus.labels, featurizer, [found.optimum.theta], record, columns)
    try:
        result = fit(
            objective, options, idf=idf, validation=judge, threads=threads, watch=tell,
            beside=name, overwrite=True,
        )  # fmt: skip
    except ArithmeticError as error:
        raise InputError(str(error), mend="lower the learning rate or the penalty") from error
    record = _record(corpus, features, options, _held_out(result, validation), _of_sgd(result))
    return Model(corpus.labels, featurizer, [result.theta], record, columns)


def _features(
    featurizer: Featurizer, corpus: Corpus, threads: int
) -> tuple[Features, Columns | None, NDArray[np.integer[Any]]]:
    """(f(x) of the documents, numbers of hashed columns, document frequency of each column)."""
    if featurizer.options.stateless:
        features = featurizer.fit_stateless(corpus.batches, threads)
    else:
        counts = featurizer.fit_counts(corpus.batches, threads, ordered=False)
        # No one needs the counts any more, so that the weights are written over them.
        features = featurizer.weigh(counts, counts.values, threads)
    if featurizer.vocabulary is None:
        columns, frequencies = Columns.of(features, threads)
        return columns.renumber(features, threads), columns, frequencies
    always = np.full(int(featurizer.options.bias), len(corpus))
    return features, None, np.concatenate([always, featurizer.vocabulary.frequencies])


def _without_idf(options: FeaturizerOptions) -> FeaturizerOptions:
    """The options with idf off unless it is asked for: training scales steps by it instead, in
    rows whose length is 1 before rare features are raised (a point of accuracy on some corpora),
    and the model's answers need no idf."""
    return replace(options, idf=False) if options.idf is None else options


def document_weights(corpus: Corpus, class_weight: str | None) -> NDArray[np.float32]:
    """(n,) float32: the corpus's own weights, times n/(L·n_ℓ) if "balanced"; mean 1.

    Source of "balanced": King and Zeng, Political Analysis 9(2), 2001, section 4.2.
    """
    n = len(corpus)
    weights = np.ones(n) if corpus.weights is None else corpus.weights.astype(np.float64)
    if class_weight == "balanced":
        per_label = np.bincount(corpus.y, weights, minlength=len(corpus.labels))
        weights = weights / np.maximum(per_label, np.finfo(np.float64).tiny)[corpus.y]
    total = weights.sum()
    if not total > 0:
        raise InputError(
            "every document has weight 0",
            place=", ".join(corpus.names) or None,
            mend="give some a positive weight",
        )
    scaled: NDArray[np.float32] = (weights * (n / total)).astype(np.float32)
    return scaled


def _objective(
    features: Features, corpus: Corpus, labels: list[str], options: TrainingOptions
) -> Objective:
    y, unknown = recode(corpus, labels)
    if unknown:
        raise InputError(
            f"label {next(iter(unknown))!r} is not in the training corpus",
            place=", ".join(corpus.names) or None,
            mend="leave its documents out of the validation file",
        )
    weights = document_weights(corpus, options.class_weight)
    return Objective(features, y, weights, len(labels), options.l2 or 0.0)


def _check_memory(columns: int, labels: int, threads: int) -> None:
    """Refuse θ that cannot fit before any of it is taken."""
    needed = 4 * columns * labels * (min(threads, 3) + 1)
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > available:
        raise InputError(
            f"{columns:,} features × {labels:,} labels need {needed / 2**30:.1f} GiB to train, "
            f"and this machine has {available / 2**30:.1f} GiB",
            mend="keep fewer features (--max-features, --min-df or --hash-bits)",
        )


def _record(
    corpus: Corpus,
    features: Features,
    options: TrainingOptions,
    held_out: dict[str, object],
    final: dict[str, object],
) -> dict[str, object]:
    """What the model file says of its training; nothing that differs from run to run."""
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
        "held_out": held_out,
        "final": final,
    }


def _held_out(result: Fit | ExactFit, validation: Corpus | None) -> dict[str, object]:
    judged = result.judged
    return {
        "documents": result.held_out,
        "from": "validation" if validation is not None else "corpus",
        "loss": judged.loss if judged else None,
        "accuracy": judged.accuracy if judged else None,
        "trials": [asdict(trial) for trial in result.trials],
    }


def _of_sgd(result: Fit) -> dict[str, object]:
    return {
        "solver": "sgd",
        "idf_power": result.idf_power,
        "factor": result.factor,
        "learning_rate": result.learning_rate,
        "epochs": result.epochs,
        "loss": result.loss,
        "accuracy": result.accuracy,
        "halvings": result.halvings,
    }


def _of_exact(result: ExactFit) -> dict[str, object]:
    optimum = result.optimum
    return {
        "solver": "exact",
        "l2": result.l2,
        "value": optimum.value,
        "gradient_norm": optimum.gradient_norm,
        "gap": optimum.gap if np.isfinite(optimum.gap) else None,
        "converged": optimum.converged,
        "iterations": optimum.iterations,
        "loss": result.loss,
        "accuracy": result.accuracy,
    }
