"""Options of training that exclude each other: each is refused with what to do about it."""

from __future__ import annotations

from typing import Any

from textmlr.base.option_errors import OptionError, Sentence
from textmlr.base.options import options_of

# Options that training of a sparse θ would ignore.
DENSE_ONLY = (
    "solver",
    "l1",
    "l2",
    "hidden",
    "input_dropout",
    "idf_power",
    "step",
    "calibration",
    "patience",
)


def check_conflicts(options: Any) -> None:
    """Raise OptionError for options of training that would be ignored beside others.

    options  TrainingOptions
    """
    for name in ("activation", "dropout"):
        if not options.hidden and (given := getattr(options, name)) is not None:
            raise OptionError(
                name,
                Sentence(f"{{{name}}} means nothing without hidden layers", {name: given}),
                Sentence("leave it out, or give {hidden}", {"hidden": (64,)}),
            )
    if options.cost_false_positive is not None and options.maximise != "utility":
        values = {"cost_false_positive": options.cost_false_positive, "maximise": "utility"}
        raise OptionError(
            "cost_false_positive",
            Sentence("{cost_false_positive} means nothing without {maximise}", values),
            Sentence("leave it out, or give {maximise}", values),
        )
    _check_solver(options)
    if options.theta == "sparse":
        _check_sparse(options)


def _check_solver(options: Any) -> None:
    """Refuse options that the solver would ignore."""
    chosen = options.chosen_solver
    if chosen == "exact" and (options.hidden or options.input_dropout):
        given = "hidden" if options.hidden else "input_dropout"
        raise OptionError(
            given,
            Sentence(
                f"the exact solver knows no {{{given}:name}}: only a convex objective has one "
                "minimum"
            ),
            Sentence(f"leave out {{solver:name}} and {{l1:name}}, or {{{given}:name}}"),
        )
    for one, own in options_of(options):
        value = getattr(options, one.name)
        if own.only and own.only.solver != chosen and value != one.default:
            why = ", which {l1:name} asks for" if options.solver is None and options.l1 else ""
            problem = f"{{{one.name}}} means nothing to {{solver}}{why}"
            values = {one.name: value, "solver": chosen}
            raise OptionError(one.name, Sentence(problem, values), own.only.mend)


def _check_sparse(options: Any) -> None:
    """Refuse options that training of a sparse θ would ignore."""
    if (name := asks_for_dense(options)) is not None:
        values = {name: getattr(options, name), "theta": "sparse"}
        problem = Sentence(f"{{{name}}} means nothing to {{theta}}", values)
        raise OptionError(name, problem, Sentence("leave out one of them"))


def asks_for_dense(options: Any) -> str | None:
    """The first option that only training of a dense θ knows, None where none is given;

    options  TrainingOptions, before their defaults are decided, or of a sparse θ
    """
    for one, _ in options_of(options):
        value = getattr(options, one.name)
        if one.name in DENSE_ONLY and value != one.default and value != "sgd":
            return one.name
    return None
