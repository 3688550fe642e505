"""A simulated Open edX with a small course, and the source that reads it."""

from collections.abc import Iterator

import pytest

from adaptivity.management.local_servers.open_edx import Course, usage
from adaptivity.models import CourseSource
from tests.support.open_edx_course import source_of
from tests.support.servers.open_edx import FaultyOpenEdX


@pytest.fixture
def course() -> Course:
    """Two sections: the first with a text, a video and a graded problem, the second with a problem."""
    course = Course()
    course.chapter("week 1", {"intro": "html", "film": "video", "quiz": "problem", "talk": "discussion"})
    course.chapter("week 2", {"exam": "problem"})
    course.blocks[usage("problem", "quiz")] |= {"graded": True, "format": "Homework"}
    return course


@pytest.fixture
def lms(course: Course) -> Iterator[FaultyOpenEdX]:
    with FaultyOpenEdX(course) as server:
        yield server


@pytest.fixture
def source(lms: FaultyOpenEdX) -> CourseSource:
    return source_of(lms)
