"""A featurizer in three lines: its size, its options and its use."""

from __future__ import annotations

from dataclasses import fields

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.option_errors import shown as shown_value
from textmlr.base.printable import plural

_ALWAYS = ("ngrams", "char_ngrams")  # said even where they are the default


def shown(options: FeaturizerOptions, columns: int | None, documents: int) -> str:
    """What a repr says.

    columns    V, None where there is no vocabulary
    documents  of fit, 0 before
    """
    usual = FeaturizerOptions()
    own = [
        f"{field.name}={shown_value(getattr(options, field.name))}"
        for field in fields(options)
        if field.name in _ALWAYS or getattr(options, field.name) != getattr(usual, field.name)
    ]
    if options.hash_bits is not None:
        columns = 1 << options.hash_bits
    size = "" if columns is None else f" of {plural(columns, 'feature')}"
    if documents:
        state, use = f", fitted to {plural(documents, 'document')}", "transform(texts)"
    elif options.needs_no_fit:
        state, use = ", which needs no fit", "transform(texts)"
    else:
        state, use = ", not fitted yet", "fit(texts)"
    names = "" if options.hash_bits is not None else ", featurizer.feature_names()"
    return (
        f"Featurizer{size}{state}\noptions: {', '.join(own)}\n"
        f"use it: featurizer.{use}{names if documents else ''}"
    )
