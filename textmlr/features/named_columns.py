"""The columns of a featurizer by name, in its own words and in scikit-learn's."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textmlr.base.checks import taken
from textmlr.base.errors import InputError

BIAS_NAME = "(bias)"


class ByName(NamedTuple):
    """Columns by name, kept since people ask for them once a word.

    of  the names that they were made of: a Vocabulary, or ColumnNames
    """

    of: Any
    columns: dict[str, int]


class NamedColumns:
    """What a Featurizer says of its columns."""

    by_name: ByName | None

    def feature_names(self: Any) -> list[str]:
        """The name of each column.

        A word n-gram is its tokens with a space between, a character n-gram "char:" and its
        characters, the bias "(bias)"; a feature that ``keep`` left without a name has the empty
        one.  Training names the heaviest hashed columns after the n-gram that occurs most in a
        sample; where others fall into the same column: "good (+2 others)".
        Raises InputError for hashed columns where training has not named any.
        """
        bias = int(self.options.bias)
        if self.options.hash_bits is not None:
            if self.column_names is None:
                mend = "use a vocabulary, or train a model, which names the heaviest"
                raise InputError("hashed features have no names", mend=mend)
            names: list[str] = self.column_names.by_column(self.columns)[bias:]
        else:
            self.name_features()
            names = self.known_vocabulary.name_list()
        return [BIAS_NAME] * bias + names

    def get_feature_names_out(self: Any) -> NDArray[np.object_]:
        """``feature_names`` as scikit-learn has it: (V,) of str."""
        return np.array(self.feature_names(), dtype=object)

    @property
    def vocabulary_(self: Any) -> dict[str, int]:
        """The column of each named feature but the bias, by its name.

        >>> from textmlr import Featurizer, FeaturizerOptions
        >>> options = FeaturizerOptions(ngrams=(1, 1), bias=False)
        >>> Featurizer(options).fit(["the cat", "the dog"]).vocabulary_
        {'the': 0, 'cat': 1, 'dog': 2}
        """
        self.name_features()
        known = self.by_name
        if known is None or known.of is not (self.vocabulary or self.column_names):
            names, bias = self.feature_names(), int(self.options.bias)
            columns = {name: column for column, name in enumerate(names[bias:], bias) if name}
            known = self.by_name = ByName(self.vocabulary or self.column_names, columns)
        own: dict[str, int] = known.columns
        return own

    @property
    def idf_(self: Any) -> NDArray[np.float32]:
        """(V,) what each column is multiplied by; AttributeError where there is none."""
        if self.idf is None:
            raise AttributeError("there is no idf: the options leave it out, or fit was not called")
        own: NDArray[np.float32] = self.idf
        return own

    def inverse_transform(self: Any, matrix: Any) -> list[NDArray[np.object_]]:
        """The names of the features that each row has (not 0), but for the bias: the terms of each
        document.

        matrix  (n, V) as ``transform`` gives it, sparse or dense
        Raises InputError for a matrix of another width, and with hashing.

        >>> from textmlr import Featurizer
        >>> featurizer = Featurizer().fit(["a cat", "a dog"])
        >>> terms = featurizer.inverse_transform(featurizer.transform(["a dog"]))
        >>> sorted(terms[0].tolist())
        ['a', 'a dog', 'dog']
        """
        from scipy.sparse import csr_array

        names = self.get_feature_names_out()
        try:
            rows = csr_array(matrix)
        except (TypeError, ValueError) as error:
            raise taken("matrix", matrix, "a matrix", "give what transform gave") from error
        if rows.ndim != 2 or rows.shape[1] != len(names):
            raise InputError(
                f"the matrix has the shape {rows.shape}, not {len(names):,} columns",
                mend="give what transform gave",
            )
        rows.sum_duplicates()
        rows.eliminate_zeros()
        bias = int(self.options.bias)
        each = (rows.indices[i:j] for i, j in zip(rows.indptr, rows.indptr[1:], strict=False))
        return [names[own[own >= bias]] for own in each]
