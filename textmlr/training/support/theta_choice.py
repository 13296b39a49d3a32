"""The choice of θ's form: dense, or sparse, with weights only where feature and label met."""

from __future__ import annotations

from dataclasses import replace

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.option_errors import OptionError, Sentence
from textmlr.base.training_options import TrainingOptions

_SPARSE = {"theta": "sparse"}
_LEAVE_OUT = Sentence("leave it out, or give {theta}", {"theta": "dense"})


def check_theta(options: TrainingOptions, *, multilabel: bool, stored: bool) -> None:
    """Raise OptionError for a sparse θ where training finds none: of documents with sets of labels,
    and of a corpus on disk."""
    if options.theta != "sparse" or not (multilabel or stored):
        return
    where = "documents have one label each" if multilabel else "rows are kept in memory"
    raise OptionError(
        "theta", Sentence(f"{{theta}} is for corpora where {where}", _SPARSE), _LEAVE_OUT
    )


def with_idf(wanted: FeaturizerOptions) -> FeaturizerOptions:
    """Options of features for a sparse θ: TF-IDF, unless they say otherwise."""
    return replace(wanted, idf=wanted.hash_bits is None) if wanted.idf is None else wanted


def refuse_sparse(options: TrainingOptions, who: str) -> None:
    """Raise OptionError for a sparse θ where only dense ones are trained;  who  trains them."""
    if options.theta == "sparse":
        problem = Sentence(f"{who} trains no {{theta}}", {"theta": "sparse"})
        raise OptionError("theta", problem, _LEAVE_OUT)
