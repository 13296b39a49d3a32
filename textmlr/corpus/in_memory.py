"""Texts in memory, in any container, as Batches."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from textmlr.base.errors import InputError
from textmlr.base.option_errors import shown
from textmlr.corpus.batch import Batch
from textmlr.corpus.containers import column_of, missing_in, refuse_type

_SURROGATE = re.compile("[\ud800-\udfff]")


def batches_of(texts: Any) -> list[Batch]:
    """Documents as Batches, in order.

    texts  Batch, list of Batch, iterable of str or bytes, NumPy array of str, bytes or objects,
           Arrow array or chunked array of (large) strings or binary, pandas or polars Series,
           anything that hands out Arrow arrays by the PyCapsule interface, column of a Hugging
           Face Dataset, or such a Dataset with a column "text" (see ``corpus.containers``); or a
           Corpus, whose labels are not looked at
    Arrow's buffers are used where they lie, but for string views, which are copied once; the rest
    is encoded once into one buffer.  A lone surrogate in a str is read as U+FFFD.
    Raises InputError for one str in place of a list, and for anything that is not text,
    naming its position.

    >>> [len(batch) for batch in batches_of(["a text", "and another"])]
    [2]
    """
    if isinstance(texts, Batch):
        return [texts]
    if isinstance(texts, list) and texts and all(isinstance(text, Batch) for text in texts):
        return texts
    if hasattr(texts, "labels_of") and isinstance(own := texts.batches, Sequence):  # a Corpus
        return list(own)
    column = column_of(texts, "documents", "text")
    if not hasattr(column, "chunks"):
        return [_encode(column)]
    from textmlr.corpus.arrow_batch import batch_of  # late: it imports pyarrow
    from textmlr.corpus.arrow_types import plain, use_of

    if (missing := missing_in(column)) is not None:
        raise _missing(missing)
    if not use_of(column.type).text:
        raise refuse_type("documents", column.type, "text")
    chunks = [plain(chunk) for chunk in column.chunks]
    first = 0
    for chunk in chunks:  # a dictionary may have nulls among its distinct values too
        if chunk.null_count:
            raise _missing(first + int(chunk.is_null().to_numpy(zero_copy_only=False).argmax()))
        first += len(chunk)
    return [batch_of(chunk) for chunk in chunks]


def _missing(position: int) -> InputError:
    return InputError(f"document {position} is missing (null)", mend="fill or drop missing texts")


def _encode(texts: Iterable[Any]) -> Batch:
    encoded = None
    if isinstance(texts, list | tuple) and set(map(type, texts)) == {str}:
        with suppress(UnicodeEncodeError):
            encoded = list(map(str.encode, texts))
    if encoded is None:
        encoded = [_encoded(text, position) for position, text in enumerate(texts)]
    stops = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), dtype=np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), stops[:-1]]) if encoded else stops
    return Batch(np.frombuffer(b"".join(encoded), np.uint8), starts, stops)


def _encoded(text: Any, position: int) -> bytes:
    """A text as UTF-8.  Raises InputError for what is no text."""
    if isinstance(text, bytes):
        return text
    if isinstance(text, str):
        try:
            return text.encode()
        except UnicodeEncodeError:
            return _SURROGATE.sub("\ufffd", text).encode()
    missing = text is None or isinstance(text, float)
    raise InputError(
        f"document {position} is {shown(text):.40} ({type(text).__name__}), not text",
        mend="fill or drop missing texts first" if missing else "make each text a str",
    )
