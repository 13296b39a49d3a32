"""Heads: how scores become probabilities, a loss and an answer.

All heads are exponential families.  With log z the normaliser of the scores,

    loss = log z(scores) − scores of the document's labels,    P(ℓ | x) = ∂ log z / ∂ score(x, ℓ)

so that every solver steps by P(ℓ | x) − [ℓ is the document's label], the error of a score.
The softmax has log z = log Σ_ℓ exp score(x, ℓ), and one label a document.  Sigmoids have
log z = Σ_ℓ log(1 + exp score(x, ℓ)), and a set of labels a document; the loss is the sum over
labels of the binary cross-entropy.

A head is a value that names its kernels.  Others ask no more of it than whether it ``has_sets``; a
new head is registered here, and training, calibration, evaluation and the model's file take it as
it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.checks import check_choice
from textmlr.base.errors import InputError
from textmlr.base.file_checks import expect
from textmlr.base.option_mentions import mention
from textmlr.corpus.label_sets import LabelSets, Targets, arrays_of, as_sets
from textmlr.features.csr_features import Features
from textmlr.kernels import document_answer, linear, sgd, sigmoids, softmax

Reals = NDArray[np.float64]
Kernel = Callable[..., Any]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Σ_i cross-entropy of documents at a point x, and how it changes there.

    value      nats
    slope      (J,) by each of x
    curvature  (J, J)
    """

    value: float
    slope: Reals
    curvature: Reals


def _softmax_formula(score: float, log_z: float | None) -> str:
    return f"exp({score:.4f}" + (")" if log_z is None else f" − log z {log_z:.4f})")


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """An output layer.  The arrays that a kernel writes are its last arguments.

    name           in the model's file
    log_z_kernel   (scores, out): see ``softmax.log_normalizer``
    p_kernel       (scores, log_z, out): see ``softmax.probabilities``
    tempered_kernel   loss of t·scores and its derivatives: see ``softmax.tempered_loss``
    epoch          one epoch of SGD: see ``sgd.epoch``
    answer, answer_counts   text, or counts, to answers: see ``document_answer``
    curve          (by, x, wanted, weights): Curve of Σ_i weights_i·log z_i − Σ wanted·score, the
                   scores Σ_j x_j·by_j, for by (J, n, L), x (J,), weights (n,) and wanted (n, L)
                   >= 0, the weight of each label
    log_losses     (p, y, least): −log P of the labels, (n,) nats, by probabilities (n, L)
                   taken as no less than least; a code of L or more is a label with P = 0
    log_p          (scores, log_z): log P of each label, (n, L), finite where P is 0 in float64
    link           (log_p): scores (L,) whose probabilities are exp(log_p), up to their sum
    onnx           operations from "scores" to "log_z" and "probabilities": name, inputs, outputs,
                   attributes
    about          how P comes from scores, in lines of text
    is_exact       whether the exact solver and the update of linear models minimise its loss
    has_sparse     whether training finds a sparse θ for it
    is_relative    whether a constant added to all scores of a document changes no probability
    has_sets       whether a document has a set of labels, of any number, and not one label
    formula        (score, log_z): P by these, in letters; log_z None where it is 0
    base_name      what a score is that says nothing but the base rate
    """

    name: str
    log_z_kernel: Kernel
    p_kernel: Kernel
    tempered_kernel: Kernel
    epoch: Kernel
    answer: Kernel
    answer_counts: Kernel
    curve: Callable[[Reals, Reals, Reals, Reals], Curve]
    log_losses: Callable[[Reals, Targets, float], Reals]
    log_p: Callable[[NDArray[Any], Reals], NDArray[Any]]
    link: Callable[[Reals], Reals]
    onnx: Sequence[tuple[str, list[str], list[str], dict[str, Any]]]
    about: Sequence[str]
    is_exact: bool = False
    has_sparse: bool = False
    is_relative: bool = False
    has_sets: bool = False
    formula: Callable[[float, float | None], str] = _softmax_formula
    base_name: str = "ln of the base rate"

    def log_z(self, scores: NDArray[np.float32]) -> Reals:
        """log z(x; θ) of each row of scores (n, L): (n,) float64, nats."""
        out = np.empty(len(scores), np.float64)
        self.log_z_kernel(frozen(scores), out)
        return out

    def probabilities(self, scores: NDArray[np.float32]) -> Reals:
        """P(ℓ | x; θ) of each row of scores (n, L): (n, L) float64."""
        out = np.empty(scores.shape, np.float64)
        self.p_kernel(frozen(scores), frozen(self.log_z(scores)), out)
        return out

    def targets(self, y: Targets) -> Targets:
        """Labels as the head takes them: sets for sigmoids, a code a document for the softmax.

        Raises InputError for sets where each document must have one label.
        """
        if self.has_sets:
            return as_sets(y)
        if isinstance(y, LabelSets):
            raise InputError(
                "documents have sets of labels, and the model has one label a document",
                mend=f"read the corpus with {mention('multilabel', False)}",
            )
        return y

    def losses(self, scores: NDArray[np.float32], y: Targets) -> Reals:
        """The loss of each document: (n,) float64, nats."""
        losses: Reals = self.log_z(scores) - label_scores(scores, y)
        return losses

    def loss(self, scores: NDArray[np.float32], y: Targets, weights: NDArray[np.float32]) -> float:
        """Weighted sum of the losses, in nats."""
        if isinstance(y, LabelSets):
            return float((self.losses(scores, y) * weights).sum())
        log_z = self.log_z(scores)
        return float(softmax.loss(frozen(scores), frozen(log_z), frozen(y), frozen(weights)))

    def answers(self, rows: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """(n,) the label that answers each row of scores or probabilities, (n, L)."""
        return likeliest(rows)

    def right(self, rows: NDArray[np.floating[Any]], y: Targets) -> NDArray[np.bool_]:
        """Whether the answer of each row is the document's label, or one of them: (n,)."""
        answers = self.answers(rows)
        right: NDArray[np.bool_] = y.has(answers) if isinstance(y, LabelSets) else answers == y
        return right

    def add_gradient(
        self,
        features: Features,
        scores: NDArray[np.float32],
        y: Targets,
        weights: NDArray[np.float32],
        out: Reals,
    ) -> None:
        """Add the gradient of ``loss`` by θ of a linear model to out, (V, L) float64."""
        errors = self.probabilities(scores)
        sets = as_sets(y)
        errors[sets.rows, sets.codes] -= 1.0
        linear.gradient(
            frozen(features.indptr),
            frozen(features.indices),
            frozen(features.values),
            frozen(errors),
            frozen(weights),
            out,
        )

    def tempered(
        self, scores: NDArray[np.float32], y: Targets, factors: Reals
    ) -> tuple[Reals, Reals, Reals]:
        """(loss of factor·scores of each document, its slope and curvature by log factor), each
        (n,) float64;  factors (n,)."""
        losses, slopes, curvatures = (np.empty(len(factors)) for _ in range(3))
        self.tempered_kernel(
            frozen(scores), arrays_of(y), frozen(factors), losses, slopes, curvatures
        )
        return losses, slopes, curvatures

    def common(self, theta: NDArray[np.float32]) -> Reals:
        """The part of each feature's weights that changes no probability: their mean over labels,
        or 0.  (V,) float64;  theta (V, L)."""
        return theta.mean(axis=1, dtype=np.float64) if self.is_relative else np.zeros(len(theta))

    def check_exact(self) -> None:
        """Raise InputError unless the exact solver can minimise the loss."""
        if not self.is_exact:
            raise InputError(
                f"there is no exact solver for the head {self.name!r}", mend="train it by sgd"
            )

    def __reduce__(self) -> tuple[Callable[[str], Head], tuple[str]]:
        """Pickled and copied by name."""
        return head_of, (self.name,)


def _softmax_curve(by: Reals, x: Reals, wanted: Reals, weights: Reals) -> Curve:
    scores = x[0] * by[0]
    for j in range(1, len(x)):
        scores += x[j] * by[j]
    shares, log_z = np.empty_like(scores), np.empty(len(scores))
    softmax.softmax(frozen(scores), shares, log_z)
    shares *= weights[:, None]  # each row sums to the document's weight
    value = float((wanted * (log_z[:, None] - scores)).sum())
    slope = ((shares - wanted) * by).sum(axis=(1, 2))
    means = (shares * by).sum(axis=2)  # (J, n), times the document's weight
    curvature = np.empty((len(x), len(x)))
    for i in range(len(x)):
        for j in range(len(x)):
            square = (shares * by[i] * by[j]).sum()
            curvature[i, j] = square - (means[i] * means[j] / weights).sum()
    return Curve(value, slope, curvature)


def _softmax_log_losses(p: Reals, y: Targets, least: float) -> Reals:
    assert not isinstance(y, LabelSets)
    return -np.log(np.clip(of_label(p, y), least, 1.0))


def label_scores(scores: NDArray[np.floating[Any]], y: Targets) -> NDArray[np.floating[Any]]:
    """(n,) the score of each document's label, or the sum of those of its set;  scores (n, L)."""
    if not isinstance(y, LabelSets):
        own: NDArray[np.floating[Any]] = scores[np.arange(len(y)), y]
        return own
    return np.bincount(y.rows, scores[y.rows, y.codes], len(y)).astype(np.float64)


def of_label(p: Reals, codes: NDArray[np.integer[Any]]) -> Reals:
    """(n,) the entry of each row for its code; 0 for a code beyond the columns."""
    width = p.shape[1]
    own = p[np.arange(len(codes)), np.minimum(codes, width - 1)]
    return np.where(codes < width, own, 0.0)


_SOFTMAX_ABOUT = """\
A text classifier: multinomial logistic regression, P(label | document) = exp(score) / sum of
exp(score) over labels.
""".splitlines()
SOFTMAX = Head(
    name="softmax",
    log_z_kernel=softmax.log_normalizer,
    p_kernel=softmax.probabilities,
    tempered_kernel=softmax.tempered_loss,
    epoch=sgd.epoch,
    answer=document_answer.answer,
    answer_counts=document_answer.answer_counts,
    curve=_softmax_curve,
    log_losses=_softmax_log_losses,
    log_p=lambda scores, log_z: scores - log_z[:, None],
    link=lambda log_p: log_p,
    onnx=(
        ("ReduceLogSumExp", ["scores"], ["log_z"], {"axes": [1], "keepdims": 0}),
        ("Softmax", ["scores"], ["probabilities"], {"axis": 1}),
    ),
    about=_SOFTMAX_ABOUT,
    is_exact=True,
    has_sparse=True,
    is_relative=True,
)


def _sigmoids_curve(by: Reals, x: Reals, wanted: Reals, weights: Reals) -> Curve:
    scores, own = np.einsum("j,jnl->nl", x, by), weights[:, None]
    p = np.exp(-np.logaddexp(0, -scores))
    value = float((own * np.logaddexp(0, scores) - wanted * scores).sum())
    slope = ((own * p - wanted) * by).sum(axis=(1, 2))
    return Curve(value, slope, np.einsum("inl,jnl,nl->ij", by, by, own * p * (1 - p)))


def _sigmoids_log_losses(p: Reals, y: Targets, least: float) -> Reals:
    sets, width = as_sets(y), p.shape[1]
    known = sets.codes < width
    rows, codes = sets.rows[known], sets.codes[known]
    others = p.copy()
    others[rows, codes] = 0.0
    each: Reals = -np.log1p(-np.minimum(others, 1 - least))
    each[rows, codes] = -np.log(np.clip(p[rows, codes], least, 1.0))
    losses: Reals = each.sum(axis=1)
    unknown = np.bincount(sets.rows[~known], minlength=len(p))
    losses -= np.log(least) * unknown if least else np.where(unknown, -np.inf, 0.0)
    return losses


# P = 1 is a score of infinity: no label is held for that sure.
_SURE = 1e-9
SIGMOIDS = Head(
    name="sigmoids",
    log_z_kernel=sigmoids.log_normalizer,
    p_kernel=sigmoids.probabilities,
    tempered_kernel=sigmoids.tempered_loss,
    epoch=sigmoids.epoch,
    answer=document_answer.sigmoid_answer,
    answer_counts=document_answer.sigmoid_answer_counts,
    curve=_sigmoids_curve,
    log_losses=_sigmoids_log_losses,
    log_p=lambda scores, log_z: -np.logaddexp(0, -scores),
    link=lambda log_p: log_p - np.log1p(-np.exp(np.minimum(log_p, -_SURE))),
    onnx=(
        ("Softplus", ["scores"], ["costs"], {}),
        ("ReduceSum", ["costs", "axis 1"], ["log_z"], {"keepdims": 0}),
        ("Sigmoid", ["scores"], ["probabilities"], {}),
    ),
    about=["A text classifier: P(label | document) = 1 / (1 + exp(-score)) of each label."],
    is_exact=True,
    has_sparse=True,
    has_sets=True,
    formula=lambda score, log_z: f"1 / (1 + exp({-score + 0.0:.4f}))",  # 0, not -0
    base_name="log-odds of the base rate",
)
_HEADS: dict[str, Head] = {head.name: head for head in (SOFTMAX, SIGMOIDS)}


def register(head: Head) -> Head:
    """Make a head known by its name, to training and to files that are read."""
    _HEADS[head.name] = head
    return head


def head_of(name: str) -> Head:
    """The head of a name; InputError for one that is not known."""
    check_choice("head", name, tuple(_HEADS))
    return _HEADS[name]


def usual_head(multilabel: bool) -> Head:
    """The head of documents that may have several labels, or that have one each."""
    return SIGMOIDS if multilabel else SOFTMAX


def header_of(head: Head) -> dict[str, str]:
    """A head in the header of a model's file: without a name it is the softmax."""
    return {} if head is SOFTMAX else {"head": head.name}


def read_head(header: Mapping[str, Any], path: str | PathLike[str]) -> Head:
    """The head that a file's header names; ModelFileError for one that is not known."""
    name = header.get("head", SOFTMAX.name)
    expect(isinstance(name, str) and name in _HEADS, path, "its head is not known")
    return _HEADS[name]


def likeliest(rows: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """(n,) the likeliest label by each row of scores or probabilities, (n, L); ties: the first."""
    best: NDArray[np.int64] = rows.argmax(axis=1)
    return best


def ranked(row: Sequence[float], most: int | None = None) -> list[int]:
    """The labels of one document, the likeliest first, ties in their order: ``most`` of them."""
    return sorted(range(len(row)), key=row.__getitem__, reverse=True)[:most]


def ranked_rows(rows: Reals) -> NDArray[np.int64]:
    """``ranked`` of each row of (n, L): (n, L)."""
    order: NDArray[np.int64] = np.argsort(-rows, axis=1, kind="stable")
    return order
