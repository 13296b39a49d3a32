"""textmlr featurize: f(x) of a corpus, as a file that other programs learn from."""

from __future__ import annotations

import copy
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, get_args

import click

from textmlr.base.featurizer_options import WORDS, FeaturizerOptions
from textmlr.base.printable import to_json
from textmlr.cli.arguments import (
    check_output,
    corpus_options,
    given,
    json_option,
    threads_option,
)
from textmlr.cli.train import train
from textmlr.corpus.reading_options import CorpusFormat, ReadingOptions
from textmlr.export.matrices.matrix_file import FORMATS, MatrixFile

if TYPE_CHECKING:
    from textmlr.export.matrices.matrix_file import MatrixSummary
    from textmlr.features.featurizer import Featurizer

# What options of train mean here, where no model is trained.
OWN_DEFAULTS = {
    "ngrams": f"{WORDS[0]}-{WORDS[1]}",
    "char_ngrams": "none",
    "idf": "idf; no-idf with --hash-bits",
}


class MatrixFormat(click.Choice[str]):
    """A form of what is written; for one of a corpus it says which option that is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The form."""
        if value in get_args(CorpusFormat):
            self.fail(f"{value!r} is a form of corpora: --corpus-format {value}", param, ctx)
        return super().convert(value, param, ctx)


@click.command()
@click.argument("corpora", nargs=-1, required=True, metavar="CORPUS...")
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    help="File to write: .npz, .svm or .vw, or - for stdout (not .npz).",
)
@click.option(
    "--format",
    "output_format",
    type=MatrixFormat(FORMATS),
    show_default="what FILE's name ends in",
    help="Of FILE.",
)
@click.option(
    "--zero-based",
    is_flag=True,
    help="Count the indices of svmlight from 0, not from 1 as liblinear does.",
)
@click.option("-m", "--model", metavar="FILE", help="Features of a model, in place of fitting.")
@click.option("--no-labels", is_flag=True, help="Read no labels: the corpus may have none.")
@corpus_options(weights=True)
@threads_option
@json_option
@click.pass_context
def featurize(
    context: click.Context,
    /,
    corpora: tuple[str, ...],
    output: str,
    output_format: str | None,
    zero_based: bool,
    model: str | None,
    no_labels: bool,
    reading: ReadingOptions,
    threads: int | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Write the features of CORPUS to a file, for other programs to learn from.

    A vocabulary is fitted on CORPUS, or, with --hash-bits, none is needed; with -m the features
    are those of a model, and of a corpus of any size.  Options are those of train, but nothing is
    tried: n-grams are words and pairs of words unless you say otherwise.  --no-bias leaves out the
    column that is always 1, for programs that add their own.

    .npz is what scipy.sparse.load_npz reads; beside the matrix lie y (codes), labels (what they
    stand for), weights and features (names, a line each).  svmlight, for liblinear and XGBoost,
    counts labels from 0; vw from 1, as --oaa wants.  FILE.labels says what they stand for, and
    FILE.features what the indices of svmlight do.

    \b
    Examples:
      textmlr featurize reviews.tsv -o X.npz
      textmlr featurize reviews.tsv -o train.svm --no-bias --min-df 2
      textmlr featurize test.tsv -m reviews.textmlr -o test.svm
      textmlr featurize big.parquet --hash-bits 20 -o - --format vw | vw --oaa 5
    """
    written = MatrixFile.of(output, output_format, zero_based=zero_based)
    if as_json and output == "-":
        raise click.UsageError("--json and -o - would both write to stdout")
    if no_labels and reading.label_column is not None:
        raise click.UsageError("--no-labels and --label-column exclude each other")
    options = _options(context, model, chosen)

    from textmlr.cli.warnings import warn_of_invalid, warn_of_skipped
    from textmlr.corpus.notes import ReadingNotes
    from textmlr.corpus.reading import scan
    from textmlr.export.matrices.matrix_file import files_of, write_matrix
    from textmlr.export.matrices.matrix_parts import fit, transform
    from textmlr.features.featurizer import Featurizer

    if output != "-":
        for path in files_of(written):
            check_output(path, corpora, [model])
    began = time.perf_counter()
    notes = ReadingNotes()
    chunks = notes.watch(scan(corpora, reading, labelled=not no_labels, tables=False))
    if model is not None:
        from textmlr.model.model import Model

        loaded = Model.load(model)
        featurizer, labels = loaded.featurizer, loaded.labels
        parts = transform(featurizer, chunks, labels, threads)
    else:
        featurizer = Featurizer(options)
        part, labels = fit(featurizer, chunks, threads)
        parts = iter([part])
    names = None
    if featurizer.options.hash_bits is None:
        names = featurizer.feature_names()
    done = write_matrix(
        written, parts, labels=None if no_labels else labels, names=names, threads=threads
    )
    warn_of_skipped([notes])
    warn_of_invalid(done.invalid)
    seconds = time.perf_counter() - began
    shown_labels = None if no_labels else labels
    if as_json:
        summary = asdict(done) | {
            "columns": featurizer.columns,
            "labels": shown_labels,
            "featurizer": asdict(featurizer.options),
            "seconds": round(seconds, 3),
        }
        click.echo(to_json(summary))
    else:
        _show(done, featurizer, shown_labels, seconds)


def _options(
    context: click.Context, model: str | None, chosen: dict[str, Any]
) -> FeaturizerOptions:
    """The options of a featurizer that is to be fitted.  None may be given with a model."""
    own = [p for p in context.command.params if p.name in chosen and given(p.name)]
    if model is not None and own:
        raise click.UsageError(
            f"{own[0].opts[0]} and --model exclude each other: a model has features of its own"
        )
    return FeaturizerOptions(**chosen | {"norm": None if chosen["norm"] == "none" else "l2"})


def _show(
    done: MatrixSummary, featurizer: Featurizer, labels: list[str] | None, seconds: float
) -> None:
    """A summary, on stderr: stdout may be where the lines go."""
    from textmlr.base.printable import plain
    from textmlr.cli.tables import show_ngrams, show_rows

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


def _like_train(option: click.Parameter) -> click.Parameter:
    """The same option, with what it means where no model is trained."""
    own = copy.copy(option)
    if isinstance(own, click.Option) and own.name in OWN_DEFAULTS:
        own.show_default = OWN_DEFAULTS[own.name]
    return own


# --format, which other verbs have for the form of the corpus, is here that of what is written.
_corpus_format = click.Option(
    ["--corpus-format", "format"],
    type=click.Choice(get_args(CorpusFormat)),
    show_default="by ending, or the first bytes",
    help="What the corpus's files are.",
)
featurize.params[:] = [
    _corpus_format if option.name == "format" else option for option in featurize.params
]
featurize.params += [
    _like_train(option)
    for option in train.params
    if option.name in FeaturizerOptions.__dataclass_fields__
]
