"""A pipeline run on a terminal: one line for each step, redrawn as the run proceeds."""

import io
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TextIO

from django.utils import timezone

from adaptivity.models import StepRun, StepStatus
from adaptivity.runs.pipelines.declaration import Pipeline

SECONDS_BETWEEN_DRAWINGS = 0.5
MARKS: Mapping[str, str] = {
    StepStatus.WAITING: "·",
    StepStatus.QUEUED: "○",
    StepStatus.RUNNING: "▶",
    StepStatus.DONE: "✔",
    StepStatus.REJECTS: "✔",
    StepStatus.FAILED: "✘",
    StepStatus.STOPPED: "■",
    StepStatus.SKIPPED: "-",
}
FIRST_TO_GO: Mapping[str, int] = {
    StepStatus.DONE: 3,
    StepStatus.REJECTS: 3,
    StepStatus.SKIPPED: 2,
    StepStatus.WAITING: 1,
}
UP, CLEAR_TO_END = "\x1b[{}A\r", "\x1b[J"


def lines(pipeline: Pipeline, steps: Sequence[StepRun], now: datetime) -> list[str]:
    """A line for each step, indented by its depth in the graph: its status, its duration, and the steps before it."""
    depths = pipeline.depths()
    after = pipeline.graph()
    width = max(len(step.name) + 2 * depths[step.name] for step in steps)
    result = []
    for step in steps:
        name = "  " * depths[step.name] + step.name
        words = [f"{MARKS[step.status]} {name:<{width}}", f"{step.status:<8}", f"{_seconds(step, now):>8}"]
        if step.attempts > 1:
            words.append(f"attempt {step.attempts}")
        if step.problem:
            words.append(step.problem)
        if after[step.name]:
            words.append(f"← {', '.join(after[step.name])}")
        result.append("  ".join(words).rstrip())
    return result


def _seconds(step: StepRun, now: datetime) -> str:
    if step.started_at is None or step.status in (StepStatus.WAITING, StepStatus.SKIPPED):
        return ""
    return f"{((step.ended_at or now) - step.started_at).total_seconds():.0f} s"


def fitting(drawing: Sequence[str], steps: Sequence[StepRun], *, rows: int, columns: int) -> list[str]:
    """The drawing, cut to the size of the terminal.

    Long lines are cut. If there are too many lines, steps that are done or waiting are left out first; a last line
    says how many.
    """
    room = max(1, rows - 1)
    if len(drawing) > room:
        kept = sorted(range(len(drawing)), key=lambda number: (FIRST_TO_GO.get(steps[number].status, 0), number))
        kept = sorted(kept[: room - 1])
        drawing = [*(drawing[number] for number in kept), f"… {len(drawing) - len(kept)} more of {len(drawing)} steps"]
    # The last column stays free, because some terminals start a new line after it.
    most = max(1, columns - 1)
    return [line if len(line) <= most else line[: most - 1] + "…" for line in drawing]


class Display:
    """Draws the steps if the stream is a terminal. Elsewhere, the log has a line when a step begins or ends.

    A context manager. Inside the block, only warnings and errors of the log appear on that terminal. They are written
    above the drawing, which is redrawn below them.
    """

    def __init__(self, pipeline: Pipeline, stream: TextIO | None = None) -> None:
        self._pipeline, self._stream = pipeline, sys.stderr if stream is None else stream
        self._is_terminal = self._stream.isatty()
        self._drawing: list[str] = []
        self._drawn: list[str] = []
        self._statuses: list[str] = []
        self._next = 0.0
        # Another thread may write to the log.
        self._lock = threading.RLock()
        self._handlers: list[tuple[logging.StreamHandler[TextIO], TextIO, int]] = []

    def __call__(self, steps: Sequence[StepRun]) -> None:
        if not self._is_terminal:
            return
        statuses = [step.status for step in steps]
        if statuses == self._statuses and time.monotonic() < self._next:
            return
        self._statuses, self._next = statuses, time.monotonic() + SECONDS_BETWEEN_DRAWINGS
        drawing = lines(self._pipeline, steps, timezone.now())
        rows, columns = self._size()
        with self._lock:
            self._drawing = fitting(drawing, steps, rows=rows, columns=columns)
            self._write("")

    def above(self, text: str) -> None:
        """Writes whole lines, and the drawing again below them."""
        with self._lock:
            self._write(text)

    def _write(self, text: str) -> None:
        _, columns = self._size()
        # If the terminal has become narrower, it has wrapped the lines.
        height = sum(max(1, math.ceil(len(line) / columns)) for line in self._drawn)
        start = UP.format(height) if height else ""
        below = "".join(f"{line}\n" for line in self._drawing)
        self._stream.write(start + CLEAR_TO_END + text + below)
        self._stream.flush()
        self._drawn = self._drawing

    def _size(self) -> tuple[int, int]:
        """The rows and columns of the terminal, or 24 and 80 if it does not report them."""
        size = os.get_terminal_size(self._stream.fileno())
        return size.lines or 24, size.columns or 80

    def __enter__(self) -> "Display":
        if self._is_terminal:
            for handler in logging.getLogger().handlers:
                if isinstance(handler, logging.StreamHandler) and _is_same(handler.stream, self._stream):
                    self._handlers.append((handler, handler.stream, handler.level))
                    handler.setStream(_Above(self))
                    handler.setLevel(max(handler.level, logging.WARNING))
        return self

    def __exit__(self, *_: object) -> None:
        for handler, stream, level in self._handlers:
            handler.setStream(stream)
            handler.setLevel(level)
        self._handlers = []


class _Above(io.TextIOBase):
    """The stream for a log handler, which writes each record with its line end in one call."""

    def __init__(self, display: Display) -> None:
        self._display = display

    def write(self, text: str) -> int:
        self._display.above(text)
        return len(text)


def _is_same(one: TextIO, other: TextIO) -> bool:
    """Whether both are the same terminal."""
    try:
        return os.path.sameopenfile(one.fileno(), other.fileno())
    except (OSError, ValueError):  # one is not a file, or closed
        return False
