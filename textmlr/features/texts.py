"""What people hold, as Batches: lists, iterators, NumPy, Arrow, pandas."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.corpus.batch import Batch
from textmlr.errors import InputError

_SURROGATE = re.compile("[\ud800-\udfff]")


def batches_of(texts: Any) -> list[Batch]:
    """Documents as Batches, in order.

    texts  Batch, list of Batch, iterable of str or bytes, NumPy array of str, bytes or
           objects, Arrow array or chunked array of (large) strings or binary, pandas Series
    Arrow's buffers are used where they lie; the rest is encoded once into one buffer.
    A lone surrogate in a str is read as U+FFFD.
    Raises InputError for one str in place of a list, and for anything that is not text,
    naming its position.
    """
    if isinstance(texts, Batch):
        return [texts]
    if isinstance(texts, list) and texts and all(isinstance(text, Batch) for text in texts):
        return texts
    if isinstance(texts, str | bytes):
        raise InputError(
            f"expected a list of documents, got one {type(texts).__name__}",
            mend="put it in a list: [text]",
        )
    if (arrow := _arrow_chunks(texts)) is not None:
        return arrow
    if isinstance(texts, np.ndarray) and texts.ndim != 1:
        raise InputError(
            f"expected one dimension of documents, got an array of shape {texts.shape}",
            mend="pass a column, such as texts[:, 0]",
        )
    if hasattr(texts, "to_numpy"):  # pandas and polars Series
        texts = texts.to_numpy()
    if isinstance(texts, np.ndarray):
        texts = texts.tolist()
    if not isinstance(texts, Iterable):
        raise InputError(
            f"expected documents, got {type(texts).__name__}",
            mend="pass a list of str, an array or a Series",
        )
    return [_encode(texts)]


def _encode(texts: Iterable[Any]) -> Batch:
    encoded = []
    for position, text in enumerate(texts):
        if isinstance(text, str):
            try:
                encoded.append(text.encode())
            except UnicodeEncodeError:
                encoded.append(_SURROGATE.sub("\ufffd", text).encode())
        elif isinstance(text, bytes):
            encoded.append(text)
        else:
            raise InputError(
                f"document {position} is {text!r:.40} ({type(text).__name__}), not text",
                mend="fill or drop missing texts first",
            )
    stops = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), dtype=np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), stops[:-1]]) if encoded else stops
    return Batch(np.frombuffer(b"".join(encoded), np.uint8), starts, stops)


def _arrow_chunks(texts: Any) -> list[Batch] | None:
    """Batches over Arrow's own buffers, None if texts is not Arrow's."""
    module = type(texts).__module__
    if module.startswith("pandas"):
        values = getattr(texts, "array", None)
        if not hasattr(values, "__arrow_array__"):
            return None
        import pyarrow as pa

        texts = pa.chunked_array([pa.array(values)]) if values is not None else texts
    elif not module.startswith("pyarrow"):
        return None
    import pyarrow as pa

    if not isinstance(texts, pa.ChunkedArray | pa.Array):
        raise InputError(
            f"expected a column of documents, got an Arrow {type(texts).__name__}",
            mend="pass an array, such as table['text']",
        )
    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    batches = []
    position = 0
    for chunk in chunks:
        batches.append(_arrow_batch(chunk, position))
        position += len(chunk)
    return batches


def _arrow_batch(chunk: Any, position: int) -> Batch:
    import pyarrow as pa

    kind = chunk.type
    if pa.types.is_dictionary(kind):
        chunk = chunk.dictionary_decode()
        kind = chunk.type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        chunk = chunk.cast(pa.large_binary())
        kind = chunk.type
    small = pa.types.is_string(kind) or pa.types.is_binary(kind)
    if not (small or pa.types.is_large_string(kind) or pa.types.is_large_binary(kind)):
        raise InputError(f"expected an Arrow array of strings, got {kind}", mend="pass the text")
    if chunk.null_count:
        missing = position + int(np.flatnonzero(chunk.is_null().to_numpy(zero_copy_only=False))[0])
        raise InputError(f"document {missing} is missing (null)", mend="fill or drop missing texts")
    _, offsets, data = chunk.buffers()
    width = np.int32 if small else np.int64
    if len(chunk) == 0:
        none: NDArray[np.int64] = np.zeros(0, np.int64)
        return Batch(np.zeros(0, np.uint8), none, none)
    ends = np.frombuffer(offsets, width)[chunk.offset : chunk.offset + len(chunk) + 1]
    ends64 = ends.astype(np.int64, copy=False)
    text = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    return Batch(text, ends64[:-1], ends64[1:])
