r"""TSV: one labelled document a line, label<TAB>text.

The text is the rest of the line, with any further tabs.  Documents are spans of the lines: there is
no Python object per line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
from textmlr.corpus.formats.field_labels import FieldLabels
from textmlr.corpus.formats.lines import BINARY, Lines, blocks_of, encoding_mend, intern, quote
from textmlr.corpus.formats.swapped_columns import OrderCheck, is_header
from textmlr.corpus.labels import LARGEST_WEIGHT
from textmlr.corpus.taken_columns import Taken
from textmlr.corpus.text_encodings import BOM
from textmlr.corpus.written_lists import are_lists
from textmlr.kernels import tsv_lines as kernels

_PREFIX = re.compile(rb"(__[A-Za-z]+__)\S")  # of a label in lines like fastText's
LOOKED_AT = 50  # first lines, by which labels are lists or not
MANY = 1 << 16  # rows for which importing Arrow pays
_NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
FORM = {False: "label<TAB>text", True: "label<TAB>weight<TAB>text"}


@dataclass(frozen=True, slots=True, eq=False)
class _Fields:
    """The lines of a block and their tabs, (n,) int64.  See kernels.tsv_lines.check."""

    lines: Lines
    tabs: NDArray[np.int64]
    lasts: NDArray[np.int64]


def chunks(stream: Stream, request: ScanRequest) -> Iterator[Chunk]:
    """The documents of a file of label<TAB>text lines, or label<TAB>weight<TAB>text if weighted.

    Labels are stripped of ASCII whitespace and equal if their bytes are.
    Raises InputError naming file and line: if the file is empty, and for a line that is blank,
    lacks a tab or a label, holds a NUL byte, a label that is not UTF-8 or a bad weight.
    """
    if request.options.named_columns:
        raise FormatError(
            f"lines of {FORM[request.options.has_weights]} have no columns for "
            f"{mention(request.options.named_columns[0])}",
            place=stream.name,
            mend=f"leave it out, or say {mention('format', 'csv')} if the first line names columns",
        )
    weighted = request.options.has_weights
    request = replace(request, lists=are_lists(_first_labels(stream.head())))
    order = OrderCheck(stream.name, labelled=request.labelled, weighted=weighted)
    held: list[Chunk] = []  # until it is clear which column is the label
    for lines in blocks_of(stream, request.chunk_bytes, blank_end=True):
        held.append(_chunk(lines, request, order))
        if order.decided or request.live:
            yield from held
            held = []
    order.end()
    yield from held


def _first_labels(head: bytes) -> list[str]:
    lines = head.removeprefix(BOM).split(b"\n", LOOKED_AT)[:LOOKED_AT]
    return [line.partition(b"\t")[0].decode("utf-8", "replace") for line in lines]


def _chunk(lines: Lines, request: ScanRequest, order: OrderCheck) -> Chunk:
    n, weighted, skip = len(lines), request.options.has_weights, request.options.skip_bad_lines
    tabs = np.empty(n, np.int64)
    lasts = np.empty(n, np.int64) if weighted else tabs
    status = np.empty(n, np.uint8)
    text, starts, stops = frozen(lines.text), lines.starts, lines.stops
    kernels.check(text, lines.words, starts, stops, weighted, tabs, lasts, status)
    fields = _Fields(lines, tabs, lasts)
    rule = request.rule()
    if rule.has_sets:  # a field without labels is good
        status[(status == kernels.NO_LABEL) & (lasts < stops)] = kernels.GOOD
    weights = read_weights(text, tabs, lasts, status) if weighted else None
    codes, labels = intern(text, starts, tabs, status)
    found = FieldLabels.of(rule, codes, labels)
    if not (rule.has_sets or rule.is_plain):
        status[(status == kernels.GOOD) & found.without()] = kernels.NO_LABEL
    bad = np.flatnonzero(status)
    error = partial(_error, fields, status, weighted)
    examples = check_bad(bad, error, skip)
    first, after = lines.first, lasts  # the text begins behind the last tab
    good: NDArray[np.bool_] | None = None
    if len(bad):
        good = status == kernels.GOOD
        first += int(good.argmax())
        codes, after, stops = codes[good], lasts[good], frozen(stops[good])
        weights = None if weights is None else weights[good]
    batch = Batch(text, frozen(after + 1), stops)
    own = found.read(good)
    table = partial(table_of, batch, codes, labels, weights)
    begins = lines.first == 1 and not len(bad)
    header = False
    if begins or not order.decided:
        kept = status == kernels.GOOD
        given = Batch(text, frozen(starts[kept]), frozen(tabs[kept]))
        header = begins and is_header(given, batch)
        if not order.decided:
            order.add(given, batch, first=begins)
    return Chunk(
        lines.name,
        first,
        batch,
        (own.y, own.names) if request.labelled else None,
        weights,
        table,
        len(bad),
        examples,
        own.several,
        form=f"{FORM[weighted]} lines",
        header=header,
        taken=Taken(f"lines of {FORM[weighted]}", separator=rule.separator),
        firsts=own.firsts,
    )


def table_of(
    batch: Batch,
    codes: NDArray[np.integer[Any]],
    labels: Sequence[str | None],
    weights: NDArray[np.float32] | None,
) -> Any:
    """Labels, weights if there are any, and texts as columns."""
    from textmlr.corpus.arrow_batch import labels_of, record_batch, strings_of

    columns: dict[str, Any] = {"label": labels_of(codes, labels)}
    if weights is not None:
        columns["weight"] = weights
    return record_batch(columns | {"text": strings_of(batch)})


def read_weights(
    text: NDArray[np.uint8],
    tabs: NDArray[np.int64],
    lasts: NDArray[np.int64],
    status: NDArray[np.uint8],
) -> NDArray[np.float32]:
    """The weights text[tabs[i] + 1 : lasts[i]], (n,) float32.

    status  (n,) uint8   those other than GOOD have no weight; it becomes BAD_WEIGHT where there
                         is no finite number >= 0
    """
    good = np.flatnonzero(status == kernels.GOOD)
    numbers = Batch(text, frozen(tabs[good] + 1), frozen(lasts[good]))
    values = _many_numbers(numbers) if len(good) >= MANY else None
    if values is None:
        values = np.array([_number(numbers[i]) for i in range(len(good))], np.float64)
    wrong = ~((values >= 0) & (values <= LARGEST_WEIGHT))
    status[good[wrong]] = kernels.BAD_WEIGHT
    weights = np.zeros(len(status), np.float32)
    weights[good] = np.abs(np.where(wrong, 0.0, values))  # not -0.0
    return weights


def _number(raw: bytes) -> float:
    """The number that a text is, -1 if it is none."""
    raw = raw.strip()
    return float(raw) if _NUMBER.fullmatch(raw) else -1.0


def _many_numbers(texts: Batch) -> NDArray[np.float64] | None:
    """The numbers that texts are; None if Arrow cannot read one of them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from textmlr.corpus.arrow_batch import strings_of
    from textmlr.corpus.arrow_types import values_of

    try:
        values = pc.ascii_trim_whitespace(strings_of(texts)).cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    return values_of(values)


def _error(fields: _Fields, status: NDArray[np.uint8], weighted: bool, line: int) -> InputError:
    """The error of a line, counted from 0, by its status."""
    lines, wrong = fields.lines, int(status[line])
    text = lines.text
    start, stop = int(lines.starts[line]), int(lines.stops[line])
    tab, last = int(fields.tabs[line]), int(fields.lasts[line])
    write = f"write {FORM[weighted]}, {SKIP}"
    if wrong == kernels.BINARY:
        problem, mend = BINARY
    elif wrong == kernels.BLANK:
        problem, mend = "blank line", f"delete it, {SKIP}"
    elif wrong == kernels.NO_TAB:
        after = "weight" if weighted else "text"
        problem, mend = f"no tab between label and {after} in {quote(text, start, stop)}", write
        prefix = _PREFIX.match(text[start : min(stop, start + 64)].tobytes())
        if prefix is not None:
            mend = f"if labels begin so, say {mention('label_prefix', prefix[1].decode())}"
    elif wrong == kernels.NO_LABEL:
        problem, mend = "empty label before the tab", write
    elif wrong == kernels.NO_SECOND_TAB:
        problem = f"no tab between weight and text in {quote(text, start, stop)}"
        mend = f"{write}, or leave out {mention('weighted')}"
    elif wrong == kernels.BAD_WEIGHT:
        problem = f"weight {quote(text, tab + 1, last)} is not a finite number >= 0"
        mend = f"{write}, with a weight such as 1 or 0.5"
    else:
        problem = f"label {quote(text, start, tab)} is not UTF-8"
        mend = f"{encoding_mend(text)}, {SKIP}"
    return FormatError(problem, place=lines.name, line=lines.first + line, mend=mend)
