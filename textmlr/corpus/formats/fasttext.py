"""fastText's training files: a line a document, its labels the tokens that begin with __label__, or
another prefix.

The text is the rest of the line.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

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
from textmlr.corpus.label_rule import LabelRule, ReadLabels
from textmlr.corpus.label_sets import LabelSets
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
    given = [*own.named_columns, *(["weighted"] if own.weighted else [])]
    given += ["label_separator"] if own.label_separator else []
    for option in given:
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
    found = None
    if request.labelled:
        found = _labels(lines, (firsts, lasts, counts), prefix, request.rule(), status)
    bad = np.flatnonzero(status)
    error = partial(_error, lines, status, named, several=bool((counts > 1).any()))
    examples = check_bad(bad, error, request.options.skip_bad_lines)
    if inside.any():
        stops = stops.copy()
        kernels.drop_labels(lines.text, begins, stops, inside, prefix)
    good, first = status == 0, lines.first
    if len(bad):
        first += int(good.argmax())
        begins, stops = begins[good], stops[good]
    batch = Batch(text, frozen(begins), frozen(stops))
    if found is None:
        table = partial(_unlabelled_table, batch)
        return Chunk(lines.name, first, batch, None, None, table, len(bad), examples, taken=taken)
    read = found.read(good)
    return Chunk(
        lines.name,
        first,
        batch,
        (read.y, read.names),
        None,
        partial(_table, batch, read),
        len(bad),
        examples,
        read.several,
        f"{named}<label> text lines",
        taken=taken,
        told=_odd_label(lines, good, found, named),
        firsts=read.firsts,
    )


class _Labels(NamedTuple):
    """The labels of lines.

    sizes    (n,) int64   of each line; 1 of one with several, if only its first is taken
    rows     (m,) int64   the line of each label
    codes    (m,) int32   into names, in the order of the lines
    several  (n,) bool    lines with several, of which the first is taken
    """

    rule: LabelRule
    sizes: NDArray[np.int64]
    rows: NDArray[np.int64]
    codes: NDArray[np.int32]
    names: list[Any]
    several: NDArray[np.bool_]

    def read(self, good: NDArray[np.bool_]) -> ReadLabels:
        """The labels of some lines, as they are taken."""
        read = self.rule.taken(self.sizes[good], self.codes[good[self.rows]], self.names)
        return read._replace(several=int(self.several[good].sum()))


def _labels(
    lines: Lines,
    first: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    prefix: NDArray[np.uint8],
    rule: LabelRule,
    status: NDArray[np.uint8],
) -> _Labels:
    """The labels of lines.

    first   (firsts, lasts, counts) as kernels.find_labels writes them
    status  (n,) uint8   becomes NO_LABEL or BAD_LABEL where that is so
    """
    firsts, lasts, counts = first
    text, n = frozen(lines.text), len(lines)
    rows, several = np.arange(n), counts > 1
    if rule.multilabel is not False and several.any():
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        rows, several = np.repeat(rows, counts), np.zeros(n, np.bool_)
        firsts, lasts = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        spans = lines.starts, lines.stops
        kernels.label_spans(text, lines.words, *spans, prefix, frozen(offsets), firsts, lasts)
    own = status[rows]
    own[firsts == lasts] = NO_LABEL
    codes, names = intern(text, firsts, lasts, own)
    wrong = rows[own == lines_kernels.BAD_LABEL]
    status[wrong[status[wrong] == 0]] = lines_kernels.BAD_LABEL
    named = codes >= 0
    sizes = np.bincount(rows[named], minlength=n)
    none = (sizes == 0) & (status == 0)
    if rule.multilabel:
        none &= (counts > 0) | _are_blank(lines, none)
    status[none] = NO_LABEL
    return _Labels(rule, sizes, rows[named], codes[named], names, several)


def _are_blank(lines: Lines, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,)  whether lines, of some rows, are blank."""
    blank = np.zeros(len(lines), np.bool_)
    for row in np.flatnonzero(rows).tolist():
        blank[row] = not lines.text[lines.starts[row] : lines.stops[row]].tobytes().strip()
    return blank


def _odd_label(lines: Lines, good: NDArray[np.bool_], found: _Labels, prefix: str) -> str:
    """The sentence about a label that ends in a comma or holds another, empty if none does.

    good  (n,) bool   lines that are not left out
    """
    own = good[found.rows]
    rows, codes = found.rows[own], found.codes[own]
    for code, label in enumerate(found.names):
        odd = label is not None and (label.endswith(",") or prefix in label)
        if odd and (codes == code).any():
            how = "ends in a comma" if label.endswith(",") else f"holds {prefix}"
            line = lines.first + int(rows[(codes == code).argmax()])
            where = f"{lines.name}, line {line:,}"
            return f"{where}: the label {quoted(label)} {how}; labels stand apart by a space alone"
    return ""


def _table(batch: Batch, read: ReadLabels) -> Any:
    if not isinstance(read.y, LabelSets):
        return table_of(batch, read.y, read.names, None)
    from textmlr.corpus.arrow_batch import lists_of, record_batch, strings_of

    return record_batch({"labels": lists_of(read.y, read.names), "text": strings_of(batch)})


def _unlabelled_table(batch: Batch) -> Any:
    from textmlr.corpus.arrow_batch import record_batch, strings_of

    return record_batch({"text": strings_of(batch)})


def _error(lines: Lines, status: Any, prefix: str, line: int, *, several: bool) -> InputError:
    """The error of a line, counted from 0, by its status;  several  others have several labels."""
    wrong = int(status[line])
    shown = quote(lines.text, int(lines.starts[line]), int(lines.stops[line]))
    mend = f"begin it with {prefix} and the label's name, {SKIP}"
    if wrong == lines_kernels.BINARY:
        problem, mend = BINARY
    elif wrong == NO_LABEL:
        problem = f"no label (a word that begins with {prefix}) in {shown}"
        if several and prefix not in shown:
            mend += f", or, if documents may have none, say {mention('multilabel', True)}"
        if not lines.text[lines.starts[line] : lines.stops[line]].tobytes().strip():
            problem, mend = "blank line", f"delete it, {SKIP}"
    else:
        problem = f"the label in {shown} is not UTF-8"
        mend = f"{encoding_mend(lines.text)}, {SKIP}"
    return FormatError(problem, place=lines.name, line=lines.first + line, mend=mend)
