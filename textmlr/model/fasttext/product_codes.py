"""A matrix in fastText's quantised form: codes of eight bits for stretches of a row.

A row is cut into stretches of ``width`` numbers (the last may be shorter); each stretch is one of
256 centroids, and a code says which.  The row may be multiplied by a norm, which is coded alike.

Source: Jégou, Douze and Schmid, PAMI 33(1), 2011, section II; Joulin et al., "FastText.zip", 2016,
section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textmlr.base.printable import size_of

CODES = 256
# A matrix may take so many times the bytes of its file, and SMALL besides: stretches of two columns
# take eight times the bytes of their codes.
MOST_TIMES = 64
SMALL = 1 << 26


@dataclass(frozen=True, slots=True, eq=False)
class ProductCodes:
    """A quantised matrix of V rows and H columns.

    codes      (V, S) uint8    S = H/width, rounded up
    centroids  (256·H,) float32   of each stretch, one stretch after the other
    width      of stretches
    columns    H
    norm_codes (V,) uint8 and norms (256,) float32   the norm of each row; (0,) where it is 1
    """

    codes: NDArray[np.uint8]
    centroids: NDArray[np.float32]
    width: int
    columns: int
    norm_codes: NDArray[np.uint8]
    norms: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.codes)

    def matrix(self) -> NDArray[np.float32]:
        """The rows as numbers: (V, H) float32, rounded as fastText rounds them."""
        out = np.empty((len(self.codes), self.columns), np.float32)
        for number, first in enumerate(range(0, self.columns, self.width)):
            last = min(first + self.width, self.columns)
            own = self.centroids[CODES * first : CODES * last].reshape(CODES, last - first)
            out[:, first:last] = own[self.codes[:, number]]
        if len(self.norms):
            with np.errstate(all="ignore"):  # numbers that are not finite are looked for later
                out *= self.norms[self.norm_codes][:, None]
        return out

    def finite(self) -> ProductCodes:
        """The same with 0 for numbers that are not finite."""
        centroids, norms = (
            np.where(np.isfinite(own), own, np.float32(0)) for own in (self.centroids, self.norms)
        )
        return replace(self, centroids=centroids, norms=norms)

    def __getitem__(self, rows: slice) -> ProductCodes:
        """Some of the rows."""
        norms = self.norm_codes[rows] if len(self.norms) else self.norm_codes
        return replace(self, codes=self.codes[rows], norm_codes=norms)

    def too_large(self, file_bytes: int) -> str | None:
        """The problem of a matrix that would take far more memory than its file; None: there is
        none."""
        size = 4 * len(self.codes) * self.columns
        if size <= SMALL + MOST_TIMES * file_bytes:
            return None
        return f"has a quantised matrix that would take {size_of(size)} of memory"
