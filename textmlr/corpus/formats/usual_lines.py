"""Lines of the form that a model was trained on, which neither a file's name nor its first bytes
say."""

from __future__ import annotations

import re
from collections.abc import Sequence

from textmlr.corpus.byte_streams import HEAD
from textmlr.corpus.reading_options import LABEL_PREFIX
from textmlr.corpus.taken_columns import FASTTEXT, MALLET, Taken
from textmlr.corpus.text_encodings import BOM

_WITH_PREFIX = f"{FASTTEXT} with labels after "
_LOOKED_AT = 200  # lines
_HALF = 0.5
_LABEL = re.compile(rb"(?:^|\s)" + LABEL_PREFIX.encode() + rb"[^\s,;|\"]+(?=\s|$)")
_ALONE = 0.9  # at least this share of MALLET's names are different
_AGAIN = 0.5  # at most this share of its labels are


def shape_of(prefix: str | None) -> str:
    """What a record calls fastText's lines whose labels have a prefix.

    >>> shape_of("#cat/")
    "fastText's lines with labels after #cat/"
    """
    return FASTTEXT if prefix in (None, LABEL_PREFIX) else _WITH_PREFIX + prefix


def usual_prefix(head: bytes, usual: Sequence[Taken]) -> str | None:
    """The beginning of labels that a model was trained on, where the first line has one such.

    usual  what was read of the corpus of training
    """
    words = _first_lines(head)[:1]
    for one in usual:
        if one.shape.startswith(FASTTEXT):
            prefix = one.shape.removeprefix(_WITH_PREFIX) if one.shape != FASTTEXT else LABEL_PREFIX
            if any(word.startswith(prefix.encode()) for line in words for word in line.split()):
                return prefix
    return None


def is_fasttext(head: bytes) -> bool:
    """Whether half of the first lines have labels as fastText writes them, wherever they stand.

    >>> is_fasttext(b"a robot\\n__label__scifi a saucer\\n"), is_fasttext(b"a robot\\na horse\\n")
    (True, False)
    """
    lines = _first_lines(head)
    labelled = sum(_LABEL.search(line) is not None for line in lines)
    return bool(lines) and b"\t" not in lines[0] and labelled >= _HALF * len(lines)


def usual_mallet(head: bytes, usual: Sequence[Taken]) -> bool:
    """Whether lines are MALLET's as those that a model was trained on: names that stand once, and
    labels that stand again.

    >>> lines = b"".join(b"d%d scifi a robot\\\\n" % i for i in range(9))
    >>> usual_mallet(lines, [Taken(MALLET)]), usual_mallet(lines, [])
    (True, False)
    """
    if not any(one.shape == MALLET for one in usual):
        return False
    words = [line.replace(b",", b" ").split(None, 2) for line in _first_lines(head)]
    rows = [own for own in words if len(own) > 1]
    names, labels = ({own[at] for own in rows} for at in (0, 1))
    most = max(_AGAIN * len(rows), 1)
    return bool(rows) and len(names) >= _ALONE * len(words) and len(labels) <= most


def _first_lines(head: bytes) -> list[bytes]:
    """The first lines that are whole and not blank."""
    lines = head.removeprefix(BOM).splitlines()
    if len(head) >= HEAD and len(lines) > 1:
        lines = lines[:-1]
    return [line for line in lines if line.strip()][:_LOOKED_AT]
