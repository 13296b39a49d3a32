"""The command line: one module a verb, which parses, calls one function and prints.

A verb imports NumPy, Numba and rich when it runs, so that ``--help`` is quick.
"""

from __future__ import annotations

from importlib import import_module

import click

from textmlr.base.version import __version__
from textmlr.cli.model_argument import TYPED

# Headings of help and their verbs; each is the command of that name in the module of that name.
HEADINGS = {
    "Train": ("train", "tune", "update"),
    "Answer": ("classify", "explain"),
    "Judge": ("evaluate", "compare", "top", "info"),
    "Give to other programs": ("compress", "export", "featurize"),
}
VERBS = tuple(verb for verbs in HEADINGS.values() for verb in verbs)


class Verbs(click.Group):
    """The verbs, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, None if there is none."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = getattr(import_module(f"{__name__}.{cmd_name}"), cmd_name)
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
        name, command, words = super().resolve_command(ctx, args)
        ctx.meta[TYPED] = tuple(words)
        return name, command, words


@click.group(
    cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="textmlr")
def cli() -> None:
    """Multinomial logistic regression for text: P(Y=label | document).

    \b
    Begin with:
      textmlr train reviews.csv    train on texts and labels
      textmlr classify doc.txt     how likely is each label?
      textmlr explain doc.txt      which words say so?
      textmlr evaluate test.csv    how good are the answers?
    """
