"""Options of stages by name, as Python's functions take them: train(corpus, epochs=3).

They are read from the fields of the stages' dataclasses, so that nothing is written twice.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, TypeVar

from textmlr.base.checks import check_kind
from textmlr.base.errors import InputError
from textmlr.base.options import options_of, table

F = TypeVar("F", bound=Callable[..., Any])
# Names of other libraries, by ours.
SYNONYMS = {
    "C": "l2",
    "alpha": "l2",
    "dim": "hidden",
    "hidden_layer_sizes": "hidden",
    "lr": "learning_rate",
    "max_iter": "epochs",
    "n_jobs": "threads",
    "ngram_range": "ngrams",
    "num_epochs": "epochs",
    "penalty": "l2",
    "random_state": "seed",
    "stopwords": "stop_words",
    "thread": "threads",
    "wordNgrams": "ngrams",
    "word_ngrams": "ngrams",
    "text_column": "text",
    "label_column": "label",
    "weight_column": "weights",
    "no_holdout": "holdout",
    "X": "data",
    "y": "labels",
}


def stages_of(
    given: Mapping[str, Any],
    stages: Mapping[str, type],
    others: tuple[str, ...] = (),
    held: Mapping[str, type] = MappingProxyType({}),
) -> tuple[Any, ...]:
    """A value of each stage, made from the options of its fields, or given whole.

    given   values by name, of options or of stages
    stages  the name of a whole stage, and its dataclass
    others  further names that the function takes, to suggest
    held    further dataclasses of options, which these arguments take whole, and only so
    Raises InputError for a name that there is not, and for options of a stage that is given whole.

    >>> from textmlr.base.training_options import TrainingOptions
    >>> (options,) = stages_of({"epochs": 3}, {"training_options": TrainingOptions})
    >>> options.epochs
    3
    """
    names = [own.name for stage in stages.values() for own in fields(stage)]
    for name in given:
        if name not in names and name not in stages:
            mend = _nearest(name, [*names, *stages, *others])
            for whole, stage in held.items():
                if name in (one.name for one in fields(stage)) and name not in SYNONYMS:
                    mend = f"give it in {whole}={stage.__name__}({name}=…)"
            raise InputError(f"there is no option {name!r}", mend=mend)
    made = []
    for whole, stage in stages.items():
        own = {one.name: given[one.name] for one in fields(stage) if one.name in given}
        value = given.get(whole)
        check_kind(whole, value, stage, f"make one: {stage.__name__}(…)", optional=True)
        if value is not None and own:
            name = next(iter(own))
            raise InputError(
                f"{name} and {whole} are both given",
                mend=f"write {stage.__name__}({name}=…), or leave {whole} out",
            )
        made.append(stage(**own) if value is None else value)
    return tuple(made)


def _nearest(name: str, names: list[str]) -> str:
    nearest = SYNONYMS.get(name)
    if nearest not in names:
        found = get_close_matches(name.lower(), names, 1)
        nearest = found[0] if found else None
    if nearest is None:
        return "help() of the function lists the options"
    return f"did you mean {nearest}?"


def takes_options(stages: Mapping[str, type]) -> Callable[[F], F]:
    """Give a function with **options their names, defaults and documentation.

    stages  the name of a whole stage, and its dataclass
    """

    def decorate(function: F) -> F:
        usual = inspect.signature(function)
        named = [p for p in usual.parameters.values() if p.kind is not p.VAR_KEYWORD]
        rows: dict[str, str] = {}
        for stage in stages.values():
            for one, own in options_of(stage):
                assert one.default is not MISSING
                named.append(
                    inspect.Parameter(
                        one.name,
                        inspect.Parameter.KEYWORD_ONLY,
                        default=one.default,
                        annotation=one.type,
                    )
                )
                rows[one.name] = own.documentation(one.default, alone=False)
        for whole, stage in stages.items():
            named.append(
                inspect.Parameter(
                    whole,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=None,
                    annotation=f"{stage.__name__} | None",
                )
            )
            rows[whole] = f"{stage.__name__}, in place of these options one by one."
        signed: Any = function
        signed.__signature__ = usual.replace(parameters=named)
        if function.__doc__ is not None:  # python -OO has none
            text = inspect.cleandoc(function.__doc__)
            signed.__doc__ = f"{text}\n\nOptions:\n\n{table(rows)}\n"
        return function

    return decorate
