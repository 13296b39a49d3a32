"""How θ learns from new documents without losing the old ones: one way for each kind of model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.options import DEFAULT_L2, TrainingOptions
from textmlr.features.extension import Extended, row_frequencies
from textmlr.features.vocabulary import inverse_document_frequency
from textmlr.model.model import Model
from textmlr.model.parameters import Network
from textmlr.model.scoring import score
from textmlr.training.exact.solver import Step
from textmlr.training.objective import Objective
from textmlr.training.rows import check_memory
from textmlr.training.sgd.trials import Progress
from textmlr.training.update.linear_update import advance
from textmlr.training.update.network_update import Continuation, Continued

Watch = Callable[[Step | Progress], None]
Layers = list[NDArray[np.float32]]
MOST_FACTOR = 10.0
COPIES = 3  # of weights and squares that are there while a network learns, beside the old model


class Way(Protocol):
    """From documents to θ."""

    def learn(
        self, documents: Objective, times: NDArray[np.float64], threads: int, watch: Watch
    ) -> Continued:
        """θ after the documents.

        times  (n,) float64   what calibration multiplies the old scores by
        """


@dataclass(frozen=True, slots=True, eq=False)
class Penalised:
    """Of linear models: the minimum of the new loss and a penalty, as ``linear_update`` finds it.

    theta  (V, L) float32   old θ, with rows and columns for what is new
    precision, common  (V,) float64
    """

    theta: NDArray[np.float32]
    precision: NDArray[np.float64]
    common: NDArray[np.float64]

    def learn(
        self, documents: Objective, times: NDArray[np.float64], threads: int, watch: Watch
    ) -> Continued:
        """Loss is that of calibrated scores, t(x)·θᵀf(x, ℓ), with t(x) as the old θ has it."""
        base = score(documents.features, Network.of([self.theta])) * times[:, None]
        rows = documents.features
        if (times != 1).any():
            values = rows.values * np.repeat(times, np.diff(rows.indptr)).astype(np.float32)
            documents = replace(documents, features=replace(rows, values=values))
        theta = advance(documents, base, self.precision, threads, watch, common=self.common)
        theta += self.theta
        return Continued([theta], [])


@dataclass(frozen=True, slots=True, eq=False)
class Resumed:
    """Of networks: Adagrad goes on, see ``training.update.network_update``.

    Its loss is that of the scores themselves: t(x), whose mean is about 1, is left out, since it
    would have to be followed through every layer.
    """

    state: Continuation
    options: TrainingOptions
    power: float

    @classmethod
    def of(
        cls, model: Model, grown: Extended, layers: Layers, known: NDArray[np.bool_], new: Objective
    ) -> Resumed:
        """layers  old θ, with rows and columns of 0 for what is new; the new labels' biases are
        written: as rare as one document more."""
        options, power, rate, factor, counts = _training(model)
        check_memory(len(layers[0]), len(known), options, threads=COPIES)
        frequencies = row_frequencies(grown.featurizer, grown.columns)
        assert frequencies is not None
        idf = inverse_document_frequency(frequencies, grown.featurizer.documents)
        squares = [*model.squares]
        squares[0] = np.zeros(len(layers[0]), np.float32)
        squares[0][: len(model.squares[0])] = model.squares[0]
        per_label = np.zeros(len(known))
        per_label[known] = counts
        if not known.all():
            last = layers[-1][:, known] / np.float32(factor)
            old = Network.of([*layers[:-1], last], model.activation)
            usual = new.head.log_z(score(new.features, old)).mean()
            layers[-1][-1, ~known] = factor * (usual - np.log1p(model.featurizer.documents))
        scale = (idf**power).astype(np.float32)
        state = Continuation(
            layers, squares, model.activation, known, per_label, scale, rate, factor
        )
        return cls(state, options, power)

    def learn(
        self, documents: Objective, times: NDArray[np.float64], threads: int, watch: Watch
    ) -> Continued:
        """θ after the documents; ``times`` do not count."""
        l2 = self.options.l2
        documents = replace(documents, l2=DEFAULT_L2 if l2 is None else l2)
        try:
            return self.state.learn(
                documents,
                self.options,
                threads,
                lambda epoch: watch(Progress("update", self.power, epoch, None)),
            )
        except ArithmeticError as error:
            raise InputError(str(error), mend="train it again, on all documents") from error


def _training(model: Model) -> tuple[TrainingOptions, float, float, float, list[int]]:
    """What a network's record says of its training: (options, decided; idf_power; learning rate;
    calibration's factor; documents of each label).  Raises InputError where it does not."""
    record = model.record
    try:
        options = TrainingOptions.of(record["options"]).decided()
        power, rate = float(record["final"]["idf_power"]), float(record["final"]["learning_rate"])
        factor = float(record["final"]["calibration"]["factor"])
        # Of scores that were all but alike it says nothing of how large they are to be.
        factor = min(max(factor, 1 / MOST_FACTOR), MOST_FACTOR)
        counts = [int(count) for count in record["corpus"]["per_label"]]
        if not (
            power >= 0
            and 0 < rate < np.inf
            and 0 < factor < np.inf
            and len(counts) == len(model.labels)
        ):
            raise ValueError("out of range")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"the model's record does not say how it was trained ({error})",
            mend="train it again, on all documents",
        ) from error
    return options, power, rate, factor, counts


def check(model: Model) -> None:
    """Raise InputError where a network does not say what its steps were divided by."""
    if len(model.layers) == 1 or model.squares:
        return
    if "compressed" in model.record:
        mend = "update the model that it was compressed from"
    elif model.record.get("options", {}).get("step") == "plain":
        mend = "train it again with --step adagrad, or on all documents"
    else:
        mend = "train it again, with this version of textmlr"
    raise InputError(
        "the model has hidden layers, and does not say how far each of its weights has been "
        "learnt (the sums of squared gradients)",
        mend=mend,
    )
