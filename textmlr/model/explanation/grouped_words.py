"""The words of a document, each once: tokens that are the same word, and their shares together."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from textmlr.features.names import is_phrase
from textmlr.model.explanation.explanation import Explanation
from textmlr.model.explanation.reasons import GroupedWord, Word


def group_words(words: tuple[Word, ...], tokens: NDArray[np.uint64]) -> tuple[GroupedWord, ...]:
    """Group tokens that are the same word, by falling margin, ties by first occurrence.

    tokens  (t,) uint64   the hash of each word; those of the same word are equal
    A word is shown in the form that it has most often, ties in the first of these.
    """
    _, first, group = np.unique(tokens, return_index=True, return_inverse=True)
    shares = np.array([(word.contribution, word.margin) for word in words]).reshape(-1, 2)
    contributions, margins = (
        np.bincount(group, column, minlength=len(first)) for column in shares.T
    )
    members: list[list[Word]] = [[] for _ in first]
    for word, own in zip(words, group.tolist(), strict=True):
        members[own].append(word)
    order = np.lexsort((first, -margins))
    return tuple(
        GroupedWord(
            Counter(word.text for word in members[i]).most_common(1)[0][0],
            len(members[i]),
            float(contributions[i]),
            float(margins[i]),
            tuple((word.start, word.stop) for word in members[i]),
        )
        for i in order.tolist()
    )


def phrases_of(explanation: Explanation, word: GroupedWord) -> list[tuple[str, float]]:
    """The n-grams of several words that the word is in, each with the word's share of its
    margin, the largest amounts first."""
    starts = [start for start, _ in word.spans]
    token_starts = [token.start for token in explanation.words]
    found = []
    for feature in explanation.features:
        if not is_phrase(feature.names[0]):
            continue
        share = 0.0
        for start, stop in feature.spans:
            inside = bisect_left(starts, stop) - bisect_left(starts, start)
            if inside:
                covered = bisect_left(token_starts, stop) - (bisect_right(token_starts, start) - 1)
                share += inside * feature.margin / feature.count / covered
        if share:
            found.append((feature.names[0], share))
    return sorted(found, key=lambda one: -abs(one[1]))
