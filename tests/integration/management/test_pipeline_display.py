"""What somebody sees of a run of a pipeline on a terminal on which the log is written, too."""

import logging
import os

import pytest

from adaptivity.management import pipeline_display
from adaptivity.management.pipeline_display import Display, fitting
from adaptivity.models import StepRun
from adaptivity.runs.pipelines.declaration import Pipeline, Step
from tests.support.terminal import Screen, terminal

ROWS, COLUMNS = 6, 30
NAMES = [f"step_{number}" for number in range(8)]
PIPELINE = Pipeline(
    "long",
    "One after another.",
    tuple(Step(name, ("do",), after=tuple(NAMES[max(0, number - 1) : number])) for number, name in enumerate(NAMES)),
)


def steps(*statuses: str) -> list[StepRun]:
    """The first have these, the others wait."""
    given = [*statuses, *["waiting"] * (len(NAMES) - len(statuses))]
    return [StepRun(name=name, status=status) for name, status in zip(NAMES, given, strict=True)]


def test_a_terminal_that_is_lower_and_narrower_than_the_picture_and_has_the_log_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline_display, "SECONDS_BETWEEN_DRAWINGS", 0)
    logger = logging.getLogger("adaptivity.test")
    with (
        terminal(ROWS, COLUMNS) as (descriptor, written),
        os.fdopen(os.dup(descriptor), "w") as out,
        os.fdopen(os.dup(descriptor), "w") as err,
    ):
        handler = logging.StreamHandler(out)
        monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
        monkeypatch.setattr(logging.getLogger(), "level", logging.INFO)
        out.write("before\n")
        out.flush()
        with Display(PIPELINE, err) as display:
            logger.info("not before the first picture")
            display(steps("running"))
            logger.info("nor after it")
            display(steps("failed", "running"))
            logger.warning("a warning that is longer than a line is on this terminal")
            display(steps("done", "done", "running"))
            display(steps("done", "done", "done", "failed"))
        logger.info("after")

    screen = Screen(ROWS, COLUMNS)
    screen.feed(b"".join(written).decode())
    assert screen.lines() == [
        "before",
        "a warning that is longer than",
        "a line is on this terminal",
        "✘       step_3          fail…",
        "·         step_4        wait…",
        "·           step_5      wait…",
        "·             step_6    wait…",
        "… 4 more of 8 steps",
        "after",
    ]


@pytest.mark.parametrize(("rows", "shown"), [(9, 8), (8, 6), (2, 0), (1, 0)])
def test_the_cursor_s_line_and_the_picture_s_are_no_more_than_the_terminal_s(rows: int, shown: int) -> None:
    drawing = [str(number) for number in range(8)]

    found = fitting(drawing, steps("done", "rejects", "running"), rows=rows, columns=80)

    assert len(found) <= max(1, rows - 1)
    expected = drawing if shown == 8 else [*drawing[2:8][:shown], f"… {8 - shown} more of 8 steps"]
    assert found == expected


def test_elsewhere_than_on_a_terminal_the_log_is_left_alone() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as read, os.fdopen(writing, "w") as stream:
        handler = logging.StreamHandler(stream)
        logging.getLogger().addHandler(handler)
        try:
            with Display(PIPELINE, stream) as display:
                assert (handler.stream, handler.level) == (stream, logging.NOTSET)
                display(steps("running"))
        finally:
            logging.getLogger().removeHandler(handler)
        stream.close()
        assert read.read() == ""
