"""The entries of a list by word, and what they add up from features.

A word has its own feature, and its part of each character n-gram that lies in it (``word_pieces``);
an n-gram of several words is an entry of its own, and so is a stretch of characters that stands
in many words.  Every feature is divided among entries whole, so that

    Σ over entries of contribution(entry, ℓ) = Σ over features of c(f, ℓ)

The weight of a word is what its first occurrence adds with all its pieces, before rows are scaled:
w(word, ℓ) + Σ w(piece, ℓ)·t, where t is 1, the count or 1 + ln count (``term_frequency``) of the
piece's places in the word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.featurizer_options import TermFrequency
from textmlr.base.ngram_lengths import CHAR_PREFIX
from textmlr.model.explanation.named_features import CHARACTERS, NamedFeatures
from textmlr.model.explanation.word_pieces import WordPieces

Numbers = NDArray[np.int64]
Reals = NDArray[np.float64]
WORDS_TOLD = 8  # words that a stretch stands for, the most frequent first


@dataclass(frozen=True, slots=True)
class TopWord:
    """A word, several words, or a stretch of characters, and its figures for one label.

    text          "horror"; "not good"; "docu…", "…ment" or "…cum…" for a stretch that stands in
                  many words
    weight        nats that its first occurrence adds, with all its pieces, before rows are scaled
    contribution  nats that it added in all over the training corpus; None where the model does not
                  know what its corpus held
    spread        nats by which what it adds differs from document to document; None as above
    documents     of the training corpus that have it
    others        with hashing: other n-grams in its own column, see Feature
    words         the words that a stretch stands for, the most frequent first, at most 8
    """

    text: str
    weight: float
    contribution: float | None
    spread: float | None
    documents: int
    others: int
    words: list[str]

    @property
    def adds(self) -> float | None:
        """The nats that it adds on average to a document that has it."""
        return None if self.contribution is None else self.contribution / max(self.documents, 1)


@dataclass(frozen=True, slots=True, eq=False)
class WordEntries:
    """The e entries of all named features.

    feature (e,) int64    of a word or of several words; −1 for a stretch
    stretches             the stretches' characters, those of the last entries
    documents (e,) int64
    parts   (entry, feature, share) each (p,): how contributions are divided
    pieces  (entry, feature, value) each (q,): the features of one occurrence of the entry
    places  (entry, word) each (r,): the words that have a stretch
    """

    named: NamedFeatures
    feature: Numbers
    stretches: list[str]
    documents: Numbers
    parts: tuple[Numbers, Numbers, Reals]
    pieces: tuple[Numbers, Numbers, Reals]
    places: tuple[Numbers, Numbers]

    @classmethod
    def of(cls, named: NamedFeatures, counted: TermFrequency) -> WordEntries:
        """The entries of a model's features;  counted  how it values counts."""
        kinds = named.kinds()
        found = WordPieces.of(named, kinds)
        own = np.flatnonzero(kinds != CHARACTERS)
        entry_of = np.full(len(kinds), -1)
        entry_of[own] = np.arange(len(own))
        shared = ~found.many[found.piece]
        # Pieces that stand for many words, or for none that is known, by their stretch.
        at, stretch = found.stretches()
        text_of = dict(zip(found.piece[at].tolist(), stretch, strict=True))
        lone = np.flatnonzero(found.many)
        texts = [text_of.get(i) or named.name(i).removeprefix(CHAR_PREFIX) for i in lone.tolist()]
        number: dict[str, int] = {}
        group = np.array([number.setdefault(text, len(number)) for text in texts], np.int64)
        group += len(own)
        entry_of[lone] = group
        documents = np.zeros(len(own) + len(number), np.int64)
        documents[: len(own)] = named.documents[own]
        np.maximum.at(documents, group, named.documents[lone].astype(np.int64))
        whole = np.concatenate([own, lone])
        return cls(
            named,
            np.concatenate([own, np.full(len(number), -1)]),
            list(number),
            documents,
            (
                np.concatenate([entry_of[whole], entry_of[found.word[shared]]]),
                np.concatenate([whole, found.piece[shared]]),
                np.concatenate([np.ones(len(whole)), found.share[shared]]),
            ),
            _once(
                np.concatenate([entry_of[whole], entry_of[found.word]]),
                np.concatenate([whole, found.piece]),
                counted,
            ),
            (entry_of[found.piece[at]], found.word[at]),
        )

    def __len__(self) -> int:
        return len(self.feature)

    def contributions(self, contributions: Reals) -> Reals:
        """Those of the entries, (e,), by those of the features, (m,)."""
        entry, feature, share = self.parts
        return _sums(entry, share * contributions[feature], len(self))

    def weights(self, weights: Reals) -> Reals:
        """Those of the entries, (e,), by those of the features, (m,)."""
        entry, feature, value = self.pieces
        return _sums(entry, value * weights[feature], len(self))

    def word(self, i: int, figures: tuple[float, float | None, float | None]) -> TopWord:
        """Entry i with its weight, contribution and spread."""
        feature = int(self.feature[i])
        if feature >= 0:
            text, others = self.named.name(feature), int(self.named.others[feature])
            return TopWord(text, *figures, int(self.documents[i]), others, [])
        text = self.stretches[i - len(self) + len(self.stretches)]
        return TopWord(shown_stretch(text), *figures, int(self.documents[i]), 0, self._words_of(i))

    def _words_of(self, i: int) -> list[str]:
        """The words that have stretch i, the most frequent first."""
        entry, word = self.places
        own = np.unique(word[entry == i])
        order = np.argsort(-self.named.documents[own], kind="stable")[:WORDS_TOLD]
        return [self.named.name(feature) for feature in own[order].tolist()]


def _sums(entry: Numbers, amounts: Reals, entries: int) -> Reals:
    """The sum of the amounts of each entry, (entries,)."""
    return np.bincount(entry, amounts, minlength=entries).astype(np.float64, copy=False)


def _once(
    entry: Numbers, feature: Numbers, counted: TermFrequency
) -> tuple[Numbers, Numbers, Reals]:
    """Each pair of entry and feature once, and the value of its count."""
    if counted == "raw":
        return entry, feature, np.ones(len(entry))
    width = int(feature.max(initial=0)) + 1
    pairs, counts = np.unique(entry * width + feature, return_counts=True)
    values = 1 + np.log(counts) if counted == "log" else np.ones(len(pairs))
    return pairs // width, pairs % width, values


def shown_stretch(text: str) -> str:
    """A stretch of characters to be read: with … where words go on."""
    before, behind = text.startswith(" "), text.endswith(" ") and len(text) > 1
    return ("" if before else "…") + text.strip(" ") + ("" if behind else "…")


def spreads(contributions: Reals, documents: NDArray[np.integer[Any]], corpus: int) -> Reals:
    """Standard deviation over a corpus's documents of what a feature adds to the score, nats, with
    the sign of what it adds: a share p of documents has it, and it adds c/df to each of them, so

        spread = c/df · √(p·(1 − p)),   p = df/n

    contributions (m,) float64   c, over the corpus;  documents (m,)  df;  corpus  n
    """
    p = np.minimum(documents / max(corpus, 1), 1.0)
    mean = contributions / np.maximum(documents, 1)
    found: Reals = mean * np.sqrt(p * (1 - p))
    return found
