"""update of a model with a sparse θ: the new model, and its answers beside those of the old one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.update_options import UpdateOptions
from textmlr.corpus.corpus import Corpus
from textmlr.model.chosen_answerer import answerer_of
from textmlr.model.model import Model
from textmlr.model.model_parts import ModelParts, UpdateState
from textmlr.model.postings import Postings
from textmlr.model.postings_answering import PostingsAnswerer
from textmlr.model.postings_file.settled_parts import settled
from textmlr.model.support_record import SupportRecord
from textmlr.training.held_out import hold_out
from textmlr.training.objective import Objective
from textmlr.training.training_events import Stage, Watch
from textmlr.training.update.forgetting import answers_before_and_after, ranked_before_and_after
from textmlr.training.update.grown_postings import grown_postings, known_labels
from textmlr.training.update.new_documents import NewDocuments
from textmlr.training.update.old_model import grown_thresholds, label_totals
from textmlr.training.update.sparse_update import SparseLearner
from textmlr.training.update.updated_record import Recurrence, updated_record
from textmlr.training.update.zero_update import ZeroLearner

Json = dict[str, Any]
MOST_P = 1 << 24  # of documents of label sets, before and after


def update_sparse(
    model: Model,
    corpus: Corpus,
    options: UpdateOptions,
    frequencies: NDArray[np.int64],
    validation: Corpus | None,
    threads: int,
    tell: Watch,
) -> Model:
    """``update_model`` of a model with a sparse θ.

    frequencies  (R,) old documents that each row of its θ occurs in
    """
    new = NewDocuments.of(model, corpus, threads, tell)
    objective = new.objective
    learner = _learner(model, new, frequencies, options.seed)
    size = len(objective.y), objective.labels, objective.columns, objective.nonzeros
    tell(Stage("fit", *size, learner.epochs, 16 * objective.nonzeros, sparse=True))
    comparison, compared = _Comparison(model, new, frequencies), None
    if validation is None and options.holdout:
        held = hold_out(objective, options.holdout, options.seed)
        if held is not None:
            rest = np.setdiff1d(np.arange(len(objective.y)), held, assume_unique=True)
            learnt = objective.take(rest)
            postings = learner.learn(learnt, threads, tell)
            compared = comparison.of(postings, learnt, objective.take(held), "corpus")
            del postings, learnt
    postings = learner.learn(objective, threads, tell)
    known = Recurrence.of(model, corpus, validation, threads)
    if validation is not None:
        judges = new.judges(validation, threads)
        compared = comparison.of(postings, objective, judges, "validation")
        overlap = known.validation
        compared["overlap"] = None if overlap is None else overlap.as_json()
    record = updated_record(model, corpus, new.grown, new.labels, options, compared, known)
    assert isinstance(record.final, SupportRecord)
    sketch = known.sketch
    parts = replace(
        model.parts,
        labels=new.labels,
        featurizer=new.grown.featurizer,
        columns=new.grown.columns,
        postings=postings,
        record=replace(record, final=replace(record.final, weights=len(postings))),
        thresholds=grown_thresholds(model, known_labels(model, new.labels)),
        update_state=UpdateState((), None if sketch is None else sketch.beside(len(postings) // 2)),
    )
    return Model.of(settled(parts))


def _learner(
    model: Model, new: NewDocuments, frequencies: NDArray[np.int64], seed: int
) -> SparseLearner | ZeroLearner:
    """The learner of a model whose θ follows from sums, or started from zero.

    Raises InputError for a compressed model, which has lost weights, and for one whose record does
    not say how θ was found.
    """
    final, compressed = model.record.final, model.record.compressed is not None
    if compressed or not isinstance(final, SupportRecord):
        raise InputError(
            "the model does not say which sums its weights are made of",
            mend="update the model that it was compressed from"
            if compressed
            else "train a model on all documents (textmlr train)",
        )
    if not final.attraction:
        return ZeroLearner.of(model, new, frequencies)
    return SparseLearner.of(model, new, frequencies, seed)


@dataclass(frozen=True, slots=True, eq=False)
class _Comparison:
    """The old model, and the features and labels it has grown to."""

    model: Model
    new: NewDocuments
    frequencies: NDArray[np.int64]

    def of(self, postings: Postings, learnt: Objective, judges: Objective, origin: str) -> Json:
        """The answers to documents before, and after an update to these postings by others.  Of
        label sets as many documents are asked as P of all labels have room in memory."""
        labels, parts, grown = self.new.labels, self.model.parts, self.new.grown
        theta = parts.postings
        assert theta is not None
        code_of = {label: code for code, label in enumerate(parts.labels)}
        old_codes = np.array([code_of.get(label, -1) for label in labels], np.int64)
        seen = np.zeros(postings.rows_number, np.int32)
        seen[: len(self.frequencies)] = self.frequencies > 0
        parts = replace(parts, featurizer=grown.featurizer, columns=grown.columns)
        alike = np.ones(len(parts.labels), np.bool_)
        old = replace(parts, postings=grown_postings(theta, len(seen), alike))
        before = judges.as_new(seen)
        seen += learnt.documents_of()
        corpus = parts.record.corpus
        if corpus is not None:
            totals = label_totals(self.model, labels) + learnt.label_weights
            corpus = replace(corpus, weight_per_label=tuple(totals.tolist()))
        record = replace(parts.record, corpus=corpus)
        own = replace(parts, labels=labels, postings=postings, record=record)
        after, known = judges.as_new(seen), old_codes >= 0
        if judges.head.has_sets:
            return self._of_sets((old, own), (before, after), known, origin)
        codes = np.append(old_codes, -1)[judges.codes], judges.codes
        ranked = [
            _answerer(one).ranked_rows(rows.features, 1, code)
            for one, rows, code in zip((old, own), (before, after), codes, strict=True)
        ]
        return ranked_before_and_after(labels, known, ranked[0], ranked[1], judges.weights, origin)

    def _of_sets(
        self,
        models: tuple[ModelParts, ModelParts],
        documents: tuple[Objective, Objective],
        known: NDArray[np.bool_],
        origin: str,
    ) -> Json:
        """``of`` where documents have sets of labels."""
        counts = np.flatnonzero(documents[0].weights > 0)[: max(MOST_P // len(known), 1)]
        rows = [own.take(counts) for own in documents]
        was, now = np.zeros((2, len(counts), len(known) + 1))
        was[:, :-1][:, known] = _answerer(models[0]).answer_rows(rows[0].features).probabilities
        now[:, :-1] = _answerer(models[1]).answer_rows(rows[1].features).probabilities
        thresholds = grown_thresholds(self.model, known)
        own = self.new.labels, known, thresholds, rows[1], (was, now)
        return answers_before_and_after(*own, origin)


def _answerer(parts: ModelParts) -> PostingsAnswerer:
    answerer = answerer_of(parts)
    assert isinstance(answerer, PostingsAnswerer)
    return answerer
