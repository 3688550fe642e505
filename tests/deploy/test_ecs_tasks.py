"""One-off tasks: what ECS is asked, the lines that are told, and the exit code, above all where nothing ever ran."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.stub import ANY

from deploy.ecs import Overrides, TaskResult, definitions, run_task, task_request
from deploy.errors import DeployError
from deploy.signals import Terminated
from tests.support.aws import STACK, STREAM, TASK, TASK_ID, Script, Time, definition, page, scripted, task

WATCHING = f"follow it with deploy logs --env dev --task {TASK_ID} --follow"
STREAM_MISSING = ("ResourceNotFoundException", "The specified log stream does not exist.")


@dataclass
class Aws:
    """ECS and CloudWatch Logs as scripts, and what was told."""

    ecs: Script
    logs: Script
    time: Time = field(default_factory=Time)
    lines: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    def run(self, **options: Any) -> TaskResult:
        return run_task(
            self.ecs.client,
            self.logs.client,
            **{"stack": STACK, "definition": definition(), **options},
            out=self.lines.append,
            step=self.steps.append,
            clock=self.time.clock,
            sleep=self.time.sleep,
        )

    def starts(self, **asked: Any) -> None:
        """RunTask is asked exactly this, and takes the task."""
        request = {**task_request(STACK, definition(), Overrides(), "deploy"), "clientToken": ANY, **asked}
        self.ecs.answers("run_task", {"tasks": [task("PROVISIONING")], "failures": []}, **request)

    def shows(self, *states: dict[str, Any]) -> None:
        for state in states:
            self.ecs.answers("describe_tasks", {"tasks": [state]}, cluster="adaptivity-dev", tasks=[TASK])

    def logs_nothing(self, looks: int) -> None:
        for _ in range(looks):
            self.logs.fails("get_log_events", *STREAM_MISSING)


@pytest.fixture
def aws() -> Iterator[Aws]:
    with scripted("ecs", "logs") as (ecs, logs):
        yield Aws(ecs, logs)


def test_a_task_is_followed_to_its_end(aws: Aws) -> None:
    aws.starts()
    aws.shows(
        task("PENDING"),
        task("RUNNING"),
        task("RUNNING"),
        task("STOPPED", exit_code=0, stopCode="EssentialContainerExited"),
    )
    at_head = {"logGroupName": "adaptivity-dev", "logStreamName": STREAM, "startFromHead": True}
    aws.logs.fails("get_log_events", *STREAM_MISSING, **at_head)
    aws.logs.answers("get_log_events", page("Applying 0001\n", token="a"), **at_head)
    aws.logs.answers("get_log_events", page(token="a"), **at_head, nextToken="a")
    aws.logs.answers("get_log_events", page(token="b"), **at_head, nextToken="a")
    aws.logs.answers("get_log_events", page("Applying 0002", token="c"), **at_head, nextToken="b")
    aws.logs.answers("get_log_events", page(token="c"), **at_head, nextToken="c")
    aws.logs.answers("get_log_events", page(token="c"), **at_head, nextToken="c")
    # The last line arrives after the container has ended.
    aws.logs.answers("get_log_events", page("Done", token="d"), **at_head, nextToken="c")
    for _ in range(3):
        aws.logs.answers("get_log_events", page(token="d"), **at_head, nextToken="d")

    result = aws.run()

    assert result == TaskResult(definition()["taskDefinitionArn"], 0, TASK)
    assert aws.lines == ["Applying 0001", "Applying 0002", "Done"]
    assert aws.steps == [
        f"requested task {TASK_ID} of adaptivity-dev-job:3",
        f"task {TASK_ID} is PENDING",
        f"task {TASK_ID} is RUNNING",
        f"task {TASK_ID} is STOPPED",
    ]


def test_the_exit_code_is_the_container_s(aws: Aws) -> None:
    aws.starts()
    aws.shows(task("STOPPED", exit_code=3, stoppedReason="Essential container in task exited"))
    aws.logs_nothing(3)

    result = aws.run()

    assert (result.exit_code, result.reason) == (3, "Essential container in task exited")


@pytest.mark.parametrize(
    ("state", "code", "reason", "hint"),
    [
        (
            task(
                "STOPPED",
                stopCode="TaskFailedToStart",
                stoppedReason="CannotPullContainerError: pull image manifest: not found",
            ),
            125,
            "the task never started: CannotPullContainerError: pull image manifest: not found",
            "is the image in the registry (deploy push), and may the execution role read it?",
        ),
        (
            task(
                "STOPPED",
                stopCode="TaskFailedToStart",
                stoppedReason="ResourceInitializationError: unable to pull secrets: /a/dev/X",
            ),
            125,
            "the task never started: ResourceInitializationError: unable to pull secrets: /a/dev/X",
            "try deploy secrets check; then the execution role and the subnets' route to AWS",
        ),
        (
            task(
                "STOPPED",
                stopCode="EssentialContainerExited",
                stoppedReason="Task failed to start",
                container={"reason": 'CannotStartContainerError: exec: "mange.py": not found'},
            ),
            125,
            'the task never started: Task failed to start; job: CannotStartContainerError: exec: "mange.py": not found',
            "is the command in the image?",
        ),
        (task("STOPPED", stopCode="TaskFailedToStart"), 125, "the task never started: ECS gives no reason", ""),
        (
            task("STOPPED", stopCode="SpotInterruption", stoppedReason="Your Spot Task was interrupted."),
            1,
            "the container has no exit code: Your Spot Task was interrupted.",
            "",
        ),
        (
            task(
                "STOPPED",
                exit_code=137,
                stoppedReason="Essential container in task exited",
                container={"reason": "OutOfMemoryError: Container killed due to memory usage"},
            ),
            137,
            "Essential container in task exited; job: OutOfMemoryError: Container killed due to memory usage",
            "give the task more memory with --memory",
        ),
    ],
)
def test_why_a_task_ended(aws: Aws, state: dict[str, Any], code: int, reason: str, hint: str) -> None:
    aws.starts()
    aws.shows(state)
    aws.logs_nothing(3)

    result = aws.run()

    assert (result.exit_code, result.reason, result.hint) == (code, reason, hint)


def test_a_container_beside_the_main_one_has_no_say(aws: Aws) -> None:
    beside = {"name": "proxy", "lastStatus": "STOPPED", "exitCode": 9}
    ended = task("STOPPED", exit_code=0)
    ended["containers"].insert(0, beside)
    aws.starts()
    aws.shows(ended)
    aws.logs_nothing(3)

    assert aws.run().exit_code == 0


def test_a_task_that_ecs_does_not_take_never_started(aws: Aws) -> None:
    aws.ecs.answers(
        "run_task",
        {"tasks": [], "failures": [{"reason": "Capacity is unavailable at this time.", "detail": "us-east-1a"}]},
    )

    result = aws.run()

    assert (result.exit_code, result.arn) == (125, None)
    assert result.reason == "the task never started: Capacity is unavailable at this time.: us-east-1a"
    assert result.hint == "try again in a few minutes"


def test_a_request_that_ecs_refuses_never_started(aws: Aws) -> None:
    aws.ecs.fails("run_task", "InvalidParameterException", "Override of memory is invalid")

    result = aws.run()

    assert (result.exit_code, result.reason) == (
        125,
        "the task never started: RunTask: InvalidParameterException: Override of memory is invalid",
    )


def test_a_throttled_request_is_sent_again_with_the_same_token(aws: Aws) -> None:
    tokens: list[str] = []
    aws.ecs.client.meta.events.register(
        "before-parameter-build.ecs.RunTask", lambda params, **_: tokens.append(params["clientToken"])
    )
    for _ in range(2):
        aws.ecs.fails("run_task", "ThrottlingException", "Rate exceeded")
    aws.starts()
    aws.shows(task("STOPPED", exit_code=0))
    aws.logs_nothing(3)

    assert aws.run().exit_code == 0
    assert len(tokens) == 3
    assert len(set(tokens)) == 1
    assert aws.time.sleeps[:2] == [6, 12]


def test_throttled_looks_are_taken_again_later_each_time(aws: Aws) -> None:
    aws.starts()
    aws.shows(task("RUNNING"))
    for _ in range(5):
        aws.ecs.fails("describe_tasks", "ThrottlingException", "Rate exceeded")
    aws.shows(task("STOPPED", exit_code=0))
    aws.logs_nothing(4)

    assert aws.run().exit_code == 0
    assert aws.time.sleeps[:6] == [3, 6, 12, 24, 48, 60]


def test_lines_that_may_not_be_read_do_not_end_the_task(aws: Aws) -> None:
    aws.starts()
    aws.shows(task("RUNNING"), task("STOPPED", exit_code=0))
    aws.logs.fails("get_log_events", "AccessDeniedException", "not authorized")

    assert aws.run().exit_code == 0
    assert aws.steps[2] == "the lines of job cannot be shown: GetLogEvents: AccessDeniedException: not authorized"


def test_throttled_lines_come_later(aws: Aws) -> None:
    aws.starts()
    aws.shows(task("RUNNING"), task("STOPPED", exit_code=0))
    aws.logs.fails("get_log_events", "ThrottlingException", "Rate exceeded")
    aws.logs.answers("get_log_events", page("late", token="a"))
    for _ in range(3):
        aws.logs.answers("get_log_events", page(token="a"))

    assert aws.run().exit_code == 0
    assert aws.lines == ["late"]


def test_a_time_out_says_how_far_the_task_is_and_leaves_it(aws: Aws) -> None:
    aws.starts()
    aws.shows(*[task("PENDING")] * 4)
    # Asked once more for the reason.
    aws.shows(task("PENDING", container={"lastStatus": "PENDING", "reason": "image is being pulled"}))
    aws.logs_nothing(4)

    result = aws.run(seconds=9)

    assert result.exit_code == 124
    assert result.reason == (
        "time-out after 9 s: the task is PENDING (job PENDING): job: image is being pulled; it continues"
    )
    assert result.hint == WATCHING
    assert aws.time.now == 9


def test_a_time_out_stops_the_task_where_that_is_asked(aws: Aws) -> None:
    aws.starts()
    aws.shows(*[task("RUNNING")] * 3)
    aws.ecs.answers(
        "stop_task",
        {},
        cluster="adaptivity-dev",
        task=TASK,
        reason="deploy: time-out after 3 s: the task is RUNNING (job RUNNING)",
    )
    aws.shows(task("DEPROVISIONING"), task("STOPPED", exit_code=143, stopCode="UserInitiated"))
    aws.logs_nothing(2 + 4)

    result = aws.run(seconds=3, stop_on_timeout=True)

    assert result.exit_code == 124
    assert result.reason == "time-out after 3 s: the task is RUNNING (job RUNNING); ECS was asked to stop it"
    assert aws.steps[-1] == f"task {TASK_ID} is STOPPED"


def interrupt() -> None:
    raise KeyboardInterrupt


def terminate() -> None:
    raise Terminated(signal.SIGTERM)


def test_a_first_interrupt_leaves_the_task_and_says_how_to_watch_it(aws: Aws) -> None:
    aws.starts()
    aws.shows(task("RUNNING"))
    aws.logs_nothing(1)
    aws.time.events = [(3, interrupt)]

    result = aws.run()

    assert (result.exit_code, result.reason) == (130, "interrupted; the task continues")
    assert aws.steps[-1] == f"Task {TASK_ID} continues; {WATCHING}. To stop it, press Ctrl-C again within 5 seconds."


def test_a_second_interrupt_stops_the_task(aws: Aws) -> None:
    aws.starts()
    aws.shows(task("RUNNING"))
    aws.ecs.answers("stop_task", {}, cluster="adaptivity-dev", task=TASK, reason="deploy: interrupted")
    aws.shows(task("STOPPED", exit_code=143, stopCode="UserInitiated"))
    aws.logs_nothing(4)
    aws.time.events = [(3, interrupt), (8, interrupt)]

    result = aws.run()

    assert (result.exit_code, result.reason) == (130, "interrupted; ECS was asked to stop the task")


def test_a_terminated_run_leaves_the_task(aws: Aws) -> None:
    aws.starts()
    aws.shows(task("RUNNING"))
    aws.logs_nothing(1)
    aws.time.events = [(3, terminate)]

    result = aws.run()

    assert (result.exit_code, result.reason) == (143, "terminated; the task continues")
    assert result.hint == WATCHING


def test_a_task_that_is_not_known_at_once_is_waited_for(aws: Aws) -> None:
    aws.starts()
    aws.ecs.answers("describe_tasks", {"tasks": [], "failures": [{"arn": TASK, "reason": "MISSING"}]})
    aws.shows(task("STOPPED", exit_code=0))
    aws.logs_nothing(3)

    assert aws.run().exit_code == 0


def test_a_task_that_is_never_known_is_an_error(aws: Aws) -> None:
    aws.starts()
    for _ in range(22):
        aws.ecs.answers("describe_tasks", {"tasks": [], "failures": [{"arn": TASK, "reason": "MISSING"}]})

    with pytest.raises(DeployError, match=f"ECS no longer knows task {TASK_ID}"):
        aws.run()
    assert aws.time.now == 63


def test_a_detached_task_is_left_at_once(aws: Aws) -> None:
    aws.starts()

    result = aws.run(detach=True)

    assert (result.exit_code, result.arn, result.reason) == (0, TASK, "the task continues")


def test_the_request() -> None:
    overrides = Overrides(("python", "manage.py", "replay"), {"LOG_LEVEL": "DEBUG"}, cpu=1024, memory=4096)

    assert task_request(STACK, definition(), overrides, "deploy-run") == {
        "cluster": "adaptivity-dev",
        "taskDefinition": "arn:aws:ecs:us-east-1:123456789012:task-definition/adaptivity-dev-job:3",
        "launchType": "FARGATE",
        "count": 1,
        "startedBy": "deploy-run",
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": ["subnet-a", "subnet-b"],
                "securityGroups": ["sg-services"],
                "assignPublicIp": "ENABLED",
            }
        },
        "propagateTags": "TASK_DEFINITION",
        "enableECSManagedTags": True,
        "overrides": {
            "cpu": "1024",
            "memory": "4096",
            "containerOverrides": [
                {
                    "name": "job",
                    "command": ["python", "manage.py", "replay"],
                    "environment": [{"name": "LOG_LEVEL", "value": "DEBUG"}],
                    "cpu": 1024,
                    "memory": 4096,
                }
            ],
        },
    }


def test_nothing_overridden_is_nothing_in_the_request() -> None:
    assert "overrides" not in task_request(STACK, definition(), Overrides(), "deploy")


def test_containers_beside_keep_what_they_reserve() -> None:
    web = definition()
    web["containerDefinitions"].append(
        {"name": "nginx", "image": "nginx:1", "essential": False, "memory": 128, "cpu": 32}
    )

    request = task_request(STACK, web, Overrides(memory=1024), "deploy")

    assert request["overrides"] == {
        "cpu": "256",
        "memory": "1024",
        "containerOverrides": [{"name": "job", "cpu": 224, "memory": 896}],
    }


def test_a_secret_cannot_be_overridden() -> None:
    with pytest.raises(DeployError) as error:
        task_request(STACK, definition(), Overrides(environment={"SECRET_KEY": "hunter2"}), "deploy")

    assert error.value.message == "SECRET_KEY of job comes from Parameter Store and cannot be overridden"
    assert error.value.exit_code == 2
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("cpu", "memory", "sizes"),
    [
        (None, 512, (256, 512)),
        (None, 2048, (256, 2048)),
        (None, 3072, (512, 3072)),
        (None, 30720, (4096, 30720)),
        (None, 122880, (16384, 122880)),
        (256, None, (256, 512)),
        (1024, None, (1024, 2048)),
        (16384, None, (16384, 32768)),
        (8192, 20480, (8192, 20480)),
    ],
)
def test_a_size_grows_as_far_as_the_other_needs(cpu: int | None, memory: int | None, sizes: tuple[int, int]) -> None:
    assert definitions.size(definition(), cpu, memory) == sizes


@pytest.mark.parametrize(
    ("cpu", "memory", "problem", "hint"),
    [
        (300, None, "Fargate has no task of 300 CPU units", "use one of 256, 512, 1024, 2048, 4096, 8192, 16384"),
        (256, 4096, "Fargate has no task of 256 CPU units and 4096 MiB", "256 CPU units go with 512, 1024, 2048 MiB"),
        (None, 700, "Fargate has no task of 700 MiB", "choose one of Fargate's task sizes"),
    ],
)
def test_a_size_that_fargate_does_not_have(cpu: int | None, memory: int | None, problem: str, hint: str) -> None:
    with pytest.raises(DeployError) as error:
        definitions.size(definition(), cpu, memory)

    assert (error.value.message, error.value.hint, error.value.exit_code) == (problem, hint, 2)


def test_a_definition_too_big_for_the_cpu_alone() -> None:
    with pytest.raises(DeployError) as error:
        definitions.size({**definition(), "memory": "8192"}, 512, None)

    assert (error.value.message, error.value.hint) == (
        "Fargate has no task of 512 CPU units and 8192 MiB",
        "add --memory",
    )


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("registry.example:5000/adaptivity/app:1.0.0", "1.0.0"),
        ("registry.example:5000/adaptivity/app", None),
        ("rabbitmq:4", "4"),
        ("registry.example/app:1.0.0@sha256:00ff", "1.0.0"),
        ("registry.example/app@sha256:00ff", None),
    ],
)
def test_the_tag_of_an_image(image: str, tag: str | None) -> None:
    assert definitions.image_tag(image) == tag


def test_the_newest_revision_of_a_tag(aws: Aws) -> None:
    family = "adaptivity-dev-job"
    listed = [definition(family, number)["taskDefinitionArn"] for number in (4, 3, 2, 1)]
    other = definition("adaptivity-dev-job-nightly", 9)["taskDefinitionArn"]
    aws.ecs.answers(
        "list_task_definitions",
        {"taskDefinitionArns": [other, *listed]},
        familyPrefix=family,
        status="ACTIVE",
        sort="DESC",
    )
    for number, tag in ((4, "1.1.0"), (3, "1.0.0")):
        found = definition(family, number, tag)
        aws.ecs.answers(
            "describe_task_definition", {"taskDefinition": found}, taskDefinition=found["taskDefinitionArn"]
        )

    assert definitions.of_tag(aws.ecs.client, family, "1.0.0")["revision"] == 3


def test_a_tag_without_a_revision_names_those_there_are(aws: Aws) -> None:
    family = "adaptivity-dev-job"
    aws.ecs.answers(
        "list_task_definitions",
        {"taskDefinitionArns": [definition(family, number)["taskDefinitionArn"] for number in (2, 1)]},
    )
    for number, tag in ((2, "1.1.0"), (1, "1.0.0")):
        aws.ecs.answers("describe_task_definition", {"taskDefinition": definition(family, number, tag)})

    with pytest.raises(DeployError) as error:
        definitions.of_tag(aws.ecs.client, family, "2.0.0")

    assert error.value.message == "adaptivity-dev-job has no revision with tag 2.0.0: it has 1.1.0, 1.0.0"
    assert error.value.hint == "deploy apply --tag 2.0.0 registers one"


def test_a_family_that_is_not_there(aws: Aws) -> None:
    aws.ecs.fails("describe_task_definition", "ClientException", "Unable to describe task definition.")

    with pytest.raises(DeployError, match="there is no task definition adaptivity-dev-job"):
        definitions.newest(aws.ecs.client, "adaptivity-dev-job")
