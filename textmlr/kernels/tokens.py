"""Text to tokens: where each lies, and a 64-bit hash of it.

A token's hash is FNV-1a over its lower-cased code points, closed by MurmurHash3's finaliser, since
the low bits of FNV-1a alone are too regular for tables.  Hashes are never 0.
"""

from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.code_points import (
    APOSTROPHE,
    CHARACTER,
    EMOJI,
    FLAG,
    FORMAT,
    HEBREW,
    JOINER,
    KEYCAP,
    MARK,
    MID_LETTER,
    NUMBER,
    QUOTE,
    SPACE,
    SYMBOL,
    TONE,
    WORD,
    _read,
)
from textmlr.kernels.featurizer_codes import MIN_LENGTH, SYMBOLS
from textmlr.kernels.hashing import FNV_OFFSET, _fnv, _mix
from textmlr.kernels.jit import kernel

CUT = -1  # no state of a token, see ``_joined``


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
def _opened(kind):
    """The state of a token that begins with a code point of this kind; SPACE if none does."""
    if kind >= WORD or kind <= FLAG:
        return kind
    return SPACE if kind in (JOINER, FORMAT) else SYMBOL


@kernel
def _joined(text, begin, i, stop, state, kind):
    """The state of the token that began at begin after the code point at utf8[i]; SPACE if that is
    no part of it, CUT if the token ends before the last digit, which is part of a keycap.

    state  before, not SPACE;  kind  of the code point
    """
    if kind >= WORD:
        return kind if state >= WORD else SPACE
    if kind == KEYCAP and state >= WORD:
        digit = _keycap_digit(text.utf8, i)
        if digit >= begin:
            return SYMBOL if digit == begin else CUT
        return state
    if MARK <= kind <= KEYCAP:
        return state
    if kind == TONE:
        return CHARACTER if state == CHARACTER else SPACE
    if kind == EMOJI:
        joins = state in (SYMBOL, EMOJI) and _follows_joiner(text.utf8, begin, i)
        return EMOJI if joins else SPACE
    if kind == FLAG:
        return SYMBOL if state == FLAG else SPACE
    if kind >= MID_LETTER and state >= WORD:
        return _between(text, i, stop, state, kind)
    return SPACE


@kernel
def _between(text, i, stop, state, kind):
    """The state of a word after the punctuation at utf8[i], which is part of it between letters;
    SPACE if it is not.

    state  kind of what stands before;  kind  of the punctuation
    Source: UAX #29, rules WB6 and WB7, and for Hebrew alone WB7a to WB7c.
    """
    if state > HEBREW or (kind != MID_LETTER and state != HEBREW):
        return SPACE
    after = SPACE
    _, _, step, _ = _read(text, i, stop)
    at = i + step
    while at < stop:
        _, after, step, _ = _read(text, at, stop)
        if not MARK <= after <= FORMAT:
            break
        at += step
    if after == HEBREW or (after == WORD and kind != QUOTE):
        return state
    return QUOTE if kind == APOSTROPHE else SPACE  # QUOTE: a word that nothing continues


@kernel
def _follows_joiner(utf8, begin, i):
    """Whether U+200D stands before utf8[i], and something before that, since begin."""
    return i - begin > 3 and utf8[i - 1] == 0x8D and utf8[i - 2] == 0x80 and utf8[i - 3] == 0xE2


@kernel
def _keycap_digit(utf8, i):
    """Where the digit is that U+20E3 at utf8[i] follows at once, or with U+FE0F between; −1 if none
    is."""
    at = i - 1
    if i > 3 and utf8[i - 1] == 0x8F and utf8[i - 2] == 0xB8 and utf8[i - 3] == 0xEF:
        at = i - 4
    return at if at >= 0 and 0x30 <= utf8[at] <= 0x39 else -1


@kernel
def _hashed(text, begin, stop):
    """(hash, not yet mixed; length) of the word that utf8[begin:stop] is."""
    h = FNV_OFFSET
    length = 0
    i = begin
    while i < stop:
        c, k, step, _ = _read(text, i, stop)
        if k != FORMAT:
            h = _fnv(h, np.uint64(c))
        if k >= MID_LETTER:
            length += 1
        i += step
    return h, length


@kernel
def _visible_stop(text, stop):
    """The end of a token, utf8[:stop], without the FORMATs behind it."""
    i = stop
    k = FORMAT
    while k == FORMAT:
        stop = i
        i -= 1
        while text.utf8[i] & 0xC0 == 0x80:
            i -= 1
        _, k, _, _ = _read(text, i, stop)
    return stop


@kernel
def _counts(state, length, asked):
    """Whether a token is one that is asked for;  state  at its end;  length  of a word."""
    if state >= QUOTE:
        return length >= asked[0]
    return state == CHARACTER or (asked[1] and state != SPACE)


@kernel
def _split_ascii(text, i, stop, asked, word, tokens, count):
    """``_split_from`` for the ASCII at utf8[i], where nothing joins a symbol: a loop as short as
    possible, since most text is nothing else.

    asked  (fewest code points of a word, whether symbols count)
    word   (state, hash, length, begin) of the word that is being read; state SPACE: none is
    Returns (where it stopped, tokens written, the word there).
    """
    utf8, lower, kind, dropped = text
    min_length, symbols = asked
    state, h, length, begin = word
    while i < stop:
        byte = utf8[i]
        if byte >= 0x80:
            if state != SPACE:
                state = np.int64(kind[utf8[i - 1]])
            break
        k = np.int64(kind[byte])
        if k >= WORD and state != SPACE:
            h = _fnv(h, np.uint64(lower[byte]))
            length += 1
        else:
            if state != SPACE and length >= min_length:
                count = _put_token(h, begin, i, dropped, tokens, count)
            state = SPACE
            if count == tokens.hashes.size:
                break
            if k != SPACE:
                h = _fnv(FNV_OFFSET, np.uint64(lower[byte]))
                begin = i
                length = 1
                if k >= WORD:
                    state = WORD
                elif i + 1 < stop and utf8[i + 1] >= 0x80:
                    break  # which may join it
                elif symbols:
                    count = _put_token(h, i, i + 1, dropped, tokens, count)
        i += 1
    return i, count, (state, h, length, begin)


@kernel
def _is_plain(utf8, i, stop):
    """Whether two bytes of ASCII are next: for a single one ``_split_ascii`` costs more than it
    saves."""
    return i + 1 < stop and (utf8[i] | utf8[i + 1]) < 0x80


@kernel
def _split_from(text, i, stop, codes, tokens, count):
    """``split`` for utf8[i:stop], which begins between tokens, until there is no more room.

    count  tokens that are written already
    Returns (where it stopped, between tokens; tokens written; invalid subparts before that).
    """
    asked = codes[MIN_LENGTH], codes[SYMBOLS] != 0
    invalid = 0
    state = SPACE  # or that of the token being read
    formats = False  # whether there is a FORMAT in it
    h = FNV_OFFSET
    length = 0
    begin = i
    while i < stop:
        if not formats and state in (SPACE, WORD, NUMBER) and _is_plain(text.utf8, i, stop):
            word = state, h, length, begin
            i, count, word = _split_ascii(text, i, stop, asked, word, tokens, count)
            state, h, length, begin = word
            if i == stop:
                break
            if count == tokens.hashes.size:
                return i, count, invalid
        c, k, step, bad = _read(text, i, stop)
        if k >= WORD and state >= WORD:
            h = _fnv(h, np.uint64(c))
            length += 1
            state = k
            i += step
            continue
        joined = SPACE
        if k > CHARACTER and state != SPACE:
            joined = _joined(text, begin, i, stop, state, k)
        if joined > SPACE:
            if k == FORMAT:
                formats = True
            else:
                h = _fnv(h, np.uint64(c))
            if k >= MID_LETTER:
                length += 1
            state = joined
            i += step
            continue
        if joined == CUT:  # all from the digit on is read again
            i, step, bad = _keycap_digit(text.utf8, i), 0, 0
            k = SPACE
            h, length = _hashed(text, begin, i)
        if _counts(state, length, asked):
            end = _visible_stop(text, i) if formats else i
            count = _put_token(h, begin, end, text.dropped, tokens, count)
            if count == tokens.hashes.size:  # what follows is left to be read again
                return i, count, invalid
        invalid += bad
        state = _opened(k)
        h = _fnv(FNV_OFFSET, np.uint64(c))
        begin = i
        length = 1
        formats = False
        i += step
    if _counts(state, length, asked):
        end = _visible_stop(text, stop) if formats else stop
        count = _put_token(h, begin, end, text.dropped, tokens, count)
    return i, count, invalid


@kernel
def split(text, starts, stops, codes, tokens):
    """Cut documents into tokens; return the number of invalid UTF-8 subparts read as U+FFFD.

    A run of letters and digits (WORD, HEBREW, NUMBER) is a token, with a MID_LETTER between two
    letters, and in Hebrew with APOSTROPHE and QUOTE.  A CHARACTER is one by itself.  If
    codes[SYMBOLS] so are a SYMBOL, an EMOJI with those that a joiner ties to it, two FLAGs, and a
    digit with its KEYCAP.  MARKs, JOINERs and a KEYCAP continue any token, a TONE continues a
    CHARACTER alone, and a FORMAT is passed over.  Words of fewer code points than
    codes[MIN_LENGTH], their marks not counted, are left out, and the tokens of text.dropped.
    Source: UAX #29, section 4.1; ``unicode_tables`` says where the kinds depart from it.

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
    _, k, step, _ = _read(text, begin, stop)
    state = _opened(k)
    i = begin + step
    end = i
    while i < stop:
        _, k, step, _ = _read(text, i, stop)
        if k <= CHARACTER:
            break
        joined = _joined(text, begin, i, stop, state, k)
        if joined == CUT:
            return _keycap_digit(text.utf8, i)
        if joined == SPACE:
            break
        state = joined
        i += step
        if k != FORMAT:
            end = i
    return end
