"""Objective and solvers: θ from rows and labels."""

from textmlr.training.objective import Objective
from textmlr.training.trainer import Fit, Progress, Trial, fit, most_epochs, probe

__all__ = ["Fit", "Objective", "Progress", "Trial", "fit", "most_epochs", "probe"]
