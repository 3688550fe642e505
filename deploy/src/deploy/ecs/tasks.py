"""One-off tasks on Fargate: started with overrides, followed with their log lines, ended with their exit code."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from deploy import aws
from deploy.cloudwatch import Tail, streams
from deploy.ecs.definitions import revision, size
from deploy.ecs.stack import StackNames
from deploy.errors import INTERRUPTED, NEVER_STARTED, TERMINATED, TIMED_OUT, USAGE, DeployError
from deploy.output import PrintLine
from deploy.signals import Terminated

LOOK_SECONDS = 3
# For a moment after RunTask, DescribeTasks may not know the task yet.
UNKNOWN_SECONDS = 60
# How long a second Ctrl-C is waited for after the first.
SECOND_THOUGHT_SECONDS = 5
# Enough for a container to stop (stopTimeout is at most 120 s) and for Fargate to clean up.
STOP_SECONDS = 180
# The last lines reach CloudWatch some seconds after the container has ended.
LAST_LINES_SECONDS = 10
LAST_LINES_LOOKS = 2

Answer = TypeVar("Answer")


HINTS = {
    "CannotPullContainer": "is the image in the registry (deploy push), and may the execution role read it?",
    "ResourceInitializationError": "try deploy secrets check; then the execution role and the subnets' route to AWS",
    "OutOfMemory": "give the task more memory with --memory",
    "CannotStartContainer": "is the command in the image?",
    "RESOURCE:": "the subnets have no free address, or the region has no capacity left; try again",
    "apacity is unavailable": "try again in a few minutes",
}


@dataclass(frozen=True)
class Overrides:
    """What differs from the task definition. Empty fields change nothing."""

    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    cpu: int | None = None
    memory: int | None = None


NO_OVERRIDES = Overrides()


@dataclass(frozen=True)
class TaskResult:
    """How a task ended. ``reason`` is empty if the container simply ended by itself."""

    task_definition: str
    exit_code: int
    arn: str | None = None
    reason: str = ""
    hint: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "task": self.arn,
            "task_definition": self.task_definition,
            "exit_code": self.exit_code,
            "reason": self.reason,
        }


def main_container(definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container that the task exists for: the first essential one. A container is essential by default."""
    containers: list[Mapping[str, Any]] = definition["containerDefinitions"]
    return next(container for container in containers if container.get("essential", True))


def container_override(definition: Mapping[str, Any], overrides: Overrides) -> dict[str, Any]:
    """The overrides of the main container. It gets the size of the task, less what the other containers reserve."""
    container = main_container(definition)
    override: dict[str, Any] = {"name": container["name"]}
    if overrides.command:
        override["command"] = list(overrides.command)
    if overrides.environment:
        secrets = {secret["name"] for secret in container.get("secrets", [])}
        if clash := sorted(secrets & overrides.environment.keys()):
            raise DeployError(
                f"{', '.join(clash)} of {container['name']} comes from Parameter Store and cannot be overridden",
                hint="change the parameter with deploy secrets put",
                exit_code=USAGE,
            )
        override["environment"] = [{"name": name, "value": value} for name, value in overrides.environment.items()]
    if overrides.cpu is not None or overrides.memory is not None:
        cpu, memory = size(definition, overrides.cpu, overrides.memory)
        others = [other for other in definition["containerDefinitions"] if other is not container]
        # Without this, the container would keep its old limit in a larger task.
        override["cpu"] = cpu - sum(other.get("cpu") or 0 for other in others)
        override["memory"] = memory - sum(
            other.get("memory") or other.get("memoryReservation") or 0 for other in others
        )
    return override


def task_request(
    stack: StackNames, definition: Mapping[str, Any], overrides: Overrides, started_by: str
) -> dict[str, Any]:
    """RunTask's parameters, without the token that makes repeating the call safe."""
    request: dict[str, Any] = {
        "cluster": stack.cluster_name,
        "taskDefinition": definition["taskDefinitionArn"],
        "launchType": "FARGATE",
        "count": 1,
        "startedBy": started_by,
        "networkConfiguration": stack.network,
        "propagateTags": "TASK_DEFINITION",
        "enableECSManagedTags": True,
    }
    override = container_override(definition, overrides)
    if len(override) > 1:
        request["overrides"] = {"containerOverrides": [override]}
        if overrides.cpu is not None or overrides.memory is not None:
            cpu, memory = size(definition, overrides.cpu, overrides.memory)
            request["overrides"] |= {"cpu": str(cpu), "memory": str(memory)}
    return request


def reasons(task: Mapping[str, Any]) -> str:
    """Why a task stopped: the reasons that ECS gives for the task and its containers."""
    said = [task.get("stoppedReason")]
    said += [
        f"{container['name']}: {container['reason']}"
        for container in task.get("containers", [])
        if container.get("reason")
    ]
    return "; ".join(dict.fromkeys(" ".join(text.split()) for text in said if text))


def hint(reason: str) -> str:
    """What to do about a reason that ECS gives; empty if there is no advice."""
    return next((advice for words, advice in HINTS.items() if words in reason), "")


def result_of(task: Mapping[str, Any], container: str) -> TaskResult:
    """How a stopped task ended, by its main container."""
    ended: Mapping[str, Any] = next((each for each in task.get("containers", []) if each["name"] == container), {})
    code, reason = ended.get("exitCode"), reasons(task)
    never = task.get("stopCode") == "TaskFailedToStart" or (
        code is None and ("CannotStartContainer" in reason or not task.get("startedAt"))
    )
    if never:
        code = NEVER_STARTED
        reason = f"the task never started: {reason or 'ECS gives no reason'}"
    elif code is None:
        # It ran and was stopped from outside: by Spot, by its host, or by somebody.
        code = 1
        reason = f"the container has no exit code: {reason or task.get('stopCode') or 'ECS gives no reason'}"
    elif code == 0:
        reason = ""
    return TaskResult(task["taskDefinitionArn"], code, task["taskArn"], reason, hint(reason))


def stop_task(ecs: aws.Client, cluster: str, arn: str, reason: str) -> None:
    """Asks ECS to stop a task; its containers get SIGTERM."""
    ecs.stop_task(cluster=cluster, task=arn, reason=reason)


class _TaskRun:
    """A task that was requested. Each look prints its state, if that changed, and its new log lines."""

    def __init__(
        self,
        ecs: aws.Client,
        logs: aws.Client,
        *,
        stack: StackNames,
        definition: Mapping[str, Any],
        arn: str,
        out: PrintLine,
        step: PrintLine,
        clock: aws.Clock,
        sleep: aws.Sleep,
    ) -> None:
        self._ecs, self._cluster = ecs, stack.cluster_name
        self._definition, self.arn, self.task_id = definition, arn, arn.rpartition("/")[2]
        self._out, self._step = out, step
        self._clock, self._sleep = clock, sleep
        self._tails = [Tail(logs, stream) for stream in streams(definition, self.task_id)]
        self._told = ""
        self.watching = f"follow it with deploy logs --env {stack.env} --task {self.task_id} --follow"

    def result(self, exit_code: int, reason: str, hint: str = "") -> TaskResult:
        """The result when this process ends before the task."""
        return TaskResult(self._definition["taskDefinitionArn"], exit_code, self.arn, reason, hint)

    def follow(self, seconds: float | None) -> dict[str, Any] | None:
        """The task once it has stopped; None if it has not stopped in that time."""
        known_by = self._clock() + UNKNOWN_SECONDS
        for seen in self._watch(self._look, LOOK_SECONDS, seconds):
            if seen is None and self._clock() > known_by:
                raise DeployError(f"ECS no longer knows task {self.task_id}", hint=self.watching)
            if seen and seen["lastStatus"] == "STOPPED":
                self._last_lines()
                return seen
        return None

    def stop(self, why: str) -> None:
        """Stops the task and waits until it has stopped."""
        stop_task(self._ecs, self._cluster, self.arn, f"deploy: {why}")
        self._step(f"asked ECS to stop task {self.task_id}")
        if self.follow(STOP_SECONDS) is None:
            self._step(f"task {self.task_id} has not stopped after {STOP_SECONDS} s; {self.watching}")

    def timed_out(self, seconds: float, *, stop: bool) -> TaskResult:
        """The result of a task that has not stopped in time."""
        reason = f"time-out after {seconds:g} s: {self._state()}"
        if stop:
            self.stop(reason)
            return self.result(TIMED_OUT, f"{reason}; ECS was asked to stop it", "give it more time with --timeout")
        return self.result(TIMED_OUT, f"{reason}; it continues", self.watching)

    def interrupted(self) -> TaskResult:
        """After Ctrl-C: a second one stops the task."""
        self._step(
            f"Task {self.task_id} continues; {self.watching}. "
            f"To stop it, press Ctrl-C again within {SECOND_THOUGHT_SECONDS} seconds."
        )
        try:
            self._sleep(SECOND_THOUGHT_SECONDS)
        except KeyboardInterrupt:
            self.stop("interrupted")
            return self.result(INTERRUPTED, "interrupted; ECS was asked to stop the task")
        return self.result(INTERRUPTED, "interrupted; the task continues", self.watching)

    def _watch(self, look: Callable[[], Answer], interval: float, seconds: float | None) -> Iterator[Answer]:
        return aws.watch(look, interval=interval, seconds=seconds, clock=self._clock, sleep=self._sleep)

    def _look(self) -> dict[str, Any] | None:
        """The current task, after printing its new lines; None while ECS does not know it yet."""
        tasks = self._ecs.describe_tasks(cluster=self._cluster, tasks=[self.arn])["tasks"]
        if not tasks:
            return None
        task: dict[str, Any] = tasks[0]
        if task["lastStatus"] != self._told:
            self._told = task["lastStatus"]
            self._step(f"task {self.task_id} is {self._told}")
        self._tell_lines()
        return task

    def _tell_lines(self) -> int:
        """Prints the new lines and returns how many there were."""
        count = 0
        for tail in list(self._tails):
            try:
                lines = tail.read()
            except (BotoCoreError, ClientError) as error:
                # The task matters more than its lines. They may come later, or this user may not read them.
                if not aws.passing(error):
                    self._tails.remove(tail)
                    self._step(f"the lines of {tail.stream.container} cannot be shown: {aws.explained(error).message}")
                continue
            for line in lines:
                self._out(f"{tail.stream.container}: {line}" if len(self._tails) > 1 else line)
            count += len(lines)
        return count

    def _last_lines(self) -> None:
        """Prints the last lines, which reach CloudWatch after the container has ended."""
        quiet = 0
        for count in self._watch(self._tell_lines, 1, LAST_LINES_SECONDS):
            quiet = 0 if count else quiet + 1
            if quiet == LAST_LINES_LOOKS:
                return

    def _state(self) -> str:
        """The state of the task, in words."""
        try:
            (task,) = self._ecs.describe_tasks(cluster=self._cluster, tasks=[self.arn])["tasks"]
        except (BotoCoreError, ClientError, ValueError):
            return f"the task was {self._told or 'not seen'}"
        containers = ", ".join(f"{each['name']} {each['lastStatus']}" for each in task.get("containers", []))
        why = reasons(task)
        return f"the task is {task['lastStatus']}{f' ({containers})' if containers else ''}{f': {why}' if why else ''}"


def _started(
    ecs: aws.Client, request: Mapping[str, Any], *, clock: aws.Clock, sleep: aws.Sleep
) -> dict[str, Any] | TaskResult:
    """The task that ECS accepted, or the result that says why there is none."""
    # boto3 and the loop may repeat the request. The token keeps it from starting a second task.
    token = str(uuid.uuid4())
    hinted: str | None = None
    try:
        answer = next(
            aws.watch(
                lambda: ecs.run_task(**request, clientToken=token),
                interval=LOOK_SECONDS,
                seconds=None,
                clock=clock,
                sleep=sleep,
            )
        )
    except (BotoCoreError, ClientError) as error:
        told = aws.explained(error)
        said, hinted = told.message, told.hint
    else:
        if answer["tasks"]:
            task: dict[str, Any] = answer["tasks"][0]
            return task
        failures = [
            ": ".join(part for part in (failure.get("reason"), failure.get("detail")) if part)
            for failure in answer["failures"]
        ]
        said = "; ".join(failures) or "ECS gives no reason"
    reason = f"the task never started: {said}"
    return TaskResult(request["taskDefinition"], NEVER_STARTED, None, reason, hinted or hint(said))


def run_task(
    ecs: aws.Client,
    logs: aws.Client,
    *,
    stack: StackNames,
    definition: Mapping[str, Any],
    overrides: Overrides = NO_OVERRIDES,
    started_by: str = "deploy",
    seconds: float | None = None,
    stop_on_timeout: bool = False,
    detach: bool = False,
    out: PrintLine,
    step: PrintLine,
    clock: aws.Clock = time.monotonic,
    sleep: aws.Sleep = time.sleep,
) -> TaskResult:
    """Starts a task, prints its lines (``out``) and states (``step``) while it runs, and returns how it ended.

    The exit code is the container's own, apart from these:

    - 0 with ``detach``, as soon as ECS has accepted the task;
    - 124 if ``seconds`` have passed; the task continues, unless ``stop_on_timeout``;
    - 125 if the task never started;
    - 130 after Ctrl-C; the task continues, and a second Ctrl-C stops it;
    - 143 after ``Terminated``; the task continues.
    """
    request = task_request(stack, definition, overrides, started_by)
    started = _started(ecs, request, clock=clock, sleep=sleep)
    if isinstance(started, TaskResult):
        return started
    run = _TaskRun(
        ecs, logs, stack=stack, definition=definition, arn=started["taskArn"],
        out=out, step=step, clock=clock, sleep=sleep,
    )  # fmt: skip
    step(f"requested task {run.task_id} of {revision(definition['taskDefinitionArn'])}")
    if detach:
        return run.result(0, "the task continues", run.watching)
    try:
        ended = run.follow(seconds)
        if ended is None:
            return run.timed_out(seconds or 0, stop=stop_on_timeout)
        return result_of(ended, main_container(definition)["name"])
    except Terminated:
        return run.result(TERMINATED, "terminated; the task continues", run.watching)
    except KeyboardInterrupt:
        return run.interrupted()
