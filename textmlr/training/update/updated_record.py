"""The record of an updated model, and the sketch of its documents."""

from __future__ import annotations

import os
from copy import deepcopy
from dataclasses import asdict
from typing import Any

import numpy as np

from textmlr.corpus.corpus import Corpus
from textmlr.corpus.duplicates import Sketch, duplicates_of
from textmlr.corpus.reading import recode
from textmlr.features.extension import Extension
from textmlr.model.model import Model
from textmlr.training.rows import document_weights
from textmlr.training.update.old_model import label_totals

Json = dict[str, Any]


def updated_record(model: Model, corpus: Corpus, grown: Extension, labels: list[str]) -> Json:
    """The old record, its corpus now both, and one update more."""
    record = deepcopy(model.record)
    files = [os.path.basename(name) for name in corpus.names]
    counts = dict.fromkeys(labels, 0)
    old = record.get("corpus", {})
    for label, count in zip(model.labels, old.get("per_label", []), strict=False):
        counts[label] += count
    own = np.bincount(corpus.y, minlength=len(corpus.labels)).tolist()
    for label, count in zip(corpus.labels, own, strict=True):
        counts[label] += count
    features = grown.features
    weighted = {}
    if corpus.weights is not None or "weight_per_label" in old:
        y, weights = recode(corpus, labels)[0], document_weights(corpus, None)
        totals = label_totals(model, labels) + np.bincount(y, weights, len(labels))
        weighted = {"weight_per_label": totals.tolist()}
    record["corpus"] = old | {
        "files": old.get("files", [])
        + [name for name in files if name not in old.get("files", [])],
        "documents": grown.featurizer.documents,
        "skipped": old.get("skipped", 0) + corpus.skipped,
        "nonzeros": old.get("nonzeros", 0) + len(features.indices),
        "invalid_utf8": old.get("invalid_utf8", 0) + features.invalid,
        "weighted": bool(old.get("weighted")) or corpus.weights is not None,
        "per_label": list(counts.values()),
        **weighted,
    }
    rows = len(model.layers[0])
    record.setdefault("updates", []).append(
        {
            "files": files,
            "documents": len(corpus),
            "skipped": corpus.skipped,
            "invalid_utf8": features.invalid,
            "new_labels": [label for label in labels if label not in set(model.labels)],
            "features": [rows, features.columns],
        }
    )
    return record


def joined_sketch(
    model: Model, corpus: Corpus, validation: Corpus | None, record: Json, threads: int
) -> Sketch | None:
    """The sketch of old documents and new; the record's last update gets the duplicates.

    None where the model has no sketch of the old: one of the new alone would mislead.
    """
    last, before = record["updates"][-1], model.trained_on
    duplicates = duplicates_of(corpus, threads)
    after = None if before is None else before.joined(duplicates.sketch)

    def overlap(sketch: Sketch | None, documents: Corpus) -> Json | None:
        return None if sketch is None else asdict(sketch.overlap(documents.batches, threads))

    last |= {"doubles": duplicates.summary(corpus), "overlap": overlap(before, corpus)}
    if validation is not None:
        last["compared"]["overlap"] = overlap(after, validation)
    return after
