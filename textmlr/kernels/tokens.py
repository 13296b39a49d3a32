"""Text to tokens to n-grams: UTF-8 bytes in, 64-bit hashes out.

A token's hash is FNV-1a (Fowler, Noll and Vo; 64 bits) over its lower-cased code points, closed
by the finaliser of MurmurHash3 (Appleby), since the low bits of FNV-1a alone are too regular for
tables.  An n-gram's hash chains the hashes of its tokens.  Hashes are never 0: 0 marks an empty
slot in the tables of ``hash_table.py``.
"""

import numpy as np

from textmlr.kernels.hashing import FNV_OFFSET, GOLDEN, _fnv, _mix
from textmlr.kernels.jit import kernel

# Kinds of code point; textmlr/features/unicode_tables.py fills the tables with them.
SPACE, WORD, SYMBOL, CHARACTER, MARK = 0, 1, 2, 3, 4
REPLACEMENT = 0xFFFD

RING = 15  # the longest n-gram (textmlr/base/options.py, MAX_NGRAM) less 1, which is a mask
# The chains of word and character n-grams begin apart.
CHAR_SEED = np.uint64(0xD6E8FEB86659FD93)
SPACE_CODE = np.uint64(32)


@kernel
def _decode(text, i, stop):
    """Read one code point of more than one byte: (code point, bytes, invalid).

    Ill-formed input gives U+FFFD for each maximal subpart, as Python's decoder does
    (The Unicode Standard, section 3.9, "U+FFFD Substitution of Maximal Subparts").
    """
    b0 = np.int64(text[i])
    if b0 < 0xC2 or b0 > 0xF4:
        return REPLACEMENT, 1, 1
    if i + 1 >= stop:
        return REPLACEMENT, 1, 1
    b1 = np.int64(text[i + 1])
    low, high = 0x80, 0xBF
    if b0 == 0xE0:
        low = 0xA0  # no overlong forms
    elif b0 == 0xED:
        high = 0x9F  # no surrogates
    elif b0 == 0xF0:
        low = 0x90
    elif b0 == 0xF4:
        high = 0x8F  # nothing past U+10FFFF
    if b1 < low or b1 > high:
        return REPLACEMENT, 1, 1
    if b0 < 0xE0:
        return ((b0 & 0x1F) << 6) | (b1 & 0x3F), 2, 0
    if i + 2 >= stop or (text[i + 2] & 0xC0) != 0x80:
        return REPLACEMENT, 2, 1
    b2 = np.int64(text[i + 2])
    if b0 < 0xF0:
        return ((b0 & 0x0F) << 12) | ((b1 & 0x3F) << 6) | (b2 & 0x3F), 3, 0
    if i + 3 >= stop or (text[i + 3] & 0xC0) != 0x80:
        return REPLACEMENT, 3, 1
    b3 = np.int64(text[i + 3])
    code = ((b0 & 0x07) << 18) | ((b1 & 0x3F) << 12) | ((b2 & 0x3F) << 6) | (b3 & 0x3F)
    return code, 4, 0


@kernel
def _classify(code, lower, kind):
    """Lower case and kind of a code point; past the end of the tables only marks are known."""
    if code < lower.size:
        return np.int64(lower[code]), np.int64(kind[code])
    if 0xE0100 <= code <= 0xE01EF:  # variation selectors of ideographs
        return code, MARK
    return code, SYMBOL


@kernel
def _split_from(
    text, i, stop, lower, kind, symbols, min_length, hashes, token_starts, token_stops, count
):
    """``split`` for text[i:stop], which begins between tokens, until hashes is full.

    count  tokens that are written already
    Returns (where it stopped, between tokens; tokens written; invalid subparts before that).
    """
    invalid = 0
    state = SPACE  # or WORD or CHARACTER: the token being read
    h = FNV_OFFSET
    length = 0
    begin = i
    while i < stop:
        if text[i] < 0x80:
            c = np.int64(lower[text[i]])
            k = np.int64(kind[text[i]])
            step = 1
        else:
            code, step, bad = _decode(text, i, stop)
            invalid += bad
            c, k = _classify(code, lower, kind)
        if k == WORD and state == WORD:
            h = _fnv(h, np.uint64(c))
            length += 1
        elif k == MARK and state == CHARACTER:
            h = _fnv(h, np.uint64(c))
        else:
            if state == CHARACTER or (state == WORD and length >= min_length):
                hashes[count] = _mix(h)
                token_starts[count] = begin
                token_stops[count] = i
                count += 1
            state = SPACE
            if count == hashes.size:  # text[i] is left to be read again
                if text[i] >= 0x80:
                    invalid -= _decode(text, i, stop)[2]
                return i, count, invalid
            if k != SPACE:
                h = _fnv(FNV_OFFSET, np.uint64(c))
                begin = i
                length = 1
                if k in (WORD, CHARACTER):
                    state = k
                elif symbols:
                    hashes[count] = _mix(h)
                    token_starts[count] = i
                    token_stops[count] = i + step
                    count += 1
        i += step
    if state == CHARACTER or (state == WORD and length >= min_length):
        hashes[count] = _mix(h)
        token_starts[count] = begin
        token_stops[count] = stop
        count += 1
    return i, count, invalid


@kernel
def split(
    text,
    starts,
    stops,
    lower,
    kind,
    symbols,
    min_length,
    hashes,
    token_starts,
    token_stops,
    offsets,
):
    """Cut documents into tokens; return the number of invalid UTF-8 subparts read as U+FFFD.

    A run of WORD code points is a token; a CHARACTER is one by itself, with the MARKs that
    follow it; a SYMBOL, or a MARK elsewhere, is one if symbols is true; SPACE separates.

    text          (bytes,) uint8    read
    starts, stops (n,) int64        the documents, text[starts[i]:stops[i]]
    lower         (c,) uint32       lower case of each code point below c
    kind          (c,) uint8        SPACE, WORD, SYMBOL, CHARACTER or MARK
    symbols       bool              symbols are tokens
    min_length    int               WORD tokens of fewer code points are dropped
    hashes        (t,) uint64       written: one a token; t is more than the documents' bytes
    token_starts, token_stops (t,) int64  written: the token's bytes in text
    offsets       (n + 1,) int64    written: document i has tokens offsets[i]:offsets[i + 1]
    """
    count = 0
    invalid = 0
    offsets[0] = 0
    for document in range(starts.size):
        _, count, bad = _split_from(
            text,
            starts[document],
            stops[document],
            lower,
            kind,
            symbols,
            min_length,
            hashes,
            token_starts,
            token_stops,
            count,
        )
        invalid += bad
        offsets[document + 1] = count
    return invalid


@kernel
def split_some(
    text, stop, lower, kind, symbols, min_length, hashes, token_starts, token_stops, state
):
    """``split`` for as much of one document, text[state[0]:stop], as hashes has room for.

    hashes (t,) uint64, token_starts, token_stops (t,) int64   written
    state  (3,) int64   where to begin, between tokens; written: where the rest begins, tokens
                        written, invalid subparts in what was read
    """
    state[0], state[1], state[2] = _split_from(
        text, state[0], stop, lower, kind, symbols, min_length, hashes, token_starts, token_stops, 0
    )


@kernel
def _word_ngrams(tokens, first, last, low, high, out, at):
    """Write the hashes of the word n-grams of tokens[first:last] from out[at] on.

    In order of their last token, and at one last token the shorter first.  The hash of
    (t_1 ... t_n) chains from the last token to the first, so that it costs one step a gram.

    tokens  (t,) uint64  token hashes
    low, high            low <= n <= high
    out     (m,) uint64  written; returns the position after the last
    """
    for last_token in range(first, last):
        h = tokens[last_token]
        longest = min(high, last_token - first + 1)
        if low <= 1:
            out[at] = h
            at += 1
        for n in range(2, longest + 1):
            h = _mix(h * GOLDEN + tokens[last_token - n + 1])
            if n >= low:
                out[at] = h
                at += 1
    return at


@kernel
def _char_ngrams(
    text, token_starts, token_stops, first, last, lower, kind, low, high, window, out, at
):
    """Write the hashes of the character n-grams of tokens first:last from out[at] on.

    Each token is padded with a space on both sides and no n-gram leaves it; a padded token
    shorter than low gives itself, once (scikit-learn's analyzer "char_wb" does the same).

    window  (RING + 1,) uint64  scratch: the last code points, a ring
    out     (m,) uint64     written; returns the position after the last
    """
    for token in range(first, last):
        i = token_starts[token]
        stop = token_stops[token]
        length = 0  # code points of the padded token so far
        closing = False
        while True:
            if length == 0:
                code = SPACE_CODE
            elif i < stop:
                if text[i] < 0x80:
                    code = np.uint64(lower[text[i]])
                    i += 1
                else:
                    raw, step, _ = _decode(text, i, stop)
                    c, _ = _classify(raw, lower, kind)
                    code = np.uint64(c)
                    i += step
            else:
                code = SPACE_CODE
                closing = True
            window[length & RING] = code
            length += 1
            h = CHAR_SEED
            for n in range(1, min(high, length) + 1):
                h = _fnv(h, window[(length - n) & RING])
                if n >= low or (closing and n == length):
                    out[at] = _mix(h)
                    at += 1
            if closing:
                break
    return at


@kernel
def ngrams(
    text,
    tokens,
    token_starts,
    token_stops,
    token_offsets,
    lower,
    kind,
    low,
    high,
    char_low,
    char_high,
    window,
    out,
    offsets,
):
    """Write the hashes of every document's n-grams: word n-grams, then character n-grams.

    text, token_*, lower, kind   as ``split`` read and wrote them; tokens are its hashes
    low, high            word n-grams of low <= n <= high; high = 0 for none
    char_low, char_high  character n-grams likewise
    window  (RING + 1,) uint64    scratch
    out     (m,) uint64           written
    offsets (n + 1,) int64        written: document i has out[offsets[i]:offsets[i + 1]]
    """
    at = 0
    offsets[0] = 0
    for document in range(offsets.size - 1):
        first = token_offsets[document]
        last = token_offsets[document + 1]
        if high > 0:
            at = _word_ngrams(tokens, first, last, low, high, out, at)
        if char_high > 0:
            at = _char_ngrams(
                text,
                token_starts,
                token_stops,
                first,
                last,
                lower,
                kind,
                char_low,
                char_high,
                window,
                out,
                at,
            )
        offsets[document + 1] = at


@kernel
def _put(out, at, byte):
    """Write a byte if there is room; the position advances all the same, so that a call with
    too small a buffer tells how much room it needs."""
    if at < out.size:
        out[at] = byte
    return at + 1


@kernel
def _put_code(out, at, c):
    """Write a code point as UTF-8."""
    if c < 0x80:
        return _put(out, at, c)
    if c < 0x800:
        at = _put(out, at, 0xC0 | (c >> 6))
    else:
        if c < 0x10000:
            at = _put(out, at, 0xE0 | (c >> 12))
        else:
            at = _put(out, at, 0xF0 | (c >> 18))
            at = _put(out, at, 0x80 | ((c >> 12) & 0x3F))
        at = _put(out, at, 0x80 | ((c >> 6) & 0x3F))
    return _put(out, at, 0x80 | (c & 0x3F))


@kernel
def _put_lower(text, begin, end, lower, kind, out, at):
    """Write text[begin:end], lower-cased as ``split`` does, as UTF-8."""
    i = begin
    while i < end:
        if text[i] < 0x80:
            c = np.int64(lower[text[i]])
            i += 1
        else:
            code, step, _ = _decode(text, i, end)
            c, _ = _classify(code, lower, kind)
            i += step
        at = _put_code(out, at, c)
    return at


@kernel
def _token_stop(text, begin, stop, lower, kind):
    """Where the token ends that ``split`` found to begin there, in a document that ends at stop."""
    i = begin
    first = SPACE
    while i < stop:
        code, step = np.int64(text[i]), 1
        if code >= 0x80:
            code, step, _ = _decode(text, i, stop)
        _, k = _classify(code, lower, kind)
        if i == begin:
            first = k
        elif not (first == WORD and k == WORD) and not (first == CHARACTER and k == MARK):
            break
        i += step
    return i


@kernel
def _name_word_ngrams(
    text, stop, token_starts, first, last, lower, kind, low, high, gram, wanted, done, out, at, ends
):
    """Write the names of the wanted among the n-grams that ``_word_ngrams`` makes, in its order.

    A name is the n-gram's tokens, lower-cased, with one space between.

    stop    int            where the document ends
    gram    int            number of the first n-gram made here
    wanted  (w,) int64     numbers of n-grams, ascending; those before wanted[done] are written
    out     (bytes,) uint8 written from ``at`` on, as far as it reaches
    ends    (w,) int64     written: where each name ends
    Returns (next number, names done, position after the last byte).
    """
    for last_token in range(first, last):
        here = max(0, min(high, last_token - first + 1) - low + 1)
        while done < wanted.size and wanted[done] < gram + here:
            n = low + wanted[done] - gram
            for token in range(last_token - n + 1, last_token + 1):
                if token > last_token - n + 1:
                    at = _put(out, at, 32)
                end = _token_stop(text, token_starts[token], stop, lower, kind)
                at = _put_lower(text, token_starts[token], end, lower, kind, out, at)
            ends[done] = at
            done += 1
        gram += here
    return gram, done, at


@kernel
def _name_char_ngrams(
    text,
    stop,
    token_starts,
    first,
    last,
    lower,
    kind,
    low,
    high,
    window,
    prefix,
    gram,
    wanted,
    done,
    out,
    at,
    ends,
):
    """Write the names of the wanted among the n-grams that ``_char_ngrams`` makes, in its order.

    A name is the prefix and the n-gram's characters, padding spaces included.

    prefix  (p,) uint8;  window (RING + 1,) uint64  scratch;  the rest as in ``_name_word_ngrams``
    """
    for token in range(first, last):
        i = token_starts[token]
        end = _token_stop(text, i, stop, lower, kind)
        length = 0
        closing = False
        while not closing:
            code = SPACE_CODE
            if length > 0 and i < end:
                raw, step = np.int64(text[i]), 1
                if raw >= 0x80:
                    raw, step, _ = _decode(text, i, end)
                c, _ = _classify(raw, lower, kind)
                code = np.uint64(c)
                i += step
            elif length > 0:
                closing = True
            window[length & RING] = code
            length += 1
            for n in range(1, min(high, length) + 1):
                if n >= low or (closing and n == length):
                    if done < wanted.size and wanted[done] == gram:
                        for byte in prefix:
                            at = _put(out, at, byte)
                        for k in range(length - n, length):
                            at = _put_code(out, at, np.int64(window[k & RING]))
                        ends[done] = at
                        done += 1
                    gram += 1
    return gram, done, at


@kernel
def name_ngrams(
    text,
    stops,
    token_starts,
    token_offsets,
    lower,
    kind,
    low,
    high,
    char_low,
    char_high,
    window,
    prefix,
    documents,
    wanted,
    out,
    ends,
):
    """Write the names of chosen n-grams; return how many bytes they take.

    If that is more than out holds, what is in it is cut short: call again with enough.

    text, stops, lower, kind           as ``split`` read them
    token_starts (t,) int64, token_offsets (n + 1,) int64   as it wrote them
    documents  (w,) int64  ascending: the document of each n-gram
    wanted     (w,) int64  its number among the document's, as ``ngrams`` orders them, ascending
                           within a document
    prefix     (p,) uint8  stands before the names of character n-grams
    out        (bytes,) uint8, ends (w,) int64   written: the names, and where each ends
    """
    at = 0
    done = 0
    while done < documents.size:
        document = documents[done]
        upto = done
        while upto < documents.size and documents[upto] == document:
            upto += 1
        first = token_offsets[document]
        last = token_offsets[document + 1]
        gram = 0
        if high > 0:
            gram, done, at = _name_word_ngrams(
                text,
                stops[document],
                token_starts,
                first,
                last,
                lower,
                kind,
                low,
                high,
                gram,
                wanted[:upto],
                done,
                out,
                at,
                ends,
            )
        if char_high > 0:
            gram, done, at = _name_char_ngrams(
                text,
                stops[document],
                token_starts,
                first,
                last,
                lower,
                kind,
                char_low,
                char_high,
                window,
                prefix,
                gram,
                wanted[:upto],
                done,
                out,
                at,
                ends,
            )
        done = upto
    return at


@kernel
def gather(blob, starts, stops, out):
    """Write blob[starts[i]:stops[i]] one after the other to out.

    blob (bytes,) uint8;  starts, stops (n,) int64;  out (sum of lengths,) uint8
    """
    at = 0
    for i in range(starts.size):
        size = stops[i] - starts[i]
        out[at : at + size] = blob[starts[i] : stops[i]]
        at += size
