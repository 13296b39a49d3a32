"""textmlr compress: a model in a smaller file."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from textmlr.base.option_headings import SHRINK, WRITE
from textmlr.base.printable import to_json
from textmlr.cli.model_argument import takes_model
from textmlr.cli.shared_options import (
    check_output,
    config_option,
    corpus_options,
    json_option,
    quiet_option,
    threads_option,
)
from textmlr.cli.value_types import OneOfType, Size
from textmlr.cli.verb import Verb, verb_option
from textmlr.corpus.reading_options import ReadingOptions

if TYPE_CHECKING:
    from textmlr.evaluation.comparison import Comparison
    from textmlr.evaluation.multilabel.multilabel_comparison import MultilabelComparison
    from textmlr.model.model import Model


@click.command(cls=Verb)
@takes_model("corpora", "[CORPUS]...")
@verb_option(
    "-o", "--output", heading=WRITE, required=True, metavar="FILE", help="Small model to write."
)
@verb_option(
    "--max-size",
    heading=SHRINK,
    required=True,
    type=Size(),
    metavar="SIZE",
    help="Size that the file may have, such as 500kB, 2MB or 1MiB.",
)
@verb_option(
    "--dtype",
    heading=SHRINK,
    type=OneOfType(["int8", "float16"]),
    default="int8",
    show_default=True,
    help="int8 stores whole numbers times a scale of each feature; float16 rounds plainly, and has "
    "room for fewer features.",
)
@corpus_options(weights=False)
@threads_option
@quiet_option
@json_option
@config_option
def compress(
    model: str,
    corpora: tuple[str, ...],
    output: str,
    max_size: int,
    dtype: Any,
    reading: ReadingOptions,
    threads: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write a model to a smaller file, with nearly the same answers.

    Features that contribute least to scores are dropped, the weights of the others are rounded, and
    names and weights are compressed. The small model works in every verb, and explains in words.
    A sparse theta has fewer weights: those that say least are dropped.

    \f
    A CORPUS, as for train, that the model has not seen shows the cost: accuracy and log loss before
    and after. It changes nothing in the small model.

    \b
    Examples:
      textmlr compress reviews.textmlr -o small.textmlr --max-size 1MB
      textmlr compress reviews.textmlr test.tsv -o small.textmlr --max-size 500kB
    """
    from textmlr.cli.warnings import warn_of_answers, warn_of_skipped
    from textmlr.corpus.reading import read_corpus
    from textmlr.model.model import Model
    from textmlr.model.model_facts import kept_of, weights_of
    from textmlr.model.small_file.compression import check_size

    check_size(max_size)
    check_output(output, corpora, [model])
    whole = Model.load(model)
    usual = whole.record.taken
    reading = reading.for_model(whole.is_multilabel)
    corpus = read_corpus(corpora, reading, usual=usual) if corpora else None
    if corpus is not None:
        warn_of_skipped([corpus])
    small = _compressed(whole, max_size, dtype, quiet=quiet)
    size = small.save(output)
    result = None
    if corpus is not None:
        from textmlr.evaluation.model_evaluation import compare

        result = compare(whole, small, corpus, threads=threads)
        warn_of_answers(result.answered[0])
    about: dict[str, Any] = {
        "model": output,
        "bytes": size,
        "max_bytes": max_size,
        "features": kept_of(small.parts)["features"],
        "storage": small.parts.storage.dtype,
        "from": {
            "model": model,
            "bytes": os.path.getsize(model),
            "features": kept_of(whole.parts)["features"],
            "storage": whole.parts.storage.dtype,
        },
        "compressed": small is not whole,
    }
    if small.parts.is_sparse:
        for values, model_of in ((about, small), (about["from"], whole)):
            values["weights"] = weights_of(model_of.parts)
    if as_json:
        evaluation = {} if result is None else {"evaluation": result.as_dict()}
        click.echo(to_json(about | evaluation))
    elif not quiet:
        _show(about, result)


def _compressed(model: Model, max_size: int, dtype: Any, *, quiet: bool) -> Model:
    """The compressed model; a terminal shows what is being tried."""
    from textmlr.base.printable import size_of
    from textmlr.model.small_file.compression import compress as make

    if quiet or not sys.stderr.isatty():
        return make(model, max_size, dtype=dtype)
    from rich.console import Console

    with Console(stderr=True).status("compressing…") as status:

        def watch(features: int, size: int) -> None:
            status.update(f"compressing… {features:,} features take {size_of(size)}")

        return make(model, max_size, dtype=dtype, watch=watch)


def _show(about: dict[str, Any], result: Comparison | MultilabelComparison | None) -> None:
    from textmlr.base.printable import plain, size_of
    from textmlr.cli.terminal import show_rows
    from textmlr.evaluation.comparison import Comparison

    before, model = about["from"], plain(about["model"])
    if not about["compressed"]:
        click.secho(f"Copied {plain(before['model'])} to {model}", bold=True)
        click.echo(f"  its {size_of(about['bytes'])} are within {size_of(about['max_bytes'])}")
        return
    click.secho(f"Compressed {plain(before['model'])} to {model}", bold=True)
    rows = [
        ("file size", f"{size_of(before['bytes'])} → {size_of(about['bytes'])}"),
        ("features", f"{before['features']:,} → {about['features']:,}"),
        ("weights", f"{before['storage']} → {about['storage']}"),
    ]
    if "weights" in about:  # those of a sparse θ are stored alike
        rows[-1] = ("weights", f"{before['weights']:,} → {about['weights']:,}")
    if result is not None:
        first = (
            ("accuracy", "accuracy") if isinstance(result, Comparison) else ("micro-F1", "micro_f1")
        )
        for name, side in (first, ("log loss", "log_loss")):
            old, new = getattr(result.a, side), getattr(result.b, side)
            low, high = getattr(result, side).interval
            unit = " nats" if side == "log_loss" else ""
            rows.append(
                (
                    name,
                    f"{old:.4f} → {new:.4f}{unit}: {new - old:+.4f} "
                    f"({low:+.4f} to {high:+.4f}, 95 %)",
                )
            )
        rows.append(("", f"on {result.documents:,} documents"))
    show_rows(rows)
    if result is None:
        click.echo("A CORPUS that the model has not seen would show what it costs in accuracy.")
