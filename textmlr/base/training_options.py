"""The options of training: how θ is found."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from textmlr.base.checks import check_integer
from textmlr.base.option_conflicts import check_conflicts
from textmlr.base.option_errors import Sentence, refuse
from textmlr.base.option_headings import HELD_OUT, HIDDEN, LEARN, STEPS
from textmlr.base.options import (
    Kind,
    OneOf,
    OnlyFor,
    RealNumber,
    Switch,
    WholeNumber,
    check_options,
    documented,
    option,
)

ClassWeight = Literal["balanced"]
Solver = Literal["sgd", "exact"]
Theta = Literal["dense", "sparse"]
Activation = Literal["relu", "tanh", "identity"]
Step = Literal["plain", "adagrad"]
Maximise = Literal["micro-f1", "macro-f1", "samples-f1", "utility"]
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
EVEN_COST = 1.0  # of a wrong label, where nothing is said: that of a missed one
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
# What to do with options of sgd where the exact solver is asked for.
_NO_STEPS = OnlyFor("sgd", Sentence("leave it out: the exact solver has no step size to choose"))
_NO_EPOCHS = OnlyFor(
    "sgd", Sentence("leave it out: the exact solver ends when the tolerance is met")
)


class LayerWidths(Kind):
    """A tuple of the widths of hidden layers."""

    typed = ", such as 64 or 256,64, or none."
    written = "A tuple, () for the linear model. "

    def check(self, name: str, value: Any) -> None:
        """Raise InputError for a value of another kind."""
        if not isinstance(value, tuple) or len(value) >= MOST_LAYERS:
            raise refuse(name, value, f"a tuple of fewer than {MOST_LAYERS} widths", "(64,)")
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
        "The method: sgd is fast and stops early; exact finds the best weights there "
        "are, and proves how near it is.",
        "They minimise mean loss + (λ/2)‖θ‖² + l1·Σ|θ| over f(x) as it is.",
        heading=STEPS,
        unset="sgd, with l1 exact",
    )
    theta: Theta | None = option(
        None,
        OneOf(*get_args(Theta)),
        "Keep a weight for every feature and label (dense), or only where the two met in training "
        "(sparse).",
        "A label that shares no feature with a document then scores its bias, so that z stays "
        "exact at the cost of the labels that do.",
        heading=STEPS,
        unset="sparse with more than 1,000 labels, with more than 100 of fifty documents each, or "
        "where a dense one does not fit in memory",
    )
    epochs: int | None = option(
        None,
        WholeNumber(1, MOST_EPOCHS, EPOCHS[1]),
        "Read the documents at most this many times.",
        "The step size falls linearly to 0 over the epochs.",
        heading=LEARN,
        unset=f"{EPOCHS[1]} for a small corpus, down to {EPOCHS[0]} for a large one",
        only=_NO_EPOCHS,
        searched=True,
    )
    learning_rate: float | None = option(
        None,
        RealNumber(*RATES, LEARNING_RATES[1]),
        "How far the first step goes: too small learns slowly, too large forgets.",
        "The unit is 1 / mean ‖f(x)‖², with adagrad its root, so that it means the same for long "
        "and short documents.",
        heading=STEPS,
        unset=f"the best of {_listed(*LEARNING_RATES)} on held-out documents; with adagrad of "
        f"{_listed(*ADAGRAD_RATES)}",
        metavar="RATE",
        only=_NO_STEPS,
        searched=True,
    )
    idf_power: float | None = option(
        None,
        RealNumber(0, MAX_IDF_POWER, 1),
        "How much larger the steps of rare features are; 0 leaves all alike.",
        "Steps are in w, where θ_f = idf_f^POWER·w_f.",
        heading=STEPS,
        unset=f"the best of {_listed(*IDF_POWERS)} on held-out documents, 0 if f(x) has idf in it",
        metavar="POWER",
        only=OnlyFor(
            "sgd", Sentence("leave it out: {idf} weights the features themselves", {"idf": True})
        ),
        searched=True,
    )
    l2: float | None = option(
        None,
        RealNumber(0, MOST_PENALTY, DEFAULT_L2),
        "Penalty on large weights: more of it keeps them near 0.",
        "It is the λ of mean loss + λ/2·‖w‖², where θ = idf^power·w.",
        heading=STEPS,
        unset=f"{_listed(DEFAULT_L2)}; for exact the best on held-out documents, with l1 0",
        metavar="PENALTY",
        searched=True,
    )
    l1: float = option(
        0.0,
        RealNumber(0, MOST_PENALTY, 1e-4),
        "Penalty that makes most weights 0, and drops features without weights.",
        "It adds l1·Σ|θ| to the loss.  The θ of the bias counts too.  With l2, this is the elastic "
        "net.",
        heading=STEPS,
        metavar="PENALTY",
        only=OnlyFor(
            "exact",
            Sentence(
                "leave out {solver:name}, or give {solver}; or leave out {l1:name}",
                {"solver": "exact"},
            ),
        ),
    )
    calibration: bool | None = option(
        None,
        Switch(),
        "Correct how sure the model is by the held-out documents.",
        "Scores are multiplied by what makes the held-out loss least: a factor, and a power of "
        "their spread.  No answer changes, but how sure the model is of it; with few documents log "
        "base rates are added, which may change some.",
        heading=STEPS,
        unset="yes",
        only=OnlyFor(
            "sgd", Sentence("leave it out: the answer of the exact solver is the minimum, as it is")
        ),
    )
    holdout: float = option(
        0.1,
        RealNumber(0, 1, 0.1, below=True),
        "Hold out this share of each label's documents, to choose by.",
        "At most 5,000 are held out in all.  Fewer than 250 documents are each held out once, in "
        "10 parts.  With 0, sgd runs all epochs and exact takes a default penalty; where l2 is "
        "given, exact holds documents out for thresholds alone.",
        heading=HELD_OUT,
        metavar="SHARE",
    )
    patience: int | None = option(
        None,
        WholeNumber(1, MOST_EPOCHS, DEFAULT_PATIENCE),
        "End a trial after this many epochs in a row that clearly make held-out loss worse.",
        "With fewer than 250 documents, only where epochs are given.",
        heading=HELD_OUT,
        unset=f"{DEFAULT_PATIENCE}",
        only=_NO_EPOCHS,
    )
    tolerance: float | None = option(
        None,
        RealNumber(*TOLERANCES, DEFAULT_TOLERANCE),
        "Stop when the loss is proved to be at most this share above its minimum.",
        "The share is (value − minimum) / value.  Where l2 is 0, stop by ‖gradient‖ in units of "
        "that at θ = 0.",
        heading=STEPS,
        unset=_listed(DEFAULT_TOLERANCE),
        metavar="SHARE",
        only=OnlyFor("exact", Sentence("leave it out, or give {solver}", {"solver": "exact"})),
    )
    hidden: tuple[int, ...] = option(
        (),
        LayerWidths(),
        "Put hidden layers of these widths between features and labels.",
        heading=HIDDEN,
        unset="none",
        metavar="WIDTHS",
    )
    activation: Activation | None = option(
        None,
        OneOf(*get_args(Activation)),
        "Function of each hidden unit.",
        heading=HIDDEN,
        unset="relu",
    )
    step: Step | None = option(
        None,
        OneOf(*get_args(Step)),
        "With adagrad, a weight that has moved much moves less; plain treats all alike.",
        "A step is divided by the root of the weight's summed squared gradients.",
        heading=STEPS,
        unset="plain, with hidden layers adagrad",
        only=_NO_STEPS,
    )
    dropout: float | None = option(
        None,
        RealNumber(0, 1, DEFAULT_DROPOUT, below=True),
        "Leave each hidden unit out of a step with this probability.",
        heading=HIDDEN,
        unset=f"{DEFAULT_DROPOUT:g}, with activation identity 0",
        metavar="P",
        searched=True,
    )
    input_dropout: float = option(
        0.0,
        RealNumber(0, 1, DEFAULT_DROPOUT, below=True),
        "Leave each feature of a document out of an epoch with this probability.",
        heading=STEPS,
        metavar="P",
    )
    class_weight: ClassWeight | None = option(
        None,
        OneOf(*get_args(ClassWeight)),
        "With balanced, rare labels count as much as frequent ones.",
        heading=LEARN,
        unset="each document counts the same",
    )
    maximise: Maximise | None = option(
        None,
        OneOf(*get_args(Maximise)),
        "What the thresholds of labels make greatest, where documents have several labels.",
        "Held-out documents choose: F1 of all pairs of a document and a label (micro), of each "
        "label (macro) or of each document (samples); or utility, where a wrong label costs "
        "cost_false_positive and a missed one 1.",
        heading=LEARN,
        unset="micro-f1",
    )
    cost_false_positive: float | None = option(
        None,
        RealNumber(0, MOST_PENALTY, 0.5),
        "What a wrong label costs, where a missed one costs 1.",
        heading=HELD_OUT,
        unset=f"{EVEN_COST:g}, with maximise utility",
        metavar="COST",
    )
    seed: int = option(
        1,
        WholeNumber(0, MOST_SEED, 1),
        "Seed of the order of documents and of the choice of held-out ones; the same seed makes "
        "the same model, bit for bit.",
        heading=STEPS,
    )

    def __post_init__(self) -> None:
        check_options(self)
        check_conflicts(self)

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
        if self.theta == "sparse":
            return replace(self, solver="sgd")
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
