"""Turns SIGTERM and SIGINT into a question that long work can ask: should I stop?"""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

# Fargate kills a process 30 s after SIGTERM (docker-compose after its stop_grace_period). Work that has not stopped
# within these seconds is interrupted, and has the rest of that time to roll back and to record how it ended.
GRACE_SECONDS = 18.0


class StopRequest:
    """Call it to know whether a signal asked the process to stop. A context manager: it handles signals in the block.

    Work that does not stop within ``grace_seconds`` gets a KeyboardInterrupt, and so does work whose user presses
    Ctrl+C twice. Signals only reach the main thread; in other threads it always returns false.
    """

    def __init__(self, grace_seconds: float = GRACE_SECONDS) -> None:
        self.signal: signal.Signals | None = None
        self._grace_seconds = grace_seconds
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        return self.signal is not None

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None:
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            return
        self.signal = signal.Signals(number)
        signal.setitimer(signal.ITIMER_REAL, self._grace_seconds)

    @staticmethod
    def _interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def let_finish(self) -> None:
        """Prevents interruptions from here on, so that the end of the run can be recorded."""
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._ask)
            self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
