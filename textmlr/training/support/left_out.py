"""Documents taken out of the sums of their own label, in closed form: their scores are honest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.kernels import support_scalars as kernels
from textmlr.kernels.support_steps import SupportRoom, SupportTheta
from textmlr.kernels.support_sums import APART, DOT, FULL, SQUARE
from textmlr.model.scoring import UNSEEN
from textmlr.training.dealt_parts import AnyObjective
from textmlr.training.objective import Objective
from textmlr.training.support.label_sums import LabelSums, codes_of

# A label's sums without one of its documents are no shorter than this: they may be 0.
SHORTEST = 1e-6
# The numbers are fitted on so many documents, or as have so many touched labels in all.
DOCUMENTS, TOUCHED = 600, 1 << 22
FAIR = 1_000
# Where the fit begins: what headwords and verses came to, about.
BEGINNING = (np.log(10.0), 0.5, 0.8)
BEGINNING_SHARE = 0.2
# Bounds of a step of (ln a, b, ρ), and of the numbers themselves.
LONGEST = np.array([0.7, 0.5, 0.3])
LOWEST, HIGHEST = np.array([-5.0, 0.0, 0.0]), np.array([8.0, 2.0, 1.25])
ROUNDS, HALVINGS, ENOUGH = 30, 6, 1e-4


@dataclass(frozen=True, slots=True)
class Scalars:
    """score(x, ℓ) = attraction·|S_ℓ|^(−norm_power)·Σ_f f(x)_f·r_fℓ + prior·ln n_ℓ, mixed with the
    base rates: P = (1 − share)·softmax + share·n_ℓ/N.  r_fℓ = g_f·√S_fℓ and |S_ℓ|² = Σ_f h_f·S_fℓ²,
    see ``LabelSums``.

    loss  mean −ln P of documents taken out of their own label, nats; NaN: there were none
    """

    attraction: float
    prior: float
    norm_power: float
    share: float
    loss: float

    def scales(self, sums: LabelSums) -> NDArray[np.float32]:
        """attraction·|S_ℓ|^(−norm_power): (L,)."""
        norms = np.sqrt(np.maximum(sums.squares, SHORTEST))
        scales: NDArray[np.float32] = (self.attraction * norms**-self.norm_power).astype(np.float32)
        return scales

    def bias(self, sums: LabelSums) -> NDArray[np.float32]:
        """prior·ln n_ℓ: (L,)."""
        bias: NDArray[np.float32] = (self.prior * _log_counts(sums.counts)).astype(np.float32)
        return bias


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """The documents of an objective, each taken out of its own label.

    counts      (n,) Σ of the weights of the label's other documents; 0: it has none
    others      (n,) how many these are
    affinities  (n,) Σ_f f(x)_f·r_fy with the document, and without it
    squares     (n,) Σ_f h_f·S_fy² with the document, and without it
    """

    counts: NDArray[np.float64]
    others: NDArray[np.int64]
    affinities: tuple[NDArray[np.float64], NDArray[np.float64]]
    squares: tuple[NDArray[np.float64], NDArray[np.float64]]

    @classmethod
    def of(cls, objective: AnyObjective, sums: LabelSums) -> LeftOut:
        """From the sums over the same documents."""
        terms = sums.own_terms(objective)
        y, weights = codes_of(objective), objective.weights.astype(np.float64)
        whole = sums.squares[y]
        rest = whole - 2 * weights * terms[:, DOT] + weights**2 * terms[:, SQUARE]
        present = objective.weights > 0
        others = np.bincount(y[present], minlength=objective.labels)[y] - 1
        others[~present] = 0
        counts = np.where(others > 0, sums.counts[y] - weights, 0.0)
        affinities = terms[:, FULL].copy(), terms[:, APART].copy()
        return cls(counts, others, affinities, (whole, np.maximum(rest, 0.0)))

    @property
    def able(self) -> NDArray[np.int64]:
        """Numbers of the documents whose label has others: they can be scored without themselves,
        ascending."""
        return np.flatnonzero(self.counts > 0)

    @property
    def fair(self) -> NDArray[np.int64]:
        """Those of them that judge, ascending: a label of two documents is only half there without
        one, which says little of what new documents will find; so it is left out where others are
        enough."""
        able = self.able
        fair = able[self.others[able] > 1]
        return fair if len(fair) >= FAIR else able

    def shifts(
        self, scalars: Scalars, sums: LabelSums, y: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """What the own label has more when the document is taken out: (n, 2), of what features add
        to its score, and of its bias; nats."""
        whole, rest = (np.maximum(square, SHORTEST) for square in self.squares)
        power = -scalars.norm_power / 2
        drawn = self.affinities[1] * rest**power - self.affinities[0] * whole**power
        counts = _log_counts(self.counts) - _log_counts(sums.counts[y])
        both = np.stack([scalars.attraction * drawn, scalars.prior * counts], axis=1)
        return both.astype(np.float32)


def fit_scalars(objective: AnyObjective, sums: LabelSums, left: LeftOut, seed: int) -> Scalars:
    """The numbers by which documents taken out of their own label have the least loss.

    EM with one Newton step a round: the share of each document that the softmax explains, then the
    numbers by the documents so weighted (Dempster, Laird and Rubin, JRSS B 39, 1977).
    """
    numbers = np.array(BEGINNING)
    drawn = _drawn(objective, sums, left, seed)
    if not len(drawn):
        return _scalars(numbers, BEGINNING_SHARE, np.nan)
    fit = _ScalarFit.of(objective, sums, left, drawn)
    share, step = BEGINNING_SHARE, np.zeros(3)
    loss, rows = fit.loss(numbers, share)
    for _ in range(ROUNDS):
        own = (1 - share) * np.exp(-rows[:, kernels.LOSS])
        explained = own / (own + share * fit.rates)
        share = float(np.clip(1 - np.average(explained, weights=fit.weights), 1e-4, 0.95))
        weights = explained * fit.weights
        gradient = weights @ rows[:, kernels.FIRST : kernels.HESSIAN]
        hessian = (weights @ rows[:, kernels.HESSIAN :]).reshape(3, 3)
        ridge = 1e-3 * np.trace(hessian) + 1e-9
        step = np.clip(np.linalg.solve(hessian + ridge * np.eye(3), -gradient), -LONGEST, LONGEST)
        for _ in range(HALVINGS):
            moved = np.clip(numbers + step, LOWEST, HIGHEST)
            new, new_rows = fit.loss(moved, share)
            if new <= loss:
                break
            step /= 2
        else:
            break
        done = loss - new < ENOUGH * loss
        numbers, loss, rows = moved, new, new_rows
        if done:
            break
    return _scalars(numbers, share, loss)


def _scalars(numbers: NDArray[np.float64], share: float, loss: float) -> Scalars:
    return Scalars(float(np.exp(numbers[0])), float(numbers[1]), float(numbers[2]), share, loss)


def _log_counts(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln n, of labels without documents of ``UNSEEN``."""
    logs: NDArray[np.float64] = np.log(np.where(counts > 0, counts, UNSEEN))
    return logs


def _drawn(objective: AnyObjective, sums: LabelSums, left: LeftOut, seed: int) -> NDArray[np.int64]:
    """Numbers of some documents that can be taken out, ascending, drawn at random."""
    able = np.random.default_rng([seed, (1 << 31) + 20]).permutation(left.fair)[:DOCUMENTS]
    ascending = np.sort(able)
    touched = _most_touched(objective.take(ascending), sums)
    bounds = touched[np.searchsorted(ascending, able)]
    return np.sort(able[np.cumsum(bounds) <= TOUCHED])


def _most_touched(rows: Objective, sums: LabelSums) -> NDArray[np.int64]:
    """(n,) the labels that each document touches, at most."""
    entries = np.diff(sums.starts)[rows.features.indices]
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(entries)])[rows.features.indptr]
    touched: NDArray[np.int64] = np.minimum(np.diff(ends), rows.labels)
    return touched


@dataclass(frozen=True, slots=True, eq=False)
class _ScalarFit:
    """The documents that scalars are fitted on.

    weights, rates   of each document: its own, and the base rate of its label without it
    """

    touched: kernels.Affinities
    own: kernels.OwnLabels
    log_norms: NDArray[np.float64]
    log_counts: NDArray[np.float64]
    weights: NDArray[np.float64]
    rates: NDArray[np.float64]

    @classmethod
    def of(
        cls, objective: AnyObjective, sums: LabelSums, left: LeftOut, drawn: NDArray[np.int64]
    ) -> _ScalarFit:
        """The fit on these documents."""
        labels, own_rows = objective.labels, objective.take(drawn)
        y = own_rows.codes
        none = np.zeros(0)
        theta = SupportTheta(
            frozen(sums.starts),
            frozen(sums.labels),
            sums.rooted(np.ones(labels, np.float32)),
            np.zeros(labels, np.float32),
            none,
            frozen(np.zeros(0, np.float32)),
            np.zeros(3, np.float32),
        )
        size = int(_most_touched(own_rows, sums).sum())
        starts = np.empty(len(drawn) + 1, np.int64)
        touched = np.empty(size, np.int32), np.empty(size, np.float32)
        rows, everyone = own_rows.features.arrays(), frozen(np.arange(len(drawn)))
        kernels.gather(rows, frozen(y), everyone, theta, room_of(labels), starts, *touched)
        own = kernels.OwnLabels(
            frozen(left.affinities[1][drawn]),
            frozen(np.log(np.maximum(left.squares[1][drawn], SHORTEST)) / 2),
            frozen(np.log(left.counts[drawn])),
            frozen(_log_counts(sums.counts[y])),
        )
        return cls(
            kernels.Affinities(frozen(starts), *map(frozen, touched)),
            own,
            frozen(np.log(np.maximum(sums.squares, SHORTEST)) / 2),
            frozen(_log_counts(sums.counts)),
            objective.weights[drawn].astype(np.float64),
            left.counts[drawn] / sums.counts.sum(),
        )

    def loss(self, numbers: NDArray[np.float64], share: float) -> tuple[float, NDArray[np.float64]]:
        """(mean −ln P, rows as ``scalar_pass`` writes them) at (ln a, b, ρ)."""
        powers = np.exp(numbers[1] * self.log_counts)
        sums = np.array([(powers * self.log_counts**k).sum() for k in range(3)])
        pulls = np.exp(numbers[0] - numbers[2] * self.log_norms)
        out = np.empty((len(self.rates), kernels.WIDTH))
        kernels.scalar_pass(
            self.touched,
            self.own,
            self.log_norms,
            self.log_counts,
            frozen(np.stack([pulls, powers])),
            frozen(numbers),
            frozen(sums),
            np.empty((kernels.PARAMETERS + 2, kernels.PARAMETERS)),
            out,
        )
        p = (1 - share) * np.exp(-out[:, kernels.LOSS]) + share * self.rates
        return float(np.average(-np.log(p), weights=self.weights)), out


def room_of(labels: int) -> SupportRoom:
    """Scratch of one thread."""
    return SupportRoom(
        np.zeros(labels, np.float32),
        np.zeros(labels, np.uint8),
        np.empty(labels, np.int32),
        np.empty(labels, np.float32),
    )
