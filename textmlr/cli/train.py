"""textmlr train: labelled documents in, a model file out."""

from __future__ import annotations

import time
from typing import Any

import click

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.printable import to_json
from textmlr.base.training_options import (
    ADAGRAD_RATES,
    DEFAULT_DROPOUT,
    DEFAULT_L2,
    DEFAULT_PATIENCE,
    DEFAULT_TOLERANCE,
    EPOCHS,
    IDF_POWERS,
    LEARNING_RATES,
    TrainingOptions,
)
from textmlr.cli.arguments import (
    DEFAULT_MODEL,
    REAL,
    WHOLE,
    Duration,
    NgramRangeType,
    Size,
    Widths,
    check_output,
    corpus_options,
    given,
    json_option,
    option_of,
    stage_options,
    threads_option,
)
from textmlr.corpus.reading_options import ReadingOptions

F = FeaturizerOptions
T = TrainingOptions
NGRAMS = NgramRangeType()
EVERY = "30s"  # of checkpoints on disk
BEST_OF = "best of " + ", ".join(f"{rate:g}" for rate in LEARNING_RATES)
BEST_OF += "; of adagrad " + ", ".join(f"{rate:g}" for rate in ADAGRAD_RATES)


@click.command()
@click.argument("corpora", nargs=-1, required=True, metavar="CORPUS...")
@click.option(
    "-o",
    "--output",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="FILE",
    help="Model file to write.",
)
@click.option("--validation", metavar="FILE", help="Choose by these documents; hold none out.")
@click.option("--no-holdout", is_flag=True, help="Hold nothing out: run every epoch.")
@option_of(T, "holdout", "Share of each label's documents held out.", type=REAL)
@option_of(
    T,
    "epochs",
    "Most passes over the documents.",
    type=WHOLE,
    show_default=f"{EPOCHS[1]}, fewer on a large corpus, at least {EPOCHS[0]}",
)
@option_of(
    T,
    "learning_rate",
    "First step size, in units of 1 / mean squared length of f(x) (adagrad: of its root).",
    type=REAL,
    show_default=BEST_OF,
)
@option_of(
    T,
    "idf_power",
    "Scale the steps of rare features up: by idf to this power.",
    type=REAL,
    metavar="P",
    show_default="best of " + ", ".join(f"{power:g}" for power in IDF_POWERS),
)
@option_of(
    T,
    "solver",
    "sgd: fast, stopped early; exact: the minimum, to a proved tolerance.",
    type=click.Choice(["sgd", "exact"]),
    show_default="sgd; exact with --l1",
)
@option_of(
    T,
    "hidden",
    "Widths of hidden layers between features and labels: 64, or 256,64.",
    type=Widths(),
    show_default="none",
)
@option_of(
    T,
    "activation",
    "Of hidden units.",
    show_default="relu",
    type=click.Choice(["relu", "tanh", "identity"]),
)
@option_of(
    T,
    "dropout",
    "Leave hidden units out of a step with this probability.",
    type=REAL,
    show_default=f"{DEFAULT_DROPOUT:g}, of identity 0",
)
@option_of(T, "input_dropout", "Leave features out of an epoch with this probability.", type=REAL)
@option_of(
    T,
    "step",
    "plain, or adagrad: divided by the root of each weight's squared gradients.",
    type=click.Choice(["plain", "adagrad"]),
    show_default="plain; adagrad with --hidden",
)
@option_of(
    T,
    "tolerance",
    "Of exact: on (value − minimum)/value, proved.",
    type=REAL,
    show_default=f"{DEFAULT_TOLERANCE:g}",
)
@option_of(
    T,
    "l2",
    "Penalty λ: mean loss + λ/2·‖w‖², w in units of the scaled steps.",
    type=REAL,
    show_default=f"{DEFAULT_L2:g}; of exact the best on held-out documents, 0 with --l1",
)
@option_of(
    T,
    "l1",
    "Of exact: add L1·Σ|θ|: most weights become 0, and their features are dropped.",
    type=REAL,
)
@click.option(
    "--calibration/--no-calibration",
    default=None,
    show_default="calibration",
    help="Make the probabilities of sgd fit the held-out documents.",
)
@option_of(
    T,
    "patience",
    "Epochs of clearly worse held-out loss before a trial is given up.",
    type=WHOLE,
    show_default=f"{DEFAULT_PATIENCE}",
)
@option_of(
    T,
    "class_weight",
    "'balanced': every label weighs the same.",
    show_default="none",
    type=click.Choice(["balanced"]),
)
@option_of(T, "seed", "Same seed, same bits.", type=WHOLE)
@option_of(
    F,
    "ngrams",
    "Word n-grams, such as 1-2.",
    type=NGRAMS,
    show_default="auto: the best of 1-2 and 1-3 on held-out documents",
)
@option_of(
    F,
    "char_ngrams",
    "Character n-grams inside words, such as 3-5, or none.",
    type=NGRAMS,
    show_default="auto: none or 4, 3 of syllabic scripts",
)
@option_of(
    F,
    "min_df",
    "Drop features in fewer documents.",
    type=WHOLE,
    show_default="1, or 2 where there would be over half a million features",
)
@option_of(F, "max_features", "Keep the most frequent.", type=WHOLE, show_default="all")
@option_of(
    F,
    "hash_bits",
    "Hash features to 2^b columns; only the heaviest get names.",
    type=WHOLE,
    show_default="a vocabulary",
    metavar="B",
)
@option_of(
    F,
    "term_frequency",
    "Weight of a count: 1, the count, or 1 + ln count.",
    type=click.Choice(["binary", "raw", "log"]),
)
@click.option(
    "--idf/--no-idf",
    default=None,
    show_default="no-idf; of exact idf, with a vocabulary",
    help="Weigh features by inverse document frequency (TF-IDF).",
)
@click.option(
    "--norm",
    type=click.Choice(["l2", "none"]),
    default=F().norm or "none",
    show_default=True,
    help="Scale each document's features to length 1.",
)
@option_of(F, "lowercase", "Lower-case the text.")
@option_of(F, "punctuation", "Punctuation and symbols are tokens.")
@option_of(F, "split_scripts", "One token a character in scripts written without spaces.")
@option_of(F, "min_token_length", "Drop shorter words.", type=WHOLE)
@option_of(F, "bias", "A feature that is always on.")
@corpus_options(weights=True)
@click.option(
    "--memory",
    type=Size(),
    default="2GB",
    show_default=True,
    metavar="SIZE",
    help="To take, about: a corpus too large for it is learnt from on disk.",
)
@click.option(
    "--cache-dir",
    metavar="DIR",
    show_default="beside the model",
    help="Where a large corpus's text and rows are kept while it is learnt from.",
)
@click.option(
    "--keep-cache", is_flag=True, help="Leave them for further runs over the same corpus."
)
@click.option(
    "--stream",
    "streamed",
    is_flag=True,
    help="Learn from documents as they come, in one pass and constant memory: hashed, 22"
    " bits unless said; n-grams are not chosen, auto is words 1-2.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on from a run that was cut off, and be one that can be gone on with; with --stream "
    "from the last checkpoint, behind the documents of a file that it has learnt.",
)
@click.option(
    "--checkpoint-every",
    metavar="TIME|N",
    show_default="30s on disk; 5m with --stream",
    help="How much may be lost of a run that is cut off: 60s, 5m, 1h; with --stream the model is "
    "written as often, and 100000 documents may be asked for as well.",
)
@threads_option
@click.option("-q", "--quiet", is_flag=True, help="No progress, no summary.")
@json_option
def train(
    corpora: tuple[str, ...],
    output: str,
    validation: str | None,
    no_holdout: bool,
    reading: ReadingOptions,
    memory: int,
    cache_dir: str | None,
    keep_cache: bool,
    streamed: bool,
    resume: bool,
    checkpoint_every: str | None,
    threads: int | None,
    quiet: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Learn a model from labelled documents.

    CORPUS is a file of lines label<TAB>text, CSV with column names, JSON lines, Parquet, Arrow,
    fastText's __label__ lines, or a folder with a folder a label; plain or .gz, .zst, .bz2, .xz;
    a 'pattern-*.csv' in quotes, a URL, or - for standard input.  Several are one corpus.

    Documents that stand more than once with different labels are told of, as are validation
    documents that also stand in CORPUS (byte for byte but for space around them).

    A part of each label's documents is held out to choose n-grams, step size and how sure to be;
    then the model is fitted on everything.

    --solver exact finds the one minimum of the loss and the penalty, and proves how near it is;
    the penalty is --l2, or else chosen on the held-out documents.  --l1 is an L1 penalty, and
    with --l2 the elastic net: larger, it keeps fewer features.

    A corpus whose text is more than a sixteenth of --memory is learnt from on disk, to the same
    model, and --resume goes on with such a run after whatever ended it.

    \b
    Examples:
      textmlr train reviews.tsv -o reviews.textmlr
      textmlr train a.tsv b.tsv.gz --char-ngrams 3-5
      textmlr train reviews.csv --text-column review --label-column stars
      textmlr train reviews.tsv --solver exact --tolerance 1e-8
      textmlr train reviews.tsv --l1 1e-4
      zcat big.tsv.gz | textmlr train - --hash-bits 22
      tail -f log.tsv | textmlr train - --stream --checkpoint-every 1m
    """
    if no_holdout:
        if validation:
            raise click.UsageError("--no-holdout and --validation exclude each other")
        chosen["holdout"] = 0.0
    if streamed:
        for option in ("validation", "memory", "cache_dir", "keep_cache"):
            if given(option):
                name = option.replace("_", "-")
                raise click.UsageError(f"--{name} and --stream exclude each other")
        from textmlr.cli.train_stream import stream

        stream(
            corpora,
            output,
            chosen,
            reading,
            checkpoint_every=checkpoint_every,
            resume=resume,
            threads=threads,
            quiet=quiet,
            as_json=as_json,
        )
        return
    featurizer_options, training_options = stage_options(chosen)
    every = Duration().convert(checkpoint_every or EVERY, None, None)
    assert every is not None

    started = time.perf_counter()
    from textmlr.cli.cache_options import stored
    from textmlr.cli.progress import TrainingProgress
    from textmlr.cli.tables import show_summary, summary_of
    from textmlr.cli.warnings import warn_of_corpus
    from textmlr.corpus.reading import read_corpus
    from textmlr.training.train import train as learn

    check_output(output, [*corpora, validation])
    with (
        TrainingProgress(quiet=quiet) as progress,
        stored(
            corpora,
            reading,
            output,
            cache_dir,
            memory=memory,
            resume=resume,
            keep=keep_cache,
            every=every,
            validation=validation,
            options=(featurizer_options, training_options),
            progress=progress,
        ) as (corpus, store),
    ):
        judges = read_corpus([validation], reading) if validation else None
        model = learn(
            corpus,
            featurizer_options,
            training_options,
            validation=judges,
            threads=threads,
            watch=progress.watch,
            store=store,
        )
        size = model.save(output)
    warn_of_corpus([corpus] + ([judges] if judges else []), model.record)
    seconds = time.perf_counter() - started, progress.compiling.seconds
    summary = summary_of(output, corpus, model, size, *seconds)
    summary["storage"] = "memory" if store is None else "disk"
    if as_json:
        click.echo(to_json(summary))
    elif not quiet:
        show_summary(summary, model.record)
