"""The options of a featurizer: how text becomes f(x)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, get_args

from textmlr.base.checks import check_integer
from textmlr.base.feature_bounds import FeatureBounds, bounds_of, check_bounds, nothing_between
from textmlr.base.limits import MOST_COUNT
from textmlr.base.ngram_lengths import (
    AUTO,
    CHAR_PREFIX,
    MAX_NGRAM,
    NgramLengths,
    NgramRange,
    names_characters,
)
from textmlr.base.option_errors import OptionError, Sentence
from textmlr.base.option_headings import FEATURES, LEARN
from textmlr.base.options import (
    CountOrShare,
    Function,
    OneOf,
    Switch,
    WholeNumber,
    check_options,
    documented,
    option,
)
from textmlr.base.token_patterns import W_PATTERN, TokenPattern
from textmlr.base.word_lists import StopWords, Terms

TermFrequency = Literal["binary", "raw", "log"]
Norm = Literal["l2"]
Form = Literal["nfc", "nfkc", "nfd"]
# The widest ranges that make sense: numbers beyond them are slips of the keyboard, or out of range
# of int32.
MOST_FEATURES = (1 << 31) - 1
MOST_TOKEN = 1_000  # code points
MAX_HASH_BITS = 30
WORDS = (1, 2)  # word n-grams of a featurizer by itself, and where training begins
# Characters of the n-grams that training tries beside words: about as many as the stems that they
# are to catch.
CHARACTERS = 4
_NONE = {"ngrams": None, "char_ngrams": None}
_PIECES = re.compile(r"\w+|[^\w\s]")  # as many as a term has words, or more: don ' t
# What options that a file lacks come to: it is of a release that did not have them.
OLDER: Final = {"token_pattern": W_PATTERN, "normalize": None}
# Beyond this number of features, those of a single document are dropped by default: they are most
# of the features of a large corpus, take most of its memory, and the model hardly misses them.
MANY_FEATURES = 1 << 19
MANY_MIN_DF = 2


def _pair(value: NgramRange) -> tuple[int, int] | None:
    assert value != AUTO
    return value


@documented
@dataclass(frozen=True, slots=True)
class FeaturizerOptions:
    """How text becomes f(x).

    >>> FeaturizerOptions(ngrams=(1, 3)).decided().char_ngrams is None
    True
    >>> FeaturizerOptions(ngrams=(3, 1))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    textmlr.base.option_errors.OptionError: ngrams=(3, 1) is not a pair (shortest, ...
    """

    lowercase: bool = option(
        True,
        Switch(),
        "Read Robot and robot as one word.",
        "Each code point is made lower case by itself.",
        heading=FEATURES,
        searched=True,
    )
    normalize: Form | None = option(
        "nfc",
        OneOf(*get_args(Form), None),
        "Unicode's form of text: with nfc, letters with marks are one character however they were "
        "written.",
        "nfkc reads ligatures, wide letters and circled digits as the plain ones too, nfd takes "
        "letters and syllables apart, none leaves text as it is.",
        heading=FEATURES,
    )
    strip_accents: bool = option(
        False,
        Switch(),
        "Read café as cafe.",
        "Text is brought to form NFKD and all combining marks (of a class that is not 0) are "
        "dropped, as scikit-learn's strip_accents='unicode' does; then comes normalize.  In Indic "
        "scripts, Thai and Kana such marks are no accents.",
        heading=FEATURES,
    )
    punctuation: bool = option(
        True,
        Switch(),
        "Take each punctuation mark and symbol (emoji too) as a word.",
        heading=FEATURES,
    )
    split_scripts: bool = option(
        True,
        Switch(),
        "Take each character as a word in scripts that are written without spaces.",
        heading=FEATURES,
    )
    token_pattern: str | None = option(
        None,
        TokenPattern(),
        "Take what matches this as a word.",
        r"With \w+ a word is a run of letters, digits and _; marks are no part of it.  Other "
        "patterns are slower: Python finds the words, in lower-cased text.  A group is the word.",
        heading=FEATURES,
        unset="words by Unicode's text segmentation (UAX #29)",
        metavar="REGEX",
    )
    tokenizer: Callable[[str], Any] | None = option(
        None,
        Function(),
        "Take as words what this makes of a text: it gets a str, lower-cased, and gives strings.",
        "Slow, and a model with one cannot be saved: it is kept in memory alone.",
        heading=FEATURES,
        unset="none",
    )
    min_token_length: int = option(
        1,
        WholeNumber(1, MOST_TOKEN, 2),
        "Leave out words of fewer characters than this.",
        "They are left out before n-grams are formed.  Marks do not count.",
        heading=FEATURES,
    )
    stop_words: tuple[str, ...] | None = option(
        None,
        StopWords(),
        "Leave out these words.",
        "They are lower-cased as the text is, and left out before n-grams are formed.",
        heading=FEATURES,
        unset="none",
        metavar="FILE",
    )
    ngrams: NgramRange = option(
        AUTO,
        NgramLengths(),
        "Words in a row that count as one feature.",
        "Which is better is tried on held-out documents.",
        heading=LEARN,
        unset="the better of 1-2 and 1-3",
        alone="1-2",
        metavar="RANGE",
        searched=True,
    )
    char_ngrams: NgramRange = option(
        AUTO,
        NgramLengths(4, 4),
        "Characters in a row, inside a word, that count as one feature.",
        "Which is better is tried on held-out documents.",
        heading=LEARN,
        unset="the better of none and 4, in syllabic scripts 1-3 (3 in a large corpus), in Indic "
        "ones 3",
        alone="none",
        metavar="RANGE",
        searched=True,
    )
    term_frequency: TermFrequency = option(
        "log",
        OneOf(*get_args(TermFrequency)),
        "How much a feature counts that occurs n times in a document: 1 (binary), n (raw) or "
        "1 + ln n (log).",
        heading=FEATURES,
        searched=True,
    )
    idf: bool | None = option(
        None,
        Switch(),
        "Let features of fewer documents count more (TF-IDF).",
        "They are multiplied by ln((1 + n) / (1 + df)) + 1.",
        heading=FEATURES,
        unset="no; yes for solver exact with a vocabulary",
        alone="yes with a vocabulary, no with hashing, which then needs no fit",
    )
    norm: Norm | None = option(
        "l2",
        OneOf(*get_args(Norm), None),
        "With l2, long and short documents count the same: each vector of features is scaled to "
        "length 1.",
        "The bias comes after that.",
        heading=FEATURES,
        searched=True,
    )
    min_df: int | float | None = option(
        None,
        CountOrShare(MOST_FEATURES, (2, 0.01)),
        "Drop features that occur in fewer documents than this.",
        "1 is one document, 1.0 all of them.  With a vocabulary only.",
        heading=FEATURES,
        unset="1, or 2 where there would be over half a million features",
        metavar="N",
        searched=True,
    )
    max_df: int | float | None = option(
        None,
        CountOrShare(MOST_FEATURES, (1000, 0.5)),
        "Drop features that occur in more documents than this.",
        "1 is one document, 1.0 all of them.  With a vocabulary only.",
        heading=FEATURES,
        unset="no bound",
        metavar="N",
    )
    max_features: int | None = option(
        None,
        WholeNumber(1, MOST_FEATURES, 100_000),
        "Keep at most this many features, those of the most documents.",
        "With a vocabulary only.",
        heading=FEATURES,
        unset="all",
    )
    vocabulary: tuple[str, ...] | None = option(
        None,
        Terms(),
        "Take these features and no others.",
        "They are named as top and feature_names name them, and stand in this order.  Those that "
        "no document has are kept.",
        heading=FEATURES,
        unset="the features of the documents",
        metavar="FILE",
    )
    hash_bits: int | None = option(
        None,
        WholeNumber(1, MAX_HASH_BITS, 20),
        "Keep no vocabulary: hash features to 2^BITS columns.  Only those with the largest weights "
        "get names.",
        heading=FEATURES,
        unset="a vocabulary",
        metavar="BITS",
    )
    bias: bool = option(
        True, Switch(), "Add a feature that is always 1.", "It is column 0.", heading=FEATURES
    )

    def __post_init__(self) -> None:
        check_options(self)
        if self.ngrams is None and self.char_ngrams is None:
            raise OptionError(
                "ngrams",
                Sentence("{ngrams} and {char_ngrams} leave no features", _NONE),
                Sentence("leave one of them out, or give {ngrams}", {"ngrams": WORDS}),
            )
        check_bounds(self.min_df, self.max_df)
        for other in ("hash_bits", "vocabulary"):
            if getattr(self, other) is not None:
                self._check_alone(other)
        if self.has_own_tokens:
            self._check_tokens()

    def _check_alone(self, other: str) -> None:
        """Raise OptionError for options that choose features, where there is nothing to choose.

        other  hash_bits or vocabulary, which is given
        """
        names = ["min_df", "max_df", "max_features"]
        if other == "hash_bits":
            names.append("vocabulary")
        for name in names:
            if (given := getattr(self, name)) is not None:
                said = f"{{{name}}} needs a vocabulary, and {{hash_bits}} none"
                if name == "vocabulary":
                    said = "{vocabulary:name} is a vocabulary, and {hash_bits} is none"
                elif other == "vocabulary":
                    said = f"{{{name}}} chooses features, and {{vocabulary:name}} has them chosen"
                raise OptionError(
                    name,
                    Sentence(said, {name: given, other: getattr(self, other)}),
                    Sentence(f"leave out {{{name}:name}} or {{{other}:name}}"),
                )

    def _check_tokens(self) -> None:
        """Raise OptionError for options that mean nothing where others say what a token is."""
        own = "token_pattern" if self.tokenizer is None else "tokenizer"
        values = {name: getattr(self, name) for name in ("token_pattern", "tokenizer")}
        if None not in values.values():
            raise OptionError(
                "tokenizer",
                Sentence("{token_pattern:name} and {tokenizer:name} both say what a word is"),
                Sentence("leave one of them out"),
            )
        for name in ("punctuation", "split_scripts"):
            if not getattr(self, name):
                raise OptionError(
                    name,
                    Sentence(f"{{{name}}} means nothing with {{{own}:name}}", {name: False}),
                    Sentence(f"leave it out: words are what {{{own}:name}} finds"),
                )

    @property
    def has_own_tokens(self) -> bool:
        """Whether a regular expression or a function of the user's finds the tokens, in Python."""
        return self.tokenizer is not None or self.token_pattern not in (None, W_PATTERN)

    @property
    def least_frequency(self) -> int:
        """The fewest documents that a feature of a fit may be in."""
        return 1 if self.vocabulary is None else 0

    def bounds(self, documents: int) -> FeatureBounds:
        """min_df, max_df and max_features in numbers, for a corpus of so many documents."""
        check_integer("documents", documents, 0, MOST_COUNT, 1_000)
        return bounds_of(self.min_df, self.max_df, self.max_features, documents)

    def bounds_of_fit(self, documents: int) -> FeatureBounds:
        """``bounds``; OptionError where they leave no features."""
        bounds = self.bounds(documents)
        if bounds.most is not None and bounds.most < (bounds.least or 1):
            raise nothing_between(self.min_df, self.max_df, bounds, documents)
        return bounds

    def as_json(self) -> dict[str, Any]:
        """The options in JSON, which ``of`` reads, but for a tokenizer: it is named."""
        values = asdict(replace(self, tokenizer=None))
        own = self.tokenizer
        if own is None:
            del values["tokenizer"]
        else:
            values["tokenizer"] = getattr(own, "__qualname__", type(own).__qualname__)
        return values

    def decided(self) -> FeaturizerOptions:
        """These options, with a featurizer's own choice in place of "auto"."""
        words, characters = self._lengths()
        words = words if self.ngrams == AUTO else _pair(self.ngrams)
        characters = characters if self.char_ngrams == AUTO else _pair(self.char_ngrams)
        if words is None and characters is None:
            characters = (CHARACTERS, CHARACTERS)
        return replace(self, ngrams=words, char_ngrams=characters)

    def _lengths(self) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
        """What "auto" comes to: (lengths of word n-grams, of character n-grams), those that a given
        vocabulary has if there is one."""
        if self.vocabulary is None:
            return WORDS, None
        words, characters = [], []
        for term in self.vocabulary:
            if names_characters(term):
                characters.append(len(term) - len(CHAR_PREFIX))
            else:
                pieces = term.split() if self.has_own_tokens else _PIECES.findall(term)
                words.append(max(1, len(pieces)))

        own = [min(length, MAX_NGRAM) for length in characters]
        longest = min(max(words, default=0), MAX_NGRAM)  # stop words may make some shorter
        return (1, longest) if words else None, (min(own), max(own)) if own else None

    def check_written(self) -> None:
        """Raise OptionError where no file can hold the options, which have a tokenizer."""
        if self.tokenizer is not None:
            raise OptionError(
                "tokenizer",
                Sentence("no file can hold the {tokenizer:name}, which is a function of Python"),
                Sentence("give a {token_pattern:name}, or cut the texts into words before"),
            )

    @classmethod
    def of(cls, values: dict[str, Any]) -> FeaturizerOptions:
        """Options that were written as JSON, which has lists in place of tuples, by this release or
        an older one."""
        own: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**(OLDER | own))

    @property
    def word_range(self) -> tuple[int, int] | None:
        """ngrams, decided."""
        return _pair(self.decided().ngrams)

    @property
    def char_range(self) -> tuple[int, int] | None:
        """char_ngrams, decided."""
        return _pair(self.decided().char_ngrams)

    @property
    def uses_idf(self) -> bool:
        """idf, with None decided."""
        return self.hash_bits is None if self.idf is None else self.idf

    @property
    def stateless(self) -> bool:
        """Whether a fit counts nothing but documents: with hashing, and no idf."""
        return self.hash_bits is not None and not self.uses_idf

    @property
    def needs_no_fit(self) -> bool:
        """Whether transform works without a fit: with hashing or a given vocabulary, and no idf."""
        known = self.hash_bits is not None or self.vocabulary is not None
        return known and not self.uses_idf
