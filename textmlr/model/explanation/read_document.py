"""A document as a model's featurizer reads it: textmlr's tokens, or fastText's."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from textmlr.features.featurizer import Featurizer
from textmlr.model.explanation.document_tokens import DocumentTokens

if TYPE_CHECKING:
    from textmlr.features.fasttext_featurizer import FastTextFeaturizer


def is_fasttext(featurizer: Featurizer) -> TypeGuard[FastTextFeaturizer]:
    """Whether text is read as fastText reads it."""
    if type(featurizer) is Featurizer:  # most are
        return False
    from textmlr.features.fasttext_featurizer import FastTextFeaturizer

    return isinstance(featurizer, FastTextFeaturizer)


def read_document(document: str | bytes, featurizer: Featurizer) -> DocumentTokens:
    """Read a document.  Raises InputError if it is not text."""
    if is_fasttext(featurizer):
        from textmlr.model.fasttext.fasttext_tokens import FastTextTokens  # few are imported

        return FastTextTokens.of_fasttext(document, featurizer)
    return DocumentTokens.of(document, featurizer.options)
