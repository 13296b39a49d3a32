"""textmlr info: what is in a model file, and how it was trained."""

from __future__ import annotations

import os
from typing import Any

import click

from textmlr.cli.options import json_option
from textmlr.showing import to_json


@click.command()
@click.argument("model", default="model.textmlr")
@json_option
def info(model: str, as_json: bool) -> None:
    """Say what is in MODEL and how it was trained.

    \b
    Examples:
      textmlr info reviews.textmlr
      textmlr info reviews.textmlr --json
    """
    from dataclasses import asdict

    from textmlr.jit import run_plain

    run_plain()  # there is nothing to compute
    from textmlr.cli.render import fit_rows, ngram_rows, show_rows, size_of, update_rows
    from textmlr.model import Model
    from textmlr.showing import plain

    loaded = Model.load(model)
    featurizer = asdict(loaded.featurizer.options)
    about = {
        "model": model,
        "bytes": os.path.getsize(model),
        "labels": loaded.labels,
        "features": loaded.featurizer.columns,
        "featurizer": featurizer,
        "storage": loaded.storage.dtype,
        **loaded.record,
    }
    if as_json:
        click.echo(to_json(about))
        return
    corpus = loaded.record["corpus"]
    per_label = dict(zip(loaded.labels, corpus["per_label"], strict=True))
    shown = [f"{plain(label)} ({count:,})" for label, count in list(per_label.items())[:12]]
    more = f" and {len(per_label) - 12:,} more" if len(per_label) > 12 else ""
    versions = loaded.record["versions"]
    click.secho(plain(model), bold=True)
    show_rows(
        [
            ("file size", size_of(about["bytes"])),
            ("labels", f"{len(loaded.labels):,}: " + ", ".join(shown) + more),
            ("features", f"{loaded.featurizer.columns:,}"),
            ("weights", _WEIGHTS[loaded.storage.dtype]),
            *_compressed_rows(about),
            ("trained on", f"{corpus['documents']:,} documents of " + ", ".join(corpus["files"])),
            *update_rows(loaded.record),
            *ngram_rows(featurizer, loaded.record),
            *fit_rows(loaded.record),
            ("featurizer", _options(featurizer)),
            ("training", _options(loaded.record["options"])),
            ("made by", f"textmlr {versions['textmlr']}, Unicode {versions['unicode']}"),
        ]
    )


_WEIGHTS = {
    "float32": "float32",
    "float16": "float16, compressed",
    "int8": "int8 times a scale of each feature, compressed",
}


def _compressed_rows(about: dict[str, Any]) -> list[tuple[str, str]]:
    """What ``compress`` made it of."""
    if (compressed := about.get("compressed")) is None:
        return []
    before = f"{compressed['from_features']:,}"
    return [("compressed", f"from {before} features; what was held out judged it before that")]


def _options(options: dict[str, Any]) -> str:
    from textmlr.cli.options import show_range

    return ", ".join(
        f"{name}={show_range(value) if isinstance(value, tuple) else value}"
        for name, value in options.items()
    )
