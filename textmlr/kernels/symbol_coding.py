"""Symbols of entries ↔ words of 16 bits, by range asymmetric numeral systems.

The context of an entry is the symbol of its parent's entry (``label_rows.link_rows``), where that
is there: labels whose documents have "red" mostly have "red wine" as often.  Else it is the
class of its label.  Each context has its own frequencies, which add up to TOTAL.
Source: Duda, arXiv:1311.2540, 2013.
"""

import numpy as np

from textmlr.kernels.jit import compiled, prefetch

BITS = 12
TOTAL = 1 << BITS  # sum of the frequencies of a context
SYMBOLS = 256
AHEAD = 32  # symbols later, those of their parents are fetched into the cache
LOWEST = 1 << 16  # states are at least that, and below 2^32


@compiled
def _context(j, symbols, links, labels, classes, most):
    """The context of an entry: by the symbol of its parent's, else by the class of its label."""
    link = links[j]
    if link >= 0:
        return min(np.int64(symbols[link]), most - 1)
    return most + np.int64(classes[labels[j]])


@compiled
def count_symbols(symbols, links, labels, classes, most, counts):
    """Count the symbols of each context.

    symbols (m,) uint8;  links (m,) int32, labels (m,) int32   of the entries
    classes (L,) uint8     of the labels
    most    int            contexts of parents' symbols: those at or above have the last of these
    counts  (C, SYMBOLS) int64, added to
    """
    for j in range(symbols.size):
        own = _context(j, symbols, links, labels, classes, most)
        counts[own, np.int64(symbols[j])] += 1


@compiled
def encode_symbols(symbols, links, labels, classes, most, frequencies, starts, words):
    """Write the words of all symbols, the last first; return how many words there are.

    frequencies, starts  (C, SYMBOLS) int64   of each symbol in each context, and the sum of those
                         before it
    words  (w,) uint16, written from the end; it has room for two more words than there are symbols
    """
    state, at = np.uint64(LOWEST), words.size
    for k in range(symbols.size):
        j = symbols.size - 1 - k
        symbol = np.int64(symbols[j])
        own = _context(j, symbols, links, labels, classes, most)
        frequency = np.uint64(frequencies[own, symbol])
        if state >= frequency << np.uint64(32 - BITS):
            at -= 1
            words[at] = state & np.uint64(0xFFFF)
            state >>= np.uint64(16)
        state = (
            ((state // frequency) << np.uint64(BITS))
            + state % frequency
            + np.uint64(starts[own, symbol])
        )
    words[at - 1] = state & np.uint64(0xFFFF)
    words[at - 2] = state >> np.uint64(16)
    return words.size - at + 2


@compiled
def decode_symbols(words, links, labels, classes, most, slots, shares, symbols):
    """Write the symbols of words; return whether these are the words of so many symbols.

    slots  (C, TOTAL) uint8    the symbol of each number below TOTAL
    shares (C, SYMBOLS) uint32   of each symbol the sum of the frequencies before it, in the lowest
           BITS bits, and its own
    symbols (m,) uint8, written
    """
    if words.size < 2:
        return False
    state = (np.uint64(words[0]) << np.uint64(16)) | np.uint64(words[1])
    at = 2
    for j in range(symbols.size):
        if j + AHEAD < symbols.size:
            prefetch(symbols, links[j + AHEAD])
        own = _context(j, symbols, links, labels, classes, most)
        place = np.int64(state & np.uint64(TOTAL - 1))
        symbol = np.int64(slots[own, place])
        share = np.int64(shares[own, symbol])
        if share < TOTAL:
            return False
        symbols[j] = symbol
        state = np.uint64(share >> BITS) * (state >> np.uint64(BITS)) + np.uint64(
            place - (share & (TOTAL - 1))
        )
        if state < np.uint64(LOWEST):
            if at >= words.size:
                return False
            state = (state << np.uint64(16)) | np.uint64(words[at])
            at += 1
    return at == words.size and state == np.uint64(LOWEST)
