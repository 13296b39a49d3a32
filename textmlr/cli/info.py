"""textmlr info: what is in a model file, and how it was trained."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from textmlr.base.printable import to_json
from textmlr.cli.model_argument import takes_model
from textmlr.cli.shared_options import json_option
from textmlr.cli.verb import Verb

if TYPE_CHECKING:
    from textmlr.model.record import Record


@click.command(cls=Verb)
@takes_model()
@json_option
def info(model: str, as_json: bool) -> None:
    """Say what is in a model and how it was trained.

    \b
    Examples:
      textmlr info reviews.textmlr
      textmlr info reviews.textmlr --json
    """
    from dataclasses import asdict

    from textmlr.kernels.jit import run_plain

    run_plain()  # there is nothing to compute
    from textmlr.base.printable import plain, size_of
    from textmlr.cli.terminal import show_rows
    from textmlr.cli.training_summary import fit_rows, ngram_rows, update_rows
    from textmlr.model.model import Model

    loaded = Model.load(model)
    featurizer = asdict(loaded.featurizer.options)
    about = {
        "model": model,
        "bytes": os.path.getsize(model),
        "labels": loaded.labels,
        "features": loaded.featurizer.columns,
        "featurizer": featurizer,
        "storage": loaded.storage.dtype,
        **loaded.record.as_json(),
    }
    if as_json:
        click.echo(to_json(about))
        return
    click.secho(plain(model), bold=True)
    show_rows(
        [
            ("file size", size_of(about["bytes"])),
            label_row(loaded.labels, loaded.record),
            ("features", f"{loaded.featurizer.columns:,}"),
            ("weights", _WEIGHTS[loaded.storage.dtype]),
            *corpus_rows(loaded.record),
            *update_rows(loaded.record),
            *ngram_rows(featurizer, loaded.record),
            *fit_rows(loaded.record),
            ("featurizer", _options(featurizer)),
            *_training_rows(loaded.record),
        ]
    )


def label_row(labels: list[str], record: Record) -> tuple[str, str]:
    """The row of labels: their number, and the first of them with their documents."""
    from textmlr.base.printable import plain

    shown = [plain(label) for label in labels[:12]]
    if record.corpus is not None:
        counts = record.corpus.per_label
        shown = [f"{name} ({count:,})" for name, count in zip(shown, counts, strict=False)]
    more = f" and {len(labels) - 12:,} more" if len(labels) > 12 else ""
    return "labels", f"{len(labels):,}: " + ", ".join(shown) + more


def corpus_rows(record: Record) -> list[tuple[str, str]]:
    """The corpus of training, as far as the record tells."""
    rows = _compressed_rows(record)
    if (corpus := record.corpus) is None:
        return rows
    text = f"{corpus.documents:,} documents of " + ", ".join(corpus.files)
    return [*rows, ("trained on", text)]


def _training_rows(record: Record) -> list[tuple[str, str]]:
    """The options of training, and what made the model; nothing where that is not known."""
    rows = []
    if record.options is not None:
        rows.append(("training", _options(record.options)))
    if (versions := record.versions) is not None:
        text = f"textmlr {versions.textmlr}, Unicode {versions.unicode}"
        rows.append(("made by", text))
    return rows


_WEIGHTS = {
    "float32": "float32",
    "float16": "float16, compressed",
    "int8": "int8 times a scale of each feature, compressed",
}


def _compressed_rows(record: Record) -> list[tuple[str, str]]:
    """The row on the model that ``compress`` made this one from, if it did."""
    if record.compressed is None:
        return []
    before = f"{record.compressed.from_features:,}"
    return [("compressed", f"from {before} features; held-out documents judged it before that")]


def _options(options: dict[str, Any]) -> str:
    from textmlr.cli.value_types import NgramRangeType

    text = NgramRangeType().text
    return ", ".join(
        f"{name}={text(value) if isinstance(value, tuple) else value}"
        for name, value in options.items()
    )
