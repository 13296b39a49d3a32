"""Lists of labels in memory: that of one is its member, and of several the first is taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from textmlr.base.errors import InputError
from textmlr.corpus.containers import column_of

_LISTS = (list, tuple, np.ndarray)
_MEND = "give each document a label, or leave it out"


def first_of_lists(labels: Any) -> tuple[Any, int]:
    """(labels, of which lists have become their first members; documents with several labels).

    labels  as ``corpus.labels.code_labels`` takes them, or lists of such
    Raises InputError, naming the position, for a list that is empty.

    >>> first_of_lists([["a"], ["b", "a"]])
    (['a', 'b'], 1)
    """
    column = column_of(labels, "labels", "label")
    if hasattr(column, "chunks"):
        return _in_arrow(column)
    if not isinstance(column, Sequence) or not any(isinstance(one, _LISTS) for one in column[:1]):
        return column, 0
    members, several = [], 0
    for position, label in enumerate(column):
        own = list(label) if isinstance(label, _LISTS) else [label]
        if not own:
            raise _empty(position)
        members.append(own[0])
        several += any(other != own[0] for other in own[1:])
    return members, several


def _in_arrow(column: Any) -> tuple[Any, int]:
    import pyarrow as pa

    from textmlr.corpus.arrow_types import first_members, is_list, plain

    if not is_list(column.type):
        return column, 0
    parts, several, first = [], 0, 0
    for chunk in column.chunks:
        counts, members = first_members(chunk)
        if (counts == 0).any():
            raise _empty(first + int((counts == 0).argmax()))
        places = np.cumsum(counts > 0) - 1
        parts.append(plain(members).take(pa.array(places, mask=counts < 0)))
        several += int((counts > 1).sum())
        first += len(chunk)
    return pa.chunked_array(parts) if parts else pa.chunked_array([], pa.string()), several


def _empty(position: int) -> InputError:
    return InputError(f"label {position} is an empty list", mend=_MEND)
