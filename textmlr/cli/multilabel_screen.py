"""An evaluation of label sets in a terminal: one screen, whose last lines say the most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from textmlr.base.printable import plain, plural
from textmlr.cli.evaluation_screen import (
    MOST_NAMED,
    as_text,
    grid,
    look_at_probabilities,
    look_elsewhere,
    short_label,
    show,
)
from textmlr.cli.terminal import spread

if TYPE_CHECKING:
    from rich.table import Table

    from textmlr.evaluation.intervals import Interval
    from textmlr.evaluation.multilabel.multilabel_evaluation import MultilabelEvaluation

# Of a screen of 24 lines; --all has more, and --json everything.
MOST_WORST = 2
FEW_LABELS = 4  # labels up to which all are shown
MOST_PAIRS = 1
# Points of micro-F1 above its interval that other thresholds would give, from which they are worth
# a sentence.
POOR_THRESHOLDS = 0.02


def show_multilabel(
    result: MultilabelEvaluation,
    asked: Sequence[float],
    said: Sequence[str] = (),
    labels: Sequence[str] = (),
    *,
    everything: bool,
) -> None:
    """Show figures; F1 and what to look at come last.

    asked       thresholds of all labels with a row each
    said        what was read of tables, a sentence each
    labels      whose figures are shown in place of those of lowest F1
    everything  all labels, more pairs of labels, and rows of thresholds
    """
    documents = plural(result.documents, "document")
    click.secho(f"Evaluation of {documents}, {plural(len(result.labels), 'label')}", bold=True)
    for sentence in (*said, _about(result)):
        show(as_text(sentence, soft=True), indent=2)
    show(_labels(result, labels, everything=everything), indent=2)
    name = plain if everything else short_label
    most = None if everything else MOST_PAIRS
    for pair in result.mistaken[:most]:
        true, answer = name(pair.true), name(pair.answer)
        one = f"{plural(pair.count, 'document')} of {true} got {answer} instead"
        show(as_text(one), indent=2)
    if everything:
        for both in result.together:
            one = (
                f"{plural(both.documents, 'document')} of {name(both.a)} and {name(both.b)}: "
                f"{both.hits:,} got both"
            )
            show(as_text(one), indent=2)
    cuts = [row for row in result.cuts if everything or row.threshold in asked]
    if cuts:
        table = grid("one threshold", "labels", "precision", "recall", "micro-F1", "macro-F1")
        for row in cuts:
            shares = (_shown(row.precision), _shown(row.recall))
            means = (f"{row.f1.micro:.3f}", f"{row.f1.macro:.3f}")
            given = f"{row.labels_a_document:.2f}"
            table.add_row(f"P ≥ {row.threshold:g}", given, *shares, *means)
        show(table, indent=2)
    show(_likeliest(result), indent=2)
    show(_figures(result), indent=2)
    show(_f1(result), indent=2)
    for sentence in sentences_of(result):
        show(as_text(sentence))


def sentences_of(result: MultilabelEvaluation) -> list[str]:
    """What chance is, and what to look at."""
    even = result.chance
    whose = "training" if even.source == "training" else "these documents"
    names = [short_label(name, 20) for name in even.labels[:MOST_NAMED]]
    left = len(even.labels) - len(names)
    always = ", ".join(names) + (f" and {left:,} more" if left else "")
    return [
        f"Chance: always {always}; log loss by the labels' shares in {whose}.",
        _look_at(result),
    ]


def _look_at(result: MultilabelEvaluation) -> str:
    never = result.never_answered
    elsewhere = look_elsewhere(result)
    if elsewhere is not None:
        return elsewhere
    low, high = result.intervals.micro_f1
    if low <= result.chance.micro_f1:
        return (
            "Look at micro-F1: these documents do not show that it is above chance. Are the labels "
            "those of training? More training documents may help."
        )
    unsound = look_at_probabilities(result)
    if unsound is not None:
        return unsound
    if result.best.micro > high + POOR_THRESHOLDS:
        return (
            f"Look at thresholds: P ≥ {result.best.micro_threshold:.2g} for all labels would give "
            f"micro-F1 {result.best.micro:.3f} here. Are these documents of the kind that the "
            "model was trained on?"
        )
    if never and len(never) < len(result.labels):
        names = ", ".join(short_label(name, 18) for name in never[:MOST_NAMED])
        more = f" and {len(never) - MOST_NAMED:,} more" if len(never) > MOST_NAMED else ""
        return (
            f"Look at {names}{more}: never answered (F1 0); more documents of them help, or train "
            "--maximise macro-f1."
        )
    if result.mistaken:
        pair = result.mistaken[0]
        return (
            f"Look at {short_label(pair.true)}, most often answered as {short_label(pair.answer)}: "
            "--report DIR shows such documents, and explain says why."
        )
    if result.exact < 1:
        return (
            "Look at the documents with a label too many or too few: --report DIR shows them, and "
            "explain says why."
        )
    return "Look at more documents: every answer is right."


def _about(result: MultilabelEvaluation) -> str:
    """How many labels documents have and get, and by which thresholds."""
    cuts = result.answered.thresholds
    low, high = float(cuts.min()), float(cuts.max())
    how = f"P ≥ {low:.2g}" if low == high else f"P ≥ {low:.2g} to {high:.2g}, by label"
    return (
        f"labels a document: {result.labels_a_document:.2f}; answers: "
        f"{result.answers_a_document:.2f} ({how})"
    )


def _labels(result: MultilabelEvaluation, asked: Sequence[str], *, everything: bool) -> Table:
    """Labels with their figures: all of few or on demand, else those that are asked for, or those
    of lowest F1."""
    whole = everything or len(result.labels) <= FEW_LABELS
    title, left = "label", 0
    if whole:
        rows = list(result.labels)
    elif asked:
        rows = [result.of_label(label) for label in dict.fromkeys(asked)]
    else:
        title, rows = "lowest F1", result.worst(MOST_WORST)
        left = len(result.labels) - len(rows)
    table = grid(title, "precision", "recall", "F1", "AP", "P ≥", "documents")
    for row in rows:
        shares = (f"{figure:.3f}" for figure in (row.precision, row.recall, row.f1))
        more = (_shown(row.average_precision), _shown(row.threshold), f"{row.support:,}")
        table.add_row(as_text(plain(row.label)), *shares, *more)
    if left > 0:
        table.add_row(as_text(f"{left:,} more: --all", soft=True), *[""] * 6)
    return table


def _likeliest(result: MultilabelEvaluation) -> Table:
    """Precision and recall of the k likeliest labels."""
    table = grid("likeliest labels", *(f"{row.k}" for row in result.at_rank), "meaning")
    columns: list[tuple[str, str, list[float | None]]] = [
        ("precision", "share of them that is right", [row.precision for row in result.at_rank]),
        ("recall", "share of the labels among them", [row.recall for row in result.at_rank]),
        (
            "by propensity",
            "precision, rare labels count more",
            [row.propensity_scored for row in result.at_rank],
        ),
    ]
    for name, meaning, values in columns:
        if any(value is not None for value in values):
            cells = [_shown(value) for value in values]
            table.add_row(as_text(name), *cells, as_text(meaning, soft=True))
    return table


def _figures(result: MultilabelEvaluation) -> Table:
    """The figures of all pairs of a document and a label, and what they mean."""
    sure, even = result.intervals, result.chance
    table = grid("", "", "95 %", "chance", "meaning")
    rows: list[tuple[str, float | None, Interval | None, float | None, str]] = [
        ("exact", result.exact, None, None, "share without a fault"),
        ("Hamming loss", result.hamming_loss, None, None, "share that is wrong"),
        ("ECE", result.ece, None, None, "P against what is true"),
        ("mean AP", result.mean_average_precision, None, None, "mean of the labels"),
        ("log loss", result.log_loss, sure.log_loss, even.log_loss, "nats a document"),
    ]
    if result.cost is not None:
        about = f"1 a missed label, {result.answered.cost:g} a wrong one"
        rows.insert(0, ("cost", result.cost, None, None, about))
    for name, value, interval, chance, meaning in rows:
        table.add_row(
            as_text(name),
            "–" if value is None else f"{value:.4f}",
            f"({spread(interval)})" if interval else "",
            "" if chance is None else f"{chance:.4f}",
            as_text(meaning, soft=True),
        )
    return table


def _f1(result: MultilabelEvaluation) -> Table:
    """F1 at the thresholds of the model, at 0.5, and at those that are best for these documents:
    one of all labels, and one of each."""
    sure, f1, half, best = result.intervals, result.f1, result.f1_at_half, result.best
    table = grid("", "", "95 %", "P ≥ 0.5", "best one P", "best each", "chance")
    rows = [
        ("samples-F1", f1.samples, sure.samples_f1, half.samples, best.samples, None, None),
        ("macro-F1", f1.macro, sure.macro_f1, half.macro, best.macro, best.macro_by_label, None),
        (
            "micro-F1",
            f1.micro,
            sure.micro_f1,
            half.micro,
            best.micro,
            best.micro_by_label,
            result.chance.micro_f1,
        ),
    ]
    for name, value, interval, *others in rows:
        cells = ("" if other is None else f"{other:.4f}" for other in others)
        table.add_row(as_text(name), f"{value:.4f}", f"({spread(interval)})", *cells)
    return table


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
