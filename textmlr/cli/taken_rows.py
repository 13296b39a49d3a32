"""What was read of a corpus as text and label, on a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from textmlr.corpus.reading_options import ReadingOptions
from textmlr.corpus.taken_columns import FASTTEXT, MALLET, Taken, sentences


def taken_rows(taken: Sequence[Taken], labels: int | None = None) -> list[tuple[str, str]]:
    """Rows of a summary;  labels  how many there are."""
    return said_rows(sentences(taken, labels))


def said_rows(said: Sequence[str]) -> list[tuple[str, str]]:
    """Rows of a summary: sentences on the corpus."""
    return [("" if place else "corpus", sentence) for place, sentence in enumerate(said)]


def tables_said(
    taken: Sequence[Taken],
    usual: Sequence[Taken],
    reading: ReadingOptions,
    *,
    lines: bool = False,
) -> list[str]:
    """What a verb with a model has read of tables, a sentence each; of other files what is not as
    the name or the first bytes say, but as in training.

    usual    what was read of the corpus of training
    reading  the options of the command
    lines    say of all other files, too
    """
    said = []
    for one in taken:
        if not one.text:
            alike = one.shape in {of.shape for of in usual}
            if lines or (alike and one.shape.startswith((FASTTEXT, MALLET))):
                said.append(one.sentence() + (", as in training" if alike else ""))
            continue
        own = {
            "text": one.text if reading.text_column is None else None,
            "label": one.label if reading.label_column is None else None,
        }
        same = [name in {getattr(of, kind) for of in usual} for kind, name in own.items() if name]
        (sentence,) = sentences([replace(one, weight=None, left=())])
        said.append(sentence + (", as in training" if same and all(same) else ""))
    return list(dict.fromkeys(said))


def taken_json(taken: Sequence[Taken]) -> list[dict[str, Any]]:
    """The same as JSON values."""
    return [_json(one) for one in taken]


def _json(taken: Taken) -> dict[str, Any]:
    own = {**asdict(taken), "left": list(taken.left), "label_columns": list(taken.label_columns)}
    for name in ("separator", "label_columns"):
        if not own[name]:
            del own[name]
    return own
