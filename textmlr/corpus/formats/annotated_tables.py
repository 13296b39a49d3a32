"""CSV that annotation tools export: its label is a field that may hold several, or none."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

from textmlr.corpus.formats.label_studio import STUDIO_KEYS, min_choices, studio_columns

_DOCCANO = {"id", "label", "Comments"}


class TableExport(NamedTuple):
    """The form of a table that an annotation tool writes.

    shape      its name, with an article
    label      the column of labels
    labels_of  gives the labels in one of its fields; none where nobody has labelled the row
    """

    shape: str
    label: str
    labels_of: Callable[[str], list[str]]


def table_export(columns: Sequence[str]) -> TableExport | None:
    """The export that has these columns, None if it is no tool's.

    >>> table_export("annotation_id annotator created_at id lead_time mood text".split()).label
    'mood'
    >>> table_export(["id", "text", "label", "Comments"]).labels_of("A#B")
    ['A', 'B']
    """
    if {*columns} >= STUDIO_KEYS:
        names = studio_columns(columns)
        return TableExport("a Label Studio export", names[0], _studio) if len(names) == 1 else None
    if {*columns} >= _DOCCANO and {"text", "data"} & {*columns}:
        return TableExport("a doccano export", "label", _joined)
    return None


def _studio(field: str) -> list[str]:
    """Label Studio's: a choice, or JSON of {"choices": [...]} or of a list."""
    if field.startswith(("{", "[")):
        try:
            return [str(one).strip() for one in min_choices(json.loads(field))]
        except (ValueError, RecursionError):
            pass  # a choice that begins so
    return [field] if field else []


def _joined(field: str) -> list[str]:
    """doccano's: A#B."""
    return [one for one in field.split("#") if one]
