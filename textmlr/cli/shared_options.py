"""The options that several verbs have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from textmlr.base.checks import check_listed
from textmlr.base.option_headings import READ, RUN, SPEED, WRITE, Heading
from textmlr.base.options import options_of
from textmlr.base.threads import chosen_threads
from textmlr.cli.config_file import load_config
from textmlr.cli.model_argument import DEFAULT_MODEL
from textmlr.cli.option_spelling import GIVEN, name_of
from textmlr.cli.stage_options import one_value, option_of
from textmlr.cli.value_types import Checked, ReadFormat
from textmlr.cli.verb import verb_option
from textmlr.corpus.reading_options import FORMATS, ReadingOptions

F = TypeVar("F", bound=Callable[..., Any])
# Options of reading that documents and --lines have a use for, too.
FOR_ALL = ("compression_limit", "encoding")
SEVERAL = ("multilabel", "label_separator", "label_columns")  # of several labels a document


def listed(option: str) -> Checked:
    """A number of labels or features to list."""
    return Checked(lambda number: check_listed(option, number))


output_option = verb_option(
    "-o",
    "--output",
    heading=WRITE,
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="FILE",
    help="Model file to write.",
)
validation_option = verb_option(
    "--validation",
    heading=READ,
    metavar="FILE",
    help="Choose by these documents, and hold none out.",
)
quiet_option = verb_option(
    "-q", "--quiet", heading=RUN, is_flag=True, help="Show neither progress nor a summary."
)
threads_option = verb_option(
    "--threads",
    heading=SPEED,
    type=Checked(chosen_threads),
    default=None,
    metavar="N",
    show_default="one a processor",
    help="Number of threads; it changes no result.",
)
json_option = verb_option(
    "--json", "as_json", heading=RUN, is_flag=True, help="Print JSON to stdout."
)
config_option = verb_option(
    "--config",
    heading=RUN,
    is_eager=True,
    expose_value=False,
    callback=load_config,
    metavar="FILE.toml",
    help="Take options from FILE, such as epochs = 3; those that are typed win.",
)


def corpus_options(
    *, weights: bool, labelled: bool = True, lines: bool = False, several: bool = False
) -> Callable[[F], F]:
    """The options of how corpora are read, as one value: ``reading: ReadingOptions``.

    weights   documents' weights mean something to the command
    labelled  documents have labels
    lines     plain lines count as a format, since documents may lack labels
    several   whether documents have several labels is said on the first page of help
    """
    left = [] if weights else ["weight_column", "weighted"]
    left += [] if labelled else ["label_column", *SEVERAL]
    names = [one.name for one, _ in options_of(ReadingOptions)]
    headings = dict.fromkeys(SEVERAL[:2], READ) if several else {}
    options = [
        reading_option(name, lines=lines, heading=headings.get(name))
        for name in names
        if name not in left
    ]
    return one_value("reading", names, ReadingOptions, options)


def reading_option(
    name: str, *, lines: bool = False, help: str | None = None, heading: Heading | None = None
) -> Callable[[F], F]:
    """The option of one field of ReadingOptions.

    lines          plain lines count as a format
    help, heading  others than the option's own
    """
    field, own = next(pair for pair in options_of(ReadingOptions) if pair[0].name == name)
    own = own._replace(help=help or own.help)
    values = None
    if name == "format":
        names = [form for form in FORMATS if form != "lines" or lines]
        values = ReadFormat(names)
        said = f"{own.help.removesuffix('.')}: {', '.join(names)}."
        own = own._replace(help=said, metavar="FORMAT")
    return option_of(field, own, own.unset, heading or own.heading, values=values)


def refuse_without_corpora(*stages: type) -> None:
    """Raise UsageError for options that only --corpus has a use for, and that were typed; a file of
    options may have them, since it serves many commands.

    stages  dataclasses of such options
    """
    names = [field.name for stage in stages for field in fields(stage)]
    for option in click.get_current_context().command.params:
        name = str(option.name)
        if name in names and name not in FOR_ALL and on_command_line(name):
            raise click.UsageError(f"{name_of(option)} is for --corpus CORPUS")


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


def on_command_line(name: str) -> bool:
    """Whether this parameter stood on the running command's command line."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


def given(name: str) -> bool:
    """Whether the user gave this parameter, on the command line or in a file of options."""
    return click.get_current_context().get_parameter_source(name) in GIVEN
