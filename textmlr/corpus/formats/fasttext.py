"""fastText's training files: a line a document, its labels the tokens that begin with __label__, or
another prefix.

The first of several labels is taken.  The text is the rest of the line.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.errors import FormatError, InputError
from textmlr.base.option_mentions import mention
from textmlr.corpus.batch import Batch
from textmlr.corpus.byte_streams import Stream
from textmlr.corpus.chunks import SKIP, Chunk, ScanRequest, check_bad
from textmlr.corpus.formats.lines import (
    BINARY,
    Lines,
    blocks_of,
    encoding_mend,
    intern,
    nul_lines,
    quote,
    quoted,
)
from textmlr.corpus.formats.tsv import table_of
from textmlr.corpus.formats.usual_lines import shape_of, usual_prefix
from textmlr.corpus.label_rule import used
from textmlr.corpus.reading_options import LABEL_PREFIX
from textmlr.corpus.taken_columns import Taken
from textmlr.kernels import fasttext_lines as kernels
from textmlr.kernels import tsv_lines as lines_kernels

NO_LABEL = lines_kernels.NO_LABEL


def chunks(stream: Stream, request: ScanRequest) -> Iterator[Chunk]:
    """The documents of a fastText file.  If no labels are asked for, lines need none.

    Raises InputError naming file and line: if the file is empty, and for a line without a label,
    with an empty one, one that is not UTF-8 or a NUL byte.
    """
    own = request.options
    for option in own.named_columns or (["weighted"] if own.weighted else []):
        raise FormatError(
            f"lines of {own.label_prefix or LABEL_PREFIX}<label> text have no place for "
            f"{mention(option)}",
            place=stream.name,
            mend="leave it out",
        )
    prefix = own.label_prefix or usual_prefix(stream.head(), request.usual) or LABEL_PREFIX
    for lines in blocks_of(stream, request.chunk_bytes, blank_end=True):
        yield _chunk(lines, request, prefix)


def _chunk(lines: Lines, request: ScanRequest, named: str) -> Chunk:
    n, taken = len(lines), Taken(shape_of(named))
    prefix = frozen(np.frombuffer(named.encode(), np.uint8))
    firsts, lasts, begins = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    counts, inside = np.empty(n, np.int64), np.empty(n, np.uint8)
    text, stops = frozen(lines.text), lines.stops
    kernels.find_labels(
        text, lines.words, lines.starts, stops, prefix, firsts, lasts, begins, counts, inside
    )
    status = np.zeros(n, np.uint8)
    status[nul_lines(lines)] = lines_kernels.BINARY
    if request.labelled:
        status[(status == 0) & (firsts == lasts)] = NO_LABEL
    own = np.where(firsts == lasts, np.uint8(NO_LABEL), status)
    codes, labels = intern(text, firsts, lasts, own)
    if request.labelled:
        status[own == lines_kernels.BAD_LABEL] = lines_kernels.BAD_LABEL
    bad = np.flatnonzero(status)
    examples = check_bad(bad, partial(_error, lines, status, named), request.options.skip_bad_lines)
    if inside.any():
        stops = stops.copy()
        kernels.drop_labels(lines.text, begins, stops, inside, prefix)
    first = lines.first
    if len(bad):
        good = status == 0
        first += int(good.argmax())
        begins, stops, codes, counts = begins[good], stops[good], codes[good], counts[good]
    batch = Batch(text, frozen(begins), frozen(stops))
    if not request.labelled:
        table = partial(_unlabelled_table, batch)
        return Chunk(lines.name, first, batch, None, None, table, len(bad), examples, taken=taken)
    names: list[Any]
    codes, names = used(codes, labels)
    table = partial(table_of, batch, codes, names, None)
    several = int((counts > 1).sum())
    return Chunk(
        lines.name,
        first,
        batch,
        (codes, names),
        None,
        table,
        len(bad),
        examples,
        several,
        f"{named}<label> text lines",
        taken=taken,
        told=_odd_label(lines, np.flatnonzero(status == 0), codes, names, named),
    )


def _odd_label(
    lines: Lines,
    rows: NDArray[np.int64],
    codes: NDArray[np.int32],
    labels: list[str],
    prefix: str,
) -> str:
    """The sentence about a label that ends in a comma or holds another, empty if none does.

    rows, codes  (n,)   places of the good lines, and their labels' numbers
    """
    for code, label in enumerate(labels):
        how = "ends in a comma" if label.endswith(",") else f"holds {prefix}"
        if label.endswith(",") or prefix in label:
            line = lines.first + int(rows[(codes == code).argmax()])
            where = f"{lines.name}, line {line:,}"
            return f"{where}: the label {quoted(label)} {how}; labels stand apart by a space alone"
    return ""


def _unlabelled_table(batch: Batch) -> Any:
    from textmlr.corpus.arrow_batch import record_batch, strings_of

    return record_batch({"text": strings_of(batch)})


def _error(lines: Lines, status: Any, prefix: str, line: int) -> InputError:
    """The error of a line, counted from 0, by its status."""
    wrong = int(status[line])
    shown = quote(lines.text, int(lines.starts[line]), int(lines.stops[line]))
    mend = f"begin it with {prefix} and the label's name, {SKIP}"
    if wrong == lines_kernels.BINARY:
        problem, mend = BINARY
    elif wrong == NO_LABEL:
        problem = f"no label (a word that begins with {prefix}) in {shown}"
        if not lines.text[lines.starts[line] : lines.stops[line]].tobytes().strip():
            problem, mend = "blank line", f"delete it, {SKIP}"
    else:
        problem = f"the label in {shown} is not UTF-8"
        mend = f"{encoding_mend(lines.text)}, {SKIP}"
    return FormatError(problem, place=lines.name, line=lines.first + line, mend=mend)
