"""The space of settings: which options are searched, and how settings are drawn."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.training_options import DEFAULT_PATIENCE, MAX_IDF_POWER, TrainingOptions

# A choice is the known setting's with this probability, else any of its values.
KEEP = 0.5
# Standard deviation of a step from a known value of a range, as a share of the range.
STEP = 0.12
DIGITS = 3  # digits that numbers are rounded to, so that they can be read and typed
# Characters in n-grams of text, its bytes times the lengths of n-grams, beyond which fewer lengths
# are tried: rows of them all would take gigabytes.
MOST_CHARACTERS = 1 << 26


@dataclass(frozen=True, slots=True)
class Setting:
    """All options of one model."""

    featurizer: FeaturizerOptions
    training: TrainingOptions

    def with_value(self, name: str, value: Any) -> Setting:
        """This setting with another value of one option of either stage."""
        if name in FEATURIZER_FIELDS:
            return replace(self, featurizer=replace(self.featurizer, **{name: value}))
        return replace(self, training=replace(self.training, **{name: value}))

    def value(self, name: str) -> Any:
        """The value of an option of either stage."""
        return getattr(self.featurizer if name in FEATURIZER_FIELDS else self.training, name)

    def judged_at_its_end(self) -> Setting:
        """This setting with enough patience for ``train`` to run all epochs, as a trial does."""
        assert self.training.epochs is not None
        needed = (self.training.epochs + 1) // 2
        enough = needed <= (self.training.patience or DEFAULT_PATIENCE)
        return self if enough else self.with_value("patience", needed)

    def as_json(self) -> dict[str, Any]:
        """JSON values, which ``from_json`` reads."""
        return {"featurizer": self.featurizer.as_json(), "training": asdict(self.training)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Setting:
        """The setting of ``as_json``'s values.  Raises TypeError or ValueError for others."""
        featurizer = FeaturizerOptions.of(values["featurizer"])
        return cls(featurizer, TrainingOptions.of(values["training"]))


FEATURIZER_FIELDS = frozenset(field.name for field in fields(FeaturizerOptions))


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values."""

    values: tuple[Any, ...]

    def draw(self, rng: np.random.Generator, known: Any) -> Any:
        """The known value, or any."""
        return known if rng.random() < KEEP else self._one_of(rng, self.values)

    def near(self, rng: np.random.Generator, known: Any) -> Any:
        """Another value than the known one."""
        return self._one_of(rng, tuple(value for value in self.values if value != known))

    @staticmethod
    def _one_of(rng: np.random.Generator, values: tuple[Any, ...]) -> Any:
        return values[int(rng.integers(len(values)))]


@dataclass(frozen=True, slots=True)
class Range:
    """A number from low to high, drawn on a logarithmic scale where low is above 0."""

    low: float
    high: float
    whole: bool = False

    def draw(self, rng: np.random.Generator, known: Any) -> float:
        """Any number of the range."""
        return self._at(float(rng.random()))

    def near(self, rng: np.random.Generator, known: float) -> float:
        """A number a step away from the known one, within the range."""
        return self._at(min(max(self._position(known) + STEP * float(rng.normal()), 0.0), 1.0))

    def _position(self, value: float) -> float:
        """The position of a value in the range, 0 to 1."""
        value = min(max(value, self.low), self.high)
        if not self.low:
            return value / self.high
        return math.log(value / self.low) / math.log(self.high / self.low)

    def _at(self, position: float) -> float:
        ratio = self.high / self.low if self.low else 1.0
        value = self.low * ratio**position if self.low else self.high * position
        return round(value) if self.whole else float(f"{value:.{DIGITS}g}")


FEATURIZER: dict[str, Choice] = {
    "ngrams": Choice(((1, 1), (1, 2), (1, 3))),
    "char_ngrams": Choice((None, (3, 3), (4, 4), (2, 4), (3, 5), (2, 5), (3, 6))),
    "min_df": Choice((1, 2, 3)),
    "term_frequency": Choice(("log", "binary")),
    "lowercase": Choice((True, False)),
    "norm": Choice(("l2", None)),
}
TRAINING: dict[str, Range] = {
    "learning_rate": Range(0.5, 32.0),
    "idf_power": Range(0.0, min(3.0, MAX_IDF_POWER)),
    "l2": Range(1e-8, 1e-4),
    "epochs": Range(1, 20, whole=True),
}
ADAGRAD_RATE = Range(0.01, 0.5)
DROPOUT = Range(0.0, 0.7)
SEARCHED = frozenset([*FEATURIZER, *TRAINING, "dropout"])


def training_ranges(known: TrainingOptions) -> dict[str, Range]:
    """The ranges of training options, for the known kind of steps and layers."""
    ranges = dict(TRAINING)
    if known.chosen_step == "adagrad":
        ranges["learning_rate"] = ADAGRAD_RATE
    if known.hidden:
        ranges["dropout"] = DROPOUT
    return ranges


class Space:
    """The settings that agree with the fixed options.

    fixed       names of options that stay as they are
    text_bytes  of the corpus
    """

    def __init__(self, known: Setting, fixed: Collection[str], text_bytes: int) -> None:
        self._known = known
        choices = dict(FEATURIZER)
        if known.featurizer.hash_bits is not None or known.featurizer.vocabulary is not None:
            del choices["min_df"]  # there is nothing to choose from
        if known.featurizer.vocabulary is not None:
            del choices["ngrams"], choices["char_ngrams"]  # it says what lengths there are
        most = known.featurizer.max_df
        if isinstance(most, int) and "min_df" in choices:
            choices["min_df"] = Choice(tuple(least for least in (1, 2, 3) if least <= most))
        lengths = [
            pair
            for pair in FEATURIZER["char_ngrams"].values
            if pair is None or text_bytes * (pair[1] - pair[0] + 1) <= MOST_CHARACTERS
        ]
        if known.featurizer.ngrams is None:  # then there must be character n-grams
            lengths.remove(None)
        if "char_ngrams" in choices:
            choices["char_ngrams"] = Choice(tuple(lengths))
        self._featurizer = {
            name: choice
            for name, choice in choices.items()
            if name not in fixed and {*choice.values} - {known.value(name)}
        }
        ranges = training_ranges(known.training)
        self._training = {name: one for name, one in ranges.items() if name not in fixed}

    @property
    def names(self) -> list[str]:
        """The options that are searched."""
        return [*self._featurizer, *self._training]

    def draw_featurizer(self, rng: np.random.Generator) -> FeaturizerOptions:
        """Features in some ways like the known setting's."""
        setting = self._known
        for name, choice in self._featurizer.items():
            setting = setting.with_value(name, choice.draw(rng, self._known.value(name)))
        return setting.featurizer

    def near_featurizer(self, rng: np.random.Generator, setting: Setting) -> FeaturizerOptions:
        """A setting's features, one or two options changed."""
        names = sorted(self._featurizer)
        for i in rng.permutation(len(names))[: rng.integers(1, 3)].tolist():
            name = names[i]
            setting = setting.with_value(
                name, self._featurizer[name].near(rng, setting.value(name))
            )
        return setting.featurizer

    def draw_training(self, rng: np.random.Generator) -> TrainingOptions:
        """Steps and penalty from anywhere."""
        setting = self._known
        for name, one in self._training.items():
            setting = setting.with_value(name, one.draw(rng, None))
        return setting.training

    def near_training(self, rng: np.random.Generator, setting: Setting) -> TrainingOptions:
        """A setting's steps and penalty, one option or more changed a little."""
        names = sorted(self._training)
        if names:
            chosen = rng.random(len(names)) < 0.5
            chosen[rng.integers(len(names))] = True
            for name, change in zip(names, chosen.tolist(), strict=True):
                if change:
                    value = self._training[name].near(rng, setting.value(name))
                    setting = setting.with_value(name, value)
        return setting.training
