"""The command line: one module a verb, which parses, calls one function and prints.

A verb imports NumPy, Numba and rich when it runs, so that ``--help`` is quick.
"""

from __future__ import annotations

from importlib import import_module

import click

from textmlr.base.version import __version__
from textmlr.cli.model_argument import TYPED

# In the order of help; each is the command of that name in the module of that name.
VERBS = (
    "train",
    "tune",
    "update",
    "classify",
    "explain",
    "evaluate",
    "compare",
    "top",
    "info",
    "featurize",
    "export",
    "compress",
)


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
    Examples:
      textmlr train corpus.tsv            train on lines of label<TAB>text
      textmlr tune corpus.tsv --time 5m   search for better options
      textmlr update a.textmlr new.tsv    train on more documents
      textmlr classify doc.txt            how likely is each label?
      textmlr explain doc.txt             which words speak for its label?
      textmlr evaluate test.tsv           how good are the answers?
      textmlr compare a.textmlr b.textmlr test.tsv
      textmlr top model.textmlr           which words speak for each label?
      textmlr featurize corpus.tsv -o X.npz   f(x), for other programs
      textmlr export model.textmlr --format json
      textmlr compress model.textmlr test.tsv -o small.textmlr --max-size 1MB
    """
