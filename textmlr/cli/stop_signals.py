"""The signals that stop a stream after the document it is at."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Stopping:
    """Notes Ctrl-C, SIGTERM and SIGHUP, to be asked for between documents; a second signal stops
    the command at once.  Signals that are ignored (nohup) stay ignored."""

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[signal.Signals, Any] = {}

    @property
    def name(self) -> str | None:
        """The signal that came, SIGINT, SIGTERM or SIGHUP, or None."""
        return signal.Signals(self.number).name if self.number else None

    def asked(self) -> bool:
        """Whether a signal came."""
        return bool(self.number)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # others get no signals
            for one in SIGNALS:
                if signal.getsignal(one) != signal.SIG_IGN:
                    self._before[one] = signal.signal(one, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        self._restore()

    def _restore(self) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)
        self._before = {}
