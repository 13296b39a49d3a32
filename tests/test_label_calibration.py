"""Calibration, thresholds and the second pass of independent sigmoids, held to naive twins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from textmlr import TrainingOptions
from textmlr.base.arrays import frozen
from textmlr.corpus.label_sets import LabelSets
from textmlr.kernels import sigmoids
from textmlr.kernels.csr_rows import Csr
from textmlr.kernels.sgd import Steps
from textmlr.model.scoring import Bent
from textmlr.model.second_pass import SecondPass, bend, multipliers
from textmlr.training.label_calibration import (
    BINS,
    CENTRES,
    LOWEST,
    WIDTH,
    LabelScales,
    ScoreHistogram,
    common_calibration,
    label_scales,
)
from textmlr.training.label_links import second_pass
from textmlr.training.thresholds import Thresholds, choose_thresholds, f1_of


def p_of(scores: Any) -> Any:
    return 1 / (1 + np.exp(-np.asarray(scores, float)))


def drawn(p: Any, seed: int = 0) -> LabelSets:
    """Sets of labels drawn with these probabilities, (n, L)."""
    hot = np.random.default_rng(seed).random(p.shape) < p
    return LabelSets.of([np.flatnonzero(row) for row in hot])


def loss_of(scores: Any, sets: LabelSets) -> float:
    own = np.asarray(scores, float)
    hot = sets.indicator(own.shape[1])
    return float((np.logaddexp(0, own) - hot * own).sum(axis=1).mean())


def test_histograms_count_each_score() -> None:
    rng = np.random.default_rng(1)
    scores = np.concatenate([rng.normal(0, 9, (40, 3)), [[-99, 99, 0]]]).astype(np.float32)
    sets, weights = drawn(np.full((41, 3), 0.4)), rng.random(41)
    own = ScoreHistogram.of(scores, sets, weights)
    weights = weights * 41 / weights.sum()
    edges = LOWEST + WIDTH * np.arange(1, BINS)
    for label in range(3):
        bins = np.searchsorted(edges, scores[:, label].astype(float), side="right")
        wanted = np.bincount(bins, weights, BINS)
        np.testing.assert_allclose(own.counts[label], wanted)
        has = sets.indicator(3)[:, label]
        np.testing.assert_allclose(own.positives[label], np.bincount(bins, weights * has, BINS))
    assert own.documents == pytest.approx(41)


def test_bent_scores_are_those_of_the_kernel() -> None:
    rng = np.random.default_rng(2)
    scores = rng.normal(0, 4, (20, 3)).astype(np.float32)
    scales = LabelScales(np.array([0.5, 1.0, 2.0]), np.array([1.0, 0.0, -1.0]))
    bent = Bent(low=1.3, middle=0.6, high=0.2)
    u = scales.factors * scores.astype(float) + scales.offsets
    wanted = np.where(u < -2, -1.2 + 1.3 * (u + 2), np.where(u > 2, 1.2 + 0.2 * (u - 2), 0.6 * u))
    np.testing.assert_allclose(scales.calibrated(scores, bent), wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(bend(u, bent.slopes), wanted, rtol=1e-9)
    np.testing.assert_allclose(multipliers(u[0], bent.slopes) * u[0], wanted[0], rtol=1e-9)
    assert multipliers(np.zeros(3), bent.slopes).tolist() == [0.6] * 3
    own = scores.copy()
    assert scales.calibrated(own, bent, in_place=True) is own
    np.testing.assert_allclose(own, wanted, rtol=1e-5, atol=1e-6)


def test_calibration_finds_what_bent_the_scores() -> None:
    rng = np.random.default_rng(3)
    z = rng.normal(-1, 3, (4000, 5))
    sets = drawn(p_of(z))
    u = np.where(z < -2, z / 1.5 - 2 / 3, np.where(z > 2, 2 + (z - 2) / 0.5, z))  # unbent
    scores = ((u - 0.8) / 1.4).astype(np.float32)
    histogram = ScoreHistogram.of(scores, sets, np.ones(4000))
    bent, loss = common_calibration(histogram)
    assert loss == pytest.approx(loss_of(bent.bend(scores), sets), rel=2e-3)
    assert loss < loss_of(z, sets) * 1.01
    shares = bent.middle, bent.high / bent.middle, bent.low / bent.middle
    assert bent.factor * shares[0] == pytest.approx(1.4, rel=0.1)
    assert shares[1] == pytest.approx(0.5, abs=0.2)
    assert common_calibration(histogram, biased=False)[0].offset == 0


def test_labels_of_few_positives_stay_near_the_common_calibration() -> None:
    rng = np.random.default_rng(4)
    z = np.column_stack([rng.normal(0, 2, (5000, 6)), rng.normal(-9, 1, (5000, 1))])
    off = np.array([0, 0, 0, 0, 0, 1.5, 1.5])
    sets = drawn(p_of(z + off))
    scores = z.astype(np.float32)
    own = ScoreHistogram.of(scores, sets, np.ones(5000))
    bent, common = common_calibration(own)
    scales = label_scales(own, bent)
    assert own.loss(scales, bent) < common
    assert scales.offsets[5] - scales.offsets[0] == pytest.approx(1.5, abs=0.25)
    assert abs(scales.offsets[6] - bent.offset) < 1.0  # it has a document or none
    again = label_scales(own, bent, biased=False)
    assert (again.offsets == bent.offset).all()


def naive_links_epoch(p: Any, hot: Any, z: Any, order: Any, steps: Steps, links: Any) -> Any:
    loss, scale = 0.0, steps.scale
    for visit, i in enumerate(order):
        step = steps.first + (steps.last - steps.first) * visit / len(order)
        own = z[i] + scale * (p[i] @ links)
        loss += float((np.logaddexp(0, own) - hot[i] * own).sum())
        scale *= 1 - step * steps.l2
        links -= np.outer(p[i], step / scale * (p_of(own) - hot[i]))
    return loss, scale


def test_links_learn_as_the_naive_ones() -> None:
    rng = np.random.default_rng(5)
    z = rng.normal(-1, 2, (30, 4)).astype(np.float32)
    sets = drawn(p_of(z))
    indptr = np.zeros(31, np.int64)
    none = np.empty(0, np.int32), np.empty(0, np.float32)
    size = sigmoids.likely(frozen(z), indptr, *none)
    codes, values = np.empty(size, np.int32), np.empty(size, np.float32)
    sigmoids.likely(frozen(z), indptr, codes, values)
    p = np.where(z > np.log(0.1 / 0.9), p_of(z), 0)
    assert size == np.count_nonzero(p)
    dense = np.zeros((30, 4))
    for i in range(30):
        dense[i, codes[indptr[i] : indptr[i + 1]]] = values[indptr[i] : indptr[i + 1]]
    np.testing.assert_allclose(dense, p, rtol=1e-5)
    order, totals = rng.permutation(30).astype(np.int32), np.empty(3)
    links, work = np.zeros((4, 4), np.float32), np.zeros((2, 4), np.float32)
    rows = Csr(frozen(indptr), frozen(codes), frozen(values))
    steps = Steps(0.5, 0.1, 0.05, 1.0, 0.0, 0)
    sigmoids.links_epoch(rows, sets.arrays, frozen(z), order, steps, links, work, totals)
    wanted = np.zeros((4, 4))
    loss, scale = naive_links_epoch(p, sets.indicator(4), z.astype(float), order, steps, wanted)
    np.testing.assert_allclose(links, wanted, rtol=2e-4, atol=1e-6)
    assert totals[[0, 2]].tolist() == pytest.approx([loss, scale], rel=1e-5)
    added = z.copy()
    sigmoids.add_likely(rows, frozen(links), added)
    np.testing.assert_allclose(added, z + p @ links, rtol=1e-4, atol=1e-5)


def of_two(documents: int, seed: int, *, linked: bool) -> tuple[Any, LabelSets]:
    """Scores of three labels; the last is that of documents with both others, if linked, and its
    own score says nothing of it."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 3, (documents, 3))
    hot = rng.random(z.shape) < p_of(z)
    if linked:
        z[:, 2] = np.log(0.35 / 0.65)
        hot[:, 2] = hot[:, 0] & hot[:, 1] | (rng.random(documents) < 0.1)
    return z.astype(np.float32), LabelSets.of([np.flatnonzero(row) for row in hot])


def test_the_second_pass_is_taken_where_labels_say_something_of_others() -> None:
    z, sets = of_two(6000, 6, linked=True)
    before = ScoreHistogram.of(z, sets, np.ones(6000))
    straight = LabelScales(np.ones(3), np.zeros(3))
    loss = before.loss(straight, Bent())
    found = second_pass(z.copy(), sets, np.ones(6000, np.float32), 1, loss=loss, biased=True)
    assert found is not None
    second, scores, after = found
    assert after < 0.97 * loss
    assert loss_of(scores, sets) == pytest.approx(after, rel=5e-3)
    assert second.links[0, 2] > 0.5
    assert second.links[1, 2] > 0.5
    fresh, others = of_two(4000, 7, linked=True)
    passed = np.array([second.scores(row) for row in fresh])
    assert loss_of(passed, others) < 0.97 * loss_of(fresh, others)


def test_the_second_pass_is_left_where_they_do_not() -> None:
    z, sets = of_two(6000, 8, linked=False)
    own = z.copy()
    loss = ScoreHistogram.of(z, sets, np.ones(6000)).loss(
        LabelScales(np.ones(3), np.zeros(3)), Bent()
    )
    assert second_pass(own, sets, np.ones(6000, np.float32), 1, loss=loss, biased=True) is None
    np.testing.assert_allclose(own, z, atol=1e-4)  # the caller's scores are as they were
    few = z[:900], sets[:900], np.ones(900, np.float32)
    assert second_pass(*few, 1, loss=np.inf, biased=True) is None


def chosen(z: Any, sets: LabelSets, **options: Any) -> Thresholds:
    weights = np.ones(len(z), np.float32)
    return choose_thresholds(z.astype(np.float32), sets, weights, TrainingOptions(**options))


def f1(z: Any, sets: LabelSets, cuts: Any) -> tuple[float, float]:
    answers, hot = p_of(z) >= cuts, sets.indicator(z.shape[1])
    hits, asked = (answers & hot).sum(axis=0), answers.sum(axis=0) + hot.sum(axis=0)
    return 2 * hits.sum() / asked.sum(), float((2 * hits / np.maximum(asked, 1)).mean())


def test_thresholds_are_near_the_best_on_other_documents() -> None:
    rng = np.random.default_rng(9)
    means = np.array([0, -2, -3, -4, -6, -7])
    z, fresh = (rng.normal(means, 2, (4000, 6)) for _ in range(2))
    sets, others = drawn(p_of(z), 1), drawn(p_of(fresh), 2)
    grid = np.arange(0.05, 0.9, 0.01)
    best = max(f1(fresh, others, cut)[0] for cut in grid)
    found = chosen(z, sets)
    assert f1(fresh, others, found.values)[0] > best - 0.01
    assert found.micro_f1 == pytest.approx(f1(z, sets, found.values)[0], abs=0.01)
    macro = chosen(z, sets, maximise="macro-f1")
    assert f1(fresh, others, macro.values)[1] > f1(fresh, others, 0.5)[1] + 0.05
    assert macro.by_label
    assert (macro.values >= 0.03).all()


def test_a_label_of_five_positives_has_no_threshold_of_its_own_from_noise() -> None:
    rng = np.random.default_rng(10)
    z = np.column_stack([rng.normal(-1, 2, (2000, 8)), rng.normal(-7, 1, (2000, 1))])
    hot = rng.random(z.shape) < p_of(z)
    hot[:, 8] = False
    hot[:5, 8] = True  # anywhere: its score says nothing of it
    found = chosen(z, LabelSets.of([np.flatnonzero(row) for row in hot]))
    assert found.values[8] >= 0.02
    assert (p_of(z[:, 8]) >= found.values[8]).sum() < 100


def test_utility_and_samples() -> None:
    z = np.random.default_rng(11).normal(-1, 2, (500, 4))
    sets = drawn(p_of(z))
    assert chosen(z, sets, maximise="utility").values.tolist() == [0.5] * 4
    dear = chosen(z, sets, maximise="utility", cost_false_positive=4.0)
    assert dear.values.tolist() == [0.8] * 4
    found = chosen(z, sets, maximise="samples-f1").values
    hot = sets.indicator(4)

    def samples(cut: float) -> float:
        answers = p_of(z) >= cut
        size = answers.sum(axis=1) + hot.sum(axis=1)
        each = np.where(size, 2 * (answers & hot).sum(axis=1) / np.maximum(size, 1), 1)
        return float(each.mean())

    assert samples(found[0]) > max(samples(cut) for cut in np.arange(0.05, 0.95, 0.05)) - 0.005


def test_histograms_give_the_f1_of_their_cuts() -> None:
    z = CENTRES[np.random.default_rng(12).integers(150, 250, (300, 3))]
    sets = drawn(p_of(z))
    own = ScoreHistogram.of(z.astype(np.float32), sets, np.ones(300))
    for cuts in (np.array([0.2, 0.5, 0.7]), np.full(3, 0.31)):
        assert f1_of(own, cuts) == pytest.approx(f1(z, sets, cuts))


def test_second_passes_are_of_one_size() -> None:
    with pytest.raises(ValueError, match="not one of 3 labels"):
        SecondPass(np.zeros((2, 2), np.float32), np.ones(3), np.zeros(3), (1.0, 1.0, 1.0))


def test_scores_that_tell_all_apart_bear_out_no_certainty() -> None:
    z = np.where(np.random.default_rng(13).random((300, 4)) < 0.3, 12.0, -12.0)
    sets = LabelSets.of([np.flatnonzero(row > 0) for row in z])
    bent, _ = common_calibration(ScoreHistogram.of(z.astype(np.float32), sets, np.ones(300)))
    p = p_of(bent.bend(z))
    pairs = int((z > 0).sum())
    assert p.max() <= 1 - 0.2 / pairs
    assert p.max() >= 1 - 5 / pairs
    assert p.min() >= 0.2 / (z.size - pairs)


def test_thresholds_without_documents_to_choose_by() -> None:
    assert Thresholds.unjudged(3, TrainingOptions()).values.tolist() == [0.5] * 3
    costs = TrainingOptions(maximise="utility", cost_false_positive=3.0)
    assert Thresholds.unjudged(2, costs).values.tolist() == [0.75] * 2
