"""ReadingOptions: how the files of a corpus are read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from textmlr.base.checks import check_flag, check_kind
from textmlr.base.errors import InputError

CorpusFormat = Literal["tsv", "csv", "jsonl", "parquet", "arrow", "fasttext", "lines"]
FORMATS: tuple[CorpusFormat, ...] = get_args(CorpusFormat)
_COLUMNS = ("text_column", "label_column", "weight_column")


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """The options of reading the files of a corpus; the same for the command line and for Python.

    format             one of FORMATS; None: by each name's ending and first bytes
    text_column, label_column, weight_column  columns of a table; None: those with plain names
    weighted           documents have weights: a column, or lines of label<TAB>weight<TAB>text.
                       A weight_column says so too
    skip_bad_lines     leave out what cannot be read, and count it
    compression_limit  refuse a file that becomes over 1,000 times as large when it is decompressed,
                       and over 128 MiB
    Raises InputError for a value that makes no sense.

    >>> ReadingOptions("csv", text_column="review", skip_bad_lines=True).named_columns
    ['--text-column']
    """

    format: CorpusFormat | None = None
    text_column: str | None = None
    label_column: str | None = None
    weight_column: str | None = None
    weighted: bool = False
    skip_bad_lines: bool = False
    compression_limit: bool = True

    def __post_init__(self) -> None:
        formats = "the formats are " + ", ".join(FORMATS)
        check_kind("format", self.format, str, formats, optional=True)
        if self.format is not None and self.format not in FORMATS:
            raise InputError(f"no format {self.format!r}", mend=formats)
        for name in _COLUMNS:
            check_kind(name, getattr(self, name), str, "give the name of a column", optional=True)
        for name in ("weighted", "skip_bad_lines", "compression_limit"):
            check_flag(name, getattr(self, name))

    @property
    def has_weights(self) -> bool:
        """Whether documents have weights."""
        return self.weighted or self.weight_column is not None

    def with_columns(
        self, *, text: str | None = None, label: str | None = None, weights: str | None = None
    ) -> ReadingOptions:
        """These options with columns named.  Raises InputError if the options name another."""
        named: dict[str, Any] = dict(zip(_COLUMNS, (text, label, weights), strict=True))
        named = {option: name for option, name in named.items() if name is not None}
        for option, name in named.items():
            own = getattr(self, option)
            if own not in (None, name):
                raise InputError(
                    f"the column is {name!r} here, and {own!r} in the reading options",
                    mend=f"name it once: leave {option} out of them",
                )
        return replace(self, **named)

    @property
    def columns(self) -> dict[str, str | None]:
        """The column of each kind: text, label and weight."""
        return {"text": self.text_column, "label": self.label_column, "weight": self.weight_column}

    @property
    def named_columns(self) -> list[str]:
        """The options that name a column, as the command line calls them."""
        return [f"--{kind}-column" for kind, name in self.columns.items() if name is not None]
