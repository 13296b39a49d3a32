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
        return self._fitted.transform(X, threads=threads_of(self.n_jobs))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """The n-gram of each column; input_features is not used.

        Raises ValueError with hashing, which keeps no names.
        """
        return self._fitted.get_feature_names_out()

    def inverse_transform(self, X: Any) -> list[NDArray[np.object_]]:  # noqa: N803
        """The n-grams that each row of X has: of each document, an array of them.

        Raises ValueError for a matrix of another width, and with hashing.
        """
        return self._fitted.inverse_transform(X)

    @property
    def vocabulary_(self) -> dict[str, int]:
        """The column of each n-gram.  Raises ValueError with hashing, which keeps no names."""
        return self._fitted.vocabulary_

    @property
    def idf_(self) -> NDArray[np.float32]:
        """(V,) what each column is multiplied by; AttributeError where there is none."""
        return self._fitted.idf_

    @property
    def _fitted(self) -> Featurizer:
        """The featurizer of fit; a new one where none is needed."""
        check_is_fitted(self)
        return getattr(self, "featurizer_", None) or self._featurizer()

    def _featurizer(self) -> Featurizer:
        """A new featurizer with the present parameters."""
        return Featurizer(featurizer_options(self))

    @property
    def _needs_no_fit(self) -> bool:
        if self.hash_bits is not None:
            return not self.idf
        return self.vocabulary is not None and self.idf is False

    def __sklearn_is_fitted__(self) -> bool:
        return self._needs_no_fit or hasattr(self, "featurizer_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = not self._needs_no_fit
        return tags
