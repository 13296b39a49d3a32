"""The text that kernels read: documents in the form that the options ask for.

Tokens, their places and the names of features all lie in the prepared text; ``alignment`` leads
from there back to the original.

A kernel finds the documents that the form changes, mostly none; Python's unicodedata makes the new
text of these.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.corpus.batch import Batch
from textmlr.features import own_tokens
from textmlr.features.canonical_text import Reading, small
from textmlr.features.normal_tables import are_made, normal_tables
from textmlr.features.unicode_tables import frozen_tables
from textmlr.kernels import normal_form as kernels
from textmlr.kernels.jit import is_plain

PIECE_BYTES = 1 << 20  # of text that Python makes at a time
FEW_BYTES = 1 << 15  # of text that takes less time in Python than the tables for kernels
_SEPARATOR, _INVALID = (chr(0xDC00 + byte) for byte in (kernels.SEPARATOR, kernels.INVALID))


def _subpart(error: UnicodeError) -> tuple[str, int]:
    """Each piece of invalid UTF-8 becomes a byte that is one by itself: their number stays what it
    was, and none joins another."""
    assert isinstance(error, UnicodeDecodeError)
    byte = error.object[error.start]
    return (_SEPARATOR if byte == kernels.SEPARATOR else _INVALID), error.end


codecs.register_error("textmlr.subpart", _subpart)


def prepared(block: Batch, options: FeaturizerOptions, by_python: bool | None = None) -> Batch:
    """The documents as they are read: the block itself, where that changes none of them.

    by_python  as ``goes_by_python`` told of this block before, None: it is asked now
    Pieces of invalid UTF-8 stay as many as they are.
    """
    if options.has_own_tokens:
        return _tokenised(block, options)
    reading = Reading.of(options)
    if not reading.changes or block.is_ascii:
        return block
    starts, stops = frozen(block.starts), frozen(block.stops)
    if goes_by_python(block, options) if by_python is None else by_python:
        changed = _beyond_ascii(block).astype(np.uint8)
    else:
        changed = np.empty(len(block), np.uint8)
        form = normal_form(options)
        if not kernels.changes(frozen(block.text), starts, stops, form, changed):
            return block
    changed = frozen(changed)
    lengths = stops - starts
    own = lengths[changed > 0]
    if not len(own):
        return block
    apart = np.empty(int(own.sum()) + len(own), np.uint8)
    kernels.take_apart(frozen(block.text), starts, stops, changed, apart)
    made = _made(apart, reading)
    if np.array_equal(made, apart):
        return block
    text = np.empty(int(lengths.sum()) + len(made) - len(apart), np.uint8)
    ends = np.empty(len(block), np.int64)
    kernels.put_together(frozen(block.text), starts, stops, changed, frozen(made), text, ends)
    text.flags.writeable = False
    return Batch(text, np.concatenate([np.zeros(1, np.int64), ends[:-1]]), ends)


def prepared_document(data: bytes, options: FeaturizerOptions) -> bytes:
    """One document as it is read."""
    text = Reading.of(options).canonical(data.decode("utf-8", "textmlr.subpart"))
    return text.encode("utf-8", "surrogateescape")


def _tokenised(block: Batch, options: FeaturizerOptions) -> Batch:
    """The documents as the tokens that Python finds in them."""
    reading = _before_tokens(options)
    data = []
    for i in range(len(block)):
        text = reading.canonical(block[i].decode("utf-8", "textmlr.subpart"))
        data.append(own_tokens.joined(text, options).encode("utf-8", "surrogateescape"))
    stops = np.cumsum([len(one) for one in data], dtype=np.int64)
    made = np.frombuffer(b"".join(data), np.uint8)
    return Batch(made, np.concatenate([np.zeros(1, np.int64), stops])[:-1], stops)


def _before_tokens(options: FeaturizerOptions) -> Reading:
    """The form of text in which Python finds tokens; it is lower-cased then."""
    return Reading.of(options)._replace(lowercase=False)


def normal_form(options: FeaturizerOptions) -> kernels.NormalForm:
    """The form as kernels take it."""
    reading = Reading.of(options)
    form = _forms.get(reading)
    if form is None:
        lower = frozen_tables(options, False)[0] if reading.lowercase else _as_it_is
        classes, pairs = normal_tables(reading)
        size = kernels.PAGES * kernels.PAGE
        read = lower[:size] if reading.lowercase else np.arange(size, dtype=np.uint32)
        matters = (classes[read] & kernels.MATTERS).reshape(-1, kernels.PAGE) > 0
        pages = frozen(np.any(matters, axis=1).view(np.uint8))
        form = kernels.NormalForm(lower, classes, pairs, pages)
        _forms[reading] = form
    return form


_as_it_is = frozen(np.arange(128, dtype=np.uint32))
_forms: dict[Reading, kernels.NormalForm] = {}


def goes_by_python(block: Batch, options: FeaturizerOptions) -> bool:
    """Whether Python's own functions look at all documents that are not ASCII, since that takes
    less time than to make the tables of the kernel.

    Both ways read the same tokens, but Python lower-cases the text that it makes: tokens may lie
    elsewhere in it.  Tables may be there the next time, so where places in the text are kept, the
    way is kept beside them.
    """
    reading = Reading.of(options)
    if options.has_own_tokens or not reading.changes or block.is_ascii:
        return False
    if is_plain():
        return True
    if are_made(reading) or block.text_bytes > PIECE_BYTES:
        return False
    return int((block.stops - block.starts)[_beyond_ascii(block)].sum()) <= FEW_BYTES


def _beyond_ascii(block: Batch) -> NDArray[np.bool_]:
    """Whether each document is not ASCII: (n,)."""
    begin, end = int(block.starts.min()), int(block.stops.max())
    above = np.zeros(end - begin + 1, np.int64)  # bytes above 0x7F before each
    np.cumsum(block.text[begin:end] >= 0x80, out=above[1:])
    beyond: NDArray[np.bool_] = above[block.stops - begin] > above[block.starts - begin]
    return beyond


def _made(apart: NDArray[np.uint8], reading: Reading) -> NDArray[np.uint8]:
    """Documents, each with a separator behind it, in their form."""
    parts = []
    for piece in _pieces(apart, reading):
        text = reading.canonical(piece.decode("utf-8", "textmlr.subpart"))
        parts.append(np.frombuffer(text.encode("utf-8", "surrogateescape"), np.uint8))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _pieces(apart: NDArray[np.uint8], reading: Reading) -> Iterator[bytes]:
    """Text cut where the form of the whole is the form of the parts."""
    first, last = 0, len(apart)
    while first < last:
        cut = last
        if first + PIECE_BYTES < last:
            classes, _ = normal_tables(reading)
            cut = kernels.next_begin(frozen(apart), first + PIECE_BYTES, classes)
        yield apart[first:cut].tobytes()
        first = cut


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """A prepared text, and the characters of the original that each of its characters stands for.

    text           (p,) code points   as ``prepared`` makes it
    starts, stops  (p,) int64   characters of the original, neither descending
    """

    text: str
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    def originals(
        self, starts: NDArray[np.int64], stops: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(starts, stops) in the original of spans of the prepared text, none of them empty."""
        return self.starts[starts], self.stops[stops - 1]


def alignment(text: str, options: FeaturizerOptions) -> Alignment:
    """Align a document with its prepared text."""
    if not options.has_own_tokens:
        return _aligned(text, Reading.of(options))
    form = _aligned(text, _before_tokens(options))
    tokens, starts, stops = own_tokens.aligned(form.text, options)
    begins, ends = np.append(form.starts, len(text)), np.append(form.stops, len(text))
    # A token that is not in the text as it stands has no place in it.
    return Alignment(
        tokens, begins[starts], np.where(stops > starts, ends[stops - 1], begins[starts])
    )


def _aligned(text: str, reading: Reading) -> Alignment:
    places = np.arange(len(text) + 1)
    made = reading.canonical(text)
    if made in (text, small(text)):
        return Alignment(made, places[:-1], places[1:])
    classes, _ = normal_tables(reading)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = classes[np.minimum(codes, len(classes) - 1)]
    kinds[0] &= ~np.uint16(kernels.JOINS)
    begins = np.flatnonzero((kinds & kernels.JOINS) == 0)
    ends = np.append(begins[1:], len(text))
    # Most segments are of one character, which stays.
    doubtful = np.bitwise_or.reduceat(kinds, begins) & (kernels.CHANGES | kernels.JOINS) > 0
    starts, stops, at = [], [], 0
    for first, last in zip(begins[doubtful].tolist(), ends[doubtful].tolist(), strict=True):
        own = text[first:last]
        becomes = reading.canonical(own)
        if becomes in (own, small(own)):
            continue
        starts += [places[at:first], np.full(len(becomes), first)]
        stops += [places[at + 1 : first + 1], np.full(len(becomes), last)]
        at = last
    starts.append(places[at:-1])
    stops.append(places[at + 1 :])
    aligned = Alignment(made, np.concatenate(starts), np.concatenate(stops))
    assert len(aligned.starts) == len(made)  # else words would be shown elsewhere
    return aligned
