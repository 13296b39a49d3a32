"""scikit-learn estimators: ``pip install 'textmlr[sklearn]'``.

TextFeaturizer                 text → CSR matrix, in place of TfidfVectorizer
MultinomialLogisticClassifier  CSR or dense matrix → classes, in place of LogisticRegression
TextClassifier                 text → classes, all that ``textmlr.train`` does

Nothing else of textmlr imports this package, nor scikit-learn.
"""

from textmlr.sklearn.classifier import MultinomialLogisticClassifier
from textmlr.sklearn.featurizer import TextFeaturizer
from textmlr.sklearn.text import TextClassifier

__all__ = ["MultinomialLogisticClassifier", "TextClassifier", "TextFeaturizer"]
