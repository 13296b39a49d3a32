"""The parts of a model, as its file and its copies have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

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
    """Updates of a model resume from it.

    squares     with hidden layers trained by Adagrad, the sums of squared gradients of each layer's
                rows: see ``training.sgd.fit.Fit``; () where they are not known
    trained_on  the sketch of the documents of training; None where it is not known
    """

    squares: Sequence[NDArray[np.float32]] = ()
    trained_on: Sketch | None = None


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
