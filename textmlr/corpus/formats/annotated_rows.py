"""Export: the form in which an annotation tool writes texts and the labels they were given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from textmlr.base.option_mentions import mention
from textmlr.corpus.taken_columns import named

Row: TypeAlias = dict[str, Any]
Votes: TypeAlias = list[list[Any]]  # the labels that each annotator gave


@dataclass(frozen=True, slots=True)
class Export:
    """The form of an export.

    shape    its name, with an article
    text     columns that may be the text: the one that is there, or has a plain name
    label    what its labels are called
    votes    gives the labels of a row as the tool has them, those of each annotator; None where
             nobody has labelled it
    also     other names of the same labels
    refusal  why it cannot be read unless the label is named: (problem, mend)
    blank    a list of no labels may mean that nobody has labelled the row
    """

    shape: str
    text: list[str]
    label: str
    votes: Callable[[Row], Votes | None]
    also: tuple[str, ...] = ()
    refusal: tuple[str, str] | None = None
    blank: bool = False

    def is_label(self, name: str | None) -> bool:
        """Whether labels of this name, or of none, are those of the tool."""
        return name is None or name == self.label or name in self.also

    def labels(self, row: Row, multilabel: bool | None) -> list[Any] | None:
        """The labels of a row, as ReadingOptions.multilabel wants them; None where nobody has
        labelled it."""
        votes = self.votes(row)
        if not votes or (self.blank and not multilabel and not any(votes)):
            return None
        return by_votes(votes) if multilabel is False else agreed(votes)


def by_votes(votes: Votes) -> list[Any]:
    """What annotators gave, each label once: those that most gave come first.

    >>> by_votes([["a"], ["b"], ["b"]])
    ['b', 'a']
    """
    return [label for label, _ in _counted(votes)]


def agreed(votes: Votes) -> list[Any]:
    """The labels that more than half of the annotators gave; where there are none, though half gave
    one, the one that most gave.

    >>> agreed([["a", "b"], ["b", "c"], ["b", "a"]]), agreed([["a"], ["b"]])
    (['b', 'a'], ['a'])
    """
    counted = _counted(votes)
    common = [label for label, count in counted if 2 * count > len(votes)]
    if common or 2 * sum(map(bool, votes)) < len(votes):
        return common
    return [label for label, _ in counted[:1]]


def _counted(votes: Votes) -> list[tuple[Any, int]]:
    """Each label, and how many annotators gave it, most first."""
    counts: dict[str, int] = {}
    labels: dict[str, Any] = {}
    for given in votes:
        for key, label in {repr(one): one for one in given}.items():  # a label may have no hash
            labels.setdefault(key, label)
            counts[key] = counts.get(key, 0) + 1
    return [(labels[key], counts[key]) for key in sorted(counts, key=lambda key: -counts[key])]


def listed(names: Iterable[str]) -> str:
    """Names of keys in a file, each once, for a message."""
    once = list(dict.fromkeys(names))
    return ", ".join(map(named, once[:20])) + (", ..." if len(once) > 20 else "")


def which(names: Sequence[str], text: str | None = None) -> str:
    """The mend of labels that could be several;  text  the column of texts, if it is to be said."""
    first = "" if text is None else mention("text_column", text) + " "
    return "say which with " + " or ".join(first + mention("label_column", name) for name in names)
