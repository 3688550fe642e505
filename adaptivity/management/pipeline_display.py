"""A run of a pipeline as lines on a terminal, one for each step, drawn again as it goes on."""

import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TextIO

from django.utils import timezone

from adaptivity.jobs.pipelines.declaration import Pipeline
from adaptivity.models import StepRun, StepStatus

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
UP, CLEAR_TO_END = "\x1b[{}A\r", "\x1b[J"


def lines(pipeline: Pipeline, steps: Sequence[StepRun], now: datetime) -> list[str]:
    """A line for each step: how it stands, since when or how long, and what it comes after; indented by its place in
    the graph."""
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


class Display:
    """Draws the steps where the stream is a terminal; elsewhere the log has a line when a step begins or ends."""

    def __init__(self, pipeline: Pipeline, stream: TextIO = sys.stderr) -> None:
        self._pipeline, self._stream = pipeline, stream
        self._drawn = 0
        self._statuses: list[str] = []
        self._next = 0.0

    def __call__(self, steps: Sequence[StepRun]) -> None:
        if not self._stream.isatty():
            return
        statuses = [step.status for step in steps]
        if statuses == self._statuses and time.monotonic() < self._next:
            return
        self._statuses, self._next = statuses, time.monotonic() + SECONDS_BETWEEN_DRAWINGS
        drawing = lines(self._pipeline, steps, timezone.now())
        start = UP.format(self._drawn) if self._drawn else ""
        self._stream.write(start + CLEAR_TO_END + "\n".join(drawing) + "\n")
        self._stream.flush()
        self._drawn = len(drawing)
