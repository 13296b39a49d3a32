"""A verb of the command line: its options under headings, the first of them with --help, all with
--help-all, and its examples last."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from shlex import quote
from typing import Any, TypeVar

import click

from textmlr.base.compiling import COMPILING
from textmlr.base.option_headings import FURTHER, HEADINGS, RUN, Heading
from textmlr.cli.option_spelling import spelled_as_typed

F = TypeVar("F", bound=Callable[..., Any])

EXAMPLES = "\b\nExamples:\n"  # the last paragraph of a verb's docstring
_ALL = f"{__name__}.all"  # in the context: show all options
WIDEST_TERM = 26  # columns of an option's name; a longer one has a line of its own


class VerbOption(click.Option):
    """An option under a heading of help;  more  further sentences for --help-all."""

    def __init__(self, *args: Any, heading: Heading, more: str = "", **rest: Any) -> None:
        self.heading, self.more = heading, more
        super().__init__(*args, **rest)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The option and what it does; --[no-]idf for a pair of names."""
        record = super().get_help_record(ctx)
        if record is None:
            return None
        term, text = record
        if self.secondary_opts:
            term = f"--[no-]{self.opts[0].removeprefix('--')}"
        if self.more and _ALL in ctx.meta:
            sentences, _, default = text.partition("  [")
            text = f"{sentences} {self.more}" + (f"  [{default}" if default else "")
        return term, text

    def get_help_extra(self, ctx: click.Context) -> Any:
        """The default as a user would say it: in words, a number without .0, yes or no."""
        extra = super().get_help_extra(ctx)
        if isinstance(self.show_default, str):
            extra["default"] = self.show_default
        elif "default" in extra and self.is_bool_flag:
            extra["default"] = "yes" if self.default else "no"
        elif "default" in extra and isinstance(self.default, float):
            extra["default"] = f"{self.default:g}"
        return extra

    @property
    def _has_one_value(self) -> bool:
        """Whether a second value would replace the first: not so of lists, and of flags that can
        only be set."""
        lists = self.multiple or self.count or self.nargs != 1
        return not lists and (not self.is_flag or bool(self.secondary_opts))

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Have the parser keep all values that are typed."""
        if not self._has_one_value:
            super().add_to_parser(parser, ctx)
        elif self.is_flag:
            for names, value in ((self.opts, True), (self.secondary_opts, False)):
                parser.add_option(
                    obj=self, opts=names, dest=self.name, action="append_const", const=value
                )
        else:
            parser.add_option(obj=self, opts=self.opts, dest=self.name, action="append")

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> Any:
        """The value.  Raises UsageError where several were typed: one of them would be lost."""
        typed = opts.get(str(self.name))
        if self._has_one_value and isinstance(typed, list):
            if len(typed) > 1 and not (self.is_flag or ctx.resilient_parsing):
                raise click.UsageError(_several_values(max(self.opts, key=len), typed), ctx)
            if len(set(typed)) > 1 and not ctx.resilient_parsing:
                names = f"{self.opts[0]} and {self.secondary_opts[0]}"
                raise click.UsageError(f"{names} exclude each other: give one of them", ctx)
            opts = {**opts, str(self.name): typed[-1]}
        return super().consume_value(ctx, opts)


def _several_values(name: str, typed: Sequence[str]) -> str:
    """The message about an option of one value that was typed with several."""
    words = [f"{name} {quote(one)}" for one in typed]
    listed, last = ", ".join(words[:-1]), words[-1]
    mend = "one of them" if len(typed) == 2 else "all but one"
    return (
        f"{name} takes one value, and {len(typed)} are given, {listed} and {last}: leave out {mend}"
    )


def verb_option(*names: str, heading: Heading, **rest: Any) -> Callable[[F], F]:
    """``click.option`` with a heading."""
    return click.option(*names, cls=VerbOption, heading=heading, **rest)


class Verb(click.Command):
    """A verb.

    Its docstring is a summary, a few sentences, from a line \\f on what --help-all says besides,
    and examples.

    renamed   options by old names, and their names
    compiles  it may call kernels
    """

    def __init__(
        self,
        *args: Any,
        renamed: Mapping[str, str] | None = None,
        compiles: bool = True,
        **rest: Any,
    ) -> None:
        super().__init__(*args, **rest)
        self.renamed, self.compiles = renamed or {}, compiles
        options = [one for one in self.params if isinstance(one, click.Option)]
        if "\f" in (self.help or "") or any(not heading_of(one).first for one in options):
            self.params.append(_all_option())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; an option that has another name now is told by it."""
        try:
            with spelled_as_typed(ctx):
                return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name = self.renamed.get(error.option_name)
            if name is None:
                raise
            raise click.UsageError(f"{error.option_name} is {name} now", ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run; errors of options name them as they were written, and the first kernel that has to
        be compiled is told."""
        if self.compiles:
            from textmlr.kernels.jit import watch_compiling

            COMPILING.begin(watch_compiling, quiet=bool(ctx.params.get("quiet")))
        with spelled_as_typed(ctx):
            return super().invoke(ctx)

    @property
    def examples(self) -> list[str]:
        """The lines of the examples."""
        lines = inspect.cleandoc(self.help or "").partition(EXAMPLES)[2].splitlines()
        return [line.strip() for line in lines]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sentences, those for --help-all where it is asked for."""
        first, _, more = inspect.cleandoc(self.help or "").partition(EXAMPLES)[0].partition("\f")
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(f"{first}\n\n{more}" if _ALL in ctx.meta else first)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings."""
        pages: dict[Heading, list[tuple[str, str]]] = {heading: [] for heading in HEADINGS}
        for parameter in self.get_params(ctx):
            if not isinstance(parameter, click.Option):
                continue
            heading, record = heading_of(parameter), parameter.get_help_record(ctx)
            if record is not None and (heading.first or _ALL in ctx.meta):
                pages[heading].append(record)
        terms = [term for rows in pages.values() for term, _ in rows]
        width = max(len(term) for term in terms if len(term) <= WIDEST_TERM)
        for heading, rows in pages.items():
            if rows:
                with formatter.section(heading.title):
                    _write_rows(formatter, rows, width)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write(f"  {line}\n")


def heading_of(option: click.Option) -> Heading:
    """The heading of an option; --help stands with how to run."""
    if isinstance(option, VerbOption):
        return option.heading
    return RUN if "--help" in option.opts else FURTHER


def _all_option() -> VerbOption:
    def show(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
        if asked and not context.resilient_parsing:
            context.meta[_ALL] = True
            click.echo(context.get_help(), color=context.color)
            context.exit()

    return VerbOption(
        ["--help-all"],
        heading=RUN,
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="Show all options, and how it works.",
    )


def _write_rows(
    formatter: click.HelpFormatter, rows: Iterable[tuple[str, str]], width: int
) -> None:
    """Write options and what they do, those of all headings in the same columns."""
    for term, text in rows:
        formatter.write_dl([(f"{term:<{width}}", text)], col_max=width)
