"""Text → f(x): tokens, n-grams, vocabulary or hashing, weights."""

from textmlr.features.featurizer import Features, Featurizer

__all__ = ["Features", "Featurizer"]
