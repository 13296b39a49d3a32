"""TextFeaturizer: ``textmlr.Featurizer`` as a scikit-learn transformer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from textmlr.base.featurizer_options import WORDS, FeaturizerOptions
from textmlr.features.featurizer import Featurizer
from textmlr.sklearn.conventions import threads_of
from textmlr.sklearn.estimator_parameters import N_JOBS, featurizer_options, has_parameters

if TYPE_CHECKING:
    from typing import Self

    from scipy.sparse import csr_array


@has_parameters(
    [FeaturizerOptions],
    {"n_jobs": N_JOBS},
    {"ngrams": WORDS, "char_ngrams": None, "bias": False},
)
class TextFeaturizer(TransformerMixin, BaseEstimator):
    """Text → sparse matrix of word and character n-grams, in place of TfidfVectorizer.

    Its parameters are the fields of ``textmlr.FeaturizerOptions``, with its defaults but for bias:
    classifiers of scikit-learn have an intercept of their own.  After fit, ``featurizer_`` is the
    ``textmlr.Featurizer``.

    Texts may be whatever ``textmlr.Featurizer`` takes: lists, arrays, Series of pandas and polars,
    Arrow, columns of Hugging Face datasets.  The matrix is sparse, so that ``set_output`` of
    "pandas" and "polars" is refused, as scikit-learn's own vectorizers do.

    >>> from textmlr.sklearn import TextFeaturizer
    >>> featurizer = TextFeaturizer(ngrams=(1, 1), term_frequency="raw", idf=False, norm=None)
    >>> featurizer.fit_transform(["the cat", "the cat and the dog"]).toarray().tolist()
    [[1.0, 1.0, 0.0, 0.0], [2.0, 1.0, 1.0, 1.0]]
    >>> featurizer.get_feature_names_out().tolist()
    ['the', 'cat', 'and', 'dog']
    """

    featurizer_: Featurizer

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Fit the vocabulary and idf of texts; y is not used.

        Raises ValueError (``textmlr.InputError``) for a document that is no text, naming its
        position.
        """
        self.featurizer_ = self._featurizer().fit(X, threads=threads_of(self.n_jobs))
        return self

    def fit_transform(self, X: Any, y: Any = None) -> csr_array:  # noqa: N803
        """fit, then transform of the same texts, which are tokenised once."""
        featurizer = self._featurizer()
        matrix = featurizer.fit_transform(X, threads=threads_of(self.n_jobs))
        self.featurizer_ = featurizer
        return matrix

    def transform(self, X: Any) -> csr_array:  # noqa: N803
        """f(x) of each text: (n, V) float32 CSR."""
        check_is_fitted(self)
        featurizer = getattr(self, "featurizer_", None) or self._featurizer()
        return featurizer.transform(X, threads=threads_of(self.n_jobs))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """The n-gram of each column; input_features is not used.

        Raises ValueError with hashing, which keeps no names.
        """
        check_is_fitted(self)
        featurizer = getattr(self, "featurizer_", None) or self._featurizer()
        return np.array(featurizer.feature_names(), dtype=object)

    def _featurizer(self) -> Featurizer:
        """A new featurizer with the present parameters."""
        return Featurizer(featurizer_options(self))

    @property
    def _stateless(self) -> bool:
        return self.hash_bits is not None and not self.idf

    def __sklearn_is_fitted__(self) -> bool:
        return self._stateless or hasattr(self, "featurizer_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = not self._stateless
        return tags
