"""Pipelines as declared: what is refused, in which order steps come, and what they are rendered to."""

import itertools
import random
from typing import Any

import pytest
from statelint.linter import Linter

from adaptivity.errors import InvalidInput
from adaptivity.pipelines import NIGHTLY, ONBOARD_COURSE, PIPELINES
from adaptivity.runs.pipelines import mermaid, state_machine
from adaptivity.runs.pipelines.declaration import Pipeline, PipelineError, Step, by_name
from adaptivity.runs.pipelines.state_machine import Plan, Sequence, added_waits, plan
from tests.support.service import ROOT
from tests.support.state_machines import VARIABLES, definition, step_definition


def pipeline(**after: str) -> Pipeline:
    """Steps by their names, each with those that it comes after as letters."""
    return Pipeline(
        "letters", "", tuple(Step(name, ("do", name), after=tuple(before)) for name, before in after.items())
    )


class TestDeclaration:
    @pytest.mark.parametrize(
        ("steps", "problem"),
        [
            ((), "pipeline p has no steps"),
            ((Step("a", ("do",), after=("b",)),), "pipeline p, step a comes after b, which is not one of its steps"),
            ((Step("a", ("do",)), Step("a", ("do",))), "pipeline p, step a is declared twice"),
            ((Step("a", ()),), "pipeline p, step a has no command"),
            ((Step("a", ("do",), retries=-1),), "retries and pause must be 0 or more, and timeout at least 1"),
            ((Step("a", ("do",), timeout=0),), "retries and pause must be 0 or more, and timeout at least 1"),
            ((Step("a", ("do", "{x}")),), "pipeline p, step a uses x, which is not one of its parameters"),
            ((Step("a", ("do", "{x")),), "pipeline p, step a: expected '}' before end of string in its command"),
            ((Step("A b", ("do",)),), "'A b' is not a valid name of a step"),
        ],
    )
    def test_what_cannot_be_run_is_refused(self, steps: tuple[Step, ...], problem: str) -> None:
        with pytest.raises(PipelineError) as refused:
            Pipeline("p", "", steps)

        assert problem in str(refused.value)

    def test_a_cycle_is_named(self) -> None:
        with pytest.raises(PipelineError, match="pipeline letters has a cycle: ") as refused:
            pipeline(a="c", b="a", c="b", d="")

        assert sorted(set(str(refused.value).rpartition(": ")[2].split(" → "))) == ["a", "b", "c"]

    def test_a_step_after_itself(self) -> None:
        with pytest.raises(PipelineError, match="pipeline letters has a cycle: a → a"):
            pipeline(a="a")

    def test_a_schedule_that_is_none(self) -> None:
        with pytest.raises(PipelineError, match="the schedule every night is neither"):
            Pipeline("p", "", (Step("a", ("do",)),), schedule="every night")

    def test_two_of_a_name(self) -> None:
        with pytest.raises(PipelineError, match="there are two pipelines nightly"):
            by_name((NIGHTLY, NIGHTLY))

    def test_steps_come_after_those_before_them(self) -> None:
        assert [step.name for step in pipeline(d="bc", c="a", b="a", a="").in_order()] == ["a", "c", "b", "d"]

    def test_from_a_step_on(self) -> None:
        letters = pipeline(a="", b="a", c="b", d="a", e="")

        assert letters.from_step("b") == {"b", "c"}
        assert letters.from_step("a") == {"a", "b", "c", "d"}
        with pytest.raises(InvalidInput, match="step: f is not one of a, b, c, d, e"):
            letters.from_step("f")

    def test_values(self) -> None:
        given = Pipeline("p", "", (Step("a", ("do", "--to={x}/{y}")),), {"x": "1", "y": None})

        assert given.steps[0].command_line(given.values({"y": "2"})) == ("do", "--to=1/2")
        with pytest.raises(InvalidInput, match="y: p needs a value for it"):
            given.values({"y": ""})
        with pytest.raises(InvalidInput, match="y: must not begin with -, because it would be read as an option"):
            given.values({"y": "--help"})
        with pytest.raises(InvalidInput, match="z: is not a parameter of p; its parameters are x, y"):
            given.values({"z": "1"})
        with pytest.raises(InvalidInput, match="x: p needs a value for it"):
            given.values({"x": "", "y": "2"})

    def test_a_value_may_be_empty_where_the_declared_one_is(self) -> None:
        given = Pipeline("p", "", (Step("a", ("do", "{x}")),), {"x": ""})

        assert given.steps[0].command_line(given.values({})) == ("do", "")
        assert given.values({"x": ""}) == {"x": ""}
        assert given.values({"x": "1"}) == {"x": "1"}


def shape(part: Plan) -> Any:
    """A plan as nested lists: a sequence is a list, a parallel a set, a step its name."""
    if isinstance(part, Step):
        return part.name
    if isinstance(part, Sequence):
        return [shape(inner) for inner in part.parts]
    return frozenset(_hashable(shape(branch)) for branch in part.branches)


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class TestPlan:
    @pytest.mark.parametrize(
        ("after", "expected"),
        [
            ({"a": ""}, "a"),
            ({"a": "", "b": "a", "c": "b"}, ["a", "b", "c"]),
            ({"a": "", "b": "", "c": "ab"}, [frozenset("ab"), "c"]),
            ({"a": "", "b": "a", "c": "a", "d": "c", "e": "bd"}, ["a", frozenset({"b", ("c", "d")}), "e"]),
            ({"a": "", "b": "a", "c": "", "d": "c"}, frozenset({("a", "b"), ("c", "d")})),
            # A dependency that others imply already
            ({"a": "", "b": "a", "c": "ab"}, ["a", "b", "c"]),
        ],
    )
    def test_sequences_and_parallels_are_exact(self, after: dict[str, str], expected: Any) -> None:
        assert shape(plan(pipeline(**after))) == expected
        assert added_waits(pipeline(**after)) == set()

    def test_a_graph_that_is_neither_waits_longer_and_loses_nothing(self) -> None:
        letters = pipeline(a="", b="", c="a", d="ab")

        assert shape(plan(letters)) == [frozenset("ab"), frozenset("cd")]
        assert added_waits(letters) == {("b", "c")}

    def test_no_dependency_is_lost_in_any_graph(self) -> None:
        generator = random.Random(7)
        for _ in range(200):
            names = "abcdefg"[: generator.randint(1, 7)]
            pairs = itertools.combinations(names, 2)
            after: dict[str, str] = dict.fromkeys(names, "")
            for before, later in pairs:
                if generator.random() < 0.3:
                    after[later] += before
            letters = pipeline(**after)
            order = set(state_machine._order(plan(letters)))
            for step in letters.steps:
                assert {(before, step.name) for before in step.after} <= order
            assert sorted(step.name for step in state_machine._steps(plan(letters))) == list(names)

    def test_shipped_pipelines_wait_for_nothing_that_they_need_not(self) -> None:
        assert [added_waits(shipped) for shipped in PIPELINES] == [set(), set()]
        assert shape(plan(NIGHTLY)) == frozenset(
            {
                ("scrape", "crawl"),
                (
                    "import_evidence",
                    "trace",
                    frozenset(
                        {
                            (
                                "estimate",
                                "evaluate",
                                "gate",
                                "promote",
                                "trace_promoted",
                                "purge_versions",
                                "purge_receipts",
                                "content_gaps",
                            ),
                            "export",
                        }
                    ),
                ),
            }
        )
        assert shape(plan(ONBOARD_COURSE)) == ["scrape", frozenset({"crawl", "trace"})]


ODD = Pipeline(
    "odd",
    "Words that JSON, the States Language and Terraform each would take for something else, in a graph of all shapes.",
    (
        Step("a", ("do", "it's", 'a "b"', "back\\slash", "{{x}}", "--to={y}/{z}")),
        Step("b", ("do",), retries=1),
        Step("c", ("do",), after=("a",)),
        Step("d", ("do",), after=("a", "b")),
    ),
    {"y": "o'clock", "z": None},
)


class TestStateMachine:
    @pytest.mark.parametrize("declared", [*PIPELINES, ODD], ids=lambda declared: declared.name)
    def test_it_is_valid_in_the_amazon_states_language(self, declared: Pipeline) -> None:
        assert Linter().validate(definition(declared)) == []

    def test_so_is_the_one_that_runs_a_step(self) -> None:
        assert Linter().validate(step_definition()) == []

    @pytest.mark.parametrize("machine", [definition(NIGHTLY), step_definition()], ids=["pipeline", "step"])
    def test_the_linter_finds_what_is_wrong(self, machine: dict[str, Any]) -> None:
        machine["States"]["Run"]["Next"] = "Nowhere"

        assert Linter().validate(machine)

    def test_a_step_is_the_same_command_with_its_limits(self) -> None:
        states = definition(NIGHTLY)["States"]["Run"]["Branches"][0]["States"]
        crawl, declared = states["crawl"], NIGHTLY.step("crawl")

        assert crawl["Resource"] == "arn:aws:states:::states:startExecution.sync:2"
        assert crawl["Parameters"] == {
            "StateMachineArn": VARIABLES["${step_arn}"],
            "Input": {
                "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                "run.$": "$.run",
                "name": "crawl",
                "command": ["python", "manage.py", "crawl", "--hours", "12"],
                "retries": declared.retries,
                "pause": declared.pause,
                "timeout": declared.timeout,
            },
        }
        assert crawl["Next"] == "Branch 1 is done"
        assert crawl["Catch"] == [
            {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed.crawl", "Next": "Branch 1 failed"}
        ]
        assert states["Branch 1 failed"]["End"] is True
        assert states["scrape"]["Next"] == "crawl"

    def test_its_task_has_the_step_s_command_and_time_limit(self) -> None:
        run = step_definition()["States"]["Run"]
        (override,) = run["Parameters"]["Overrides"]["ContainerOverrides"]

        assert run["Resource"] == "arn:aws:states:::ecs:runTask.sync"
        assert run["Parameters"]["TaskDefinition"] == "adaptivity-dev-job"
        assert (override["Name"], override["Command.$"]) == ("job", "$.command")
        assert run["TimeoutSecondsPath"] == "$.timeout"
        assert [(catch["ErrorEquals"], catch["Next"]) for catch in run["Catch"]] == [
            (["States.Timeout"], "Timed out"),
            (["States.ALL"], "Did a task end"),
        ]

    def test_an_error_that_is_no_ended_task_is_the_end_of_the_step(self) -> None:
        """`ECS.ClientException` has no JSON for its cause."""
        ended = step_definition()["States"]["Did a task end"]

        assert ended["Choices"] == [
            {
                "And": [
                    {"Variable": "$.error.Error", "StringEquals": "States.TaskFailed"},
                    {"Variable": "$.error.Cause", "StringMatches": "{*}"},
                ],
                "Next": "Read the task",
            }
        ]
        assert ended["Default"] == "Refused"

    def test_a_parameter_s_value_is_taken_from_the_execution(self) -> None:
        states = definition(ONBOARD_COURSE)["States"]["Run"]["Branches"][0]["States"]

        assert states["scrape"]["Parameters"]["Input"]["command.$"] == (
            "States.Array('python', 'manage.py', 'scrape_courses', '--source', $.parameters.source, '--wait')"
        )

    def test_it_is_the_file_that_terraform_takes(self) -> None:
        rendered = state_machine.render(NIGHTLY)

        assert (ROOT / "terraform" / "app" / "pipeline_nightly.asl.tpl").read_text() == rendered
        # Wide enough to be short, narrow enough to be read.
        assert len(rendered.splitlines()) < 600
        assert max(map(len, rendered.splitlines())) < 150


def test_a_picture() -> None:
    assert mermaid.render(ONBOARD_COURSE) == (
        "flowchart LR\n"
        '    s_scrape["scrape<br/><small>scrape_courses --source {source} --wait</small>"]\n'
        '    s_crawl["crawl<br/><small>crawl --source {source} --wait</small>"]\n'
        '    s_trace["trace<br/><small>trace_learners</small>"]\n'
        "    s_scrape --> s_crawl\n"
        "    s_scrape --> s_trace\n"
    )
