"""textmlr tune: search, in a given time, for the options that answer held-out documents best."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.option_headings import SEARCH
from textmlr.base.options import option_named
from textmlr.base.printable import plain
from textmlr.base.training_options import TrainingOptions
from textmlr.base.tuning_options import TuningOptions
from textmlr.cli.config_file import written
from textmlr.cli.model_argument import DEFAULT_MODEL
from textmlr.cli.option_spelling import key_of, name_of, typed
from textmlr.cli.shared_options import (
    check_output,
    config_option,
    corpus_options,
    given,
    json_option,
    output_option,
    quiet_option,
    threads_option,
    validation_option,
)
from textmlr.cli.stage_options import Stages, one_value, stage_option, stages_options
from textmlr.cli.train import train
from textmlr.cli.value_types import Duration
from textmlr.cli.verb import Verb, verb_option
from textmlr.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from textmlr.training.tuning.events import TuningResult
    from textmlr.training.tuning.space import Setting

# Training options that a search leaves alone: a trial runs all its epochs with sgd, of a dense θ.
LEFT_OUT = ("solver", "theta", "l1", "patience", "tolerance")
MOST_SHOWN = 5  # trials at the end


def _tuning_options(seconds: float | None, trials: int | None, **rest: Any) -> TuningOptions:
    if seconds is None and trials is None:
        return TuningOptions(**rest)
    return TuningOptions(seconds, trials, **rest)


@click.command(cls=Verb)
@click.argument("corpora", nargs=-1, required=True, metavar="CORPUS...")
@output_option
@validation_option
@one_value(
    "options",
    [field.name for field in fields(TuningOptions)],
    _tuning_options,
    [
        verb_option(
            "--time",
            "seconds",
            heading=SEARCH,
            type=Duration(),
            default=None,
            metavar="TIME",
            show_default="5m, or no limit with --trials",
            help=option_named(TuningOptions, "seconds").usage,
        ),
        *(stage_option(TuningOptions, name) for name in ("trials", "metric", "cv")),
    ],
)
@verb_option(
    "--journal",
    heading=SEARCH,
    default=None,
    metavar="FILE",
    show_default="MODEL.trials.jsonl",
    help="Write every trial there; a search that is resumed reads them.",
)
@stages_options(
    "stages",
    (FeaturizerOptions, TrainingOptions),
    leave_out=LEFT_OUT,
    shown=lambda own: "searched" if own.searched else own.unset,
)
@corpus_options(weights=True)
@threads_option
@quiet_option
@json_option
@config_option
def tune(
    corpora: tuple[str, ...],
    output: str,
    validation: str | None,
    options: TuningOptions,
    journal: str | None,
    stages: Stages,
    reading: ReadingOptions,
    threads: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Search for the options that suit CORPUS, and train with them.

    CORPUS is as for train. Options that you give stay as given; the others are searched as long as
    there is time, and judged on documents that are held out.

    \f
    The options that "textmlr train" takes by itself are judged first. Then settings of n-grams,
    weighting, step size, penalty and epochs are tried, most of them on some of the documents, the
    best on all.

    --json prints the options that were found as "config", which "textmlr train --config" reads.

    The seed decides which settings are tried, time only how many. Every trial is kept: the same
    command resumes the search, after Ctrl-C too.

    \b
    Examples:
      textmlr tune reviews.tsv --time 90s -o reviews.textmlr
      textmlr tune reviews.tsv --cv 5 --ngrams 1-2 --metric macro-f1
    """
    if (options.cv or 1) > 1 and validation is not None:
        raise click.UsageError("--cv and --validation exclude each other")
    journal = journal or output + ".trials.jsonl"
    if os.path.realpath(journal) == os.path.realpath(output):
        raise click.UsageError("--journal and --output name one file")
    fixed = {field.name for stage in stages for field in fields(stage) if given(field.name)}

    started = time.perf_counter()
    from textmlr.cli.terminal import print_summary
    from textmlr.cli.training_summary import summary_of
    from textmlr.cli.warnings import warn_of
    from textmlr.corpus.reading import read_corpus
    from textmlr.training.training_notes import training_notes
    from textmlr.training.tuning.search import search_settings
    from textmlr.training.tuning.trial_tables import TuningProgress

    check_output(output, [*corpora, validation])
    check_output(journal, [*corpora, validation], grows=True)
    try:
        with TuningProgress(options, journal, quiet=quiet) as progress:
            corpus = read_corpus(corpora, reading)
            judges = read_corpus([validation], reading) if validation else None
            tuned = search_settings(
                corpus,
                *stages,
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
            text = f"The trials are in {plain(journal)}: the same command resumes the search."
            click.echo(text, err=True)
        raise
    summary = summary_of(output, corpus, tuned.model, size, time.perf_counter() - started)
    like = {"validation": validation, **asdict(reading)}
    typed_files = click.get_current_context().params  # where the words of lists stand
    like |= {name: typed_files[name] for name in ("stop_words", "vocabulary") if given(name)}
    best = options_of_setting(tuned.best.setting, like)
    summary["tuning"] = _tuning(tuned, options.metric, command_of(corpora, output, best))
    summary["config"] = {"train": {key_of(one): written(one, value) for one, value in best}}
    show = partial(_show, tuned, options)
    print_summary(summary, show, quiet=quiet, as_json=as_json)
    warn_of(training_notes(corpus, judges, tuned.model))


def options_of_setting(setting: Setting, like: Mapping[str, Any]) -> list[tuple[click.Option, Any]]:
    """The options of ``train`` that make the model of a setting, where they are not the usual.

    like  further parameters of train
    """
    values = {**setting.featurizer.as_json(), **asdict(setting.training), **like}
    usual = train.make_context("train", ["CORPUS"]).params
    return [
        (option, values[option.name])
        for option in train.params
        if isinstance(option, click.Option)
        and option.name in values
        and values[option.name] != usual[option.name]
    ]


def command_of(
    corpora: tuple[str, ...], output: str, options: Iterable[tuple[click.Option, Any]]
) -> str:
    """The command of ``train`` with these options."""
    words = ["textmlr", "train", *corpora]
    if output != DEFAULT_MODEL:
        words += ["-o", output]
    for option, value in options:
        if isinstance(value, bool):
            # A flag without a second name has one value but the usual.
            names = option.opts if value else option.secondary_opts
            words.append((names or option.opts)[0])
        else:
            words += [name_of(option), typed(option, value)]
    return shlex.join(words)


def _tuning(tuned: TuningResult, metric: str, command: str) -> dict[str, Any]:
    """The result of the search (JSON values)."""

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

    from textmlr.cli.training_summary import show_summary
    from textmlr.training.tuning.trial_tables import table_of, what_won

    Console().print(table_of(tuned.trials, options.metric, MOST_SHOWN))
    click.echo(what_won(tuned, options))
    spent = summary["seconds"]
    if options.seconds is not None and spent > options.seconds + 1:
        click.echo(f"It took {spent:.0f} s, {spent - options.seconds:.0f} s more than asked for.")
    click.echo()
    show_summary(summary, tuned.model.record)
    click.echo(f"The same model: {plain(summary['tuning']['command'])}")
