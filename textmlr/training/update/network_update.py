"""Update of a network: Adagrad resumes over new documents from where it ended.

The steps of each weight are divided by the root of the sum of its squared gradients, those of the
old documents among them, of which the file keeps the mean of each row.  So features and units that
the old documents were full of hardly move, and new ones are free.

New documents need not have the labels that old ones had.  Training treats them as if their shares
of labels were those of all documents, old and new: meanwhile the score of ℓ is o_ℓ larger,

    o_ℓ = log(share of the new documents) − log(share of all),

kept between −MOST_RARER and MOST_COMMONER, so that a label that no new document has is not
forgotten.  Of label sets o_ℓ has log odds in place of logs, of shares that need not sum to 1.  The
o_ℓ of a new label is also kept small, so that the label does not seem known at the start: it begins
as rare as one document among n, so by log n − YET more than the mean of the old ones'.
Source: Duchi, Hazan and Singer, JMLR 12, 2011, figure 1; Menon et al., ICLR 2021, equation 10.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.training_options import DEFAULT_L2, Activation, TrainingOptions
from textmlr.features.extension import Extension, row_frequencies
from textmlr.features.row_weights import inverse_document_frequency
from textmlr.model.model import Model
from textmlr.model.parameters import Network
from textmlr.model.record import SgdRecord
from textmlr.model.scoring import score
from textmlr.training.objective import Objective
from textmlr.training.rows import check_memory
from textmlr.training.sgd.descent import SGD, of_theta
from textmlr.training.sgd.epoch import Epoch, WarmStart
from textmlr.training.sgd.trial_run import Progress
from textmlr.training.update.learner import Layers, UpdatedLayers, Watch
from textmlr.training.update.old_model import OldModel

# With less an absent label is forgotten, with more a new one is missed: measured on corpora of
# 2, 8 and 18 labels, where all new documents were of one label.
MOST_RARER = 5.0
MOST_COMMONER = 2.0
YET = 1.5
MOST_FACTOR = 10.0
COPIES = 3  # of weights and squares while a network is trained, beside the old model


@dataclass(frozen=True, slots=True, eq=False)
class NetworkLearner:
    """A network, as Adagrad left it.

    layers, squares  as in UpdatedLayers; rows of features that are new are 0, columns of new labels
                     too, but for their biases
    activation       of hidden units
    known            (L,) bool     labels that are not new: squares count for their columns alone
    per_label        (L,) float64  old documents of each label;  documents  of all
    scale            (V,) float32  d of ``TrainingOptions.idf_power``: the steps are in w = θ/d
    training         of the old documents
    """

    layers: Layers
    squares: list[NDArray[np.float32]]
    activation: Activation
    known: NDArray[np.bool_]
    per_label: NDArray[np.float64]
    documents: int
    scale: NDArray[np.float32]
    training: OldTraining

    @classmethod
    def of(cls, model: Model, grown: Extension, old: OldModel, new: Objective) -> NetworkLearner:
        """A model, its features as they have grown by the new documents.

        The bias of a new label is written to old.layers: as rare as one document more.
        """
        training, layers, known = OldTraining.of(model), old.layers, old.known
        check_memory(len(layers[0]), len(known), training.options, threads=COPIES)
        frequencies = row_frequencies(grown.featurizer, grown.columns)
        assert frequencies is not None
        idf = inverse_document_frequency(frequencies, grown.featurizer.documents)
        squares = [*model.parts.update_state.squares]
        squares[0] = np.zeros(len(layers[0]), np.float32)
        squares[0][: len(model.parts.update_state.squares[0])] = model.parts.update_state.squares[0]
        per_label = np.zeros(len(known))
        per_label[known] = training.per_label
        if not known.all():
            factor, usual = training.factor, 0.0
            if not new.head.has_sets:
                last = layers[-1][:, known] / np.float32(factor)
                own = Network.of([*layers[:-1], last], model.parts.activation)
                usual = new.head.log_z(score(new.features, own)).mean()
            layers[-1][-1, ~known] = factor * (usual - np.log1p(old.documents))
        scale = (idf**training.idf_power).astype(np.float32)
        return cls(
            layers,
            squares,
            model.parts.activation,
            known,
            per_label,
            old.documents,
            scale,
            training,
        )

    def learn(self, documents: Objective, threads: int, watch: Watch) -> UpdatedLayers:
        """The loss is that of the scores themselves: t(x), whose mean is about 1, is left out,
        since it would have to be followed through every layer."""
        options, power = self.training.options, self.training.idf_power
        documents = replace(documents, l2=DEFAULT_L2 if options.l2 is None else options.l2)

        def tell(epoch: Epoch) -> None:
            watch(Progress("update", power, epoch, None))

        try:
            return self.run(documents, threads, tell)
        except ArithmeticError as error:
            raise InputError(str(error), mend="train it again, on all documents") from error

    def run(
        self, documents: Objective, threads: int, watch: Callable[[Epoch], None] | None = None
    ) -> UpdatedLayers:
        """θ after the documents, with the objective's l2; the number of threads changes no bit.

        Raises ArithmeticError if θ does not stay finite.
        """
        options, factor = self.training.options, self.training.factor
        rows = documents.scaled(self.scale, threads)
        offset = self._offset(documents)
        start = self._start()
        start.weights.layers[-1][-1] += offset
        epochs = options.epochs_of(len(documents.y))
        run = SGD.resume(rows, start, epochs, self.training.rate, options)
        while run.done < run.epochs:
            epoch = run.epoch()
            if watch is not None:
                watch(epoch)
        layers = [layer.copy() for layer in run.network.layers]
        layers[-1][-1] -= offset
        layers[0] *= self.scale[:, None]
        layers[-1] *= np.float32(factor)
        squares = of_theta(run.row_squares(), 0, self.scale)
        return UpdatedLayers(layers, of_theta(squares, -1, np.float32(factor)))

    def _offset(self, documents: Objective) -> NDArray[np.float32]:
        """o: (L,) float32."""
        own = documents.label_weights
        both = self.per_label + own
        with np.errstate(divide="ignore", invalid="ignore"):
            if documents.head.has_sets:
                weight = documents.total_weight
                apart = _log_odds(own, weight) - _log_odds(both, self.documents + weight)
            else:
                apart = np.log(own / own.sum()) - np.log(both / both.sum())
        apart[np.isnan(apart)] = 0  # no document has the label, or all have it
        offset: NDArray[np.float32] = np.clip(apart, -MOST_RARER, MOST_COMMONER).astype(np.float32)
        old = float(self.documents if documents.head.has_sets else self.per_label.sum())
        most = np.log1p(old) - YET
        if not documents.head.has_sets:
            most += float(offset @ self.per_label) / max(old, 1.0)
        offset[~self.known] = np.minimum(offset[~self.known], np.float32(most))
        return offset

    def _start(self) -> WarmStart:
        """Weights w and sums of squares, those of a row alike."""
        weights = Network.of(
            [self.layers[0] / self.scale[:, None], *self.layers[1:]], self.activation
        )
        factor = np.float32(self.training.factor)
        weights.layers[-1][:] /= factor
        widths = [layer.shape[1] for layer in self.layers]
        squares = Network.zeros(len(self.layers[0]), widths, self.activation)
        of_rows = [self.squares[0] * np.square(self.scale), *self.squares[1:]]
        of_rows[-1] = of_rows[-1] * factor**2
        for layer, own in zip(squares.layers, of_rows, strict=True):
            layer[:] = own[:, None]
        squares.layers[-1][:, ~self.known] = 0
        return WarmStart(weights, squares)


def _log_odds(counts: NDArray[np.float64], documents: float) -> NDArray[np.float64]:
    odds: NDArray[np.float64] = np.log(counts) - np.log(np.maximum(documents - counts, 0))
    return odds


class OldTraining(NamedTuple):
    """The training of a network, by its record.

    options    decided; their rate does not count
    idf_power  of the final run
    rate       learning rate of the final run, which falls to 0 again
    factor     calibration has multiplied the last layer by it after training
    per_label  documents of each label
    """

    options: TrainingOptions
    idf_power: float
    rate: float
    factor: float = 1.0
    per_label: tuple[int, ...] = ()

    @classmethod
    def of(cls, model: Model) -> OldTraining:
        """The old training by a model's record.  Raises InputError where it does not say."""
        record = model.record
        try:
            options = TrainingOptions.of(record.options or {}).decided()
            final = record.final
            if not isinstance(final, SgdRecord) or record.corpus is None:
                raise ValueError("figures of SGD or the corpus are missing")
            power, rate = float(final.idf_power), float(final.learning_rate)
            factor = float(final.calibration.factor)
            # Scores that were nearly alike do not show how large they are to be.
            factor = min(max(factor, 1 / MOST_FACTOR), MOST_FACTOR)
            counts = record.corpus.per_label
            if not (
                options.hidden
                and power >= 0
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
        return cls(options, power, rate, factor, counts)


def check_squares(model: Model) -> None:
    """Raise InputError for a network without the squares that Adagrad divides its steps by."""
    if len(model.parts.layers) == 1 or model.parts.update_state.squares:
        return
    if model.record.compressed is not None:
        mend = "update the model that it was compressed from"
    elif model.record.option("step") == "plain":
        mend = "train it again with --step adagrad, or on all documents"
    else:
        mend = "train it again, with this version of textmlr"
    raise InputError(
        "the model has hidden layers, and does not say how far each of its weights has been "
        "trained (the sums of squared gradients)",
        mend=mend,
    )
