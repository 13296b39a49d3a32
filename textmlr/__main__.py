"""The command ``textmlr``, also as ``python -m textmlr``: exit codes and last words.

0 done; 2 bad input or usage, with one message and no traceback; 130 interrupted (Ctrl-C), 143 and
129 by SIGTERM and SIGHUP; 141 the reader of a pipe went away.  Anything else that goes wrong is a
bug and shows its traceback.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from contextlib import suppress
from types import FrameType
from typing import Any, TextIO

INTERRUPTED = 128 + signal.SIGINT  # as the shell counts
PIPE_CLOSED = 128 + 13  # SIGPIPE
# They end a command: by Ctrl-C; by kill, timeout and batch systems; with its terminal.
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
AGAIN = 0.01  # seconds until a signal that got lost is sent once more
PATIENCE = 2.0  # seconds in which further signals do not cut short the ending by the first


def main() -> None:
    """Run the command line and exit."""
    ending = Ending()
    try:
        ending.install()
        _run()
    except KeyboardInterrupt:
        _interrupted(ending)
    except RuntimeError as error:
        # Python 3.11 raises one in place of what ends the making of a class.
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        _interrupted(ending)
    finally:
        ending.restore()


class Ending:
    """The signals that end a command, each raised in the main thread as KeyboardInterrupt, so that
    half-written files are removed on the way out; signals that are ignored (nohup) stay ignored.

    number  of the signal that came first, SIGINT until one comes
    """

    def __init__(self) -> None:
        self.number: int = signal.SIGINT
        self._at: float | None = None
        self._before: dict[int, Any] = {}

    def install(self) -> None:
        """Catch these signals from now on."""
        usual = (signal.SIG_DFL, signal.default_int_handler)
        for name in SIGNALS:
            number = getattr(signal, name, None)  # a system may lack it
            if number is not None and signal.getsignal(number) in usual:
                self._before[number] = signal.signal(number, self._note)
        sys.unraisablehook = self._unraisable

    def restore(self) -> None:
        """Leave the signals to Python, which is ending too and must not be disturbed."""
        sys.unraisablehook = sys.__unraisablehook__
        for number, handler in self._before.items():
            # Python's own handler would raise in the midst of Python's end.
            usual = handler is signal.default_int_handler
            signal.signal(number, signal.SIG_DFL if usual else handler)

    def _unraisable(self, lost: sys.UnraisableHookArgs) -> None:
        """Send a signal once more that came during a callback of Python's own (of a weak reference,
        or when an object is freed), where an exception goes no further."""
        if not isinstance(lost.exc_value, KeyboardInterrupt):
            sys.__unraisablehook__(lost)
            return
        import threading

        self._at = None
        again = threading.Timer(AGAIN, os.kill, (os.getpid(), self.number))
        again.daemon = True
        again.start()

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._at is None:
            self.number, self._at = number, now
        elif now - self._at < PATIENCE:
            return  # a terminal that closes and a manager of services send two at once
        raise KeyboardInterrupt


def _run() -> None:
    # Imported here, so that a signal meanwhile ends the command like any other.
    import io

    import click

    from textmlr.base.errors import InputError
    from textmlr.base.printable import plain
    from textmlr.base.stdio import guard_output, hold_descriptors
    from textmlr.cli import cli

    hold_descriptors()
    warnings.showwarning = _show_warning
    try:
        guard_output()
        if asked := os.environ.get("_TEXTMLR_COMPLETE"):  # by a shell
            from textmlr.cli.completion import answer

            _finish(answer(cli, asked))
        # Not cli.main, which exits with 1 for a closed pipe.
        colour = False if os.environ.get("NO_COLOR") else None  # see no-color.org
        with cli.make_context("textmlr", sys.argv[1:], color=colour) as context:
            cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as done:  # after --help, --version and a stream that was stopped
        _finish(done.exit_code)
    except InputError as error:
        click.echo(_laid_out(f"Error: {plain(str(error))}"), err=True)
        if error.guide is not None:
            click.echo(f"See: textmlr guide {error.guide}", err=True)
        _finish(2)
    except click.ClickException as error:
        told = io.StringIO()
        error.show(told)
        # Click puts each choice on a line of its own, behind a tab.
        text = told.getvalue().replace("\n\t", " ")
        click.echo(plain(text, "\n"), err=True, nl=False)
        _finish(error.exit_code)
    except click.Abort:
        raise KeyboardInterrupt from None
    except BrokenPipeError:
        _leave(PIPE_CLOSED)


def _laid_out(message: str) -> str:
    """A message for a terminal: wrapped between words, and the command that would work on a line of
    its own.  Whatever else reads it gets one line."""
    if not sys.stderr.isatty():
        return message
    import re
    import shutil
    import textwrap

    columns = shutil.get_terminal_size().columns
    found = re.fullmatch(r"(.*[:;]) (textmlr \S.*)", message)
    text, command = (found[1], f"\n  {found[2]}") if found else (message, "")
    lines = textwrap.wrap(text, columns, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines) + command


_usual_warning = warnings.showwarning


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show warnings of our own in one line, like those of verbs."""
    import click

    from textmlr.base.errors import KernelWarning
    from textmlr.base.printable import plain

    if issubclass(category, KernelWarning):
        click.echo(click.style("Warning: ", fg="yellow") + plain(str(message)), err=True)
    else:
        _usual_warning(message, category, filename, lineno, file, line)


def _interrupted(ending: Ending) -> None:
    """Say which files were written, and exit."""
    import click

    from textmlr.base.printable import plain

    by = "" if ending.number == signal.SIGINT else f" by {signal.Signals(ending.number).name}"
    with suppress(OSError):  # its terminal or reader is gone
        click.echo(f"Interrupted{by}{plain(_written())}.", err=True)
    _leave(128 + ending.number)


def _written() -> str:
    """The clause about the command's files that are in their place."""
    atomic = sys.modules.get("textmlr.base.whole_files")
    written: list[str] = [] if atomic is None else atomic.in_place()
    if not written:
        return "; nothing was overwritten"
    more = f" and {len(written) - 1:,} more" if len(written) > 1 else ""
    return f" after {written[0]}{more} had been written"


def _finish(code: int) -> None:
    """Exit when all output is written; where it cannot be, say so and exit at once."""
    from textmlr.base.errors import InputError

    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (InputError, BrokenPipeError):
        _leave(code)
    sys.exit(code)


def _leave(code: int) -> None:
    """Exit at once, without waiting for a kernel in another thread, and without flushing stdout
    again."""
    atomic = sys.modules.get("textmlr.base.whole_files")
    if atomic is not None:
        atomic.discard_unfinished()
    os._exit(code)


if __name__ == "__main__":
    main()
