"""Activities that evidence is about."""

import pytest

from tests.support.builders import activity, knowledge_component
from tests.support.evidence_files import URL


@pytest.fixture
def problem_and_quiz(db: None) -> None:
    """One problem of a course on one KC, and an activity that xAPI statements are about."""
    kc = knowledge_component("lines")
    activity(URL, [kc])
    activity("https://lrs.example/quiz", [kc])
