"""textmlr evaluate: a model's answers compared with the true labels."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from textmlr.base.option_headings import SHOW, WRITE
from textmlr.base.printable import plain, to_json
from textmlr.cli.model_argument import takes_model
from textmlr.cli.shared_options import (
    check_output,
    column_option,
    config_option,
    corpus_options,
    json_option,
    threads_option,
)
from textmlr.cli.value_types import PROBABILITY
from textmlr.cli.verb import Verb, verb_option
from textmlr.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from textmlr.corpus.corpus import Corpus
    from textmlr.evaluation.coverage import Coverage
    from textmlr.evaluation.curves import Point
    from textmlr.evaluation.evaluation import Evaluation
    from textmlr.model.model import Model

# Per-label rows and confused pairs shown in a terminal; --json has all.
MOST_ROWS = 40
COVERAGE_AT = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


@click.command(cls=Verb)
@takes_model("corpora", "CORPUS...", required=True)
@verb_option(
    "--min-probability",
    "asked",
    heading=SHOW,
    type=PROBABILITY,
    multiple=True,
    metavar="P",
    help="Also show the figures of answers with probability P or more.",
)
@verb_option(
    "--report",
    heading=WRITE,
    metavar="DIR",
    help="Write the page DIR/report.html and its figures as PNG (needs matplotlib).",
)
@verb_option(
    "--training",
    heading=WRITE,
    multiple=True,
    metavar="FILE",
    help="Draw a learning curve from this training corpus; it trains five models.",
)
@corpus_options(weights=False)
@column_option("weight", "--training")
@threads_option
@json_option
@config_option
def evaluate(
    model: str,
    corpora: tuple[str, ...],
    asked: tuple[float, ...],
    report: str | None,
    training: tuple[str, ...],
    reading: ReadingOptions,
    threads: int | None,
    as_json: bool,
) -> None:
    """Compare a model's answers with the labels of CORPUS.

    CORPUS is as for train. Figures are accuracy, macro-F1 and log loss with 95 % intervals
    (bootstrap over the documents), Brier score, expected calibration error (15 bins of the top
    probability), precision, recall and F1 of each label, and the pairs that are confused most. A
    table shows coverage and accuracy where answers below a probability are left to a person, as
    with classify --min-probability; --json has every hundredth.

    Documents that the model was trained on, byte for byte but for space around them, are counted:
    the answers to them say nothing about new ones.

    --report writes a page with figures: reliability, accuracy against coverage, confusions,
    precision and recall of each label at any threshold, the learning curve, and the text of the
    documents that are most confidently wrong.

    \b
    Examples:
      textmlr evaluate test.tsv
      textmlr evaluate -m reviews.textmlr test.tsv --json
      textmlr evaluate test.tsv --report report --training train.tsv
    """
    if training and report is None:
        raise click.UsageError("--training is for the learning curve of --report DIR")
    if reading.weight_column is not None and not training:
        raise click.UsageError("--weight-column is for --training: an evaluation has no weights")
    if report is not None:
        from textmlr.evaluation.report.drawing import require
        from textmlr.evaluation.report.page import files_of, make_folder

        require()
        make_folder(report)
        for path in files_of(report):
            check_output(path, [*corpora, *training], [model])
    from textmlr.cli.warnings import warn_of_answers, warn_of_skipped
    from textmlr.corpus.reading import read_corpus
    from textmlr.evaluation.evaluation import judge
    from textmlr.evaluation.labelled_answers import answer
    from textmlr.model.model import Model

    loaded = Model.load(model)
    corpus = read_corpus(corpora, replace(reading, weight_column=None))
    warn_of_skipped([corpus])
    answered = answer(loaded, corpus, threads=threads)
    warn_of_answers(answered)
    result = judge(answered, min_probabilities=asked, threads=threads)
    summary = result.as_dict()
    if not as_json:
        _show(result, asked)
    if report is not None:
        from textmlr.evaluation.report.page import Findings, write_report

        points = None
        if training:
            points = _learning_curve(loaded, training, corpus, reading, threads)
            summary["learning_curve"] = [asdict(point) for point in points]
        findings = Findings(model, loaded, corpus, answered, result, points)
        summary["report"] = write_report(report, findings)
        if not as_json:
            click.echo(f"Report: {plain(summary['report'])}")
    if as_json:
        click.echo(to_json(summary))


def _learning_curve(
    model: Model,
    training: tuple[str, ...],
    test: Corpus,
    reading: ReadingOptions,
    threads: int | None,
) -> list[Point]:
    from textmlr.base.printable import plural
    from textmlr.cli.warnings import warn_of_skipped
    from textmlr.corpus.reading import read_corpus
    from textmlr.evaluation.curves import learning_curve

    weighted = model.record.corpus is not None and bool(model.record.corpus.weighted)
    corpus = read_corpus(training, replace(reading, weighted=weighted))
    warn_of_skipped([corpus])

    def watch(documents: int) -> None:
        click.echo(f"learning curve: training on {plural(documents, 'document')}…", err=True)

    return learning_curve(model, corpus, test, threads=threads, watch=watch)


def _show(result: Evaluation, asked: tuple[float, ...]) -> None:
    from rich.console import Console

    from textmlr.cli.terminal import show_rows, spread

    sure = result.intervals
    click.secho("Evaluation", bold=True)
    show_rows(
        [
            ("documents", f"{result.documents:,}"),
            ("accuracy", f"{result.accuracy:.4f} ({spread(sure.accuracy)})"),
            ("macro-F1", f"{result.macro_f1:.4f} ({spread(sure.macro_f1)})"),
            ("log loss", f"{result.log_loss:.4f} nats ({spread(sure.log_loss)})"),
            ("Brier", f"{result.brier:.4f}"),
            ("ECE", f"{result.ece:.4f}"),
        ]
    )
    console = Console()
    rows = {*COVERAGE_AT, *asked}
    _show_coverage(console, [row for row in result.coverage if row.min_probability in rows])
    _show_labels(console, result)


def _show_coverage(console: Console, rows: list[Coverage]) -> None:
    from textmlr.cli.terminal import spread

    table = _table("unsure below P: left to a person")
    for column in ("P", "answered", "coverage", "accuracy", "95 %"):
        table.add_column(column, justify="right")
    for row in rows:
        accuracy = "–" if row.accuracy is None else f"{row.accuracy:.4f}"
        interval = "–" if row.interval is None else spread(row.interval)
        least = f"{row.min_probability:g}"
        table.add_row(least, f"{row.documents:,}", f"{row.coverage:.3f}", accuracy, interval)
    click.echo()
    console.print(table)


def _show_labels(console: Console, result: Evaluation) -> None:
    table = _table("by label")
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
        table = _table("most confused")
        table.add_column("documents", justify="right")
        table.add_column("of")
        table.add_column("taken for")
        for pair in result.confused:
            table.add_row(f"{pair.count:,}", _text(plain(pair.true)), _text(plain(pair.predicted)))
        console.print(table)


def _table(title: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")


def _text(text: str) -> Text:
    """A label as it is: rich would read [brackets] as markup."""
    from rich.text import Text

    return Text(text)
