"""Files and streams → Batch and Corpus; one module per format."""

from textmlr.corpus.batch import Batch, Corpus
from textmlr.corpus.tsv import read_corpus, read_lines, recode

__all__ = ["Batch", "Corpus", "read_corpus", "read_lines", "recode"]
