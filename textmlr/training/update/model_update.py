"""update: more documents, and new labels, on top of a Model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import MODEL_MEND, check_callable, check_kind, check_threads
from textmlr.base.errors import InputError
from textmlr.base.threads import chosen_threads
from textmlr.base.update_options import UpdateOptions
from textmlr.corpus.corpus import Corpus, check_corpus
from textmlr.corpus.duplicates import Sketch
from textmlr.features.extension import Extension, row_frequencies
from textmlr.model.fasttext.fasttext_parts import refuse_fasttext
from textmlr.model.model import Model
from textmlr.model.model_facts import kept_of
from textmlr.model.model_parts import UpdateState
from textmlr.model.record import ExactRecord, Record
from textmlr.training.held_out import hold_out
from textmlr.training.objective import Objective
from textmlr.training.stage_lines import logged
from textmlr.training.training_events import Stage, Watch
from textmlr.training.update.forgetting import before_and_after
from textmlr.training.update.learner import Learner, UpdatedLayers
from textmlr.training.update.linear_update import LinearLearner
from textmlr.training.update.network_update import NetworkLearner, check_squares
from textmlr.training.update.new_documents import NewDocuments
from textmlr.training.update.old_model import OldModel
from textmlr.training.update.sparse_model_update import update_sparse
from textmlr.training.update.updated_record import Recurrence, updated_record

Json = dict[str, Any]


def update_model(
    model: Model,
    corpus: Corpus,
    options: UpdateOptions | None = None,
    *,
    validation: Corpus | None = None,
    threads: int | None = None,
    watch: Watch | None = None,
) -> Model:
    """A model of the old documents and the corpus's, made from the old model and the corpus alone.

    Labels and features that the model lacks are added.  Old features keep their idf, new n-grams
    have to be in min_df of the new documents, and the calibration stays, as do the thresholds of
    labels; a new label gets their median.  The time it takes grows with the new documents and the
    size of θ.

    validation  documents to compare the answers on before and after, in place of a held-out part
    threads     None: one a processor.  Their number changes no bit of the model
    watch       called with a Stage, a SolverStep of the solver or a Progress of SGD, as it goes
    The comparison is in the last of the new model's record.updates.
    Raises InputError if no document of the corpus counts, or the model cannot be updated.
    """
    check_kind("model", model, Model, MODEL_MEND)
    check_corpus("corpus", corpus)
    check_corpus("validation", validation, optional=True)
    check_kind("options", options, UpdateOptions, optional=True)
    check_threads(threads)
    check_callable("watch", watch)
    mend = "train a model on all documents (textmlr train)"
    refuse_fasttext(model.parts.storage, "cannot be updated", mend)
    options = options or UpdateOptions()
    threads, tell = chosen_threads(threads), logged(watch)
    frequencies = _frequencies(model)
    if model.parts.is_sparse:
        return update_sparse(model, corpus, options, frequencies, validation, threads, tell)
    check_squares(model)
    documents = NewDocuments.of(model, corpus, threads, tell)
    labels, grown, new = documents.labels, documents.grown, documents.objective
    tell(_stage(model, new))
    old = OldModel.of(model, grown, labels, frequencies, new)
    kind = LinearLearner if len(model.parts.layers) == 1 else NetworkLearner
    learner: Learner = kind.of(model, grown, old, new)
    compared = None
    if validation is None and options.holdout:
        compared = _held_out(learner, old, new, options, threads, tell)
    updated = learner.learn(new, threads, tell)
    if validation is not None:
        judge = documents.judges(validation, threads)
        compared = before_and_after(old, judge, judge, updated.layers, new, "validation")
    known = Recurrence.of(model, corpus, validation, threads)
    if compared is not None and validation is not None:
        overlap = known.validation
        compared["overlap"] = None if overlap is None else overlap.as_json()
    record = updated_record(model, corpus, grown, labels, options, compared, known)
    size = sum(layer.nbytes for layer in updated.layers)
    trained_on = None if known.sketch is None else known.sketch.beside(size)
    return _model(model, grown, old, updated, record, trained_on)


def _frequencies(model: Model) -> NDArray[np.int64]:
    """Old documents that each row of θ occurs in.  Raises InputError where that is not known."""
    frequencies = row_frequencies(model.featurizer, model.parts.columns)
    if frequencies is None:
        raise InputError(
            "the model does not say how many documents its hashed columns are of",
            mend="update the model that it was compressed from"
            if model.record.compressed is not None
            else "train it again, with this version of textmlr",
        )
    return frequencies


def _stage(model: Model, new: Objective) -> Stage:
    """The rows of the new documents are made."""
    columns = new.features.columns
    width = model.parts.layers[0].shape[1] if len(model.parts.layers) > 1 else new.labels
    return Stage(
        "fit",
        len(new.y),
        new.labels,
        columns,
        len(new.features.indices),
        bytes=4 * columns * width,
        several=new.head.has_sets,
    )


def _held_out(
    learner: Learner,
    old: OldModel,
    new: Objective,
    options: UpdateOptions,
    threads: int,
    watch: Watch,
) -> Json | None:
    """The answers to some of the new documents before and after an update by the others; None where
    they are too few."""
    held = hold_out(new, options.holdout, options.seed)
    if held is None:
        return None
    rest = new.take(np.setdiff1d(np.arange(len(new.y)), held, assume_unique=True))
    seen = rest.documents_of() + (old.frequencies > 0)
    updated = learner.learn(rest, threads, watch)
    judge = new.take(held)
    after = judge.as_new(seen.astype(np.int32))
    return before_and_after(old, judge, after, updated.layers, rest, "corpus")


def _model(
    model: Model,
    grown: Extension,
    old: OldModel,
    updated: UpdatedLayers,
    record: Record,
    trained_on: Sketch | None,
) -> Model:
    """The new model; the record of a sparse one says how much of θ is not 0."""
    new = Model(
        old.labels,
        grown.featurizer,
        updated.layers,
        record,
        grown.columns,
        old.new_calibration,
        activation=model.parts.activation,
        update_state=UpdateState(updated.squares, trained_on),
        head=model.parts.head,
        thresholds=old.thresholds,
    )
    if isinstance(record.final, ExactRecord) and record.final.features_kept is not None:
        new.record = record.with_kept(kept_of(new.parts))
    return new
