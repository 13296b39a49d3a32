"""The choice of θ's form: dense, or sparse, with weights only where feature and label met."""

from __future__ import annotations

from dataclasses import replace

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.option_conflicts import asks_for_dense
from textmlr.base.option_errors import OptionError, Sentence
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.corpus import Corpus
from textmlr.model.heads import Head

# With more labels than this θ is sparse where nothing speaks against it: fewer than one in a
# hundred of the cells of a dense one have met a document.
MOST_DENSE_LABELS = 1_000
_SPARSE = {"theta": "sparse"}
_LEAVE_OUT = Sentence("leave it out, or give {theta}", {"theta": "dense"})


# A sparse θ starts from zero where labels have so many documents, on average: SGD then finds more
# than the sums of their rows say.
ZERO_DOCUMENTS = 50


class ThetaSizeError(OptionError):
    """A dense θ would not fit in memory."""


def with_theta(
    options: TrainingOptions, corpus: Corpus, head: Head, *, stored: bool
) -> TrainingOptions:
    """The options, with a sparse θ where that is taken without being asked for: of more than
    MOST_DENSE_LABELS labels.

    options  before their defaults are decided
    head     of the model;  stored  whether rows are kept on disk
    """
    if len(corpus.labels) <= MOST_DENSE_LABELS or not may_be_sparse(options, head, stored=stored):
        return options
    return replace(options, theta="sparse")


def starts_from_zero(options: TrainingOptions, corpus: Corpus, *, stored: bool) -> bool:
    """Whether a sparse θ starts from zero: of labels that are not very many, and have many
    documents;  stored  whether rows are kept on disk."""
    if options.theta != "sparse" or stored or len(corpus.labels) > MOST_DENSE_LABELS:
        return False
    return len(corpus) >= ZERO_DOCUMENTS * len(corpus.labels)


def kept_dense(options: TrainingOptions, corpus: Corpus) -> TrainingOptions:
    """The options of a model that has to be dense, as its trials were."""
    many = len(corpus.labels) > MOST_DENSE_LABELS
    return replace(options, theta="dense") if many else options


def may_be_sparse(options: TrainingOptions, head: Head, *, stored: bool) -> bool:
    """Whether θ may be sparse though nobody asked for that."""
    free = options.theta is None and asks_for_dense(options) is None
    return free and head.has_sparse and not stored


def check_theta(options: TrainingOptions, head: Head, lever: Sentence | None) -> None:
    """Raise OptionError for a sparse θ where training finds none: of independent sigmoids, and of a
    corpus on disk;  lever  what keeps it in memory, None: it is there."""
    if options.theta != "sparse" or (head.has_sparse and lever is None):
        return
    where = "rows are kept in memory" if head.has_sparse else "documents have one label each"
    raise OptionError(
        "theta",
        Sentence(f"{{theta}} is for corpora where {where}", _SPARSE),
        lever if lever is not None and head.has_sparse else _LEAVE_OUT,
    )


def with_idf(wanted: FeaturizerOptions) -> FeaturizerOptions:
    """Options of features for a sparse θ: TF-IDF, unless they say otherwise."""
    return replace(wanted, idf=wanted.hash_bits is None) if wanted.idf is None else wanted


def refuse_sparse(options: TrainingOptions, who: str) -> None:
    """Raise OptionError for a sparse θ where only dense ones are trained;  who  trains them."""
    if options.theta == "sparse":
        problem = Sentence(f"{who} trains no {{theta}}", _SPARSE)
        raise OptionError("theta", problem, _LEAVE_OUT)
