"""Texts in memory with their labels and weights, as a Corpus has them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.printable import plural
from textmlr.corpus.batch import Batch
from textmlr.corpus.containers import Labels, Texts, Weights
from textmlr.corpus.in_memory import batches_of
from textmlr.corpus.label_lists import read_labels
from textmlr.corpus.label_rule import LabelRule
from textmlr.corpus.label_sets import LabelSets, Targets
from textmlr.corpus.labels import check_weights
from textmlr.corpus.notes import sets_chosen, several_labels


class LabelledTexts(NamedTuple):
    """Texts, their labels as codes into sorted names, and their weights; notes for the user."""

    batches: list[Batch]
    y: Targets
    labels: list[str]
    weights: NDArray[np.float32] | None
    notes: list[str]


def labelled_texts(
    texts: Texts, labels: Labels, weights: Weights | None, rule: LabelRule
) -> LabelledTexts:
    """Texts, labels and weights, in whatever holds them, as many of each.

    Raises InputError, naming the position, for what is missing or of another type.
    """
    batches = batches_of(texts)
    y, names, _, several = read_labels(labels, rule)
    notes = [several_labels(several)] if several else []
    if rule == LabelRule(None) and isinstance(y, LabelSets):
        notes = [sets_chosen(y)]
    own = None if weights is None else check_weights(weights)
    documents = sum(map(len, batches))
    for what, number in (("label", len(y)), ("weight", documents if own is None else len(own))):
        if number != documents:
            raise InputError(
                f"{plural(number, what)} for {plural(documents, 'document')}",
                mend="give one a document",
            )
    return LabelledTexts(batches, y, names, own, notes)
