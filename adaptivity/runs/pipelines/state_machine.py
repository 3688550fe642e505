"""Renders a pipeline as a definition of AWS Step Functions, in the Amazon States Language.

A state machine has sequences and Parallel states, whereas a pipeline is any graph. Steps that fall into independent
parts become a Parallel state with a branch for each part. Steps that fall into sets, each entirely after the previous
one, become a sequence.

The result is exact for every graph that can be built from sequences and parallels. In other graphs (a before c and d, b
before d alone), the steps without dependencies become a set that all others wait for. No dependency is lost, but some
steps wait longer than necessary.

Each step is an execution of another state machine, which runs one step: terraform/modules/pipeline/step.asl.tpl. It
defines once what every step needs: task, exit codes, retries and timeout.

The definition is a Terraform template. ARNs and names of the account are its variables.
"""

import json
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from adaptivity.runs.pipelines.declaration import Pipeline, Step

SEEN_AFTER_SECONDS = 15
# The errors with which Step Functions refuses to start an execution now. A failing step raises States.TaskFailed.
START_ERRORS = ["StepFunctions.AWSStepFunctionsException", "StepFunctions.ExecutionLimitExceeded"]
LINE_LENGTH = 120
PARTITION = "${partition}"
PARAMETERS = "$.parameters"


@dataclass(frozen=True)
class Sequence:
    """Parts that run one after another."""

    parts: tuple["Plan", ...]


@dataclass(frozen=True)
class Parallel:
    """Parts that run at the same time."""

    branches: tuple["Plan", ...]


Plan = Step | Sequence | Parallel


def plan(pipeline: Pipeline) -> Plan:
    """The steps as sequences and parallels."""
    ancestors: dict[str, set[str]] = {}
    for step in pipeline.in_order():
        ancestors[step.name] = {a for before in step.after for a in (before, *ancestors[before])}
    return _plan(pipeline.in_order(), ancestors)


def added_waits(pipeline: Pipeline) -> set[tuple[str, str]]:
    """The pairs of steps of which the second waits for the first in the state machine, but not in the pipeline."""
    needed = {
        (before.name, step.name) for before in pipeline.steps for step in pipeline.steps
        if step.name != before.name and step.name in pipeline.from_step(before.name)
    }  # fmt: skip
    return set(_order(plan(pipeline))) - needed


def render(pipeline: Pipeline) -> str:
    """The template of the definition."""
    return _json(_machine(pipeline)) + "\n"


def _json(value: Any, indent: str = "", before: int = 0) -> str:
    """JSON with each list or object on one line if it fits. ``before`` is the number of characters already on the
    line.
    """
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or before + len(line) < LINE_LENGTH:
        return line
    inner = indent + "  "
    keys = [f"{json.dumps(key)}: " for key in value] if isinstance(value, dict) else [""] * len(value)
    values = value.values() if isinstance(value, dict) else value
    lines = [inner + key + _json(each, inner, len(inner + key)) for key, each in zip(keys, values, strict=True)]
    start, end = "{}" if isinstance(value, dict) else "[]"
    return "\n".join([start, ",\n".join(lines), indent + end])


def _plan(steps: list[Step], ancestors: dict[str, set[str]]) -> Plan:
    if len(steps) == 1:
        return steps[0]

    def related(one: Step, other: Step) -> bool:
        return one.name in ancestors[other.name] or other.name in ancestors[one.name]

    branches = _components(steps, related)
    if len(branches) > 1:
        return Parallel(tuple(_plan(branch, ancestors) for branch in branches))
    # Of two such sets, all of one comes before all of the other: the earlier has fewer ancestors.
    parts = _components(steps, lambda one, other: not related(one, other))
    if len(parts) == 1:
        names = {step.name for step in steps}
        first = [step for step in steps if not names.intersection(ancestors[step.name])]
        parts = [first, [step for step in steps if step not in first]]
    else:
        parts.sort(key=lambda part: min(len(ancestors[step.name]) for step in part))
    return Sequence(tuple(_plan(part, ancestors) for part in parts))


def _components(steps: list[Step], linked: Any) -> list[list[Step]]:
    """The steps in sets that no link connects, in the order of their first steps."""
    left, found = list(steps), []
    while left:
        component, reached = [], [left.pop(0)]
        while reached:
            step = reached.pop()
            component.append(step)
            reached += [other for other in left if linked(step, other)]
            left = [other for other in left if not linked(step, other)]
        found.append([step for step in steps if step in component])
    return found


def _steps(part: Plan) -> Iterator[Step]:
    if isinstance(part, Step):
        yield part
    else:
        for inner in part.parts if isinstance(part, Sequence) else part.branches:
            yield from _steps(inner)


def _order(part: Plan) -> Iterator[tuple[str, str]]:
    """The pairs of steps of which the second comes after the first."""
    if isinstance(part, Step):
        return
    inner = part.parts if isinstance(part, Sequence) else part.branches
    for each in inner:
        yield from _order(each)
    if isinstance(part, Sequence):
        for number, early in enumerate(inner):
            for late in inner[number + 1 :]:
                yield from ((before.name, step.name) for before in _steps(early) for step in _steps(late))


def _machine(pipeline: Pipeline) -> dict[str, Any]:
    defaults = {name: value for name, value in pipeline.parameters.items() if value is not None}
    writer = _Writer(pipeline)
    problem = "Notify of the failure"
    states: dict[str, Any] = {
        # Only the execution that started first runs. A schedule may start two at the same moment, and a new execution
        # appears in the list only after a while.
        "Until all can be seen": {"Type": "Wait", "Seconds": SEEN_AFTER_SECONDS, "Next": "Who else runs"},
        "Who else runs": {
            "Type": "Task",
            "Resource": f"arn:{PARTITION}:states:::aws-sdk:sfn:listExecutions",
            "Parameters": {"StateMachineArn.$": "$$.StateMachine.Id", "StatusFilter": "RUNNING", "MaxResults": 100},
            "ResultSelector": {"running.$": "$.Executions"},
            "ResultPath": "$.executions",
            "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 3, "BackoffRate": 2.0}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": problem}],
            "Next": "Which started before",
        },
        "Which started before": {
            "Type": "Map",
            "ItemsPath": "$.executions.running",
            "ItemSelector": {
                "other.$": "$$.Map.Item.Value.ExecutionArn",
                "other_start.$": "$$.Map.Item.Value.StartDate",
                "this.$": "$$.Execution.Id",
                "this_start.$": "$$.Execution.StartTime",
            },
            "ItemProcessor": _STARTED_BEFORE,
            "ResultSelector": {"earlier.$": "States.ArrayContains($[*].earlier, true)"},
            "ResultPath": "$.executions",
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": problem}],
            "Next": "Is it the first",
        },
        "Is it the first": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.executions.earlier", "BooleanEquals": True, "Next": "Another execution is running"}
            ],
            "Default": "Parameters",
        },
        "Another execution is running": {
            "Type": "Pass",
            "Result": {"Error": "AlreadyRunning"},
            "ResultPath": "$.error",
            "Next": problem,
        },
        "Parameters": {
            "Type": "Pass",
            "Parameters": {
                "parameters.$": "States.JsonMerge(States.StringToJson("
                f"'{json.dumps(defaults)}'), $$.Execution.Input, false)",
                "run": {
                    "pipeline": pipeline.name,
                    "execution.$": "$$.Execution.Name",
                    "started_at.$": "$$.Execution.StartTime",
                },
            },
            "Next": "Run",
        },
        "Run": {
            "Type": "Parallel",
            "Branches": [writer.branch(part) for part in _branches(plan(pipeline))],
            "ResultSelector": _RESULT,
            "ResultPath": "$.result",
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": problem}],
            "Next": "Did a step fail",
        },
        "Did a step fail": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.result.failed", "BooleanEquals": True, "Next": problem}],
            "Default": "Done",
        },
        problem: {
            "Type": "Task",
            "Resource": f"arn:{PARTITION}:states:::sns:publish",
            "Parameters": {
                "TopicArn": "${topic_arn}",
                "Subject": f"Pipeline {pipeline.name} failed in ${{env_label}}",
                "Message.$": f"States.Format('Pipeline {pipeline.name} failed: {{}} Execution: {{}}', "
                "States.JsonToString($), $$.Execution.Id)",
            },
            "ResultPath": None,
            "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 3, "BackoffRate": 2.0}],
            "Next": "Failed",
        },
        "Failed": {"Type": "Fail", "Error": "PipelineFailed", "Cause": "The notification lists the failed steps."},
        "Done": {"Type": "Succeed"},
    }
    return {"Comment": pipeline.description, "StartAt": "Until all can be seen", "States": states}


# For one execution in the list: whether it started before this one. Of two at the same moment, one counts as first.
_STARTED_BEFORE = {
    "ProcessorConfig": {"Mode": "INLINE"},
    "StartAt": "Did it start before",
    "States": {
        "Did it start before": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.other", "StringEqualsPath": "$.this", "Next": "It did not"},
                {"Variable": "$.other_start", "TimestampLessThanPath": "$.this_start", "Next": "It did"},
                {
                    "And": [
                        {"Variable": "$.other_start", "TimestampEqualsPath": "$.this_start"},
                        {"Variable": "$.other", "StringLessThanPath": "$.this"},
                    ],
                    "Next": "It did",
                },
            ],
            "Default": "It did not",
        },
        "It did": {"Type": "Pass", "Result": {"earlier": True}, "End": True},
        "It did not": {"Type": "Pass", "Result": {"earlier": False}, "End": True},
    },
}


# The result of a branch: whether one of its steps failed, and which, with its error.
_RESULT = {"failed.$": "States.ArrayContains($[*].failed, true)", "steps.$": "$[*].step"}


def _branches(whole: Plan) -> tuple[Plan, ...]:
    return whole.branches if isinstance(whole, Parallel) else (whole,)


class _Writer:
    """Writes branches. Names of states are unique in the whole state machine."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._parallels = 0
        self._branches = 0

    def branch(self, part: Plan) -> dict[str, Any]:
        """A branch of a Parallel state. If a step fails, the rest of its branch is skipped; other branches continue."""
        self._branches += 1
        end, failed = f"Branch {self._branches} is done", f"Branch {self._branches} failed"
        states: dict[str, Any] = {}
        parts = part.parts if isinstance(part, Sequence) else (part,)
        following = end
        for inner in reversed(parts):
            first, written = (
                self._step(inner, following, failed) if isinstance(inner, Step) else self._parallel(inner, following)
            )
            states = {**written, **states}
            following = first
        if any(isinstance(inner, Step) for inner in parts):
            states[failed] = {"Type": "Pass", "Parameters": {"failed": True, "step.$": "$.failed"}, "End": True}
        states[end] = {"Type": "Pass", "Result": {"failed": False, "step": ""}, "End": True}
        return {"StartAt": following, "States": states}

    def _parallel(self, part: Plan, following: str) -> tuple[str, dict[str, Any]]:
        self._parallels += 1
        name = f"Parallel {self._parallels}"
        choice, failed = f"{name}: did a step fail", f"{name}: failed"
        return name, {
            name: {
                "Type": "Parallel",
                "Branches": [self.branch(branch) for branch in _branches(part)],
                "ResultSelector": _RESULT,
                "ResultPath": "$.result",
                "Next": choice,
            },
            choice: {
                "Type": "Choice",
                "Choices": [{"Variable": "$.result.failed", "BooleanEquals": True, "Next": failed}],
                "Default": following,
            },
            failed: {
                "Type": "Pass",
                "Parameters": {"failed": True, "step.$": "$.result.steps"},
                "End": True,
            },
        }

    def _step(self, step: Step, following: str, failed: str) -> tuple[str, dict[str, Any]]:
        return step.name, {
            step.name: {
                "Type": "Task",
                "Resource": f"arn:{PARTITION}:states:::states:startExecution.sync:2",
                "Parameters": {
                    "StateMachineArn": "${step_arn}",
                    "Input": {
                        # The console uses this name to link the two executions.
                        "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id",
                        "run.$": "$.run",
                        "name": step.name,
                        **_command(step),
                        "retries": step.retries,
                        "pause": step.pause,
                        "timeout": step.timeout,
                    },
                },
                "ResultPath": None,
                "Retry": [{"ErrorEquals": START_ERRORS, "IntervalSeconds": 30, "MaxAttempts": 5, "BackoffRate": 2.0}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": f"$.failed.{step.name}", "Next": failed}],
                "Next": following,
            }
        }


def _command(step: Step) -> dict[str, Any]:
    """The container's command: a list or, if the run has parameters, a call that makes the list."""
    words = ("python", "manage.py", *step.command)
    if not step.parameters():
        return {"command": list(words)}
    return {"command.$": f"States.Array({', '.join(map(_word, words))})"}


def _word(word: str) -> str:
    values = []
    text = ""
    for literal, name, _, _ in string.Formatter().parse(word):
        text += literal.replace("\\", "\\\\").replace("'", "\\'").replace("{", "\\{").replace("}", "\\}")
        if name is not None:
            text += "{}"
            values.append(f"{PARAMETERS}.{name}")
    if not values:
        return f"'{text}'"
    if text == "{}":
        return values[0]
    return f"States.Format('{text}', {', '.join(values)})"
