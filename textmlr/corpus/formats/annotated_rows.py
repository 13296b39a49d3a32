"""Export: the form in which an annotation tool writes texts and the labels they were given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from textmlr.base.option_mentions import mention
from textmlr.corpus.taken_columns import named

Row: TypeAlias = dict[str, Any]
Labels: TypeAlias = Callable[[Row], list[Any]]


@dataclass(frozen=True, slots=True)
class Export:
    """The form of an export.

    shape    its name, with an article
    text     columns that may be the text: the one that is there, or has a plain name
    label    what its labels are called
    labels   gives those of a row, as the tool has them
    also     other names of the same labels
    refusal  why it cannot be read unless the label is named: (problem, mend)
    """

    shape: str
    text: list[str]
    label: str
    labels: Labels
    also: tuple[str, ...] = ()
    refusal: tuple[str, str] | None = None

    def is_label(self, name: str | None) -> bool:
        """Whether labels of this name, or of none, are those of the tool."""
        return name is None or name == self.label or name in self.also


def by_votes(votes: list[list[Any]]) -> list[Any]:
    """What annotators gave, each label once: those that most gave come first.

    >>> by_votes([["a"], ["b"], ["b"]])
    ['b', 'a']
    """
    counts: dict[str, int] = {}
    labels: dict[str, Any] = {}
    for given in votes:
        for label in given:
            key = repr(label)  # a label may be what has no hash, which is refused later
            labels.setdefault(key, label)
            counts[key] = counts.get(key, 0) + 1
    return [labels[key] for key in sorted(counts, key=lambda key: -counts[key])]


def listed(names: Iterable[str]) -> str:
    """Names of keys in a file, each once, for a message."""
    once = list(dict.fromkeys(names))
    return ", ".join(map(named, once[:20])) + (", ..." if len(once) > 20 else "")


def which(names: Sequence[str], text: str | None = None) -> str:
    """The mend of labels that could be several;  text  the column of texts, if it is to be said."""
    first = "" if text is None else mention("text_column", text) + " "
    return "say which with " + " or ".join(first + mention("label_column", name) for name in names)
