r"""The beginning of a CSV file: the delimiter, and the line of column names or that there is none.

The delimiter is the one that is asked for, or that a first line ``sep=;`` says (as spreadsheets
write and read it), or else a comma, a tab, ; or |: the one with which the first line makes the
columns.  Where no line has names, columns are called by their numbers, from 1.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from textmlr.base.errors import FormatError, InputError
from textmlr.base.option_mentions import mention
from textmlr.corpus.byte_streams import HEAD, Stream
from textmlr.corpus.chunks import ScanRequest
from textmlr.corpus.formats.lines import BINARY, check_returns
from textmlr.corpus.formats.table_columns import ColumnPlaces, find
from textmlr.corpus.reading_kinds import character
from textmlr.corpus.text_encodings import BOM

DELIMITERS = ",\t;|"  # a tie goes to the first
MOST_ROWS = 50  # that the beginning is judged by
_ALL_ROWS = 10_000  # of the first bytes
_ALIKE = 0.9  # of them have as many fields as the first, with the right delimiter
# A name of a column is shorter than this.
_LONG, _MANY_WORDS = 60, 8
_SEP = re.compile(rb"(?:\xef\xbb\xbf)?\"?sep=(\\t|[^\r\n])\"?\r?\n", re.IGNORECASE)
_HINT = (
    "a CSV file begins with a line of column names; "
    f"{mention('header', False)} reads one that does not"
)


@dataclass(frozen=True, slots=True)
class Header:
    """The line of column names, or the numbers of columns.

    columns    the names
    delimiter  between fields
    size       bytes before the first row: a mark, a line sep=, blank lines and the line of names
    lines      line ends in these
    named      there is a line of names
    """

    columns: list[str]
    delimiter: str
    size: int
    lines: int
    named: bool = True


def csv_option(request: ScanRequest) -> str | None:
    """The first option that is given and that only CSV files have a use for."""
    own = request.options
    given = {"header": not own.header, "delimiter": own.delimiter, "csv_escape": own.csv_escape}
    return next((name for name, value in given.items() if value), None)


def is_csv(head: bytes, request: ScanRequest) -> bool:
    """Whether lines are a CSV file, which nothing else says: the first makes the wanted columns."""
    if _SEP.match(head):
        return True
    for delimiter in DELIMITERS:
        header = parse_header(head, delimiter, request)
        # label<TAB>text may be a line of names, or the first document of a file without one.
        if delimiter == "\t" and not request.options.named_columns:
            continue
        if header is not None and len(header.columns) > 1 and suits(header.columns, request):
            return True
    return False


def names_usual(head: bytes, request: ScanRequest) -> bool:
    """Whether the first line of lines with tabs names the columns that a model was trained on."""
    if not request.usual or request.options.named_columns:
        return False
    header = parse_header(head, "\t", request)
    columns = () if header is None or len(header.columns) < 2 else header.columns
    return any(
        one.text in columns and (not request.labelled or one.label in columns)
        for one in request.usual
        if one.text and not one.text.isdigit()
    )


def header_of(stream: Stream, request: ScanRequest) -> tuple[Header, ColumnPlaces]:
    """The columns and the places of those that are read.

    Raises FormatError where there are none, and where the first line is a row, not the names.
    """
    head = stream.head()
    if head in (b"", BOM):
        raise FormatError("the file is empty", place=stream.name, mend="write one document a line")
    check_returns(stream)
    header = _best(head, request)
    if header is None:
        problem = f"the first line is longer than {HEAD:,} bytes"
        raise FormatError(problem, place=stream.name, mend=_HINT)
    escape = request.options.csv_escape
    if escape is not None and character(escape) == header.delimiter:
        raise FormatError(
            f"{mention('csv_escape', escape)} is what stands between the fields, too",
            place=stream.name,
            mend=f"leave it out, say another, or say {mention('delimiter')}",
        )
    if b"\0" in head[: header.size]:
        problem, mend = BINARY
        raise FormatError(problem, place=stream.name, line=1, mend=mend)
    if not request.options.header:
        return header, _numbered(header, head, request, stream.name)
    try:
        places = find(request, header.columns, stream.name, _HINT)
    except FormatError:
        rows = rows_in(head, header, request, _ALL_ROWS)
        if _is_row(header.columns, rows):
            raise _without_names(header, rows, request, stream.name) from None
        raise
    # Columns that are called by number may be those of a file without names.
    named = [*request.options.columns.values(), *request.options.label_columns]
    numbers = [name for name in named if name and name.isdigit()]
    if numbers and not all(name in header.columns for name in numbers):
        rows = rows_in(head, header, request, _ALL_ROWS)
        others = [at for at in range(len(header.columns)) if at != places.text]
        judged = others if places.label is None else [places.label]
        judged = list(places.labels) or judged
        if any(_repeats(header.columns, rows, at) for at in judged):
            raise _without_names(header, rows, request, stream.name)
    return header, places


def _best(head: bytes, request: ScanRequest) -> Header | None:
    """The header by the right delimiter."""
    own, said = request.options, _SEP.match(head)
    if own.delimiter is not None:
        delimiters = character(own.delimiter)
    elif said is not None:
        delimiters = character(said[1].decode("utf-8", "replace"))
    else:
        delimiters = DELIMITERS
    found = [one for delimiter in delimiters if (one := parse_header(head, delimiter, request))]

    def rank(header: Header) -> tuple[bool, bool, int]:
        rows = rows_in(head, header, request)
        alike = _are_alike([header.columns, *rows] if own.header else rows)
        fits = suits(header.columns, request)
        # Names say more than the number of fields, and numbers less.
        return (*((fits, alike) if own.header else (alike, fits)), len(header.columns))

    return max(found, key=rank, default=None)


def _are_alike(rows: Sequence[Sequence[str]]) -> bool:
    """Whether nearly all rows have as many fields as the first, more than one."""
    alike = sum(len(row) == len(rows[0]) for row in rows)
    return bool(rows) and len(rows[0]) > 1 and alike >= _ALIKE * len(rows)


def suits(columns: list[str], request: ScanRequest) -> bool:
    """Whether the wanted columns are among these."""
    try:
        find(request, columns, place="")
    except InputError:
        return False
    return True


def parse_header(head: bytes, delimiter: str, request: ScanRequest) -> Header | None:
    """The first line that is not blank, or for a file without names the numbers of its fields;
    None if head does not hold all of it."""
    said = _SEP.match(head)
    begin = said.end() if said else len(BOM) if head.startswith(BOM) else 0
    ends, lines = begin, int(said is not None)

    def each() -> Iterator[str]:
        nonlocal ends, lines
        for line in head[begin:].split(b"\n"):
            ends += len(line) + 1
            lines += 1
            yield line.removesuffix(b"\r").decode("utf-8", "replace") + "\n"

    before = begin, lines
    reader = _reader(each(), delimiter, request)
    try:
        columns = next((row for row in reader if row), None)
    except csv.Error:
        return None
    if columns is None or (ends > len(head) and len(head) >= HEAD):
        return None
    if not request.options.header:
        return Header([str(i + 1) for i in range(len(columns))], delimiter, *before, named=False)
    return Header(columns, delimiter, min(ends, len(head)), lines)


def rows_in(
    head: bytes, header: Header, request: ScanRequest, most: int = MOST_ROWS
) -> list[list[str]]:
    """The first rows, so many or as far as they are whole in the first bytes of a file."""
    text = head[header.size :]
    if len(head) >= HEAD:
        text = text[: text.rfind(b"\n") + 1]
    lines = (
        line.removesuffix(b"\r").decode("utf-8", "replace") + "\n" for line in text.split(b"\n")
    )
    rows = (row for row in _reader(lines, header.delimiter, request) if row)
    try:
        return list(islice(rows, most))
    except csv.Error:
        return []


def _reader(lines: Iterator[str], delimiter: str, request: ScanRequest) -> Iterator[list[str]]:
    escape = request.options.csv_escape
    if escape is not None and character(escape) == delimiter:
        escape = None  # which the options refuse where both are given
    return csv.reader(lines, delimiter=delimiter, escapechar=escape and character(escape))


# ------------------------------------------------------------------ a first line that is a row
def _numbered(header: Header, head: bytes, request: ScanRequest, place: str) -> ColumnPlaces:
    """The places of columns without names.  Raises FormatError where none are called."""
    own = request.options
    missing = [] if own.text_column else ["text_column"]
    if request.labelled and not (own.label_column or own.label_columns):
        missing.insert(0, "label_column")
    if missing and not suits(header.columns, request):
        rows = rows_in(head, header, request)
        like = " ".join(mention(name, str(i + 1)) for name, i in _likely(rows, request).items())
        shown = ", ".join(
            f"{i + 1} ({_short(field)!r})" for i, field in enumerate(rows[0][:20] if rows else [])
        )
        raise FormatError(
            f"columns without names are called by number: {shown}",
            place=place,
            mend=f"say which are text and label, such as {like}"
            if len(missing) > 1
            else f"say which, such as {like}",
        )
    return find(request, header.columns, place)


def _short(field: str) -> str:
    return field if len(field) <= 20 else field[:17] + "..."


def _is_row(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a line of names looks like a row: a field is long, or occurs below it again."""
    long = any(len(name) >= _LONG or len(name.split()) >= _MANY_WORDS for name in names)
    return long or any(_repeats(names, rows, place) for place in range(len(names)))


def _repeats(names: Sequence[str], rows: Sequence[Sequence[str]], place: int) -> bool:
    """Whether the name of a column is one of its values."""
    if not names[place].strip():
        return False
    return any(place < len(row) and row[place] == names[place] for row in rows)


def _without_names(
    header: Header, rows: Sequence[Sequence[str]], request: ScanRequest, place: str
) -> FormatError:
    """The error of a file whose first line is a row."""
    like = _likely([header.columns, *rows], request)
    words = [mention("header", False), *(mention(name, str(i + 1)) for name, i in like.items())]
    mend = f"if it is one, say {' '.join(words)}; else name the columns in it"
    named = request.options.named_columns
    if header.delimiter == "\t" and len(header.columns) == 2 and named:
        out = " and ".join(map(mention, named))
        mend = f"if the lines are label<TAB>text, leave out {out}; otherwise say {' '.join(words)}"
    return FormatError(
        "the first line looks like a row, not like the names of columns",
        place=place,
        line=header.lines,
        mend=mend,
    )


def _likely(rows: Sequence[Sequence[str]], request: ScanRequest) -> dict[str, int]:
    """Places that the columns may have, by the options that call them: the text is the longest, and
    of the others the label has the fewest values."""
    if not rows:
        return {}
    wide = range(len(rows[0]))
    columns = [[row[place] for row in rows if place < len(row)] for place in wide]
    own = request.options
    found = {
        option: int(name) - 1
        for option, name in (("label_column", own.label_column), ("text_column", own.text_column))
        if name is not None and name.isdigit() and 0 < int(name) <= len(columns)
    }
    if "text_column" not in found:
        others = [place for place in wide if place not in found.values()]
        if others:
            found["text_column"] = max(others, key=lambda at: sum(map(len, columns[at])))
    if "label_column" not in found and request.labelled and not own.label_columns:
        others = [place for place in wide if place not in found.values()]
        if others:
            found["label_column"] = min(others, key=lambda at: len(set(columns[at])))
    order = ("label_column", "text_column") if request.labelled else ("text_column",)
    return {option: found[option] for option in order if option in found}
