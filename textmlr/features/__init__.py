"""Text → f(x): tokens, n-grams, vocabulary or hashing, weights."""

from textmlr.features.featurizer import Featurizer
from textmlr.features.matrix import Features

__all__ = ["Features", "Featurizer"]
