"""Argilla's exports: records of fields, responses and suggestions, and those of Argilla 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from textmlr.corpus.formats.annotated_rows import Export, Row, Votes, listed, which
from textmlr.corpus.formats.plain_names import PLAIN

_TAKEN = (None, "", "submitted", "validated")  # states of Argilla's responses that count


def argilla(rows: Sequence[Row], wanted: str | None) -> Export | None:
    """Argilla's records of fields, and responses to questions: of a dict, or users' lists."""
    if not all(
        isinstance(row.get("fields"), dict)
        and "responses" in row
        and isinstance(row["responses"], dict | list | None)
        for row in rows
    ):
        return None
    questions = list(dict.fromkeys(name for row in rows for name in _answers(row)))
    text = list(dict.fromkeys(f"fields.{key}" for row in rows for key in row["fields"]))
    return _of_questions(questions, text, wanted, _answers, "responses.{}".format)


def _answers(row: Row) -> dict[str, Votes]:
    """The labels that each user gave, by question."""
    responses = row.get("responses")
    if row.get("status") == "discarded":
        return {}
    found: dict[str, Votes] = {}
    if isinstance(responses, dict):
        for question, given in responses.items():
            said = map(_said, given) if isinstance(given, list) else []
            found[question] = [one for one in said if one is not None]
    elif isinstance(responses, list):
        for one in responses:
            values = one.get("values") if isinstance(one, dict) else None
            if isinstance(values, dict) and one.get("status") in _TAKEN:
                for question, value in values.items():
                    found.setdefault(question, []).extend(
                        one for one in [_said(value)] if one is not None
                    )
    return found


def _said(response: Any) -> list[Any] | None:
    """The labels in one user's response, None if it does not count."""
    if isinstance(response, dict):
        if response.get("status") not in _TAKEN:
            return None
        response = response.get("value")
    if isinstance(response, list):
        return [one for one in response if one is not None]
    return None if response is None else [response]


def _of_questions(
    questions: list[str],
    text: list[str],
    wanted: str | None,
    answers: Callable[[Row], dict[str, Votes]],
    called: Callable[[str], str],
) -> Export:
    """Argilla's export, of the one question that is asked or wanted, or has a plain name."""
    chosen = [one for one in questions if wanted in (one, called(one))]
    chosen = chosen or [one for one in questions if one.casefold() in PLAIN["label"]]
    chosen = chosen or questions
    refusal = None
    if len(chosen) > 1:
        refusal = f"it asks several questions: {listed(questions)}", which(questions)
    own = chosen[0] if chosen else "label"
    return Export(
        "an Argilla export",
        text,
        called(own),
        lambda row: answers(row).get(own),
        (own,),
        refusal,
    )


def argilla_1(rows: Sequence[Row], wanted: str | None) -> Export | None:
    """Argilla's and Rubrix's records of text classification: an annotation, or several."""
    own = {"annotation", "status"} | ({"inputs"} if "inputs" in rows[0] else {"prediction"})
    if not rows[0].keys() >= own:
        return None
    text = ["text"] if isinstance(rows[0].get("text"), str) else []
    if not text and isinstance(rows[0].get("inputs"), dict):
        text = [f"inputs.{key}" for key in rows[0]["inputs"]]
    return Export("an Argilla export", text, "annotation", _annotation)


def _annotation(row: Row) -> Votes | None:
    if str(row.get("status")).casefold() == "discarded":
        return None
    said = _said(row.get("annotation"))
    return None if said is None else [said]


def argilla_flat(rows: Sequence[Row], wanted: str | None) -> Export | None:
    """Argilla's records with all in columns: label.responses, or label beside label-suggestion."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    ends = ".responses", ".suggestion"
    questions = [key.removesuffix(ends[0]) for key in keys if key.endswith(ends[0])]
    called = "{}.responses".format
    if not questions:
        questions = [key for key in keys if f"{key}-suggestion" in keys]
        called = "{}".format
    if not questions:
        return None

    def answers(row: Row) -> dict[str, Votes]:
        found = {}
        for question in questions:
            given = row.get(called(question))
            states = row.get(f"{called(question)}.status")
            states = states if isinstance(states, list) else []
            users = given if isinstance(given, list) else []
            kept = [
                one
                for i, one in enumerate(users)
                if (states[i] if i < len(states) else None) in _TAKEN
            ]
            found[question] = [said for one in kept if (said := _said(one)) is not None]
        return found

    beside = ("-suggestion", "-suggestion-metadata", *ends, ".users", ".status", ".score", ".agent")
    text = [
        key
        for key in keys
        if key not in questions
        and not key.endswith(beside)
        and isinstance(rows[0].get(key), str)
        and key not in ("id", "_server_id", "status", "external_id")
    ]
    return _of_questions(questions, text, wanted, answers, called)
