"""The report of an evaluation: one HTML page that needs no other file, and its figures as PNG."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from os import PathLike

import numpy as np

from textmlr.base.version import __version__
from textmlr.base.web_page import details, name_of, page, table, visible
from textmlr.base.whole_files import atomic_files, make_folder
from textmlr.corpus.corpus import Corpus
from textmlr.evaluation.coverage import Coverage
from textmlr.evaluation.curves import Point
from textmlr.evaluation.evaluation import Evaluation
from textmlr.evaluation.labelled_answers import LabelledAnswers
from textmlr.evaluation.report import drawing, plots
from textmlr.evaluation.report.confusion_section import confusion_section
from textmlr.evaluation.report.images import Images, figure, spread
from textmlr.evaluation.report.label_section import labels_section
from textmlr.evaluation.report.shown_labels import ShownLabels
from textmlr.model.model import Model
from textmlr.model.record import ExactTrialRecord, Record, SgdTrialRecord

PAGE = "report.html"
FIGURES = ("reliability", "coverage", "confusion", "confusion-most", "precision-recall", "learning")
MOST_WRONG = 20
CUT = 1500  # characters of a document
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
    answered: LabelledAnswers
    evaluation: Evaluation
    points: Sequence[Point] | None


def files_of(folder: str) -> list[str]:
    """The files that a report may write in its folder."""
    return [os.path.join(folder, name) for name in (PAGE, *(f"{name}.png" for name in FIGURES))]


def write_report(folder: str | PathLike[str], findings: Findings) -> str:
    """Write report.html and the PNGs of its figures (as light pages show them) to a folder: all
    of them or, on a full disk for instance, none.

    Returns the path of the page.  Images of an earlier report that this one lacks are removed.
    Raises InputError where matplotlib is missing, and for a file that cannot be written.
    """
    drawing.require()
    make_folder(folder)
    images: Images = {}
    text = _page(findings, images)
    contents = {f"{name}.png": light for name, (light, _) in images.items()}
    contents[PAGE] = text.encode()
    with atomic_files([os.path.join(folder, name) for name in contents]) as temporaries:
        for temporary, content in zip(temporaries, contents.values(), strict=True):
            with open(temporary, "wb") as file:
                file.write(content)
    for name in FIGURES:
        old = os.path.join(folder, f"{name}.png")
        if name not in images and os.path.exists(old):
            os.unlink(old)
    return os.path.join(folder, PAGE)


def _page(findings: Findings, images: Images) -> str:
    answered = findings.answered
    names = ShownLabels(answered.names)
    by_label = labels_section(answered, findings.evaluation.labels, names, images)
    sections = [
        ("sure", "Calibration", _reliability(findings, images)),
        ("unsure", "Leaving the unsure to a person", _coverage(findings, images)),
        ("confusions", "Confusions", confusion_section(answered, names, images)),
        ("labels", "Label by label", by_label),
        ("learning", "Would more documents help?", _learning(findings, images)),
        ("wrong", "Most confidently wrong", _wrong(findings)),
    ]
    title = f"How good is {os.path.basename(findings.model_name)}?"
    files = ", ".join(os.path.basename(name) for name in findings.corpus.names)
    links = "".join(f'<a href="#{key}">{escape(name)}</a>' for key, name, _ in sections)
    body = "".join(
        f'<section id="{key}"><h2>{escape(name)}</h2>{text}</section>\n'
        for key, name, text in sections
    )
    n, labels = len(findings.answered), len(findings.model.labels)
    return page(
        title,
        f"<h1>{visible(title)}</h1>\n"
        f'<p class="soft">{n:,} documents of {visible(files)}, {labels:,} labels</p>\n'
        f"{_tiles(findings)}<nav>{links}</nav>\n{body}{_footer(findings)}",
    )


def _tiles(findings: Findings) -> str:
    figures = findings.evaluation
    sure, even = figures.intervals, figures.chance
    tiles = [
        ("accuracy", f"{figures.accuracy:.4f}", spread(sure.accuracy)),
        ("macro-F1", f"{figures.macro_f1:.4f}", spread(sure.macro_f1)),
        ("log loss, nats", f"{figures.log_loss:.4f}", spread(sure.log_loss)),
        ("Brier score", f"{figures.brier:.4f}", "0 is best, 2 worst"),
        ("calibration error", f"{figures.ece:.4f}", "15 bins, 0 is best"),
    ]
    items = "".join(
        f"<li><span>{name}</span><b>{value}</b><span>{more}</span></li>"
        for name, value, more in tiles
    )
    text = (
        "<p>Brackets hold 95 % intervals, from drawing the documents anew "
        f"{sure.resamples:,} times. They say how the figures vary with the test documents. By "
        f"chance, accuracy would be {even.accuracy:.4f} (always {name_of(even.label)}), and log "
        f"loss {even.log_loss:.4f} (the labels’ shares in the {even.source} documents).</p>"
    )
    if figures.never_answered:
        some = ", ".join(map(name_of, figures.never_answered[:10]))
        more = " and others" if len(figures.never_answered) > 10 else ""
        text += (
            f'<p class="wrong">Never answered, though documents have them: {some}{more}. More '
            "documents, --class-weight balanced or a smaller --min-df help.</p>"
        )
    strangers = findings.answered.strangers
    if strangers:
        some = ", ".join(name_of(label) for label in list(strangers)[:10])
        more = " and others" if len(strangers) > 10 else ""
        text += (
            f'<p class="wrong">{sum(strangers.values()):,} documents have labels the model does '
            f"not know ({some}{more}); they count as wrong.</p>"
        )
    overlap = figures.overlap
    if overlap is not None and overlap.documents:
        about = "" if overlap.exact else "About "
        text += (
            f'<p class="wrong">{about}{overlap.documents:,} of the documents also stand in the '
            "corpus that the model was trained on: answers to them say nothing of new ones.</p>"
        )
    return f'<ul class="tiles">{items}</ul>{text}\n'


def _reliability(findings: Findings, images: Images) -> str:
    bins = findings.evaluation.reliability
    rows = [
        (
            f"{b.above:.3f} to {b.up_to:.3f}",
            f"{b.documents:,}",
            f"{b.probability:.1%}",
            f"{b.accuracy:.1%}",
            spread(b.interval, percent=True),
        )
        for b in bins
    ]
    drawn = drawing.themed(partial(plots.reliability, bins))
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
        + details(
            "The bins as a table",
            table(("probability", "documents", "mean probability", "right", "95 % interval"), rows),
        )
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


def _learning(findings: Findings, images: Images) -> str:
    points = findings.points
    if points is None:
        return (
            "<p>The learning curve needs the training documents: "
            "<code>textmlr evaluate --report DIR --training TRAINING-CORPUS</code> trains models "
            "on a sixteenth, an eighth, a quarter, half and all of them, and shows what each "
            "doubling brings.</p>" + _trials(findings.model.record)
        )
    unseen = [p for p in points if p.unseen]
    rows = [
        (
            f"{p.documents:,}",
            f"{p.accuracy:.4f}",
            spread(p.accuracy_interval),
            f"{p.log_loss:.4f}",
            spread(p.log_loss_interval),
        )
        for p in points
    ]
    text = (
        "<p>Models with the same options are trained on parts of the training documents (each part "
        "holds the one before, and each label in its proportion) and judged on the documents of "
        "this report. A curve that still climbs at its end says that more documents would "
        "help.</p>"
    )
    if unseen:
        text += f"<p>The smallest part lacks {unseen[0].unseen:,} of the labels.</p>"
    drawn = drawing.themed(partial(plots.learning, points))
    caption = "Learning curve: accuracy and log loss by training documents, with 95 % bands."
    heads = ("training documents", "accuracy", "95 % interval", "log loss", "95 % interval")
    return text + figure(images, "learning", drawn, caption) + table(heads, rows, ())


def _trials(record: Record) -> str:
    """The trials of training on held-out documents, from the model's record."""
    trials = () if record.held_out is None else record.held_out.trials
    if not trials:
        return ""
    figures = [(f"{t.accuracy:.4f}", f"{t.loss:.4f}") for t in trials]
    heads: tuple[str, ...] = ("penalty λ",)
    choices: list[tuple[str, ...]] = [
        (f"{t.l2:.3g}",) for t in trials if isinstance(t, ExactTrialRecord)
    ]
    if not choices:
        heads = ("step size", "× idf to the power", "epochs", "factor", "× spread to the power")
        choices = [
            (
                f"{t.learning_rate:g}",
                f"{t.idf_power:g}",
                f"{t.epochs:,}",
                f"{t.calibration.factor:.2f}",
                f"{t.calibration.exponent:.2f}",
            )
            for t in trials
            if isinstance(t, SgdTrialRecord)
        ]
    heads += ("accuracy", "log loss")
    rows = [choice + figure for choice, figure in zip(choices, figures, strict=True)]
    return "<p>The trials of training, on held-out documents:</p>" + table(heads, rows, ())


def _wrong(findings: Findings) -> str:
    answered, corpus = findings.answered, findings.corpus
    confidence, top = answered.confidence, answered.top
    wrong = np.flatnonzero(top != answered.codes)
    if not len(wrong):
        return "<p>No answer was wrong.</p>"
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:MOST_WRONG]
    of_truth = answered.of_truth
    articles = "".join(
        "<article><header>"
        f"taken for {name_of(answered.names[top[i]])} "
        f'<span class="wrong">{confidence[i]:.2%}</span>, '
        f"labelled {name_of(answered.names[answered.codes[i]])} "
        f'<span class="right">{of_truth[i]:.2%}</span> '
        f'<span class="soft">· {_where(corpus, i)}</span></header>'
        f'<div dir="auto">{_document(corpus.text(i))}</div></article>\n'
        for i in worst.tolist()
    )
    return (
        f"<p>These are the {len(worst)} of {len(wrong):,} wrong answers with the highest "
        "probability. Look here for wrong labels, for documents that could have either label, and "
        f"for words that mislead.</p>{articles}"
    )


def _where(corpus: Corpus, i: int) -> str:
    """document 7 of test.tsv"""
    name, number = corpus.place(i)
    return f"document {number:,} of {visible(os.path.basename(name))}"


def _document(text: str) -> str:
    if not text.strip():
        return '<span class="soft">(an empty document)</span>'
    if len(text) <= CUT:
        return visible(text, "\n\t")
    rest = len(text) - CUT
    return (
        visible(text[:CUT], "\n\t")
        + f'… <span class="soft">(cut here: {rest:,} of {len(text):,} characters left out)</span>'
    )


def _footer(findings: Findings) -> str:
    about, corpus = "", findings.model.record.corpus
    if corpus is not None and corpus.documents:
        about = f"trained on {corpus.documents:,} documents of {', '.join(corpus.files)}, "
    return (
        f"<footer><p>{visible(findings.model_name)}: {visible(about)}"
        f"{findings.model.featurizer.columns:,} features. Made by textmlr {__version__}, "
        "<code>textmlr evaluate --report</code>.</p></footer>\n"
    )
