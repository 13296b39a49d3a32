"""textmlr info: what is in a model file, and how it was trained."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from textmlr.base.printable import to_json
from textmlr.cli.model_argument import takes_model
from textmlr.cli.shared_options import json_option
from textmlr.cli.verb import Verb

if TYPE_CHECKING:
    from textmlr.model.model import Model
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
    from textmlr.kernels.jit import run_plain

    run_plain()  # there is nothing to compute
    from textmlr.base.printable import plain, size_of
    from textmlr.cli.terminal import show_rows
    from textmlr.cli.training_summary import fit_rows, ngram_rows, update_rows
    from textmlr.model.model import Model

    loaded = Model.load(model)
    featurizer = loaded.featurizer.options.as_json()
    about = {
        "model": model,
        "bytes": os.path.getsize(model),
        **loaded.info(),
    }
    if as_json:
        click.echo(to_json(about))
        return
    click.secho(plain(model), bold=True)
    size = ("file size", size_of(about["bytes"]))
    if (imported := loaded.record.imported) is not None:
        from textmlr.cli.imported_rows import imported_rows  # few are imported

        source = f"{imported.program}, format version {imported.version}"
        labels = label_row(loaded.labels, loaded.record)
        unknown = ("not known", "its corpus, and how good it was there")
        rows = [*_answer_rows(loaded), *imported_rows(loaded), ("imported from", source), unknown]
        show_rows([size, labels, *rows])
        return
    fitted = [row for row in fit_rows(loaded.record) if row[0] != "weights"]  # told above
    show_rows(
        [
            size,
            label_row(loaded.labels, loaded.record),
            *_answer_rows(loaded),
            ("features", f"{loaded.featurizer.columns:,}"),
            ("weights", _weights(loaded)),
            *corpus_rows(loaded.record),
            *update_rows(loaded.record),
            *ngram_rows(featurizer, loaded.record),
            *fitted,
            *_training_rows(featurizer, loaded.record),
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


def _answer_rows(model: Model) -> list[tuple[str, str]]:
    """The row on the answers of a multi-label model."""
    if (least := model.parts.thresholds) is None:
        return []
    own = f"{100 * least.min():.1f} %"
    if least.max() > least.min():
        own = f"its own threshold, {own} to {100 * least.max():.1f} %"
    return [("answers", f"each label by itself, where its probability reaches {own}")]


def corpus_rows(record: Record) -> list[tuple[str, str]]:
    """The corpus of training, as far as the record tells."""
    from textmlr.corpus.taken_columns import sentences

    rows = _compressed_rows(record)
    if (corpus := record.corpus) is None:
        return rows
    text = f"{corpus.documents:,} documents of " + ", ".join(corpus.files)
    said = sentences(record.taken)
    return [*rows, ("trained on", text), *(("", sentence) for sentence in said)]


def _training_rows(featurizer: dict[str, Any], record: Record) -> list[tuple[str, str]]:
    """The options that were not left as they are by default, and what made the model."""
    from textmlr.base.featurizer_options import FeaturizerOptions
    from textmlr.base.training_options import TrainingOptions

    words = [*_typed(FeaturizerOptions, featurizer), *_typed(TrainingOptions, record.options or {})]
    rows = [("options", " ".join(words) or "as by default")]
    if (versions := record.versions) is not None:
        text = f"textmlr {versions.textmlr}, Unicode {versions.unicode}"
        rows.append(("made by", text))
    return rows


_WEIGHTS = {
    "float32": "float32",
    "float16": "float16, compressed",
    "int8": "int8 times a scale of each feature, compressed",
}


def _weights(model: Model) -> str:
    """The form of θ in the file; of a sparse one, also how many weights there are."""
    if (postings := model.parts.postings) is None:
        return _WEIGHTS[model.parts.storage.dtype]
    return f"{len(postings):,}, where label and feature met, rounded and compressed"


def _compressed_rows(record: Record) -> list[tuple[str, str]]:
    """The row on the model that ``compress`` made this one from, if it did."""
    if record.compressed is None:
        return []
    before = f"{record.compressed.from_features:,}"
    return [("compressed", f"from {before} features; held-out documents judged it before that")]


def _typed(stage: type, options: dict[str, Any]) -> Iterator[str]:
    """Those of a stage's options that are not the default, and the seed, as they are typed."""
    from dataclasses import fields

    from textmlr.cli.value_types import Listed, NumberOrShare, Widths

    for field in fields(stage):
        value = options.get(field.name, field.default)
        value = tuple(value) if isinstance(value, list) else value
        # The n-grams have a row of their own, and may have been chosen.
        usual = value == field.default and field.name not in options.keys() & {"seed"}
        if usual or field.name in ("ngrams", "char_ngrams"):
            continue
        name = field.name.replace("_", "-")
        if isinstance(value, bool):
            yield f"--{name}" if value else f"--no-{name}"
        elif isinstance(value, tuple):
            text = Widths().text(value) if field.name == "hidden" else Listed().text(value)
            yield f"--{name} {text}"
        else:
            text = f"{value:g}" if isinstance(value, float) else value
            if field.name in ("min_df", "max_df"):
                text = NumberOrShare().text(value)
            yield f"--{name} {'none' if value is None else text}"
