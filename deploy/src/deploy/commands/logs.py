"""What is done with an environment that is there: run, logs, status, redeploy."""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

import click

from deploy import aws, cloudwatch, ecs
from deploy.cli import Context, dry_run, env, json_output, pass_context
from deploy.ecs.definitions import described
from deploy.ecs.tasks import Terminated
from deploy.status import Status
from deploy.status import status as status_of

LOGS_LOOK_SECONDS = 3
# How long after a task's end its last lines are waited for.
LAST_LOOKS = 3
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Moment(click.ParamType):
    """A moment: so long ago (10m, 2h, 1d), or ISO 8601 in UTC unless it says otherwise."""

    name = "AGE|TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        if age := re.fullmatch(r"(\d+)([smhdw])", value):
            return datetime.now(UTC) - timedelta(**{UNITS[age[2]]: int(age[1])})
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value} is no age (10m, 2h, 1d) and no time (2026-11-24T12:00)", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Assignment(click.ParamType):
    """NAME=VALUE of the environment."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, text = value.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            self.fail(f"{value} is not NAME=VALUE", param, ctx)
        return name, text


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM raises ``Terminated``, so that what goes on in AWS without this process is said before it ends."""

    def terminate(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@click.command()
@env
@click.option("--tag", help="Run the newest revision of this tag, and not the newest of all.")
@click.option("--cpu", type=int, help="CPU units of the task.")
@click.option("--memory", type=int, help="MiB of the task, and of its container.")
@click.option("--set", "variables", type=Assignment(), multiple=True, help="An environment variable of the container.")
@click.option("--timeout", type=click.IntRange(min=0), default=3600, show_default=True, help="Seconds; 0: no limit.")
@click.option("--stop-on-timeout", is_flag=True, help="Stop the task then; else it goes on.")
@click.option("--detach", is_flag=True, help="End as soon as the task is taken.")
@click.argument("command", nargs=-1, required=True, metavar="-- COMMAND...")
@dry_run
@json_output
@pass_context
def run(
    context: Context,
    tag: str | None,
    cpu: int | None,
    memory: int | None,
    variables: tuple[tuple[str, str], ...],
    timeout: int,
    *,
    stop_on_timeout: bool,
    detach: bool,
    command: tuple[str, ...],
) -> None:
    """Run a command as a one-off Fargate task; end with its exit code.

    The lines of the task are shown while it runs. 125 is a task that never started, 124 a time-out.
    """
    stack, clients, output = context.stack(), context.clients, context.output
    family = stack.job_task_definition_family
    definition = ecs.of_tag(clients.ecs, family, tag) if tag else ecs.newest(clients.ecs, family)
    overrides = ecs.Overrides(command, dict(variables), cpu, memory)
    if context.dry_run:
        output.result(ecs.task_request(stack, definition, overrides, "deploy-run"))
        return
    with terminable():
        result = ecs.run_task(
            clients.ecs,
            clients.logs,
            stack=stack,
            definition=definition,
            overrides=overrides,
            started_by="deploy-run",
            seconds=timeout or None,
            stop_on_timeout=stop_on_timeout,
            detach=detach,
            # What is printed as JSON is the result alone.
            out=output.step if context.json else output.line,
            step=output.step,
        )
    context.end(result)


def prefixes(clients: aws.Clients, stack: ecs.Stack, service: str) -> list[str]:
    """What the log streams of a service's containers, or of the job's, begin with."""
    if service == "job":
        definition = ecs.newest(clients.ecs, stack.job_task_definition_family)
    else:
        name = stack.named([service])[service]
        found = ecs.describe_services(clients.ecs, stack.cluster_name, [name])[name]
        definition = described(clients.ecs, found["taskDefinition"])
    return [stream.name for stream in cloudwatch.streams(definition, "")]


def streams_of_task(clients: aws.Clients, stack: ecs.Stack, task_id: str) -> list[str]:
    """The log streams of a task; of one that ECS has forgotten, those that it may have had."""
    tasks = clients.ecs.describe_tasks(cluster=stack.cluster_name, tasks=[task_id])["tasks"]
    if tasks:
        definitions = [described(clients.ecs, tasks[0]["taskDefinitionArn"])]
    else:
        running = ecs.describe_services(clients.ecs, stack.cluster_name, stack.services.values()).values()
        definitions = [described(clients.ecs, service["taskDefinition"]) for service in running]
        definitions.append(ecs.newest(clients.ecs, stack.job_task_definition_family))
    return [stream.name for definition in definitions for stream in cloudwatch.streams(definition, task_id)]


def has_ended(clients: aws.Clients, stack: ecs.Stack, task_id: str) -> bool:
    """Whether a task has stopped, or is not known any more."""
    tasks = clients.ecs.describe_tasks(cluster=stack.cluster_name, tasks=[task_id])["tasks"]
    return all(task["lastStatus"] == "STOPPED" for task in tasks)


@click.command()
@env
@click.argument("service", required=False)
@click.option("--since", type=Moment(), default="10m", show_default=True, help="From when: so long ago, or a time.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until Ctrl-C or the end of the --task.")
@click.option("--task", "task_id", help="Of one task, by its id.")
@click.option("--filter", "pattern", default="", help="Only what matches this filter pattern of CloudWatch Logs.")
@json_output
@pass_context
def logs(
    context: Context, service: str | None, since: datetime, task_id: str | None, pattern: str, *, follow: bool
) -> None:
    """Show log lines of a service (web, worker, jobs, rabbit), job, a task, or all; as JSON, one object a line."""
    stack, clients, output = context.stack(), context.clients, context.output
    task_id = task_id.rpartition("/")[2] if task_id else None
    search = cloudwatch.Search(
        clients.logs,
        stack.log_group_name,
        since=since,
        prefixes=prefixes(clients, stack, service) if service and not task_id else (),
        names=streams_of_task(clients, stack, task_id) if task_id else (),
        pattern=pattern,
    )

    def look() -> None:
        for line in search.read():
            told = line.as_dict()
            output.line(
                json.dumps(told) if context.json else f"{told['at']} {line.container}/{line.task[:8]} {line.message}"
            )

    if not follow:
        look()
        return
    looks_left = LAST_LOOKS
    with terminable():
        try:
            for _ in aws.watch(
                look, interval=LOGS_LOOK_SECONDS, seconds=None, clock=context.clock, sleep=context.sleep
            ):
                if task_id and has_ended(clients, stack, task_id):
                    looks_left -= 1
                if not looks_left:
                    return
        except (KeyboardInterrupt, Terminated):
            # What somebody follows until it is enough has not failed.
            return


@click.command()
@env
@json_output
@pass_context
def status(context: Context) -> None:
    """Show what runs: services, tasks, revisions, tags, and what the environment answers at its address."""
    found = status_of(context.clients.ecs, context.stack(), fetch=context.fetch)
    if context.json:
        context.output.result(found.as_dict())
        return
    context.output.table(
        ["service", "running", "pending", "rollout", "revision", "tag", "tasks"],
        [
            [
                service.name,
                f"{service.running}/{service.desired}",
                str(service.pending),
                service.rollout.lower().replace("_", " ")
                + (f", {service.deployments - 1} older" if service.deployments > 1 else ""),
                service.task_definition,
                service.tag or "none",
                service.health,
            ]
            for service in found.services
        ],
    )
    context.output.line(answered(found))


def answered(found: Status) -> str:
    """What the environment answers at its address, in words."""
    if found.version is None:
        return f"{found.url} is not reachable from here: {found.unreachable}"
    tag, commit = found.version.get("tag"), found.version.get("commit")
    told = f"{found.url} answers with tag {tag}, commit {commit}"
    return told if tag == found.app_tag else f"{told}; the stack has tag {found.app_tag}"


@click.command()
@env
@click.argument("services", nargs=-1)
@click.option("--timeout", type=click.IntRange(min=1), default=900, show_default=True, help="Seconds to wait.")
@dry_run
@json_output
@pass_context
def redeploy(context: Context, services: tuple[str, ...], timeout: int) -> None:
    """Start services anew (all, or those named) with the revisions that they have, and wait until they run.

    For a changed secret, which a container gets when its task starts.
    """
    stack, clients, output = context.stack(), context.clients, context.output
    names = stack.named(services).values()
    before = ecs.describe_services(clients.ecs, stack.cluster_name, names)
    for name, service in before.items():
        if len(service["deployments"]) > 1:
            output.step(f"{name}: a deployment is under way, and this one replaces it")
    told = [
        {"service": name, "task_definition": ecs.revision(service["taskDefinition"])}
        for name, service in before.items()
    ]
    if context.dry_run:
        for each in told:
            output.step(f"{each['service']} would be started anew with {each['task_definition']}")
        output.result(told)
        return
    since = datetime.now(UTC)
    expected = {}
    for name in before:
        service = clients.ecs.update_service(cluster=stack.cluster_name, service=name, forceNewDeployment=True)[
            "service"
        ]
        deployment = ecs.primary(service)
        expected[name] = ecs.Expected(service["taskDefinition"], deployment["id"] if deployment else None)
        output.step(f"{name}: a new deployment of {ecs.revision(service['taskDefinition'])} has begun")
    with terminable():
        ecs.wait_for_deployments(
            clients.ecs,
            clients.logs,
            cluster=stack.cluster_name,
            expected=expected,
            seconds=timeout,
            env=stack.env,
            since=since,
            step=output.step,
            clock=context.clock,
            sleep=context.sleep,
        )
    output.result(told)
