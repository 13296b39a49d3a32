"""Texts in memory are read where corpora are (``textmlr.corpus.texts``)."""

from textmlr.corpus.texts import batches_of

__all__ = ["batches_of"]
