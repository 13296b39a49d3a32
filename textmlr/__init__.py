"""textmlr: multinomial logistic regression for text, on an ordinary CPU.

    P(Y = ℓ | x; θ) = exp(θᵀf(x, ℓ)) / z(x; θ)

The public names are imported when they are first used, so that ``import textmlr`` costs nothing.
"""

from __future__ import annotations

# typing and importlib would take as long to import as all the rest of a Python that does nothing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from textmlr.corpus import Corpus, read_corpus
    from textmlr.errors import InputError, ModelFileError
    from textmlr.evaluation import evaluate
    from textmlr.features import Featurizer
    from textmlr.learning import train
    from textmlr.model import Model
    from textmlr.options import FeaturizerOptions, TrainingOptions, TuningOptions, UpdateOptions
    from textmlr.streaming import StreamTrainer
    from textmlr.tuning import tune
    from textmlr.updating import update

__version__ = "0.1.0"

_HOMES = {
    "Corpus": "textmlr.corpus",
    "Featurizer": "textmlr.features",
    "FeaturizerOptions": "textmlr.options",
    "InputError": "textmlr.errors",
    "Model": "textmlr.model",
    "ModelFileError": "textmlr.errors",
    "StreamTrainer": "textmlr.streaming",
    "TrainingOptions": "textmlr.options",
    "TuningOptions": "textmlr.options",
    "UpdateOptions": "textmlr.options",
    "evaluate": "textmlr.evaluation",
    "read_corpus": "textmlr.corpus",
    "train": "textmlr.learning",
    "tune": "textmlr.tuning",
    "update": "textmlr.updating",
}

__all__ = [
    "Corpus",
    "Featurizer",
    "FeaturizerOptions",
    "InputError",
    "Model",
    "ModelFileError",
    "StreamTrainer",
    "TrainingOptions",
    "TuningOptions",
    "UpdateOptions",
    "__version__",
    "evaluate",
    "read_corpus",
    "train",
    "tune",
    "update",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(__import__(_HOMES[name], fromlist=[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
