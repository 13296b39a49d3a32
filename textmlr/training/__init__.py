"""Objective and solvers: θ from rows and labels."""

from textmlr.training.advancing import advance, common_of, curvature_of, precision_of
from textmlr.training.checkpoints import Checkpoints
from textmlr.training.continuing import Continuation, Continued
from textmlr.training.exact.optimum import Optimum
from textmlr.training.exact.solver import Step, minimise
from textmlr.training.objective import Objective
from textmlr.training.path import ExactFit, Penalty, fit_exact
from textmlr.training.stored import AnyObjective, StoredObjective
from textmlr.training.trainer import Fit, fit, most_epochs, probe
from textmlr.training.trials import Progress, Trial, Tried

__all__ = [
    "AnyObjective",
    "Checkpoints",
    "Continuation",
    "Continued",
    "ExactFit",
    "Fit",
    "Objective",
    "Optimum",
    "Penalty",
    "Progress",
    "Step",
    "StoredObjective",
    "Trial",
    "Tried",
    "advance",
    "common_of",
    "curvature_of",
    "fit",
    "fit_exact",
    "minimise",
    "most_epochs",
    "precision_of",
    "probe",
]
