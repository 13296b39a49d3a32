"""Names of n-grams, read from the text once more."""

from typing import Any, NamedTuple

import numpy as np

from textmlr.kernels.code_points import _put, _put_code, _put_lower
from textmlr.kernels.featurizer_codes import CHAR_HIGH, CHAR_LOW, HIGH, LOW
from textmlr.kernels.jit import kernel
from textmlr.kernels.ngram_hashes import RING, _next_code, _shortest
from textmlr.kernels.tokens import _token_stop

SPACE = 32
CHAR_PREFIX = np.frombuffer(b"char:", np.uint8)  # names of character n-grams begin so


class Names(NamedTuple):
    """Names, written one after the other.

    utf8  (bytes,) uint8;  ends (w,) int64   where each name ends
    """

    utf8: Any
    ends: Any


@kernel
def _name_words(text, stop, starts, low, high, wanted, done, names):
    """Write the names of the wanted word n-grams of a document, in the order in which
    ``_word_ngrams`` makes them: (word n-grams there are, names done).

    A name is the n-gram's tokens, lower-cased, with one space between.

    stop    int            where the document ends
    starts  (t,) int64     where its tokens begin
    wanted  (w,) int64     numbers of n-grams, ascending; those before wanted[done] are written
    names   Names          written, as far as there is room; the ends are right all the same
    """
    utf8, ends = names
    at = ends[done - 1] if done > 0 else 0
    gram = 0
    for last in range(starts.size):
        here = max(0, min(high, last + 1) - low + 1)
        while done < wanted.size and wanted[done] < gram + here:
            first = last + 1 - (low + wanted[done] - gram)
            for token in range(first, last + 1):
                if token > first:
                    at = _put(utf8, at, SPACE)
                at = _put_lower(
                    text, starts[token], _token_stop(text, starts[token], stop), utf8, at
                )
            ends[done] = at
            done += 1
        gram += here
    return gram, done


@kernel
def _name_characters(text, stop, starts, low, high, window, gram, wanted, done, names):
    """``_name_words`` for character n-grams, as ``_char_ngrams`` makes them; return names done.

    A name is the prefix and the n-gram's characters, padding spaces included.

    gram  number of the first;  window (WINDOW,) uint64  scratch
    """
    utf8, ends = names
    at = ends[done - 1] if done > 0 else 0
    for token in range(starts.size):
        if done == wanted.size:
            break
        i = starts[token]
        end = _token_stop(text, i, stop)
        length = 0
        closing = False
        while not closing:
            i, closing = _next_code(text, i, end, length, window)
            length += 1
            shortest = _shortest(length, closing, low)
            here = max(0, min(high, length) - shortest + 1)
            while done < wanted.size and wanted[done] < gram + here:
                for byte in CHAR_PREFIX:
                    at = _put(utf8, at, byte)
                for k in range(length - (shortest + wanted[done] - gram), length):
                    at = _put_code(utf8, at, np.int64(window[k & RING]))
                ends[done] = at
                done += 1
            gram += here
    return done


@kernel
def name_ngrams(text, stops, starts, offsets, codes, window, documents, wanted, names):
    """Write the names of chosen n-grams; return how many bytes they take.

    If that is more than names has room for, names is cut short: call again with enough.

    text, stops, codes         as ``tokens.split`` read them
    starts (t,) int64, offsets (n + 1,) int64   tokens, as it wrote them
    window     (WINDOW,) uint64   scratch
    documents  (w,) int64  ascending: the document of each n-gram
    wanted     (w,) int64  its number among the document's, as ``ngrams`` orders them, ascending
                           within a document
    names      Names       written
    """
    done = 0
    while done < documents.size:
        document = documents[done]
        upto = done
        while upto < documents.size and documents[upto] == document:
            upto += 1
        own = starts[offsets[document] : offsets[document + 1]]
        stop = stops[document]
        gram = 0
        if codes[HIGH] > 0:
            gram, done = _name_words(
                text, stop, own, codes[LOW], codes[HIGH], wanted[:upto], done, names
            )
        if codes[CHAR_HIGH] > 0:
            low, high = codes[CHAR_LOW], codes[CHAR_HIGH]
            _name_characters(text, stop, own, low, high, window, gram, wanted[:upto], done, names)
        done = upto
    return names.ends[done - 1] if done > 0 else 0
