"""Telling once that kernels are being compiled, and how long it took."""

from __future__ import annotations

import sys
from collections.abc import Callable

TEXT = "Compiling the kernels; later runs load them, where they can be kept…"


class Compiling:
    """Watches the compiling of kernels; see ``textmlr.kernels.jit.watch_compiling``.

    seconds  spent on it since ``begin``
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._told, self._watching = True, False

    def begin(self, watch: Callable[[Callable[[str, float], None]], None], *, quiet: bool) -> None:
        """Count from 0; the first kernel is told on stderr, unless quiet.

        watch  ``textmlr.kernels.jit.watch_compiling``
        """
        if not self._watching:
            watch(self.note)
            self._watching = True
        self.seconds, self._told = 0.0, quiet

    def note(self, kernel: str, seconds: float) -> None:
        """A kernel is compiled now (0 seconds), or has been."""
        if not seconds and not self._told:
            self._told = True
            dim = ("\x1b[2m", "\x1b[0m") if sys.stderr.isatty() else ("", "")
            print(TEXT.join(dim), file=sys.stderr, flush=True)
        self.seconds += seconds


# One for the process: a kernel is compiled once in it.
COMPILING = Compiling()
