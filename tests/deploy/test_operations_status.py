"""What `deploy status` says: of ECS, and of what the environment itself answers."""

import email.message
import http.client
import urllib.error
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from deploy.status import Status, fetch, status
from tests.support.aws import ECS, STACK, Script, definition, deployment, scripted, service

IMAGES = {"rabbit": {"image": "rabbitmq:4"}, "jobs": {"image": "registry.example/adaptivity/app:1.0.0-job"}}


@pytest.fixture
def ecs() -> Iterator[Script]:
    with scripted("ecs") as (script,):
        yield script


def answer(url: str) -> Any:
    assert url == "https://adaptivity-dev.example.edu/version/"
    return {"tag": "1.0.0", "commit": "00ff", "model_version": None, "task": None}


def of_four_services(ecs: Script) -> None:
    """web is being replaced, worker and jobs are steady, rabbit has no task."""
    found = []
    for number, name in enumerate(STACK.services):
        arn = f"{ECS}:task-definition/adaptivity-dev-{name}:{number + 1}"
        each = service(deployment(number, 1, taskDefinition=arn), serviceName=f"adaptivity-dev-{name}")
        found.append(each)
    found[0]["deployments"].append(deployment(9, 9, status="ACTIVE"))
    found[0]["deployments"][0]["rolloutState"] = "IN_PROGRESS"
    found[0] |= {"runningCount": 1, "pendingCount": 1}
    found[3] |= {"runningCount": 0, "desiredCount": 1}
    ecs.answers(
        "describe_services",
        {"services": found},
        cluster="adaptivity-dev",
        services=["adaptivity-dev-web", "adaptivity-dev-worker", "adaptivity-dev-jobs", "adaptivity-dev-rabbit"],
    )
    for number, name in enumerate(STACK.services):
        family = f"adaptivity-dev-{name}"
        of_service = definition(family, number + 1, **IMAGES.get(name, {}))
        arn = of_service["taskDefinitionArn"]
        ecs.answers("describe_task_definition", {"taskDefinition": of_service}, taskDefinition=arn)
        tasks = [
            {
                "taskArn": f"{ECS}:task/adaptivity-dev/{name}{each}",
                "taskDefinitionArn": arn,
                "lastStatus": "RUNNING" if each == 1 or name != "web" else "PENDING",
                "healthStatus": "HEALTHY" if each == 1 else "UNKNOWN",
            }
            for each in (1, 2)
            if name != "rabbit"
        ]
        ecs.answers("list_tasks", {"taskArns": [task["taskArn"] for task in tasks]})
        if tasks:
            ecs.answers("describe_tasks", {"tasks": tasks})


def test_each_service_with_its_revision_tag_and_tasks(ecs: Script) -> None:
    of_four_services(ecs)

    found = status(ecs.client, STACK, fetch=answer)

    assert [
        (each.name, each.task_definition, each.tag, each.desired, each.running, each.pending, each.rollout, each.health)
        for each in found.services
    ] == [
        ("web", "adaptivity-dev-web:1", "1.0.0", 2, 1, 1, "IN_PROGRESS", "1 healthy, 1 pending"),
        ("worker", "adaptivity-dev-worker:2", "1.0.0", 2, 2, 0, "COMPLETED", "1 healthy, 1 unknown"),
        ("jobs", "adaptivity-dev-jobs:3", "1.0.0", 2, 2, 0, "COMPLETED", "1 healthy, 1 unknown"),
        ("rabbit", "adaptivity-dev-rabbit:4", "4", 1, 0, 0, "COMPLETED", "no task"),
    ]
    assert found.as_dict()["services"][0] == {
        "name": "web",
        "service": "adaptivity-dev-web",
        "desired": 2,
        "running": 1,
        "pending": 1,
        "rollout": "IN_PROGRESS",
        "deployments": 2,
        "task_definition": "adaptivity-dev-web:1",
        "tag": "1.0.0",
        "tasks": [
            {"task": "web1", "task_definition": "adaptivity-dev-web:1", "status": "RUNNING", "health": "HEALTHY"},
            {"task": "web2", "task_definition": "adaptivity-dev-web:1", "status": "PENDING", "health": "UNKNOWN"},
        ],
    }
    assert (found.version, found.unreachable) == (answer("https://adaptivity-dev.example.edu/version/"), "")


def raising(error: Exception) -> Callable[[str], Any]:
    def fetch(url: str) -> Any:
        raise error

    return fetch


@pytest.mark.parametrize(
    ("fetch", "reason"),
    [
        (raising(urllib.error.HTTPError("u", 503, "no", email.message.Message(), None)), "it answers 503"),
        (raising(urllib.error.URLError(ConnectionRefusedError("refused"))), "refused"),
        (raising(TimeoutError("timed out")), "timed out"),
        (raising(http.client.BadStatusLine("garbage")), "garbage"),
        (raising(ValueError("no JSON")), "no JSON"),
        (lambda url: ["a list"], "its answer is not a version"),
    ],
)
def test_an_address_that_does_not_answer_hides_nothing_else(
    ecs: Script, fetch: Callable[[str], Any], reason: str
) -> None:
    of_four_services(ecs)

    found: Status = status(ecs.client, STACK, fetch=fetch)

    assert (len(found.services), found.version, found.unreachable) == (4, None, reason)


def test_no_file_is_read_for_an_address() -> None:
    with pytest.raises(ValueError, match="is not a web address"):
        fetch("file:///etc/passwd")
