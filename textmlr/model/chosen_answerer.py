"""What answers for a model: the way of textmlr's own models, or that of fastText's."""

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
    network = Network.of(parts.layers, parts.activation)
    if parts.fasttext is not None:  # some of its weights may be as large as can be
        from textmlr.model.fasttext.fasttext_answering import FastTextAnswerer  # few are imported

        return FastTextAnswerer(parts)
    check_scores_finite(parts.layers)
    return Answerer(
        parts.featurizer, network, parts.columns, parts.calibration, parts.base, parts.head
    )
