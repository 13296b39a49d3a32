"""scikit-learn estimators: they need ``pip install scikit-learn``.

TextFeaturizer                 text → CSR matrix, in place of TfidfVectorizer
MultinomialLogisticClassifier  CSR or dense matrix → classes, in place of LogisticRegression
TextClassifier                 text → classes, all that ``textmlr.train`` does

No other part of textmlr imports this package or scikit-learn.
"""

from importlib.util import find_spec

if find_spec("sklearn") is None:
    raise ModuleNotFoundError(
        "textmlr.sklearn needs scikit-learn, which is not installed; pip install scikit-learn",
        name="sklearn",
    )

from textmlr.sklearn.classifier import MultinomialLogisticClassifier
from textmlr.sklearn.text_classifier import TextClassifier
from textmlr.sklearn.text_featurizer import TextFeaturizer

__all__ = ["MultinomialLogisticClassifier", "TextClassifier", "TextFeaturizer"]
