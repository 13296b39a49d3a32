"""The report of an evaluation: one HTML page that needs no other file, and its figures as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike

import numpy as np

from textmlr.base.web_page import name_of, table
from textmlr.base.whole_files import make_folder
from textmlr.corpus.corpus import Corpus
from textmlr.evaluation.coverage import Coverage
from textmlr.evaluation.curves import CurvePoint
from textmlr.evaluation.evaluation import Evaluation
from textmlr.evaluation.labelled_answers import LabelledAnswers
from textmlr.evaluation.ranked_truth import RankedTruth
from textmlr.evaluation.report import drawing, plots
from textmlr.evaluation.report.bins_table import bins_table
from textmlr.evaluation.report.confusion_section import confusion_section, pair_section
from textmlr.evaluation.report.images import Images, figure, spread
from textmlr.evaluation.report.label_section import labels_section
from textmlr.evaluation.report.learning_section import learning_section
from textmlr.evaluation.report.page_frame import answer_warnings, named, tiles_of, whole_page
from textmlr.evaluation.report.rank_section import (
    likeliest_section,
    some_labels_section,
    training_section,
)
from textmlr.evaluation.report.report_files import write_files
from textmlr.evaluation.report.set_page import SetFindings, set_page
from textmlr.evaluation.report.shown_documents import article
from textmlr.evaluation.report.shown_labels import ShownLabels
from textmlr.model.model import Model

MOST_WRONG = 20
SEVERAL = (5, 10)  # likeliest labels of very many, whose accuracy has a tile
COVERAGE_AT = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)  # some of coverage's


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """The contents of a report.

    model_name  the model's file;  corpus  the documents, in the order of answered
    points      of the learning curve, None where there is no training corpus
    """

    model_name: str
    model: Model
    corpus: Corpus
    answered: LabelledAnswers | RankedTruth
    evaluation: Evaluation
    points: Sequence[CurvePoint] | None


def write_report(folder: str | PathLike[str], findings: Findings | SetFindings) -> str:
    """Write report.html and the PNGs of its figures (as light pages show them) to a folder: all
    of them or, on a full disk for instance, none.

    Returns the path of the page.  Images of an earlier report that this one lacks are removed.
    Raises InputError where matplotlib is missing, and for a file that cannot be written.
    """
    drawing.require()
    make_folder(folder)
    images: Images = {}
    if isinstance(findings, Findings):
        return write_files(folder, _page(findings, images), images)
    return write_files(folder, set_page(findings, images), images)


def _page(findings: Findings, images: Images) -> str:
    own = (findings.model_name, findings.model, findings.corpus)
    return whole_page(*own, _tiles(findings), _sections(findings, images))


def _sections(findings: Findings, images: Images) -> list[tuple[str, str, str]]:
    """Key, title and HTML of each section."""
    answered, figures = findings.answered, findings.evaluation
    sure = ("sure", "Calibration", _reliability(findings, images))
    unsure = ("unsure", "Leaving the unsure to a person", _coverage(findings, images))
    if isinstance(answered, RankedTruth):
        assert figures.ranks is not None
        sections = [
            ("among", "Among the likeliest", likeliest_section(answered, figures.ranks, images)),
            sure,
            unsure,
            ("rare", "Rare and common labels", training_section(figures.ranks, images)),
            ("confusions", "Confusions", pair_section(answered, images)),
            ("labels", "Some labels", some_labels_section(figures)),
        ]
    else:
        names = ShownLabels(answered.names)
        by_label = labels_section(answered, tuple(figures.labels), names, images)
        sections = [
            sure,
            unsure,
            ("confusions", "Confusions", confusion_section(answered, names, images)),
            ("labels", "Label by label", by_label),
        ]
    learning = learning_section(findings.points, findings.model.record, images)
    return [
        *sections,
        ("learning", "Would more documents help?", learning),
        ("wrong", "Most confidently wrong", _wrong(findings)),
    ]


def _tiles(findings: Findings) -> str:
    figures = findings.evaluation
    sure, even = figures.intervals, figures.chance
    accuracy = ("accuracy", f"{figures.accuracy:.4f}", spread(sure.accuracy))
    losses = ("log loss, nats", f"{figures.log_loss:.4f}", spread(sure.log_loss))
    error = ("calibration error", f"{figures.ece:.4f}", "15 bins, 0 is best")
    if figures.ranks is None:
        macro = ("macro-F1", f"{figures.macro_f1:.4f}", spread(sure.macro_f1))
        brier = ("Brier score", f"{figures.brier:.4f}", "0 is best, 2 worst")
        tiles = [accuracy, macro, losses, brier, error]
    else:
        several = [
            (f"among the {row.k} likeliest", f"{row.accuracy:.4f}", spread(row.interval))
            for row in figures.ranks.at
            if row.k in SEVERAL
        ]
        tiles = [accuracy, *several, losses, error]
    text = (
        "<p>Brackets hold 95 % intervals, from drawing the documents anew "
        f"{sure.resamples:,} times. They say how the figures vary with the test documents. By "
        f"chance, accuracy would be {even.accuracy:.4f} (always {name_of(even.label)}), and log "
        f"loss {even.log_loss:.4f} (the labels’ shares in the {even.source} documents).</p>"
    )
    if figures.never_answered and figures.ranks is None:
        text += (
            '<p class="wrong">Never answered, though documents have them: '
            f"{named(figures.never_answered)}. More documents, --class-weight balanced or a "
            "smaller --min-df help.</p>"
        )
    text += answer_warnings(findings.answered)
    return tiles_of(tiles) + text


def _reliability(findings: Findings, images: Images) -> str:
    bins = findings.evaluation.reliability
    drawn = drawing.themed(partial(plots.reliability, bins, "the likeliest label", "documents"))
    return (
        "<p>Answers with a probability of about 80 % should be right in 80 % of cases. "
        "Above the dashed line the model is right more often than it says; below it the model "
        "is too sure.</p>"
        + figure(
            images,
            "reliability",
            drawn,
            "Reliability diagram: share of right answers by the probability of the answer, with "
            "95 % bands (Wilson), and the number of documents in each bin.",
        )
        + bins_table(bins, "documents")
    )


def _coverage(findings: Findings, images: Images) -> str:
    answered = findings.answered
    right = answered.top == answered.codes
    drawn = drawing.themed(partial(plots.coverage, answered.confidence, right))
    rows = [_coverage_row(row, len(answered)) for row in _shown(findings.evaluation.coverage)]
    return (
        "<p>With <code>textmlr classify --min-probability P</code> the answer is “unsure” where no "
        "label has probability P, and a person decides. How many documents are still answered, and "
        "how many of these answers are right?</p>"
        + figure(
            images,
            "coverage",
            drawn,
            "Accuracy of the answers against the share of documents that get one, with a 95 % band "
            "(Wilson).",
        )
        + table(
            ("least P", "answered", "coverage", "left to a person", "accuracy", "95 % interval"),
            rows,
            (),
        )
    )


def _shown(rows: Sequence[Coverage]) -> list[Coverage]:
    return [row for row in rows if row.min_probability in COVERAGE_AT]


def _coverage_row(row: Coverage, n: int) -> tuple[str, ...]:
    accuracy = "–" if row.accuracy is None else f"{row.accuracy:.2%}"
    return (
        f"{row.min_probability:g}",
        f"{row.documents:,}",
        f"{row.coverage:.1%}",
        f"{n - row.documents:,}",
        accuracy,
        spread(row.interval, percent=True),
    )


def _wrong(findings: Findings) -> str:
    answered, corpus = findings.answered, findings.corpus
    confidence, top = answered.confidence, answered.top
    wrong = np.flatnonzero(top != answered.codes)
    if not len(wrong):
        return "<p>No answer was wrong.</p>"
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:MOST_WRONG]
    of_truth, rank = answered.of_truth, answered.rank
    many = isinstance(answered, RankedTruth)

    def place(i: int) -> str:
        """Where the label of a document stands, if that is not known by P alone."""
        return f" in place {rank[i] + 1:,}" if many and rank[i] < answered.width else ""

    articles = "".join(
        article(
            corpus,
            i,
            f"taken for {name_of(answered.names[top[i]])} "
            f'<span class="wrong">{confidence[i]:.2%}</span>, '
            f"labelled {name_of(answered.names[answered.codes[i]])} "
            f'<span class="right">{of_truth[i]:.2%}</span>{place(i)}',
        )
        for i in worst.tolist()
    )
    return (
        f"<p>These are the {len(worst)} of {len(wrong):,} wrong answers with the highest "
        "probability. Look here for wrong labels, for documents that could have either label, and "
        f"for words that mislead.</p>{articles}"
    )
