"""Parameters of estimators, made from the fields of the dataclasses of options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, fields, make_dataclass
from typing import Any, TypeVar, get_type_hints

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.options import options_of, table
from textmlr.base.training_options import TrainingOptions
from textmlr.sklearn.conventions import seed_of

Estimator = TypeVar("Estimator", bound=type)
# scikit-learn calls the seed random_state, and its class_weight may be a dict.
OWN_NAMES = ("seed", "class_weight")
N_JOBS = "Threads; None and -1: one a processor.  Their number changes no bit."


def has_parameters(
    stages: Sequence[type],
    own: Mapping[str, str],
    defaults: Mapping[str, Any] | None = None,
) -> Callable[[Estimator], Estimator]:
    """Give an estimator an ``__init__`` whose parameters are the options of these stages, and list
    them in its docstring.

    own       further parameters, whose default is None, and their documentation
    defaults  options with another default than in their stage: those of a featurizer by itself

    The ``__init__`` is the one that ``dataclasses`` writes: its signature names each parameter, and
    it assigns each as it is, as ``clone``, ``get_params`` and ``help`` of scikit-learn ask.
    """
    defaults = defaults or {}

    def decorate(estimator: Estimator) -> Estimator:
        parameters: list[tuple[str, Any, Any]] = []
        rows = {}
        for stage in stages:
            hints = get_type_hints(stage)
            for one, option in options_of(stage):
                if one.name not in OWN_NAMES:
                    default = defaults.get(one.name, one.default)
                    parameters.append((one.name, hints[one.name], field(default=default)))
                    rows[one.name] = option.documentation(one.default, alone=bool(defaults))
        parameters += [(name, Any, field(default=None)) for name in own]
        made = make_dataclass("Parameters", parameters, kw_only=True, eq=False, repr=False)
        constructor: Any = vars(made)["__init__"]
        constructor.__qualname__ = f"{estimator.__qualname__}.__init__"
        constructor.__module__ = estimator.__module__
        estimator.__init__ = constructor  # type: ignore[misc]
        if estimator.__doc__ is not None:  # python -OO has none
            estimator.__doc__ = f"{estimator.__doc__.rstrip()}\n\n{table(rows | dict(own))}\n"
        return estimator

    return decorate


def featurizer_options(estimator: Any) -> FeaturizerOptions:
    """The options of an estimator that has them as parameters."""
    names = [one.name for one in fields(FeaturizerOptions)]
    return FeaturizerOptions(**{name: getattr(estimator, name) for name in names})


def training_options(estimator: Any) -> TrainingOptions:
    """The same for training; a dict of class_weight is no option: it multiplies the documents'
    weights."""
    names = [one.name for one in fields(TrainingOptions) if one.name not in OWN_NAMES]
    return TrainingOptions(
        **{name: getattr(estimator, name) for name in names},
        class_weight="balanced" if estimator.class_weight == "balanced" else None,
        seed=seed_of(estimator.random_state),
    )
