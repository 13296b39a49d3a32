"""The name among many that is most like a mistyped one."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEW = 2_000  # names, all of which are compared in a tenth of a second
TRIED = 200  # of more names: those that share most pairs of neighbouring characters
END = "\n"  # before and after each name


def nearest_name(name: str, names: Sequence[str]) -> str | None:
    """The one of some names that is most like a name, in upper or lower case; None: none is.

    >>> nearest_name("Hamer", ["chisel", "hammer", "saw"])
    'hammer'
    """
    some = names if len(names) <= FEW else _alike(name, names)
    plain = {one.casefold(): one for one in some}
    near = get_close_matches(name.casefold(), plain, 1)
    return plain[near[0]] if near else None


def _alike(name: str, names: Sequence[str]) -> list[str]:
    """The names that share most pairs of neighbouring characters with a name, beside their size:
    2·shared / (pairs of the one + pairs of the other)."""
    import numpy as np  # a verb that only parses needs none

    joined = END + END.join([one.replace(END, " ") for one in names]) + END
    codes = np.frombuffer(joined.casefold().encode("utf-32-le", "surrogatepass"), "<u4")
    typed = f"{END}{name.casefold().replace(END, ' ')}{END}".encode("utf-32-le", "surrogatepass")
    own = np.frombuffer(typed, "<u4")
    ends = np.flatnonzero(codes == ord(END))
    shared = np.isin(_pairs(codes), _pairs(own))
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(shared)])
    counts = before[ends[1:]] - before[ends[:-1]]
    likeness = 2 * counts / (np.diff(ends) + len(own) - 1)
    most = min(TRIED, len(names))
    best = np.argpartition(-likeness, most - 1)[:most]
    return [names[i] for i in np.sort(best).tolist()]


def _pairs(codes: NDArray[np.integer[Any]]) -> NDArray[np.uint64]:
    """Each two neighbouring characters as one number."""
    wide = codes.astype("u8")
    pairs: NDArray[np.uint64] = wide[:-1] * 2**32 + wide[1:]
    return pairs
