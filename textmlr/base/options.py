"""Every option and its default, one frozen dataclass a stage.

Each checks itself when it is made: a bad value raises InputError, which names the option.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

from textmlr.base.checks import check_choice, check_flag, check_integer, check_real, refuse, shown
from textmlr.base.durations import LONGEST, SHORTEST
from textmlr.base.errors import InputError

AUTO: Final = "auto"
NgramRange = tuple[int, int] | None | Literal["auto"]
TermFrequency = Literal["binary", "raw", "log"]
Norm = Literal["l2"]
ClassWeight = Literal["balanced"]
Metric = Literal["log-loss", "accuracy", "macro-f1"]
Solver = Literal["sgd", "exact"]
Activation = Literal["relu", "tanh", "identity"]
Step = Literal["plain", "adagrad"]
CorpusFormat = Literal["tsv", "csv", "jsonl", "parquet", "arrow", "fasttext", "lines"]

# What numbers are taken for options.  The widest ranges that make sense: what is beyond is a slip
# of the keyboard, would take years, or is out of range of float32 or of int32 and int64.
MOST_EPOCHS = 100_000
MOST_SEED = (1 << 63) - 1
MOST_FEATURES = (1 << 31) - 1
MOST_TOKEN = 1_000  # code points
RATES = (1e-9, 1e6)
MOST_PENALTY = 1e12  # which leaves no weight that changes an answer
TOLERANCES = (1e-15, 1.0)
MOST_WIDTH = 100_000
MOST_TRIALS = 1_000_000
MOST_FOLDS = 1_000
MAX_NGRAM = 16
# Word n-grams of a featurizer by itself, and what training begins from.
WORDS = (1, 2)
MORE_WORDS = (1, 3)
# Characters of an n-gram that training tries beside words: in scripts of letters about as long as
# the stems they are to catch; a sign of a syllabic script (Hangul) is worth two or three letters.
CHARACTERS = 4
SYLLABLES = 3
# What n-grams to use is chosen on a sample of so many bytes, of whose documents CHOICE_HELD_OUT
# judge.  Character n-grams make everything after them two to three times as long, and have to earn
# it: their loss must be below EARNED of that of words, and on a sample below EARNED_ON_SAMPLE of
# it, since what they gain falls with the number of documents.  What longer word n-grams gain grows
# with it: on a sample they may be worse by up to LENT.
CHOICE_BYTES = 4 << 20
CHOICE_HELD_OUT = 0.25
CHOICE_RATES = (2.0, 4.0)
EARNED = 0.985
EARNED_ON_SAMPLE = 0.93
LENT = 1.045
# Of more labels words alone are taken: θ, features × labels, is then what takes memory and time.
CHOICE_LABELS = 256
MAX_HASH_BITS = 30
MOST_DOCUMENT = 1 << 28  # bytes, and of a line or row: what has no end is refused there
MOST_COUNT = 1 << 62  # of documents, features and non-zeros: more are no number of 64 bits
STREAM_HASH_BITS = 22  # of a stream, whose vocabulary has no end
MAX_IDF_POWER = 8  # idf reaches about 20, and 20^8 squared is still far from float32's limit
# Beyond this, features of a single document are dropped by default: they are most of all
# features of a large corpus, take most of its memory, and the model hardly misses them.
MANY_FEATURES = 1 << 19
MANY_MIN_DF = 2
# Powers of idf that the steps of a feature are scaled by, tried on held-out documents where none
# is given: 1 serves topics, 2 serves opinions, whose words are rarer (each does better than the
# other on some corpora by a point of accuracy and more); and what is used where there are none.
IDF_POWERS = (1.0, 2.0)
DEFAULT_IDF_POWER = 1.5
# Tried on held-out documents where no learning rate is given; the middle one is used where there
# are none.  Each is twice the last, from one that underfits most corpora to one that overshoots.
LEARNING_RATES = (2.0, 4.0, 8.0)
# The same for steps that Adagrad divides, in units of 1 / √(mean ‖f(x)‖²).
ADAGRAD_RATES = (0.05, 0.1, 0.2, 0.4)
MOST_LAYERS = 16
DEFAULT_DROPOUT = 0.5
# Where no number of epochs is given it is what VISITS of a document come to, within EPOCHS: the
# number of steps matters more than the number of passes (Bottou, Stochastic Gradient Descent
# Tricks, 2012, section 4.1).  Trials have as many epochs, since what they choose depends on that,
# but of a large corpus so many documents that TRIAL_NONZEROS are visited in all, or
# TRIAL_PRODUCTS of a non-zero and a label.
EPOCHS = (2, 5)
VISITS = 30_000
# The same with hidden layers, which take longer to find out what to be.
HIDDEN_EPOCHS = (4, 10)
HIDDEN_VISITS = 80_000
HIDDEN_PRODUCTS = 1 << 29  # of a trial, of a non-zero and a unit of the first layer
TRIAL_NONZEROS = 1 << 23
TRIAL_PRODUCTS = 1 << 27
MOST_HELD_OUT = 5_000
# Rows of more non-zeros than WHOLE_NONZEROS are learnt from in parts of about PART_NONZEROS, 32 MiB
# in memory, which is what training needs to hold of a corpus of any size.
WHOLE_NONZEROS = 1 << 25
PART_NONZEROS = 1 << 22
# Fewer held-out documents than this are too few to calibrate by: all are, in FOLDS parts, each
# scored by a run over the others.
ENOUGH_HELD_OUT = 500
FOLDS = 10
# Of fewer documents than this a tenth is too few to choose by as well: every plan is judged on all
# of them, in FOLDS parts.  Plans are the product of these powers of idf and these pairs of a rate
# and a number of epochs, and runs of all are averaged: many small steps, few large ones.
FEW_DOCUMENTS = 250
FEW_POWERS = (0.0, 1.0, 2.0)
FEW_RUNS = ((4.0, 20), (16.0, 5))
# What options of one solver are where they are not given.
DEFAULT_L2 = 1e-6  # of sgd, which stops early
DEFAULT_PATIENCE = 3
DEFAULT_TOLERANCE = 1e-6
# λ = mean ‖f(x)‖² / (k·n) of exact, tried on held-out documents where l2 is not given, until they
# tell that it is too small; and the k where there are none.  20 is C = 10 of scikit-learn and
# liblinear where rows have length 1 and a bias.
PATH = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)
DEFAULT_STEP_OF_PATH = 20.0
PATH_TOLERANCE = 1e-4  # on gap/value: far below the noise of a held-out loss


def _check_range(option: str, value: Any) -> None:
    wanted = f"a pair (shortest, longest) from 1 to {MAX_NGRAM}, None or 'auto'"
    if value is None or (isinstance(value, str) and value == AUTO):
        return
    if not isinstance(value, tuple) or len(value) != 2:
        raise refuse(option, value, wanted)
    for bound in value:
        if isinstance(bound, bool) or not isinstance(bound, int):
            raise refuse(option, value, wanted)
    if not 1 <= value[0] <= value[1] <= MAX_NGRAM:
        raise refuse(option, value, wanted)


def _pair(value: NgramRange) -> tuple[int, int] | None:
    assert value != AUTO
    return value


@dataclass(frozen=True, slots=True)
class FeaturizerOptions:
    """How text becomes f(x).

    lowercase         lower-case code point by code point
    punctuation       each punctuation mark or symbol (emoji too) is a token
    split_scripts     scripts written without spaces give one token a character
    min_token_length  shorter words are dropped before n-grams are formed (code points)
    ngrams            (shortest, longest) word n-grams, None for no word n-grams
    char_ngrams       (shortest, longest) character n-grams inside words, None for none.  Training
                      decides what "auto" is, for either, on held-out documents; a featurizer by
                      itself, and training of more than CHOICE_LABELS labels, take (1, 2) and None
    term_frequency    "binary": 1; "raw": the count; "log": 1 + ln count
    idf               multiply by ln((1 + n) / (1 + df)) + 1; None: with a vocabulary, yes,
                      with hashing, no (so that hashing needs no fit)
    norm              "l2": each row has length 1 (before the bias); None: as it comes
    min_df            features in fewer documents are dropped (vocabulary only); None: 1, or 2
                      where there would be more than MANY_FEATURES
    max_features      keep the most frequent (by documents), None for all (vocabulary only)
    hash_bits         None: a vocabulary; b: hash to 2^b columns, the bias among them
    bias              column 0 is always 1

    >>> FeaturizerOptions(ngrams=(1, 3)).decided().char_ngrams is None
    True
    >>> FeaturizerOptions(ngrams=(3, 1))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    textmlr.base.errors.InputError: ngrams=(3, 1) is not a pair (shortest, longest) from 1 ...
    """

    lowercase: bool = True
    punctuation: bool = True
    split_scripts: bool = True
    min_token_length: int = 1
    ngrams: NgramRange = AUTO
    char_ngrams: NgramRange = AUTO
    term_frequency: TermFrequency = "log"
    idf: bool | None = None
    norm: Norm | None = "l2"
    min_df: int | None = None
    max_features: int | None = None
    hash_bits: int | None = None
    bias: bool = True

    def __post_init__(self) -> None:
        for option in ("lowercase", "punctuation", "split_scripts", "bias"):
            check_flag(option, getattr(self, option))
        check_integer("min_token_length", self.min_token_length, 1, MOST_TOKEN, 2)
        for option in ("ngrams", "char_ngrams"):
            _check_range(option, getattr(self, option))
        if self.ngrams is None and self.char_ngrams is None:
            raise InputError(
                "ngrams and char_ngrams are both None, which leaves no features",
                mend="give one of them a range such as (1, 2)",
            )
        check_choice("term_frequency", self.term_frequency, get_args(TermFrequency))
        if self.idf is not None:
            check_flag("idf", self.idf)
        check_choice("norm", self.norm, (*get_args(Norm), None))
        for option, such_as in (("min_df", 2), ("max_features", 100_000)):
            if getattr(self, option) is not None:
                check_integer(option, getattr(self, option), 1, MOST_FEATURES, such_as)
        if self.hash_bits is not None:
            check_integer("hash_bits", self.hash_bits, 1, MAX_HASH_BITS, 20)
            for option in ("min_df", "max_features"):
                if getattr(self, option) is not None:
                    raise InputError(
                        f"{option}={shown(getattr(self, option))} needs a vocabulary, "
                        "and hash_bits is set",
                        mend=f"leave out {option} or hash_bits",
                    )

    def decided(self) -> FeaturizerOptions:
        """The same without "auto"."""
        words = WORDS if self.ngrams == AUTO else self.ngrams
        characters = None if self.char_ngrams == AUTO else self.char_ngrams
        if words is None and characters is None:
            characters = (CHARACTERS, CHARACTERS)
        return replace(self, ngrams=words, char_ngrams=characters)

    @classmethod
    def of(cls, values: dict[str, Any]) -> FeaturizerOptions:
        """From what became of options in JSON, which knows no tuples."""
        own: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**own)

    @property
    def word_range(self) -> tuple[int, int] | None:
        """ngrams, decided."""
        return _pair(self.decided().ngrams)

    @property
    def char_range(self) -> tuple[int, int] | None:
        """char_ngrams, decided."""
        return _pair(self.decided().char_ngrams)

    @property
    def uses_idf(self) -> bool:
        """idf, with None decided."""
        return self.hash_bits is None if self.idf is None else self.idf

    @property
    def stateless(self) -> bool:
        """transform needs no fit."""
        return self.hash_bits is not None and not self.uses_idf


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


@dataclass(frozen=True, slots=True)
class UpdateOptions:
    """How a model is updated by further documents; what is learnt has nothing to choose.

    holdout  share of each label's documents (at most MOST_HELD_OUT in all) that a first run goes
             without, to compare answers on before and after; 0: nothing is compared.  The update
             itself is learnt from all
    seed     of the choice of those held out
    """

    holdout: float = 0.1
    seed: int = 1

    def __post_init__(self) -> None:
        check_real("holdout", self.holdout, 0, 1, 0.1, below=True)
        check_integer("seed", self.seed, 0, MOST_SEED, 1)


# Where fewer documents than this are held out, the best of hundreds of settings is the luckiest
# rather than the best, and folds judge.
FEW_JUDGES = 2_000
TUNING_FOLDS = 5


@dataclass(frozen=True, slots=True)
class TuningOptions:
    """How long, and by what, settings of the other options are searched.

    seconds  time to take in all, the training of the model with the best setting in it; None: no
             limit but that of trials
    trials   judgements at most, each of a setting at a rung; None: no limit but that of time
    metric   what a setting is judged by on held-out documents
    cv       number of folds, each held out once; 1: one part is held out, as train does.  None: 1
             with a validation corpus, or where FEW_JUDGES are held out, else TUNING_FOLDS

    >>> TuningOptions(seconds=60, metric="accuracy").trials is None
    True
    """

    seconds: float | None = 300.0
    trials: int | None = None
    metric: Metric = "log-loss"
    cv: int | None = None

    def __post_init__(self) -> None:
        if self.seconds is not None:
            check_real("seconds", self.seconds, SHORTEST, LONGEST, 300)
        if self.trials is not None:
            check_integer("trials", self.trials, 1, MOST_TRIALS, 100)
        if self.seconds is None and self.trials is None:
            raise InputError("seconds and trials are both None", mend="limit one of them")
        check_choice("metric", self.metric, get_args(Metric))
        if self.cv is not None:
            check_integer("cv", self.cv, 1, MOST_FOLDS, TUNING_FOLDS)
