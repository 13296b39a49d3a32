"""An evaluation in a terminal: one screen, whose last lines say the most."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import click

from textmlr.base.printable import plain, plural
from textmlr.cli.terminal import spread

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from textmlr.evaluation.chance import Chance
    from textmlr.evaluation.coverage import Coverage
    from textmlr.evaluation.evaluation import Evaluation
    from textmlr.evaluation.intervals import Interval
    from textmlr.evaluation.label_figures import LabelFigures
    from textmlr.evaluation.multilabel.multilabel_evaluation import MultilabelEvaluation
    from textmlr.evaluation.reliability import Bin

Figure: TypeAlias = "tuple[str, float | None, Interval | None, float | None, str]"
# Of a screen of 24 lines; --all has more, and --json everything.
MOST_WORST = 4
MOST_PAIRS = 2
MOST_NAMED = 2  # labels in a sentence
FEW_LABELS = 5  # labels up to which all are shown
COVERAGE_AT = (0.5, 0.8, 0.95)
ALL_COVERAGE_AT = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
ABOVE_CHANCE = (
    "Look at accuracy: these documents do not show that it is above chance. Are the labels those "
    "of training? More training documents may help."
)
WRONG_THOUGH_SURE = (
    "Look at the documents that are wrong though the model is sure: --report DIR shows them, and "
    "explain says why."
)
ALL_RIGHT = "Look at more documents: every answer is right."
POOR_ECE = 0.1  # mean gap of probabilities that is worth a sentence
BEYOND_CHANCE = 2.0  # times the gap that chance gives


def show_evaluation(
    result: Evaluation,
    asked: tuple[float, ...],
    said: Sequence[str] = (),
    labels: Sequence[str] = (),
    *,
    everything: bool,
) -> None:
    """Show figures; accuracy, log loss and what to look at come last.

    asked       least probabilities with a row of coverage each
    said        what was read of tables, a sentence each
    labels      whose figures are shown in place of those of lowest F1
    everything  all labels, and all pairs of labels that are confused
    """
    show_title(result, said)
    show(_labels(result, labels, everything=everything), indent=2)
    for pair in result.confused[: None if everything else MOST_PAIRS]:
        name = plain if everything else short_label
        true, answer = name(pair.true), name(pair.predicted)
        show(as_text(f"{plural(pair.count, 'document')} of {true} taken for {answer}"), indent=2)
    at = {*(ALL_COVERAGE_AT if everything else COVERAGE_AT), *asked}
    show(as_text("where answers below P are left to a person:", soft=True), indent=2)
    show(coverage_table([row for row in result.coverage if row.min_probability in at]), indent=2)
    click.echo()
    show(figures_table(_figures(result)), indent=2)
    for sentence in sentences(result):
        show(as_text(sentence))


def show_title(result: Evaluation, said: Sequence[str]) -> None:
    """Show what is evaluated, and what was read of tables."""
    documents, labels = plural(result.documents, "document"), len(result.answered.names)
    click.secho(f"Evaluation of {documents}, {plural(labels, 'label')}", bold=True)
    for sentence in said:
        show(as_text(sentence, soft=True), indent=2)


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
    return [what_chance_is(result.chance), _look_at(result)]


def what_chance_is(even: Chance) -> str:
    """The sentence on the figures of chance."""
    whose = "training" if even.source == "training" else "these documents"
    return (
        f"Chance: always {short_label(even.label, 20)}; log loss by the labels' shares in {whose}."
    )


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
        return ABOVE_CHANCE
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
        return WRONG_THOUGH_SURE
    return ALL_RIGHT


def _is_poor(ece: float, bins: Sequence[Bin]) -> bool:
    """Whether a calibration error is worth a sentence: large, and beyond what chance gives."""
    from textmlr.evaluation.reliability import chance_error

    return ece > max(POOR_ECE, BEYOND_CHANCE * chance_error(bins))


def short_label(label: str, most: int = 26) -> str:
    """A label of so many characters at most, fit to print."""
    name = plain(label)
    return name if len(name) <= most else name[: most - 1] + "…"


def _labels(result: Evaluation, asked: Sequence[str], *, everything: bool) -> Table:
    """Labels with their figures: all of few or on demand, else those that are asked for, or those
    of lowest F1."""
    whole = everything or len(result.labels) <= FEW_LABELS
    if asked and not whole:
        return label_rows("label", [result.of_label(label) for label in dict.fromkeys(asked)])
    rows = list(result.labels) if whole else result.worst(MOST_WORST)
    table = label_rows("label" if whole else "lowest F1", rows)
    left = len(result.labels) - len(rows)
    if left > 0:
        table.add_row(as_text(f"{left:,} more: --all", soft=True), "", "", "", "")
    return table


def label_rows(
    title: str, rows: Iterable[LabelFigures], name: Callable[[str], str] = plain
) -> Table:
    """A table of labels with their figures;  name  how a label is shown."""
    table = grid(title, "precision", "recall", "F1", "documents")
    for row in rows:
        figures = (f"{figure:.3f}" for figure in (row.precision, row.recall, row.f1))
        table.add_row(as_text(name(row.label)), *figures, f"{row.support:,}")
    return table


def coverage_table(rows: Iterable[Coverage]) -> Table:
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


def _figures(result: Evaluation) -> list[Figure]:
    """The figures, the one that says the most last."""
    sure, even = result.intervals, result.chance
    nats = "nats: −ln P of the true label"
    return [
        ("Brier", result.brier, None, None, "squared error of P: 0 best, 2 worst"),
        ("ECE", result.ece, None, None, "gap of how sure and how right"),
        ("macro-F1", result.macro_f1, sure.macro_f1, None, "mean of the labels' F1"),
        ("log loss", result.log_loss, sure.log_loss, even.log_loss, nats),
        ("accuracy", result.accuracy, sure.accuracy, even.accuracy, "share of right answers"),
    ]


def figures_table(rows: Iterable[Figure]) -> Table:
    """Figures beside what chance gives, and what they mean;  rows  name, value, 95 % interval,
    chance and meaning."""
    table = grid("", "", "95 %", "chance", "meaning")
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
