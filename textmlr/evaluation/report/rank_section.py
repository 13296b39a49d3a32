"""The sections of a report that only very many labels have: the k likeliest labels of a document,
rare and common labels, and some of all labels."""

from __future__ import annotations

from functools import partial

import numpy as np

from textmlr.base.web_page import name_of, table
from textmlr.evaluation.chance import chance_rates
from textmlr.evaluation.evaluation import Evaluation
from textmlr.evaluation.label_figures import LabelFigures
from textmlr.evaluation.rank_figures import RankFigures, TrainingBand, document_weights
from textmlr.evaluation.ranked_truth import RankedTruth
from textmlr.evaluation.report import drawing, rank_plots
from textmlr.evaluation.report.images import Images, figure, spread

MOST_ROWS = 50  # labels of lowest F1, and of most documents


def likeliest_section(answered: RankedTruth, ranks: RankFigures, images: Images) -> str:
    """How often a document's label is among its k likeliest."""
    most = min(rank_plots.MOST_LIKELIEST, answered.width)
    places = np.where(answered.codes < answered.width, np.minimum(answered.rank, most), most)
    counts = np.bincount(places, minlength=most + 1)[:most]
    weights, weighted = document_weights(answered), None
    if weights is not None:
        weighted = np.cumsum(np.bincount(places, weights, most + 1)[:most]) / weights.sum()
    documents = np.bincount(answered.codes, minlength=len(answered.names))
    commonest = np.argsort(-chance_rates(answered)[1], kind="stable")[:most]
    chance = np.cumsum(documents[commonest]) / len(answered)
    draw = partial(rank_plots.likeliest, np.cumsum(counts) / len(answered), chance, weighted)
    rows = [
        (
            f"{row.k}",
            f"{row.accuracy:.4f}",
            spread(row.interval),
            f"{row.chance:.4f}",
            "–" if row.propensity_scored is None else f"{row.propensity_scored:.4f}",
            f"{row.ndcg:.4f}",
        )
        for row in ranks.at
    ]
    heads = ("likeliest", "accuracy", "95 % interval", "chance", "by propensity", "nDCG")
    return (
        "<p>Of so many labels the right one is worth something even if it is not the first: a "
        "person can choose among a few. Accuracy at k is the share of the documents whose label is "
        "among the k likeliest (papers call it recall at k; precision at k is a k-th of it). By "
        "propensity, rare labels count more. nDCG counts a label the more, the earlier it comes. "
        f"Half of the labels are in place {ranks.median_place:,.0f} or before, of "
        f"{answered.width:,}; the mean of 1/place is {ranks.mean_reciprocal_rank:.4f}.</p>"
        + figure(
            images,
            "likeliest",
            drawing.themed(draw),
            "Share of the documents whose label is among the k likeliest. Chance always has the "
            "commonest labels first.",
        )
        + table(heads, rows, ())
    )


def training_section(ranks: RankFigures, images: Images) -> str:
    """How labels of few documents in training fare, and those of many."""
    bands = ranks.by_training
    if not bands:
        return "<p>The model does not say how many documents of training had each label.</p>"
    names = [_band(band) for band in bands]
    rows = [
        (
            name,
            f"{band.labels:,}",
            f"{band.documents:,}",
            f"{band.accuracy:.4f}",
            f"{band.wider:.4f}",
            f"{band.log_loss:.4f}",
        )
        for name, band in zip(names, bands, strict=True)
    ]
    heads = (
        "documents of the label in training",
        "labels of the model",
        "documents here",
        "accuracy",
        "among the five likeliest",
        "log loss",
    )
    return (
        "<p>A label that training saw once is harder than one that it saw a hundred times. If rare "
        "labels do worse, more documents of them help most.</p>"
        + figure(
            images,
            "by-training",
            drawing.themed(partial(rank_plots.by_training, bands, names)),
            "Share of right answers by how many documents of training had the label, with 95 % "
            "intervals (Wilson), and the number of documents here.",
        )
        + table(heads, rows)
    )


def _band(band: TrainingBand) -> str:
    last = band.below - 1
    return f"{band.least:,}" if last <= band.least else f"{band.least:,}–{last:,}"


def some_labels_section(result: Evaluation) -> str:
    """The labels of lowest F1 and those of most documents."""
    count = len(result.answered.names)
    return (
        f"<p>These are the labels of lowest F1, those with most documents first, {MOST_ROWS} of "
        f"{count:,}. <code>textmlr evaluate --label LABEL</code> shows any other, and "
        "<code>--all --json</code> has all.</p>"
        + _rows(result.worst(MOST_ROWS))
        + "<p>These are the labels with most documents:</p>"
        + _rows(result.frequent(MOST_ROWS))
    )


def _rows(rows: list[LabelFigures]) -> str:
    heads = ("label", "documents", "answers", "precision", "recall", "F1")
    cells = [
        (
            name_of(row.label),
            f"{row.support:,}",
            f"{row.predicted:,}",
            f"{row.precision:.3f}",
            f"{row.recall:.3f}",
            f"{row.f1:.3f}",
        )
        for row in rows
    ]
    return table(heads, cells)
