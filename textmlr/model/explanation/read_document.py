"""A document as a model's featurizer reads it: textmlr's tokens, or fastText's."""

from __future__ import annotations

from textmlr.features.featurizer import Featurizer
from textmlr.model.explanation.document_tokens import DocumentTokens


def is_fasttext(featurizer: Featurizer) -> bool:
    """Whether text is read as fastText reads it."""
    return type(featurizer) is not Featurizer


def read_document(document: str | bytes, featurizer: Featurizer) -> DocumentTokens:
    """Read a document.  Raises InputError if it is not text."""
    if is_fasttext(featurizer):
        from textmlr.features.fasttext_featurizer import FastTextFeaturizer  # few are imported
        from textmlr.model.fasttext.fasttext_tokens import FastTextTokens

        assert isinstance(featurizer, FastTextFeaturizer)
        return FastTextTokens.of_fasttext(document, featurizer)
    return DocumentTokens.of(document, featurizer.options)
