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
# What ends a command: at Ctrl-C, by kill, timeout and batch systems, and with its terminal.
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
AGAIN = 0.01  # seconds until a signal that got lost is sent once more
PATIENCE = 2.0  # seconds in which further signals do not cut short what ends by the first


def main() -> None:
    """Run the command line and exit."""
    ending = Ending()
    try:
        ending.install()
        _run()
    except KeyboardInterrupt:
        _interrupted(ending)
    finally:
        ending.restore()


class Ending:
    """The signals that end a command, each raised in the main thread as KeyboardInterrupt, so that
    what is half written is removed on the way out; signals that are ignored (nohup) stay so.

    number  of the signal that came first, SIGINT until one comes
    """

    def __init__(self) -> None:
        self.number: int = signal.SIGINT
        self._at: float | None = None
        self._before: dict[int, Any] = {}

    def install(self) -> None:
        """From now on."""
        usual = (signal.SIG_DFL, signal.default_int_handler)
        for name in SIGNALS:
            number = getattr(signal, name, None)  # a system may lack it
            if number is not None and signal.getsignal(number) in usual:
                self._before[number] = signal.signal(number, self._note)
        sys.unraisablehook = self._unraisable

    def restore(self) -> None:
        """The command has ended: Python, which is ending too, is not to be disturbed."""
        sys.unraisablehook = sys.__unraisablehook__
        for number, handler in self._before.items():
            # Python's own would raise in the midst of what it does at its end.
            usual = handler is signal.default_int_handler
            signal.signal(number, signal.SIG_DFL if usual else handler)

    def _unraisable(self, lost: sys.UnraisableHookArgs) -> None:
        """What is raised in callbacks that Python makes on its own (of weak references, and when
        objects are freed) goes no further: a signal that came then is sent once more."""
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
            return  # a terminal that closes, and those who stop services, send two at once
        raise KeyboardInterrupt


def _run() -> None:
    # Imported here, so that a signal meanwhile is told of like any other.
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
        # Not cli.main, which makes exit code 1 of a closed pipe.
        with cli.make_context("textmlr", sys.argv[1:]) as context:
            cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as done:  # after --help, --version and a stream that was stopped
        _finish(done.exit_code)
    except InputError as error:
        click.echo(f"Error: {plain(str(error))}", err=True)
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


_usual_warning = warnings.showwarning


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Ours are one line, as all that verbs say."""
    import click

    from textmlr.base.errors import KernelWarning
    from textmlr.base.printable import plain

    if issubclass(category, KernelWarning):
        click.echo(click.style("Warning: ", fg="yellow") + plain(str(message)), err=True)
    else:
        _usual_warning(message, category, filename, lineno, file, line)


def _interrupted(ending: Ending) -> None:
    """Say what became of the files that were to be written, and exit."""
    import click

    from textmlr.base.printable import plain

    by = "" if ending.number == signal.SIGINT else f" by {signal.Signals(ending.number).name}"
    with suppress(OSError):  # its terminal, or whoever read it, is gone
        click.echo(f"Interrupted{by}{plain(_written())}.", err=True)
    _leave(128 + ending.number)


def _written() -> str:
    """What of the command's files is in its place."""
    atomic = sys.modules.get("textmlr.base.whole_files")
    written: list[str] = [] if atomic is None else atomic.in_place()
    if not written:
        return "; nothing was overwritten"
    more = f" and {len(written) - 1:,} more" if len(written) > 1 else ""
    return f" after {written[0]}{more} had been written"


def _finish(code: int) -> None:
    """Exit when what was printed is written, or at once where it cannot be: it is told already, or
    an error that is told came before."""
    from textmlr.base.errors import InputError

    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (InputError, BrokenPipeError):
        _leave(code)
    sys.exit(code)


def _leave(code: int) -> None:
    """Exit at once: a kernel under way in another thread is not waited for, and a stdout that
    cannot be flushed is not tried again."""
    atomic = sys.modules.get("textmlr.base.whole_files")
    if atomic is not None:
        atomic.discard_unfinished()
    os._exit(code)


if __name__ == "__main__":
    main()
