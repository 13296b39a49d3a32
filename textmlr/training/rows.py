"""A labelled corpus as training sees it: a fitted featurizer, rows, label codes and weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.errors import InputError
from textmlr.base.featurizer_options import MANY_FEATURES, FeaturizerOptions
from textmlr.base.option_errors import OptionError, Sentence
from textmlr.base.option_mentions import mention
from textmlr.base.threads import machine_memory
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.corpus import Corpus, files_of
from textmlr.corpus.label_sets import LabelSets, Targets, label_counts
from textmlr.corpus.reading import recode
from textmlr.features.csr_features import Features
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import HashedColumns
from textmlr.features.row_weights import inverse_document_frequency
from textmlr.model.heads import SOFTMAX, Head
from textmlr.training.dealt_parts import AnyObjective
from textmlr.training.objective import Objective
from textmlr.training.sgd.runs import ColumnFacts
from textmlr.training.sgd.trial_run import TrialResults
from textmlr.training.support.support_choice import SupportChoice
from textmlr.training.support.theta_choice import MOST_DENSE_LABELS, ThetaSizeError, penalty_of

# Labels of sets have few documents each, and learn little from rare features: more weights than
# these, of the rarest features, take most of the time and memory of training, and do not lower the
# loss of held-out documents of debtags.
MOST_WEIGHTS, LEAST_FEATURES = 1 << 24, 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of a corpus.

    featurizer  fitted on the corpus; its features have no names yet
    columns     with hashing, those that θ has rows for
    objective   over the corpus's documents
    idf         (V,) float64, None where it does not scale the steps
    frequencies (V,) documents of the corpus that have each feature
    invalid     pieces of invalid UTF-8 in the corpus
    first       (v,) of rows on disk, the first document of each feature of the vocabulary, from
                which it is named
    cut         of rows on disk, where not all features fit in memory: those kept, of how many, and
                by how many documents their frequencies may be too low; None: all fit
    trials      the results of trials over all of them that training would make; None: nothing
    support     of a sparse θ, what its weights are made of; None: nothing was chosen
    """

    featurizer: Featurizer
    columns: HashedColumns | None
    objective: AnyObjective
    idf: NDArray[np.float64] | None
    frequencies: NDArray[np.integer[Any]] | None = None
    invalid: int = 0
    first: NDArray[np.int64] | None = None
    cut: dict[str, int] | None = None
    trials: TrialResults | None = None
    support: SupportChoice | None = None

    @classmethod
    def of(
        cls,
        corpus: Corpus,
        featurizer_options: FeaturizerOptions,
        options: TrainingOptions,
        threads: int,
        head: Head = SOFTMAX,
    ) -> Rows:
        """Fit a featurizer on a corpus, and take its rows.

        Raises InputError where θ would not fit in memory.
        """
        featurizer = Featurizer(featurizer_options)
        features, columns, frequencies = _features(featurizer, corpus, threads)
        featurizer.labels = corpus.labels
        check_memory(
            features.columns,
            len(corpus.labels),
            options,
            threads,
            weights=int(most_weights(frequencies, len(corpus.labels)).sum()),
            may_be_sparse=head.has_sparse,
        )
        idf = None
        if options.idf_power is not None or not featurizer.options.uses_idf:
            idf = inverse_document_frequency(frequencies, len(corpus))
        unit_from = None
        # The length of hashed rows counts unseen columns too, in new documents as well.
        if featurizer.options.norm == "l2" and featurizer.vocabulary is not None:
            unit_from = int(featurizer.options.bias)
        objective = _objective(features, corpus, corpus.labels, options)
        objective = replace(objective, unit_from=unit_from, head=head)
        return cls(featurizer, columns, objective, idf, frequencies, features.invalid)

    @property
    def in_memory(self) -> Objective:
        """The objective, of rows in memory."""
        assert isinstance(self.objective, Objective)
        return self.objective

    @property
    def column_facts(self) -> ColumnFacts:
        """The facts about columns that SGD uses."""
        return ColumnFacts(self.idf, self.bias)

    @property
    def bias(self) -> int | None:
        """The column that is always 1, None for none."""
        if not self.featurizer.options.bias:
            return None
        return 0 if self.columns is None else int(self.columns.find(np.zeros(1, np.int32))[0])

    def judge(self, validation: Corpus, options: TrainingOptions, threads: int) -> Objective:
        """The objective over other documents, in these columns.

        Raises InputError for a label that the corpus does not have.
        """
        rows = self.featurizer.featurize(validation.batches, threads)
        if self.columns is not None:
            rows = self.columns.renumber(rows, threads)
        assert self.featurizer.labels is not None
        objective = _objective(rows, validation, self.featurizer.labels, options)
        return replace(objective, head=self.objective.head)


def _features(
    featurizer: Featurizer, corpus: Corpus, threads: int
) -> tuple[Features, HashedColumns | None, NDArray[np.integer[Any]]]:
    """(f(x) of the documents, numbers of hashed columns, document frequency of each column)."""
    if featurizer.options.stateless:
        features = featurizer.fit_stateless(corpus.batches, threads)
    else:
        counts = featurizer.fit_counts(corpus.batches, threads, ordered=False)
        # The counts are not needed any more: the weights are written over them.
        features = featurizer.weigh(counts, counts.values, threads)
    if featurizer.vocabulary is None:
        columns, frequencies = HashedColumns.of(features, threads)
        return columns.renumber(features, threads), columns, frequencies
    always = np.full(int(featurizer.options.bias), len(corpus))
    return features, None, np.concatenate([always, featurizer.vocabulary.frequencies])


def memory_of(columns: int, labels: int, options: TrainingOptions, threads: int) -> int:
    """Bytes of θ in training, with the state of steps, of all runs side by side."""
    widths = [columns, *options.hidden, labels]
    weights = sum((below + 1) * width for below, width in pairwise(widths))
    copies = 2 if options.chosen_step == "adagrad" else 1
    return 4 * weights * copies * (min(threads, 3) + 1)


def most_weights(frequencies: NDArray[np.integer[Any]], labels: int) -> NDArray[np.int64]:
    """(V,) the labels that each column meets, at most: one a document that has it."""
    most: NDArray[np.int64] = np.minimum(frequencies, labels).astype(np.int64, copy=False)
    return most


def sparse_memory_of(weights: int, labels: int) -> int:
    """Bytes of a sparse θ of at most so many weights in training: each has its label and its sum
    beside it."""
    return 16 * weights + 64 * labels


def check_memory(
    columns: int,
    labels: int,
    options: TrainingOptions,
    threads: int,
    *,
    weights: int = 0,
    may_be_sparse: bool = False,
) -> None:
    """Refuse a θ that would not fit before any memory is taken.

    weights        of a sparse θ, at most
    may_be_sparse  whether a sparse θ could be trained on them
    """
    sparse = options.theta == "sparse"
    needed = memory_of(columns, labels, options, threads)
    if sparse:
        needed = sparse_memory_of(weights, labels)
    available = machine_memory()
    if needed <= available:
        return
    layers = "".join(f" × {width:,} hidden units" for width in options.hidden)
    smaller = ", or smaller layers ({hidden:name})" if layers else ""
    mend = "keep fewer features ({max_features:name}, {min_df:name} or {hash_bits:name})" + smaller
    what = f"{columns:,} features{layers} × {labels:,} labels"
    if sparse:
        what = f"{columns:,} features and {labels:,} labels, which meet up to {weights:,} times,"
        mend = "keep fewer features ({max_features:name} or {min_df:name}), or fewer documents"
    elif labels > MOST_DENSE_LABELS and may_be_sparse and not (layers or options.solver == "exact"):
        mend = "give {theta}: a weight only where feature and label met; or train fewer labels"
    elif labels > MOST_DENSE_LABELS:
        mend = "train fewer labels, or " + mend
    raise ThetaSizeError(
        "theta" if "{theta}" in mend else "max_features",
        Sentence(
            f"{what} need {needed / 2**30:.1f} GiB to train, and this machine has "
            f"{available / 2**30:.1f} GiB"
        ),
        Sentence(mend, {"theta": "sparse"}),
        guide="limits",
    )


def few_features(
    wanted: FeaturizerOptions, corpus: Corpus, options: TrainingOptions
) -> FeaturizerOptions:
    """The options with as many features as keep θ small where documents have sets of labels, unless
    they say how many or which."""
    if not corpus.is_multilabel:
        return wanted
    width = options.hidden[0] if options.hidden else len(corpus.labels)
    most = max(MOST_WEIGHTS // width, LEAST_FEATURES)
    given = wanted.max_features, wanted.min_df, wanted.hash_bits, wanted.vocabulary
    if most >= MANY_FEATURES or any(one is not None for one in given):
        return wanted
    return replace(wanted, max_features=most)


def document_weights(corpus: Corpus, class_weight: str | None) -> NDArray[np.float32]:
    """(n,) float32: the corpus's own weights, times n/(L·n_ℓ) if "balanced"; mean 1.

    Raises InputError for "balanced" where documents have sets of labels.
    Source of "balanced": King and Zeng, Political Analysis 9(2), 2001, section 4.2.
    """
    n = len(corpus)
    weights = np.ones(n) if corpus.weights is None else corpus.weights.astype(np.float64)
    if class_weight == "balanced":
        codes = _one_label(corpus.y)
        per_label = np.bincount(codes, weights, minlength=len(corpus.labels))
        weights = weights / np.maximum(per_label, np.finfo(np.float64).tiny)[codes]
    total = weights.sum()
    if not total > 0:
        raise InputError(
            "every document has weight 0",
            place=files_of(corpus),
            mend="give some a positive weight",
        )
    scaled: NDArray[np.float32] = (weights * (n / total)).astype(np.float32)
    # A weight above 0 stays above it, however small beside others: its label still counts.
    scaled[(scaled == 0) & (weights > 0)] = np.finfo(np.float32).tiny
    return scaled


def _one_label(y: Targets) -> NDArray[np.integer[Any]]:
    """The labels of documents that have one each."""
    if isinstance(y, LabelSets):
        raise OptionError(
            "class_weight",
            Sentence("{class_weight:name} balances corpora of one label a document"),
            Sentence(
                "leave it out; {maximise} makes the most of rare labels", {"maximise": "macro-f1"}
            ),
        )
    return y


def label_totals(corpus: Corpus, class_weight: str | None) -> NDArray[np.float64]:
    """(L,) sums of ``document_weights`` over the documents of each label; of one label a document
    they add up to n.

    "balanced" makes them equal, to the bit.
    """
    totals = label_counts(corpus.y, len(corpus.labels), corpus.weights)
    if corpus.is_multilabel:
        whole = len(corpus) if corpus.weights is None else corpus.weights.sum(dtype=np.float64)
        own: NDArray[np.float64] = totals * (len(corpus) / float(whole))
        return own
    if class_weight == "balanced":
        totals = (totals > 0).astype(np.float64)
    summed: NDArray[np.float64] = totals * (len(corpus) / totals.sum())
    return summed


def check_judges(corpus: Corpus, validation: Corpus | None) -> None:
    """Raise InputError for validation documents with several labels, where those of the corpus have
    one each."""
    if validation is None or not validation.is_multilabel or corpus.is_multilabel:
        return
    raise InputError(
        "validation documents have several labels, and those of the training corpus one each",
        place=files_of(validation),
        mend=f"{mention('multilabel', True)} learns each label by itself, and "
        f"{mention('multilabel', False)} takes the first of each document",
    )


def _objective(
    features: Features,
    corpus: Corpus,
    labels: list[str],
    options: TrainingOptions,
) -> Objective:
    y, unknown = recode(corpus, labels)
    if unknown and not isinstance(y, LabelSets):  # of a set the known labels are left
        raise InputError(
            f"label {next(iter(unknown))!r} is not in the training corpus",
            place=files_of(corpus),
            mend="leave its documents out of the validation file",
        )
    weights = document_weights(corpus, options.class_weight)
    return Objective(features, y, weights, len(labels), penalty_of(options))
