"""The state machines' definitions, executed: for the same ends of a pipeline's steps, the two, one of which runs the
pipeline and one each step, decide as the runner on a laptop does.

What executes it is moto's interpreter of the Amazon States Language; AWS alone can show that AWS does the same. Its ECS
is answered here, as ECS answers: a task that ends with another exit code than 0 is the error States.TaskFailed, whose
cause is the task as JSON.
"""

import json
import random
import re
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.string import string_expression
from moto.stepfunctions.parser.asl.component.intrinsic.argument import argument
from moto.stepfunctions.parser.asl.component.state.choice.comparison.operator.implementations.is_operator import (
    IsTimestamp,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_callback
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_ecs import (
    StateTaskServiceEcs,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.states import ExecutionData
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.backend import execution_worker
from structlog.testing import capture_logs

from adaptivity.models import StepRun
from adaptivity.pipelines import NIGHTLY, ONBOARD_COURSE
from adaptivity.runs.pipelines import runner
from adaptivity.runs.pipelines.attempts import RETRIED, Ended, LaunchError
from adaptivity.runs.pipelines.declaration import Pipeline, Step
from adaptivity.runs.pipelines.runner import pipeline_begin, pipeline_execute
from adaptivity.runs.pipelines.state_machine import SEEN_AFTER_SECONDS, added_waits
from adaptivity.runs.services.pipeline_runs import RunHolder
from tests.support.service import poll
from tests.support.state_machines import VARIABLES, definition, step_definition

NO_START, TIMED_OUT = "does not start", "times out"
# Names one value; moto makes a list of it.
INDEX_BEFORE_NAME = re.compile(r"\$(\.\w+|\[\d+\])*\[\d+\]\.\w+")
# How each step's attempts end, in turn: an exit code, or one of the two. Those that are not named end with 0.
Ends = Mapping[str, Sequence[int | str]]
TASK_FAILED = StatesErrorName(typ=StatesErrorNameType.StatesTaskFailed)
TOPIC = VARIABLES["${topic_arn}"]
STEP = VARIABLES["${step_arn}"]
ROLE = "arn:aws:iam::123456789012:role/pipeline"


@dataclass
class Ran:
    """What a run did: the steps' attempts in the order in which they began, whether all was well at the end, and how
    long was waited before each further attempt."""

    begun: list[str] = field(default_factory=list)
    well: bool = False
    pauses: list[float] = field(default_factory=list)

    def decided(self) -> tuple[dict[str, int], bool, list[float]]:
        """How often each step began, whether all was well, and the pauses: what does not depend on which of two steps
        at the same time was first."""
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


def iso(moment: datetime) -> str:
    """A moment as Step Functions writes it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def execution_data(**data: Any) -> Any:
    """What is known of an execution; moto's has a datetime in it."""
    return ExecutionData(**data | {"StartTime": iso(data["StartTime"])})


def timestamp(text: str) -> datetime | None:
    """A text as a moment; moto takes whole seconds alone for one."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def extract_json(path: str, data: Any) -> Any:
    found = json_path.extract_json(path, data)
    return found[0] if INDEX_BEFORE_NAME.fullmatch(path) else found


def in_pascal_case(_self: Any, response: dict[str, Any], **_: Any) -> None:
    """Step Functions writes every name so, the service itself in camelCase; moto does not translate."""
    for name in list(response):
        value = response.pop(name)
        response[name[0].upper() + name[1:]] = iso(value) if isinstance(value, datetime) else value


def failure(env: Any, error: str, cause: str, resource: str = "ecs:runTask.sync") -> FailureEventException:
    service, _, action = resource.partition(":")
    details = TaskFailedEventDetails(error=error, cause=cause, resource=action, resourceType=service)
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=TASK_FAILED if error == TASK_FAILED.error_name else CustomErrorName(error_name=error),
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
    """Executes definitions; ``ecs`` answers the task that a state asks for, and ``pauses`` are the seconds that would
    have been waited."""

    client: Any
    messages: Callable[[], list[str]]
    pauses: list[float]
    ecs: Callable[[str, dict[str, Any]], int | str] = lambda *_: 0
    # Called before the execution of a step starts; what it returns is the error with which Step Functions refuses it.
    starting: Callable[[str], str | None] = lambda _: None
    # Called before an execution is told which ones run.
    listing: Callable[[], object] = lambda: None

    def create(self, pipeline: Pipeline) -> str:
        machine = self.client.create_state_machine(
            name=pipeline.name,
            definition=json.dumps(definition(pipeline)),
            roleArn=ROLE,
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
        # By default a message comes again 30 s after it was received, which a slow test would take for another one.
        queue = sqs.create_queue(QueueName="alarms", Attributes={"VisibilityTimeout": "43200"})["QueueUrl"]
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
        name, text = STEP.rpartition(":")[2], json.dumps(step_definition())
        created = made.client.create_state_machine(name=name, definition=text, roleArn=ROLE)
        assert created["stateMachineArn"] == STEP

        def run_task(_self: Any, env: Any, *_: Any, normalised_parameters: dict[str, Any], **__: Any) -> None:
            step = env.states.context_object.context_object_data["Execution"]["Input"]["name"]
            end = made.ecs(step, normalised_parameters)
            if end == TIMED_OUT:
                over.wait(60)
            if isinstance(end, str) and end.startswith("ECS."):
                raise failure(env, end, "ECS refuses it (Service: AmazonECS; Status Code: 400)")
            if end != 0:
                raise failure(env, TASK_FAILED.error_name, json.dumps(task(end if isinstance(end, int) else None)))
            env.stack.append(task(0))

        def start_step(_self: Any, env: Any, *_: Any, normalised_parameters: dict[str, Any], **__: Any) -> None:
            machine, given = normalised_parameters["StateMachineArn"], normalised_parameters["Input"]
            error = made.starting(json.loads(given)["name"])
            if error:
                raise failure(env, error, "Step Functions refuses it", "states:startExecution.sync:2")
            started = made.client.start_execution(stateMachineArn=machine, name=str(uuid.uuid4()), input=given)
            env.stack.append({"ExecutionArn": started["executionArn"]})

        def list_executions(_self: Any, env: Any, *_: Any, normalised_parameters: dict[str, Any], **__: Any) -> None:
            asked = {name[0].lower() + name[1:]: value for name, value in normalised_parameters.items()}
            made.listing()
            found = made.client.list_executions(**asked)["executions"]
            listed = [{"ExecutionArn": each["executionArn"], "StartDate": iso(each["startDate"])} for each in found]
            env.stack.append({"Executions": listed})

        monkeypatch.setattr(string_expression, "extract_json", extract_json)
        monkeypatch.setattr(argument, "extract_json", extract_json)
        monkeypatch.setattr(StateTaskServiceAwsSdk, "_eval_service_task", list_executions)
        monkeypatch.setattr(StateTaskServiceEcs, "_eval_service_task", run_task)
        monkeypatch.setattr(StateTaskServiceEcs, "_eval_integration_pattern", lambda *_, **__: None)
        monkeypatch.setattr(StateTaskServiceSfn, "_eval_service_task", start_step)
        monkeypatch.setattr(StateTaskServiceSfn, "_normalise_response", in_pascal_case)
        monkeypatch.setattr(state_task_service_callback, "_DELAY_SECONDS_SYNC_CONDITION_CHECK", 0.01)
        monkeypatch.setattr(
            WaitFunction, "_wait_interval", lambda _, env, wait_seconds: made.pauses.append(wait_seconds)
        )
        monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=made.pauses.append))
        monkeypatch.setattr(execution_worker, "ExecutionData", execution_data)
        monkeypatch.setattr(IsTimestamp, "string_to_timestamp", staticmethod(timestamp))
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
    first, *tasks.ran.pauses = step_functions.pauses
    assert first == SEEN_AFTER_SECONDS
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

    run = pipeline_begin(pipeline, holder=RunHolder(name="ada", host="here:1", process=""), given=given)
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


MODEL = ("estimate", "evaluate", "gate", "promote", "trace_promoted", "purge_versions", "purge_receipts",
         "content_gaps")  # fmt: skip
BEHIND_TRACE = ("export", *MODEL)
# How steps of the nightly pipeline end, how often they begin where that is not once, whether all is well, the pauses.
NIGHTS: dict[str, tuple[Ends, dict[str, int], bool, list[float]]] = {
    "all is done": ({}, {}, True, []),
    "some was refused": ({"import_evidence": [3], "trace_promoted": [3]}, {}, True, []),
    "failed, then done": ({"scrape": [1, 0]}, {"scrape": 2}, True, [30]),
    "stopped twice, then done": ({"crawl": [75, 75, 0]}, {"crawl": 3}, True, [30, 60]),
    "failed in two branches": ({"export": [1, 3], "scrape": [75, 0]}, {"export": 2, "scrape": 2}, True, [30, 30]),
    "failed to the last": ({"scrape": [1, 75, 1, 1, 0]}, {"scrape": 4, "crawl": 0}, False, [30, 60, 120]),
    "refused what it was told": ({"import_evidence": [2]}, dict.fromkeys(("trace", *BEHIND_TRACE), 0), False, []),
    "failed, then refused": ({"trace": [1, 2]}, {"trace": 2, **dict.fromkeys(BEHIND_TRACE, 0)}, False, [30]),
    "another one runs already": ({"estimate": [4]}, dict.fromkeys(MODEL[1:], 0), False, []),
    "killed": ({"trace_promoted": [137]}, dict.fromkeys(MODEL[5:], 0), False, []),
    "does not start, then does": ({"gate": [NO_START, 0]}, {"gate": 2}, True, [30]),
    "never starts": ({"gate": [NO_START] * 4}, {"gate": 3, **dict.fromkeys(MODEL[3:], 0)}, False, [30, 60]),
    "fails at both ends": ({"crawl": [2], "export": [2]}, {}, False, []),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.one_database
@pytest.mark.parametrize(("ends", "begun", "well", "pauses"), NIGHTS.values(), ids=NIGHTS)
def test_a_night(
    step_functions: StepFunctions,
    monkeypatch: pytest.MonkeyPatch,
    ends: Ends,
    begun: dict[str, int],
    well: bool,
    pauses: list[float],
) -> None:
    expected = {step.name: 1 for step in NIGHTLY.steps} | begun

    decided = check_same(step_functions, monkeypatch, NIGHTLY, ends)

    assert decided == ({name: count for name, count in expected.items() if count}, well, pauses)


@pytest.mark.django_db
@pytest.mark.one_database
def test_what_a_run_is_given_reaches_the_commands(
    step_functions: StepFunctions, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_same(step_functions, monkeypatch, NIGHTLY, {}, export_directory="/it's {here}")[1]
    assert check_same(step_functions, monkeypatch, ONBOARD_COURSE, {"crawl": [2]}, source="algebra") == (
        {"scrape": 1, "crawl": 1, "trace": 1},
        False,
        [],
    )


@pytest.mark.django_db
@pytest.mark.one_database
def test_what_takes_too_long_is_not_tried_again(step_functions: StepFunctions, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Pipeline(
        "slow",
        "",
        (
            Step("endless", ("crawl",), retries=2, timeout=1),
            Step("behind", ("trace_learners",), after=("endless",)),
            Step("other", ("export_evidence",)),
        ),
    )

    assert check_same(step_functions, monkeypatch, slow, {"endless": [TIMED_OUT]}) == (
        {"endless": 1, "other": 1},
        False,
        [],
    )


def random_pipeline(generator: random.Random) -> Pipeline:
    """Of up to seven steps, and made of sequences and parallels alone: only such a one waits for nothing else there."""
    while True:
        names = [f"s{number}" for number in range(generator.randint(2, 7))]
        steps = tuple(
            Step(
                name,
                ("act", name),
                after=tuple(before for before in names[:number] if generator.random() < 0.35),
                retries=generator.randint(0, 2),
                pause=generator.choice([0, 7]),
            )
            for number, name in enumerate(names)
        )
        pipeline = Pipeline("random", "", steps)
        if not added_waits(pipeline):
            return pipeline


@pytest.mark.django_db
@pytest.mark.one_database
def test_any_pipeline_with_any_ends(step_functions: StepFunctions, monkeypatch: pytest.MonkeyPatch) -> None:
    generator, ends_seen = random.Random(11), set()
    for _ in range(12):
        pipeline = random_pipeline(generator)
        ends = {
            step.name: generator.choices([0, 3, 1, 75, 2, 137, NO_START], [8, 2, 3, 3, 1, 1, 2], k=4)
            for step in pipeline.steps
        }

        ends_seen.add(check_same(step_functions, monkeypatch, pipeline, ends)[1])

    assert ends_seen == {True, False}


def test_one_execution_at_a_time(step_functions: StepFunctions) -> None:
    """The second says so, and ends; the first goes on. The next night, another one runs."""
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def ecs(_name: str, _request: dict[str, Any]) -> int:
        begun.release()
        return 0 if go_on.wait(60) else 1

    step_functions.ecs = ecs
    machine = step_functions.create(ONBOARD_COURSE)
    first = step_functions.start(machine, "first", {"source": "algebra"})
    assert begun.acquire(timeout=60)

    refused = step_functions.end(step_functions.start(machine, "second", {"source": "algebra"}))

    assert (refused["status"], refused["error"]) == ("FAILED", "PipelineFailed")
    (message,) = step_functions.messages()
    assert message == (
        'Pipeline onboard_course failed: {"source":"algebra","executions":{"earlier":true},'
        f'"error":{{"Error":"AlreadyRunning"}}}} Execution: {refused["executionArn"]}'
    )
    # No step of it began.
    assert not begun.acquire(blocking=False)
    go_on.set()
    assert step_functions.end(first)["status"] == "SUCCEEDED"
    assert step_functions.end(step_functions.start(machine, "third", {"source": "x"}))["status"] == "SUCCEEDED"
    assert step_functions.messages() == []


@pytest.mark.parametrize("at_the_same_moment", [False, True])
def test_of_two_executions_that_start_together_the_first_goes_on(
    step_functions: StepFunctions, monkeypatch: pytest.MonkeyPatch, *, at_the_same_moment: bool
) -> None:
    """As a schedule may start them, which delivers at least once. By name the second comes before the first."""
    same = "2026-01-31T08:00:00.123Z"
    # Two starts of the test are never as close as a microsecond.
    monkeypatch.setattr(sys.modules[__name__], "iso", lambda at: same if at_the_same_moment else at.isoformat())
    both = threading.Barrier(2)
    step_functions.listing = lambda: both.wait(60)
    machine = step_functions.create(ONBOARD_COURSE)

    started = [step_functions.start(machine, name, {"source": "algebra"}) for name in ("zero", "one")]

    ends = [step_functions.end(execution)["status"] for execution in started]
    assert ends == (["FAILED", "SUCCEEDED"] if at_the_same_moment else ["SUCCEEDED", "FAILED"])
    (message,) = step_functions.messages()
    assert message.endswith(f'"error":{{"Error":"AlreadyRunning"}}}} Execution: {started[ends.index("FAILED")]}')


def test_what_ecs_refuses(step_functions: StepFunctions) -> None:
    """Where ECS has no room, the state asks again, which no step's retries count; where it refuses, that is the end."""
    first = [30 * 2.0**number for number in range(5)]
    no_room, refused = "ECS.AmazonECSException", "ECS.ClientException"

    assert executed(step_functions, NIGHTLY, {"scrape": [no_room, no_room, 0]}, {}).decided() == (
        {step.name: 1 for step in NIGHTLY.steps} | {"scrape": 3},
        True,
        first[:2],
    )
    ran = executed(step_functions, NIGHTLY, {"scrape": [no_room] * 6, "crawl": [refused]}, {})
    assert (ran.begun.count("scrape"), "crawl" in ran.begun, ran.begun.count("export")) == (6, False, 1)
    assert (ran.well, ran.pauses) == (False, first)
    ran = executed(step_functions, NIGHTLY, {"crawl": [refused]}, {})
    assert (ran.begun.count("crawl"), ran.begun.count("export"), ran.well, ran.pauses) == (1, 1, False, [])


def test_a_step_that_cannot_be_started(step_functions: StepFunctions) -> None:
    """Where Step Functions has no room, the pipeline asks again; where it refuses, that is the end of the branch."""
    answers = {"scrape": ["StepFunctions.ExecutionLimitExceeded"] * 2, "export": ["StepFunctions.StateMachineDeleting"]}
    step_functions.starting = lambda name: answers[name].pop() if answers.get(name) else None

    ran = executed(step_functions, NIGHTLY, {}, {})

    assert ran.decided() == ({step.name: 1 for step in NIGHTLY.steps if step.name != "export"}, False, [30, 60])


CRAWL = "crawl ended with exit code"


@pytest.mark.parametrize(
    ("ends", "error", "cause"),
    [
        ([2], "ExitCode2", f"{CRAWL} 2, attempt 1"),
        ([1, 137], "ExitCode137", f"{CRAWL} 137, attempt 2"),
        ([75, 1, 75], "ExitCode75", f"{CRAWL} 75, attempt 3"),
        ([NO_START] * 3, "DidNotStart", json.dumps(task(None))),
        (["ECS.ClientException"], "ECS.ClientException", "ECS refuses it (Service: AmazonECS; Status Code: 400)"),
        ([TIMED_OUT], "TimedOut", "crawl took longer than 1 seconds, attempt 1"),
    ],
)
def test_the_pipeline_s_history_and_the_notification_have_the_error(
    step_functions: StepFunctions, ends: list[int | str], error: str, cause: str
) -> None:
    timeout = 1 if TIMED_OUT in ends else 600
    one = Pipeline("one", "", (Step("crawl", ("crawl",), retries=2, timeout=timeout),))
    step_functions.ecs = Tasks(one, {"crawl": ends}, {}).begin_task

    execution = step_functions.start(step_functions.create(one), "night")

    step_functions.end(execution)
    events = step_functions.client.get_execution_history(executionArn=execution)["events"]
    (details,) = [event["taskFailedEventDetails"] for event in events if event["type"] == "TaskFailed"]
    ended = json.loads(details["cause"])
    assert (details["error"], ended["Error"], ended["Cause"]) == (TASK_FAILED.error_name, error, cause)
    (message,) = step_functions.messages()
    told = json.loads(message.removeprefix("Pipeline one failed: ").removesuffix(f" Execution: {execution}"))
    assert told["result"] == {
        "failed": True,
        "steps": [{"crawl": {"Error": details["error"], "Cause": details["cause"]}}],
    }
    # The step's own execution has failed as well, so that a list of these shows which did.
    (own,) = step_functions.client.list_executions(stateMachineArn=STEP)["executions"]
    assert (own["status"], own["executionArn"]) == ("FAILED", ended["ExecutionArn"])


def test_a_task_says_who_started_it_and_where_it_runs(step_functions: StepFunctions) -> None:
    tasks = Tasks(ONBOARD_COURSE, {}, {"source": "algebra"})
    step_functions.ecs = tasks.begin_task
    described = step_functions.end(
        step_functions.start(step_functions.create(ONBOARD_COURSE), "night-7", {"source": "algebra"})
    )

    (container,) = tasks.requests[0]["Overrides"]["ContainerOverrides"]
    assert container == {
        "Name": "job",
        "Command": ["python", "manage.py", "scrape_courses", "--source", "algebra", "--wait"],
        "Environment": [
            {"Name": "JOB_STARTED_BY", "Value": "pipeline onboard_course, execution night-7"},
            {"Name": "JOB_RUN_STARTED_AT", "Value": iso(described["startDate"])},
        ],
    }
    assert len(tasks.requests) == 3
    for request in tasks.requests:
        assert request["TaskDefinition"] == VARIABLES["${task_definition_family}"]
        assert request["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"] == ["subnet-1", "subnet-2"]
