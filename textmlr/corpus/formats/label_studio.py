"""Label Studio's exports: JSON of tasks, and JSON-MIN and CSV of a row an annotation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textmlr.corpus.formats.annotated_rows import PLAIN_LABELS, Export, Row, by_votes, listed, which

_STUDIO_KEYS = {"annotation_id", "annotator", "lead_time"}
_STUDIO_OWN = _STUDIO_KEYS | {
    "id",
    "created_at",
    "updated_at",
    "agreement",
    "history",
    "sentiment_transcript",
}


def studio(rows: Sequence[Row], wanted: str | None) -> Export | None:
    """Label Studio's JSON: tasks, whose annotations have results, of which choices are labels."""
    lists = [row.get("annotations", row.get("completions")) for row in rows]
    if not all(isinstance(row.get("data"), dict) for row in rows) or not all(
        isinstance(one, list) and all(isinstance(each, dict) for each in one) for one in lists
    ):
        return None
    results = [result for row in rows for given in _annotations(row) for result in _results(given)]
    names = list(dict.fromkeys(_control(result) for result in results if _choices(result)))
    text = list(dict.fromkeys(f"data.{key}" for row in rows for key in row["data"]))
    shape = "a Label Studio export"
    refusal = None
    if wanted in names and wanted is not None:
        names = [wanted]
    if len(names) > 1:
        shown = listed(names)
        refusal = f"its annotations choose several things: {shown}", which(names)
    elif results and not names:
        kinds = listed(str(result.get("type")) for result in results)
        refusal = f"its annotations are {kinds}, not choices", "export a project of choices"
    label = wanted if wanted in names and wanted is not None else "choices"
    own = names[0] if names else None
    return Export(shape, text, label, lambda row: _chosen(row, own), ("choices", *names), refusal)


def _annotations(row: Row) -> list[Row]:
    """The annotations of a task, those that hold for certain first."""
    given = row.get("annotations", row.get("completions"))
    kept = [
        one
        for one in (given if isinstance(given, list) else [])
        if isinstance(one, dict) and not one.get("was_cancelled") and not one.get("skipped")
    ]
    certain = [one for one in kept if one.get("ground_truth")]
    return certain or kept


def _results(annotation: Row) -> list[Row]:
    results = annotation.get("result")
    return [one for one in results if isinstance(one, dict)] if isinstance(results, list) else []


def _choices(result: Row) -> list[Any]:
    """The choices of one result, none if it is another thing than choices."""
    value = result.get("value")
    chosen = value.get("choices") if isinstance(value, dict) else None
    if isinstance(chosen, str):
        return [chosen]
    return chosen if isinstance(chosen, list) else []


def _control(result: Row) -> str:
    return str(result.get("from_name", "choices"))


def _chosen(row: Row, control: str | None) -> list[Any]:
    votes = [
        [
            label
            for result in _results(one)
            if control is None or _control(result) == control
            for label in _choices(result)
        ]
        for one in _annotations(row)
    ]
    return by_votes(votes)


def studio_min(rows: Sequence[Row], wanted: str | None) -> Export | None:
    """Label Studio's JSON-MIN and CSV: a row an annotation, a key for each thing chosen."""
    first = rows[0]
    if not first.keys() >= _STUDIO_KEYS:
        return None
    names = studio_columns(list(dict.fromkeys(key for row in rows for key in row)))
    if wanted in names and wanted is not None:
        names = [wanted]
    texts = [key for key in first if key not in _STUDIO_OWN and key not in names]
    refusal = None
    if len(names) != 1:
        shown = listed(key for key in first if key not in _STUDIO_OWN)
        refusal = (
            f"which of its columns is the label is not plain: {shown}",
            which(names or ["NAME"]),
        )
    label = names[0] if names else "choices"
    return Export(
        "a Label Studio export",
        texts,
        label,
        lambda row: _min_choices(row.get(label)),
        refusal=refusal,
    )


def studio_columns(columns: Sequence[str]) -> list[str]:
    """The columns of choices in a table of Label Studio's: in JSON they stand between id and
    annotator; in CSV, sorted by name, the only ones with plain names."""
    own = list(columns)
    if "id" in own and own.index("id") < own.index("annotator"):
        between = own[own.index("id") + 1 : own.index("annotator")]
        if between and not set(between) & {"text", "annotation_id"}:
            return [key for key in between if key not in _STUDIO_OWN]
    plain = {"choice", "choices", *PLAIN_LABELS}
    return [key for key in own if key.casefold() in plain]


def _min_choices(value: Any) -> list[Any]:
    """Choices as Label Studio shortens them: "A", {"choices": ["A", "B"]}, or a list of these."""
    if isinstance(value, list):
        return [label for one in value for label in _min_choices(one)]
    if isinstance(value, dict):
        return _choices({"value": value})
    return [] if value is None or value == "" else [value]
