"""The parts of a model, as its file and its copies have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import MODEL_MEND, check_kind, taken
from textmlr.base.errors import InputError
from textmlr.base.training_options import Activation
from textmlr.corpus.duplicates import Sketch
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.model.heads import SOFTMAX, Head
from textmlr.model.parameters import LINEAR
from textmlr.model.record import Record
from textmlr.model.scoring import Calibration
from textmlr.model.small_file.theta_storage import PLAIN, ThetaStorage


@dataclass(frozen=True, slots=True, eq=False)
class UpdateState:
    """The state that updates of a model resume from.

    squares     with hidden layers trained by Adagrad, the sums of squared gradients of each layer's
                rows: see ``training.sgd.fit.Fit``; () where they are not known
    trained_on  the sketch of the documents of training; None where it is not known
    """

    squares: Sequence[NDArray[np.float32]] = ()
    trained_on: Sketch | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.squares, list | tuple) or not all(
            isinstance(own, np.ndarray) for own in self.squares
        ):
            raise taken("squares", self.squares, "a list of arrays", MODEL_MEND)
        check_kind("trained_on", self.trained_on, Sketch, MODEL_MEND, optional=True)


@dataclass(frozen=True, slots=True, eq=False)
class ModelParts:
    """The arguments of Model; see there."""

    labels: Sequence[str]
    featurizer: Featurizer
    layers: Sequence[NDArray[np.float32]]
    record: Record
    columns: HashedColumns | None
    calibration: Calibration
    storage: ThetaStorage = PLAIN
    activation: Activation = LINEAR
    update_state: UpdateState = field(default_factory=UpdateState)
    head: Head = SOFTMAX


def check_layers(layers: Any) -> None:
    """Raise the error of a wrong argument unless these are layers of θ."""
    fits = isinstance(layers, list | tuple) and all(
        isinstance(layer, np.ndarray) and layer.ndim == 2 and layer.dtype == np.float32
        for layer in layers
    )
    if not fits or not len(layers):
        raise taken("layers", layers, "a list of float32 arrays of two dimensions", MODEL_MEND)


def check_shapes(parts: ModelParts, recorded: int) -> None:
    """Raise InputError where parts are not of one size;  recorded  labels of the record."""
    layers, squares, labels = parts.layers, parts.update_state.squares, len(parts.labels)
    rows = parts.featurizer.columns if parts.columns is None else len(parts.columns.kept)
    shape = len(layers[0]), layers[-1].shape[1]
    if shape != (rows, labels):
        raise InputError(f"theta is {shape}, not ({rows}, {labels})")
    if squares and [len(own) for own in squares] != [len(layer) for layer in layers]:
        raise InputError("the squared gradients are not those of theta's rows")
    if recorded not in (0, labels):
        raise InputError(f"the record is of {recorded} labels, not {labels}")
