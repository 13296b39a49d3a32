"""The options of a featurizer: how text becomes f(x)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

from textmlr.base.checks import check_choice, check_flag, check_integer, refuse, shown
from textmlr.base.errors import InputError

AUTO: Final = "auto"
NgramRange = tuple[int, int] | None | Literal["auto"]
TermFrequency = Literal["binary", "raw", "log"]
Norm = Literal["l2"]
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
# Beyond this number of features, those of a single document are dropped by default: they are most
# of the features of a large corpus, take most of its memory, and the model hardly misses them.
MANY_FEATURES = 1 << 19
MANY_MIN_DF = 2


def _check_range(option: str, value: Any) -> None:
    wanted = f"a pair (shortest, longest) from 1 to {MAX_NGRAM}, None or 'auto'"
    if value is None or (isinstance(value, str) and value == AUTO):
        return
    if not isinstance(value, tuple) or len(value) != 2:
        raise refuse(option, value, wanted)
    for bound in value:
        if isinstance(bound, bool) or not isinstance(bound, int):
            raise refuse(option, value, wanted)
    if not 1 <= value[0] <= value[1] <= MAX_NGRAM:
        raise refuse(option, value, wanted)


def _pair(value: NgramRange) -> tuple[int, int] | None:
    assert value != AUTO
    return value


@dataclass(frozen=True, slots=True)
class FeaturizerOptions:
    """How text becomes f(x).

    lowercase         lower-case code point by code point
    punctuation       each punctuation mark or symbol (emoji too) is a token
    split_scripts     scripts written without spaces give one token a character
    min_token_length  shorter words are dropped before n-grams are formed (code points)
    ngrams            (shortest, longest) word n-grams, None for no word n-grams
    char_ngrams       (shortest, longest) character n-grams inside words, None for none.  Training
                      decides what "auto" is, for either, on held-out documents; a featurizer by
                      itself, and training of more than CHOICE_LABELS labels, take (1, 2) and None
    term_frequency    "binary": 1; "raw": the count; "log": 1 + ln count
    idf               multiply by ln((1 + n) / (1 + df)) + 1; None: with a vocabulary, yes,
                      with hashing, no (so that hashing needs no fit)
    norm              "l2": each row has length 1 (before the bias); None: as it comes
    min_df            features in fewer documents are dropped (vocabulary only); None: 1, or 2
                      where there would be more than MANY_FEATURES
    max_features      keep the most frequent (by documents), None for all (vocabulary only)
    hash_bits         None: a vocabulary; b: hash to 2^b columns, the bias among them
    bias              column 0 is always 1

    >>> FeaturizerOptions(ngrams=(1, 3)).decided().char_ngrams is None
    True
    >>> FeaturizerOptions(ngrams=(3, 1))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    textmlr.base.errors.InputError: ngrams=(3, 1) is not a pair (shortest, longest) from 1 ...
    """

    lowercase: bool = True
    punctuation: bool = True
    split_scripts: bool = True
    min_token_length: int = 1
    ngrams: NgramRange = AUTO
    char_ngrams: NgramRange = AUTO
    term_frequency: TermFrequency = "log"
    idf: bool | None = None
    norm: Norm | None = "l2"
    min_df: int | None = None
    max_features: int | None = None
    hash_bits: int | None = None
    bias: bool = True

    def __post_init__(self) -> None:
        for option in ("lowercase", "punctuation", "split_scripts", "bias"):
            check_flag(option, getattr(self, option))
        check_integer("min_token_length", self.min_token_length, 1, MOST_TOKEN, 2)
        for option in ("ngrams", "char_ngrams"):
            _check_range(option, getattr(self, option))
        if self.ngrams is None and self.char_ngrams is None:
            raise InputError(
                "ngrams and char_ngrams are both None, which leaves no features",
                mend="give one of them a range such as (1, 2)",
            )
        check_choice("term_frequency", self.term_frequency, get_args(TermFrequency))
        if self.idf is not None:
            check_flag("idf", self.idf)
        check_choice("norm", self.norm, (*get_args(Norm), None))
        for option, such_as in (("min_df", 2), ("max_features", 100_000)):
            if getattr(self, option) is not None:
                check_integer(option, getattr(self, option), 1, MOST_FEATURES, such_as)
        if self.hash_bits is not None:
            check_integer("hash_bits", self.hash_bits, 1, MAX_HASH_BITS, 20)
            for option in ("min_df", "max_features"):
                if getattr(self, option) is not None:
                    raise InputError(
                        f"{option}={shown(getattr(self, option))} needs a vocabulary, "
                        "and hash_bits is set",
                        mend=f"leave out {option} or hash_bits",
                    )

    def decided(self) -> FeaturizerOptions:
        """The same without "auto"."""
        words = WORDS if self.ngrams == AUTO else self.ngrams
        characters = None if self.char_ngrams == AUTO else self.char_ngrams
        if words is None and characters is None:
            characters = (CHARACTERS, CHARACTERS)
        return replace(self, ngrams=words, char_ngrams=characters)

    @classmethod
    def of(cls, values: dict[str, Any]) -> FeaturizerOptions:
        """From what became of options in JSON, which knows no tuples."""
        own: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**own)

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
        """transform needs no fit."""
        return self.hash_bits is not None and not self.uses_idf
