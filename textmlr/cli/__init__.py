"""The command line: one module a verb, which parses, calls one function and prints.

A verb imports NumPy, Numba and rich when it runs, so that ``--help`` is quick.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

import click

from textmlr.base.version import __version__
from textmlr.cli.model_argument import TYPED

# Headings of help and their verbs; each is the command of that name in the module of that name,
# but for those of _MODULES.
HEADINGS = {
    "Train": ("train", "tune", "update", "import"),
    "Answer": ("classify", "explain"),
    "Judge": ("evaluate", "compare", "top", "info"),
    "Give to other programs": ("compress", "export", "featurize"),
    "Help": ("guide", "completion"),
}
VERBS = tuple(verb for verbs in HEADINGS.values() for verb in verbs)
_MODULES = {"import": "import_model"}  # a verb that is a word of Python's


class Verbs(click.Group):
    """The verbs, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, None if there is none."""
        if cmd_name not in VERBS:
            return None
        name = _MODULES.get(cmd_name, cmd_name)
        command: click.Command = getattr(import_module(f"{__name__}.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs under their headings."""
        width = max(map(len, VERBS))
        for heading, verbs in HEADINGS.items():
            with formatter.section(heading):
                for verb in verbs:
                    command = self.get_command(ctx, verb)
                    assert command is not None
                    summary = command.get_short_help_str(formatter.width - width - 4)
                    formatter.write_dl([(f"{verb:<{width}}", summary)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb, and the words after it, which messages take up."""
        if not ctx.resilient_parsing and args[0] not in VERBS and not args[0].startswith("-"):
            from textmlr.cli.suggestions import unknown_verb

            raise click.UsageError(unknown_verb(args[0], VERBS), ctx)
        name, command, words = super().resolve_command(ctx, args)
        ctx.meta[TYPED] = tuple(words)
        return name, command, words

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before the verb."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise self._unknown_option(error, ctx, args) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Call the verb."""
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            own = error.ctx or ctx
            words = [own.command.name or "", *ctx.meta.get(TYPED, ())]
            raise self._unknown_option(error, own, words) from None

    def _unknown_option(
        self, error: click.NoSuchOption, ctx: click.Context, words: Sequence[str]
    ) -> click.UsageError:
        """The error with a better suggestion than Click's."""
        from textmlr.cli.suggestions import unknown_option

        def others() -> Iterator[str]:
            for verb in VERBS:
                command = self.get_command(ctx, verb)
                if command is not None and any(error.option_name in p.opts for p in command.params):
                    yield verb

        message = unknown_option(error.option_name, words, ctx.command, others)
        return click.UsageError(message, ctx)


def _show_version(context: click.Context, option: click.Parameter, asked: bool) -> None:
    if not asked or context.resilient_parsing:
        return
    import platform
    from importlib.metadata import version

    others = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba"))
    click.echo(f"textmlr {__version__} ({others}, Python {platform.python_version()})")
    context.exit()


@click.group(
    cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the versions of textmlr and of what it computes with.",
)
def cli() -> None:
    """Multinomial logistic regression for text: P(Y=label | document).

    \b
    Begin with:
      textmlr train reviews.csv    train on texts and labels
      textmlr classify doc.txt     how likely is each label?
      textmlr explain doc.txt      which words say so?
      textmlr evaluate test.csv    how good are the answers?
    """
