"""The command ``textmlr``, also as ``python -m textmlr``: exit codes and last words.

0 done; 2 bad input or usage, with one message and no traceback; 130 interrupted; 141 the
reader of a pipe went away.  Anything else that goes wrong is a bug and shows its traceback.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from typing import TextIO

import click

from textmlr.cli import cli
from textmlr.errors import InputError, KernelWarning
from textmlr.showing import plain
from textmlr.standard import guard_output, hold_descriptors

INTERRUPTED = 128 + 2  # as the shell counts SIGINT
PIPE_CLOSED = 128 + 13  # and SIGPIPE


def main() -> None:
    """Run the command line and exit."""
    hold_descriptors()
    warnings.showwarning = _show_warning
    try:
        guard_output()
        # Not cli.main, which makes exit code 1 of a closed pipe.
        with cli.make_context("textmlr", sys.argv[1:]) as context:
            cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as done:  # after --help and --version
        _finish(done.exit_code)
    except InputError as error:
        click.echo(f"Error: {plain(str(error))}", err=True)
        _finish(2)
    except click.ClickException as error:
        told = io.StringIO()
        error.show(told)
        click.echo(plain(told.getvalue(), "\n"), err=True, nl=False)
        _finish(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted; nothing was overwritten.", err=True)
        _leave(INTERRUPTED)
    except BrokenPipeError:
        _leave(PIPE_CLOSED)


_usual_warning = warnings.showwarning


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: TextIO | None = None, line: str | None = None,
) -> None:  # fmt: skip
    """Ours are one line, as all that verbs say."""
    if issubclass(category, KernelWarning):
        click.echo(click.style("Warning: ", fg="yellow") + plain(str(message)), err=True)
    else:
        _usual_warning(message, category, filename, lineno, file, line)


def _finish(code: int) -> None:
    """Exit when what was printed is written, or at once where it cannot be: it is told already, or
    an error that is told came before."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (InputError, BrokenPipeError):
        _leave(code)
    sys.exit(code)


def _leave(code: int) -> None:
    """Exit at once: a kernel under way in another thread is not waited for, and a stdout that
    cannot be flushed is not tried again."""
    os._exit(code)


if __name__ == "__main__":
    main()
