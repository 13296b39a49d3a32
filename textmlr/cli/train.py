"""textmlr train: labelled documents in, a model file out."""

from __future__ import annotations

import time
from functools import partial

import click

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.option_headings import STREAM
from textmlr.base.training_options import TrainingOptions
from textmlr.cli.config_file import given_config
from textmlr.cli.corpus_storage import CorpusStorage, storage_options, stored
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
from textmlr.cli.stage_options import Stages, stages_options
from textmlr.cli.verb import Verb, verb_option
from textmlr.corpus.reading_options import ReadingOptions


@click.command(cls=Verb)
@click.argument("corpora", nargs=-1, required=True, metavar="CORPUS...")
@output_option
@validation_option
@stages_options(
    "stages",
    (FeaturizerOptions, TrainingOptions),
    no_holdout="Hold nothing out, and run every epoch.",
)
@corpus_options(weights=True, several=True)
@storage_options
@verb_option(
    "--stream",
    "streamed",
    heading=STREAM,
    is_flag=True,
    help="Train on documents as they come, in one pass and constant memory. Features are hashed, "
    "to 2^22 columns by default; auto n-grams are words 1-2.",
)
@threads_option
@quiet_option
@json_option
@config_option
def train(
    corpora: tuple[str, ...],
    output: str,
    validation: str | None,
    stages: Stages,
    reading: ReadingOptions,
    storage: CorpusStorage,
    streamed: bool,
    threads: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a model on labelled documents.

    CORPUS is a table (CSV, JSON lines, Parquet, Arrow) with a column of texts and one of labels, a
    file of lines label<TAB>text, or a folder with a folder for each label. Several are one corpus.

    A part of the documents is held out to choose by. Then the model is trained on all of them.

    \f
    CORPUS may also be fastText's __label__ lines. It may be plain or .gz, .zst, .bz2 or .xz, a
    'pattern-*.csv' in quotes, a URL, or - for standard input.

    N-grams, step size and calibration are chosen on the documents that are held out.

    --solver exact finds the one minimum of loss and penalty, and proves how near it is. The
    penalty is --l2, or else chosen on the held-out documents. --l1 adds an L1 penalty, with --l2
    the elastic net: the larger it is, the fewer features are kept.

    A corpus whose text is more than a sixteenth of --memory is kept on disk, and the model is the
    same. --resume resumes such a run, however it ended.

    --config reads options from TOML: lines such as epochs = 3 or ngrams = "1-3", at the top for
    every verb that has them, or under [train] for this one. What --json prints can be read again.

    Warnings count documents that occur more than once with different labels, and validation
    documents that also occur in CORPUS (byte for byte, but for space around them).

    \b
    Examples:
      textmlr train reviews.csv -o reviews.textmlr
      textmlr train shop.csv --text-column review --label-column stars
      textmlr train a.tsv b.tsv.gz --char-ngrams 3-5 --epochs 8
      zcat big.tsv.gz | textmlr train - --hash-bits 22
      tail -f log.tsv | textmlr train - --stream --checkpoint-every 1m
    """
    if given("no_holdout") and validation:
        raise click.UsageError("--no-holdout and --validation exclude each other")
    if streamed:
        _check_stream()
        from textmlr.cli.train_stream import stream

        stream(
            corpora,
            output,
            stages,
            reading,
            storage.resume,
            storage.checkpoint_every,
            threads=threads,
            quiet=quiet,
            as_json=as_json,
        )
        return

    started = time.perf_counter()
    from textmlr.cli.terminal import print_summary
    from textmlr.cli.training_summary import show_summary, summary_of
    from textmlr.cli.warnings import warn_of
    from textmlr.corpus.reading import read_corpus
    from textmlr.training.corpus_training import train_corpus
    from textmlr.training.training_notes import training_notes
    from textmlr.training.training_progress import TrainingProgress

    check_output(output, [*corpora, validation])
    with (
        TrainingProgress(quiet=quiet) as progress,
        stored(corpora, reading, output, storage, validation, stages, progress) as (corpus, store),
    ):
        judges = read_corpus([validation], reading) if validation else None
        watch = progress.watch
        model = train_corpus(
            corpus, *stages, validation=judges, threads=threads, watch=watch, store=store
        )
        size = model.save(output)
    summary = summary_of(output, corpus, model, size, time.perf_counter() - started)
    summary["storage"] = "memory" if store is None else "disk"
    summary["config"] = given_config(click.get_current_context())
    print_summary(summary, partial(show_summary, record=model.record), quiet=quiet, as_json=as_json)
    warn_of(training_notes(corpus, judges, model))


def _check_stream() -> None:
    """Raise UsageError for options that a stream has no use for."""
    for option in ("validation", "memory", "cache_dir", "keep_cache"):
        if given(option):
            raise click.UsageError(f"--{option.replace('_', '-')} and --stream exclude each other")
