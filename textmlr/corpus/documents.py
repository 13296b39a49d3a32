"""Documents of a corpus one by one, and how they are divided at random."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import check_integer, check_real
from textmlr.base.errors import InputError
from textmlr.base.limits import MOST_COUNT
from textmlr.base.printable import plain
from textmlr.corpus.batch import Batch
from textmlr.corpus.label_sets import LabelSets, Targets, strata


class Document(NamedTuple):
    """One document of a corpus.

    text   bytes that are not UTF-8 are U+FFFD
    label  its name; in a multi-label corpus a tuple of names
    """

    text: str
    label: str | tuple[str, ...]


def as_tuple(label: str | tuple[str, ...]) -> tuple[str, ...]:
    """The labels of a document."""
    return label if isinstance(label, tuple) else (label,)


class CorpusTexts(Sequence[str]):
    """The texts of a corpus, each decoded when it is asked for; a slice is a list.

    batches  of the corpus
    text     gives one text by its number
    """

    def __init__(self, batches: Sequence[Batch], size: int, text: Callable[[int], str]) -> None:
        self._batches, self._size, self._text = batches, size, text

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[str]:
        return texts_in(self._batches)

    @overload
    def __getitem__(self, i: int) -> str: ...
    @overload
    def __getitem__(self, i: slice) -> list[str]: ...
    def __getitem__(self, i: int | slice) -> str | list[str]:
        if isinstance(i, slice):
            return [self._text(one) for one in range(*i.indices(self._size))]
        return self._text(i)

    def __repr__(self) -> str:
        first = f": {shortened(self[0])!r}, …" if self._size else ""
        return f"<{self._size:,} texts of a corpus{first}>"


def texts_in(batches: Iterable[Batch]) -> Iterator[str]:
    """The texts of batches, in order, one batch in memory at a time."""
    for batch in batches:
        for i in range(len(batch)):
            yield batch[i].decode("utf-8", "replace")


def shortened(text: str, most: int = 60) -> str:
    """The beginning of a text, on one line and safe to show."""
    line = plain(" ".join(text[: 4 * most].split()))
    return line if len(line) <= most and len(text) <= 4 * most else line[: most - 1] + "…"


def drawn(y: Targets, share: Any, seed: Any) -> NDArray[np.bool_]:
    """Which documents are of the second part, where ``share`` of each label's documents is.

    The numbers of all labels together are ``share`` of all, as nearly as can be: what is left of
    shares that are no whole numbers goes to the labels where most is left.  Each label keeps a
    document in the first part.
    y  (n,) label of each, or sets: then a document counts for the rarest of its labels
    Raises InputError for a share that is not between 0 and 1, and if one part would be empty.
    """
    check_real("share", share, 0, 1, 0.2, below=True)
    check_integer("seed", seed, 0, MOST_COUNT, 1)
    sets, y, n = y, strata(y), len(y)
    sizes = np.bincount(y)
    rng = np.random.default_rng([seed, (1 << 31) + 7])
    by_label = np.lexsort((rng.random(n), y))
    rank = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    most = np.maximum(sizes - 1, 0)
    quota = np.minimum(np.floor(share * sizes).astype(np.int64), most)
    left = share * sizes - quota + rng.random(len(sizes)) * 1e-6  # ties at random
    missing = round(share * n) - int(quota.sum())
    order = np.argsort(-left, kind="stable")
    order = order[quota[order] < most[order]]
    quota[order[: max(missing, 0)]] += 1
    if not quota.any():
        raise InputError(
            f"{share:g} of {n:,} documents, each label keeping one, is none",
            mend="give a larger share, or more documents of each label",
        )
    second = np.zeros(n, np.bool_)
    second[by_label] = rank < quota[y[by_label]]
    if isinstance(sets, LabelSets):
        _keep_all(sets, second)
    return second


def _keep_all(y: LabelSets, second: NDArray[np.bool_]) -> None:
    """Bring a document of each label that the first part lacks back to it."""
    kept = np.zeros(int(y.codes.max(initial=-1)) + 1, np.bool_)
    kept[y[~second].codes] = True
    for row in np.flatnonzero(second).tolist():
        if not kept[y[row]].all():
            second[row] = False
            kept[y[row]] = True
