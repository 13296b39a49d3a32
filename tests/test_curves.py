"""Precision against recall, and the learning curve."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from textmlr.base.errors import InputError
from textmlr.corpus.reading import read_corpus
from textmlr.evaluation.curves import label_curves, learning_curve, stratified_order
from textmlr.evaluation.evaluation import judge
from textmlr.evaluation.labelled_answers import LabelledAnswers, answer
from textmlr.model.model import Model
from textmlr.model.record import Record


def test_precision_and_recall_against_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(4), 300).round(2)  # many ties
    codes = np.where(rng.random(300) < 0.5, p.argmax(axis=1), rng.integers(0, 5, 300))
    codes[codes == 2] = 0  # label c does not occur, and e is not the model's
    curves = label_curves(LabelledAnswers(list("abcde"), codes, p))
    assert [curve.label for curve in curves] == ["a", "b", "d"]
    for curve in curves:
        code = "abcd".index(curve.label)
        own = codes == code
        precision, recall, thresholds = metrics.precision_recall_curve(own, p[:, code])
        np.testing.assert_allclose(curve.thresholds, thresholds[::-1])
        np.testing.assert_allclose(curve.precision, precision[-2::-1])
        np.testing.assert_allclose(curve.recall, recall[-2::-1])
        want = metrics.average_precision_score(own, p[:, code])
        assert curve.average_precision == pytest.approx(want)
        assert curve.documents == own.sum()
        scores = [metrics.f1_score(own, p[:, code] >= t) for t in curve.thresholds]
        assert curve.best_f1 == pytest.approx(max(scores))
        assert curve.best_threshold == curve.thresholds[int(np.argmax(scores))]


def test_each_beginning_of_the_order_has_all_labels_in_proportion() -> None:
    y = np.random.default_rng(2).choice(6, 4000, p=[0.5, 0.3, 0.1, 0.06, 0.03, 0.01])
    order = stratified_order(y.astype(np.int32), seed=3)
    assert sorted(order.tolist()) == list(range(4000))
    for size in (250, 500, 1000, 2000):
        counts = np.bincount(y[order[:size]], minlength=6)
        want = np.bincount(y, minlength=6) * size / 4000
        assert (np.abs(counts - want) <= 1 + 3 * np.sqrt(want)).all()
        assert counts.min() >= 1
    assert set(y[order[:6]].tolist()) == set(range(6))
    assert (order == stratified_order(y.astype(np.int32), seed=3)).all()
    assert (order != stratified_order(y.astype(np.int32), seed=4)).any()


def test_subset_of_a_corpus(train_tsv: Path, test_tsv: Path) -> None:
    corpus = read_corpus([train_tsv, test_tsv])
    rows = np.array([0, 3, 299, 300, 389])
    part = corpus.subset(rows)
    assert len(part) == 5
    for i, row in enumerate(rows.tolist()):
        assert part.text(i) == corpus.text(row)
        assert part.labels[part.y[i]] == corpus.labels[corpus.y[row]]
    assert corpus.text(300) == test_tsv.read_text().splitlines()[0].split("\t")[1]
    one = corpus.subset(np.array([1]))
    assert one.labels == [corpus.labels[corpus.y[1]]]
    assert one.y.tolist() == [0]
    with pytest.raises(IndexError):
        corpus.text(390)


@pytest.mark.slow
def test_learning_curve(model_file: Path, train_tsv: Path, test_tsv: Path) -> None:
    model = Model.load(model_file)
    training, test = read_corpus([train_tsv]), read_corpus([test_tsv])
    told: list[int] = []
    points = learning_curve(model, training, test, watch=told.append)
    assert told == [p.documents for p in points] == [19, 38, 75, 150, 300]
    assert not any(p.unseen for p in points)
    assert points[-1].accuracy > points[0].accuracy
    assert points[-1].log_loss < points[0].log_loss
    # The last is the model itself, trained anew.
    figures = judge(answer(model, test))
    assert points[-1].log_loss == figures.log_loss
    assert points[-1].accuracy_interval == figures.intervals.accuracy


def test_a_model_that_does_not_say_how_it_was_trained(
    model_file: Path, train_tsv: Path, test_tsv: Path
) -> None:
    model = Model.load(model_file)
    model.record = Record()
    with pytest.raises(InputError, match="with what options"):
        learning_curve(model, read_corpus([train_tsv]), read_corpus([test_tsv]))
