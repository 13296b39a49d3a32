"""textmlr tune: train with the options that answer held-out documents best, found in a given
time."""

from __future__ import annotations

import copy
import os
import shlex
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, get_args

import click

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.printable import plain, to_json
from textmlr.base.training_options import TrainingOptions
from textmlr.base.tuning_options import FEW_JUDGES, TUNING_FOLDS, Metric, TuningOptions
from textmlr.cli.arguments import (
    WHOLE,
    Duration,
    check_output,
    corpus_options,
    given,
    show_range,
    stage_options,
)
from textmlr.cli.train import train
from textmlr.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from textmlr.training.tuning.events import TuningResult
    from textmlr.training.tuning.space import Setting

# Options of train that tune has too, besides those of the featurizer.
LIKE_TRAIN = """
    output validation holdout epochs learning_rate idf_power l2 calibration class_weight
    hidden activation dropout input_dropout step seed threads quiet as_json
""".split()
SEARCHED = """
    epochs learning_rate idf_power l2 ngrams char_ngrams min_df term_frequency norm lowercase
    dropout
""".split()
MOST_SHOWN = 5  # trials at the end


@click.command()
@click.argument("corpora", nargs=-1, required=True, metavar="CORPUS...")
@click.option(
    "--time",
    "seconds",
    type=Duration(),
    default=None,
    metavar="TIME",
    show_default="5m, or no limit with --trials",
    help="How long to search, such as 90s, 5m or 1h, and to train.",
)
@click.option(
    "--trials", type=WHOLE, default=None, metavar="N", show_default="no limit", help="Most trials."
)
@click.option(
    "--metric",
    type=click.Choice(get_args(Metric)),
    default=TuningOptions().metric,
    show_default=True,
    help="What held-out documents judge by.",
)
@click.option(
    "--cv",
    type=WHOLE,
    default=None,
    metavar="K",
    show_default=f"{TUNING_FOLDS}, 1 if {FEW_JUDGES:,} or more are held out",
    help="Hold out each of K stratified folds in turn; 1: one part.",
)
@click.option(
    "--journal",
    default=None,
    metavar="FILE",
    show_default="MODEL.trials.jsonl",
    help="Where every trial is written, and read when the search goes on.",
)
@corpus_options(weights=True)
def tune(
    corpora: tuple[str, ...],
    output: str,
    validation: str | None,
    seconds: float | None,
    trials: int | None,
    metric: Metric,
    cv: int | None,
    journal: str | None,
    reading: ReadingOptions,
    threads: int | None,
    quiet: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Search for the options that suit CORPUS best, and learn a model with them.

    What "textmlr train" takes by itself is judged first, on documents held out; then settings of
    n-grams, weighting, step size, penalty and epochs are tried for as long as there is time, most
    of them on some of the documents, the best on all.  Options that are given stay as given.

    The seed says which settings are tried, and time only how many.  Every trial is kept: the same
    command goes on from there, after Ctrl-C too.

    \b
    Examples:
      textmlr tune reviews.tsv --time 90s -o reviews.textmlr
      textmlr tune reviews.tsv --cv 5 --ngrams 1-2 --metric macro-f1
    """
    featurizer_options, training_options = stage_options(chosen)
    if seconds is None and trials is None:
        seconds = TuningOptions().seconds
    options = TuningOptions(seconds, trials, metric, cv)
    if (cv or 1) > 1 and validation is not None:
        raise click.UsageError("--cv and --validation exclude each other")
    journal = journal or output + ".trials.jsonl"
    if os.path.realpath(journal) == os.path.realpath(output):
        raise click.UsageError("--journal and --output name one file")
    fixed = {name for name in chosen if given(name)}

    started = time.perf_counter()
    from textmlr.cli.tables import summary_of
    from textmlr.cli.trial_tables import TuningProgress
    from textmlr.cli.warnings import warn_of_corpus
    from textmlr.corpus.reading import read_corpus
    from textmlr.training.tuning.search import tune as search

    check_output(output, [*corpora, validation])
    check_output(journal, [*corpora, validation], grows=True)
    try:
        with TuningProgress(options, journal, quiet=quiet) as progress:
            corpus = read_corpus(corpora, reading)
            judges = read_corpus([validation], reading) if validation else None
            tuned = search(
                corpus,
                featurizer_options,
                training_options,
                options,
                fixed=fixed,
                validation=judges,
                threads=threads,
                journal=journal,
                watch=progress.watch,
            )
            size = tuned.model.save(output)
    except KeyboardInterrupt:
        if os.path.exists(journal):
            told = f"The trials are in {plain(journal)}: give the same command again to go on."
            click.echo(told, err=True)
        raise
    warn_of_corpus([corpus] + ([judges] if judges else []), tuned.model.record)
    spent = time.perf_counter() - started, progress.compiling.seconds
    summary = summary_of(output, corpus, tuned.model, size, *spent)
    like = {"validation": validation, **asdict(reading)}
    summary["tuning"] = _tuning(
        tuned, metric, command_of(corpora, output, tuned.best.setting, like)
    )
    if as_json:
        click.echo(to_json(summary))
    elif not quiet:
        _show(tuned, options, summary)


def command_of(
    corpora: tuple[str, ...], output: str, setting: Setting, like: Mapping[str, Any]
) -> str:
    """The command of ``train`` that makes the model of a setting.

    like  further parameters of train
    """
    usual = train.make_context("train", [*corpora]).params
    words = ["textmlr", "train", *corpora]
    for option in train.params:
        name = option.name
        if name == "output":
            value: Any = output
        elif name in like:
            value = like[name]
        elif name in FeaturizerOptions.__dataclass_fields__:
            value = getattr(setting.featurizer, name)
        elif name in TrainingOptions.__dataclass_fields__:
            value = getattr(setting.training, name)
        else:
            continue
        if name == "norm":
            value = value or "none"
        if value == usual[name]:
            continue
        if isinstance(value, bool):
            # A flag without a second name has one value but the usual.
            names = option.opts if value else option.secondary_opts
            words.append((names or option.opts)[0])
        elif name in ("ngrams", "char_ngrams"):
            words += [option.opts[0], show_range(value)]
        elif name == "hidden":
            words += [option.opts[0], ",".join(map(str, value))]
        else:
            words += [option.opts[0], str(value)]
    return shlex.join(words)


def _tuning(tuned: TuningResult, metric: str, command: str) -> dict[str, Any]:
    """What the search came to (JSON values)."""

    def row(trial: Any) -> dict[str, Any]:
        figures = asdict(trial.figures)
        return {"trial": trial.number, **figures, "options": trial.setting.as_json()}

    return {
        "metric": metric,
        "trials": len(tuned.trials),
        "judging": tuned.judging,
        "folds": tuned.folds,
        "searched": list(tuned.searched),
        "best": row(tuned.best),
        "default": row(tuned.default),
        "command": command,
    }


def _show(tuned: TuningResult, options: TuningOptions, summary: dict[str, Any]) -> None:
    from rich.console import Console

    from textmlr.cli.tables import show_summary
    from textmlr.cli.trial_tables import table_of, what_won

    Console().print(table_of(tuned.trials, options.metric, MOST_SHOWN))
    click.echo(what_won(tuned, options))
    spent = summary["seconds"]
    if options.seconds is not None and spent > options.seconds + 1:
        click.echo(f"It took {spent:.0f} s, {spent - options.seconds:.0f} s more than asked for.")
    click.echo()
    show_summary(summary, tuned.model.record)
    click.echo(f"The same model: {plain(summary['tuning']['command'])}")


def _like_train(option: click.Parameter) -> click.Parameter:
    """The same option for tune, which says what is searched where it is not given."""
    own = copy.copy(option)
    if isinstance(own, click.Option) and own.name in SEARCHED:
        own.show_default = "searched"
    return own


tune.params += [
    _like_train(option)
    for option in train.params
    if option.name in LIKE_TRAIN or option.name in FeaturizerOptions.__dataclass_fields__
]
