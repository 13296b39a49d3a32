"""θ as a list of layers: the linear model is the list of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen, is_finite, pages
from textmlr.base.training_options import Activation
from textmlr.kernels import layers as kernels
from textmlr.kernels import linear
from textmlr.kernels.csr_rows import Csr

_CODES: dict[Activation, int] = {
    "relu": kernels.RELU,
    "tanh": kernels.TANH,
    "identity": kernels.IDENTITY,
}
LINEAR: Activation = "identity"  # a model without hidden layers has nothing to activate


def check_scores_finite(layers: Sequence[NDArray[np.float32]]) -> None:
    """Raise ValueError where a weight is so large that scores might not be finite: through all
    layers 1e30, which no trained weight comes near."""
    most = max(1e30 ** (1 / len(layers)), 1e3)
    if any(max(-layer.min(initial=0), layer.max(initial=0)) > most for layer in layers):
        raise ValueError("theta is so large that scores would be infinite")


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """The parameters, in the form that kernels take (``kernels.layers``).

    h_1 = g(θ_1ᵀf(x)),  h_k = g(Θ_kᵀh_{k−1} + b_k),  scores = Θ_Kᵀh_{K−1} + b_K

    theta  (V, W1) float32   the first layer; its bias is the feature that is always on
    upper  (U, W) float32    those above; b_k is the last row of each
    shape  (1 + K,) int64    activation and widths
    """

    theta: NDArray[np.float32]
    upper: NDArray[np.float32]
    shape: NDArray[np.int64]

    @classmethod
    def zeros(cls, columns: int, widths: Sequence[int], activation: Activation = LINEAR) -> Network:
        """Parameters that are all 0.

        columns  V;  widths  of the layers, the last is L
        """
        upper = np.zeros((_rows_above(widths), max(widths[1:], default=widths[0])), np.float32)
        theta = pages(columns * widths[0], np.float32).reshape(columns, widths[0])
        return cls(theta, upper, np.array([_CODES[activation], *widths], np.int64))

    @classmethod
    def of(cls, layers: Sequence[NDArray[np.float32]], activation: Activation = LINEAR) -> Network:
        """The network of these layers: (V, W1), (W1 + 1, W2), ..., (W + 1, L), each float32.

        Raises ValueError if one does not fit on the one below it, or has weights that are not
        finite.
        """
        widths = [layer.shape[1] for layer in layers]
        for below, layer in pairwise(layers):
            if len(layer) != below.shape[1] + 1:
                raise ValueError(f"a layer has {len(layer)} rows, not {below.shape[1] + 1}")
        if not all(is_finite(layer) for layer in layers):
            raise ValueError("theta is not finite")
        upper = np.zeros((_rows_above(widths), max(widths[1:], default=widths[0])), np.float32)
        network = cls(layers[0], upper, np.array([_CODES[activation], *widths], np.int64))
        for own, layer in zip(network.layers[1:], layers[1:], strict=True):
            own[:] = layer
        return network

    @property
    def widths(self) -> list[int]:
        """Units of each layer; the last are the labels."""
        widths: list[int] = self.shape[1:].tolist()
        return widths

    @property
    def labels(self) -> int:
        """L."""
        return int(self.shape[-1])

    @property
    def activation(self) -> Activation:
        """g."""
        return next(name for name, code in _CODES.items() if code == self.shape[0])

    @property
    def layers(self) -> list[NDArray[np.float32]]:
        """Views of all layers, from the first on."""
        layers, base = [self.theta], 0
        for below, width in pairwise(self.widths):
            layers.append(self.upper[base : base + below + 1, :width])
            base += below + 1
        return layers

    def scores(self, rows: Csr, out: NDArray[np.float32]) -> None:
        """Write score(x, ℓ) of rows to out, (n, L), nats."""
        linear.scores(rows, self.arrays(), self.frozen_room(), out)

    def scale_rows(self, scale: NDArray[np.float32]) -> None:
        """Multiply each row of the first layer by its factor: (V,)."""
        self.theta[:] *= scale[:, None]

    def row(self, number: int) -> NDArray[np.float32]:
        """A row of the last layer: a view, (L,)."""
        own: NDArray[np.float32] = self.layers[-1][number]
        return own

    def initialise(self, rng: np.random.Generator) -> None:
        """Write the parameters that training starts from.

        The layer of a linear model is 0: all labels are as likely.  With hidden layers all are
        drawn, uniformly, since units that begin alike would stay so: with variance 2/(V + W1) the
        first (Glorot and Bengio, AISTATS 2010, equation 16), 2/W the others (He et al., ICCV 2015,
        equation 10).  Biases are 0.
        """
        self.clear()
        if not len(self.upper):
            return
        for number, layer in enumerate(self.layers):
            below = len(layer) - 1
            variance = 2 / below if number else 2 / sum(layer.shape)
            edge = np.float32(np.sqrt(3 * variance))
            drawn = layer[:below] if number else layer
            drawn[:] = (2 * edge) * rng.random(drawn.shape, np.float32) - edge

    def fill(self, other: Network) -> None:
        """Take over the parameters of one as large."""
        self.theta[:] = other.theta
        self.upper[:] = other.upper

    def copy(self) -> Network:
        """These parameters, in memory of their own."""
        return Network(self.theta.copy(), self.upper.copy(), self.shape)

    def clear(self) -> None:
        """Make all parameters 0."""
        self.theta.fill(0)
        self.upper.fill(0)

    @property
    def is_finite(self) -> bool:
        """Whether all parameters are finite."""
        return is_finite(self.theta) and is_finite(self.upper)

    def room(self, *, training: bool = False) -> kernels.Units:
        """Scratch of one thread for kernels."""
        layers, widest = len(self.shape) - 1, max(self.upper.shape[1], *self.widths) + 1
        work = np.zeros((4 if training else 3, layers, widest), np.float32)
        rows = np.zeros((layers, widest), np.int32)
        return kernels.Units(work, rows, np.zeros(layers, np.int64), work, rows)

    def frozen_room(self, *, training: bool = False) -> kernels.Units:
        """The same for kernels whose rows of f(x) are read-only."""
        room = self.room(training=training)
        return room._replace(seen=frozen(room.work), seen_rows=frozen(room.rows))

    def arrays(self) -> kernels.Layers:
        """The layers as kernels take them to read."""
        return kernels.Layers(frozen(self.theta), frozen(self.upper), frozen(self.shape))


def _rows_above(widths: Sequence[int]) -> int:
    return sum(width + 1 for width in widths[:-1])
