"""textmlr featurize: f(x) of a corpus, in a file for other programs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.option_headings import COUNTED, LEARN, READ, WRITE
from textmlr.base.printable import to_json
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
from textmlr.cli.stage_options import one_value, stages_options
from textmlr.cli.value_types import OneOfType
from textmlr.cli.verb import Verb, verb_option
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.export.matrices.matrix_file import FORMATS, MatrixFile

if TYPE_CHECKING:
    from textmlr.corpus.chunks import Chunk
    from textmlr.export.matrices.matrix_file import MatrixSummary
    from textmlr.export.matrices.matrix_parts import MatrixPart
    from textmlr.features.featurizer import Featurizer
    from textmlr.model.model import Model


@click.command(cls=Verb, renamed={"--corpus-format": "--format"})
@takes_model(
    "corpora",
    "CORPUS...",
    required=True,
    usual=False,
    help="Take the features of this model; fit none.",
)
@one_value(
    "written",
    ("output", "output_format", "zero_based"),
    lambda output, output_format, zero_based: MatrixFile.of(
        output, output_format, zero_based=zero_based
    ),
    [
        verb_option(
            "-o",
            "--output",
            heading=WRITE,
            required=True,
            metavar="FILE",
            help="File to write: .npz, .svm or .vw, or - for stdout (not .npz).",
        ),
        verb_option(
            "--output-format",
            "output_format",
            heading=WRITE,
            type=OneOfType(FORMATS),
            show_default="by the ending of FILE's name",
            help="Format of FILE.",
        ),
        verb_option(
            "--zero-based",
            heading=WRITE,
            is_flag=True,
            help="Count the indices of svmlight from 0, not from 1 as liblinear does.",
        ),
    ],
)
@verb_option(
    "--no-labels", heading=READ, is_flag=True, help="Read no labels; the corpus may have none."
)
@stages_options(
    "options",
    (FeaturizerOptions,),
    shown=lambda own: own.alone or own.unset,
    headings={LEARN: COUNTED},
)
@corpus_options(weights=True, lines=True)
@threads_option
@quiet_option
@json_option
@config_option
def featurize(
    corpora: tuple[str, ...],
    written: MatrixFile,
    model: str | None,
    no_labels: bool,
    reading: ReadingOptions,
    threads: int | None,
    quiet: bool,
    as_json: bool,
    options: FeaturizerOptions,
) -> None:
    """Write the features of CORPUS to a file, for other programs.

    The features are those of CORPUS, or with -m those of a model. Options are as for train, but
    nothing is tried: n-grams are words and pairs of words by default.

    \f
    A vocabulary is fitted on CORPUS; with --hash-bits none is needed. With -m, CORPUS may be of
    any size. --no-bias leaves out the column that is always 1, for programs that add their own.

    scipy.sparse.load_npz reads .npz; beside the matrix it holds y (codes), labels (their names),
    weights and features (names, one a line). svmlight, for liblinear and XGBoost, counts labels
    from 0; vw counts them from 1, as --oaa wants. FILE.labels names the labels, and FILE.features
    the indices of svmlight. Several labels of a document stand as 0,2 in svmlight, and in vw as
    --multilabel_oaa wants; .npz holds them as y_indptr and y_indices, of CSR.

    \b
    Examples:
      textmlr featurize reviews.tsv -o X.npz
      textmlr featurize reviews.tsv -o train.svm --no-bias --min-df 2
      textmlr featurize test.tsv -m reviews.textmlr -o test.svm
      textmlr featurize a.tsv --hash-bits 20 -o - --output-format vw | vw --oaa 5
    """
    output = written.path
    if as_json and output == "-":
        raise click.UsageError("--json and -o - would both write to stdout")
    if no_labels and reading.label_column is not None:
        raise click.UsageError("--no-labels and --label-column exclude each other")
    if model is not None:
        _check_no_options()

    from textmlr.cli.warnings import warn_of, warn_of_invalid, warn_of_skipped
    from textmlr.corpus.notes import ReadingNotes
    from textmlr.corpus.reading import scan
    from textmlr.export.matrices.matrix_file import files_of, write_matrix
    from textmlr.training.training_notes import featurizer_notes

    if output != "-":
        for path in files_of(written):
            check_output(path, corpora, [model])
    began = time.perf_counter()
    notes = ReadingNotes()
    loaded = None if model is None else _loaded(model)
    usual = () if loaded is None else loaded.record.taken
    if loaded is not None:
        reading = reading.for_model(loaded.is_multilabel)
    chunks = scan(corpora, reading, labelled=not no_labels, tables=False, usual=usual)
    watched = notes.watch(_whole(chunks) if loaded is None else chunks)
    featurizer, labels, parts = _featurized(watched, loaded, options, threads)
    names = None
    if featurizer.options.hash_bits is None:
        names = featurizer.feature_names()
    done = write_matrix(
        written, parts, labels=None if no_labels else labels, names=names, threads=threads
    )
    warn_of_skipped([notes])
    warn_of_invalid(done.invalid)
    if model is None:
        warn_of(featurizer_notes(featurizer.options))
    seconds = time.perf_counter() - began
    shown_labels = None if no_labels else labels
    if as_json:
        summary = asdict(done) | {
            "columns": featurizer.columns,
            "labels": shown_labels,
            "featurizer": featurizer.options.as_json(),
            "seconds": round(seconds, 3),
        }
        click.echo(to_json(summary))
    elif not quiet:
        _show(done, featurizer, shown_labels, seconds)


def _loaded(path: str) -> Model:
    from textmlr.model.model import Model

    return Model.load(path)


def _whole(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """The chunks of a corpus that is held as a whole: with label sets, or without documents that
    have no label, as all of them show."""
    from textmlr.corpus.chunks import settled

    yield from settled(list(chunks))


def _featurized(
    chunks: Iterable[Chunk], model: Model | None, options: FeaturizerOptions, threads: int | None
) -> tuple[Featurizer, list[str], Iterator[MatrixPart]]:
    """The featurizer of a model, or one that is fitted on the chunks; labels; and f(x) in parts."""
    from textmlr.export.matrices.matrix_parts import fit, transform
    from textmlr.features.featurizer import Featurizer

    if model is not None:
        parts = transform(model.featurizer, chunks, model.labels, threads)
        return model.featurizer, model.labels, parts
    featurizer = Featurizer(options)
    part, labels = fit(featurizer, chunks, threads)
    return featurizer, labels, iter([part])


def _check_no_options() -> None:
    """Raise UsageError if options of a featurizer were given, which a model has already."""
    for parameter in click.get_current_context().command.params:
        name = str(parameter.name)
        if name in FeaturizerOptions.__dataclass_fields__ and given(name):
            raise click.UsageError(
                f"{parameter.opts[0]} and --model exclude each other: a model has its own features"
            )


def _show(
    done: MatrixSummary, featurizer: Featurizer, labels: list[str] | None, seconds: float
) -> None:
    """A summary, on stderr, since stdout may get the lines."""
    from textmlr.base.ngram_lengths import show_ngrams
    from textmlr.base.printable import plain
    from textmlr.cli.terminal import show_rows

    where = "standard output" if done.files[0] == "-" else done.files[0]
    click.secho(f"Wrote {plain(where)}", bold=True, err=True)
    options = featurizer.options
    kind = "columns" if options.hash_bits is not None else "features"
    rows = [
        ("documents", f"{done.documents:,}"),
        (kind, f"{featurizer.columns:,}" + (", the first always 1" if options.bias else "")),
        ("non-zeros", f"{done.nonzeros:,}"),
        ("n-grams", show_ngrams(options.word_range, options.char_range)),
    ]
    if labels is not None:
        codes = [f"{code} {plain(label)}" for code, label in enumerate(labels, done.first_code)]
        more = f" and {len(codes) - 10:,} more" if len(codes) > 10 else ""
        rows.append(("labels", ", ".join(codes[:10]) + more))
    if done.files[1:]:
        rows.append(("beside it", plain(", ".join(done.files[1:]))))
    rows.append(("seconds", f"{seconds:.1f}"))
    show_rows(rows, err=True)
