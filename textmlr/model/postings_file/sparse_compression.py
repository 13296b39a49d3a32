"""A smaller model with a sparse θ: as many weights as a file of some size has room for."""

from __future__ import annotations

from collections.abc import Callable

from textmlr.base import tensor_file
from textmlr.base.errors import InputError
from textmlr.model.model import Model
from textmlr.model.model_file import pack
from textmlr.model.postings_file.fewer_postings import RankedPostings

NEAR = 0.98  # share of the size wanted that is near enough
MOST_STEPS = 12
Watch = Callable[[int, int], None]


def compress_sparse(model: Model, size: int, max_size: int, watch: Watch | None) -> Model:
    """The model with as many weights as a file of at most ``max_size`` bytes has room for.

    size  of its own file, which is larger
    Raises InputError where even a model of one weight is.
    """
    ranked = RankedPostings.of(model)

    def tried(number: int) -> tuple[Model, int]:
        made = ranked.best(number)
        own = tensor_file.size_of(*pack(made.parts))
        if watch is not None:
            watch(made.parts.rows - int(made.featurizer.options.bias), own)
        return made, own

    low, high = min(len(ranked), 1), len(ranked)
    best, least = tried(low)
    if least > max_size:
        raise InputError(
            f"no model fits in {max_size:,} bytes: labels, record and one weight take {least:,}",
            mend=f"allow {least:,} bytes or more",
        )
    below, above = least, size  # bytes of so many weights
    for _ in range(MOST_STEPS):
        if below >= NEAR * max_size or high - low < 2:
            break
        share = ((1 + NEAR) / 2 * max_size - below) / max(above - below, 1)
        number = low + round(share * (high - low))
        number = min(max(number, low + 1), high - 1)
        made, own = tried(number)
        if own <= max_size:
            best, low, below = made, number, own
        else:
            high, above = number, own
    return best
