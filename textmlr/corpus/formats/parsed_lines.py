"""Lines that are parsed one by one: those of other programs, whose files are small or rare."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from textmlr.base.errors import FormatError, InputError
from textmlr.base.option_mentions import mention
from textmlr.corpus.batch import Batch, joined_texts
from textmlr.corpus.byte_streams import Stream
from textmlr.corpus.chunks import SKIP, Chunk, ScanRequest, check_bad
from textmlr.corpus.formats.lines import BINARY, Lines, blocks_of, encoding_mend, quote
from textmlr.corpus.formats.tsv import table_of
from textmlr.corpus.label_rule import LabelRule
from textmlr.corpus.taken_columns import Taken


class ParsedLine(NamedTuple):
    """A line of another program's file.

    label    None without one
    more     further labels
    several  it has others that cannot be taken
    told     what of it cannot be taken, in a sentence that goes on from "FILE, line 1: "
    """

    label: bytes | None
    text: bytes
    weight: float = 1.0
    several: bool = False
    told: str = ""
    more: tuple[bytes, ...] = ()

    @property
    def field(self) -> tuple[str, ...]:
        """The labels as text.  Raises UnicodeDecodeError."""
        return tuple(one.decode() for one in (self.label or b"", *self.more) if one)


class LineError(Exception):
    """A line is not as it should be.

    problem  in words; the line is quoted behind "in "
    mend     None: write lines of the form
    """

    def __init__(self, problem: str, mend: str | None = None) -> None:
        super().__init__(problem)
        self.problem, self.mend = problem, mend


class LineForm(NamedTuple):
    """How lines are parsed.

    parse    the line of some bytes; raises LineError
    form     of a line, in words;  shape  what files of them are called
    weights  lines may have them
    """

    parse: Callable[[bytes], ParsedLine]
    form: str
    shape: str
    weights: bool = False


def parsed_chunks(stream: Stream, request: ScanRequest, form: LineForm) -> Iterator[Chunk]:
    """The documents of a file.  If no labels are asked for, lines need none.

    Raises InputError naming file and line: if the file is empty, and for a line that is blank or
    cannot be parsed, has no label, one that is not UTF-8 or a NUL byte.
    """
    given = request.options.named_columns
    if request.options.weighted and not form.weights:
        given = [*given, "weighted"]
    for option in given:
        raise FormatError(
            f"lines of {form.form} have no place for {mention(option)}",
            place=stream.name,
            mend="leave it out",
        )
    for lines in blocks_of(stream, request.chunk_bytes, blank_end=True):
        yield _chunk(lines, request, form)


def _chunk(lines: Lines, request: ScanRequest, form: LineForm) -> Chunk:
    found: list[ParsedLine] = []
    numbers: list[int] = []
    errors: dict[int, InputError] = {}
    told = ""
    for line in range(len(lines)):
        raw = lines.text[lines.starts[line] : lines.stops[line]].tobytes()
        try:
            own = _parsed(raw, lines, request, form)
        except LineError as error:
            errors[line] = _error(lines, line, error, form)
            if not request.options.skip_bad_lines:
                break
            continue
        found.append(own)
        numbers.append(line)
        told = told or (own.told and f"{lines.name}, line {lines.first + line:,}: {own.told}")
    bad = np.array(sorted(errors), np.int64)
    examples = check_bad(bad, errors.__getitem__, request.options.skip_bad_lines)
    batch = joined_texts([own.text for own in found])
    weights = np.array([own.weight for own in found], np.float32)
    read = None
    table: Callable[[], Any] = partial(_text_table, batch)
    if request.labelled:
        fields = {own.field: None for own in found}
        place = {field: code for code, field in enumerate(fields)}
        codes = np.array([place[own.field] for own in found], np.int32)
        rule = request.rule()
        read = rule.coded(codes, [_labels_in(field, rule) for field in fields])
        shown = [",".join(field) for field in fields]
        table = partial(
            table_of, batch, codes, shown, weights if request.options.has_weights else None
        )
    return Chunk(
        lines.name,
        lines.first + (numbers[0] if numbers else 0),
        batch,
        read and (read.y, read.names),
        weights if request.options.has_weights else None,
        table,
        len(errors),
        examples,
        sum(own.several for own in found) + (read.several if read else 0),
        form=f"{form.form} lines",
        taken=Taken(form.shape, separator=request.rule().separator),
        told=told,
        firsts=read and read.firsts,
    )


def _labels_in(field: tuple[str, ...], rule: LabelRule) -> list[str]:
    """The labels of a line, each once."""
    return list(dict.fromkeys(name for one in field for name in rule.labels_in(one)))


def _parsed(raw: bytes, lines: Lines, request: ScanRequest, form: LineForm) -> ParsedLine:
    """One of the lines.  Raises LineError."""
    if b"\0" in raw:
        raise LineError(*BINARY)
    if not raw.strip():
        raise LineError("blank line", f"delete it, {SKIP}")
    own = form.parse(raw)
    if request.labelled:
        try:
            field = own.field
        except UnicodeDecodeError:
            mend = f"{encoding_mend(lines.text)}, {SKIP}"
            raise LineError("the label is not UTF-8 in ", mend) from None
        rule = request.rule()
        if not rule.has_sets and not _labels_in(field, rule):
            raise LineError("no label in ")
    return own


def _error(lines: Lines, line: int, error: LineError, form: LineForm) -> InputError:
    problem, mend = error.problem, error.mend or f"write {form.form}, {SKIP}"
    if problem.endswith(" in "):
        problem += quote(lines.text, int(lines.starts[line]), int(lines.stops[line]))
    return FormatError(problem, place=lines.name, line=lines.first + line, mend=mend)


def _text_table(batch: Batch) -> Any:
    from textmlr.corpus.arrow_batch import record_batch, strings_of

    return record_batch({"text": strings_of(batch)})
