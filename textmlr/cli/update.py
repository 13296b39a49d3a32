"""textmlr update: a model file is trained on more labelled documents."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from textmlr.base.compiling import COMPILING
from textmlr.base.option_headings import READ, WRITE
from textmlr.base.update_options import UpdateOptions
from textmlr.cli.model_argument import takes_model
from textmlr.cli.shared_options import (
    check_output,
    config_option,
    corpus_options,
    given,
    json_option,
    quiet_option,
    threads_option,
)
from textmlr.cli.stage_options import stages_options
from textmlr.cli.taken_rows import said_rows, tables_said, taken_json
from textmlr.cli.verb import Verb, verb_option
from textmlr.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    pass

MOST_NAMED = 8  # labels in a line


@click.command(cls=Verb)
@takes_model("corpora", "CORPUS...", required=True)
@verb_option(
    "-o",
    "--output",
    heading=WRITE,
    metavar="FILE",
    show_default="MODEL itself",
    help="Model file to write.",
)
@verb_option(
    "--test",
    heading=READ,
    metavar="FILE",
    help="Compare the answers to these documents before and after, and hold none out.",
)
@stages_options("options", (UpdateOptions,), no_holdout="Hold nothing out, and compare nothing.")
@corpus_options(weights=True)
@threads_option
@quiet_option
@json_option
@config_option
def update(
    model: str,
    corpora: tuple[str, ...],
    output: str | None,
    test: str | None,
    options: UpdateOptions,
    reading: ReadingOptions,
    threads: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train MODEL on more documents, without the old ones.

    CORPUS is as for train. It may have labels that MODEL does not have, and may have one label
    only. MODEL is overwritten, all at once, unless -o names another file.

    \f
    The more documents MODEL has seen a feature in, the less its weights may move, so that MODEL
    keeps what it knows. New labels and new n-grams get weights of their own. The answers before
    and after are compared on held-out new documents, or on those of --test: give it documents of
    the old labels too, where CORPUS has none.

    \b
    Examples:
      textmlr update reviews.textmlr march.tsv
      textmlr update topics.textmlr new.tsv -o topics2.textmlr --test test.tsv
    """
    if given("no_holdout") and test:
        raise click.UsageError("--no-holdout and --test exclude each other")

    started = time.perf_counter()
    from textmlr.cli.terminal import print_summary
    from textmlr.cli.warnings import warn_of
    from textmlr.corpus.alike_labels import joined_notes
    from textmlr.corpus.reading import read_corpus
    from textmlr.model.model import Model
    from textmlr.training.training_notes import update_notes
    from textmlr.training.training_progress import TrainingProgress
    from textmlr.training.update.model_update import update_model

    output = output or model
    before = Model.load(model)
    check_output(output, [*corpora, test])
    with TrainingProgress(quiet=quiet) as progress:
        progress.reading()
        usual, reading = before.record.taken, reading.for_model(before.is_multilabel)
        corpus = read_corpus(corpora, reading, usual=usual)
        judges = read_corpus([test], reading, usual=usual) if test else None
        warn_of(joined_notes(corpus.labels, before.labels))
        after = update_model(
            before, corpus, options, validation=judges, threads=threads, watch=progress.watch
        )
        size = after.save(output)
    summary = {
        "model": output,
        "updated": model,
        "documents": after.featurizer.documents,
        "labels": len(after.labels),
        "bytes": size,
        "seconds": round(time.perf_counter() - started, 3),
        "compile_seconds": round(COMPILING.seconds, 3),
        "update": after.record.updates[-1].as_json(),
        "taken": taken_json(corpus.taken),
    }
    show = partial(
        _show,
        labels=len(before.labels),
        documents=before.featurizer.documents,
        said=tables_said(corpus.taken, usual, reading),
    )
    print_summary(summary, show, quiet=quiet, as_json=as_json)
    warn_of(update_notes(after, corpus, judges))


def _show(summary: dict[str, Any], labels: int, documents: int, said: Sequence[str]) -> None:
    """Show how the model grew from so many labels and documents, and how its answers changed."""
    from textmlr.base.printable import plain, size_of
    from textmlr.cli.terminal import show_rows, shown_seconds

    changes, output = summary["update"], summary["model"]
    before, after = changes["features"]
    named = f": {_named(changes['new_labels'])}" if changes["new_labels"] else ""
    rows = [
        *said_rows(said),
        ("documents", _grown(documents, summary["documents"])),
        ("labels", _grown(labels, summary["labels"]) + named),
        ("features", _grown(before, after)),
        ("file size", size_of(summary["bytes"])),
        ("seconds", shown_seconds(summary)),
    ]
    click.secho(f"Updated {plain(summary['updated'])}", bold=True)
    show_rows(rows)
    if changes["compared"] is not None:
        _show_compared(changes["compared"])
    elif changes["options"]["holdout"]:
        click.echo("Too few new documents to hold some out and compare answers: give --test FILE.")
    over = output == summary["updated"]
    click.echo(f"Wrote {plain(output)}" + (" in place of the old model" if over else ""))


def _grown(before: int, after: int) -> str:
    return f"{before:,} + {after - before:,} = {after:,}" if after > before else f"{after:,}"


def _named(labels: list[str]) -> str:
    from textmlr.base.printable import plain

    more = f" and {len(labels) - MOST_NAMED:,} more" if len(labels) > MOST_NAMED else ""
    return ", ".join(map(plain, labels[:MOST_NAMED])) + more


def _show_compared(compared: dict[str, Any]) -> None:
    """The figures before and after, and a warning where old labels have lost."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from textmlr.base.printable import plain, plural
    from textmlr.cli.warnings import warn

    held = "held-out new documents" if compared["from"] == "corpus" else "test documents"
    table = Table(
        box=SIMPLE_HEAD, title=f"answers to {held}", title_justify="left", title_style="bold"
    )
    table.add_column("", no_wrap=True)
    kinds = {"accuracy": "accuracy", "loss": "log loss"}
    if "micro_f1" in compared["rows"][0]:  # documents have sets of labels
        kinds = {"micro_f1": "micro-F1", "loss": "log loss"}
    table.add_column("documents", justify="right")
    for name in kinds.values():
        table.add_column(f"{name} before", justify="right")
        table.add_column("after", justify="right")
    for row in compared["rows"]:
        both = (figure for kind in kinds for figure in row[kind])
        figures = ("∞" if figure is None else f"{figure:.4f}" for figure in both)
        name = "all" if row["of"] == "all" else f"of {row['of']}"
        table.add_row(Text(plain(name)), f"{row['documents']:,}", *figures)
    click.echo()
    Console().print(table)
    if compared["absent"]:
        click.echo(
            f"None of them has one of {plural(compared['absent'], 'label')} that the old model "
            "knew: a --test FILE with such documents shows whether it still knows them."
        )
    lost = compared["lost"]
    if lost:
        right = "found" if "micro_f1" in kinds else "right"
        some = ", ".join(
            f"{plain(one['label'])} ({one['right'][0]:,} → {one['right'][1]:,} of "
            f"{one['documents']:,} {right})"
            for one in lost[:MOST_NAMED]
        )
        warn(
            f"answers got worse, by more than chance, for labels that the model knew: {some}; if "
            "they matter, update with some documents of these labels too, or train on everything"
        )
