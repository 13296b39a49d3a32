"""The choice of θ's form: dense, or sparse, with weights only where feature and label met."""

from __future__ import annotations

from textmlr.base.option_errors import OptionError, Sentence
from textmlr.base.training_options import TrainingOptions

_LEAVE_OUT = Sentence("leave it out, or give {theta}", {"theta": "dense"})


def check_theta(options: TrainingOptions) -> None:
    """Raise OptionError for a sparse θ, which training does not find yet."""
    if options.theta == "sparse":
        problem = Sentence("training does not know {theta} yet", {"theta": "sparse"})
        raise OptionError("theta", problem, _LEAVE_OUT)


def refuse_sparse(options: TrainingOptions, who: str) -> None:
    """Raise OptionError for a sparse θ where only dense ones are trained;  who  trains them."""
    if options.theta == "sparse":
        problem = Sentence(f"{who} trains no {{theta}}", {"theta": "sparse"})
        raise OptionError("theta", problem, _LEAVE_OUT)
