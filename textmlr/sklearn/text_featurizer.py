"""TextFeaturizer: ``textmlr.Featurizer`` as a scikit-learn transformer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from textmlr.base.featurizer_options import NgramRange, Norm, TermFrequency
from textmlr.features.featurizer import Featurizer
from textmlr.sklearn.conventions import featurizer_options, threads_of

if TYPE_CHECKING:
    from typing import Self

    from scipy.sparse import csr_array


class TextFeaturizer(TransformerMixin, BaseEstimator):
    """Text → sparse matrix of word and character n-grams, in place of TfidfVectorizer.

    The parameters are the fields of ``textmlr.FeaturizerOptions``, with its defaults, but for
    bias: classifiers of scikit-learn have an intercept of their own, so that there is no column
    that is always 1 unless it is asked for.

    lowercase         lower-case code point by code point
    punctuation       each punctuation mark or symbol is a token
    split_scripts     scripts written without spaces give one token a character
    min_token_length  shorter words are dropped before n-grams are formed
    ngrams            (shortest, longest) word n-grams, None for none; "auto" is (1, 2)
    char_ngrams       (shortest, longest) character n-grams inside words, None for none
    term_frequency    "binary": 1; "raw": the count; "log": 1 + ln count
    idf               multiply by ln((1 + n) / (1 + df)) + 1; None: yes, but with hashing no
    norm              "l2": each row has length 1; None: as it comes
    min_df            features in fewer documents are dropped; None: 1, or 2 where there would be
                      more than half a million
    max_features      keep the most frequent (by documents), None for all
    hash_bits         None: a vocabulary; b: hash to 2^b columns, which needs no fit without idf
    bias              column 0 is always 1
    n_jobs            threads; None and -1: one a processor.  Their number changes no bit

    featurizer_       after fit: the ``textmlr.Featurizer``

    texts are taken in whatever form ``textmlr.Featurizer`` takes them: lists, arrays, Series of
    pandas and polars, Arrow, columns of Hugging Face datasets.  The matrix is sparse, so that
    ``set_output`` of "pandas" and "polars" is refused, as scikit-learn's own vectorizers do.

    >>> from textmlr.sklearn import TextFeaturizer
    >>> featurizer = TextFeaturizer(ngrams=(1, 1), term_frequency="raw", idf=False, norm=None)
    >>> featurizer.fit_transform(["the cat", "the cat and the dog"]).toarray().tolist()
    [[1.0, 1.0, 0.0, 0.0], [2.0, 1.0, 1.0, 1.0]]
    >>> featurizer.get_feature_names_out().tolist()
    ['the', 'cat', 'and', 'dog']
    """

    featurizer_: Featurizer

    def __init__(
        self,
        *,
        lowercase: bool = True,
        punctuation: bool = True,
        split_scripts: bool = True,
        min_token_length: int = 1,
        ngrams: NgramRange = (1, 2),
        char_ngrams: NgramRange = None,
        term_frequency: TermFrequency = "log",
        idf: bool | None = None,
        norm: Norm | None = "l2",
        min_df: int | None = None,
        max_features: int | None = None,
        hash_bits: int | None = None,
        bias: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.lowercase = lowercase
        self.punctuation = punctuation
        self.split_scripts = split_scripts
        self.min_token_length = min_token_length
        self.ngrams = ngrams
        self.char_ngrams = char_ngrams
        self.term_frequency = term_frequency
        self.idf = idf
        self.norm = norm
        self.min_df = min_df
        self.max_features = max_features
        self.hash_bits = hash_bits
        self.bias = bias
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Learn vocabulary and idf of texts; y is not used.

        Raises ValueError (``textmlr.InputError``) for what is not text, naming its position.
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
        """A new one, of the parameters as they are now."""
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
