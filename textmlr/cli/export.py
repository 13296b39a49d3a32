"""textmlr export: a model in a form that other programs run."""

from __future__ import annotations

import os
from typing import Any

import click

from textmlr.base.option_headings import WRITE
from textmlr.base.printable import plain
from textmlr.cli.model_argument import takes_model
from textmlr.cli.shared_options import json_option, quiet_option
from textmlr.cli.value_types import OneOfType
from textmlr.cli.verb import Verb, verb_option

MOST_OF_A_STRING = 0x1FFFFFE8  # characters, of V8
FORMS = ("json", "onnx")


@click.command(cls=Verb, renamed={"--format": "--output-format"})
@takes_model()
@verb_option(
    "--output-format",
    "form",
    heading=WRITE,
    type=OneOfType(FORMS),
    show_default="by the ending of FILE's name",
    help="json is a dictionary of weights, onnx a graph from ids to P.",
)
@verb_option(
    "-o",
    "--output",
    heading=WRITE,
    metavar="FILE",
    show_default="with --output-format: MODEL's name with .json or .onnx",
    help="File to write.",
)
@verb_option(
    "--scorer",
    heading=WRITE,
    metavar="FILE",
    help="With json: also write scorer.js, which answers in a page or in node.",
)
@quiet_option
@json_option
def export(
    model: str,
    form: str | None,
    output: str | None,
    scorer: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write a model in a form that other programs run.

    JSON has the labels and the weights of every feature by its name, for programs of your own;
    --scorer adds JavaScript that answers with it. ONNX is for runtimes that know it.

    \f
    JSON is one object with labels, options and weights; its "about" says how to answer with it.
    scorer.js does so, in pages and in node.

    ONNX is a graph for ONNX runtimes, from feature ids and values to scores, log z and
    probabilities. It needs the package onnx (pip install onnx).

    \b
    Examples:
      textmlr export reviews.textmlr -o reviews.json --scorer scorer.js
      textmlr export reviews.textmlr -o reviews.onnx
    """
    form = form or _form_of(output)
    if scorer is not None and form != "json":
        raise click.UsageError("--scorer is for --output-format json")
    output = output or os.path.splitext(model)[0] + "." + form
    if os.path.realpath(output) == os.path.realpath(model):
        raise click.UsageError(f"{output} is the model itself: name another file with -o")
    if scorer is not None and os.path.realpath(scorer) == os.path.realpath(output):
        raise click.UsageError("--scorer and --output name one file")
    from textmlr.base.whole_files import check_writable

    for path in (output, scorer):
        if path is not None:
            check_writable(path, [model])
    from textmlr.cli.terminal import print_summary
    from textmlr.cli.warnings import warn
    from textmlr.model.model import Model

    loaded = Model.load(model)
    if form == "json":
        from textmlr.export.json import export_json

        size = export_json(loaded, output, scorer)
    else:
        from textmlr.export.onnx import export_onnx

        size = export_onnx(loaded, output)
    about = {
        "model": model,
        "format": form,
        "file": output,
        "bytes": size,
        "labels": len(loaded.labels),
        "features": loaded.parts.rows,
        "scorer": scorer,
    }
    print_summary(about, _show, quiet=quiet, as_json=as_json)
    if form == "json" and size > MOST_OF_A_STRING:
        warn(
            f"{plain(output)} is larger than a string may be in node and Chromium (512 MB); keep "
            "fewer features (--max-features, --min-df) for JavaScript"
        )


def _show(about: dict[str, Any]) -> None:
    from textmlr.base.printable import size_of
    from textmlr.cli.terminal import show_rows

    click.secho(f"Exported {plain(about['file'])}", bold=True)
    rows = [
        ("labels", f"{about['labels']:,}"),
        ("features", f"{about['features']:,}"),
        ("file size", size_of(about["bytes"])),
    ]
    if about["scorer"] is not None:
        rows.append(("scorer", plain(about["scorer"])))
    show_rows(rows)


def _form_of(output: str | None) -> str:
    """The format that the ending of a file's name says.  Raises UsageError if it says none."""
    ending = os.path.splitext(output or "")[1].lower()[1:]
    if ending not in FORMS:
        raise click.UsageError(
            "name a file that ends in .json or .onnx (-o), or give --output-format"
        )
    return ending
