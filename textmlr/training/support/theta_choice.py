"""The choice of θ's form: dense, or sparse, with weights only where feature and label met."""

from __future__ import annotations

from dataclasses import replace

from textmlr.base.option_conflicts import asks_for_dense
from textmlr.base.option_errors import OptionError, Sentence
from textmlr.base.training_options import DEFAULT_L2, TrainingOptions
from textmlr.corpus.corpus import Corpus
from textmlr.model.heads import Head, usual_head

# With more labels than this θ is sparse where nothing speaks against it: fewer than one in a
# hundred of the cells of a dense one have met a document.
MOST_DENSE_LABELS = 1_000
_SPARSE = {"theta": "sparse"}
_LEAVE_OUT = Sentence("leave it out, or give {theta}", {"theta": "dense"})

# A sparse θ starts from zero where labels have so many documents, on average: SGD then finds more
# than the sums of their rows say.
ZERO_DOCUMENTS = 50
# It is then as good as a dense one, on new documents of four corpora of 127 to 430 labels better,
# in a hundredth of the file: with more labels than this it is taken, if nothing speaks against it.
MOST_SMALL_LABELS = 100


class ThetaSizeError(OptionError):
    """A dense θ would not fit in memory."""


def with_theta(
    options: TrainingOptions, corpus: Corpus, head: Head, *, stored: bool
) -> TrainingOptions:
    """The options, with a sparse θ where that is taken without being asked for: of more than
    MOST_DENSE_LABELS labels, and of more than MOST_SMALL_LABELS that have many documents.

    options  before their defaults are decided;  head  of the model;  stored  rows are on disk
    """
    free = may_be_sparse(options, head, stored=stored)
    sparse = replace(options, theta="sparse") if free else options
    labels = len(corpus.labels)
    many = labels > MOST_SMALL_LABELS and starts_from_zero(sparse, corpus, head)
    return sparse if many or labels > MOST_DENSE_LABELS else options


def starts_from_zero(options: TrainingOptions, corpus: Corpus, head: Head) -> bool:
    """Whether a sparse θ starts from zero: of labels that are not very many, and have many
    documents, one label each."""
    if options.theta != "sparse" or head.has_sets or len(corpus.labels) > MOST_DENSE_LABELS:
        return False
    return len(corpus) >= ZERO_DOCUMENTS * len(corpus.labels)


def penalty_of(options: TrainingOptions) -> float:
    """λ of an objective's penalty: no option says it of a sparse θ."""
    return DEFAULT_L2 if options.theta == "sparse" else options.l2 or 0.0


def kept_dense(options: TrainingOptions, corpus: Corpus) -> TrainingOptions:
    """The options of a model that has to be dense, as its trials were."""
    many = (
        with_theta(options, corpus, usual_head(corpus.is_multilabel), stored=False).theta
        == "sparse"
    )
    return replace(options, theta="dense") if many else options


def may_be_sparse(options: TrainingOptions, head: Head, *, stored: bool) -> bool:
    """Whether θ may be sparse though nobody asked for that;  stored  rows are on disk."""
    free = options.theta is None and asks_for_dense(options) is None
    return free and head.has_sparse and not (stored and head.has_sets)


def check_theta(options: TrainingOptions, head: Head, *, stored: bool) -> None:
    """Raise OptionError for a sparse θ where training finds none: by a head that has none, and of
    documents with sets of labels whose rows are on disk;  stored  whether they are."""
    if options.theta != "sparse" or (head.has_sparse and not (stored and head.has_sets)):
        return
    if not head.has_sparse:
        problem = Sentence("{theta} is for corpora where documents have one label each", _SPARSE)
        raise OptionError("theta", problem, _LEAVE_OUT)
    raise OptionError(
        "theta",
        Sentence(
            "{theta} keeps documents of several labels each in memory, and these are on disk",
            _SPARSE,
        ),
        Sentence("leave it out, or give more {memory:name}"),
    )


def refuse_sparse(options: TrainingOptions, who: str) -> None:
    """Raise OptionError for a sparse θ where only dense ones are trained;  who  trains them."""
    if options.theta == "sparse":
        problem = Sentence(f"{who} trains no {{theta}}", _SPARSE)
        raise OptionError("theta", problem, _LEAVE_OUT)
