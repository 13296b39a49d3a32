"""The report of an evaluation of label sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from textmlr.base.web_page import name_of, table
from textmlr.corpus.corpus import Corpus
from textmlr.evaluation.curves import CurvePoint
from textmlr.evaluation.multilabel.f1_scores import AtCut, F1Scores, at_cuts
from textmlr.evaluation.multilabel.multilabel_evaluation import MultilabelEvaluation
from textmlr.evaluation.multilabel.set_answers import SetAnswers, of_pairs
from textmlr.evaluation.multilabel.set_pairs import without
from textmlr.evaluation.report import drawing, plots, set_plots
from textmlr.evaluation.report.bins_table import bins_table
from textmlr.evaluation.report.images import Images, figure, spread
from textmlr.evaluation.report.learning_section import learning_section
from textmlr.evaluation.report.page_frame import answer_warnings, named, tiles_of, whole_page
from textmlr.evaluation.report.set_label_section import set_labels_section
from textmlr.evaluation.report.set_pair_section import mistaken_section, together_section
from textmlr.evaluation.report.shown_documents import article
from textmlr.evaluation.report.shown_labels import ShownLabels
from textmlr.model.model import Model

MOST_WRONG = 20
MOST_SIZES = 6  # so many labels, or more, a document are one row
FINE = (*(i / 100 for i in range(1, 10)), *(i / 40 for i in range(4, 40)), 0.99)


@dataclass(frozen=True, slots=True, eq=False)
class SetFindings:
    """The contents of a report, as ``page.Findings``."""

    model_name: str
    model: Model
    corpus: Corpus
    answered: SetAnswers
    evaluation: MultilabelEvaluation
    points: Sequence[CurvePoint] | None


def set_page(findings: SetFindings, images: Images) -> str:
    """The page;  its figures are added to images."""
    answered, result = findings.answered, findings.evaluation
    names = ShownLabels(answered.names)
    record = findings.model.record
    sections = [
        ("thresholds", "Thresholds", _thresholds(result, images)),
        ("sure", "Calibration", _reliability(result, images)),
        ("many", "How many labels?", _sizes(result)),
        ("labels", "Label by label", set_labels_section(result, names, images)),
        ("mistaken", "Said A where B was", mistaken_section(answered, names, images)),
        ("together", "Labels that stand together", together_section(answered, names, images)),
        (
            "learning",
            "Would more documents help?",
            learning_section(findings.points, record, images, "micro-F1"),
        ),
        ("wrong", "Most confidently wrong", _wrong(findings)),
    ]
    tiles = _tiles(findings)
    return whole_page(findings.model_name, findings.model, findings.corpus, tiles, sections)


def _tiles(findings: SetFindings) -> str:
    result = findings.evaluation
    sure, even, best = result.intervals, result.chance, result.best
    first = result.at_rank[0].precision
    tiles = [
        ("micro-F1", f"{result.f1.micro:.4f}", spread(sure.micro_f1)),
        ("macro-F1", f"{result.f1.macro:.4f}", spread(sure.macro_f1)),
        ("samples-F1", f"{result.f1.samples:.4f}", spread(sure.samples_f1)),
        ("likeliest label right", f"{first:.4f}", spread(sure.precision_at_1)),
        ("log loss, nats a document", f"{result.log_loss:.4f}", spread(sure.log_loss)),
        ("mean average precision", _figure(result.mean_average_precision), "of labels"),
        ("answered exactly", f"{result.exact:.4f}", "share of documents"),
        ("Hamming loss", f"{result.hamming_loss:.4f}", "share of wrong decisions"),
        ("calibration error", f"{result.ece:.4f}", "15 bins, P ≥ 0.05, 0 is best"),
    ]
    text = (
        "<p>Brackets hold 95 % intervals, from drawing the documents anew "
        f"{sure.resamples:,} times. They say how the figures vary with the test documents. By "
        f"chance, micro-F1 would be {even.micro_f1:.4f} (always {named(even.labels)}), and log "
        f"loss {even.log_loss:.4f} (the labels’ shares in the {even.source} documents). "
        "Thresholds chosen on these very documents give no fair figure but a bound: one for all "
        f"labels micro-F1 {best.micro:.4f}, macro-F1 {best.macro:.4f} and samples-F1 "
        f"{best.samples:.4f}; a threshold of each label’s own micro-F1 {best.micro_by_label:.4f} "
        f"and macro-F1 {best.macro_by_label:.4f}.</p>"
    )
    never = result.never_answered
    if never:
        text += (
            '<p class="wrong">Never answered, though documents have them: '
            f"{named(never)}. More documents of them help, or training with "
            "<code>--maximise macro-f1</code>.</p>"
        )
    return tiles_of(tiles) + text + answer_warnings(findings.answered)


def _thresholds(result: MultilabelEvaluation, images: Images) -> str:
    """F1 by the threshold: a figure, and a table."""
    own = result.answered.thresholds
    low, high = float(own.min()), float(own.max())
    at = low if low == high else None
    fine = at_cuts(result.answered, FINE)
    drawn = drawing.themed(partial(set_plots.thresholds, fine, (at, result.f1), result.best))
    best = result.best
    rows = [
        ("the model’s", *_cells(result.answers_a_document, *_shares(result), result.f1)),
        *((f"{row.threshold:g}", *_row(row)) for row in result.cuts),
    ]
    how = (
        f"P ≥ {low:.3g}" if at is not None else f"P ≥ {low:.3g} to {high:.3g}, a threshold a label"
    )
    heads = (
        "P ≥",
        "labels a document",
        "precision",
        "recall",
        "micro-F1",
        "macro-F1",
        "samples-F1",
    )
    return (
        "<p>A label is an answer where its probability reaches a threshold. The model’s "
        f"is {how}. What would other thresholds give, one for all "
        "labels? A low one finds more labels, a high one is wrong less often.</p>"
        + figure(
            images,
            "thresholds",
            drawn,
            "F1, precision and recall over all pairs of a document and a label, against one "
            f"threshold for all labels. The best micro-F1 here is {best.micro:.4f}.",
        )
        + table(heads, rows, (0,))
    )


def _shares(result: MultilabelEvaluation) -> tuple[float | None, float | None]:
    return result.precision, result.recall


def _row(row: AtCut) -> tuple[str, ...]:
    return _cells(row.labels_a_document, row.precision, row.recall, row.f1)


def _cells(
    labels: float, precision: float | None, recall: float | None, f1: F1Scores
) -> tuple[str, ...]:
    figures = (precision, recall, f1.micro, f1.macro, f1.samples)
    return (f"{labels:.2f}", *(_figure(value) for value in figures))


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _reliability(result: MultilabelEvaluation, images: Images) -> str:
    bins = result.reliability
    text = (
        "<p>Of the labels with a probability of about 80 %, 80 % should be right. Above the dashed "
        "line they are right more often than the model says; below it the model is too sure. Pairs "
        "of a document and a label below 5 % are left out: they are nearly all, and hardly ever "
        f"right. With them the calibration error is {result.ece_of_all:.4f}.</p>"
    )
    if not bins:
        return text + "<p>No label has 5 % in any document.</p>"
    drawn = drawing.themed(partial(plots.reliability, bins, "a label", "pairs"))
    return (
        text
        + figure(
            images,
            "reliability",
            drawn,
            "Reliability diagram: share of labels that are right by their probability, with 95 % "
            "bands (Wilson), and the number of pairs of a document and a label in each bin.",
        )
        + bins_table(bins, "pairs")
    )


def _sizes(result: MultilabelEvaluation) -> str:
    """How many labels documents have and get, and the figures of the likeliest ones."""
    answered = result.answered
    have, get = (
        np.bincount(np.minimum(sets.sizes, MOST_SIZES), minlength=MOST_SIZES + 1).tolist()
        for sets in (answered.sets, answered.answered)
    )
    rows = [
        (f"{size}" + (" or more" if size == MOST_SIZES else ""), f"{own:,}", f"{given:,}")
        for size, (own, given) in enumerate(zip(have, get, strict=True))
    ]
    ranks = [
        (
            f"{row.k}",
            f"{row.precision:.4f}",
            _figure(row.recall),
            _figure(row.propensity_scored),
        )
        for row in result.at_rank
    ]
    return (
        f"<p>Documents have {result.labels_a_document:.2f} labels on average, and get "
        f"{result.answers_a_document:.2f}.</p>"
        + table(("labels", "documents that have so many", "that get so many"), rows, (0,))
        + "<p>The k likeliest labels of each document, whatever their probability. Precision is "
        "the share of them that is right, recall the share of the document’s labels among them. "
        "Precision by propensity counts rare labels more, as a share of the highest that is "
        "possible (Jain and others, 2016).</p>"
        + table(("k", "precision", "recall", "by propensity"), ranks, ())
    )


def _wrong(findings: SetFindings) -> str:
    """The documents with the surest answers that are wrong, and the unlikeliest labels missed."""
    answered, corpus = findings.answered, findings.corpus
    p, width = answered.probabilities, len(answered.names)
    wrong = without(answered.answered, answered.sets, width)
    missed = without(answered.sets, answered.answered, width)
    known = missed.codes < p.shape[1]
    rows = np.concatenate([wrong.rows, missed.rows[known]])
    if not len(rows):
        return "<p>No answer on a label that the model knows was wrong.</p>"
    of_missed = of_pairs(p, missed.rows, missed.codes)[known]
    sure = np.concatenate([of_pairs(p, wrong.rows, wrong.codes), 1 - of_missed])
    order = np.argsort(-sure, kind="stable")
    _, first = np.unique(rows[order], return_index=True)
    worst = rows[order][np.sort(first)][:MOST_WRONG].tolist()
    articles = "".join(article(corpus, i, _about(answered, i)) for i in worst)
    return (
        f"<p>These are the {len(worst)} documents with the most confident faults: a label that is "
        "said and is wrong, at a high probability, or one that is missed, at a low one. Look here "
        "for wrong labels, for labels that were forgotten, and for words that mislead.</p>"
        f"{articles}"
    )


def _about(answered: SetAnswers, i: int) -> str:
    """The labels of a document: right, wrong and missed, each with its probability."""
    true, given = {*answered.sets[i].tolist()}, {*answered.answered[i].tolist()}
    p = answered.probabilities[i].tolist() + [0.0] * len(answered.names)
    parts = (
        ("wrong: ", "wrong", given - true),
        ("missed: ", "wrong", true - given),
        ("right: ", "right", true & given),
    )
    return " · ".join(
        f"{what}"
        + ", ".join(
            f'{name_of(answered.names[code])} <span class="{kind}">{p[code]:.2%}</span>'
            for code in sorted(codes, key=lambda code: -p[code])
        )
        for what, kind, codes in parts
        if codes
    )
