"""The form that text is read in: canonically equivalent texts become one, and accents are dropped
where the options say so.

For the form N (NFC, NFKC, NFD, or text as it is) the text is N(x), or N(strip(x)), where strip(x)
is NFKD without combining marks.  Where text is lower-cased, it is N(lower(N(x))), so that a capital
that has no composed form (J̌) and its small letter (ǰ) become one as well.

``lowered`` leaves out what depends on the context in Unicode's lower case: final sigma is a sigma,
and an i has its dot (Python's lower case of the Turkish İ is an i with one dot more).
Source: Unicode Standard Annex #15, Unicode Normalization Forms.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Literal, NamedTuple

from textmlr.base.featurizer_options import FeaturizerOptions, Form

DOT = "\u0307"
_NAMES: dict[Form, Literal["NFC", "NFKC", "NFD"]] = {"nfc": "NFC", "nfkc": "NFKC", "nfd": "NFD"}
# An i, marks, and a dot above: its own, if none of the marks stands above too.
_DOTTED = re.compile(rf"i([^\w\s]*?){DOT}")
_ABOVE = 230  # the class of such marks
# Past it no character has a combining class (a test asserts that).
_MARKS_END = 0x20000


class Reading(NamedTuple):
    """What is done to text before it is read.

    lowercase  whether the form has to hold for lower-cased text
    """

    form: Form | None
    strip: bool
    lowercase: bool

    @classmethod
    def of(cls, options: FeaturizerOptions) -> Reading:
        """That of a featurizer's options."""
        form = options.normalize
        return cls(form, options.strip_accents, options.lowercase and form is not None)

    @property
    def changes(self) -> bool:
        """Whether any text is changed."""
        return self.form is not None or self.strip

    def canonical(self, text: str) -> str:
        """The text as it is read.

        >>> Reading("nfc", strip=False, lowercase=False).canonical("cafe\\u0301")
        'café'
        >>> Reading("nfc", strip=True, lowercase=False).canonical("Ünïcode ﬁt")
        'Unicode fit'
        """
        if text.isascii():
            return text
        if self.strip:
            text = unicodedata.normalize("NFKD", text).translate(_dropped())
        if self.form is None:
            return text
        text = unicodedata.normalize(_NAMES[self.form], text)
        return unicodedata.normalize(_NAMES[self.form], lowered(text)) if self.lowercase else text


def lowered(text: str) -> str:
    """Lower case of each character by itself.

    >>> lowered("İYİ ΣΑΣ i̇yi")
    'iyi σασ iyi'
    """
    text = small(text)
    return _DOTTED.sub(_without_dot, text) if DOT in text else text


def _without_dot(found: re.Match[str]) -> str:
    between = map(unicodedata.combining, found[1])
    return found[0][0] + found[1] if not {0, _ABOVE}.intersection(between) else found[0]


def small(text: str) -> str:
    """``lowered``, but dots behind an i stay: as many characters as before."""
    return text.replace("\u0130", "i").replace("Σ", "σ").lower().replace("ς", "σ")


@lru_cache(maxsize=1)
def _dropped() -> dict[int, None]:
    ranks = map(unicodedata.combining, map(chr, range(_MARKS_END)))
    return dict.fromkeys(c for c, rank in enumerate(ranks) if rank)
