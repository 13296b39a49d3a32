"""A model's record: what its file says of how it was trained, and what may be said there.

A record may lack whole parts, and so did those of older versions; what is there must be of the kind
that RECORD says, so that whoever reads it need not look.  Other keys, which a newer version may
write, are let through.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from os import PathLike
from typing import Any, TypeAlias

from textmlr.base.errors import InputError, ModelFileError
from textmlr.base.featurizer_options import MAX_NGRAM
from textmlr.base.limits import MOST_COUNT
from textmlr.base.training_options import TrainingOptions
from textmlr.base.update_options import UpdateOptions

Json: TypeAlias = dict[str, Any]
_AGAIN = "copy the file again, or train the model again"


@dataclass(frozen=True, slots=True)
class Value:
    """A JSON value that is no object.

    wanted  in words;  fits  whether a value is that
    """

    wanted: str
    fits: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Object:
    """An object of certain keys, and of others that are not looked at.

    needed    must be there
    optional  may be
    nullable  null may stand for it
    """

    needed: Mapping[str, Value | Object | Several]
    optional: Mapping[str, Value | Object | Several]
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Several:
    """A list, each of one of the kinds, and all of the same one."""

    kinds: tuple[Object, ...]


Kind: TypeAlias = Value | Object | Several


def _whole(value: Any, least: int = 0) -> bool:
    return type(value) is int and least <= value < MOST_COUNT


def _real(value: Any) -> bool:
    """A number that is a finite float, though it may be written as a whole one."""
    if type(value) is int:
        return abs(value) < MOST_COUNT
    return type(value) is float and math.isfinite(value)


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _counts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_whole, value)) and 0 < sum(value) < MOST_COUNT


def _weights(value: Any) -> bool:
    numbers = isinstance(value, list) and all(_real(one) and one >= 0 for one in value)
    return numbers and any(value)


def _range(value: Any) -> bool:
    pair = isinstance(value, list | tuple) and len(value) == 2
    return value is None or (pair and all(type(n) is int and 1 <= n <= MAX_NGRAM for n in value))


def _or_null(kind: Value) -> Value:
    return Value(f"{kind.wanted} or null", lambda value: value is None or kind.fits(value))


WHOLE = Value("a whole number of at least 0", _whole)
REAL = Value("a finite number", _real)
POSITIVE = Value("a finite number above 0", lambda value: _real(value) and value > 0)
NOT_NEGATIVE = Value("a finite number of at least 0", lambda value: _real(value) and value >= 0)
FLAG = Value("true or false", lambda value: isinstance(value, bool))
NAME = Value("a string", lambda value: isinstance(value, str))
NAMES = Value("a list of strings", _names)
COUNTS = Value("a list of whole numbers of at least 0, of which one is more", _counts)
WEIGHTS = Value("a list of finite numbers of at least 0, of which one is more", _weights)
RANGE = Value(f"null or a pair of whole numbers from 1 to {MAX_NGRAM}", _range)
PAIR = Value(
    "two whole numbers of at least 0",
    lambda value: isinstance(value, list) and len(value) == 2 and all(map(_whole, value)),
)

OVERLAP = Object({"documents": WHOLE, "exact": FLAG}, {}, nullable=True)
DUPLICATES = Object(
    {"contradictory": WHOLE, "repeated": WHOLE, "exact": FLAG},
    {"first": Value("a list or null", lambda value: value is None or isinstance(value, list))},
)
CALIBRATION = Object(
    {"factor": POSITIVE, "exponent": REAL}, {"spread": POSITIVE, "least": POSITIVE, "prior": REAL}
)
FIGURES = {"loss": REAL, "accuracy": REAL}
TRIAL_OF_SGD = Object(
    FIGURES
    | {
        "idf_power": NOT_NEGATIVE,
        "learning_rate": POSITIVE,
        "epochs": WHOLE,
        "calibration": CALIBRATION,
    },
    {},
)
TRIAL_OF_EXACT = Object(FIGURES | {"l2": NOT_NEGATIVE}, {})
CANDIDATE = Object(FIGURES | {"ngrams": RANGE, "char_ngrams": RANGE, "documents": WHOLE}, {})
HELD_OUT = Object(
    {
        "documents": WHOLE,
        "folds": WHOLE,
        "from": NAME,
        "loss": _or_null(REAL),
        "accuracy": _or_null(REAL),
        "trials": Several((TRIAL_OF_EXACT, TRIAL_OF_SGD)),
    },
    {"overlap": OVERLAP},
)
OF_SGD = Object(
    {
        "idf_power": NOT_NEGATIVE,
        "calibration": CALIBRATION,
        "learning_rate": POSITIVE,
        "epochs": WHOLE,
        "halvings": WHOLE,
    },
    {"solver": NAME, "loss": _or_null(REAL), "accuracy": _or_null(REAL), "averaged": WHOLE},
)
OF_EXACT = Object(
    {
        "solver": NAME,
        "l2": NOT_NEGATIVE,
        "l1": NOT_NEGATIVE,
        "value": REAL,
        "gradient_norm": NOT_NEGATIVE,
        "gap": _or_null(REAL),
        "iterations": WHOLE,
    },
    {
        "converged": FLAG,
        "loss": _or_null(REAL),
        "accuracy": _or_null(REAL),
        "features_kept": WHOLE,
        "weights_kept": WHOLE,
    },
)
PROGRESSIVE = Object(FIGURES | {"documents": WHOLE}, {})
UPDATE = Object(
    {"files": NAMES, "documents": WHOLE, "new_labels": NAMES, "features": PAIR},
    {"skipped": WHOLE, "invalid_utf8": WHOLE, "doubles": DUPLICATES, "overlap": OVERLAP},
)
CORPUS = Object(
    {"files": NAMES, "documents": WHOLE, "per_label": COUNTS},
    {
        "skipped": WHOLE,
        "nonzeros": WHOLE,
        "invalid_utf8": WHOLE,
        "weighted": FLAG,
        "doubles": DUPLICATES,
        "weight_per_label": WEIGHTS,
    },
)
# "options" and "final" have checks of their own besides.
RECORD = Object(
    {},
    {
        "versions": Object({"textmlr": NAME, "unicode": NAME}, {}),
        "options": Object({}, {}),
        "corpus": CORPUS,
        "ngrams": Several((CANDIDATE,)),
        "cut": Object({"of": WHOLE, "kept": WHOLE, "missed": WHOLE}, {}),
        "held_out": HELD_OUT,
        "final": Object({}, {}),
        "stream": Object({"columns": WHOLE, "so_far": PROGRESSIVE, "lately": PROGRESSIVE}, {}),
        "updates": Several((UPDATE,)),
        "compressed": Object({"from_features": WHOLE}, {"features": WHOLE}),
    },
)


def check_record(record: Json, labels: int, path: str | PathLike[str]) -> None:
    """Check the record of a model of so many labels.

    Raises ModelFileError, naming the file and the key, for what no training writes.
    """
    try:
        _check(record, RECORD, "record")
        corpus = record.get("corpus", {})
        for name in ("per_label", "weight_per_label"):
            if name in corpus and (own := len(corpus[name])) != labels:
                raise _WrongError(f"record.corpus.{name} has {own:,} numbers for {labels:,} labels")
        _check_held_out(record.get("held_out"))
        _check_final(record.get("final"))
        if "options" in record:
            _check_options(record["options"])
        for number, one in enumerate(record.get("updates", [])):
            if "options" in one:
                _check_update_options(one["options"], f"record.updates.{number}.options")
    except _WrongError as error:
        raise ModelFileError(str(error), place=str(path), mend=_AGAIN) from None


class _WrongError(Exception):
    """What is wrong with a record, in words."""


def _check(value: Any, kind: Kind, at: str) -> None:
    if isinstance(kind, Value):
        if not kind.fits(value):
            raise _WrongError(f"{at} is {_shown(value)}, not {kind.wanted}")
        return
    if isinstance(kind, Several):
        _check_several(value, kind, at)
        return
    if value is None and kind.nullable:
        return
    if not isinstance(value, dict):
        raise _WrongError(f"{at} is {_shown(value)}, not an object")
    for name, inner in kind.needed.items():
        if name not in value:
            raise _WrongError(f"{at}.{name} is missing")
        _check(value[name], inner, f"{at}.{name}")
    for name, inner in kind.optional.items():
        if name in value:
            _check(value[name], inner, f"{at}.{name}")


def _check_several(value: Any, kind: Several, at: str) -> None:
    if not isinstance(value, list):
        raise _WrongError(f"{at} is {_shown(value)}, not a list")
    if not value:
        return
    own = kind.kinds[-1]
    if isinstance(value[0], dict):  # the first of those whose keys it has
        own = next((one for one in kind.kinds if one.needed.keys() <= value[0].keys()), own)
    for number, one in enumerate(value):
        _check(one, own, f"{at}.{number}")


def _check_held_out(held: Json | None) -> None:
    """Where documents were held out, there are figures."""
    if held is None or not held["documents"]:
        return
    for name in FIGURES:
        if held[name] is None:
            raise _WrongError(f"record.held_out.{name} is null, though documents were held out")


def _check_final(final: Json | None) -> None:
    if final is None:
        return
    exact = final.get("solver") == "exact"
    _check(final, OF_EXACT if exact else OF_SGD, "record.final")
    if exact and final["l1"] and not final.keys() >= {"features_kept", "weights_kept"}:
        raise _WrongError("record.final.features_kept or weights_kept is missing")


def _check_options(values: Json) -> None:
    known = {field.name for field in fields(TrainingOptions)}
    own = {name: value for name, value in values.items() if name in known}
    _understood(TrainingOptions.of, {"hidden": []} | own, "record.options")


def _check_update_options(values: Any, at: str) -> None:
    _check(values, Object({}, {}), at)
    known = {field.name for field in fields(UpdateOptions)}
    own = {name: value for name, value in values.items() if name in known}
    _understood(lambda own: UpdateOptions(**own), own, at)


def _understood(make: Callable[[Json], object], values: Json, at: str) -> None:
    try:
        make(values)
    except InputError as error:
        raise _WrongError(f"{at}: {error.problem}") from None
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _WrongError(f"{at}: not understood ({error})") from None


def _shown(value: Any) -> str:
    """The beginning of a value, or what kind of thing it is where that would be long."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value):,}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= MOST_COUNT:
        return "a huge number"
    return f"{value!r:.40}"
