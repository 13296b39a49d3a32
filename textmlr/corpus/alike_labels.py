"""Labels that are written nearly alike: one label, most likely, that counts as several."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from textmlr.corpus.written_lists import ENDS, listed_labels

_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")  # they take no room
_SPACES = re.compile(r"[^\S\n]")
MOST_NAMED = 3  # pairs
LONGEST = 40  # characters of a name that several labels make
_SIGNS = "|#;,"  # between labels
MANY_JOINED = 20  # labels with a sign within
AGAIN = 0.7  # their parts are fewer than so many times those


def alike_notes(labels: Sequence[str]) -> list[str]:
    """The sentence on labels that differ in case, spaces or the form of accented letters alone.

    Names that look the same are shown with escapes.

    >>> alike_notes(["Spam", "ham", "spam"])[0].partition(";")[0]
    "1 pair of labels is nearly alike, and counts as two: 'Spam' and 'spam' (case)"
    """
    first: dict[str, str] = {}
    pairs: list[tuple[str, str]] = []
    bare = _all_bare(labels)
    if len(set(bare)) == len(labels):  # as nearly always, even of a million
        return []
    for own, label in zip(bare, labels, strict=True):
        known = first.setdefault(own, label)
        if known != label:
            pairs.append((known, label))
    if not pairs:
        return []
    shown = [f"{_shown(a, b)} and {_shown(b, a)} ({_reason(a, b)})" for a, b in pairs[:MOST_NAMED]]
    more = f" and {len(pairs) - MOST_NAMED:,} more" if len(pairs) > MOST_NAMED else ""
    how = "1 pair of labels is" if len(pairs) == 1 else f"{len(pairs):,} pairs of labels are"
    counts = "counts" if len(pairs) == 1 else "each counts"
    return [
        f"{how} nearly alike, and {counts} as two: {', '.join(shown)}{more}; "
        "if they are one label, write them the same way in the corpus"
    ]


def joined_notes(labels: Sequence[str], model: Sequence[str] = ()) -> list[str]:
    """The sentence on labels that are others with a sign between, as some tools join several, or
    lists of others.

    model  labels that a model has, whose names are settled

    >>> joined_notes(["A", "A#B", "B", "C#"])[0].partition(",")[0]
    "1 label is others joined by #: 'A#B'"
    """
    settled = {*model}
    whole = "\n".join(["", *labels])  # which tells what need not be looked for, label by label
    signs = [sign for sign in _SIGNS if sign in whole]
    listlike = any(f"\n{sign}" in whole for sign in ENDS)
    if not (signs or listlike):
        return []
    known = settled | {*labels}
    labels = [label for label in labels if label not in settled]
    if lists := [label for label in labels if label[:1] in ENDS and _is_listlike(label)]:
        return [_list_note(lists)]
    for sign in signs:
        signed = [label for label in labels if sign in label]
        joined = {label: [part.strip() for part in label.split(sign)] for label in signed}
        found = [label for label, parts in joined.items() if known.issuperset(parts)]
        distinct = {part for parts in joined.values() for part in parts}
        if len(joined) >= MANY_JOINED and len(distinct) < AGAIN * len(joined):
            found = list(joined)  # their parts stand again and again, though perhaps never alone
        if found:
            return [_joined_note(found, sign)]
    return []


def _is_listlike(label: str) -> bool:
    """Whether a label is a list, or the beginning of one."""
    return listed_labels(label) is not None or label[1:].lstrip()[:1] in ("'", '"')


def _list_note(found: list[str]) -> str:
    what, so = f"{len(found):,} labels look like lists of labels", "each is a label of its own"
    if len(found) == 1:
        what, so = "1 label looks like a list of labels", "it is a label of its own"
    mend = 'write the labels of every document as a list, such as ["a", "b"]'
    return f"{what}: {_few(found)}, and {so}; {mend}"


def _few(found: list[str]) -> str:
    """The first few of some labels, in words."""
    few = (one if len(one) <= LONGEST else f"{one[: LONGEST - 1]}…" for one in found[:MOST_NAMED])
    more = f" and {len(found) - MOST_NAMED:,} more" if len(found) > MOST_NAMED else ""
    return ", ".join(map(repr, few)) + more


def _joined_note(found: list[str], sign: str) -> str:
    what, so = f"{len(found):,} labels are", "each is a label of its own"
    if len(found) == 1:
        what, so = "1 label is", "it is a label of its own"
    return (
        f"{what} others joined by {sign}: {_few(found)}, and {so}; --label-separator '{sign}' "
        "takes them apart"
    )


def _composed(label: str) -> str:
    return unicodedata.normalize("NFC", label)


def _spaced(label: str) -> str:
    """A label without odd spaces and characters that take no room."""
    return " ".join(_UNSEEN.sub("", unicodedata.normalize("NFKC", label)).split())


def _all_bare(labels: Sequence[str]) -> list[str]:
    """``_bare`` of each label."""
    whole = "\n".join(labels)
    own = whole.casefold().split("\n")
    if not whole.isascii() or len(own) != len(labels):
        return list(map(_bare, labels))
    return [" ".join(one.split()) for one in own] if _SPACES.search(whole) else own


def _bare(label: str) -> str:
    if label.isascii():  # most are
        return " ".join(label.casefold().split())
    return unicodedata.normalize("NFKC", _spaced(label).casefold())


def _reason(a: str, b: str) -> str:
    """What two labels differ in."""
    if _composed(a) == _composed(b):
        return "the same letters, accents written in two ways"
    if _composed(a).casefold() == _composed(b).casefold():
        return "case"
    return "spaces or signs" if _spaced(a) == _spaced(b) else "case and spaces or signs"


def _shown(label: str, other: str) -> str:
    """A label in quotes; with escapes, where it would look like the other."""
    return ascii(label) if _spaced(label) == _spaced(other) else repr(label)
