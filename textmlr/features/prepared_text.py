"""The text that kernels read: documents in the form that the options ask for.

Tokens, their places and the names of features all lie in the prepared text; ``alignment`` leads
from there back to the original.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.corpus.batch import Batch
from textmlr.features import own_tokens
from textmlr.features.canonical_text import canonical, prepares

# Every maximal subpart of invalid UTF-8 becomes this byte, which is one by itself: so their number
# stays what it was, and none joins another.
_INVALID = "\udcff"
codecs.register_error("textmlr.subpart", lambda error: (_INVALID, error.end))  # type: ignore[attr-defined]


def prepared(block: Batch, options: FeaturizerOptions) -> Batch:
    """The documents as they are read: the block itself, where that changes none of them."""
    if options.has_own_tokens:
        return _tokenised(block, options)
    if not prepares(options) or block.is_ascii:
        return block
    own = [block[i].decode("utf-8", "textmlr.subpart") for i in range(len(block))]
    made = [canonical(text, options) for text in own]
    if made == own:
        return block
    data = [text.encode("utf-8", "surrogateescape") for text in made]
    stops = np.cumsum([len(one) for one in data])
    text = np.frombuffer(b"".join(data), np.uint8)
    return Batch(text, np.concatenate([np.zeros(1, np.int64), stops[:-1]]), stops)


def _tokenised(block: Batch, options: FeaturizerOptions) -> Batch:
    """The documents as the tokens that Python finds in them."""
    data = []
    for i in range(len(block)):
        text = canonical(block[i].decode("utf-8", "textmlr.subpart"), options)
        data.append(own_tokens.joined(text, options).encode("utf-8", "surrogateescape"))
    stops = np.cumsum([len(one) for one in data], dtype=np.int64)
    made = np.frombuffer(b"".join(data), np.uint8)
    return Batch(made, np.concatenate([np.zeros(1, np.int64), stops])[:-1], stops)


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """A prepared text, and the characters of the original that each of its characters stands for.

    text           (p,) code points   as ``prepared`` makes it
    starts, stops  (p,) int64   characters of the original, neither descending
    A token [i, j) of the prepared text is original[starts[i]:stops[j - 1]].
    """

    text: str
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]


def alignment(text: str, options: FeaturizerOptions) -> Alignment:
    """Align a document with its prepared text."""
    made = canonical(text, options) if prepares(options) else text
    assert len(made) == len(text)
    places = np.arange(len(text))
    canon = Alignment(made, places, places + 1)
    if not options.has_own_tokens:
        return canon
    tokens, starts, stops = own_tokens.aligned(canon.text, options)
    begins, ends = np.append(canon.starts, len(text)), np.append(canon.stops, len(text))
    own = np.where(stops > starts, ends[stops - 1], begins[starts])
    return Alignment(tokens, begins[starts], own)
