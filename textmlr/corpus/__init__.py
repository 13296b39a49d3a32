"""Files and streams → Batch and Corpus; one module per format."""

from textmlr.corpus.batch import Batch, Corpus
from textmlr.corpus.chunks import Chunk
from textmlr.corpus.fields import Fields
from textmlr.corpus.lines import read_lines
from textmlr.corpus.reading import read_corpus, recode, scan

__all__ = ["Batch", "Chunk", "Corpus", "Fields", "read_corpus", "read_lines", "recode", "scan"]
