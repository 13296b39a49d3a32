"""Featurizer: text → f(x), one sparse matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import Scratch, frozen
from textmlr.base.checks import check_kind
from textmlr.base.errors import InputError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.locks import ForkLock
from textmlr.base.threads import chosen_threads, map_blocks
from textmlr.corpus.batch import Batch
from textmlr.corpus.blocks import blocks_of, is_giant
from textmlr.corpus.containers import Texts
from textmlr.corpus.in_memory import batches_of
from textmlr.corpus.labels import distinct_labels
from textmlr.features.count_rows import block_rows, joined_rows
from textmlr.features.csr_features import Features
from textmlr.features.featurizer_in_words import shown
from textmlr.features.fitted_vocabulary import fitted_vocabulary
from textmlr.features.given_vocabulary import given_vocabulary
from textmlr.features.hashed_names import ColumnNames
from textmlr.features.joint_features import joint_features
from textmlr.features.named_columns import ByName, NamedColumns
from textmlr.features.ngrams import HashedBlock, Hasher
from textmlr.features.prepared import PreparedFeaturizer
from textmlr.features.row_weights import inverse_document_frequency, weigh
from textmlr.features.vocabulary import HashTable, NameSource, Vocabulary
from textmlr.kernels import csr_rows
from textmlr.kernels import hash_table as kernels
from textmlr.kernels.jit import is_plain

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_OWN = ("_hasher", "_scratch", "_prepared", "by_name")  # belong to one process
_preparing = ForkLock()  # held around kernels, which may have to be compiled


class Featurizer(NamedColumns):
    """Text → f(x), by a vocabulary of the documents of fit or by hashing.

    >>> featurizer = Featurizer(FeaturizerOptions(ngrams=(1, 1), idf=False, norm=None))
    >>> matrix = featurizer.fit_transform(["the cat", "the cat and the dog"])
    >>> featurizer.feature_names()
    ['(bias)', 'the', 'cat', 'and', 'dog']
    >>> matrix.toarray().round(2).astype(str).tolist()[1]  # 1 + ln 2 for two of "the"
    ['1.0', '1.69', '1.0', '1.0', '1.0']

    options      FeaturizerOptions, without "auto"
    vocabulary   the features, None until fit, and with hashing
    idf          (V,) float32, None where it is not in use or not yet fitted
    labels       the labels of the documents of fit, sorted, None if it was given none
    documents    number of documents of fit
    invalid      pieces of invalid UTF-8 that the last fit or transform read as U+FFFD
    column_names of the hashed columns that training has named
    """

    def __init__(self, options: FeaturizerOptions | None = None) -> None:
        check_kind("options", options, FeaturizerOptions, optional=True)
        self.options = (options or FeaturizerOptions()).decided()
        self.vocabulary: Vocabulary | None = None
        self.idf: NDArray[np.float32] | None = None
        self.labels: list[str] | None = None
        self.documents = 0
        self.invalid = 0
        self.column_names: ColumnNames | None = None
        self._name_source: NameSource | None = None  # until the features are named
        self._table: HashTable | None = None
        self._begin()

    def _begin(self) -> None:
        """Make the members that belong to this process alone."""
        self._hasher, self._scratch = Hasher(self.options), Scratch()
        self._prepared: PreparedFeaturizer | None = None
        self.by_name: ByName | None = None

    def __repr__(self) -> str:
        return shown(self.options, self.columns if self.vocabulary else None, self.documents)

    @classmethod
    def restore(
        cls,
        options: FeaturizerOptions,
        vocabulary: Vocabulary | None,
        idf: NDArray[np.float32] | None,
        labels: list[str],
        documents: int,
    ) -> Featurizer:
        """A fitted featurizer from its parts."""
        featurizer = cls(options)
        featurizer.vocabulary, featurizer.idf = vocabulary, idf
        featurizer.labels, featurizer.documents = labels, documents
        return featurizer

    @property
    def _bias(self) -> int:
        return int(self.options.bias)

    @property
    def columns(self) -> int:
        """V, the number of columns, the bias included."""
        if self.options.hash_bits is not None:
            return 1 << self.options.hash_bits
        return self._bias + len(self.known_vocabulary)

    @property
    def always_column(self) -> int:
        """The column that no document is without: the bias; −1 for none."""
        return 0 if self.options.bias else -1

    @property
    def known_vocabulary(self) -> Vocabulary:
        """The vocabulary; InputError where there is none."""
        if self.vocabulary is None and self.options.vocabulary is not None:
            self.vocabulary = given_vocabulary(self.options)
        if self.vocabulary is None:
            raise InputError("the featurizer has no vocabulary yet", mend="call fit first")
        return self.vocabulary

    def fit(
        self, texts: Texts, labels: Iterable[str] | None = None, *, threads: int | None = None
    ) -> Featurizer:
        """Count documents to vocabulary and idf.

        texts    documents, see ``corpus.in_memory.batches_of``
        labels   their labels, for joint(); need not be given
        threads  None: one a processor.  Their number changes no bit
        Raises InputError if texts are not text, or no feature remains.
        """
        batches = batches_of(texts)
        own = distinct_labels(labels, batches)
        self._fit(batches, threads)
        self.name_features(threads)
        self.labels = own
        return self

    def transform(self, texts: Texts, *, threads: int | None = None) -> csr_array:
        """f(x) of each document: (n, V) float32 CSR."""
        return self.featurize(batches_of(texts), threads).to_scipy()

    def fit_transform(
        self, texts: Texts, labels: Iterable[str] | None = None, *, threads: int | None = None
    ) -> csr_array:
        """fit, then transform of the same documents, tokenising them once."""
        batches = batches_of(texts)
        own = distinct_labels(labels, batches)
        counts = self.fit_counts(batches, threads)
        self.name_features(threads)
        self.labels = own
        return self.weigh(counts, counts.values, chosen_threads(threads)).to_scipy()

    def fit_stateless(self, batches: Sequence[Batch], threads: int | None = None) -> Features:
        """f(x) of the documents of a fit, where there is nothing to fit but their number.

        Rows are in the order of occurrence within each document: sorting them by 2^22 columns
        would take longer than all the rest.
        """
        threads = chosen_threads(threads)
        prepared = PreparedFeaturizer.of(self.options, self.columns, None, None, ordered=False)
        features = self._map(lambda block: self._featurize(block, prepared), batches, threads)
        self.documents = len(features)
        return features

    def featurize(self, batches: Sequence[Batch], threads: int | None = None) -> Features:
        """transform for Batches, without scipy."""
        if not self.options.needs_no_fit and not self.documents:
            mend = "call fit first, or use hash_bits without idf, which needs no fit"
            raise InputError("the featurizer is not fitted", mend=mend)

        def rows(block: Batch) -> Features:
            return self._featurize(block, None if self.asks_little else self.prepared())

        return self._map(rows, batches, chosen_threads(threads))

    @property
    def asks_little(self) -> bool:
        """Whether the next documents are to go by ``counted_columns``: plain Python takes longer
        to make a table of a large vocabulary than to answer for a document."""
        return is_plain() and self._table is None and self.options.hash_bits is None

    def prepared(self) -> PreparedFeaturizer:
        """The featurizer as kernels take it."""
        prepared = self._prepared
        if prepared is None:
            table = None if self.options.hash_bits is not None else self._whole_table()
            prepared = PreparedFeaturizer.of(self.options, self.columns, table, self.idf)
            self._prepared = prepared
        return prepared

    def _whole_table(self) -> HashTable:
        """The vocabulary's table, made once."""
        with _preparing:
            if self._table is None:
                self._table = HashTable.of(self.known_vocabulary.hashes, self._bias)
            return self._table

    def counted_columns(
        self, block: Batch
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64], int]:
        """The column of each distinct n-gram of a block, −1 for none, and how often it occurs, in
        memory that does not grow with a long document: (columns, counts, offsets, invalid)."""
        hashed = self._hasher.hash(block)
        return self._columns_in_place(hashed), hashed.counts, hashed.offsets, hashed.invalid

    def fit_counts(
        self, batches: Sequence[Batch], threads: int | None = None, *, ordered: bool = True
    ) -> Features:
        """fit, and rows of counts, from which ``weigh`` makes f(x).

        ordered  False: rows of a vocabulary may be in any order, which takes less time
        The features have no names until ``name_features``, which other threads may run meanwhile.
        """
        threads = chosen_threads(threads)
        hashed = self._fit(batches, threads)
        columns = list(map_blocks(self._columns_in_place, hashed, threads))
        bits = self.columns.bit_length() if ordered or self.vocabulary is None else 0
        rows = joined_rows(hashed, columns, self.options.bias, bits, self._scratch, threads)
        return Features(*rows, self.columns, self.invalid)

    def name_features(self, threads: int | None = None) -> None:
        """Give the features of ``fit_counts`` their names, for which the text is read again."""
        source = self._name_source  # another thread may do away with it meanwhile
        if source is not None and self.vocabulary is not None:
            names, offsets = source.names(chosen_threads(threads))
            self.vocabulary = replace(self.vocabulary, names=names, name_offsets=offsets)
            self._name_source = None

    def weigh(
        self, counts: Features, out: NDArray[np.float32], threads: int | None = None
    ) -> Features:
        """f(x) of rows of counts; see ``row_weights.weigh``."""
        return weigh(counts, self.options, self.idf, out, threads)

    def __getstate__(self) -> dict[str, Any]:
        """The state for pickle and copy: everything but this process's scratch."""
        self.name_features()
        return {name: value for name, value in vars(self).items() if name not in _OWN}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._begin()

    def keep(self, kept: NDArray[np.int64]) -> Featurizer:
        """A featurizer with a vocabulary of the same f(x) in some of its columns (ascending, the
        bias among them).

        Where documents are scaled to length 1, all features count in the length: the others keep
        their columns too, but only their hashes are known.  Else they are gone, and the kept
        columns are numbered anew.
        """
        self.name_features()
        own, idf = kept[self._bias :] - self._bias, self.idf
        if self.options.norm is not None:
            vocabulary = self.known_vocabulary.silence(own)
        else:
            vocabulary = self.known_vocabulary.take(own)
            idf = None if idf is None else idf[kept]
        return Featurizer.restore(self.options, vocabulary, idf, self.labels or [], self.documents)

    def joint(self, text: str | bytes, label: str) -> csr_array:
        """f(x, y): f(x) in the block of label y, so that theta.ravel() · f(x, y) is the score.

        >>> from textmlr import Corpus, Model, TrainingOptions, train
        >>> corpus = Corpus.of(["robots and ships", "a kiss in Paris"] * 9, ["scifi", "love"] * 9)
        >>> model = train(corpus, training_options=TrainingOptions(calibration=False))
        >>> f = [model.featurizer.joint("a robot and a kiss", label) for label in model.labels]
        >>> scores = np.array([float((f_y @ model.theta.ravel())[0]) for f_y in f])  # θᵀf(x, y)
        >>> z = np.exp(scores).sum()
        >>> np.allclose(np.exp(scores) / z, model.probabilities(["a robot and a kiss"]))
        True

        Returns (1, V·L) float32; column f·L + ℓ belongs to feature f and label ℓ.
        Raises InputError if the label is not one of fit's.
        """
        if self.labels is None:
            raise InputError("the featurizer knows no labels", mend="give fit the labels too")
        features = self.featurize(batches_of([text]), 1)
        return joint_features(features, self.labels, label)

    def _fit(self, batches: Sequence[Batch], threads: int | None) -> list[HashedBlock]:
        """Count vocabulary and idf; return the hashed blocks."""
        threads = chosen_threads(threads)
        blocks = list(blocks_of(batches))
        documents = sum(map(len, blocks))
        if not documents:
            raise InputError("no documents to fit", mend="give at least one")
        hashed = list(map_blocks(self._hasher.hash, blocks, threads))
        options, vocabulary = self.options, None
        frequencies: NDArray[np.integer[Any]] | None = None
        if options.hash_bits is None:
            vocabulary, self._name_source = fitted_vocabulary(
                hashed, blocks, self._hasher, documents, threads
            )
            frequencies = vocabulary.frequencies
        elif options.uses_idf:
            counted = np.zeros(self.columns, np.int32)
            for block in map_blocks(self._rows, hashed, threads):
                csr_rows.document_frequency(frozen(block.indices), counted)
            frequencies = counted[self._bias :]
        self._fitted(vocabulary, frequencies, documents, sum(block.invalid for block in hashed))
        return hashed

    def _fitted(
        self,
        vocabulary: Vocabulary | None,
        frequencies: NDArray[np.integer[Any]] | None,
        documents: int,
        invalid: int,
    ) -> None:
        """Take over the counts of a fit.

        frequencies  documents that each column but the bias's occurs in; None without idf
        """
        self.vocabulary = vocabulary
        if vocabulary is not None:
            self._table = HashTable.of(vocabulary.hashes, self._bias)
        self.idf, self._prepared, self.column_names = None, None, None
        if frequencies is not None and self.options.uses_idf:
            self.idf = np.ones(self.columns, np.float32)
            self.idf[self._bias :] = inverse_document_frequency(frequencies, documents)
        self.documents, self.invalid = documents, invalid

    def adopt(
        self,
        vocabulary: Vocabulary | None,
        frequencies: NDArray[np.integer[Any]],
        documents: int,
        invalid: int,
    ) -> None:
        """Be fitted, as ``fit`` is on documents that others have counted.

        vocabulary   None with hashing
        frequencies  (V,) documents that each column occurs in, the bias's first if there is one
        """
        self._fitted(vocabulary, frequencies[self._bias :], documents, invalid)

    def counts_of(self, block: Batch) -> Features:
        """Rows of counts of a block, with hashing: in the order of ``fit_stateless``, or sorted
        where idf has to be fitted."""
        ordered = not self.options.stateless
        plain = replace(self.options, term_frequency="raw", norm=None)
        prepared = PreparedFeaturizer.of(plain, self.columns, None, None, ordered=ordered)
        return self._featurize(block, prepared)

    def _columns_in_place(self, hashed: HashedBlock) -> NDArray[np.int32]:
        """The column of each hash, −1 for none, in the memory of the hashes, which are lost."""
        columns = hashed.hashes.view(np.int32)[: len(hashed.hashes)]
        self.find_columns(hashed.hashes, columns)
        return columns

    def find_columns(self, hashes: NDArray[np.uint64], out: NDArray[np.int32]) -> None:
        """Write the column of each n-gram's hash, −1 for none; kernels read hash i before they
        write out[i]."""
        if self.options.hash_bits is not None:
            kernels.fold(frozen(hashes), self._bias, self.columns - self._bias, out)
        elif self.asks_little and self.vocabulary and len(hashes) < len(self.vocabulary):
            self.vocabulary.look_up(hashes, self._bias, out)
        else:
            self._whole_table().look_up(hashes, out)

    def _featurize(self, block: Batch, prepared: PreparedFeaturizer | None) -> Features:
        """f(x) of a block; ``prepared`` is for documents of usual length."""
        if prepared is None or is_giant(block):
            counts = self._rows(self._hasher.hash(block))
            return self.weigh(counts, counts.values)
        return prepared.featurize(block, self.columns, self._scratch)

    def _rows(self, hashed: HashedBlock) -> Features:
        """CSR rows of counts."""
        take = self._scratch.take
        columns = take("columns", len(hashed.hashes), np.int32)[: len(hashed.hashes)]
        self.find_columns(hashed.hashes, columns)
        return block_rows(hashed, columns, self.options.bias, self.columns, self._scratch)

    def _map(
        self, rows: Callable[[Batch], Features], batches: Sequence[Batch], threads: int
    ) -> Features:
        """The rows of all blocks, in order."""
        parts = list(map_blocks(rows, blocks_of(batches), threads))
        self.invalid = sum(part.invalid for part in parts)
        return parts[0] if len(parts) == 1 else Features.joined(parts, self.columns, threads)
