"""The options of training: how θ is found."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from textmlr.base.checks import check_choice, check_flag, check_integer, check_real, refuse, shown
from textmlr.base.errors import InputError

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

# Options that mean something to one solver only, and what to do where another is asked for.
_OF_SOLVER = {
    "sgd": {
        "epochs": "leave it out: the exact solver goes on until the tolerance is met",
        "learning_rate": "leave it out: the exact solver has no step size to choose",
        "idf_power": "leave it out: --idf (idf=True) weights the features themselves",
        "calibration": "leave it out: the answer of the exact solver is the minimum, as it is",
        "patience": "leave it out: the exact solver goes on until the tolerance is met",
        "step": "leave it out: the exact solver has no step size to choose",
    },
    "exact": {"tolerance": "leave it out, or give --solver exact"},
}


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How θ is learnt.

    solver         "sgd": stochastic gradient descent, stopped early; "exact": the minimum of
                   mean loss + (λ/2)‖θ‖² + l1·Σ|θ| over f(x) as it is, proved to the tolerance.
                   None: "exact" where l1 is above 0, else "sgd"
    epochs         at most this many passes; the step size falls linearly to 0 over them.  None:
                   from 5 for a small corpus to 2 for a large one (see VISITS)
    step           of sgd, "plain", or "adagrad": the steps of each weight are divided by the root
                   of the sum of its squared gradients.  None: adagrad with hidden layers
    learning_rate  first step size, in units of 1 / mean ‖f(x)‖² (adagrad: of its root), so that it
                   means the same for long and short rows; None: the best of LEARNING_RATES
                   (ADAGRAD_RATES) on held-out documents
    idf_power      p: the weights of feature f are learnt at the scale d_f = idf_f^p, θ_f = d_f·w_f
                   with steps in w, so that those of rare features take larger steps; 0: all alike.
                   None: the best of IDF_POWERS on held-out documents, 0 if f(x) has idf in it
    l2             λ in mean loss + (λ/2)‖w‖²; the same as (λ/2)‖θ‖² where p is 0.  None: of sgd
                   DEFAULT_L2; of exact 0 with l1, else the best of PATH on held-out documents
    l1             of exact: l1·Σ|θ| is added, the bias's θ too; most θ are 0 at the minimum, and
                   the model has no rows for features of which all are.  With l2: elastic net
    calibration    of sgd: multiply scores by what makes the held-out loss least (a factor, and a
                   power of their spread, see ``scoring.Calibration``): it changes no answer, but
                   how sure the model is of it (of few documents it adds log base rates instead,
                   see ``scoring.Shrunk``, which may change some); None: yes.  The answer of exact
                   is θ itself
    holdout        share of each label's documents held out (at most MOST_HELD_OUT in all) to
                   choose by; of fewer than FEW_DOCUMENTS all are, each once, in FOLDS parts; 0 for
                   none: sgd runs all epochs, exact takes DEFAULT_STEP_OF_PATH.
                   Exact holds none out where l2 is given, and there is nothing to choose
    patience       of sgd: epochs of clearly worse held-out loss on end before a trial is given up;
                   None: DEFAULT_PATIENCE.  Fewer than FEW_DOCUMENTS are so followed only where
                   epochs are given
    tolerance      of exact: on gap/value, where the gap is a proved bound on value − minimum; where
                   l2 is 0 on ‖gradient‖ in units of that at θ = 0.  None: DEFAULT_TOLERANCE
    hidden         widths of the hidden layers between f(x) and the labels, () for none: the linear
                   model.  They are learnt by sgd
    activation     of hidden units; None: relu
    dropout        of hidden units: each is left out of a step with this probability; None:
                   DEFAULT_DROPOUT, of identity 0
    input_dropout  of features: each is left out of an epoch's row with this probability
    class_weight   "balanced": each label weighs the same in all; None: each document does
    seed           of the order of documents and the choice of those held out

    >>> TrainingOptions(l1=1e-4).chosen_solver
    'exact'
    """

    solver: Solver | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    idf_power: float | None = None
    l2: float | None = None
    l1: float = 0.0
    calibration: bool | None = None
    holdout: float = 0.1
    patience: int | None = None
    tolerance: float | None = None
    hidden: tuple[int, ...] = ()
    activation: Activation | None = None
    step: Step | None = None
    dropout: float | None = None
    input_dropout: float = 0.0
    class_weight: ClassWeight | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        check_choice("solver", self.solver, (*get_args(Solver), None))
        check_real("l1", self.l1, 0, MOST_PENALTY, 1e-4)
        for option, such_as in (("epochs", EPOCHS[1]), ("patience", DEFAULT_PATIENCE)):
            if getattr(self, option) is not None:
                check_integer(option, getattr(self, option), 1, MOST_EPOCHS, such_as)
        check_integer("seed", self.seed, 0, MOST_SEED, 1)
        if self.learning_rate is not None:
            check_real("learning_rate", self.learning_rate, *RATES, self.middle_rate)
        if self.idf_power is not None:
            check_real("idf_power", self.idf_power, 0, MAX_IDF_POWER, 1)
        if self.l2 is not None:
            check_real("l2", self.l2, 0, MOST_PENALTY, DEFAULT_L2)
        if self.calibration is not None:
            check_flag("calibration", self.calibration)
        if self.tolerance is not None:
            check_real("tolerance", self.tolerance, *TOLERANCES, DEFAULT_TOLERANCE)
        check_real("holdout", self.holdout, 0, 1, 0.1, below=True)
        check_choice("class_weight", self.class_weight, (*get_args(ClassWeight), None))
        self._check_hidden()
        self._check_solver()

    def _check_hidden(self) -> None:
        """Check what concerns hidden layers; refuse what would be ignored without them."""
        if not isinstance(self.hidden, tuple) or len(self.hidden) >= MOST_LAYERS:
            raise refuse("hidden", self.hidden, f"a tuple of fewer than {MOST_LAYERS} widths")
        for width in self.hidden:
            check_integer("hidden", width, 1, MOST_WIDTH, 64)
        for option, kind in (("activation", Activation), ("step", Step)):
            check_choice(option, getattr(self, option), (*get_args(kind), None))
        for option in ("dropout", "input_dropout"):
            value = getattr(self, option)
            if value is not None:
                check_real(option, value, 0, 1, DEFAULT_DROPOUT, below=True)
        for option in ("activation", "dropout"):
            if not self.hidden and getattr(self, option) is not None:
                raise InputError(
                    f"{option}={shown(getattr(self, option))} means nothing without hidden layers",
                    mend="leave it out, or give --hidden",
                )

    def _check_solver(self) -> None:
        """Refuse what the solver would ignore."""
        if self.l1 and self.solver == "sgd":
            raise InputError(
                f"solver='sgd' makes no weight 0, and l1={self.l1:g} is to",
                mend="leave out --solver, or give --solver exact; or leave out --l1",
            )
        chosen = self.chosen_solver
        if chosen == "exact" and (self.hidden or self.input_dropout):
            given = "hidden layers" if self.hidden else "input_dropout"
            raise InputError(
                f"the exact solver knows no {given}: only a convex objective has one minimum",
                mend="leave out --solver exact and --l1, or what they do not know",
            )
        for solver, options in _OF_SOLVER.items():
            for option, mend in options.items():
                if solver != chosen and getattr(self, option) is not None:
                    raise InputError(
                        f"{option}={shown(getattr(self, option))} means nothing to "
                        f"solver={chosen!r}",
                        mend=mend,
                    )

    @property
    def chosen_solver(self) -> Solver:
        """solver, with None decided."""
        return self.solver or ("exact" if self.l1 else "sgd")

    def decided(self) -> TrainingOptions:
        """The same with its solver's own defaults in place of None, where they are constants."""
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
        """What learning rates are tried, where none is given."""
        return ADAGRAD_RATES if self.chosen_step == "adagrad" else LEARNING_RATES

    @property
    def middle_rate(self) -> float:
        """The one that is tried first."""
        return self.learning_rates[(len(self.learning_rates) - 1) // 2]

    @classmethod
    def of(cls, values: dict[str, Any]) -> TrainingOptions:
        """From what became of options in JSON, which knows no tuples."""
        return cls(**(values | {"hidden": tuple(values["hidden"])}))

    def linear(self) -> TrainingOptions:
        """The same for a model without hidden layers."""
        return replace(self, hidden=(), activation=None, dropout=None, step=None)

    def idf_powers(self, *, choose: bool) -> tuple[float, ...]:
        """idf_power, with None decided: what there is to choose from, if there is a choice."""
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
