"""Columns of Arrow's tables: fields, and those within structs, called as data.text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

_DEEPEST = 4  # structs within each other


class ArrowColumn(NamedTuple):
    """A column of a table.

    name  the names of its fields, with dots between
    top   number of the table's field that it is, or lies in
    path  the names of the fields within that
    kind  its type
    """

    name: str
    top: int
    path: tuple[str, ...]
    kind: pa.DataType

    def values(self, field: pa.Array) -> pa.Array:
        """The values of the column in those of its field; null where a struct is."""
        return pc.struct_field(field, list(self.path)) if self.path else field


def columns_of(schema: pa.Schema) -> list[ArrowColumn]:
    """The columns of a schema, in order; those in a struct stand in its place.

    What lies in a struct is left out where a field is called so.

    >>> inner = pa.struct([("text", pa.string()), ("lang", pa.string())])
    >>> [one.name for one in columns_of(pa.schema([("id", pa.int64()), ("data", inner)]))]
    ['id', 'data.text', 'data.lang']
    """
    found: list[ArrowColumn] = []

    def enter(name: str, top: int, path: tuple[str, ...], kind: pa.DataType) -> None:
        if pa.types.is_struct(kind) and kind.num_fields and len(path) < _DEEPEST:
            for i in range(kind.num_fields):
                inner = kind.field(i)
                enter(f"{name}.{inner.name}", top, (*path, inner.name), inner.type)
        elif not path or name not in schema.names:
            found.append(ArrowColumn(name, top, path, kind))

    for top, field in enumerate(schema):
        enter(field.name, top, (), field.type)
    return found


def class_names(
    metadata: dict[bytes, bytes] | None, features: Mapping[str, Any] | None, column: ArrowColumn
) -> list[str] | None:
    """Names that Hugging Face's datasets library keeps for numbered labels; None for others.

    metadata  of the schema
    features  the types of the columns, where the folder of the file says them
    """
    top = column.name[: len(column.name) - sum(len(one) + 1 for one in column.path)]
    try:
        feature: Any = features
        if feature is None:
            feature = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        for key in (top, *column.path):
            feature = feature[key]
        names = names_in(feature)
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return names


def names_in(feature: Any) -> list[str] | None:
    """The names of a ClassLabel, or of a list of them, as datasets writes it."""
    if isinstance(feature, list) and len(feature) == 1:
        feature = feature[0]
    names = feature.get("names") if isinstance(feature, dict) else None
    if names is None and isinstance(feature, dict) and isinstance(feature.get("feature"), dict):
        names = feature["feature"].get("names")
    whole = isinstance(names, list) and all(isinstance(name, str) and name for name in names)
    return names if whole else None
