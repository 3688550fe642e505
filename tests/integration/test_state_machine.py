"""The state machine's definition, executed: for the same ends of its steps, it decides as the runner on a laptop does.

What executes it is moto's interpreter of the Amazon States Language; AWS alone can show that AWS does the same. Its ECS
is answered here, as ECS answers: a task that ends with another exit code than 0 is the error States.TaskFailed, whose
cause is the task as JSON.
"""

import json
import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_ecs import (
    StateTaskServiceEcs,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from structlog.testing import capture_logs

from adaptivity.jobs.pipelines import runner
from adaptivity.jobs.pipelines.attempts import RETRIED, Ended, LaunchError
from adaptivity.jobs.pipelines.declaration import Pipeline, Step
from adaptivity.jobs.pipelines.runner import pipeline_begin, pipeline_execute
from adaptivity.jobs.pipelines.shipped import NIGHTLY, ONBOARD_COURSE
from adaptivity.jobs.pipelines.state_machine import FIRST_PAUSE_SECONDS, added_waits
from adaptivity.models import StepRun
from adaptivity.services.pipeline_runs import Starter
from tests.stack.service import poll
from tests.unit.test_pipelines import VARIABLES, definition

pytestmark = pytest.mark.django_db

NO_START, TIMED_OUT = "does not start", "times out"
# How each step's attempts end, in turn: an exit code, or one of the two. Those that are not named end with 0.
Ends = Mapping[str, Sequence[int | str]]
TOPIC = VARIABLES["${topic_arn}"]


@dataclass
class Ran:
    """What a run did: the steps' attempts in the order in which they began, whether all was well at the end, and how long
    was waited before each further attempt."""

    begun: list[str] = field(default_factory=list)
    well: bool = False
    pauses: list[float] = field(default_factory=list)

    def decided(self) -> tuple[dict[str, int], bool, list[float]]:
        """How often each step began, how it ended, and the pauses: what does not depend on which of two steps at the same
        time was first."""
        return {name: self.begun.count(name) for name in self.begun}, self.well, sorted(self.pauses)


class Tasks:
    """Answers ecs:runTask.sync, and the runner's launch, by a table."""

    def __init__(self, pipeline: Pipeline, ends: Ends, values: Mapping[str, str]) -> None:
        self.ran = Ran()
        self.requests: list[dict[str, Any]] = []
        self._ends = {name: list(some) for name, some in ends.items()}
        self._commands = {step.name: step.command_line(values) for step in pipeline.steps}
        self._lock = threading.Lock()

    def begin(self, name: str, command: Sequence[str]) -> int | str:
        """The end of the attempt at the step that begins."""
        assert tuple(command) == self._commands[name]
        with self._lock:
            self.ran.begun.append(name)
            return self._ends[name].pop(0) if self._ends.get(name) else 0

    def begin_task(self, name: str, request: dict[str, Any]) -> int | str:
        (container,) = request["Overrides"]["ContainerOverrides"]
        assert container["Command"][:2] == ["python", "manage.py"]
        self.requests.append(request)
        return self.begin(name, container["Command"][2:])


def failure(error: str, cause: str) -> FailureEventException:
    details = TaskFailedEventDetails(error=error, cause=cause, resource="runTask.sync", resourceType="ecs")
    return FailureEventException(
        FailureEvent(
            env=None,
            error_name=CustomErrorName(error_name=error),
            event_type=HistoryEventType.TaskFailed,
            event_details=EventDetails(taskFailedEventDetails=details),
        )
    )


def task(exit_code: int | None) -> dict[str, Any]:
    """A task that has ended, as ECS describes it."""
    container: dict[str, Any] = {"Name": "job", "LastStatus": "STOPPED"}
    if exit_code is not None:
        container["ExitCode"] = exit_code
    return {"LastStatus": "STOPPED", "Containers": [container]}


@dataclass
class StepFunctions:
    """Executes definitions; ``ecs`` answers the task that a state asks for, and ``pauses`` are the seconds that would have been waited."""

    client: Any
    messages: Callable[[], list[str]]
    pauses: list[float]
    ecs: Callable[[str, dict[str, Any]], int | str] = lambda *_: 0

    def create(self, pipeline: Pipeline) -> str:
        machine = self.client.create_state_machine(
            name=pipeline.name,
            definition=json.dumps(definition(pipeline)),
            roleArn="arn:aws:iam::123456789012:role/pipeline",
        )
        return str(machine["stateMachineArn"])

    def start(self, machine: str, name: str, given: Mapping[str, str] | None = None) -> str:
        started = self.client.start_execution(stateMachineArn=machine, name=name, input=json.dumps(given or {}))
        return str(started["executionArn"])

    def end(self, execution: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            described: dict[str, Any] = self.client.describe_execution(executionArn=execution)
            return None if described["status"] == "RUNNING" else described

        return poll(ended, seconds=60, failure=lambda: str(self.client.get_execution_history(executionArn=execution)))


@pytest.fixture
def step_functions(monkeypatch: pytest.MonkeyPatch) -> Iterator[StepFunctions]:
    """Another one for each test; nobody waits in it but for what a test holds up."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        sns, sqs = boto3.client("sns"), boto3.client("sqs")
        queue = sqs.create_queue(QueueName="alarms")["QueueUrl"]
        sns.create_topic(Name=TOPIC.rpartition(":")[2])
        sns.subscribe(
            TopicArn=TOPIC, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:alarms",
            Attributes={"RawMessageDelivery": "true"},
        )  # fmt: skip

        def messages() -> list[str]:
            found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            return [message["Body"] for message in found]

        over = threading.Event()
        made = StepFunctions(boto3.client("stepfunctions"), messages, [])

        def run_task(_self: Any, env: Any, *_: Any, normalised_parameters: dict[str, Any], **__: Any) -> None:
            end = made.ecs(env.states.context_object.context_object_data["State"]["Name"], normalised_parameters)
            if end == TIMED_OUT:
                over.wait(60)
            if isinstance(end, str) and end.startswith("ECS."):
                raise failure(end, "ECS refuses it (Service: AmazonECS; Status Code: 400)")
            if end != 0:
                raise failure("States.TaskFailed", json.dumps(task(end if isinstance(end, int) else None)))
            env.stack.append(task(0))

        monkeypatch.setattr(StateTaskServiceEcs, "_eval_service_task", run_task)
        monkeypatch.setattr(StateTaskServiceEcs, "_eval_integration_pattern", lambda *_, **__: None)
        monkeypatch.setattr(WaitFunction, "_wait_interval", lambda _self, _env, seconds: made.pauses.append(seconds))
        monkeypatch.setattr(retrier_decl.time, "sleep", made.pauses.append)
        yield made
        over.set()


def executed(step_functions: StepFunctions, pipeline: Pipeline, ends: Ends, given: Mapping[str, str]) -> Ran:
    """What the state machine does."""
    tasks = Tasks(pipeline, ends, pipeline.values(given))
    step_functions.ecs = tasks.begin_task
    step_functions.pauses.clear()
    machine = step_functions.create(pipeline)
    described = step_functions.end(step_functions.start(machine, "night", given))
    tasks.ran.well = described["status"] == "SUCCEEDED"
    tasks.ran.pauses = list(step_functions.pauses)
    messages = step_functions.messages()
    if tasks.ran.well:
        assert messages == []
    else:
        assert (described["status"], described["error"]) == ("FAILED", "PipelineFailed")
        (message,) = messages
        assert message.startswith(f"Pipeline {pipeline.name} failed: {{")
        assert message.endswith(f"Execution: {described['executionArn']}")
    step_functions.client.delete_state_machine(stateMachineArn=machine)
    return tasks.ran


def run_here(monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline, ends: Ends, given: Mapping[str, str]) -> Ran:
    """What the runner does."""
    tasks = Tasks(pipeline, ends, pipeline.values(given))

    class Given:
        def __init__(self, step: StepRun, _started_by: str) -> None:
            self._step, self._end = step, tasks.begin(step.name, step.command)
            if self._end == NO_START:
                raise LaunchError("the process could not be started")

        def look(self) -> Ended:
            ended = Ended(None, "timed out")
            if isinstance(self._end, int):
                ended = Ended(self._end, retriable=self._end in RETRIED)
            StepRun.objects.filter(pk=self._step.pk).update(status=ended.status, exit_code=ended.exit_code)
            return ended

        def stop(self) -> None: ...

        def abandon(self) -> None: ...

    run = pipeline_begin(pipeline, starter=Starter(name="ada", host="here:1", process=""), given=given)
    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(runner, "time", Clock())
        result = pipeline_execute(pipeline, run, launch=Given)
    tasks.ran.well = result.exit_code in (0, 3)
    tasks.ran.pauses = [entry["seconds"] for entry in logs if entry["event"] == "step_again"]
    return tasks.ran


class Clock:
    """Time passes where somebody waits."""

    def __init__(self) -> None:
        self._now = 1000.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, _seconds: float) -> None:
        self._now += 10.0


def check_order(pipeline: Pipeline, begun: Sequence[str]) -> None:
    """No step begins before all attempts at those that it comes after."""
    for step in pipeline.steps:
        for before in step.after:
            if step.name in begun:
                assert before in begun
                last = max(number for number, name in enumerate(begun) if name == before)
                assert last < begun.index(step.name)


def check_same(
    step_functions: StepFunctions, monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline, ends: Ends, **given: str
) -> tuple[dict[str, int], bool, list[float]]:
    """What both decided, which is the same."""
    there, here = executed(step_functions, pipeline, ends, given), run_here(monkeypatch, pipeline, ends, given)
    for ran in (there, here):
        check_order(pipeline, ran.begun)
    assert there.decided() == here.decided()
    return there.decided()


def test_x(step_functions: StepFunctions, monkeypatch: pytest.MonkeyPatch) -> None:
    import time
    for ends in ({}, {"scrape": [1, 0]}, {"scrape": [2]}, {"import_evidence": [3], "crawl": [NO_START, 75, 1]}):
        t = time.time()
        print(check_same(step_functions, monkeypatch, NIGHTLY, ends), time.time() - t)
    assert 0
