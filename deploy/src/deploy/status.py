"""What runs in an environment: each service's revision, tag, tasks and rollout, and the answer at its address."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy import aws
from deploy.ecs.definitions import described, image_tags, revision
from deploy.ecs.deployments import describe_services, primary, running_tasks
from deploy.ecs.stack import StackNames

VERSION_PATH = "/version/"
ANSWER_SECONDS = 5
# Far more than /version/ ever answers.
ANSWER_BYTES = 100_000

Fetch = Callable[[str], Any]


@dataclass(frozen=True)
class TaskStatus:
    """One task of a service."""

    task: str
    task_definition: str
    status: str
    health: str

    def as_dict(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class ServiceStatus:
    """One service. ``tag`` is of its first container's image. ``deployments`` includes those being replaced."""

    name: str
    service: str
    desired: int
    running: int
    pending: int
    rollout: str
    deployments: int
    task_definition: str
    tag: str | None
    tasks: tuple[TaskStatus, ...]

    @property
    def health(self) -> str:
        """How many tasks are in each state of health, in words."""
        states = [task.health if task.status == "RUNNING" else task.status for task in self.tasks]
        return ", ".join(f"{states.count(state)} {state.lower()}" for state in sorted(set(states))) or "no task"

    def as_dict(self) -> dict[str, Any]:
        return {**vars(self), "tasks": [task.as_dict() for task in self.tasks]}


@dataclass(frozen=True)
class Status:
    """One environment. ``version`` is the answer at its address; ``unreachable`` says why there is none."""

    env: str
    cluster: str
    app_tag: str
    url: str
    services: tuple[ServiceStatus, ...]
    version: Mapping[str, Any] | None
    unreachable: str

    def as_dict(self) -> dict[str, Any]:
        return {**vars(self), "services": [service.as_dict() for service in self.services]}


def fetch(url: str) -> Any:
    """The JSON document at an address. Raises OSError, ValueError or HTTPException."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url} is not a web address")
    # The scheme was checked above, so this reads no file.
    with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
        return json.loads(answer.read(ANSWER_BYTES))


def status(ecs: aws.Client, stack: StackNames, *, fetch: Fetch = fetch) -> Status:
    """What ECS reports on the environment's services, and what the environment itself answers."""
    found = describe_services(ecs, stack.cluster_name, stack.services.values())
    services = tuple(
        _service(ecs, stack.cluster_name, name, found[service]) for name, service in stack.services.items()
    )
    version, unreachable = _version(stack.url, fetch)
    return Status(stack.env, stack.cluster_name, stack.app_tag, stack.url, services, version, unreachable)


def _service(ecs: aws.Client, cluster: str, name: str, service: Mapping[str, Any]) -> ServiceStatus:
    deployment = primary(service) or {}
    definition = described(ecs, deployment.get("taskDefinition", service["taskDefinition"]))
    tasks = tuple(
        TaskStatus(
            task["taskArn"].rpartition("/")[2],
            revision(task["taskDefinitionArn"]),
            task["lastStatus"],
            task.get("healthStatus", "UNKNOWN"),
        )
        for task in running_tasks(ecs, cluster, service["serviceName"])
    )
    return ServiceStatus(
        name=name,
        service=service["serviceName"],
        desired=service["desiredCount"],
        running=service["runningCount"],
        pending=service["pendingCount"],
        rollout=deployment.get("rolloutState", "UNKNOWN"),
        deployments=len(service["deployments"]),
        task_definition=revision(definition["taskDefinitionArn"]),
        tag=next(iter(image_tags(definition)), None),
        tasks=tasks,
    )


def _version(url: str, fetch: Fetch) -> tuple[Mapping[str, Any] | None, str]:
    try:
        answer = fetch(url.rstrip("/") + VERSION_PATH)
    except urllib.error.HTTPError as error:
        return None, f"it answers {error.code}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        # The reason inside a URLError says more than its own text.
        return None, str(getattr(error, "reason", error))
    if not isinstance(answer, dict):
        return None, "its answer is not a version"
    return answer, ""
