"""A sparse θ that training found, apart from how it was found, which few trainings import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textmlr.model.postings import Postings
from textmlr.model.scoring import Mixed
from textmlr.training.sgd.trial_run import TrialRun
from textmlr.training.support.support_choice import SupportChoice
from textmlr.training.thresholds import Thresholds

if TYPE_CHECKING:
    from textmlr.training.support.left_out import Scalars
    from textmlr.training.support.share_calibration import Judged


@dataclass(frozen=True, slots=True, eq=False)
class SupportFit:
    """A sparse θ and how it was found.

    postings, calibration   θ, and its calibration
    fitted         the calibration before θ took up its factor
    scalars        of the sums, see ``Scalars``
    choice         rows of θ
    learning_rate, epochs   of SGD; 0 epochs: nothing was learnt beside the sums
    loss, accuracy of its last epoch, each document before its own step; without epochs None
    held_out       documents that judged;  judged  their figures, None where there were none
    folds, trials  of a θ that starts from zero, see ``sgd.fit.Fit``; it has no sums, and the idf
                   power of its choice is that of steps
    crowded        features that have no weights for want of memory
    thresholds     of labels, where documents have sets of them
    """

    postings: Postings
    calibration: Mixed
    fitted: Mixed
    scalars: Scalars
    choice: SupportChoice
    learning_rate: float
    epochs: int
    loss: float | None
    accuracy: float | None
    held_out: int
    judged: Judged | None
    folds: int = 0
    trials: tuple[TrialRun, ...] = ()
    crowded: int = 0
    thresholds: Thresholds | None = None
