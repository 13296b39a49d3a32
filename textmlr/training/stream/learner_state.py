"""The state of a StreamLearner, as checkpoints keep it."""

from __future__ import annotations

from dataclasses import fields
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import pages
from textmlr.model.heads import SOFTMAX, head_of, header_of
from textmlr.training.stream.recent import Recent
from textmlr.training.stream.stream_learner import (
    FIRST_ROWS,
    MOST_LABELS,
    StreamLearner,
    check_room,
    rows_of,
    wide_for,
)

Arrays = dict[str, NDArray[Any]]


def state_of(learner: StreamLearner) -> tuple[dict[str, Any], Arrays]:
    """(JSON, arrays) from which ``restored`` makes the same learner."""
    about = {
        "width": learner.width,
        "length": learner.length,
        "bias": learner.bias,
        "rate": learner.rate,
        "power": learner.power,
        "labels": learner.labels,
        "documents": learner.documents,
        "lengths": learner.lengths,
        "unit": learner.unit,
    } | header_of(learner.head)
    used, labels = slice(learner.used), slice(learner.labels)
    arrays: Arrays = {
        "totals": learner.totals,
        "kept": learner.kept[used],
        "tallies": learner.tallies[used],
        "theta": learner.theta[used, labels],
        "squares": learner.squares[used, labels],
    }
    n = min(learner.documents, len(learner.recent.y))
    for field in fields(learner.recent):
        array = getattr(learner.recent, field.name)[:n]
        arrays[f"recent.{field.name}"] = array[:, labels] if array.ndim == 2 else array
    return about, arrays


def restored(about: dict[str, Any], arrays: Arrays) -> StreamLearner:
    """The learner of a state.  Raises KeyError, TypeError or ValueError where it is none."""
    for name in ("width", "labels", "documents"):
        if type(about[name]) is not int or about[name] < 0:
            raise ValueError(f"{name} is no number of them")
    for name in ("rate", "power", "lengths", "unit"):
        if type(about[name]) not in (int, float) or not isfinite(about[name]):
            raise ValueError(f"{name} is no number")
    own = StreamLearner(
        about["width"],
        about["rate"],
        about["power"],
        length=about["length"],
        bias=about["bias"],
        head=head_of(about.get("head", SOFTMAX.name)),
    )
    if arrays["totals"].shape != own.totals.shape:
        raise ValueError("totals are not three")
    labels, rows = about["labels"], len(arrays["kept"])
    wide = wide_for(labels)
    if not (0 <= labels <= MOST_LABELS and arrays["theta"].shape == (rows, labels)):
        raise ValueError("theta does not have its rows and labels")
    kept = arrays["kept"]
    if len(kept) and not 0 <= kept.min() <= kept.max() < own.width:
        raise ValueError("a column is out of range")
    check_room(rows, wide)
    room = max(rows, FIRST_ROWS)
    own.kept, own.tallies = rows_of(room)
    own.theta, own.squares = (pages(room * wide, np.float32).reshape(room, wide) for _ in range(2))
    for name in ("kept", "tallies"):
        getattr(own, name)[:rows] = arrays[name]
    for name in ("theta", "squares"):
        getattr(own, name)[:rows, :labels] = arrays[name]
    own.numbers[kept] = np.arange(rows, dtype=np.int32)
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name} is not finite")
    for name in ("squares", "tallies", "recent.weights"):
        if arrays[name].min(initial=0) < 0:
            raise ValueError(f"{name} is below 0")
    recent, sets = arrays["recent.y"], own.head.has_sets
    if len(recent) and not 0 <= recent.min(initial=0) <= recent.max(initial=0) < (
        2 if sets else labels
    ):
        raise ValueError("a label is out of range")
    own.recent = Recent.of(wide, sets=sets)
    n = min(about["documents"], len(own.recent.y))
    for field in fields(own.recent):
        array, saved = getattr(own.recent, field.name), arrays[f"recent.{field.name}"]
        if array.ndim == 2:
            array = array[:, :labels]
        array[:n] = saved
    own.totals = np.array(arrays["totals"])
    own.labels, own.documents, own.used = labels, about["documents"], rows
    own.lengths, own.unit = about["lengths"], about["unit"]
    return own
