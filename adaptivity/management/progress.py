"""Progress of long work: a bar on a terminal, or a log line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Any

import structlog

log = structlog.get_logger(__name__)
SECONDS_BETWEEN_LINES = 10.0


class ProgressDisplay:
    """Call it with a phase, how much of it is done, and its total. A context manager: leaving it closes the bar.

    With ``log=False`` it writes nothing if there is no terminal, because standard output is only for the command's
    JSON.
    """

    def __init__(self, *, log: bool = True) -> None:
        self._log = log
        self._bar: Any = None
        self._phase = ""
        self._next_line = 0.0

    def __call__(self, phase: str, done: int, total: int) -> None:
        if sys.stderr.isatty():
            self._draw(phase, done, total)
        elif self._log and (time.monotonic() >= self._next_line or done >= total):
            self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
            log.info("progress", phase=phase, done=done, total=total)

    def _draw(self, phase: str, done: int, total: int) -> None:
        from tqdm import tqdm

        if phase != self._phase:
            self.close()
            self._bar = tqdm(total=total, desc=phase, file=sys.stderr)
            self._phase = phase
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Closes the bar of the current phase."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> "ProgressDisplay":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
