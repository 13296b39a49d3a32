"""What is in a model and how it was trained, in figures and in three lines."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base import tensor_file
from textmlr.base.printable import plain, plural
from textmlr.model.model_file import pack
from textmlr.model.model_parts import ModelParts

SHOWN_LABELS = 3
MOST_OF_A_NAME = 30  # characters
_USE = "use it: model.predict(texts); model.evaluate(data); model.explain(text); model.save(path)"


def info_of(parts: ModelParts) -> dict[str, Any]:
    """A model's labels, number of features, options and record, as JSON values; of a multi-label
    model also the least P of each label that is an answer, of a sparse θ its number of weights."""
    about = {
        "labels": list(parts.labels),
        "features": parts.featurizer.columns,
        "featurizer": parts.featurizer.options.as_json(),
        "storage": parts.storage.dtype,
        **parts.record.as_json(),
    }
    if parts.thresholds is not None:
        about["label_thresholds"] = parts.thresholds.tolist()
    if parts.postings is not None:
        about |= {"theta": "sparse", "weights": len(parts.postings)}
    found: dict[str, Any] = json.loads(json.dumps(about))  # lists, as in a model that was loaded
    return found


def used_rows(parts: ModelParts) -> NDArray[np.int64]:
    """Numbers of the rows of θ that are not all 0, and of the bias's, ascending."""
    if parts.postings is not None:
        rows = parts.postings.used
    else:
        rows = np.flatnonzero(parts.layers[0].any(axis=1))
    if parts.featurizer.options.bias:
        bias = 0 if parts.columns is None else parts.columns.find(np.zeros(1, np.int32))[0]
        rows = np.union1d(rows, bias)
    return rows


def kept_of(parts: ModelParts) -> dict[str, int]:
    """The numbers of "features" and "weights" that are not 0, the bias's row not counted."""
    return {
        "features": len(used_rows(parts)) - int(parts.featurizer.options.bias),
        "weights": weights_of(parts),
    }


def weights_of(parts: ModelParts) -> int:
    """How many weights are not 0; with a sparse θ, how often label and feature met."""
    if parts.postings is not None:
        return len(parts.postings)
    return sum(map(int, map(np.count_nonzero, parts.layers)))


def size_in_words(parts: ModelParts) -> str:
    """The size of a model: that of its file, or with a sparse θ the number of weights."""
    if parts.postings is not None:  # to write them would take seconds
        return plural(len(parts.postings), "weight") + " where label and feature met"
    size = tensor_file.size_of(*pack(parts))
    power = min(2, (len(str(size)) - 1) // 3)
    return f"{size / 1000**power:.1f} {' kM'[power]}B" if power else plural(size, "byte")


def in_three_lines(parts: ModelParts) -> str:
    """A model for those who look at one: labels, features, documents, size, how to use it."""
    labels, record = parts.labels, parts.record
    names = ", ".join(plain(label)[:MOST_OF_A_NAME] for label in labels[:SHOWN_LABELS])
    names = f"{plural(len(labels), 'label')}: {names}"
    if len(labels) > SHOWN_LABELS:
        names += f" and {len(labels) - SHOWN_LABELS:,} more"
    features = plural(parts.rows - int(parts.featurizer.options.bias), "feature")
    if len(parts.layers) > 1:
        features += (
            f", hidden units {' and '.join(str(layer.shape[1]) for layer in parts.layers[:-1])}"
        )
    documents = "documents not known"
    if record.corpus is not None:
        documents = f"trained on {plural(record.corpus.documents, 'document')}"
    kind = "Model" if parts.thresholds is None else "Multi-label model"
    return f"{kind} of {names}\n{features}; {documents}; {size_in_words(parts)}\n{_USE}"
