"""`deploy logs`: log lines of services and tasks."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from deploy import aws, cloudwatch, ecs
from deploy.commands.options import env, json_output
from deploy.context import Context, pass_context
from deploy.ecs.definitions import described
from deploy.signals import Terminated, terminable

LOGS_LOOK_SECONDS = 3
# How often to look for the last lines of a task after it has ended.
LAST_LOOKS = 3
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Moment(click.ParamType):
    """A moment: an age (10m, 2h, 1d), or a time in ISO 8601, in UTC unless it has an offset."""

    name = "AGE|TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        if age := re.fullmatch(r"(\d+)([smhdw])", value):
            return datetime.now(UTC) - timedelta(**{UNITS[age[2]]: int(age[1])})
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value} is neither an age (10m, 2h, 1d) nor a time (2026-11-24T12:00)", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def prefixes(clients: aws.Clients, stack: ecs.StackNames, service: str) -> list[str]:
    """The prefixes of the log streams of a service's containers, or of the job's."""
    if service == "job":
        definition = ecs.newest(clients.ecs, stack.job_task_definition_family)
    else:
        name = stack.named([service])[service]
        found = ecs.describe_services(clients.ecs, stack.cluster_name, [name])[name]
        definition = described(clients.ecs, found["taskDefinition"])
    return [stream.name for stream in cloudwatch.streams(definition, "")]


def streams_of_task(clients: aws.Clients, stack: ecs.StackNames, task_id: str) -> list[str]:
    """The log streams of a task. If ECS no longer knows the task, those that it may have had."""
    tasks = clients.ecs.describe_tasks(cluster=stack.cluster_name, tasks=[task_id])["tasks"]
    if tasks:
        definitions = [described(clients.ecs, tasks[0]["taskDefinitionArn"])]
    else:
        running = ecs.describe_services(clients.ecs, stack.cluster_name, stack.services.values()).values()
        definitions = [described(clients.ecs, service["taskDefinition"]) for service in running]
        definitions.append(ecs.newest(clients.ecs, stack.job_task_definition_family))
    return [stream.name for definition in definitions for stream in cloudwatch.streams(definition, task_id)]


def has_ended(clients: aws.Clients, stack: ecs.StackNames, task_id: str) -> bool:
    """Whether a task has stopped, or is no longer known."""
    tasks = clients.ecs.describe_tasks(cluster=stack.cluster_name, tasks=[task_id])["tasks"]
    return all(task["lastStatus"] == "STOPPED" for task in tasks)


@click.command()
@env
@click.argument("service", required=False)
@click.option("--since", type=Moment(), default="10m", show_default=True, help="Start this long ago, or at this time.")
@click.option("--follow", "-f", is_flag=True, help="Keep showing new lines until Ctrl-C, or until the --task ends.")
@click.option("--task", "task_id", help="Only lines of the task with this id.")
@click.option("--filter", "pattern", default="", help="Only lines that match this filter pattern of CloudWatch Logs.")
@json_output
@pass_context
def logs(
    context: Context, service: str | None, since: datetime, task_id: str | None, pattern: str, *, follow: bool
) -> None:
    """Show log lines of a service, of one-off tasks (job), of one task, or of all.

    The services are web, worker, jobs and rabbit. With --json, each line is an object.
    """
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
            # Ctrl-C is the normal way to stop following, so it is no failure.
            return
