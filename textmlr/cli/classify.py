"""textmlr classify: P(Y=label | x) of documents, or of all of a corpus, into a file."""

from __future__ import annotations

from dataclasses import dataclass, fields

import click

from textmlr.base.errors import InputError
from textmlr.base.option_headings import READ, WRITE
from textmlr.cli.answers import ALL, AnswerChoice, choice_options
from textmlr.cli.document_file import given_documents, text_option
from textmlr.cli.model_argument import takes_model
from textmlr.cli.shared_options import (
    check_output,
    config_option,
    corpus_options,
    json_option,
    quiet_option,
    refuse_without_corpora,
    threads_option,
)
from textmlr.cli.stage_options import one_value
from textmlr.cli.value_types import OneOfType
from textmlr.cli.verb import Verb, verb_option
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.export.predictions.prediction_file import FORMATS, PredictionFile


@dataclass(frozen=True)
class CorpusTarget:
    """Corpora to classify, the file for the predictions, and which columns it gets besides."""

    corpora: tuple[str, ...]
    output: str | None
    output_format: str | None
    prefix: str | None
    each_label: bool
    quiet: bool


target_options = one_value(
    "target",
    [field.name for field in fields(CorpusTarget)],
    CorpusTarget,
    [
        verb_option(
            "--corpus",
            "corpora",
            heading=READ,
            multiple=True,
            metavar="CORPUS",
            help="Classify every document of a corpus; its columns and the answers go to -o.",
        ),
        verb_option(
            "-o",
            "--output",
            heading=WRITE,
            metavar="FILE",
            help="With --corpus: the file to write, .parquet, .arrow, .csv, .tsv or .jsonl, or - "
            "for stdout.",
        ),
        verb_option(
            "--output-format",
            heading=WRITE,
            type=OneOfType(FORMATS),
            show_default="by the ending of FILE's name",
            help="With -o: the format of FILE.",
        ),
        verb_option(
            "--prefix",
            heading=WRITE,
            metavar="NAME",
            help="With -o: begin the names of new columns with NAME.",
        ),
        verb_option(
            "--each-label",
            heading=WRITE,
            is_flag=True,
            help="With -o: add a column P(LABEL) for each label, too.",
        ),
        quiet_option,
    ],
)


@click.command(cls=Verb)
@takes_model("documents", "[DOC]...")
@text_option
@verb_option(
    "--lines", heading=READ, metavar="FILE", help="Each line of FILE is a document (- is stdin)."
)
@choice_options
@target_options
@corpus_options(weights=False, labelled=False, lines=True)
@threads_option
@json_option
@config_option
def classify(
    model: str,
    documents: tuple[str, ...],
    texts: tuple[str, ...],
    lines: str | None,
    choice: AnswerChoice,
    target: CorpusTarget,
    reading: ReadingOptions,
    threads: int | None,
    as_json: bool,
) -> None:
    """Say how likely each label is, for each document.

    Each DOC is one document, whole; - or nothing reads standard input. --text gives the words
    themselves.

    A terminal gets the ten likeliest labels, with bars, or three of each of several documents;
    --top all shows all. A pipe gets lines label<TAB>probability of all labels, the likeliest first,
    with a blank line between documents. --json prints one object for each document. Of more than
    1,000 labels each gets the five likeliest.
    \f

    A multi-label model answers with the labels whose probability is at least their threshold, which
    training chose; a terminal shows the next ones in grey. A pipe gets a line "no label", with the
    probability of the likeliest, where there is none. --json gives a list, labels. --top K gives
    the K likeliest instead, --at-least-one the likeliest where there would be none, and
    --min-probability P no label below P.

    With --min-probability P, the answer is "unsure" where no label has probability P. Its line
    comes first, with the probability of the likeliest label; with --top 1 it is the only line.
    "textmlr evaluate" tells how many answers remain at each P, and how good they are.

    --corpus CORPUS -o FILE reads a corpus of any size piece by piece, and writes its own columns
    and, after them, predicted and probability. --top K adds predicted_2, probability_2 and so on
    to K; --label LABEL gives only P(LABEL). With --min-probability P, predicted is null where no
    label has probability P; --top then adds predicted_1, the likeliest label all the same. With a
    multi-label model predicted and probability are lists, in CSV and TSV joined by |. --json prints
    a summary. A corpus is as for train, but needs no labels; a file whose name does not tell its
    format is read as one document a line.

    \b
    Examples:
      textmlr classify doc.txt
      textmlr classify reviews.textmlr doc.txt --top all
      textmlr classify --text "a robot in orbit" --label scifi
      textmlr classify --lines reviews.txt --top 1 > answers.tsv
      textmlr classify --lines reviews.txt --top 1 --min-probability 0.9 > a.tsv
      textmlr classify --corpus reviews.parquet -o answers.parquet
      textmlr classify --corpus a.csv --corpus b.csv -o answers.jsonl.gz --top 3
    """
    if choice.label is not None:
        excluded = {
            "--top": choice.top,
            "--min-probability": choice.min_probability,
            "--each-label": target.each_label or None,
            "--at-least-one": choice.at_least_one or None,
        }
        for option, value in excluded.items():
            if value is not None:
                raise click.UsageError(f"--label and {option} exclude each other")
    if choice.at_least_one and choice.top is not None and not target.corpora:
        raise click.UsageError("--top and --at-least-one exclude each other")
    if choice.at_least_one and choice.min_probability is not None:
        raise click.UsageError("--min-probability and --at-least-one exclude each other")
    if target.corpora:
        if documents or texts or lines is not None:
            raise click.UsageError(
                "give documents, --text, --lines FILE or --corpus CORPUS (--corpus before each of "
                "several)"
            )
        _classify_corpora(model, choice, target, reading, threads, as_json)
        return
    refuse_without_corpora(CorpusTarget, ReadingOptions)
    if lines is not None and (documents or texts):
        raise click.UsageError("give documents, --text or --lines FILE, not several of them")

    from textmlr.cli.classify_documents import classify_documents, classify_lines

    if lines is not None:
        classify_lines(model, lines, choice, threads, as_json, reading=reading)
    else:
        given = given_documents(documents, texts, reading.encoding)
        classify_documents(model, given, choice, threads, as_json)


def _classify_corpora(
    model: str,
    choice: AnswerChoice,
    target: CorpusTarget,
    reading: ReadingOptions,
    threads: int | None,
    as_json: bool,
) -> None:
    """Write the predictions for corpora to a file."""
    if target.output is None:
        raise click.UsageError("--corpus needs -o FILE, where the answers go")
    if as_json and target.output == "-":
        raise click.UsageError("--json and -o - would both write to stdout")
    written = PredictionFile.of(target.output, target.output_format)

    from textmlr.cli.classify_corpus import classify_corpus
    from textmlr.corpus.reading import scan
    from textmlr.export.predictions.prediction_columns import MOST_COLUMNS, ColumnChoice
    from textmlr.model.model import Model

    if target.output != "-":
        check_output(target.output, target.corpora, [model])
    loaded = Model.load(model)
    choice.column(loaded, model)
    choice.of_sets(loaded, model)
    labels = len(loaded.labels)
    top = labels if choice.top == ALL else choice.top
    if labels > MOST_COLUMNS and (target.each_label or (top or 1) > MOST_COLUMNS):
        asked = "--each-label" if target.each_label else f"--top {choice.top}"
        raise InputError(
            f"{asked}: the model has {labels:,} labels, and a file may have columns of "
            f"{MOST_COLUMNS:,}",
            place=model,
            mend="take the likeliest by --top 5, or one of them by --label LABEL",
        )
    columns = ColumnChoice(
        target.prefix or "",
        top,
        choice.min_probability,
        choice.label,
        target.each_label,
        choice.at_least_one,
    )
    classify_corpus(
        loaded,
        scan(
            target.corpora,
            reading.for_model(loaded.is_multilabel),
            labelled=False,
            usual=loaded.record.taken,
            nulls=True,
        ),
        written,
        columns,
        paths=target.corpora,
        reading=reading,
        threads=threads,
        as_json=as_json,
        quiet=target.quiet,
    )
