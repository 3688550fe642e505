"""What `adaptivity.engine` offers to outsiders: its example runs, and importing it costs no more than numpy."""

import doctest
import subprocess
import sys

from adaptivity import engine
from tests.support.service import ROOT

IMPORTED = "import sys, adaptivity.engine; print(' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"


def test_the_example_runs() -> None:
    result = doctest.testmod(engine)

    assert (result.attempted, result.failed) == (10, 0)


def test_the_names_are_few_and_stay() -> None:
    assert engine.__all__ == [
        "CollectionContent",
        "EngineSettings",
        "LearnerState",
        "Pairs",
        "Responses",
        "difficulty_log_odds",
        "estimate_em",
        "fold",
        "grade",
        "recommend",
        "relevance",
    ]
    assert all(getattr(engine, name).__doc__ for name in engine.__all__)


def test_it_needs_nothing_but_numpy() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTED], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())

    assert "numpy" in loaded
    assert loaded.isdisjoint({"scipy", "django", "celery", "rest_framework", "structlog", "requests", "pandas"})
