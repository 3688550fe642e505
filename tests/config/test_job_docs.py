"""The pages on jobs and pipelines say what the code has."""

import re

import pytest

from adaptivity.exit_codes import ExitCode
from adaptivity.pipelines import PIPELINES
from adaptivity.runs.pipelines import mermaid
from adaptivity.runs.pipelines.declaration import Pipeline
from tests.support.service import ROOT

DOCS = ROOT / "docs"


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda pipeline: pipeline.name)
def test_the_picture_of_a_pipeline_is_made_from_its_declaration(pipeline: Pipeline) -> None:
    page = (DOCS / "pipelines.md").read_text()
    picture = re.search(
        rf"^<!-- manage.py render_pipeline {pipeline.name} -->\n```mermaid\n(.*?)```$", page, re.MULTILINE | re.DOTALL
    )

    assert picture is not None
    assert picture[1] == mermaid.render(pipeline)


def test_every_exit_code_is_explained() -> None:
    listed = re.findall(r"^\| (\d+) \|", (DOCS / "jobs.md").read_text(), re.MULTILINE)

    assert [int(code) for code in listed] == [int(code) for code in ExitCode]
