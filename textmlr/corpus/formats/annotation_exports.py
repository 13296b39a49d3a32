"""Exports of annotation tools, known by their keys: where each has the text, and the labels.

Label Studio, doccano, Prodigy, spaCy's cats and Argilla.  A row that nobody has labelled, or
that was cancelled, rejected, ignored or discarded, has no labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textmlr.base.option_mentions import mention
from textmlr.corpus.formats.annotated_rows import Export, Row, Votes, listed
from textmlr.corpus.formats.argilla import argilla, argilla_1, argilla_flat
from textmlr.corpus.formats.label_studio import studio, studio_min
from textmlr.corpus.nested_keys import MISSING, reach
from textmlr.corpus.taken_columns import ANSWERS, Taken

LOOKED_AT = 1000  # rows at the beginning of a file, by which an export is known


def rows_in(value: Any) -> list[Any]:
    """The rows that one value of a file holds: itself, unless it is spaCy's.

    >>> rows_in(["a fox", {"cats": {"A": 1}}])
    [{'text': 'a fox', 'cats': {'A': 1}}]
    """
    if isinstance(value, list) and len(value) == 2:
        text, rest = value
        if isinstance(text, str) and isinstance(rest, dict) and "cats" in rest:
            return [{"text": text, **rest}]
    if isinstance(value, dict) and isinstance(value.get("paragraphs"), list):
        inner = value["paragraphs"]
        if inner and all(isinstance(one, dict) and "raw" in one and "cats" in one for one in inner):
            return [{"text": one["raw"], "cats": one["cats"]} for one in inner]
    return [value]


def export_of(rows: Sequence[Row], wanted: str | None) -> Export | None:
    """The export whose first rows these are, None if they are no tool's.

    wanted  the name of the label, None if it is not said
    """
    rows = rows[:LOOKED_AT]
    if not rows:
        return None
    for known in (studio, studio_min, _prodigy, _cats, argilla, argilla_1, argilla_flat):
        if (found := known(rows, wanted)) is not None:
            return found
    return _doccano(rows, wanted)


def wanted_export(rows: Sequence[Row], label: str | None, usual: Sequence[Taken]) -> Export | None:
    """The export whose first rows these are, if its labels are wanted.

    label  the name of the label, None if it is not said
    usual  what a model was trained on
    """
    if label is None:
        names = (one.label for one in usual)
        label = next((name for name in names if name and _has_label(rows, name)), None)
    export = export_of(rows, label)
    return export if export is not None and export.is_label(label) else None


def _has_label(rows: Sequence[Row], name: str) -> bool:
    """Whether rows have labels of a name, in a column or as the tool has them."""
    export = export_of(rows, name)
    known = export is not None and export.is_label(name)
    return known or any(reach(row, name) is not MISSING for row in rows[:LOOKED_AT])


def _prodigy(rows: Sequence[Row], wanted: str | None) -> Export | None:
    """Prodigy's: options and those accepted, or one label, accepted or rejected; and an answer."""
    if not all(row.get("answer") in ANSWERS for row in rows):
        return None
    shape = "a Prodigy export"
    if wanted == "answer":
        return Export(
            shape,
            ["text"],
            "answer",
            lambda row: None if row.get("answer") == "ignore" else [[row.get("answer")]],
        )
    if any(isinstance(row.get("options"), list) for row in rows):
        return Export(shape, ["text"], "accept", _accepted)
    labels = list(dict.fromkeys(str(row["label"]) for row in rows if row.get("label") is not None))
    if not labels:
        return None
    refusal = None
    if len(labels) == 1:
        columns = listed(key for row in rows[:10] for key in row)
        refusal = (
            f"a Prodigy export of answers, accept or reject, to one label, {labels[0]!r}",
            f"train on the answers with {mention('label_column', 'answer')}; the columns are "
            f"{columns}",
        )
    return Export(
        shape,
        ["text"],
        "label",
        lambda row: [[row.get("label")]] if row.get("answer") == "accept" else None,
        refusal=refusal,
    )


def _accepted(row: Row) -> Votes | None:
    given = row.get("accept")
    return [given] if row.get("answer") == "accept" and isinstance(given, list) else None


def _cats(rows: Sequence[Row], wanted: str | None) -> Export | None:
    """spaCy's: a score for each label."""
    given = [row["cats"] for row in rows if row.get("cats") is not None]
    if given and all(isinstance(one, dict) for one in given):
        return Export("spaCy's cats", ["text"], "cats", _of_scores)
    if any(given) and all(isinstance(one, list) for one in given):
        of_objects = all(isinstance(each, dict) for one in given for each in one)
        if of_objects:  # as paragraphs have them
            return Export("spaCy's cats", ["text"], "cats", _of_paragraph)
    return None


def _of_scores(row: Row) -> Votes | None:
    cats = row.get("cats")
    return _above(list(cats.items())) if isinstance(cats, dict) else None


def _of_paragraph(row: Row) -> Votes | None:
    cats = row.get("cats")
    if not isinstance(cats, list):
        return None
    own = [one for one in cats if isinstance(one, dict)]
    return _above([(one.get("label"), one.get("value")) for one in own])


def _above(scores: list[tuple[Any, Any]]) -> Votes | None:
    """The labels whose scores are above a half, the highest first; None of no scores."""
    own = [(k, v) for k, v in scores if isinstance(v, bool | int | float) and v > 0.5]
    return [[label for label, _ in sorted(own, key=lambda pair: -pair[1])]] if scores else None


def _doccano(rows: Sequence[Row], wanted: str | None) -> Export | None:
    """doccano's: an id, a text and a list of labels."""
    first = rows[0]
    label = next(
        (key for key in ("label", "labels", "cats") if isinstance(first.get(key), list)), None
    )
    text = next((key for key in ("text", "data") if isinstance(first.get(key), str)), None)
    own = isinstance(first.get("id"), int) or {"Comments", "annotation_approver"} & first.keys()
    if label is None or text is None or not own:
        return None
    if not all(isinstance(row.get(label, []), list) for row in rows):
        return None
    return Export("a doccano export", [text], label, lambda row: [row.get(label) or []], blank=True)
