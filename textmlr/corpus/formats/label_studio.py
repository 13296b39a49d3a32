"""Label Studio's exports: JSON of tasks, and JSON-MIN and CSV of a row an annotation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textmlr.corpus.formats.annotated_rows import Export, Row, Votes, listed, which
from textmlr.corpus.formats.plain_names import PLAIN
from textmlr.corpus.taken_columns import LOOKED_AT, looks_like_text

STUDIO_KEYS = {"annotation_id", "annotator", "lead_time"}
_STUDIO_OWN = STUDIO_KEYS | {
    "id",
    "created_at",
    "updated_at",
    "agreement",
    "history",
}


def studio(rows: Sequence[Row], wanted: str | None) -> Export | None:
    """Label Studio's JSON: tasks, whose annotations have results, of which choices are labels."""
    lists = [row.get("annotations", row.get("completions")) for row in rows]
    tasks = all(isinstance(row.get("data"), dict) for row in rows)
    given = [one for one in lists if one is not None]
    if not (tasks and given and all(isinstance(one, list) for one in given)):
        return None
    if not all(isinstance(each, dict) for one in given for each in one):
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


def _chosen(row: Row, control: str | None) -> Votes:
    return [
        [
            label
            for result in _results(one)
            if control is None or _control(result) == control
            for label in _choices(result)
        ]
        for one in _annotations(row)
    ]


def studio_min(rows: Sequence[Row], wanted: str | None) -> Export | None:
    """Label Studio's JSON-MIN and CSV: a row an annotation, a key for each thing chosen."""
    first = rows[0]
    if not first.keys() >= STUDIO_KEYS:
        return None
    names = studio_columns(list(dict.fromkeys(key for row in rows for key in row)))
    own = [key for key in first if key not in _STUDIO_OWN]
    like_text = [key for key in own if _reads_as_text(key, rows)]
    if wanted in names and wanted is not None:
        names = [wanted]
    elif len(names) > 1:
        names = [key for key in names if key not in like_text]
    texts = [key for key in own if key not in names]
    refusal = None
    if len(names) != 1:
        others = names or [key for key in own if key not in like_text] or ["NAME"]
        text = like_text[0] if len(like_text) == 1 else None
        refusal = (
            f"which of its columns is the label is not plain: {listed(own)}",
            which(others, None if text in PLAIN["text"] else text),
        )
    label = names[0] if names else "choices"
    return Export(
        "a Label Studio export",
        texts,
        label,
        lambda row: [min_choices(row.get(label))],
        refusal=refusal,
    )


def _reads_as_text(key: str, rows: Sequence[Row]) -> bool:
    """Whether a column is called as texts are, or its values look like text."""
    values = [row[key] for row in rows[:LOOKED_AT] if row.get(key) is not None]
    texts = [value for value in values if isinstance(value, str)]
    return len(texts) == len(values) and (key.casefold() in PLAIN["text"] or looks_like_text(texts))


def studio_columns(columns: Sequence[str]) -> list[str]:
    """The columns of choices in a table of Label Studio's.

    In JSON they stand between id and annotator.  In CSV, whose columns are sorted, they have plain
    names, or there is but one column beside the text.
    """
    own = [key for key in columns if key not in _STUDIO_OWN]
    places = {key: at for at, key in enumerate(columns)}
    first, last = places.get("id", len(places)), places["annotator"]
    between = [key for key in own if first < places[key] < last]
    if between and list(columns) != sorted(columns):
        return between
    plain = {"choice", "choices", *PLAIN["label"]}
    found = [key for key in own if key.casefold() in plain]
    if found:
        return found
    rest = [key for key in own if key.casefold() not in PLAIN["text"]]
    return rest if len(rest) == 1 and len(own) == 2 else []


def min_choices(value: Any) -> list[Any]:
    """Choices as Label Studio shortens them: "A", {"choices": ["A", "B"]}, or a list of these."""
    if isinstance(value, list):
        return [label for one in value for label in min_choices(one)]
    if isinstance(value, dict):
        return _choices({"value": value})
    return [] if value is None or value == "" else [value]
