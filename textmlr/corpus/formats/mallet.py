"""MALLET's files for import-file: a line a document, its name, its label and its text.

Source: MALLET, cc.mallet.classify.tui.Csv2Vectors, the default of --line-regex.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from textmlr.corpus.byte_streams import Stream
from textmlr.corpus.chunks import Chunk, ScanRequest
from textmlr.corpus.formats.parsed_lines import LineForm, ParsedLine, parsed_chunks
from textmlr.corpus.taken_columns import MALLET

_LINE = re.compile(rb"(\S*)[\s,]*(\S*)[\s,]*(.*)", re.DOTALL)


def chunks(stream: Stream, request: ScanRequest) -> Iterator[Chunk]:
    """The documents of a MALLET file; see ``parsed_lines``."""
    yield from parsed_chunks(stream, request, FORM)


def parse(raw: bytes) -> ParsedLine:
    """The document of a line; names are not kept.

    >>> parse(b"review-7 scifi a robot in orbit")[:2]
    (b'scifi', b'a robot in orbit')
    """
    found = _LINE.match(raw.strip())
    assert found is not None  # it matches anything
    return ParsedLine(found[2] or None, found[3])


FORM = LineForm(parse, "name label text", MALLET)
