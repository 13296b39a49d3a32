"""textmlr: multinomial logistic regression for text, on an ordinary CPU.

    P(Y = ℓ | x; θ) = exp(θᵀf(x, ℓ)) / z(x; θ)

The public names are imported when they are first used, so that ``import textmlr`` costs nothing.
"""

from __future__ import annotations

from textmlr.base.version import __version__

# typing and importlib would take as long to import as all the rest of a Python that does nothing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from textmlr.base.errors import InputError as InputError
    from textmlr.base.errors import ModelFileError as ModelFileError
    from textmlr.base.featurizer_options import FeaturizerOptions as FeaturizerOptions
    from textmlr.base.training_options import TrainingOptions as TrainingOptions
    from textmlr.base.tuning_options import TuningOptions as TuningOptions
    from textmlr.base.update_options import UpdateOptions as UpdateOptions
    from textmlr.corpus.corpus import Corpus as Corpus
    from textmlr.corpus.reading import read_corpus as read_corpus
    from textmlr.corpus.reading_options import ReadingOptions as ReadingOptions
    from textmlr.evaluation.comparison import Comparison as Comparison
    from textmlr.evaluation.evaluation import Evaluation as Evaluation
    from textmlr.evaluation.model_evaluation import compare as compare
    from textmlr.evaluation.model_evaluation import evaluate as evaluate
    from textmlr.features.featurizer import Featurizer as Featurizer
    from textmlr.model.model import Model as Model
    from textmlr.training.stream.stream_trainer import StreamTrainer as StreamTrainer
    from textmlr.training.train import train as train
    from textmlr.training.tuning.tune import tune as tune
    from textmlr.training.update.update import update as update

_HOMES = {
    "Comparison": "textmlr.evaluation.comparison",
    "Corpus": "textmlr.corpus.corpus",
    "Evaluation": "textmlr.evaluation.evaluation",
    "Featurizer": "textmlr.features.featurizer",
    "FeaturizerOptions": "textmlr.base.featurizer_options",
    "InputError": "textmlr.base.errors",
    "Model": "textmlr.model.model",
    "ModelFileError": "textmlr.base.errors",
    "ReadingOptions": "textmlr.corpus.reading_options",
    "StreamTrainer": "textmlr.training.stream.stream_trainer",
    "TrainingOptions": "textmlr.base.training_options",
    "TuningOptions": "textmlr.base.tuning_options",
    "UpdateOptions": "textmlr.base.update_options",
    "compare": "textmlr.evaluation.model_evaluation",
    "evaluate": "textmlr.evaluation.model_evaluation",
    "read_corpus": "textmlr.corpus.reading",
    "train": "textmlr.training.train",
    "tune": "textmlr.training.tuning.tune",
    "update": "textmlr.training.update.update",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(__import__(_HOMES[name], fromlist=[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
