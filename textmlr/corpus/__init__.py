"""Files and streams → Batch and Corpus; one module per format.

The names are imported when they are first used: to classify one document, nothing is read that
needs formats.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from textmlr.corpus.batch import Batch, Corpus
    from textmlr.corpus.chunks import Chunk
    from textmlr.corpus.fields import Fields
    from textmlr.corpus.lines import read_lines
    from textmlr.corpus.reading import read_corpus, recode, scan

_HOMES = {
    "Batch": "batch",
    "Chunk": "chunks",
    "Corpus": "batch",
    "Fields": "fields",
    "read_corpus": "reading",
    "read_lines": "lines",
    "recode": "reading",
    "scan": "reading",
}

__all__ = ["Batch", "Chunk", "Corpus", "Fields", "read_corpus", "read_lines", "recode", "scan"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(__import__(f"{__name__}.{_HOMES[name]}", fromlist=[name]), name)
    globals()[name] = value
    return value
