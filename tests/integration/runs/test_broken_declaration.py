"""What somebody who has declared a pipeline that cannot be run is told, before it is night."""

import re
from typing import Any

import pytest
from django.core.management import execute_from_command_line

from adaptivity.apps import check_pipelines

CYCLE = re.compile(r"pipeline odd has a cycle: (a → b → a|b → a → b)")


class TestBrokenDeclaration:
    """What somebody who has declared a pipeline is told, before it is night."""

    @pytest.fixture(autouse=True)
    def _broken(self, settings: Any) -> None:
        settings.PIPELINES = "tests.support.broken_pipelines.PIPELINES"

    @pytest.mark.parametrize(
        ("command", "code"),
        [
            (("check",), 1),
            (("jobs",), 2),
            (("render_pipeline", "odd"), 2),
            (("run_pipeline", "odd"), 2),
            (("trace_learners",), 2),
        ],
    )
    def test_every_command_names_the_pipeline_and_the_steps(
        self, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], code: int
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            execute_from_command_line(["manage.py", *command])

        out, err = capsys.readouterr()
        assert ended.value.code == code
        assert CYCLE.search(err)
        assert "Traceback" not in out + err

    def test_django_s_check_has_an_id(self) -> None:
        (error,) = check_pipelines()

        assert error.id == "adaptivity.E001"
        assert CYCLE.fullmatch(error.msg)

    @pytest.mark.parametrize(
        ("name", "problem"),
        [
            ("nowhere.PIPELINES", "PIPELINES: No module named 'nowhere'"),
            (
                "adaptivity.pipelines.NIGHTLY",
                "PIPELINES: adaptivity.pipelines.NIGHTLY is not a tuple of pipelines",
            ),
        ],
    )
    def test_a_setting_that_names_no_pipelines(self, settings: Any, name: str, problem: str) -> None:
        settings.PIPELINES = name

        assert [error.msg for error in check_pipelines()] == [problem]


def test_the_shipped_pipelines_pass_the_check() -> None:
    assert check_pipelines() == []
