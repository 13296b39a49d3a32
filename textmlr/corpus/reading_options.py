"""ReadingOptions: how the files of a corpus are read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from textmlr.base.checks import check_flag
from textmlr.base.errors import InputError
from textmlr.base.option_errors import OptionError, Sentence
from textmlr.base.option_headings import FILES, READ
from textmlr.base.options import Flag, OneOf, Switch, check_options, documented, option
from textmlr.corpus.reading_kinds import (
    Character,
    Column,
    Columns,
    Encoding,
    Prefix,
    Separator,
    character,
)

CorpusFormat = Literal[
    "tsv", "csv", "json", "jsonl", "parquet", "arrow", "fasttext", "mallet", "vw", "lines"
]
FORMATS: tuple[CorpusFormat, ...] = get_args(CorpusFormat)
LABEL_PREFIX = "__label__"
_COLUMNS = ("text_column", "label_column", "weight_column")


@documented
@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How the files of a corpus are read; the same for the command line and for Python.

    Raises InputError for a value that makes no sense.

    >>> ReadingOptions("csv", text_column="review", skip_bad_lines=True).named_columns
    ['text_column']
    """

    format: CorpusFormat | None = option(
        None,
        OneOf(*FORMATS),
        "Format of the files that are read.",
        heading=FILES,
        unset="by ending, or the first bytes",
    )
    text_column: str | None = option(
        None,
        Column(),
        "Column of the text in a table, by name or number.",
        heading=READ,
        unset="text, review, …",
        metavar="COLUMN",
    )
    label_column: str | None = option(
        None,
        Column(),
        "Column of the label in a table, by name or number.",
        heading=READ,
        unset="label, class, …",
        metavar="COLUMN",
    )
    weight_column: str | None = option(
        None,
        Column(),
        "Column of the weight in a table, by name or number.",
        heading=FILES,
        unset="weight, if weighted",
        metavar="COLUMN",
    )
    weighted: bool = option(
        False,
        Flag(),
        "Read weights of documents: label<TAB>weight<TAB>text, or a column weight.",
        heading=FILES,
    )
    skip_bad_lines: bool = option(
        False, Flag(), "Leave out lines that cannot be read, and count them.", heading=FILES
    )
    compression_limit: bool = option(
        True,
        Flag("Read files that become over 1,000 times as large when decompressed."),
        "Refuse files that become over 1,000 times as large when decompressed, and over 128 MiB.",
        heading=FILES,
    )
    header: bool = option(
        True,
        Flag("Read the first line of a CSV file as a row; its columns have numbers."),
        "The first line of a CSV file names its columns.",
        "Without it, columns are called by their numbers, from 1.",
        heading=FILES,
    )
    encoding: str | None = option(
        None,
        Encoding(),
        "Encoding of the text, as Python calls it; a byte order mark wins over it.",
        heading=FILES,
        unset="by the byte order mark, or UTF-8",
        metavar="NAME",
    )
    delimiter: str | None = option(
        None,
        Character(),
        "Character between the fields of a CSV file; tab for a tab.",
        heading=FILES,
        unset="a comma, tab, ; or |, by the first line",
        metavar="CHARACTER",
    )
    csv_escape: str | None = option(
        None,
        Character(),
        "Character before a quote that closes no field of a CSV file.",
        heading=FILES,
        unset="quotes in quotes stand twice",
        metavar="CHARACTER",
    )
    label_prefix: str | None = option(
        None,
        Prefix(),
        "Beginning of the labels in fastText's lines.",
        heading=FILES,
        unset=LABEL_PREFIX,
        metavar="PREFIX",
    )

    multilabel: bool | None = option(
        None,
        Switch(),
        "Documents have any number of labels, each learnt by itself.",
        "With --no-multilabel the first of several is taken.",
        heading=FILES,
        unset="if a document has several",
    )
    label_separator: str | None = option(
        None,
        Separator(),
        "What stands between several labels in one field, such as |.",
        heading=FILES,
        unset="a field is a label",
        metavar="SIGN",
    )
    label_columns: tuple[str, ...] = option(
        (),
        Columns(),
        "Columns of a table that say of a label each, 1 or 0, whether documents have it.",
        heading=FILES,
        unset="one column of labels",
        metavar="COLUMNS",
    )

    def __post_init__(self) -> None:
        check_options(self)
        delimiter, escape = self.delimiter, self.csv_escape
        if delimiter and escape and character(delimiter) == character(escape):
            values = {"delimiter": delimiter, "csv_escape": escape}
            problem = Sentence("{delimiter} and {csv_escape} are one character", values)
            raise OptionError("csv_escape", problem, Sentence("leave out {csv_escape:name}"))
        if self.label_columns:
            self._check_label_columns()

    def _check_label_columns(self) -> None:
        """Raise InputError for options that exclude columns of labels."""
        for name in ("label_column", "label_separator"):
            if (value := getattr(self, name)) is not None:
                problem = Sentence(
                    f"{{label_columns:name}} and {{{name}}} exclude each other", {name: value}
                )
                raise OptionError("label_columns", problem, Sentence("leave one of them out"))

    @property
    def has_weights(self) -> bool:
        """Whether documents have weights."""
        return self.weighted or self.weight_column is not None

    def with_columns(
        self, *, text: str | None = None, label: str | None = None, weights: str | None = None
    ) -> ReadingOptions:
        """These options with columns named.  Raises InputError if the options name another."""
        named: dict[str, Any] = dict(zip(_COLUMNS, (text, label, weights), strict=True))
        named = {kind: name for kind, name in named.items() if name is not None}
        for kind, name in named.items():
            own = getattr(self, kind)
            if own not in (None, name):
                raise InputError(
                    f"the column is {name!r} here, and {own!r} in the reading options",
                    mend=f"name it once: leave {kind} out of them",
                )
        return replace(self, **named)

    def for_model(self, is_multilabel: bool) -> ReadingOptions:
        """These options, with as many labels a document as a model gives, unless they say it."""
        check_flag("is_multilabel", is_multilabel)
        return self if self.multilabel is not None else replace(self, multilabel=is_multilabel)

    @property
    def columns(self) -> dict[str, str | None]:
        """The column of each kind: text, label and weight."""
        return {"text": self.text_column, "label": self.label_column, "weight": self.weight_column}

    @property
    def named_columns(self) -> list[str]:
        """The options that name a column, or columns."""
        own = [f"{kind}_column" for kind, name in self.columns.items() if name is not None]
        return own + (["label_columns"] if self.label_columns else [])
