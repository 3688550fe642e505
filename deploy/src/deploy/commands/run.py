"""`deploy run`: a command as a one-off task."""

import re
import sys
from typing import Any

import click

from deploy import ecs
from deploy.commands.options import dry_run, env, json_output
from deploy.context import Context, pass_context
from deploy.signals import terminable


class Assignment(click.ParamType):
    """An environment variable: NAME=VALUE."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, text = value.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            self.fail(f"{value} is not NAME=VALUE", param, ctx)
        return name, text


@click.command()
@env
@click.option("--tag", help="Run the newest revision with this tag, instead of the newest of all.")
@click.option("--cpu", type=int, help="CPU units of the task.")
@click.option("--memory", type=int, help="MiB of memory of the task and its container.")
@click.option(
    "--set", "variables", type=Assignment(), multiple=True, help="Set an environment variable in the container."
)
@click.option(
    "--timeout", type=click.IntRange(min=0), default=3600, show_default=True, help="Time-out in seconds; 0 means none."
)
@click.option("--stop-on-timeout", is_flag=True, help="Stop the task at the time-out; otherwise it continues.")
@click.option("--detach", is_flag=True, help="End as soon as ECS has accepted the task.")
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

    The task's log lines are shown while it runs. Exit code 125 means that it never started, 124 a time-out.
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
            # With --json, only the result goes to standard output.
            out=output.step if context.json else output.line,
            step=output.step,
        )
    output.result(result.as_dict())
    if result.reason:
        output.error(f"{result.reason} — {result.hint}" if result.hint else result.reason)
    sys.exit(result.exit_code)
