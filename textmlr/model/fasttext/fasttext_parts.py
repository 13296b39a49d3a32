"""The parts of a model of fastText that models of textmlr's own do not have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.model.fasttext.product_codes import ProductCodes
from textmlr.model.small_file.theta_storage import Dtype, ThetaStorage

Loss = Literal["softmax", "hs", "ova", "ns"]
LOSSES: tuple[Loss, ...] = get_args(Loss)
TABLE_LOSSES = ("ova", "ns")  # P is a sigmoid, looked up in a table
EVEN = 0.5  # the threshold of a label of "ova": fastText knows no other


@dataclass(frozen=True, slots=True, eq=False)
class FastTextParts(ThetaStorage):
    """The form of a model of fastText, and what it has besides labels, dictionary and layers.

    version  of the format of its file
    loss     "softmax", "hs" (a tree of sigmoids), "ova" or "ns" (a sigmoid for each label)
    prefix   of its labels, which textmlr's labels are without
    tree     (L − 1, 2) int32 of "hs": see ``label_tree``; else (0, 2)
    quantised  the first layer as its file has it, where it is quantised
    """

    dtype: Dtype = "fasttext"
    version: int = 12
    loss: Loss = "softmax"
    prefix: str = ""
    tree: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 2), np.int32))
    quantised: ProductCodes | None = None


def refuse_fasttext(storage: ThetaStorage, problem: str, mend: str) -> None:
    """Raise InputError with the problem if the model is one of fastText."""
    if isinstance(storage, FastTextParts):
        raise InputError(f"a model of fastText {problem}", mend=mend)


def refuse_export(storage: ThetaStorage) -> None:
    """Raise InputError if the model is one of fastText, which other programs cannot be given."""
    problem = "cannot be exported, since other programs do not read text as it does"
    refuse_fasttext(storage, problem, "classify with it here, or give them fastText's own file")


def thresholds_of(storage: ThetaStorage, labels: int) -> NDArray[np.float64] | None:
    """The thresholds of a model of fastText: of "ova", which is trained on all labels of a line;
    the others' documents have one label, that of "ns" too, which draws one of a line."""
    own = isinstance(storage, FastTextParts) and storage.loss == "ova"
    return np.full(labels, EVEN) if own else None
