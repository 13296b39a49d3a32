"""The likeliest labels of documents, without the P of all others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from textmlr.kernels.ranking import RankedArrays


@dataclass(frozen=True, slots=True, eq=False)
class RankedAnswers:
    """The k likeliest labels of n documents, ties in the order of the labels.

    labels         (n, k) int64   numbers of the labels, the likeliest first
    probabilities  (n, k) float64
    log_z          (n,) float64, nats
    known          (n,) int64     as in ``Answers``
    invalid        pieces of invalid UTF-8 in the text
    codes          (n,) int64     the documents' own labels, of which the rest tells; (0,) for none
    of_truth       (n,) float64   P of it
    rank           (n,) int64     how many labels are likelier, or as likely and before it: 0 where
                                  it is the answer

    A code that is no number of a label has P = 0 and rank L.
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    log_z: NDArray[np.float64]
    known: NDArray[np.int64]
    invalid: int
    codes: NDArray[np.int64]
    of_truth: NDArray[np.float64]
    rank: NDArray[np.int64]

    @classmethod
    def room(
        cls,
        documents: int,
        k: int,
        codes: NDArray[np.integer[Any]] | None = None,
        *,
        are_ranked: bool = True,
    ) -> RankedAnswers:
        """Answers yet to be written.

        codes       (n,) the documents' own labels, None where these are not asked for
        are_ranked  whether these are to have ranks
        """
        own = np.zeros(0, np.int64) if codes is None else np.asarray(codes, np.int64)
        return cls(
            np.empty((documents, k), np.int64),
            np.empty((documents, k)),
            np.empty(documents),
            np.empty(documents, np.int64),
            0,
            own,
            np.empty(len(own)),
            np.empty(len(own) if are_ranked else 0, np.int64),
        )

    def arrays(self) -> RankedArrays:
        """As kernels write them."""
        from textmlr.kernels.ranking import RankedArrays  # few answers are ranked

        return RankedArrays(self.labels, self.probabilities, self.codes, self.of_truth, self.rank)

    def with_invalid(self, invalid: int) -> RankedAnswers:
        """These answers, with so many pieces of invalid UTF-8."""
        return replace(self, invalid=invalid)

    def __repr__(self) -> str:
        names = ".labels, .probabilities, .log_z, .known, .of_truth, .rank"
        return f"<the likeliest labels of {len(self):,} documents: {names}>"

    def __len__(self) -> int:
        return len(self.log_z)
