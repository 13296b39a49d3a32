"""The options of a featurizer: how text becomes f(x)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

from textmlr.base.option_errors import OptionError, Sentence, refuse
from textmlr.base.option_headings import FEATURES, LEARN
from textmlr.base.options import Kind, OneOf, Switch, WholeNumber, check_options, documented, option

AUTO: Final = "auto"
NgramRange = tuple[int, int] | None | Literal["auto"]
TermFrequency = Literal["binary", "raw", "log"]
Norm = Literal["l2"]
Form = Literal["nfc", "nfkc", "nfd"]
# The widest ranges that make sense: numbers beyond them are slips of the keyboard, or out of range
# of int32.
MOST_FEATURES = (1 << 31) - 1
MOST_TOKEN = 1_000  # code points
MAX_NGRAM = 16
MAX_HASH_BITS = 30
WORDS = (1, 2)  # word n-grams of a featurizer by itself, and where training begins
# Characters of the n-grams that training tries beside words: about as many as the stems that they
# are to catch.
CHARACTERS = 4
_NONE = {"ngrams": None, "char_ngrams": None}
W_PATTERN = r"\w+"  # a run of word characters of Python's re: the tokens of format 4 and before
# What options that a file lacks come to: it is of a release that did not have them.
OLDER: Final = {"token_pattern": W_PATTERN, "normalize": None}
# Beyond this number of features, those of a single document are dropped by default: they are most
# of the features of a large corpus, take most of its memory, and the model hardly misses them.
MANY_FEATURES = 1 << 19
MANY_MIN_DF = 2


class NgramLengths(Kind):
    """A pair (shortest, longest), None for no such n-grams, or "auto"."""

    written = "(shortest, longest), or None. "

    def __init__(self, shortest: int = 1, longest: int = 2) -> None:
        pair = f"{shortest}-{longest}" if shortest < longest else f"{longest}"
        self.typed = f", such as {pair}, or none."

    def check(self, name: str, value: Any) -> None:
        """Raise InputError for a value of another kind."""
        if value is None or (isinstance(value, str) and value == AUTO):
            return
        pair = isinstance(value, tuple) and len(value) == 2
        whole = pair and all(type(bound) is int for bound in value)
        if not whole or not 1 <= value[0] <= value[1] <= MAX_NGRAM:
            wanted = f"a pair (shortest, longest) from 1 to {MAX_NGRAM}, None or 'auto'"
            raise refuse(name, value, wanted, "(1, 2)")


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
        OneOf(W_PATTERN),
        "Take what matches this as a word.",
        r"With \w+ a word is a run of letters, digits and _, as in scikit-learn; marks are no part "
        "of it.",
        heading=FEATURES,
        unset="words by Unicode's text segmentation (UAX #29)",
    )
    min_token_length: int = option(
        1,
        WholeNumber(1, MOST_TOKEN, 2),
        "Leave out words of fewer characters than this.",
        "They are left out before n-grams are formed.",
        heading=FEATURES,
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
        unset="the better of none and 4, in syllabic scripts 3",
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
    min_df: int | None = option(
        None,
        WholeNumber(1, MOST_FEATURES, 2),
        "Drop features that occur in fewer documents than this.",
        "With a vocabulary only.",
        heading=FEATURES,
        unset="1, or 2 where there would be over half a million features",
        searched=True,
    )
    max_features: int | None = option(
        None,
        WholeNumber(1, MOST_FEATURES, 100_000),
        "Keep at most this many features, those of the most documents.",
        "With a vocabulary only.",
        heading=FEATURES,
        unset="all",
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
        if self.hash_bits is not None:
            for name in ("min_df", "max_features"):
                if (given := getattr(self, name)) is not None:
                    values = {name: given, "hash_bits": self.hash_bits}
                    raise OptionError(
                        name,
                        Sentence(f"{{{name}}} needs a vocabulary, and {{hash_bits}} none", values),
                        Sentence(f"leave out {{{name}:name}} or {{hash_bits:name}}"),
                    )

    def decided(self) -> FeaturizerOptions:
        """These options, with a featurizer's own choice in place of "auto"."""
        words = WORDS if self.ngrams == AUTO else self.ngrams
        characters = None if self.char_ngrams == AUTO else self.char_ngrams
        if words is None and characters is None:
            characters = (CHARACTERS, CHARACTERS)
        return replace(self, ngrams=words, char_ngrams=characters)

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
        """Whether transform works without a fit."""
        return self.hash_bits is not None and not self.uses_idf


def show_ngrams(ngrams: Sequence[int] | None, char_ngrams: Sequence[int] | None) -> str:
    """(1, 2), (4, 4) → words 1-2 + characters 4."""
    kinds = (("words", ngrams), ("characters", char_ngrams))
    return " + ".join(
        f"{kind} {pair[0]}" + (f"-{pair[1]}" if pair[1] > pair[0] else "")
        for kind, pair in kinds
        if pair is not None
    )
