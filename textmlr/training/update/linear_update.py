"""Update of a linear model: its file says how often old documents have each feature, and from that
follows the curvature of their loss.

Each adds to the curvature in feature f at most c·f(x)_f², c = ¼, the most that a variance of
[· = ℓ] can be; and all together, since features go together, c·n in the direction of their mean.
So h_f is the prior's share and c times the sum of f(x)_f² over the old documents, and g_f their
mean of f(x)_f times √(c·n): words that all documents have cannot together make everything one
label.  ``penalised_loss`` finds the minimum.  Where documents have sets of labels, all of this is
so of each label by itself.
Source: the bound is Böhning's, Ann. Inst. Stat. Math. 44, 1992.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.features.extension import Extension
from textmlr.model.heads import SOFTMAX, Head
from textmlr.model.model import Model
from textmlr.training.objective import Objective
from textmlr.training.update.learner import UpdatedLayers, Watch
from textmlr.training.update.old_model import OldModel, bias_rows
from textmlr.training.update.penalised_loss import Prior, minimum

CURVATURE = 0.25
# The prior's share of h, in units of mean ‖f(x)‖².  0.0015 to 0.015 do equally well on corpora this
# was developed on; with less, new features take too large weights, with more, old features take the
# weights that new ones should.
SHARE = 0.005


@dataclass(frozen=True, slots=True, eq=False)
class LinearLearner:
    """A linear model: old documents are kept as a penalty around its θ."""

    old: OldModel
    prior: Prior

    @classmethod
    def of(cls, model: Model, grown: Extension, old: OldModel, new: Objective) -> LinearLearner:
        """A model, its features as they have grown by the new documents."""
        new.head.check_exact()
        _begin_rare(model, old, new)
        alike = old.alike(model, new)
        scores = old.calibrated(new)
        curvature = alike * curvature_of(scores, new.head) + (1 - alike) * CURVATURE
        squares = old_squares(model, grown, old.frequencies)
        prior = Prior(
            precision_of(squares, new.mean_square_length(), curvature),
            common_of(np.sqrt(squares * old.frequencies), model.featurizer.documents, curvature),
        )
        return cls(old, prior)

    def learn(self, documents: Objective, threads: int, watch: Watch) -> UpdatedLayers:
        """The loss is that of calibrated scores, t(x)·θᵀf(x, ℓ), with t(x) as the old θ has it."""
        rows, (base, times) = documents.features, self.old.start(documents)
        if (times != 1).any():
            values = rows.values * np.repeat(times, np.diff(rows.indptr)).astype(np.float32)
            rows = replace(rows, values=values)
        found = minimum(rows, documents.y, documents.weights, base, self.prior, threads, watch)
        theta = found.change.astype(np.float32, copy=False)
        theta += self.old.layers[0]
        return UpdatedLayers([theta], [])


def precision_of(
    squares: NDArray[np.float64], mean_square_length: float, curvature: float = CURVATURE
) -> NDArray[np.float64]:
    """h_f of each feature, (V,) float64.

    squares             (V,) float64   sum over the old documents of weight·f(x)_f², 0: not in any
    mean_square_length  of f(x); any will do where it is 0
    curvature           of the loss of an old document, see ``curvature_of``
    """
    return SHARE * (mean_square_length or 1.0) + curvature * squares


def common_of(
    sums: NDArray[np.float64], documents: float, curvature: float = CURVATURE
) -> NDArray[np.float64]:
    """g_f of each feature, (V,) float64.

    sums       (V,) float64   sum over the old documents of weight·f(x)_f
    documents  their weight
    """
    out: NDArray[np.float64] = sums * np.sqrt(curvature / max(documents, 1.0))
    return out


def curvature_of(scores: NDArray[np.float32], head: Head = SOFTMAX) -> float:
    """The curvature of a document's loss, in the score of a label that matters: the mean of
    ½·sum_ℓ P(ℓ)·(1 − P(ℓ)) over documents that θ was not fitted to.  At most ½, of label sets ¼.

    scores  (n, L) float32 (nats)
    """
    p = head.probabilities(scores)
    if head.has_sets:
        return min(float((p - p * p).sum(axis=1).mean()) / 2, CURVATURE)
    return float((1 - (p * p).sum(axis=1)).mean()) / 2


def _begin_rare(model: Model, old: OldModel, new: Objective) -> None:
    """Begin new labels of sets as rare as one document more than the old ones, by their biases.

    Of one label a document the old documents' scores hold a new label down: a score of 0 is below
    that of their own.
    """
    if new.head.has_sets:
        bias = np.flatnonzero(old.bias)
        old.layers[0][bias[:, None], ~old.known] = -np.log1p(model.featurizer.documents)


def old_squares(
    model: Model, grown: Extension, frequencies: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Σ f(x)_f² over the old documents, about: (V,) float64.

    frequencies  (V,) of old documents.  A feature's square is taken to be the same wherever it
                 occurs, but for idf²: rows of length 1 tell how large it is; where rows have no
                 such length, the new ones do.
    """
    options, rows = model.featurizer.options, grown.features
    bias = bias_rows(grown)
    weight = np.ones(len(frequencies))
    if grown.featurizer.idf is not None:
        idf = grown.featurizer.idf.astype(np.float64)
        weight = (idf if grown.columns is None else idf[grown.columns.kept]) ** 2
    own = np.where(bias, 0, frequencies)
    entries, mean = float(own.sum()), float((own * weight).sum())
    if options.norm == "l2":
        # A sparse model has lost count of most features, but their number is in its record.
        documents = model.featurizer.documents
        corpus = model.record.corpus
        nonzeros = 0 if corpus is None else corpus.nonzeros or 0
        total = nonzeros - documents * int(options.bias)
        each = documents / max(total, entries, 1.0) / max(mean / max(entries, 1.0), 1e-9)
    else:
        square = rows.values.astype(np.float64) ** 2
        counted = ~bias[rows.indices]
        each = float(square[counted].sum()) / max(float(weight[rows.indices][counted].sum()), 1e-9)
    squares: NDArray[np.float64] = np.where(bias, frequencies, each * weight * own)
    return squares
