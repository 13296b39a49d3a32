"""Text to tokens: where each lies, and a 64-bit hash of it.

A token's hash is FNV-1a over its lower-cased code points, closed by MurmurHash3's finaliser, since
the low bits of FNV-1a alone are too regular for tables.  Hashes are never 0.
"""

from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.code_points import CHARACTER, MARK, SPACE, WORD, _read
from textmlr.kernels.featurizer_codes import MIN_LENGTH, SYMBOLS
from textmlr.kernels.hashing import FNV_OFFSET, _fnv, _mix
from textmlr.kernels.jit import kernel


class Tokens(NamedTuple):
    """The tokens of documents.

    hashes         (t,) uint64      one a token
    starts, stops  (t,) int64       its bytes in the text
    offsets        (n + 1,) int64   document i has tokens offsets[i]:offsets[i + 1]
    """

    hashes: Any
    starts: Any
    stops: Any
    offsets: Any


@kernel
def _is_dropped(h, dropped):
    """Whether a token's hash is among those that are left out, see ``Text``."""
    if dropped.size == 0:
        return False
    mask = np.uint64(dropped.size - 1)
    slot = h & mask
    while dropped[slot] != h:
        if dropped[slot] == 0:
            return False
        slot = (slot + np.uint64(1)) & mask
    return True


@kernel
def _put_token(h, begin, stop, dropped, tokens, count):
    """Write a token, unless it is left out; return how many there are now.

    h  its hash, not yet mixed;  begin, stop  its bytes
    """
    h = _mix(h)
    if _is_dropped(h, dropped):
        return count
    tokens.hashes[count] = h
    tokens.starts[count] = begin
    tokens.stops[count] = stop
    return count + 1


@kernel
def _split_from(text, i, stop, codes, tokens, count):
    """``split`` for utf8[i:stop], which begins between tokens, until there is no more room.

    count  tokens that are written already
    Returns (where it stopped, between tokens; tokens written; invalid subparts before that).
    """
    dropped = text.dropped
    min_length = codes[MIN_LENGTH]
    invalid = 0
    state = SPACE  # or WORD or CHARACTER: the token being read
    h = FNV_OFFSET
    length = 0
    begin = i
    while i < stop:
        c, k, step, bad = _read(text, i, stop)
        invalid += bad
        if k == WORD and state == WORD:
            h = _fnv(h, np.uint64(c))
            length += 1
        elif k == MARK and state == CHARACTER:
            h = _fnv(h, np.uint64(c))
        else:
            if state == CHARACTER or (state == WORD and length >= min_length):
                count = _put_token(h, begin, i, dropped, tokens, count)
            state = SPACE
            if count == tokens.hashes.size:  # the code point is left to be read again
                return i, count, invalid - bad
            if k != SPACE:
                h = _fnv(FNV_OFFSET, np.uint64(c))
                begin = i
                length = 1
                if k in (WORD, CHARACTER):
                    state = k
                elif codes[SYMBOLS] != 0:
                    count = _put_token(h, i, i + step, dropped, tokens, count)
        i += step
    if state == CHARACTER or (state == WORD and length >= min_length):
        count = _put_token(h, begin, stop, dropped, tokens, count)
    return i, count, invalid


@kernel
def split(text, starts, stops, codes, tokens):
    """Cut documents into tokens; return the number of invalid UTF-8 subparts read as U+FFFD.

    A run of WORD code points is a token; a CHARACTER is one by itself, with the MARKs that
    follow it; a SYMBOL, or a MARK elsewhere, is one if codes[SYMBOLS]; SPACE separates.  WORD
    tokens of fewer code points than codes[MIN_LENGTH] are
    left out, and those of text.dropped.

    text          Text
    starts, stops (n,) int64         the documents, utf8[starts[i]:stops[i]]
    codes         (CODES,) int64     see ``featurizer_codes``
    tokens        Tokens   written; it has room for more than the documents' bytes
    """
    count = 0
    invalid = 0
    tokens.offsets[0] = 0
    for document in range(starts.size):
        start, stop = starts[document], stops[document]
        _, count, bad = _split_from(text, start, stop, codes, tokens, count)
        invalid += bad
        tokens.offsets[document + 1] = count
    return invalid


@kernel
def split_some(text, stop, codes, tokens, state):
    """``split`` for as much of one document, utf8[state[0]:stop], as tokens has room for.

    tokens  Tokens      written, but for the offsets
    state   (3,) int64  where to begin, between tokens; written: where the rest begins, tokens
                        written, invalid subparts in what was read
    """
    state[0], state[1], state[2] = _split_from(text, state[0], stop, codes, tokens, 0)


@kernel
def _token_stop(text, begin, stop):
    """The end of the token that ``split`` found to begin there, in a document that ends at stop."""
    i = begin
    first = SPACE
    while i < stop:
        _, k, step, _ = _read(text, i, stop)
        if i == begin:
            first = k
        elif not (first == WORD and k == WORD) and not (first == CHARACTER and k == MARK):
            break
        i += step
    return i
