"""The parts of a model, as its file and its copies have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import MODEL_MEND, check_choice, check_kind, taken
from textmlr.base.errors import InputError
from textmlr.base.training_options import Activation
from textmlr.corpus.duplicates import Sketch
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.model.heads import SOFTMAX, Head
from textmlr.model.label_choice import check_thresholds
from textmlr.model.parameters import LINEAR
from textmlr.model.postings import Postings
from textmlr.model.record import Record
from textmlr.model.scoring import Calibration, Mixed, base_scores
from textmlr.model.small_file.theta_storage import PLAIN, ThetaStorage

if TYPE_CHECKING:
    from textmlr.model.fasttext.fasttext_parts import FastTextParts


@dataclass(frozen=True, slots=True, eq=False)
class UpdateState:
    """The state that updates of a model resume from.

    squares     with hidden layers trained by Adagrad, the sums of squared gradients of each layer's
                rows: see ``training.sgd.fit.Fit``; () where they are not known
    trained_on  the sketch of the documents of training; None where it is not known
    """

    squares: Sequence[NDArray[np.float32]] = ()
    trained_on: Sketch | None = None

    def __repr__(self) -> str:
        return f"<update state: .squares of {len(self.squares)} layers, .trained_on>"

    def __post_init__(self) -> None:
        if not isinstance(self.squares, list | tuple) or not all(
            isinstance(own, np.ndarray) for own in self.squares
        ):
            raise taken("squares", self.squares, "a list of arrays", MODEL_MEND)
        check_kind("trained_on", self.trained_on, Sketch, MODEL_MEND, optional=True)


@dataclass(frozen=True, slots=True, eq=False)
class ModelParts:
    """The arguments that make an equal model, for programs that take a model apart.

    labels      L label names, sorted
    featurizer  fitted
    layers      θ as a list of layers, float32; the linear model is the list of one, (V, L), with
                hidden layers they are (V, W1), (W1 + 1, W2), ..., see ``parameters.Network``; the
                first has R rows with columns
    record      how it was made: options, figures, versions
    columns     the R columns that θ has rows for, in their order, where the others' are 0 (all
                those that do not occur, with hashing); None: all
    calibration a factor of each document's scores, its constant part already in θ
    storage     the form of θ in its file
    activation  of the hidden layers
    update_state  squares and trained_on, by which ``update`` resumes
    head        how scores become probabilities, a loss and an answer
    thresholds  (L,) float64, the least P of each label that is one of a document's; None where a
                document has one label, the likeliest
    postings    θ where it is sparse, with weights only where label and feature met: layers is ()
    """

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
    thresholds: NDArray[np.float64] | None = None
    postings: Postings | None = None

    def __repr__(self) -> str:
        names = ", ".join(f".{one.name}" for one in fields(self))
        return f"<parts of a model of {len(self.labels):,} labels: {names}>"

    @property
    def is_sparse(self) -> bool:
        """Whether θ has weights only where label and feature met."""
        return self.postings is not None

    @property
    def rows(self) -> int:
        """R, the rows of the first layer of θ."""
        return len(self.layers[0]) if self.postings is None else self.postings.rows_number

    @property
    def fasttext(self) -> FastTextParts | None:
        """What else a model of fastText has, None for those of textmlr."""
        return cast("FastTextParts", self.storage) if self.storage.dtype == "fasttext" else None

    @property
    def answers_by_base(self) -> bool:
        """Whether a document without a known word has the base rates of training: with fastText
        it has the answer of </s>, which ends every text, where that is a row."""
        return len(self.base) > 0 and (self.fasttext is None or self.featurizer.always_column < 0)

    @property
    def base(self) -> NDArray[np.float32]:
        """(L,) float32, nats: the scores, which are the logarithms of the base rates of training,
        of a document that has no feature with a weight besides the bias; (0,) where the record
        has no documents of each label: such a document has the scores of the bias."""
        return base_scores(self.record.label_weights(), self.head, self.record.documents)


def check_linear(
    layers: Sequence[NDArray[np.float32]], problem: str, mend: str = "train one without --hidden"
) -> None:
    """Raise InputError with the problem if a model of these layers has hidden ones."""
    if len(layers) > 1:
        raise InputError(f"a model with hidden layers {problem}", mend=mend)


def check_dense(
    parts: ModelParts, problem: str, mend: str = "train one with --theta dense"
) -> None:
    """Raise InputError with the problem if a model has a sparse θ."""
    if parts.is_sparse:
        raise InputError(f"a model with a sparse theta {problem}", mend=mend)


def theta_of(parts: ModelParts) -> NDArray[np.float32]:
    """θ of a linear model as one array, with columns those not kept too: (V, L) float32."""
    check_dense(parts, "has no such array", mend="take parts.postings")
    check_linear(parts.layers, "has no weight of a feature for a label")
    if parts.columns is None:
        return parts.layers[0]
    theta = np.zeros((parts.featurizer.columns, len(parts.labels)), np.float32)
    theta[parts.columns.kept] = parts.layers[0]
    return theta


def check_parts(parts: ModelParts) -> None:
    """Raise InputError where parts are not those of a model, or do not fit together."""
    check_kind("featurizer", parts.featurizer, Featurizer, MODEL_MEND)
    check_kind("postings", parts.postings, Postings, MODEL_MEND, optional=True)
    if parts.postings is None:
        _check_layers(parts.layers)
    for name, kind in (
        ("record", Record),
        ("columns", HashedColumns),
        ("storage", ThetaStorage),
        ("calibration", Calibration),
        ("update_state", UpdateState),
        ("head", Head),
    ):
        optional = name not in ("record", "storage", "head")
        check_kind(name, getattr(parts, name), kind, MODEL_MEND, optional=optional)
    check_choice("activation", parts.activation, get_args(Activation))
    _check_shapes(parts, len(parts.record.label_weights()))
    if parts.postings is not None:
        _check_sparse(parts, parts.postings)


def _check_layers(layers: Any) -> None:
    """Raise the error of a wrong argument unless these are layers of θ."""
    fits = isinstance(layers, list | tuple) and all(
        isinstance(layer, np.ndarray) and layer.ndim == 2 and layer.dtype == np.float32
        for layer in layers
    )
    if not fits or not len(layers):
        raise taken("layers", layers, "a list of float32 arrays of two dimensions", MODEL_MEND)


def _check_shapes(parts: ModelParts, recorded: int) -> None:
    """Raise InputError where parts are not of one size;  recorded  labels of the record."""
    layers, squares, labels = parts.layers, parts.update_state.squares, len(parts.labels)
    rows = parts.featurizer.columns if parts.columns is None else len(parts.columns.kept)
    if parts.postings is None:
        shape = len(layers[0]), layers[-1].shape[1]
    else:
        shape = parts.postings.rows_number, len(parts.postings.bias)
    if shape != (rows, labels):
        raise InputError(f"theta is {shape}, not ({rows}, {labels})")
    if squares and [len(own) for own in squares] != [len(layer) for layer in layers]:
        raise InputError("the squared gradients are not those of theta's rows")
    if recorded not in (0, labels):
        raise InputError(f"the record is of {recorded} labels, not {labels}")
    check_thresholds(parts.thresholds, labels, parts.head.has_sets)
    if (second := parts.calibration.second) is not None:
        if len(second.scales) != labels:
            raise InputError(f"the second pass is over {len(second.scales)} labels, not {labels}")
        if not recorded:  # kernels have it behind the base scores
            raise InputError("there is a second pass, and the record is of no labels")


def _check_sparse(parts: ModelParts, postings: Postings) -> None:
    """Raise InputError where other parts do not fit on a sparse θ."""
    if len(parts.layers) or parts.update_state.squares:
        raise InputError("theta is both sparse and dense")
    calibration = parts.calibration
    if not isinstance(calibration, Mixed):
        raise InputError("theta is sparse, and the calibration is not one with base rates")
    if calibration.share and parts.head.has_sets:
        raise InputError("the calibration has a share of base rates, and the head sets of labels")
    if calibration.share and not len(parts.record.label_weights()):
        raise InputError("the calibration has a share of base rates, which the record lacks")
    always = parts.featurizer.always_column
    if always < 0:
        return
    if parts.columns is not None:
        always = int(parts.columns.find(np.array([always], np.int32))[0])
    if always >= 0 and postings.starts[always] != postings.starts[always + 1]:
        raise InputError("the bias is a row of the postings")
