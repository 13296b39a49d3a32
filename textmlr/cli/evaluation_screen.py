"""An evaluation in a terminal: one screen, whose last lines say the most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from textmlr.base.printable import plain, plural
from textmlr.cli.terminal import spread

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from textmlr.evaluation.coverage import Coverage
    from textmlr.evaluation.evaluation import Evaluation
    from textmlr.evaluation.multilabel.multilabel_evaluation import MultilabelEvaluation
    from textmlr.evaluation.reliability import Bin

# Of a screen of 24 lines; --all has more, and --json everything.
MOST_WORST = 4
MOST_PAIRS = 2
MOST_NAMED = 2  # labels in a sentence
FEW_LABELS = 5  # labels up to which all are shown
COVERAGE_AT = (0.5, 0.8, 0.95)
ALL_COVERAGE_AT = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
POOR_ECE = 0.1  # mean gap of probabilities that is worth a sentence
BEYOND_CHANCE = 2.0  # times the gap that chance gives


def show_evaluation(
    result: Evaluation, asked: tuple[float, ...], said: Sequence[str] = (), *, everything: bool
) -> None:
    """Show figures; accuracy, log loss and what to look at come last.

    asked       least probabilities with a row of coverage each
    said        what was read of tables, a sentence each
    everything  all labels, and all pairs of labels that are confused
    """
    documents = plural(result.documents, "document")
    click.secho(f"Evaluation of {documents}, {plural(len(result.labels), 'label')}", bold=True)
    for sentence in said:
        show(as_text(sentence, soft=True), indent=2)
    show(_labels(result, everything=everything), indent=2)
    for pair in result.confused[: None if everything else MOST_PAIRS]:
        name = plain if everything else short_label
        true, answer = name(pair.true), name(pair.predicted)
        show(as_text(f"{plural(pair.count, 'document')} of {true} taken for {answer}"), indent=2)
    at = {*(ALL_COVERAGE_AT if everything else COVERAGE_AT), *asked}
    show(as_text("where answers below P are left to a person:", soft=True), indent=2)
    show(_coverage([row for row in result.coverage if row.min_probability in at]), indent=2)
    click.echo()
    show(_figures(result), indent=2)
    for sentence in sentences(result):
        show(as_text(sentence))


def show(part: RenderableType, indent: int = 0) -> None:
    """Print a part without the spaces that fill its lines."""
    from rich.console import Console
    from rich.padding import Padding

    console = Console(highlight=False)
    with console.capture() as capture:
        console.print(Padding(part, (0, 0, 0, indent), expand=False))
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def sentences(result: Evaluation) -> list[str]:
    """What chance is, and what to look at."""
    even = result.chance
    whose = "training" if even.source == "training" else "these documents"
    return [
        f"Chance: always {short_label(even.label, 20)}; log loss by the labels' shares in {whose}.",
        _look_at(result),
    ]


def look_elsewhere(result: Evaluation | MultilabelEvaluation) -> str | None:
    """The sentence on documents that the model knows; None where few are."""
    known = result.overlap
    if known is None or 2 * known.documents < result.documents:
        return None
    return (
        "Look at other documents: the model was trained on most of these, and the figures say "
        "nothing of new ones."
    )


def look_at_probabilities(result: Evaluation | MultilabelEvaluation) -> str | None:
    """The sentence on probabilities that mislead; None where they do not."""
    if result.log_loss >= result.chance.log_loss:
        return (
            "Look at log loss: the probabilities say less than the shares of the labels do. Are "
            "these documents of the kind that the model was trained on?"
        )
    if _is_poor(result.ece, result.reliability):
        return (
            f"Look at ECE: probabilities are {100 * result.ece:.0f} points off on average. "
            "Documents like these for train --validation calibrate them."
        )
    return None


def _look_at(result: Evaluation) -> str:
    never, elsewhere = result.never_answered, look_elsewhere(result)
    if elsewhere is not None:
        return elsewhere
    if never and len(never) < len(result.labels):
        names = ", ".join(short_label(name, 18) for name in never[:MOST_NAMED])
        more = f" and {len(never) - MOST_NAMED:,} more" if len(never) > MOST_NAMED else ""
        return (
            f"Look at {names}{more}: never answered (F1 0); more documents, "
            "--class-weight balanced or a smaller --min-df help."
        )
    low, _ = result.intervals.accuracy
    if low <= result.chance.accuracy and len(result.labels) > 1:
        return (
            "Look at accuracy: these documents do not show that it is above chance. Are the labels "
            "those of training? More training documents may help."
        )
    unsound = look_at_probabilities(result)
    if unsound is not None:
        return unsound
    if result.confused and len(result.labels) > 2:
        pair = result.confused[0]
        return (
            f"Look at {short_label(pair.true)}, most often taken for "
            f"{short_label(pair.predicted)}: --report DIR shows such documents, and explain says "
            "why."
        )
    if result.confused:
        return (
            "Look at the documents that are wrong though the model is sure: --report DIR shows "
            "them, and explain says why."
        )
    return "Look at more documents: every answer is right."


def _is_poor(ece: float, bins: Sequence[Bin]) -> bool:
    """Whether a calibration error is worth a sentence: large, and beyond what chance gives."""
    from textmlr.evaluation.reliability import chance_error

    return ece > max(POOR_ECE, BEYOND_CHANCE * chance_error(bins))


def short_label(label: str, most: int = 26) -> str:
    """A label of so many characters at most, fit to print."""
    name = plain(label)
    return name if len(name) <= most else name[: most - 1] + "…"


def _labels(result: Evaluation, *, everything: bool) -> Table:
    """Labels with their figures: all of few or on demand, else those of lowest F1."""
    whole = everything or len(result.labels) <= FEW_LABELS
    rows = list(result.labels) if whole else result.worst(MOST_WORST)
    title = "label" if whole else "lowest F1"
    left = len(result.labels) - len(rows)
    table = grid(title, "precision", "recall", "F1", "documents")
    for row in rows:
        figures = (f"{figure:.3f}" for figure in (row.precision, row.recall, row.f1))
        table.add_row(as_text(plain(row.label)), *figures, f"{row.support:,}")
    if left > 0:
        table.add_row(as_text(f"{left:,} more: --all", soft=True), "", "", "", "")
    return table


def _coverage(rows: Iterable[Coverage]) -> Table:
    """What is answered, and how well, where answers below a probability are left to a person."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    for justify in ("left", "right", "right", "left"):
        table.add_column(justify=justify, no_wrap=True)
    for row in rows:
        right = "" if row.accuracy is None else f"{row.accuracy:.1%} right"
        table.add_row(
            f"P ≥ {row.min_probability:g}",
            f"{row.coverage:.1%} answered",
            right,
            f"({spread(row.interval)})" if row.interval else "",
        )
    return table


def _figures(result: Evaluation) -> Table:
    """The figures beside what chance gives, and what they mean."""
    sure, even = result.intervals, result.chance
    table = grid("", "", "95 %", "chance", "meaning")
    rows = [
        ("Brier", result.brier, None, None, "squared error of P: 0 best, 2 worst"),
        ("ECE", result.ece, None, None, "gap of how sure and how right"),
        ("macro-F1", result.macro_f1, sure.macro_f1, None, "mean of the labels' F1"),
        (
            "log loss",
            result.log_loss,
            sure.log_loss,
            even.log_loss,
            "nats: −ln P of the true label",
        ),
        ("accuracy", result.accuracy, sure.accuracy, even.accuracy, "share of right answers"),
    ]
    for name, value, interval, chance, meaning in rows:
        table.add_row(
            as_text(name),
            as_text(f"{value:.4f}"),
            f"({spread(interval)})" if interval else "",
            "" if chance is None else f"{chance:.4f}",
            as_text(meaning, soft=True),
        )
    return table


def grid(*columns: str) -> Table:
    """A table of columns, all but the first of figures, without lines."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(columns[0], overflow="fold")
    for column in columns[1:]:
        if column == "meaning":
            table.add_column(column)
        else:
            table.add_column(column, justify="right", no_wrap=column != "95 %")
    return table


def as_text(text: str, *, soft: bool = False) -> RenderableType:
    """Text as it is: rich would read [brackets] as markup."""
    from rich.text import Text

    return Text(text, style="dim" if soft else "")
