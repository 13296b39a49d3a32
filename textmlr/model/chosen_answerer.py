"""What answers for a model: by a dense θ, by a sparse one, or as fastText does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textmlr.model.answering import Answerer
from textmlr.model.parameters import Network, check_scores_finite

if TYPE_CHECKING:
    from textmlr.model.model_parts import ModelParts


def answerer_of(parts: ModelParts) -> Answerer:
    """The Answerer of a model.

    Raises ValueError where layers do not fit on one another, or weights are not finite or so
    large that scores would not be.
    """
    if parts.postings is not None and parts.head.has_sets:
        from textmlr.model.set_postings_answering import SetPostingsAnswerer  # fewer still

        return SetPostingsAnswerer(parts)
    if parts.postings is not None:
        from textmlr.model.postings_answering import PostingsAnswerer  # few models are sparse

        return PostingsAnswerer(parts)
    network = Network.of(parts.layers, parts.activation)
    if parts.fasttext is not None:  # some of its weights may be as large as can be
        from textmlr.model.fasttext.fasttext_answering import FastTextAnswerer  # few are imported

        return FastTextAnswerer(parts)
    check_scores_finite(parts.layers)
    return Answerer(
        parts.featurizer, network, parts.columns, parts.calibration, parts.base, parts.head
    )
