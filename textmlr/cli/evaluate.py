"""textmlr evaluate: a model's answers against the true labels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from textmlr.cli.options import json_option, model_option, skip_option, threads_option

if TYPE_CHECKING:
    from rich.text import Text

    from textmlr.evaluation import Evaluation

# Per-label rows and confused pairs shown in a terminal; --json has all.
MOST_ROWS = 40


@click.command()
@model_option
@click.argument("corpora", nargs=-1, required=True, metavar="CORPUS...")
@skip_option
@threads_option
@json_option
def evaluate(
    model: str,
    corpora: tuple[str, ...],
    skip_bad_lines: bool,
    threads: int | None,
    as_json: bool,
) -> None:
    """Compare a model's answers with the labels of CORPUS (lines label<TAB>text).

    Accuracy, macro-F1, log loss, Brier score, expected calibration error (15 bins of the top
    probability), precision, recall and F1 of each label, and the pairs confused most.

    \b
    Examples:
      textmlr evaluate test.tsv
      textmlr evaluate -m reviews.textmlr test.tsv --json
    """
    import numpy as np

    from textmlr.cli.render import plural, warn, warn_of_invalid, warn_of_skipped
    from textmlr.corpus import read_corpus, recode
    from textmlr.evaluation import evaluate as judge
    from textmlr.model import Model

    loaded = Model.load(model)
    corpus = read_corpus(corpora, skip_bad_lines=skip_bad_lines)
    warn_of_skipped([corpus])
    y, strangers = recode(corpus, loaded.labels)
    blocks = list(loaded.stream(corpus.batches, threads))
    warn_of_invalid(sum(answers.invalid for answers in blocks))
    probabilities = np.concatenate([answers.probabilities for answers in blocks])
    unknown = [
        corpus.labels[code] if known < 0 else None
        for code, known in zip(corpus.y.tolist(), y.tolist(), strict=True)
    ]
    if strangers:
        count = sum(strangers.values())
        warn(
            f"{plural(count, 'document')} with labels the model does not know "
            f"({', '.join(list(strangers)[:5])}); they count as wrong"
        )
    result = judge(loaded.labels, y, probabilities, unknown=unknown)
    if as_json:
        click.echo(json.dumps(result.as_dict(), ensure_ascii=False))
    else:
        _show(result)


def _show(result: Evaluation) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from textmlr.cli.render import plain, show_rows

    click.secho("Evaluation", bold=True)
    show_rows(
        [
            ("documents", f"{result.documents:,}"),
            ("accuracy", f"{result.accuracy:.4f}"),
            ("macro-F1", f"{result.macro_f1:.4f}"),
            ("log loss", f"{result.log_loss:.4f} nats"),
            ("Brier", f"{result.brier:.4f}"),
            ("ECE", f"{result.ece:.4f}"),
        ]
    )
    click.echo()
    console = Console()
    table = Table(box=SIMPLE_HEAD, title="by label", title_justify="left", title_style="bold")
    table.add_column("label")
    for column in ("precision", "recall", "F1", "documents"):
        table.add_column(column, justify="right")
    for row in result.labels[:MOST_ROWS]:
        figures = (f"{figure:.3f}" for figure in (row.precision, row.recall, row.f1))
        table.add_row(_text(plain(row.label)), *figures, f"{row.support:,}")
    console.print(table)
    if len(result.labels) > MOST_ROWS:
        click.echo(f"  … and {len(result.labels) - MOST_ROWS:,} labels more (all with --json)")
    if result.confused:
        table = Table(
            box=SIMPLE_HEAD, title="most confused", title_justify="left", title_style="bold"
        )
        table.add_column("documents", justify="right")
        table.add_column("of")
        table.add_column("taken for")
        for pair in result.confused:
            table.add_row(f"{pair.count:,}", _text(plain(pair.true)), _text(plain(pair.predicted)))
        console.print(table)


def _text(text: str) -> Text:
    """A label as it is: rich would read [brackets] as markup."""
    from rich.text import Text

    return Text(text)
