"""The options of training: how θ is found."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from textmlr.base.checks import check_integer, refuse, shown
from textmlr.base.errors import InputError
from textmlr.base.options import (
    Kind,
    OneOf,
    RealNumber,
    Switch,
    WholeNumber,
    check_options,
    documented,
    option,
    options_of,
)

ClassWeight = Literal["balanced"]
Solver = Literal["sgd", "exact"]
Activation = Literal["relu", "tanh", "identity"]
Step = Literal["plain", "adagrad"]
# The widest ranges that make sense: numbers beyond them are slips of the keyboard, would take
# years, or are out of range of float32 or int64.
MOST_EPOCHS = 100_000
MOST_SEED = (1 << 63) - 1
RATES = (1e-9, 1e6)
MOST_PENALTY = 1e12  # leaves no weight that changes an answer
TOLERANCES = (1e-15, 1.0)
MOST_WIDTH = 100_000
MOST_LAYERS = 16
MAX_IDF_POWER = 8  # idf reaches about 20, and 20^8 squared is still far from float32's limit
# Without idf_power, these powers of idf are tried on held-out documents: 1 serves topics, 2 serves
# opinions, whose words are rarer (each beats the other on some corpora by a point of accuracy or
# more).  Without held-out documents the default is taken.
IDF_POWERS = (1.0, 2.0)
DEFAULT_IDF_POWER = 1.5
# Without learning_rate, these are tried on held-out documents, and the middle one is taken where
# there are none.  Each is twice the last, from one that underfits most corpora to one that
# overshoots.
LEARNING_RATES = (2.0, 4.0, 8.0)
# The same for steps that Adagrad divides, in units of 1 / √(mean ‖f(x)‖²).
ADAGRAD_RATES = (0.05, 0.1, 0.2, 0.4)
DEFAULT_DROPOUT = 0.5
# Without epochs, a corpus gets as many as make VISITS of documents, within EPOCHS: the number of
# steps matters more than the number of passes (Bottou, Stochastic Gradient Descent Tricks, 2012,
# section 4.1).  Trials run as many epochs, since their choice depends on it, but visit fewer
# documents of a large corpus.  Hidden layers take longer to train.
EPOCHS = (2, 5)
VISITS = 30_000
HIDDEN_EPOCHS = (4, 10)
HIDDEN_VISITS = 80_000
# Defaults of options that belong to one solver.
DEFAULT_L2 = 1e-6  # sgd, which stops early
DEFAULT_PATIENCE = 3
DEFAULT_TOLERANCE = 1e-6


class LayerWidths(Kind):
    """A tuple of the widths of hidden layers."""

    typed = ", such as 64 or 256,64, or none."
    written = "A tuple, () for the linear model. "

    def check(self, name: str, value: Any) -> None:
        """Raise InputError for a value of another kind."""
        if not isinstance(value, tuple) or len(value) >= MOST_LAYERS:
            raise refuse(name, value, f"a tuple of fewer than {MOST_LAYERS} widths")
        for width in value:
            check_integer(name, width, 1, MOST_WIDTH, 64)


def _listed(*numbers: float) -> str:
    return ", ".join(f"{number:g}".replace("e-0", "e-") for number in numbers)


@documented
@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How θ is found.

    >>> TrainingOptions(l1=1e-4).chosen_solver
    'exact'
    """

    solver: Solver | None = option(
        None,
        OneOf(*get_args(Solver)),
        "sgd is fast and stops early; exact finds the minimum, to a proved tolerance.",
        "The minimum is that of mean loss + (λ/2)‖θ‖² + l1·Σ|θ| over f(x) as it is.",
        unset="sgd, with l1 exact",
    )
    epochs: int | None = option(
        None,
        WholeNumber(1, MOST_EPOCHS, EPOCHS[1]),
        "Make at most this many passes over the documents.",
        "The step size falls linearly to 0 over the epochs.",
        unset=f"{EPOCHS[1]} for a small corpus, down to {EPOCHS[0]} for a large one",
        solver="sgd",
        mend="leave it out: the exact solver ends when the tolerance is met",
        searched=True,
    )
    learning_rate: float | None = option(
        None,
        RealNumber(*RATES, LEARNING_RATES[1]),
        "First step size, in units of 1 / mean ‖f(x)‖² (with adagrad, of its root).",
        "So it means the same for long and short documents.",
        unset=f"the best of {_listed(*LEARNING_RATES)} on held-out documents; with adagrad of "
        f"{_listed(*ADAGRAD_RATES)}",
        metavar="RATE",
        solver="sgd",
        mend="leave it out: the exact solver has no step size to choose",
        searched=True,
    )
    idf_power: float | None = option(
        None,
        RealNumber(0, MAX_IDF_POWER, 1),
        "Scale each feature's steps by its idf to the power P, so that rare features take larger "
        "steps.",
        "That is θ_f = idf_f^P·w_f with steps in w; 0 leaves all alike.",
        unset=f"the best of {_listed(*IDF_POWERS)} on held-out documents, 0 if f(x) has idf in it",
        metavar="P",
        solver="sgd",
        mend="leave it out: --idf (idf=True) weights the features themselves",
        searched=True,
    )
    l2: float | None = option(
        None,
        RealNumber(0, MOST_PENALTY, DEFAULT_L2),
        "Weight λ of the L2 penalty in mean loss + λ/2·‖w‖², where θ = idf^P·w.",
        unset=f"{_listed(DEFAULT_L2)}; for exact the best on held-out documents, with l1 0",
        metavar="L2",
        searched=True,
    )
    l1: float = option(
        0.0,
        RealNumber(0, MOST_PENALTY, 1e-4),
        "Add L1·Σ|θ| to the loss: most weights become 0, and features without weights are dropped.",
        "The θ of the bias counts too.  With l2, this is the elastic net.",
        metavar="L1",
        solver="exact",
        mend="leave out --solver, or give --solver exact; or leave out --l1",
    )
    calibration: bool | None = option(
        None,
        Switch(),
        "Fit the probabilities to the held-out documents.",
        "Scores are multiplied by what makes the held-out loss least: a factor, and a power of "
        "their spread.  No answer changes, but how sure the model is of it; with few documents log "
        "base rates are added, which may change some.",
        unset="yes",
        solver="sgd",
        mend="leave it out: the answer of the exact solver is the minimum, as it is",
    )
    holdout: float = option(
        0.1,
        RealNumber(0, 1, 0.1, below=True),
        "Share of each label's documents that is held out to choose by.",
        "At most 5,000 are held out in all.  Fewer than 250 documents are each held out once, in "
        "10 parts.  With 0, sgd runs all epochs and exact takes a default penalty; exact holds "
        "none out where l2 is given.",
        metavar="SHARE",
    )
    patience: int | None = option(
        None,
        WholeNumber(1, MOST_EPOCHS, DEFAULT_PATIENCE),
        "End a trial after this many epochs in a row with clearly worse held-out loss.",
        "With fewer than 250 documents, only where epochs are given.",
        unset=f"{DEFAULT_PATIENCE}",
        solver="sgd",
        mend="leave it out: the exact solver ends when the tolerance is met",
    )
    tolerance: float | None = option(
        None,
        RealNumber(*TOLERANCES, DEFAULT_TOLERANCE),
        "Stop when (value − minimum) / value is proved to be at most this.",
        "Where l2 is 0, stop by ‖gradient‖ in units of that at θ = 0.",
        unset=_listed(DEFAULT_TOLERANCE),
        solver="exact",
        mend="leave it out, or give --solver exact",
    )
    hidden: tuple[int, ...] = option(
        (),
        LayerWidths(),
        "Widths of hidden layers between features and labels.",
        unset="none",
        metavar="WIDTHS",
    )
    activation: Activation | None = option(
        None, OneOf(*get_args(Activation)), "Function of each hidden unit.", unset="relu"
    )
    step: Step | None = option(
        None,
        OneOf(*get_args(Step)),
        "adagrad divides the steps of a weight by the root of its summed squared gradients; plain "
        "does not.",
        unset="plain, with hidden layers adagrad",
        solver="sgd",
        mend="leave it out: the exact solver has no step size to choose",
    )
    dropout: float | None = option(
        None,
        RealNumber(0, 1, DEFAULT_DROPOUT, below=True),
        "Leave each hidden unit out of a step with probability P.",
        unset=f"{DEFAULT_DROPOUT:g}, with activation identity 0",
        metavar="P",
        searched=True,
    )
    input_dropout: float = option(
        0.0,
        RealNumber(0, 1, DEFAULT_DROPOUT, below=True),
        "Leave each feature of a document out of an epoch with probability P.",
        metavar="P",
    )
    class_weight: ClassWeight | None = option(
        None,
        OneOf(*get_args(ClassWeight)),
        "With balanced, all labels weigh the same.",
        unset="each document weighs the same",
    )
    seed: int = option(
        1,
        WholeNumber(0, MOST_SEED, 1),
        "Seed of the order of documents and of the choice of held-out ones; the same seed gives "
        "the same bits.",
    )

    def __post_init__(self) -> None:
        check_options(self)
        for name in ("activation", "dropout"):
            if not self.hidden and getattr(self, name) is not None:
                raise InputError(
                    f"{name}={shown(getattr(self, name))} means nothing without hidden layers",
                    mend="leave it out, or give --hidden",
                )
        self._check_solver()

    def _check_solver(self) -> None:
        """Refuse options that the solver would ignore."""
        chosen = self.chosen_solver
        if chosen == "exact" and (self.hidden or self.input_dropout):
            given = "hidden layers" if self.hidden else "input_dropout"
            raise InputError(
                f"the exact solver knows no {given}: only a convex objective has one minimum",
                mend="leave out --solver exact and --l1, or hidden layers and input_dropout",
            )
        for one, own in options_of(self):
            value = getattr(self, one.name)
            if own.solver not in (None, chosen) and value != one.default:
                raise InputError(
                    f"{one.name}={shown(value)} means nothing to solver={chosen!r}", mend=own.mend
                )

    @property
    def chosen_solver(self) -> Solver:
        """solver, with None decided."""
        return self.solver or ("exact" if self.l1 else "sgd")

    def decided(self) -> TrainingOptions:
        """These options, with the solver's defaults in place of None where they are constants."""
        if self.chosen_solver == "exact":
            l2 = 0.0 if self.l1 and self.l2 is None else self.l2
            tolerance = self.tolerance or DEFAULT_TOLERANCE
            return replace(self, solver="exact", l2=l2, tolerance=tolerance)
        return replace(
            self,
            solver="sgd",
            l2=DEFAULT_L2 if self.l2 is None else self.l2,
            calibration=self.calibration is not False,
            patience=self.patience or DEFAULT_PATIENCE,
            activation=self.activation or ("relu" if self.hidden else None),
            step=self.chosen_step,
            dropout=self.chosen_dropout,
        )

    @property
    def chosen_step(self) -> Step:
        """step, with None decided."""
        return self.step or ("adagrad" if self.hidden else "plain")

    @property
    def chosen_dropout(self) -> float | None:
        """dropout, with None decided where there are hidden layers."""
        if self.dropout is not None or not self.hidden:
            return self.dropout
        return 0.0 if self.activation == "identity" else DEFAULT_DROPOUT

    @property
    def learning_rates(self) -> tuple[float, ...]:
        """The learning rates that are tried where none is given."""
        return ADAGRAD_RATES if self.chosen_step == "adagrad" else LEARNING_RATES

    @property
    def middle_rate(self) -> float:
        """The learning rate that is tried first."""
        return self.learning_rates[(len(self.learning_rates) - 1) // 2]

    @classmethod
    def of(cls, values: dict[str, Any]) -> TrainingOptions:
        """Options that were written as JSON, which has lists in place of tuples."""
        own: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**own)

    def linear(self) -> TrainingOptions:
        """These options for a model without hidden layers."""
        return replace(self, hidden=(), activation=None, dropout=None, step=None)

    def idf_powers(self, *, choose: bool) -> tuple[float, ...]:
        """The powers of idf that are tried, one where there is no choice."""
        if self.idf_power is not None:
            return (self.idf_power,)
        return IDF_POWERS if choose else (DEFAULT_IDF_POWER,)

    def epochs_of(self, documents: int) -> int:
        """epochs, with None decided for a corpus of so many documents."""
        if self.epochs is not None:
            return self.epochs
        (fewest, most), visits = EPOCHS, VISITS
        if self.hidden:
            (fewest, most), visits = HIDDEN_EPOCHS, HIDDEN_VISITS
        return min(max(math.ceil(visits / documents), fewest), most)
