"""What is said of documents that stand more than once, and of labels that hardly stand at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textmlr.cli.render import plural, warn
from textmlr.showing import plain

MANY = 0.05  # share of a corpus that repeats another part of it
MOST_NAMED = 5


def warn_of_doubles(doubles: Mapping[str, Any], documents: int) -> None:
    """Say which documents of a corpus stand in it more than once.

    doubles    as in a model's record, ``doubles.Found.summary``
    documents  of the corpus
    """
    about = "" if doubles["exact"] else "about "
    if doubles["contradictory"]:
        (name, i), (other, j) = doubles["first"]
        which = f"documents {i:,} and {j:,} of {plain(name)}"
        if name != other:
            which = f"document {i:,} of {plain(name)} and {j:,} of {plain(other)}"
        how = "first" if doubles["exact"] else "two of them"
        warn(
            f"{about}{plural(doubles['contradictory'], 'document')} stand more than once with "
            f"different labels ({how}: {which})"
        )
    if doubles["repeated"] >= MANY * documents:
        warn(
            f"{about}{doubles['repeated']:,} of {plural(documents, 'document')} repeat one before "
            "them, label and all: some are both learnt and held out, and figures on held-out "
            "documents are too good"
        )


def warn_of_few(labels: Sequence[str], per_label: Sequence[int]) -> None:
    """Say which labels have fewer than two documents."""
    few = [label for label, count in zip(labels, per_label, strict=True) if count < 2]
    if few:
        named = ", ".join(map(plain, few[:MOST_NAMED]))
        more = f" and {len(few) - MOST_NAMED:,} more" if len(few) > MOST_NAMED else ""
        have = "has one document only" if len(few) == 1 else "have one document only, each"
        warn(f"{plural(len(few), 'label')} {have}, and none to be judged by: {named}{more}")


def warn_of_overlap(
    overlap: Mapping[str, Any] | None, documents: int, what: str, where: str, so: str
) -> None:
    """Say how many documents also stand in another corpus.

    overlap  ``doubles.Overlap`` as JSON values, None where it is not known
    what     "validation ", or nothing;  where  the other corpus;  so  what of it
    """
    if overlap is None or not overlap["documents"]:
        return
    about = "" if overlap["exact"] else "about "
    stand = "stands" if overlap["documents"] == 1 else "stand"
    whole = plural(documents, f"{what}document")
    warn(f"{about}{overlap['documents']:,} of {whole} also {stand} in {where}; {so}")
