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
    from textmlr.evaluation.multilabel.multilabel_comparison import (
        MultilabelComparison as MultilabelComparison,
    )
    from textmlr.evaluation.multilabel.multilabel_evaluation import (
        MultilabelEvaluation as MultilabelEvaluation,
    )
    from textmlr.export.matrices.feature_matrix import featurize as featurize
    from textmlr.features.featurizer import Featurizer as Featurizer
    from textmlr.model.fasttext.imported_model import import_model as import_model
    from textmlr.model.model import Model as Model
    from textmlr.model.model import load as load
    from textmlr.training.stream.stream_trainer import StreamTrainer as StreamTrainer
    from textmlr.training.train import train as train
    from textmlr.training.tuning.best_options import tune as tune
    from textmlr.training.update.more_documents import update as update

    _classify_files: Any
    _compress: Any
    _export_model: Any
    _top_features: Any

_HOMES = {
    "Comparison": "textmlr.evaluation.comparison",
    "Corpus": "textmlr.corpus.corpus",
    "Evaluation": "textmlr.evaluation.evaluation",
    "Featurizer": "textmlr.features.featurizer",
    "FeaturizerOptions": "textmlr.base.featurizer_options",
    "InputError": "textmlr.base.errors",
    "Model": "textmlr.model.model",
    "ModelFileError": "textmlr.base.errors",
    "MultilabelComparison": "textmlr.evaluation.multilabel.multilabel_comparison",
    "MultilabelEvaluation": "textmlr.evaluation.multilabel.multilabel_evaluation",
    "ReadingOptions": "textmlr.corpus.reading_options",
    "StreamTrainer": "textmlr.training.stream.stream_trainer",
    "TrainingOptions": "textmlr.base.training_options",
    "TuningOptions": "textmlr.base.tuning_options",
    "UpdateOptions": "textmlr.base.update_options",
    "compare": "textmlr.evaluation.model_evaluation",
    "evaluate": "textmlr.evaluation.model_evaluation",
    "featurize": "textmlr.export.matrices.feature_matrix",
    "import_model": "textmlr.model.fasttext.imported_model",
    "load": "textmlr.model.model",
    "read_corpus": "textmlr.corpus.reading",
    "train": "textmlr.training.train",
    "tune": "textmlr.training.tuning.best_options",
    "update": "textmlr.training.update.more_documents",
}

# What methods of Model call that stands above it, or beside it and takes a Model.
_VERBS_OF_MODEL = {
    "_classify_files": "textmlr.export.predictions.file_answers",
    "_compress": "textmlr.model.small_file.compression",
    "_export_model": "textmlr.export.model_export",
    "_top_features": "textmlr.model.explanation.top_features",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name) or _VERBS_OF_MODEL.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    own = name.removeprefix("_")
    value = getattr(__import__(home, fromlist=[own]), own)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
