"""textmlr classify: P(Y=label | x) of documents, or of all of a corpus, into a file."""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING

import click

from textmlr.base.errors import InputError
from textmlr.cli.arguments import (
    check_output,
    corpus_options,
    json_option,
    listed,
    model_option,
    threads_option,
)
from textmlr.cli.one_document import read_document, shown_path
from textmlr.cli.value_types import PROBABILITY
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.export.predictions.prediction_file import FORMATS, PredictionFile
from textmlr.kernels.jit import run_plain

if TYPE_CHECKING:
    from textmlr.model.model import Model

# Up to here plain Python answers: it takes about 10 µs a byte, where Numba takes 4 s to compile its
# kernels once, and kernels that are compiled already 0.03 s to load (measured).
PLAIN_BYTES = 1 << 15


@click.command()
@model_option
@click.argument("documents", nargs=-1, metavar="[DOC]...")
@click.option("--lines", metavar="FILE", help="Each line of FILE is a document (- is stdin).")
@click.option("--top", type=listed("top"), metavar="K", help="Only the K likeliest labels.")
@click.option("--label", metavar="LABEL", help="Only P(Y=LABEL | document), a number a document.")
@click.option(
    "--min-probability",
    type=PROBABILITY,
    metavar="P",
    help="Answer 'unsure' (--json: null) where no label has probability P.",
)
@click.option(
    "--corpus",
    "corpora",
    multiple=True,
    metavar="CORPUS",
    help="Every document of a corpus; its columns and the answers go to -o.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Of --corpus: a file .parquet, .arrow, .csv or .jsonl, or - for stdout.",
)
@click.option(
    "--output-format",
    type=click.Choice(FORMATS),
    show_default="what FILE's name ends in",
    help="Of -o.",
)
@click.option("--prefix", metavar="NAME", help="Of -o: begin the names of new columns with NAME.")
@click.option("--each-label", is_flag=True, help="Of -o: a column P(LABEL) of each label, too.")
@corpus_options(weights=False, labelled=False)
@threads_option
@json_option
def classify(
    model: str,
    documents: tuple[str, ...],
    lines: str | None,
    top: int | None,
    label: str | None,
    min_probability: float | None,
    corpora: tuple[str, ...],
    output: str | None,
    output_format: str | None,
    prefix: str | None,
    each_label: bool,
    reading: ReadingOptions,
    threads: int | None,
    as_json: bool,
) -> None:
    """Say how likely each label is, for each document.

    Each DOC is one document, whole; - or nothing reads standard input.

    To a terminal, a bar a label; to a pipe, lines label<TAB>probability, the likeliest first,
    with a blank line between documents if each has several; with --json an object a document.

    With --min-probability P the answer to a document of which no label has probability P is
    "unsure": its first line, with the likeliest label's probability, before the labels', or, with
    --top 1, its only one.  textmlr evaluate says what any P comes to.

    --corpus CORPUS -o FILE reads a corpus of any size piece by piece, and writes its own columns
    with more after them: predicted and probability; with --top K also predicted_2, probability_2
    and so on to K; with --label LABEL only P(LABEL).  With --min-probability P, predicted is null
    where no label has probability P; --top then adds predicted_1, the likeliest all the same.
    --json prints what was done.  A corpus is as for train, but needs no labels; lines in a file
    whose name says nothing are documents.

    \b
    Examples:
      textmlr classify doc.txt
      textmlr classify --label scifi doc.txt
      textmlr classify --lines reviews.txt --top 1 > answers.tsv
      textmlr classify --lines reviews.txt --top 1 --min-probability 0.9 > answers.tsv
      textmlr classify --corpus reviews.parquet -o answers.parquet
      textmlr classify --corpus a.csv --corpus b.csv -o answers.jsonl.gz --top 3
    """
    if label is not None and top is not None:
        raise click.UsageError("--label and --top exclude each other")
    if label is not None and min_probability is not None:
        raise click.UsageError("--label and --min-probability exclude each other")
    if not corpora:
        asked = {
            "-o": output,
            "--output-format": output_format,
            "--prefix": prefix,
            "--each-label": each_label or None,
            "--format": reading.format,
            "--text-column": reading.text_column,
            "--skip-bad-lines": reading.skip_bad_lines or None,
        }
        for option, value in asked.items():
            if value is not None:
                raise click.UsageError(f"{option} is for --corpus CORPUS")
        if lines is not None and documents:
            raise click.UsageError("give documents or --lines FILE, not both")
        _classify_documents(
            model, documents, lines, top, label, min_probability, reading, threads, as_json
        )
        return
    if documents or lines is not None:
        raise click.UsageError(
            "give documents, --lines FILE or --corpus CORPUS (--corpus before each of several)"
        )
    if label is not None and each_label:
        raise click.UsageError("--label and --each-label exclude each other")
    if output is None:
        raise click.UsageError("--corpus needs -o FILE, where the answers go")
    if as_json and output == "-":
        raise click.UsageError("--json and -o - would both write to stdout")
    written = PredictionFile.of(output, output_format)

    from textmlr.cli.classify_corpus import classify_corpus
    from textmlr.corpus.reading import scan
    from textmlr.export.predictions.prediction_columns import ColumnChoice
    from textmlr.model.model import Model

    if output != "-":
        check_output(output, corpora, [model])
    loaded = Model.load(model)
    _number_of(label, loaded, model)
    wanted = ColumnChoice(prefix or "", top, min_probability, label, each_label)
    chunks = scan(corpora, reading, labelled=False)
    classify_corpus(
        loaded, chunks, written, wanted, paths=corpora, threads=threads, as_json=as_json
    )


def _classify_documents(
    model: str,
    documents: tuple[str, ...],
    lines: str | None,
    top: int | None,
    label: str | None,
    min_probability: float | None,
    reading: ReadingOptions,
    threads: int | None,
    as_json: bool,
) -> None:
    """Documents of their own, or the lines of a file, to stdout."""
    texts = [] if lines is not None else [read_document(path) for path in documents or ("-",)]
    if lines is None and sum(map(len, texts)) <= PLAIN_BYTES:
        run_plain()
    from textmlr.cli.answers import answers_writer, warn_of_namesake, warn_of_unread
    from textmlr.corpus.in_memory import batches_of
    from textmlr.model.model import Model

    loaded = Model.load(model)
    column = _number_of(label, loaded, model)
    if lines is not None:
        from textmlr.corpus.formats.lines import read_lines

        batch = read_lines(lines, compression_limit=reading.compression_limit)
        names = (f"{shown_path(lines)}:{line}" for line in range(1, len(batch) + 1))
    else:
        batch = batches_of(texts)[0]
        names = (shown_path(path) for path in documents or ("-",))
    if min_probability is not None:
        warn_of_namesake(loaded.labels, as_json)
    least = min_probability or 0.0
    writer = answers_writer(loaded.labels, top, column, least, as_json, len(batch))
    first, unknown, invalid = None, 0, 0
    for text, known, bad in loaded.map_answers(writer.prepare, [batch], threads):
        named = list(islice(names, len(known)))
        writer.show(named, text)
        strangers = (known == 0).nonzero()[0]
        if len(strangers) and first is None:
            first = named[strangers[0]]
        unknown += len(strangers)
        invalid += bad
    sys.stdout.flush()
    warn_of_unread(first, unknown, invalid, rates=len(loaded.base) > 0)


def _number_of(label: str | None, model: Model, path: str) -> int | None:
    """The number of the one label that is asked for, if one is."""
    if label is None:
        return None
    if label not in model.labels:
        raise InputError(
            f"no label {label!r}", place=path, mend="its labels are " + ", ".join(model.labels[:20])
        )
    return model.labels.index(label)
