"""A vocabulary that was given by the names of its features, as ``feature_names`` gives them.

Each name is read as text: it becomes what the featurizer makes of it, lower-cased, in Unicode's
form, without stop words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from textmlr.base.feature_bounds import FeatureBounds
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.ngram_lengths import CHAR_PREFIX, MAX_NGRAM, names_characters
from textmlr.base.option_errors import OptionError, Sentence, literal, shown
from textmlr.base.string_blobs import blob_of, strings_of
from textmlr.corpus.in_memory import batches_of
from textmlr.features.counting import HashCounts
from textmlr.features.name_hashes import hashes_of
from textmlr.features.ngrams import HashedBlock, Hasher
from textmlr.features.vocabulary import HashTable, Vocabulary

Named = dict[int, tuple[str, int]]  # the number of a term: its name and hash


@lru_cache(maxsize=4)
def given_vocabulary(options: FeaturizerOptions) -> Vocabulary:
    """The features that options name, in that order, not yet counted.

    options  decided
    Raises OptionError for a term that these options make no feature, and for two that are one.
    """
    terms = options.vocabulary
    assert terms is not None
    characters = [i for i, term in enumerate(terms) if names_characters(term)]
    words = [i for i, term in enumerate(terms) if not names_characters(term)]
    found = _characters(terms, characters, options) | _words(terms, words, options)
    ordered = [found[i] for i in range(len(terms))]
    first: dict[int, int] = {}
    for i, (_, own) in enumerate(ordered):
        if own in first:
            both = f"{_shown(terms[first[own]])} and {_shown(terms[i])} are one feature"
            raise _wrong(both, Sentence("leave one of them out"))
        first[own] = i
    hashes = np.array([own for _, own in ordered], np.uint64)
    names, offsets = blob_of([name for name, _ in ordered], "replace")
    return Vocabulary(hashes, np.zeros(len(hashes), np.int64), names, offsets)


def counted(vocabulary: Vocabulary, hashed: Sequence[HashedBlock]) -> Vocabulary:
    """The vocabulary with the frequencies in these documents."""
    counts = GivenCounts(vocabulary)
    for block in hashed:
        counts.intern(block.hashes, len(block.offsets) - 1)
    return replace(vocabulary, frequencies=counts.frequencies)


class GivenCounts:
    """Hashes → the numbers of a given vocabulary's features, counted as they come; in place of a
    ``counting.Interner``, which gives numbers to all.

    frequencies  (v,) int64   documents of each so far
    """

    period = 0

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._hashes = vocabulary.hashes
        self._table = HashTable.of(vocabulary.hashes, 0)
        self.frequencies = np.zeros(len(vocabulary), np.int64)

    def crowded(self, size: int) -> bool:
        """Whether room is short: never."""
        return False

    def settle(self) -> None:
        """Nothing is ever taken out."""

    def intern(self, hashes: NDArray[np.uint64], documents: int) -> NDArray[np.int32]:
        """Count the hashes of some documents, and give the number of each, −1 for others."""
        numbers = np.empty(len(hashes), np.int32)
        self._table.look_up(hashes, numbers)
        own = numbers[numbers >= 0]
        self.frequencies += np.bincount(own, minlength=len(self.frequencies))
        return numbers

    def counted(self, bounds: FeatureBounds) -> HashCounts:
        """The counts of all, in the order that was given; there are no bounds."""
        size = len(self._hashes)
        numbers, none = np.arange(size, dtype=np.int32), np.zeros(0, np.int32)
        return HashCounts(self._hashes, self.frequencies, numbers, none, size, size, 0)


def _characters(terms: tuple[str, ...], own: list[int], options: FeaturizerOptions) -> Named:
    """Character n-grams: their characters are lower-cased, and else as they stand."""
    if not own:
        return {}
    low, high = options.char_range or (0, 0)
    names = []
    for i in own:
        signs = terms[i][len(CHAR_PREFIX) :]
        signs = signs.lower() if options.lowercase else signs
        whole = len(signs) > 2 and signs[0] == signs[-1] == " "  # a word shorter than any
        if not low <= len(signs) <= high and not (whole and len(signs) < low):
            raise _not_covered(
                terms[i], f"{len(signs)} characters", "char_ngrams", len(signs), options
            )
        names.append(CHAR_PREFIX + signs)
    hashes = hashes_of(*blob_of(names, "replace")).tolist()
    return dict(zip(own, zip(names, hashes, strict=True), strict=True))


def _words(terms: tuple[str, ...], own: list[int], options: FeaturizerOptions) -> Named:
    """Word n-grams: a term is all the tokens of its text."""
    if not own:
        return {}
    block = batches_of([terms[i] for i in own])[0]
    plain = replace(options, vocabulary=None, char_ngrams=None)
    tokens, _ = Hasher(replace(plain, ngrams=(1, 1))).read(block)
    sizes = np.diff(tokens.offsets)
    low, high = options.word_range or (0, 0)
    for i, size in zip(own, sizes.tolist(), strict=True):
        if not size:
            problem = f"{_shown(terms[i])} has no word that the featurizer takes"
            raise _wrong(problem, Sentence("leave it out"))
        if not low <= size <= high:
            count = "one word" if size == 1 else f"{size} words"
            raise _not_covered(terms[i], count, "ngrams", size, options)
    found: Named = {}
    for size in sorted(set(sizes.tolist())):
        numbers = np.flatnonzero(sizes == size)
        part = block.compact(numbers)
        hasher = Hasher(replace(plain, ngrams=(size, size)))
        hashes, _, places = hasher.placed(part)
        each, first = np.arange(len(part)), np.zeros(len(part), np.int64)
        blob, ends = hasher.name(part, places, each, first)
        names = strings_of(blob, np.append(0, ends))
        pairs = zip(names, hashes.tolist(), strict=True)
        found |= dict(zip((own[i] for i in numbers.tolist()), pairs, strict=True))
    return found


def _not_covered(
    term: str, count: str, option: str, size: int, options: FeaturizerOptions
) -> OptionError:
    given = getattr(options, option)
    if size > MAX_NGRAM:
        mend = Sentence(f"leave it out: {MAX_NGRAM} are the most")
    else:
        low, high = given or (size, size)
        mend = Sentence(
            f"give {{{option}}}, or leave it out", {option: (min(low, size), max(high, size))}
        )
    return _wrong(
        f"{_shown(term)} is {count}, which {{{option}}} does not have", mend, {option: given}
    )


def _wrong(problem: str, mend: Sentence, values: dict[str, object] | None = None) -> OptionError:
    whole = Sentence(f"{{vocabulary:name}}: {problem}", values or {})
    return OptionError("vocabulary", whole, mend)


def _shown(term: str) -> str:
    return literal(shown(term))
