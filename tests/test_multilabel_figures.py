"""Figures of label sets, by hand, by plain loops, and against scikit-learn."""

from __future__ import annotations

import itertools
import json
import re

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn import metrics

from textmlr.base.errors import InputError
from textmlr.corpus.label_sets import LabelSets
from textmlr.evaluation.label_figures import LABEL_AT
from textmlr.evaluation.multilabel.multilabel_evaluation import MultilabelEvaluation, judge_sets
from textmlr.evaluation.multilabel.pair_reliability import LIKELY
from textmlr.evaluation.multilabel.set_answers import SetAnswers
from textmlr.evaluation.multilabel.set_intervals import FIGURES, figures_of, resampled_figures
from textmlr.evaluation.propensity import inverse_propensities
from textmlr.evaluation.reliability import BINS
from textmlr.evaluation.true_labels import LEAST_PROBABILITY


def random_sets(n: int, labels: int, seed: int, places: int = 6):
    """Names, an indicator matrix (a document and a label without any among it), and P with ties."""
    rng = np.random.default_rng(seed)
    rates = rng.uniform(0.02, 0.5, labels)
    true = rng.random((n, labels)) < rates
    if n > 3:
        true[0] = False
        true[:, -1] = False
    scores = np.log(rates / (1 - rates)) + 2.5 * true + rng.normal(size=(n, labels))
    p = np.round(1 / (1 + np.exp(-scores)), places)
    return [f"l{i}" for i in range(labels)], true, p, rng.uniform(0.2, 0.7, labels)


SIZES = [(1, 4), (7, 3), (300, 2), (300, 40)]


@pytest.mark.parametrize(("n", "labels"), SIZES)
@pytest.mark.parametrize("places", [1, 6])
@pytest.mark.filterwarnings("ignore:No positive class")
def test_against_scikit_learn(n: int, labels: int, places: int) -> None:
    names, true, p, cuts = random_sets(n, labels, n + labels, places)
    figures = MultilabelEvaluation.of(names, true, p, cuts, resamples=3)
    said = p >= cuts
    for own, answers in ((figures.f1, said), (figures.f1_at_half, p >= 0.5)):
        for name in ("micro", "macro"):
            f1 = metrics.f1_score(true, answers, average=name, zero_division=0)
            assert getattr(own, name) == pytest.approx(f1)
        # A document without labels that gets none is answered rightly.
        f1 = metrics.f1_score(true, answers, average="samples", zero_division=1)
        assert own.samples == pytest.approx(_samples(true, answers))
        assert own.samples == pytest.approx(f1)
    assert figures.exact == pytest.approx((true == said).all(axis=1).mean())
    assert figures.hamming_loss == pytest.approx((true != said).mean())
    some = true.any(axis=0)
    if some.any():
        wanted = [
            metrics.average_precision_score(true[:, i], p[:, i]) for i in np.flatnonzero(some)
        ]
        assert figures.mean_average_precision == pytest.approx(np.mean(wanted))
        precision = metrics.precision_score(true, said, average="micro", zero_division=0)
        assert (figures.precision or 0.0) == pytest.approx(precision)
        assert figures.recall == pytest.approx(metrics.recall_score(true, said, average="micro"))
    columns = metrics.precision_recall_fscore_support(true, said, average=None, zero_division=0)
    for row, cut, *want in zip(figures.labels, cuts, *columns, strict=True):
        assert [row.precision, row.recall, row.f1, row.support] == pytest.approx(want)
        assert row.threshold == cut
    assert json.loads(json.dumps(figures.as_dict()))["micro_f1"] == figures.f1.micro


def _samples(true: np.ndarray, said: np.ndarray) -> float:
    f1 = []
    for own, answers in zip(true, said, strict=True):
        both = own.sum() + answers.sum()
        f1.append(2 * (own & answers).sum() / both if both else 1.0)
    return float(np.mean(f1))


def _micro(true: np.ndarray, said: np.ndarray) -> float:
    return float(2 * (true & said).sum() / max(true.sum() + said.sum(), 1))


@pytest.mark.parametrize(("n", "labels"), [(1, 1), (1, 4), (7, 3), (40, 1), (60, 12)])
@pytest.mark.parametrize("places", [1, 6])
def test_the_best_thresholds_by_trying_all(n: int, labels: int, places: int) -> None:
    names, true, p, cuts = random_sets(n, labels, n + labels, places)
    figures = MultilabelEvaluation.of(names, true, p, cuts, resamples=3)
    every = [*np.unique(p).tolist(), 1.1]
    micro = [_micro(true, p >= cut) for cut in every]
    best = figures.best
    assert best.micro == pytest.approx(max(micro))
    if best.micro:
        assert _micro(true, p >= best.micro_threshold) == pytest.approx(best.micro)
    samples = [_samples(true, p >= cut) for cut in every]
    assert best.samples == pytest.approx(max(samples))
    assert _samples(true, p >= best.samples_threshold) == pytest.approx(best.samples)
    own = []
    for i, row in enumerate(figures.labels):
        own.append(max(_micro(true[:, i], p[:, i] >= cut) for cut in every))
        assert row.best_f1 == pytest.approx(own[-1])
        assert _micro(true[:, i], p[:, i] >= row.best_threshold) == pytest.approx(own[-1])
    assert best.macro_by_label == pytest.approx(np.mean(own))
    macro = [np.mean([_micro(true[:, i], p[:, i] >= cut) for i in range(labels)]) for cut in every]
    assert best.macro == pytest.approx(max(macro))
    at = np.mean([_micro(true[:, i], p[:, i] >= best.macro_threshold) for i in range(labels)])
    assert at == pytest.approx(best.macro)
    assert best.micro_by_label >= best.micro
    if len(every) ** labels < 20_000:
        all_cuts = itertools.product(every, repeat=labels)
        assert best.micro_by_label == pytest.approx(max(_micro(true, p >= c) for c in all_cuts))
    for row in figures.cuts:
        said = p >= row.threshold
        assert row.f1.micro == pytest.approx(_micro(true, said))
        assert row.f1.samples == pytest.approx(_samples(true, said))
        assert row.labels_a_document == pytest.approx(said.sum(axis=1).mean())


def test_log_loss_and_the_same_for_labels_that_are_not_known() -> None:
    names, true, p, _ = random_sets(60, 9, 5)
    p[3, 2], p[4, 1] = 0.0, 1.0
    figures = MultilabelEvaluation.of(names, true, p, resamples=3)
    q = np.clip(np.where(true, p, 1 - p), LEAST_PROBABILITY, 1)
    assert figures.log_loss == pytest.approx(-np.log(q).sum(axis=1).mean())
    lists = [[names[i] for i in np.flatnonzero(row)] for row in true]
    same = MultilabelEvaluation.of(names, lists, p, resamples=3)
    assert same.as_dict() == figures.as_dict()
    sets = LabelSets.of([np.flatnonzero(row).tolist() for row in true])
    for y in (sets, csr_array(true.astype(np.int8)), [set(own) for own in lists]):
        assert MultilabelEvaluation.of(names, y, p, resamples=3).as_dict() == figures.as_dict()
    lists[0] = [*lists[0], "odd"]
    odd = MultilabelEvaluation.of(names, lists, p, resamples=3)
    assert odd.answered.strangers == {"odd": 1}
    assert odd.labels[-1].label == "odd"
    assert odd.labels[-1].threshold is None
    assert odd.labels[-1].recall == 0
    assert odd.labels[-1].best_f1 == odd.labels[-1].average_precision == 0
    more = -np.log(LEAST_PROBABILITY) / 60
    assert odd.log_loss == pytest.approx(figures.log_loss + more)
    assert odd.never_answered == figures.never_answered


@pytest.mark.parametrize("labels", [1, 2, 4, 40])
def test_the_likeliest_labels_by_hand(labels: int) -> None:
    names, true, p, cuts = random_sets(50, labels, labels, 1)
    counts = np.maximum(true.sum(axis=0), 1).astype(np.float64)
    answered = SetAnswers(
        names,
        LabelSets.of([np.flatnonzero(row).tolist() for row in true]),
        p,
        cuts,
        trained_on=counts,
        trained_documents=500.0,
    )
    figures = judge_sets(answered, resamples=3)
    weights = [
        1 + (np.log(500) - 1) * 2.5**0.55 * (count + 1.5) ** -0.55 for count in counts.tolist()
    ]
    assert inverse_propensities(counts, 500.0) == pytest.approx(weights)
    assert [row.k for row in figures.at_rank] == [k for k in (1, 3, 5) if k <= labels]
    for row in figures.at_rank:
        hits, recalls, reached, highest = 0, [], 0.0, 0.0
        for own, shares in zip(true, p, strict=True):
            top = sorted(range(labels), key=lambda i: (-shares[i], i))[: row.k]
            right = [i for i in top if own[i]]
            hits += len(right)
            if own.any():
                recalls.append(len(right) / own.sum())
            reached += sum(weights[i] for i in right)
            highest += sum(sorted((weights[i] for i in np.flatnonzero(own)), reverse=True)[: row.k])
        assert row.precision == pytest.approx(hits / (50 * row.k))
        if recalls:
            assert row.recall == pytest.approx(np.mean(recalls))
            assert row.propensity_scored == pytest.approx(reached / highest)
        else:
            assert row.recall is row.propensity_scored is None


def test_calibration_over_pairs() -> None:
    names, true, p, _ = random_sets(200, 12, 3, 2)
    figures = MultilabelEvaluation.of(names, true, p, resamples=3)

    def error(some: np.ndarray) -> float:
        own, right, total = p[some], true[some], 0.0
        for i in range(BINS):
            inside = (own > i / BINS) & (own <= (i + 1) / BINS)
            if i == 0:
                inside |= own == 0
            if inside.any():
                total += abs(right[inside].mean() - own[inside].mean()) * inside.sum()
        return total / some.sum()

    assert figures.ece == pytest.approx(error(p >= LIKELY))
    assert figures.ece_of_all == pytest.approx(error(p >= 0))
    assert sum(one.documents for one in figures.reliability) == (p >= LIKELY).sum()


def test_pairs_of_labels_by_hand() -> None:
    names, true, p, cuts = random_sets(200, 8, 4)
    figures = MultilabelEvaluation.of(names, true, p, cuts, resamples=3)
    said = p >= cuts
    wrong = (true & ~said).T.astype(int) @ (said & ~true).astype(int)
    assert [pair.count for pair in figures.mistaken] == sorted(wrong.ravel(), reverse=True)[:10]
    for pair in figures.mistaken:
        assert pair.count == wrong[names.index(pair.true), names.index(pair.answer)]
    have, get, hit = (m.T.astype(int) @ m.astype(int) for m in (true, said, true & said))
    upper = sorted(have[np.triu_indices(8, 1)], reverse=True)
    assert [pair.documents for pair in figures.together] == upper[:10]
    for pair in figures.together:
        a, b = names.index(pair.a), names.index(pair.b)
        assert a < b
        assert [pair.documents, pair.answered, pair.hits] == [m[a, b] for m in (have, get, hit)]


def test_pairs_are_counted_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    from textmlr.evaluation.multilabel import ranked_labels, set_pairs
    from textmlr.model import scoring

    names, true, p, cuts = random_sets(200, 8, 4)
    whole = MultilabelEvaluation.of(names, true, p, cuts, resamples=3).as_dict()
    monkeypatch.setattr(set_pairs, "BLOCK_PAIRS", 7)
    monkeypatch.setattr(ranked_labels, "BLOCK", 500)
    monkeypatch.setattr(scoring, "BLOCK_SCORES", 100)
    cut = MultilabelEvaluation.of(names, true, p, cuts, resamples=3).as_dict()
    cut_numbers, numbers = (re.findall(r"-?\d[\d.e-]*", json.dumps(one)) for one in (cut, whole))
    assert [*map(float, cut_numbers)] == pytest.approx([*map(float, numbers)])


def test_rows_of_thresholds() -> None:
    names, true, p, cuts = random_sets(100, 5, 8, 2)
    figures = MultilabelEvaluation.of(names, true, p, cuts, resamples=3, min_probabilities=[0.123])
    assert 0.123 in [row.threshold for row in figures.cuts]
    for i, row in enumerate(figures.labels):
        assert [at.min_probability for at in row.thresholds] == [*LABEL_AT]
        for at in row.thresholds:
            said = p[:, i] >= at.min_probability
            assert at.documents == said.sum()
            hits = (said & true[:, i]).sum()
            assert at.precision == (pytest.approx(hits / said.sum()) if said.any() else None)
            own = true[:, i].sum()
            assert at.recall == (pytest.approx(hits / own) if own else None)


def test_chance_by_hand() -> None:
    p = np.full((4, 3), 0.5)
    sets = LabelSets.of([[0, 1], [0], [], [0, 1]])
    known = np.array([60.0, 50.0, 1.0])
    even = judge_sets(
        SetAnswers([*"abc"], sets, p, p[0], trained_on=known, trained_documents=100.0)
    )
    # Both of the commonest: 2·110/(2·100 + 111) is above 2·60/(100 + 111).
    assert even.chance.labels == ("a", "b")
    assert even.chance.source == "training"
    assert even.chance.micro_f1 == pytest.approx(2 * 5 / (8 + 5))
    assert even.chance.precision_at_1 == 0.75
    shares, rates = np.array([0.75, 0.5, 0.0]), (known + 0.5) / 101
    loss = -(shares * np.log(rates) + (1 - shares) * np.log(1 - rates)).sum()
    assert even.chance.log_loss == pytest.approx(loss)
    alone = MultilabelEvaluation.of([*"abc"], sets, p, resamples=3).chance
    assert alone.source == "test"
    assert alone.log_loss < even.chance.log_loss


def test_intervals_hold_the_figures_and_no_thread_changes_them() -> None:
    names, true, p, cuts = random_sets(150, 6, 2)
    figures = MultilabelEvaluation.of(names, true, p, cuts)
    own = figures_of(figures.answered)
    wanted = [*(getattr(figures.f1, one) for one in ("micro", "macro", "samples"))]
    wanted += [figures.at_rank[0].precision, figures.log_loss]
    assert own == pytest.approx(wanted)
    for name, value in zip(FIGURES, wanted, strict=True):
        low, high = getattr(figures.intervals, name)
        assert low < value < high
    one, four = (resampled_figures(figures.answered, threads=t) for t in (1, 4))
    assert one.tobytes() == four.tobytes()
    draw = np.random.default_rng(np.random.SeedSequence(1).spawn(1)[0]).integers(0, 150, 150)
    first = MultilabelEvaluation.of(names, true[draw], p[draw], cuts, resamples=3)
    assert one[0] == pytest.approx(figures_of(first.answered))


def test_a_label_that_is_not_drawn_counts_in_no_mean() -> None:
    true = np.eye(40, dtype=bool)  # a draw lacks a third of the labels
    right = MultilabelEvaluation.of([f"{i:02}" for i in range(40)], true, true * 0.8, resamples=99)
    assert right.f1.macro == 1.0
    assert right.intervals.macro_f1 == (1.0, 1.0)
    # One that no document has and none gets is 0 in the figure, and in each draw.
    names = [f"{i:02}" for i in range(41)]
    more = np.pad(true, ((0, 0), (0, 1)))
    figures = MultilabelEvaluation.of(names, more, more * 0.8, resamples=99)
    assert figures.f1.macro == pytest.approx(40 / 41)
    low, high = figures.intervals.macro_f1
    assert 0.9 < low <= high < 1.0


def test_nothing_is_said_and_nothing_is_true() -> None:
    p = np.full((3, 2), 0.1)
    figures = MultilabelEvaluation.of(["a", "b"], np.zeros((3, 2)), p)
    assert (figures.f1.micro, figures.f1.macro, figures.f1.samples) == (0, 0, 1)
    assert figures.exact == 1
    assert figures.hamming_loss == 0
    assert figures.precision is figures.recall is figures.mean_average_precision is None
    assert figures.best.samples == 1
    assert figures.chance.micro_f1 == 0
    assert figures.worst(3) == []
    assert figures.mistaken == figures.together == ()
    shown = repr(figures)
    assert shown.count("\n") == 2
    assert "nan" not in shown + figures._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((["a"], [["a"]], [[0.5]]), "probabilities"),
        ((["a"], [["a"]], np.array([[1.5]])), "probabilities are not in 0 to 1"),
        ((["a"], [["a"]], np.array([[np.nan]])), "probabilities are not in 0 to 1"),
        ((["a", "b"], [["a"]], np.array([[0.5]])), "2 labels for probabilities"),
        ((["a"], ["a"], np.array([[0.5]])), "list of names a document"),
        ((["a"], [[3]], np.array([[0.5]])), "list of names a document"),
        ((["a"], [None], np.array([[0.5]])), "list of names a document"),
        ((["a"], [["a"], []], np.array([[0.5]])), "list of names a document"),
        ((["a"], np.array([[2]]), np.array([[0.5]])), "of 0 and 1"),
        ((["a"], LabelSets.of([[1]]), np.array([[0.5]])), "of 0 and 1"),
        ((["a"], np.zeros((0, 1)), np.zeros((0, 1))), "no documents"),
        ((["a"], [["a"]], np.array([[0.5]]), 1.5), "thresholds"),
        ((["a"], [["a"]], np.array([[0.5]]), "x"), "thresholds"),
        ((["a"], [["a"]], np.array([[0.5]]), [0.5, 0.5]), "thresholds"),
    ],
)
def test_what_is_refused(arguments, told: str) -> None:
    with pytest.raises((InputError, TypeError), match=told):
        MultilabelEvaluation.of(*arguments)


def test_the_cost_of_answers() -> None:
    names, true, p, cuts = random_sets(50, 6, 1)
    sets = LabelSets.of([np.flatnonzero(row).tolist() for row in true])
    figures = judge_sets(SetAnswers(names, sets, p, cuts, cost=2.5), resamples=3)
    said = p >= cuts
    assert figures.cost == pytest.approx(((true & ~said) + 2.5 * (said & ~true)).sum() / 50)
    assert judge_sets(SetAnswers(names, sets, p, cuts), resamples=3).cost is None
