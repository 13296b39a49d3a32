"""fastText's reading of a document: its words, character n-grams and word n-grams, as rows.

A word is a run of bytes without white space; text ends with the word </s>, and so does a document
at a </s> in its text.  A word of the dictionary is a row, its character n-grams (with < before and
> behind the word) and the n-grams of words are rows by their hash, the remainder by a number of
buckets.  In a pruned model only some buckets have a row.  Text is bytes: a byte that continues no
character belongs to the character before it.

Rows come in fastText's order: word after word, each with its character n-grams, then all n-grams of
words by their first.  They are written in pieces, so that no document needs much memory.

Source: Bojanowski et al., TACL 5, 2017, section 3.2; Joulin et al., EACL 2017; and what the program
does (github.com/facebookresearch/fastText, src/dictionary.cc, version 0.9.2).
"""

from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.jit import kernel

# FNV-1a of 32 bits, in which bytes are signed numbers: from 0x80 on, all higher bits change too.
START, PRIME = np.uint64(2166136261), np.uint64(16777619)
LOW_BITS, SIGNED = np.uint64(0xFFFFFFFF), np.uint64(0xFFFFFF00)
NEGATIVE, HIGH_BITS = np.uint64(0x80000000), np.uint64(0xFFFFFFFF00000000)
NEXT_WORD = np.uint64(116049371)
BEFORE, BEHIND = ord("<"), ord(">")
# ``FastTextWords.shape``
WORDS, NGRAMS, LEAST, MOST, BUCKETS, PRUNED, END, SHAPE = 0, 1, 2, 3, 4, 5, 6, 7
# The state of a document half read
AT, STOP, FIRST, SIZE, CHARACTER, TOKENS, GRAM, PHASE, KNOWN, STATE = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
READ, JOIN, DONE = 0, 1, 2  # phases
# Kinds of rows: n-grams of words, and n-grams of characters by whether < and > belong to them.
WORD, INSIDE, WITH_BEFORE, WITH_BEHIND = 0, 1, 2, 4


class FastTextWords(NamedTuple):
    """A dictionary.

    slots   (s,) int32   number of the entry in each slot of a table of their hashes, −1 for a free
                         one; s is a power of two
    bounds  (e + 1,) int64, names (b,) uint8   the entries: words, then labels
    buckets (k,) int32   bucket in each slot of a table, −1 for a free one; k is a power of two
    rows    (k,) int32   the row of each
    prefix  (p,) uint8   words that begin with it are labels
    shape   (SHAPE,) int64   WORDS; NGRAMS, the most words of an n-gram; LEAST and MOST characters
                         of one, MOST 0 for none; BUCKETS; PRUNED, whether buckets and rows say
                         which bucket has a row; END, the entry of </s>, or −1
    """

    slots: Any
    bounds: Any
    names: Any
    buckets: Any
    rows: Any
    prefix: Any
    shape: Any


class FastTextReading(NamedTuple):
    """Scratch for documents of at most t words.

    state  (STATE,) int64
    hashes (t,) uint64    of each word, a signed number of 32 bits
    rows   (r,) int32     more than MOST
    word   (b + 2,) uint8 the word that is read, < before it and > behind it; b bytes at most
    bounds (t, 2) int64   first byte of each word, and the one behind its last; (0, 2): not wanted
    places (r, 5) int64   of each row the first and the last word, first byte, the one behind the
                          last, and its KIND; (0, 5): not wanted
    """

    state: Any
    hashes: Any
    rows: Any
    word: Any
    bounds: Any
    places: Any


@kernel
def _mixed(h, byte):
    """The hash h of the bytes before, and one more byte."""
    own = np.uint64(byte)
    if byte >= 0x80:
        own |= SIGNED
    return ((h ^ own) * PRIME) & LOW_BITS


@kernel
def _is_space(byte):
    return byte == 0x20 or (byte >= 0x09 and byte <= 0x0D) or byte == 0


@kernel
def _is_end(text, first, size):
    """Whether a word is </s>."""
    return (
        size == 4
        and text[first] == 0x3C
        and text[first + 1] == 0x2F
        and text[first + 2] == 0x73
        and text[first + 3] == 0x3E
    )


@kernel
def _begins(text, first, size, prefix):
    """Whether a word begins with a prefix."""
    if size < prefix.size:
        return False
    same = 0
    while same < prefix.size and text[first + same] == prefix[same]:
        same += 1
    return same == prefix.size


@kernel
def _entry(text, first, size, h, words):
    """The number of a word of this hash in the dictionary, −1 for none."""
    slots, bounds, names = words.slots, words.bounds, words.names
    last = slots.size - 1
    slot = np.int64(h) & last
    while slots[slot] >= 0:
        entry = slots[slot]
        start = bounds[entry]
        if bounds[entry + 1] - start == size:
            i = 0
            while i < size and names[start + i] == text[first + i]:
                i += 1
            if i == size:
                return np.int64(entry)
        slot = (slot + 1) & last
    return np.int64(-1)


@kernel
def _bucket_row(h, words):
    """The row of an n-gram of this hash, −1 for none."""
    bucket = np.int64(h % np.uint64(words.shape[BUCKETS]))
    if words.shape[PRUNED] == 0:
        return words.shape[WORDS] + bucket
    last = words.buckets.size - 1
    slot = bucket & last
    while words.buckets[slot] >= 0:
        if words.buckets[slot] == bucket:
            return np.int64(words.rows[slot])
        slot = (slot + 1) & last
    return np.int64(-1)


@kernel
def _put(reading, n, row, first, last, begin, stop, kind):
    """Write a row and its place; return the number of rows."""
    reading.rows[n] = row
    if reading.places.shape[0] > 0:
        reading.places[n, 0] = first
        reading.places[n, 1] = last
        reading.places[n, 2] = begin
        reading.places[n, 3] = stop
        reading.places[n, 4] = kind
    return n + 1


@kernel
def _characters(words, reading, n, room):
    """Write rows of the character n-grams of the word, from one character on, while there are
    fewer than ``room``; return their number with the n before."""
    state, shape, word = reading.state, words.shape, reading.word
    first, size, token = state[FIRST], state[SIZE], state[TOKENS] - 1
    least, most = shape[LEAST], shape[MOST]
    end = size + 2
    begin = state[CHARACTER]
    while begin < end and n < room:
        h, at, length = START, begin, 0
        following = end
        while at < end and length < most:
            length += 1
            h = _mixed(h, np.int64(word[at]))
            at += 1
            while at < end and (word[at] & 0xC0) == 0x80:
                h = _mixed(h, np.int64(word[at]))
                at += 1
            if length == 1:
                following = at
            if length >= least and not (length == 1 and (begin == 0 or at == end)):
                row = _bucket_row(h, words)
                if row >= 0:
                    start, stop = first + max(begin - 1, 0), first + min(at - 1, size)
                    kind = INSIDE + (WITH_BEFORE if begin == 0 else 0)
                    kind += WITH_BEHIND if at == end else 0
                    n = _put(reading, n, row, token, token, start, stop, kind)
        begin = following
    state[CHARACTER] = begin
    return n


@kernel
def _next_word(text, words, reading, n):
    """Read one word, and write its row if it has one; return the number of rows."""
    state, shape = reading.state, words.shape
    at, stop = state[AT], state[STOP]
    while at < stop and _is_space(text[at]):
        at += 1
    first, h = at, START
    while at < stop and not _is_space(text[at]):
        h = _mixed(h, np.int64(text[at]))
        at += 1
    size = at - first
    state[AT], state[FIRST], state[SIZE], state[CHARACTER] = at, first, size, size + 2
    is_end = size == 0 or _is_end(text, first, size)
    if is_end:
        state[PHASE] = JOIN
        entry = shape[END]
        h = _end_hash()
    else:
        entry = _entry(text, first, size, h, words)
        if entry >= shape[WORDS] or (entry < 0 and _begins(text, first, size, words.prefix)):
            return n  # a label
        if shape[MOST] > 0:
            state[CHARACTER] = 0
            reading.word[0] = BEFORE
            for i in range(size):
                reading.word[i + 1] = text[first + i]
            reading.word[size + 1] = BEHIND
    token = state[TOKENS]
    reading.hashes[token] = h | HIGH_BITS if (h & NEGATIVE) != 0 else h
    if reading.bounds.shape[0] > 0:
        reading.bounds[token, 0] = first
        reading.bounds[token, 1] = at
    state[TOKENS] = token + 1
    if entry >= 0:
        n = _put(reading, n, entry, token, token, first, at, WORD)
        state[KNOWN] += 0 if is_end else 1
    return n


@kernel
def _end_hash():
    """The hash of </s>."""
    return _mixed(_mixed(_mixed(_mixed(START, 0x3C), 0x2F), 0x73), 0x3E)


@kernel
def _next_grams(words, reading, n):
    """Write the rows of the n-grams of words from one on; return the number of rows."""
    state, hashes = reading.state, reading.hashes
    first = state[GRAM]
    state[GRAM] = first + 1
    h = hashes[first]
    for last in range(first + 1, min(state[TOKENS], first + words.shape[NGRAMS])):
        h = h * NEXT_WORD + hashes[last]
        row = _bucket_row(h, words)
        if row >= 0:
            begin = stop = 0
            if reading.bounds.shape[0] > 0:
                begin, stop = reading.bounds[first, 0], reading.bounds[last, 1]
            n = _put(reading, n, row, first, last, begin, stop, WORD)
    return n


@kernel
def _begin(start, stop, reading):
    """Begin a document."""
    state = reading.state
    for i in range(state.size):
        state[i] = 0
    state[AT], state[STOP], state[CHARACTER] = start, stop, 2


@kernel
def _more_rows(text, words, reading):
    """Write the document's next rows; return how many.  The phase is DONE after the last."""
    state, shape = reading.state, words.shape
    most = reading.rows.size - max(shape[MOST], shape[NGRAMS])
    n = 0
    while n < most:
        if state[CHARACTER] < state[SIZE] + 2:
            before = n
            n = _characters(words, reading, n, most)
            state[KNOWN] += n - before
        elif state[PHASE] == READ:
            n = _next_word(text, words, reading, n)
        elif state[PHASE] == JOIN and shape[NGRAMS] > 1 and state[GRAM] < state[TOKENS]:
            before = n
            n = _next_grams(words, reading, n)
            state[KNOWN] += n - before
        else:
            state[PHASE] = DONE
            break
    return n


@kernel
def read_rows(text, starts, stops, words, reading, out, offsets):
    """Write the rows of documents, in fastText's order, as often as they occur; return their
    number.

    text (bytes,) uint8;  starts, stops (n,) int64   each document's bytes
    words FastTextWords;  reading FastTextReading, scratch
    out     (m,) int32   written as far as it goes
    offsets (n + 1,) int64   written: document i has out[offsets[i]:offsets[i + 1]]
    """
    offsets[0] = 0
    at = 0
    for i in range(starts.size):
        _begin(starts[i], stops[i], reading)
        while reading.state[PHASE] != DONE:
            n = _more_rows(text, words, reading)
            if at + n <= out.size:
                for j in range(n):
                    out[at + j] = reading.rows[j]
            at += n
        offsets[i + 1] = at
    return at


@kernel
def read_places(text, start, stop, words, reading):
    """Read one document into a reading with room for all its rows; return how many there are.

    text (bytes,) uint8;  start, stop   its bytes
    words FastTextWords;  reading FastTextReading, written
    """
    _begin(start, stop, reading)
    return _more_rows(text, words, reading)
