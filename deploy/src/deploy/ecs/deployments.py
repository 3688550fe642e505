"""Deployments of services: waiting for the expected one, and explaining why it failed."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deploy import aws
from deploy.cloudwatch import last_lines, streams
from deploy.ecs.definitions import revision
from deploy.ecs.tasks import reasons
from deploy.errors import FAILED_DEPLOYMENT, INTERRUPTED, TERMINATED, DeployError
from deploy.output import PrintLine
from deploy.signals import Terminated

LOOK_SECONDS = 5
# For a moment after an update, DescribeServices may still return the state before it.
SETTLE_SECONDS = 30
# The most services and tasks that one call takes.
SERVICES_A_CALL, TASKS_A_CALL = 10, 100
EVENTS, STOPPED_TASKS, LAST_LINES = 10, 3, 20


@dataclass(frozen=True)
class Expected:
    """What a service should run: a revision and, if it is known, the deployment that brings it.

    A forced deployment has the same revision as the one before it. Only the deployment's id tells them apart.
    """

    task_definition: str
    deployment: str | None = None


class State(Enum):
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Verdict:
    state: State
    text: str


@dataclass(frozen=True)
class StoppedTask:
    """Why a task stopped, and the last lines of each container, or why there are none."""

    task: str
    task_definition: str
    status: str
    reason: str
    containers: Mapping[str, str]
    lines: Mapping[str, list[str]]

    def as_dict(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "task_definition": self.task_definition,
            "status": self.status,
            "reason": self.reason,
            "containers": dict(self.containers),
            "lines": {name: list(lines) for name, lines in self.lines.items()},
        }


@dataclass(frozen=True)
class Diagnosis:
    """What is known about a failed deployment. ``notes`` says what could not be found out."""

    service: str
    problem: str
    events: list[str] = field(default_factory=list)
    tasks: list[StoppedTask] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The diagnosis for a human reader."""
        told = [f"{self.service}: {self.problem}"]
        if self.events:
            told += ["  events of the service, latest first:", *(f"    {event}" for event in self.events)]
        for task in self.tasks:
            told.append(
                f"  task {task.task} of {task.task_definition} {task.status}: {task.reason or 'no reason given'}"
            )
            told += [f"    {name}: {text}" for name, text in task.containers.items()]
            for name, lines in task.lines.items():
                told += [f"    last lines of {name}:", *(f"      {line}" for line in lines)]
        return told + [f"  {note}" for note in self.notes]

    def as_dict(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "problem": self.problem,
            "events": list(self.events),
            "tasks": [task.as_dict() for task in self.tasks],
            "notes": list(self.notes),
        }


class DeploymentFailed(DeployError):
    """A deployment that failed, was rolled back or got stuck, with what is known about it."""

    def __init__(self, message: str, *, hint: str, diagnoses: list[Diagnosis]) -> None:
        super().__init__(message, hint=hint, exit_code=FAILED_DEPLOYMENT)
        self.diagnoses = diagnoses


def describe_services(ecs: aws.Client, cluster: str, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The services by name. Raises ``DeployError`` if one is missing or not active."""
    wanted = list(names)
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(wanted), SERVICES_A_CALL):
        answer = ecs.describe_services(cluster=cluster, services=wanted[start : start + SERVICES_A_CALL])
        found |= {service["serviceName"]: service for service in answer["services"] if service["status"] == "ACTIVE"}
    if missing := [name for name in wanted if name not in found]:
        names = ", ".join(missing)
        raise DeployError(f"cluster {cluster} has no active service {names}", hint="deploy apply creates it")
    return found


def primary(service: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The deployment that ECS is rolling out, or has rolled out."""
    return next((each for each in service["deployments"] if each["status"] == "PRIMARY"), None)


def rollout_progress(service: Mapping[str, Any]) -> str:
    """The progress of a service, in words."""
    deployment = primary(service) or {}
    said = [
        f"{service['runningCount']}/{service['desiredCount']} running",
        *([f"{service['pendingCount']} pending"] if service["pendingCount"] else []),
        *([f"{deployment['failedTasks']} failed"] if deployment.get("failedTasks") else []),
        str(deployment.get("rolloutState", "no rollout")).lower().replace("_", " "),
        revision(deployment.get("taskDefinition", service["taskDefinition"])),
    ]
    others = len(service["deployments"]) - 1
    return ", ".join(said + ([f"older deployments: {others}"] if others > 0 else []))


def rolled_back_to(service: Mapping[str, Any], deployment: Mapping[str, Any], since: datetime | None) -> bool:
    """Whether an event after ``since`` says that ECS rolled back to this deployment."""
    return since is not None and any(
        "rolling back to" in event["message"] and deployment["id"] in event["message"]
        for event in service.get("events", [])
        if event["createdAt"] >= since
    )


def judge(service: Mapping[str, Any], expected: Expected, *, settled: bool, since: datetime | None) -> Verdict:
    """Judges whether the expected deployment runs, may still come to run, or has failed.

    ``settled`` says that the service's state can no longer be a leftover from before the update.
    """
    wanted, current = revision(expected.task_definition), primary(service)
    if current is None:
        return Verdict(State.WAITING, "has no primary deployment yet")
    asked = (
        current["id"] == expected.deployment
        if expected.deployment
        else current["taskDefinition"] == expected.task_definition
    )
    if asked and not rolled_back_to(service, current, since):
        if current.get("rolloutState") == "FAILED":
            return Verdict(State.FAILED, f"its deployment failed: {current.get('rolloutStateReason', '')}".rstrip(": "))
        steady = (
            current["taskDefinition"] == expected.task_definition
            and current.get("rolloutState") == "COMPLETED"
            and len(service["deployments"]) == 1
            and service["runningCount"] == service["desiredCount"]
            and service["pendingCount"] == 0
        )
        return Verdict(State.DONE if steady else State.WAITING, rollout_progress(service))

    ours = next(
        (
            each
            for each in service["deployments"]
            if each is not current
            and (
                each["id"] == expected.deployment
                if expected.deployment
                else each["taskDefinition"] == expected.task_definition
            )
        ),
        None,
    )
    back = f"{revision(current['taskDefinition'])} (deployment {current['id']})"
    reason = current.get("rolloutStateReason", "")
    if ours and ours.get("rolloutState") == "FAILED":
        why = ours.get("rolloutStateReason", "")
        return Verdict(State.FAILED, f"was rolled back from {wanted} to {back}{f': {why}' if why else ''}")
    if rolled_back_to(service, current, since) or "rolling back" in reason:
        return Verdict(State.FAILED, f"was rolled back from {wanted} to {back}{f': {reason}' if reason else ''}")
    if settled:
        return Verdict(State.FAILED, f"runs {back}, not {wanted}: it was rolled back, or another deployment followed")
    return Verdict(State.WAITING, f"still shows {back}")


def _tasks(ecs: aws.Client, cluster: str, service: str, status: str) -> list[dict[str, Any]]:
    """The tasks of a service whose desired status is RUNNING, or that have STOPPED within the last hour."""
    pages = ecs.get_paginator("list_tasks").paginate(cluster=cluster, serviceName=service, desiredStatus=status)
    arns = [arn for page in pages for arn in page["taskArns"]]
    found: list[dict[str, Any]] = []
    for start in range(0, len(arns), TASKS_A_CALL):
        found += ecs.describe_tasks(cluster=cluster, tasks=arns[start : start + TASKS_A_CALL])["tasks"]
    # A service's tasks are in the service's group, one-off tasks in the group of their family.
    return [task for task in found if task.get("group", f"service:{service}") == f"service:{service}"]


def running_tasks(ecs: aws.Client, cluster: str, service: str) -> list[dict[str, Any]]:
    """The tasks of a service that run or should run."""
    return _tasks(ecs, cluster, service, "RUNNING")


def mismatch(tasks: Iterable[Mapping[str, Any]], expected: Expected) -> str:
    """Why these tasks are not the healthy tasks of the deployment; empty if they are."""
    for task in tasks:
        name = task["taskArn"].rpartition("/")[2]
        if task["taskDefinitionArn"] != expected.task_definition:
            return f"task {name} still runs {revision(task['taskDefinitionArn'])}"
        if task["lastStatus"] != "RUNNING":
            return f"task {name} is {task['lastStatus']}"
        if task.get("healthStatus") == "UNHEALTHY":
            return f"task {name} is unhealthy"
    return ""


def diagnose(ecs: aws.Client, logs: aws.Client, *, cluster: str, service: Mapping[str, Any], problem: str) -> Diagnosis:
    """The latest events of a service, why its tasks stopped, and their last log lines.

    What cannot be found out is noted, so that the rest is still shown.
    """
    name = service["serviceName"]
    events = [f"{event['createdAt']:%H:%M:%S} {event['message']}" for event in service.get("events", [])[:EVENTS]]
    notes: list[str] = []
    try:
        stopped = _tasks(ecs, cluster, name, "STOPPED")
        stopped.sort(key=lambda task: str(task.get("stoppedAt", "")), reverse=True)
        # If none has stopped, the tasks that do not become ready may explain the failure.
        tasks = stopped[:STOPPED_TASKS] or running_tasks(ecs, cluster, name)[:STOPPED_TASKS]
    except (BotoCoreError, ClientError) as error:
        tasks = []
        notes.append(f"its tasks cannot be shown: {aws.explained(error).message}")
    told = []
    for task in tasks:
        try:
            told.append(_task(ecs, logs, task))
        except (BotoCoreError, ClientError) as error:
            notes.append(f"task {task['taskArn'].rpartition('/')[2]} cannot be shown: {aws.explained(error).message}")
    return Diagnosis(name, problem, events, told, notes)


def _task(ecs: aws.Client, logs: aws.Client, task: Mapping[str, Any]) -> StoppedTask:
    task_id = task["taskArn"].rpartition("/")[2]
    containers = {}
    for container in task.get("containers", []):
        said = [
            f"exit code {container['exitCode']}" if container.get("exitCode") is not None else "",
            container.get("reason", ""),
            container["healthStatus"].lower() if container.get("healthStatus", "UNKNOWN") != "UNKNOWN" else "",
        ]
        containers[container["name"]] = ", ".join(text for text in said if text) or container["lastStatus"]
    definition = ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]
    lines: dict[str, list[str]] = {}
    for stream in streams(definition, task_id):
        try:
            found = last_lines(logs, stream, LAST_LINES)
        except (BotoCoreError, ClientError) as error:
            lines[stream.container] = [f"(they cannot be shown: {aws.explained(error).message})"]
        else:
            lines[stream.container] = found or ["(it logged nothing)"]
    code = f" [{task['stopCode']}]" if task.get("stopCode") else ""
    return StoppedTask(
        task_id,
        revision(task["taskDefinitionArn"]),
        task["lastStatus"],
        f"{reasons(task)}{code}".strip(),
        containers,
        lines,
    )


@dataclass
class _Watched:
    """One service that is being waited for."""

    expected: Expected
    verdict: Verdict = Verdict(State.WAITING, "")
    service: Mapping[str, Any] = field(default_factory=dict)


def _look(
    ecs: aws.Client, cluster: str, watched: Mapping[str, _Watched], *, settled: bool, since: datetime | None
) -> None:
    """Looks again at the services that are still being waited for."""
    waiting = [name for name, each in watched.items() if each.verdict.state is State.WAITING]
    for name, service in describe_services(ecs, cluster, waiting).items():
        each, current = watched[name], primary(service)
        verdict = judge(service, each.expected, settled=settled, since=since)
        if verdict.state is State.DONE and (odd := mismatch(running_tasks(ecs, cluster, name), each.expected)):
            verdict = Verdict(State.WAITING, f"{verdict.text}; {odd}")
        if current and current["taskDefinition"] == each.expected.task_definition and not each.expected.deployment:
            # From now on only this deployment counts, and no later one of the same revision.
            each.expected = Expected(each.expected.task_definition, current["id"])
        each.service, each.verdict = service, verdict


def _settle(watched: Mapping[str, _Watched], looks: Iterator[None], step: PrintLine) -> bool:
    """Prints every change until a service fails, all are done (True), or the looks end."""
    told: dict[str, str] = {}
    for _ in looks:
        for name, each in watched.items():
            if told.get(name) != each.verdict.text:
                told[name] = each.verdict.text
                step(f"{name}: {each.verdict.text}")
        if any(each.verdict.state is State.FAILED for each in watched.values()):
            return False
        if all(each.verdict.state is State.DONE for each in watched.values()):
            return True
    return False


def wait_for_deployments(
    ecs: aws.Client,
    logs: aws.Client,
    *,
    cluster: str,
    expected: Mapping[str, Expected],
    seconds: float,
    env: str,
    since: datetime | None = None,
    step: PrintLine,
    clock: aws.Clock = time.monotonic,
    sleep: aws.Sleep = time.sleep,
) -> None:
    """Waits until every service runs exactly what ``expected`` says, by its name in ECS, and is healthy.

    ``since`` is when the update began; only roll-backs that ECS reports after it count. If a deployment fails, is
    rolled back, is overtaken or takes too long, the diagnosis is printed and ``DeploymentFailed`` is raised with it.
    """
    watched = {name: _Watched(each) for name, each in expected.items()}
    settled_at = clock() + SETTLE_SECONDS

    def look() -> None:
        _look(ecs, cluster, watched, settled=clock() >= settled_at, since=since)

    seen = f"deploy status --env {env} shows it"
    try:
        if _settle(watched, aws.watch(look, interval=LOOK_SECONDS, seconds=seconds, clock=clock, sleep=sleep), step):
            return
    except (BotoCoreError, ClientError) as error:
        told = aws.explained(error).message
        raise DeployError(
            f"the outcome of the deployment is not known: {told}", hint=seen, exit_code=FAILED_DEPLOYMENT
        ) from error
    except (KeyboardInterrupt, Terminated) as signal:
        code = INTERRUPTED if isinstance(signal, KeyboardInterrupt) else TERMINATED
        raise DeployError("interrupted; the deployment continues", hint=seen, exit_code=code) from None

    failed = {name: each for name, each in watched.items() if each.verdict.state is State.FAILED}
    late = {name: each for name, each in watched.items() if each.verdict.state is State.WAITING}
    diagnoses = []
    for name, each in (failed or late).items():
        problem = each.verdict.text if failed else f"is not steady after {seconds:g} s: {each.verdict.text}"
        diagnoses.append(
            diagnose(ecs, logs, cluster=cluster, service=each.service or {"serviceName": name}, problem=problem)
        )
    for diagnosis in diagnoses:
        for line in diagnosis.lines():
            step(line)
    raise DeploymentFailed(
        "; ".join(f"{diagnosis.service} {diagnosis.problem}" for diagnosis in diagnoses),
        hint=f"deploy logs --env {env} and deploy status --env {env} show more; deploy rollback --env {env} goes back",
        diagnoses=diagnoses,
    )
