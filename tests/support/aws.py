"""AWS as a script: clients that answer what a test wrote down, in that order, and a clock that only sleeping moves."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.config import Config
from botocore.stub import Stubber

from deploy.ecs import StackNames

REGION, ACCOUNT = "us-east-1", "123456789012"
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TASK_ID = "0123456789abcdef0123456789abcdef"
TASK = f"{ECS}:task/adaptivity-dev/{TASK_ID}"
STREAM = f"ecs/job/{TASK_ID}"

STACK = StackNames(
    env="dev",
    cluster_name="adaptivity-dev",
    services={name: f"adaptivity-dev-{name}" for name in ("web", "worker", "jobs", "rabbit")},
    subnet_ids=("subnet-a", "subnet-b"),
    security_group="sg-services",
    assign_public_ip=True,
    job_task_definition_family="adaptivity-dev-job",
    log_group_name="adaptivity-dev",
    app_tag="1.0.0",
    url="https://adaptivity-dev.example.edu",
)


@dataclass
class Time:
    """Seconds that pass only where somebody sleeps. ``events`` are called when their moment comes: they may raise."""

    now: float = 0.0
    sleeps: list[float] = field(default_factory=list)
    events: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds
        while self.events and self.events[0][0] <= self.now:
            self.events.pop(0)[1]()


class Script:
    """One client and what it is going to be asked and to answer."""

    def __init__(self, service: str) -> None:
        # One try a call: what is tested is what happens after boto3 has given up.
        self.client = boto3.client(
            service,
            region_name=REGION,
            aws_access_key_id="only-for-a-test",
            aws_secret_access_key="only-for-a-test",
            config=Config(retries={"total_max_attempts": 1}),
        )
        self.stubber = Stubber(self.client)

    def answers(self, operation: str, answer: dict[str, Any], **asked: Any) -> None:
        self.stubber.add_response(operation, answer, asked or None)

    def fails(self, operation: str, code: str, message: str = "no", **asked: Any) -> None:
        self.stubber.add_client_error(operation, code, message, expected_params=asked or None)


class Requests:
    """What the clients of one session ask of AWS, as (operation, parameters), in order."""

    def __init__(self) -> None:
        self.made: list[tuple[str, dict[str, Any]]] = []
        self.session = boto3.Session()
        self.session.events.register("provide-client-params.*.*", self._record)

    def _record(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.made.append((model.name, dict(params)))

    def of(self, operation: str) -> list[dict[str, Any]]:
        """The parameters of each request for this operation."""
        return [params for name, params in self.made if name == operation]


@contextmanager
def scripted(*services: str) -> Iterator[list[Script]]:
    """The scripts of these services, which have to be played to their end."""
    scripts = [Script(service) for service in services]
    for script in scripts:
        script.stubber.activate()
    yield scripts
    for script in scripts:
        script.stubber.assert_no_pending_responses()


def definition(
    family: str = "adaptivity-dev-job", revision: int = 3, tag: str = "1.0.0", **container: Any
) -> dict[str, Any]:
    """A task definition as DescribeTaskDefinition answers it."""
    name = family.rpartition("-")[2]
    return {
        "taskDefinitionArn": f"{ECS}:task-definition/{family}:{revision}",
        "family": family,
        "revision": revision,
        "status": "ACTIVE",
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {
                "name": name,
                "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/adaptivity/app:{tag}",
                "memory": 256,
                "essential": True,
                "secrets": [
                    {"name": "SECRET_KEY", "valueFrom": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/a/dev/SECRET_KEY"}
                ],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": "adaptivity-dev",
                        "awslogs-region": REGION,
                        "awslogs-stream-prefix": "ecs",
                    },
                },
                **container,
            }
        ],
    }


def task(status: str, **fields: Any) -> dict[str, Any]:
    """A task as DescribeTasks answers it."""
    code = fields.pop("exit_code", None)
    container = {"name": "job", "lastStatus": status, **fields.pop("container", {})}
    if code is not None:
        container["exitCode"] = code
    if status not in {"PROVISIONING", "PENDING"} and fields.get("stopCode") != "TaskFailedToStart":
        fields.setdefault("startedAt", NOON)
    return {
        "taskArn": TASK,
        "taskDefinitionArn": definition()["taskDefinitionArn"],
        "lastStatus": status,
        "containers": [container],
        **fields,
    }


def page(*messages: str, token: str) -> dict[str, Any]:
    """A page of a log stream as GetLogEvents answers it."""
    return {"events": [{"timestamp": 0, "message": message} for message in messages], "nextForwardToken": token}


def deployment(number: int, revision: int, **fields: Any) -> dict[str, Any]:
    """A deployment of the service web, steady unless its fields say otherwise."""
    return {
        "id": f"ecs-svc/{number}",
        "status": "PRIMARY",
        "taskDefinition": f"{ECS}:task-definition/adaptivity-dev-web:{revision}",
        "desiredCount": 2,
        "runningCount": 2,
        "pendingCount": 0,
        "failedTasks": 0,
        "rolloutState": "COMPLETED",
        "rolloutStateReason": f"ECS deployment ecs-svc/{number} completed.",
        **fields,
    }


def service(*deployments: dict[str, Any], events: tuple[tuple[int, str], ...] = (), **fields: Any) -> dict[str, Any]:
    """The service web as DescribeServices answers it; events are (minute after noon, message), latest first."""
    return {
        "serviceName": "adaptivity-dev-web",
        "status": "ACTIVE",
        "taskDefinition": deployments[0]["taskDefinition"] if deployments else "",
        "desiredCount": 2,
        "runningCount": 2,
        "pendingCount": 0,
        "deployments": list(deployments),
        "events": [
            {"id": str(index), "createdAt": NOON + timedelta(minutes=minute), "message": message}
            for index, (minute, message) in enumerate(events)
        ],
        **fields,
    }
