"""The form that text is read in: canonically equivalent texts become one, accents go where they
are to.

For the form N (NFC, NFKC or NFD, or none) the text is N(x), or N(strip(x)), where strip(x) is NFKD
without combining marks.
Source: Unicode Standard Annex #15, Unicode Normalization Forms.
"""

from __future__ import annotations

import sys
import unicodedata
from functools import lru_cache
from typing import Literal

from textmlr.base.featurizer_options import FeaturizerOptions, Form

_NAMES: dict[Form, Literal["NFC", "NFKC", "NFD"]] = {"nfc": "NFC", "nfkc": "NFKC", "nfd": "NFD"}


def prepares(options: FeaturizerOptions) -> bool:
    """Whether text may be changed before it is read."""
    return options.normalize is not None or options.strip_accents


def canonical(text: str, options: FeaturizerOptions) -> str:
    """The text as it is read."""
    if options.strip_accents:
        text = stripped(text)
    return normal(text, options.normalize)


def normal(text: str, form: Form | None) -> str:
    """Text in one of Unicode's forms, or as it is."""
    return text if form is None else unicodedata.normalize(_NAMES[form], text)


def stripped(text: str) -> str:
    """Text without accents, in form NFKD.

    >>> stripped("Ünïcode ﬁt")
    'Unicode fit'
    """
    return unicodedata.normalize("NFKD", text).translate(_combining())


@lru_cache(maxsize=1)
def _combining() -> dict[int, None]:
    return {c: None for c in range(sys.maxunicode + 1) if unicodedata.combining(chr(c))}
