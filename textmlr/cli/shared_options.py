"""The options that several verbs have."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, get_args

import click
from click.core import ParameterSource

from textmlr.base.checks import check_listed
from textmlr.base.threads import chosen_threads
from textmlr.cli.model_argument import DEFAULT_MODEL
from textmlr.cli.stage_options import one_value
from textmlr.cli.value_types import Checked
from textmlr.corpus.reading_options import CorpusFormat, ReadingOptions

F = TypeVar("F", bound=Callable[..., Any])


def listed(option: str) -> Checked:
    """A number of labels or features to list."""
    return Checked(lambda number: check_listed(option, number))


output_option = click.option(
    "-o",
    "--output",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="FILE",
    help="Model file to write.",
)
validation_option = click.option(
    "--validation", metavar="FILE", help="Choose by these documents, and hold none out."
)
quiet_option = click.option(
    "-q", "--quiet", is_flag=True, help="Show neither progress nor a summary."
)
threads_option = click.option(
    "--threads",
    type=Checked(chosen_threads),
    default=None,
    metavar="N",
    show_default="one a processor",
    help="Number of threads; it changes no result.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
skip_option = click.option(
    "--skip-bad-lines", is_flag=True, help="Leave out lines that cannot be read, and count them."
)
limit_option = click.option(
    "--no-compression-limit",
    "compression_limit",
    flag_value=False,
    default=True,
    help="Read files that become over 1,000 times as large when decompressed.",
)
weighted_option = click.option(
    "--weighted",
    is_flag=True,
    help="Read weights of documents: label<TAB>weight<TAB>text, or a column weight.",
)


def corpus_options(
    *, weights: bool, labelled: bool = True, formats: Callable[[Any], Any] | None = None
) -> Callable[[F], F]:
    """The options of how corpora are read, as one value: ``reading: ReadingOptions``.

    weights   documents' weights mean something to the command
    labelled  documents have labels; otherwise they may also be plain lines
    formats   the option of their format, where it is not --format
    """
    kinds = ("text", "label") if labelled else ("text",)
    formats = formats or format_option("--format", lines=not labelled)
    options: list[Callable[[Any], Any]] = [formats, *(column_option(kind) for kind in kinds)]
    if weights:
        options += [column_option("weight"), weighted_option]
    options += [skip_option, limit_option]

    names = [field.name for field in dataclasses.fields(ReadingOptions)]
    return one_value("reading", names, ReadingOptions, options)


def format_option(name: str, *, lines: bool) -> Callable[[F], F]:
    """The format of corpora;  lines  plain lines count as one."""
    names = [form for form in get_args(CorpusFormat) if form != "lines" or lines]
    return click.option(
        name,
        "format",
        type=click.Choice(names),
        default=None,
        show_default="by ending, or the first bytes",
        help="Format of the corpus's files.",
    )


def column_option(kind: str, of: str = "a table") -> Callable[[F], F]:
    """--text-column, --label-column or --weight-column."""
    plain = {"text": "text, review, …", "label": "label, class, …"}
    default = "weight, with --weighted" if kind == "weight" else f"by a plain name: {plain[kind]}"
    return click.option(
        f"--{kind}-column",
        default=None,
        metavar="NAME",
        show_default=default,
        help=f"Column of the {kind} in {of}.",
    )


def check_output(
    path: str,
    corpora: Sequence[str | None],
    others: Sequence[str | None] = (),
    *,
    grows: bool = False,
) -> None:
    """Raise InputError now if a file cannot be written, or is one of those that are read.

    corpora  files, folders, patterns and addresses;  others  files
    grows    it is appended to, not replaced
    """
    from textmlr.base.whole_files import check_writable
    from textmlr.corpus.sources import sources_of

    named = [corpus for corpus in corpora if corpus is not None]
    sources = sources_of(named) if named else []
    read = [*sources, *(other for other in others if other is not None)]
    check_writable(path, read, grows=grows)


def given(name: str) -> bool:
    """Whether this parameter stood on the running command's command line."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE
