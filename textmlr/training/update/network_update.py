"""From a network to the next: Adagrad goes on over new documents from where it ended.

The steps of each weight are divided by the root of the sum of its squared gradients, those of the
old documents among them, of which the file keeps the mean of each row.  So features and units that
the old documents were full of hardly move, and new ones are free.

New documents need not have the labels that old ones had.  They are learnt from as if their shares
were those of all documents, old and new: the score of ℓ is o_ℓ larger while they are,

    o_ℓ = log(share of the new documents) − log(share of all),

kept between −MOST_RARER and MOST_COMMONER, so that a label that no new document has need not be
unlearnt.  That of a new label is small enough besides that it does not seem learnt from the start:
it begins as rare as one document among n, so by log n − YET more than the mean of the old ones'.
Source: Duchi, Hazan and Singer, JMLR 12, 2011, figure 1; Menon et al., ICLR 2021, equation 10.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.training_options import Activation, TrainingOptions
from textmlr.model.parameters import Network
from textmlr.training.objective import Objective
from textmlr.training.sgd.epochs import SGD, Epoch, Start, of_theta

# With less an absent label is unlearnt, with more a new one is not learnt: measured on corpora of
# 2, 8 and 18 labels, where all new documents were of one label.
MOST_RARER = 5.0
MOST_COMMONER = 2.0
YET = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Continued:
    """A network that has learnt further.

    layers   θ, float32: (V, W1), (W1 + 1, W2), ..., (W + 1, L)
    squares  of each row of each layer the mean of the sums of squared gradients, with respect to
             θ, see ``training.Fit``: (V,), (W1 + 1,), ...
    """

    layers: list[NDArray[np.float32]]
    squares: list[NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Continuation:
    """What Adagrad goes on from.

    layers, squares  as in Continued; rows of features that are new are 0, and columns of labels too
    activation       of hidden units
    known            (L,) bool     labels that are not new: squares count for their columns alone
    per_label        (L,) float64  old documents of each label
    scale            (V,) float32  d of ``TrainingOptions.idf_power``: the steps are in w = θ/d
    rate             learning rate of the old training, that falls to 0 again
    factor           what calibration has multiplied the last layer by, which was learnt without it
    """

    layers: list[NDArray[np.float32]]
    squares: list[NDArray[np.float32]]
    activation: Activation
    known: NDArray[np.bool_]
    per_label: NDArray[np.float64]
    scale: NDArray[np.float32]
    rate: float
    factor: float = 1.0

    def learn(
        self,
        documents: Objective,
        options: TrainingOptions,
        threads: int,
        watch: Callable[[Epoch], None] | None = None,
    ) -> Continued:
        """Go on over further documents; the number of threads changes no bit.

        options  decided; its rate does not count
        Raises ArithmeticError if θ does not stay finite.
        """
        rows = documents.scaled(self.scale, threads)
        offset = self._offset(documents)
        start = self._start()
        start.weights.layers[-1][-1] += offset
        epochs = options.epochs_of(len(documents.y))
        run = SGD.resume(rows, start, epochs, self.rate, options)
        while run.done < run.epochs:
            epoch = run.epoch()
            if watch is not None:
                watch(epoch)
        layers = [layer.copy() for layer in run.network.layers]
        layers[-1][-1] -= offset
        layers[0] *= self.scale[:, None]
        layers[-1] *= np.float32(self.factor)
        squares = of_theta(run.row_squares(), 0, self.scale)
        return Continued(layers, of_theta(squares, -1, np.float32(self.factor)))

    def _offset(self, documents: Objective) -> NDArray[np.float32]:
        """o: (L,) float32."""
        own = np.bincount(documents.y, documents.weights, minlength=documents.labels)
        both = self.per_label + own
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = np.log(own / own.sum()) - np.log(both / both.sum())
        apart[both == 0] = 0  # of which nothing is known
        offset: NDArray[np.float32] = np.clip(apart, -MOST_RARER, MOST_COMMONER).astype(np.float32)
        old = float(self.per_label.sum())
        most = np.log1p(old) - YET + float(offset @ self.per_label) / max(old, 1.0)
        offset[~self.known] = np.minimum(offset[~self.known], np.float32(most))
        return offset

    def _start(self) -> Start:
        """Weights w and sums of squares, those of a row alike."""
        weights = Network.of(
            [self.layers[0] / self.scale[:, None], *self.layers[1:]], self.activation
        )
        weights.layers[-1][:] /= np.float32(self.factor)
        widths = [layer.shape[1] for layer in self.layers]
        squares = Network.zeros(len(self.layers[0]), widths, self.activation)
        of_rows = [self.squares[0] * np.square(self.scale), *self.squares[1:]]
        of_rows[-1] = of_rows[-1] * np.float32(self.factor) ** 2
        for layer, own in zip(squares.layers, of_rows, strict=True):
            layer[:] = own[:, None]
        squares.layers[-1][:, ~self.known] = 0
        return Start(weights, squares)
