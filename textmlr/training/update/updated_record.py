"""The record of an updated model, and the documents that recur in it."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from typing import Any, NamedTuple

from textmlr.base.update_options import UpdateOptions
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.duplicates import Sketch, duplicates_of
from textmlr.corpus.label_sets import label_counts
from textmlr.corpus.reading import recode
from textmlr.corpus.taken_columns import together
from textmlr.features.extension import Extension
from textmlr.model.model import Model
from textmlr.model.record import (
    CorpusRecord,
    DuplicatesRecord,
    OverlapRecord,
    Record,
    TakenRecord,
    UpdateRecord,
    VersionsRecord,
)
from textmlr.training.rows import document_weights
from textmlr.training.update.old_model import label_totals

Json = dict[str, Any]


class Recurrence(NamedTuple):
    """Documents that stand more than once.

    sketch      of old documents and new; None where the model has none of the old: one of the new
                alone would mislead
    duplicates  within the new documents
    overlap     of the new with the old
    validation  of those that judge with both
    """

    sketch: Sketch | None
    duplicates: DuplicatesRecord
    overlap: OverlapRecord | None
    validation: OverlapRecord | None

    @classmethod
    def of(
        cls, model: Model, corpus: Corpus, validation: Corpus | None, threads: int
    ) -> Recurrence:
        """Compare the documents of a model, a corpus and those that judge."""
        duplicates, before = duplicates_of(corpus, threads), model.parts.update_state.trained_on
        after = None if before is None else before.joined(duplicates.sketch)

        def overlap(sketch: Sketch | None, documents: Corpus | None) -> OverlapRecord | None:
            if sketch is None or documents is None:
                return None
            return OverlapRecord(**asdict(sketch.overlap(documents.batches, threads)))

        own = DuplicatesRecord(**duplicates.summary(corpus))
        return cls(after, own, overlap(before, corpus), overlap(after, validation))


def updated_record(
    model: Model,
    corpus: Corpus,
    grown: Extension,
    labels: list[str],
    options: UpdateOptions,
    compared: Json | None,
    recurrence: Recurrence,
) -> Record:
    """The old record, its corpus now both, and one update more."""
    files = tuple(os.path.basename(name) for name in corpus.names)
    known = set(model.labels)
    update = UpdateRecord(
        files=files,
        documents=len(corpus),
        skipped=corpus.skipped,
        invalid_utf8=grown.features.invalid,
        new_labels=tuple(label for label in labels if label not in known),
        features=(model.parts.rows, grown.features.columns),
        options=asdict(options),
        compared=compared,
        doubles=recurrence.duplicates,
        overlap=recurrence.overlap,
    )
    return replace(
        model.record,
        corpus=_both(model, corpus, grown, labels, files),
        updates=(*model.record.updates, update),
        versions=VersionsRecord.now(),
    )


def _both(
    model: Model, corpus: Corpus, grown: Extension, labels: list[str], files: tuple[str, ...]
) -> CorpusRecord:
    """The old documents and the new as one corpus."""
    old = model.record.corpus or CorpusRecord(files=(), documents=0, per_label=())
    counts = dict.fromkeys(labels, 0)
    own = label_counts(corpus.y, len(corpus.labels)).astype(int).tolist()
    for names, numbers in ((model.labels, old.per_label), (corpus.labels, own)):
        for label, number in zip(names, numbers, strict=False):
            counts[label] += number
    totals = None
    if corpus.weights is not None or old.weight_per_label is not None:
        y, weights = recode(corpus, labels)[0], document_weights(corpus, None)
        sums = label_totals(model, labels) + label_counts(y, len(labels), weights)
        totals = tuple(sums.tolist())
    return replace(
        old,
        files=old.files + tuple(name for name in files if name not in old.files),
        documents=grown.featurizer.documents,
        skipped=(old.skipped or 0) + corpus.skipped,
        nonzeros=(old.nonzeros or 0) + len(grown.features.indices),
        invalid_utf8=(old.invalid_utf8 or 0) + grown.features.invalid,
        weighted=bool(old.weighted) or corpus.weights is not None,
        per_label=tuple(counts.values()),
        weight_per_label=totals,
        taken=tuple(map(TakenRecord.of, together(model.record.taken, corpus.taken))),
    )
