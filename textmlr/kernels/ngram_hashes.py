"""Tokens to n-grams: 64-bit hashes of runs of tokens and of characters.

An n-gram's hash chains those of its tokens, or its code points, from the last to the first, so that
it costs one step a gram.  Hashes are never 0: 0 marks an empty slot in the tables of
``hash_table``.
"""

import numpy as np

from textmlr.kernels.code_points import FORMAT, _read
from textmlr.kernels.featurizer_codes import CHAR_HIGH, CHAR_LOW, HIGH, LOW
from textmlr.kernels.hashing import GOLDEN, _fnv, _mix
from textmlr.kernels.jit import kernel

RING = 15  # the longest n-gram (base/ngram_lengths.py, MAX_NGRAM) less 1, which is a mask
WINDOW = RING + 1
# The chains of word and character n-grams begin apart.
CHAR_SEED = np.uint64(0xD6E8FEB86659FD93)
SPACE_CODE = np.uint64(32)


@kernel
def _word_ngrams(tokens, low, high, out, at):
    """Write the hashes of a document's word n-grams from out[at] on.

    In order of their last token, and at one last token the shorter first.

    tokens  (t,) uint64  hashes of the document's tokens
    low, high            low <= n <= high
    out     (m,) uint64  written; returns the position after the last
    """
    for last in range(tokens.size):
        h = tokens[last]
        if low <= 1:
            out[at] = h
            at += 1
        for n in range(2, min(high, last + 1) + 1):
            h = _mix(h * GOLDEN + tokens[last - n + 1])
            if n >= low:
                out[at] = h
                at += 1
    return at


@kernel
def _next_code(text, i, stop, length, window):
    """Read the next code point of a token that is padded with a space on both sides.

    length  code points read so far, the first space among them
    window  (WINDOW,) uint64   a ring of the last code points, updated
    Returns (the place behind it; whether it is the closing space).
    """
    code = SPACE_CODE
    closing = length > 0 and i >= stop
    if length > 0 and not closing:
        k = FORMAT
        c = np.int64(0)
        while k == FORMAT:  # no token ends with one
            c, k, step, _ = _read(text, i, stop)
            i += step
        code = np.uint64(c)
    window[length & RING] = code
    return i, closing


@kernel
def _shortest(length, closing, low):
    """The least n of the n-grams that end at a token's length-th code point: a padded token shorter
    than low gives itself, once."""
    return min(length, low) if closing else low


@kernel
def _char_ngrams(text, starts, stops, low, high, window, out, at):
    """Write the hashes of a document's character n-grams from out[at] on.

    Each token is padded with a space on both sides and no n-gram leaves it; a padded token
    shorter than low gives itself, once (scikit-learn's analyzer "char_wb" does the same).

    starts, stops  (t,) int64   the document's tokens
    window  (WINDOW,) uint64    scratch: the last code points, a ring
    out     (m,) uint64         written; returns the position after the last
    """
    for token in range(starts.size):
        i = starts[token]
        length = 0  # code points of the padded token so far
        closing = False
        while not closing:
            i, closing = _next_code(text, i, stops[token], length, window)
            length += 1
            shortest = _shortest(length, closing, low)
            h = CHAR_SEED
            for n in range(1, min(high, length) + 1):
                h = _fnv(h, window[(length - n) & RING])
                if n >= shortest:
                    out[at] = _mix(h)
                    at += 1
    return at


@kernel
def ngrams(text, tokens, codes, window, out, offsets):
    """Write the hashes of every document's n-grams: word n-grams, then character n-grams.

    text, codes, tokens    as ``tokens.split`` read and wrote them: the lengths of n-grams are
                           codes[LOW] to codes[HIGH] words, codes[CHAR_LOW] to codes[CHAR_HIGH]
                           characters, HIGH 0 for none
    window  (WINDOW,) uint64      scratch
    out     (m,) uint64           written
    offsets (n + 1,) int64        written: document i has out[offsets[i]:offsets[i + 1]]
    """
    hashes, starts, stops, token_offsets = tokens
    at = 0
    offsets[0] = 0
    for document in range(offsets.size - 1):
        first = token_offsets[document]
        last = token_offsets[document + 1]
        if codes[HIGH] > 0:
            at = _word_ngrams(hashes[first:last], codes[LOW], codes[HIGH], out, at)
        if codes[CHAR_HIGH] > 0:
            at = _char_ngrams(
                text,
                starts[first:last],
                stops[first:last],
                codes[CHAR_LOW],
                codes[CHAR_HIGH],
                window,
                out,
                at,
            )
        offsets[document + 1] = at
