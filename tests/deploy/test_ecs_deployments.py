"""Waiting for a deployment: it is a success when exactly what was asked for runs, healthy, and never otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from deploy.ecs import DeploymentFailed, Expected, wait_for_deployments
from deploy.ecs.deployments import State, judge
from deploy.errors import DeployError
from deploy.signals import Terminated
from tests.support.aws import ECS, NOON, Script, Time, definition, deployment, scripted, service

WEB = "adaptivity-dev-web"
OLD, NEW = (f"{ECS}:task-definition/{WEB}:{revision}" for revision in (3, 4))
ASKED = Expected(NEW)
FAILED = {"rolloutState": "FAILED", "rolloutStateReason": "ECS deployment circuit breaker: tasks failed to start."}
MOVING = {"rolloutState": "IN_PROGRESS", "rolloutStateReason": "ECS deployment ecs-svc/2 in progress."}


@dataclass
class Aws:
    """ECS and CloudWatch Logs as scripts, and what was told."""

    ecs: Script
    logs: Script
    time: Time = field(default_factory=Time)
    steps: list[str] = field(default_factory=list)

    def wait(self, web: Expected = ASKED, **options: Any) -> None:
        wait_for_deployments(
            self.ecs.client,
            self.logs.client,
            **{"cluster": "adaptivity-dev", "expected": {WEB: web}, "seconds": 900, "env": "dev", **options},
            step=self.steps.append,
            clock=self.time.clock,
            sleep=self.time.sleep,
        )

    def fails(self, web: Expected = ASKED, **options: Any) -> DeploymentFailed:
        with pytest.raises(DeploymentFailed) as error:
            self.wait(web, **options)
        assert error.value.exit_code == 4
        return error.value

    def shows(self, *services: dict[str, Any]) -> None:
        for each in services:
            self.ecs.answers("describe_services", {"services": [each]}, cluster="adaptivity-dev", services=[WEB])

    def runs(self, *tasks: dict[str, Any], status: str = "RUNNING") -> None:
        """The tasks of the service with this status, as ListTasks and DescribeTasks answer them."""
        arns = [task["taskArn"] for task in tasks]
        self.ecs.answers(
            "list_tasks", {"taskArns": arns}, cluster="adaptivity-dev", serviceName=WEB, desiredStatus=status
        )
        if tasks:
            self.ecs.answers("describe_tasks", {"tasks": list(tasks)}, cluster="adaptivity-dev", tasks=arns)

    def has_no_tasks_to_show(self) -> None:
        self.runs(status="STOPPED")
        self.runs()


@pytest.fixture
def aws() -> Iterator[Aws]:
    with scripted("ecs", "logs") as (ecs, logs):
        yield Aws(ecs, logs)


def web_task(number: int = 1, revision: int = 4, **fields: Any) -> dict[str, Any]:
    return {
        "taskArn": f"{ECS}:task/adaptivity-dev/web{number}",
        "taskDefinitionArn": f"{ECS}:task-definition/{WEB}:{revision}",
        "lastStatus": "RUNNING",
        "healthStatus": "HEALTHY",
        "containers": [],
        **fields,
    }


def test_the_deployment_that_was_asked_for_comes_about(aws: Aws) -> None:
    old = deployment(1, 3, status="ACTIVE")
    aws.shows(
        service(deployment(2, 4, runningCount=0, pendingCount=2, **MOVING), old, pendingCount=2),
        service(deployment(2, 4, **MOVING), old, runningCount=4),
        service(deployment(2, 4, **MOVING)),
        service(deployment(2, 4)),
    )
    aws.runs(web_task(1), web_task(2))

    aws.wait()

    assert aws.steps == [
        f"{WEB}: 2/2 running, 2 pending, in progress, adaptivity-dev-web:4, older deployments: 1",
        f"{WEB}: 4/2 running, in progress, adaptivity-dev-web:4, older deployments: 1",
        f"{WEB}: 2/2 running, in progress, adaptivity-dev-web:4",
        f"{WEB}: 2/2 running, completed, adaptivity-dev-web:4",
    ]
    assert aws.time.sleeps == [5, 5, 5]


@pytest.mark.parametrize(
    "late",
    [
        service(deployment(2, 4), deployment(1, 3, status="ACTIVE")),
        service(deployment(2, 4), runningCount=1),
        service(deployment(2, 4), pendingCount=1),
        service(deployment(2, 4, **MOVING)),
        service(deployment(2, 4, rolloutState="")),
        service(),
    ],
)
def test_what_is_not_steady_is_waited_for(aws: Aws, late: dict[str, Any]) -> None:
    aws.shows(late, service(deployment(2, 4)))
    aws.runs(web_task())

    aws.wait()

    assert aws.time.now == 5


@pytest.mark.parametrize(
    ("odd", "text"),
    [
        (web_task(2, revision=3), "task web2 still runs adaptivity-dev-web:3"),
        (web_task(2, lastStatus="PENDING"), "task web2 is PENDING"),
        (web_task(2, healthStatus="UNHEALTHY"), "task web2 is unhealthy"),
    ],
)
def test_a_completed_rollout_with_another_or_an_unhealthy_task_is_waited_for(
    aws: Aws, odd: dict[str, Any], text: str
) -> None:
    aws.shows(service(deployment(2, 4)))
    aws.runs(web_task(1), odd)
    aws.shows(service(deployment(2, 4)))
    aws.runs(web_task(1), web_task(2, healthStatus="UNKNOWN"))

    aws.wait()

    assert aws.steps == [
        f"{WEB}: 2/2 running, completed, adaptivity-dev-web:4; {text}",
        f"{WEB}: 2/2 running, completed, adaptivity-dev-web:4",
    ]


def test_a_roll_back_is_no_success(aws: Aws) -> None:
    """While it lasts: ECS shows the failed deployment beside the one that it has gone back to."""
    aws.shows(
        service(deployment(2, 4, failedTasks=2, **MOVING), deployment(1, 3, status="ACTIVE")),
        service(deployment(3, 3), deployment(2, 4, status="ACTIVE", **FAILED)),
    )
    aws.has_no_tasks_to_show()

    error = aws.fails()

    assert error.message == (
        f"{WEB} was rolled back from adaptivity-dev-web:4 to adaptivity-dev-web:3 (deployment ecs-svc/3): "
        "ECS deployment circuit breaker: tasks failed to start."
    )
    assert error.hint == (
        "deploy logs --env dev and deploy status --env dev show more; deploy rollback --env dev goes back"
    )


def test_a_finished_roll_back_is_no_success(aws: Aws) -> None:
    """Afterwards: the service is steady, and only the revision says that it is not what was asked for."""
    aws.shows(*[service(deployment(1, 3))] * 7)
    aws.has_no_tasks_to_show()

    error = aws.fails()

    assert error.message == (
        f"{WEB} runs adaptivity-dev-web:3 (deployment ecs-svc/1), not adaptivity-dev-web:4: "
        "it was rolled back, or another deployment followed"
    )
    assert aws.time.now == 30


def test_what_was_before_the_update_may_still_show_for_a_moment(aws: Aws) -> None:
    aws.shows(service(deployment(1, 3)), service(deployment(2, 4)))
    aws.runs(web_task())

    aws.wait()

    assert aws.steps[0] == f"{WEB}: still shows adaptivity-dev-web:3 (deployment ecs-svc/1)"


def test_a_roll_back_to_the_same_revision_is_no_success(aws: Aws) -> None:
    """A forced deployment has the revision of the one before: only the deployment tells them apart."""
    aws.shows(
        service(deployment(2, 4, **MOVING), deployment(1, 4, status="ACTIVE")),
        service(deployment(1, 4), deployment(2, 4, status="ACTIVE", **FAILED)),
    )
    aws.has_no_tasks_to_show()

    error = aws.fails(Expected(NEW, "ecs-svc/2"))

    assert "was rolled back from adaptivity-dev-web:4 to adaptivity-dev-web:4 (deployment ecs-svc/1)" in error.message


def test_a_finished_roll_back_to_the_same_revision_is_no_success(aws: Aws) -> None:
    aws.shows(*[service(deployment(1, 4))] * 7)
    aws.has_no_tasks_to_show()

    error = aws.fails(Expected(NEW, "ecs-svc/2"))

    assert "runs adaptivity-dev-web:4 (deployment ecs-svc/1), not adaptivity-dev-web:4" in error.message


def test_a_deployment_that_came_after_the_one_seen_first_is_no_success(aws: Aws) -> None:
    aws.shows(service(deployment(2, 4, **MOVING)), *[service(deployment(3, 4))] * 6)
    aws.has_no_tasks_to_show()

    assert "another deployment followed" in aws.fails().message


def test_ecs_word_of_a_roll_back_counts_from_the_update_on(aws: Aws) -> None:
    said = (1, f"(service {WEB}) rolling back to (deployment ecs-svc/2).")
    rolled_back = service(deployment(2, 4), events=(said,))
    aws.shows(rolled_back)
    aws.has_no_tasks_to_show()

    error = aws.fails(since=NOON)

    assert "was rolled back from adaptivity-dev-web:4 to adaptivity-dev-web:4 (deployment ecs-svc/2)" in error.message
    before = judge(rolled_back, Expected(NEW), settled=True, since=NOON + timedelta(minutes=2))
    assert before.state is State.DONE


def test_a_failed_deployment_that_nothing_replaces(aws: Aws) -> None:
    aws.shows(service(deployment(2, 4, **FAILED), runningCount=0))
    aws.has_no_tasks_to_show()

    assert aws.fails().message == (
        f"{WEB} its deployment failed: ECS deployment circuit breaker: tasks failed to start."
    )


def test_an_older_failure_beside_the_one_asked_for_is_none(aws: Aws) -> None:
    aws.shows(
        service(deployment(3, 4, **MOVING), deployment(2, 4, status="ACTIVE", **FAILED)),
        service(deployment(3, 4)),
    )
    aws.runs(web_task())

    aws.wait()


def test_a_stuck_deployment_is_told_with_events_reasons_and_lines(aws: Aws) -> None:
    """Time is up: what ECS says, why its tasks stopped, and what they logged last."""
    stuck = service(
        deployment(2, 4, failedTasks=7, runningCount=0, **MOVING),
        deployment(1, 3, status="ACTIVE"),
        events=((4, f"(service {WEB}) has started 1 tasks: (task web9)."), (3, f"(service {WEB}) task web8 failed.")),
        runningCount=2,
    )
    aws.shows(*[stuck] * 3)
    stopped = web_task(
        8,
        lastStatus="STOPPED",
        stopCode="EssentialContainerExited",
        stoppedReason="Essential container in task exited",
        stoppedAt=NOON,
        containers=[
            {"name": "web", "lastStatus": "STOPPED", "exitCode": 3, "healthStatus": "UNHEALTHY"},
            {"name": "nginx", "lastStatus": "STOPPED", "reason": "CannotPullContainerError: not found"},
        ],
    )
    earlier = [
        web_task(number, lastStatus="STOPPED", stoppedAt=NOON - timedelta(minutes=number)) for number in (1, 2, 3)
    ]
    aws.runs(*earlier, stopped, status="STOPPED")
    web = definition(WEB, 4)
    web["containerDefinitions"].append({**web["containerDefinitions"][0], "name": "nginx"})
    aws.ecs.answers("describe_task_definition", {"taskDefinition": web}, taskDefinition=NEW)
    aws.logs.answers(
        "get_log_events",
        {"events": [{"timestamp": 0, "message": "SECRET_KEY is missing\n"}], "nextForwardToken": "a"},
        logGroupName="adaptivity-dev",
        logStreamName="ecs/web/web8",
        startFromHead=False,
        limit=20,
    )
    aws.logs.fails("get_log_events", "ResourceNotFoundException", "The specified log stream does not exist.")
    for _ in range(2):
        aws.ecs.answers("describe_task_definition", {"taskDefinition": {**web, "containerDefinitions": []}})

    error = aws.fails(seconds=10)

    state = "2/2 running, 7 failed, in progress, adaptivity-dev-web:4, older deployments: 1"
    assert error.message == f"{WEB} is not steady after 10 s: {state}"
    assert aws.steps == [
        f"{WEB}: {state}",
        f"{WEB}: is not steady after 10 s: {state}",
        "  events of the service, latest first:",
        f"    12:04:00 (service {WEB}) has started 1 tasks: (task web9).",
        f"    12:03:00 (service {WEB}) task web8 failed.",
        (
            "  task web8 of adaptivity-dev-web:4 STOPPED: "
            "Essential container in task exited; nginx: CannotPullContainerError: not found [EssentialContainerExited]"
        ),
        "    web: exit code 3, unhealthy",
        "    nginx: CannotPullContainerError: not found",
        "    last lines of web:",
        "      SECRET_KEY is missing",
        "    last lines of nginx:",
        "      (it logged nothing)",
        "  task web1 of adaptivity-dev-web:4 STOPPED: no reason given",
        "  task web2 of adaptivity-dev-web:4 STOPPED: no reason given",
    ]
    (diagnosis,) = error.diagnoses
    assert diagnosis.as_dict()["tasks"][0]["lines"] == {
        "web": ["SECRET_KEY is missing"],
        "nginx": ["(it logged nothing)"],
    }


def test_tasks_that_never_get_ready_are_shown_where_none_has_stopped(aws: Aws) -> None:
    stuck = service(deployment(2, 4, **MOVING), runningCount=0)
    aws.shows(*[stuck] * 2)
    aws.runs(status="STOPPED")
    aws.runs(web_task(1, lastStatus="PENDING", containers=[{"name": "web", "lastStatus": "PENDING"}]))
    aws.ecs.answers("describe_task_definition", {"taskDefinition": definition(WEB, 4)})
    aws.logs.fails("get_log_events", "AccessDeniedException", "not authorized")

    aws.fails(seconds=5)

    assert aws.steps[-4:] == [
        "  task web1 of adaptivity-dev-web:4 PENDING: no reason given",
        "    web: PENDING",
        "    last lines of web:",
        "      (they cannot be shown: GetLogEvents: AccessDeniedException: not authorized)",
    ]


def test_what_the_diagnosis_may_not_ask_for_is_noted(aws: Aws) -> None:
    aws.shows(service(deployment(2, 4, **FAILED), events=((0, "event"),)))
    aws.ecs.fails("list_tasks", "AccessDeniedException", "not authorized")

    aws.fails()

    assert aws.steps[-3:] == [
        "  events of the service, latest first:",
        "    12:00:00 event",
        "  its tasks cannot be shown: ListTasks: AccessDeniedException: not authorized",
    ]


def test_every_service_has_to_come_about(aws: Aws) -> None:
    """One that is done is not asked for again, and does not hide the one that is not."""
    worker = "adaptivity-dev-worker"
    other = f"{ECS}:task-definition/{worker}:7"
    done = service(deployment(5, 4, taskDefinition=other), serviceName=worker)
    aws.ecs.answers(
        "describe_services",
        {"services": [service(deployment(2, 4, **MOVING)), done]},
        cluster="adaptivity-dev",
        services=[WEB, worker],
    )
    aws.ecs.answers(
        "list_tasks", {"taskArns": []}, cluster="adaptivity-dev", serviceName=worker, desiredStatus="RUNNING"
    )
    aws.shows(service(deployment(2, 4, **FAILED)))
    aws.has_no_tasks_to_show()

    error = aws.fails(expected={WEB: Expected(NEW), worker: Expected(other)})

    assert [diagnosis.service for diagnosis in error.diagnoses] == [WEB]
    assert aws.steps[1] == f"{worker}: 2/2 running, completed, adaptivity-dev-worker:7"


def test_a_service_that_is_not_there_is_named(aws: Aws) -> None:
    aws.ecs.answers("describe_services", {"services": [], "failures": [{"arn": WEB, "reason": "MISSING"}]})

    with pytest.raises(DeployError) as error:
        aws.wait()

    assert error.value.message == f"cluster adaptivity-dev has no active service {WEB}"


def test_throttling_is_waited_out(aws: Aws) -> None:
    for _ in range(2):
        aws.ecs.fails("describe_services", "ThrottlingException", "Rate exceeded")
    aws.shows(service(deployment(2, 4)))
    aws.runs(web_task())

    aws.wait()

    assert aws.time.sleeps == [10, 20]


def test_throttling_without_end_is_no_success(aws: Aws) -> None:
    for _ in range(8):
        aws.ecs.fails("describe_services", "ThrottlingException", "Rate exceeded")

    with pytest.raises(DeployError) as error:
        aws.wait()

    assert error.value.message == (
        "the outcome of the deployment is not known: DescribeServices: ThrottlingException: Rate exceeded"
    )
    assert (error.value.hint, error.value.exit_code) == ("deploy status --env dev shows it", 4)


def test_another_error_is_named_at_once(aws: Aws) -> None:
    aws.ecs.fails("describe_services", "AccessDeniedException", "not authorized")

    with pytest.raises(DeployError) as error:
        aws.wait()

    assert "DescribeServices: AccessDeniedException: not authorized" in error.value.message
    assert aws.time.sleeps == []


@pytest.mark.parametrize(("signal", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_a_wait_that_is_interrupted_says_that_the_deployment_goes_on(
    aws: Aws, signal: type[BaseException], code: int
) -> None:
    def interrupt() -> None:
        raise signal

    aws.shows(service(deployment(2, 4, **MOVING)))
    aws.time.events = [(5, interrupt)]

    with pytest.raises(DeployError) as error:
        aws.wait()

    assert (error.value.message, error.value.exit_code) == ("interrupted; the deployment continues", code)
    assert error.value.hint == "deploy status --env dev shows it"
