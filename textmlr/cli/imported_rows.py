"""Rows of a screen that say what a model of fastText holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textmlr.model.model import Model

_LOSSES = {
    "softmax": "softmax",
    "hs": "hierarchical softmax: a tree of the labels",
    "ova": "one-vs-all: each label has a probability by itself",
    "ns": "negative sampling: each label has a probability by itself",
}


def imported_rows(model: Model) -> list[tuple[str, str]]:
    """Its features, weights and loss; none of a model of textmlr's own."""
    from textmlr.features.fasttext_featurizer import FastTextFeaturizer

    own, parts = model.featurizer, model.parts
    if parts.fasttext is None or not isinstance(own, FastTextFeaturizer):
        return []
    dictionary = own.dictionary
    ngrams = [f"words 1-{dictionary.ngrams}"] if dictionary.ngrams > 1 else ["words"]
    if dictionary.most:
        ngrams.append(f"characters {max(dictionary.least, 1)}-{dictionary.most}")
    kinds = f"{dictionary.words:,} words, {own.columns - dictionary.words:,} n-grams in buckets"
    weights = "float32"
    if parts.fasttext.quantised is not None:
        weights = f"quantised, {parts.fasttext.quantised.width} numbers a code"
    return [
        ("features", f"{kinds}: {' + '.join(ngrams)}"),
        ("weights", f"{weights}; {parts.layers[0].shape[1]:,} hidden units"),
        ("loss", _LOSSES[parts.fasttext.loss]),
    ]
