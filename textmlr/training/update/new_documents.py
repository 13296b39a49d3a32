"""New documents of an update, in the rows and labels that old and new have together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textmlr.base.errors import InputError
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.label_sets import recoded
from textmlr.corpus.reading import recode
from textmlr.features.extension import Extension, extend
from textmlr.model.model import Model
from textmlr.training.objective import Objective
from textmlr.training.rows import document_weights
from textmlr.training.training_events import Stage, Watch


@dataclass(frozen=True, slots=True, eq=False)
class NewDocuments:
    """The new documents.

    labels     L names, old and new, sorted
    grown      the model's features, as they have grown by the new ones
    objective  f(x) of the new documents and their labels
    """

    labels: list[str]
    grown: Extension
    objective: Objective

    @classmethod
    def of(cls, model: Model, corpus: Corpus, threads: int, tell: Watch) -> NewDocuments:
        """The documents of a corpus, by which a model is updated.  Raises InputError for none."""
        if not len(corpus):
            raise InputError("there are no documents to train on", mend="give at least one")
        labels = sorted({*model.labels, *corpus.labels})
        weights = document_weights(corpus, None)
        tell(Stage("features", len(corpus), len(labels), several=corpus.is_multilabel))
        grown = extend(model.featurizer, model.parts.columns, labels, corpus.batches, threads)
        head = model.parts.head
        y = head.targets(recode(corpus, labels)[0])
        unit_from = _unit_from(grown)
        rows = grown.features
        return cls(labels, grown, Objective(rows, y, weights, len(labels), 0.0, unit_from, head))

    def judges(self, validation: Corpus, threads: int) -> Objective:
        """Documents to compare answers to; a label that neither model knows has the code L."""
        grown, labels, head = self.grown, self.labels, self.objective.head
        rows = grown.featurizer.featurize(validation.batches, threads)
        if grown.columns is not None:
            rows = grown.columns.renumber(rows, threads)
        code_of = {label: code for code, label in enumerate(labels)}
        codes = np.array([code_of.get(label, len(labels)) for label in validation.labels], np.int32)
        y, weights = recoded(head.targets(validation.y), codes), document_weights(validation, None)
        return Objective(rows, y, weights, len(labels), 0.0, self.objective.unit_from, head)


def _unit_from(grown: Extension) -> int | None:
    """``Objective.unit_from`` of rows in all columns of a vocabulary."""
    options = grown.featurizer.options
    if options.norm == "l2" and options.hash_bits is None and grown.columns is None:
        return int(options.bias)
    return None
