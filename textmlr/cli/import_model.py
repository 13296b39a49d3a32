"""textmlr import: a model of fastText as a model of textmlr."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from textmlr.base.option_headings import READ
from textmlr.base.printable import to_json
from textmlr.cli.shared_options import check_output, json_option, output_option, quiet_option
from textmlr.cli.verb import Verb, verb_option
from textmlr.corpus.reading_options import LABEL_PREFIX

if TYPE_CHECKING:
    from textmlr.model.model import Model


@click.command("import", cls=Verb)
@click.argument("file", metavar="FILE")
@output_option
@verb_option(
    "--label-prefix",
    heading=READ,
    metavar="PREFIX",
    show_default=LABEL_PREFIX,
    help="Leave this out at the beginning of labels.",
)
@quiet_option
@json_option
def import_model(
    file: str, output: str, label_prefix: str | None, quiet: bool, as_json: bool
) -> None:
    """Take over a model of fastText, with its answers.

    FILE is a supervised model, .bin or .ftz, with any loss.

    \b
    Examples:
      textmlr import lid.bin -o lid.textmlr
      textmlr import topics.ftz -o topics.textmlr --json
    """
    check_output(output, [file])
    from textmlr.model.fasttext import imported_model

    model = imported_model.import_model(file, label_prefix=label_prefix)
    about = {"model": output, "bytes": model.save(output), "from": file, **summary(model)}
    if as_json:
        click.echo(to_json(about))
    elif not quiet:
        _show(about, model)


def summary(model: Model) -> dict[str, Any]:
    """Figures of an imported model, for JSON."""
    own, parts = model.featurizer, model.parts
    assert parts.fasttext is not None
    return {
        "labels": len(model.labels),
        "features": own.columns,
        "hidden_units": parts.layers[0].shape[1],
        "imported": model.info()["imported"],
    }


def _show(about: dict[str, Any], model: Model) -> None:
    from textmlr.base.printable import plain, size_of
    from textmlr.cli.imported_rows import imported_rows
    from textmlr.cli.info import label_row
    from textmlr.cli.terminal import show_rows
    from textmlr.cli.warnings import warn

    file, output = plain(about["from"]), plain(about["model"])
    click.secho(f"Imported {file} as {output}", bold=True)
    sizes = f"{size_of(os.path.getsize(about['from']))} → {size_of(about['bytes'])}"
    show_rows([("file size", sizes), label_row(model.labels, model.record), *imported_rows(model)])
    unset = about["imported"]["unset_rows"]
    if unset:
        warn(f"{file}: {unset:,} features have no numbers in it; they count as 0 here")
