"""The command line: the group, what its commands have in common, and how errors end."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

import click
from botocore.exceptions import BotoCoreError, ClientError

from deploy import aws, config, ecs, images, status, terraform
from deploy.errors import REFUSED, DeployError
from deploy.output import Output

Function = TypeVar("Function", bound=Callable[..., Any])
INTERRUPTED = 130


class Context:
    """What a command works with. The options that several commands have set ``env``, ``dry_run``, ``json``, ``yes``."""

    def __init__(self) -> None:
        self.env = ""
        self.dry_run = self.json = self.yes = False
        self.clock: aws.Clock = time.monotonic
        self.sleep: aws.Sleep = time.sleep
        self.fetch: Callable[[str], Any] = status.fetch

    @cached_property
    def config(self) -> config.Config:
        return config.load()

    @property
    def project(self) -> str:
        return self.config.project

    @cached_property
    def clients(self) -> aws.Clients:
        return aws.Clients(self.config.region)

    @cached_property
    def output(self) -> Output:
        return Output(as_json=self.json)

    @cached_property
    def app(self) -> terraform.Stack:
        """The environment's stack, as Terraform sees it."""
        return terraform.app_stack(self.config, self.env, say=self.output.step)

    def stack(self) -> ecs.Stack:
        """What the environment's stack is called in AWS."""
        self.config.values(self.env)
        return ecs.Stack.of_outputs(self.env, self.app.outputs())

    def task_definitions(self, tag: str = "") -> Sequence[Mapping[str, Any]]:
        """The environment's task definitions as this source tree has them; ``tag`` is the images'."""
        return terraform.task_definitions(self.config, self.env, tag or images.NO_TAG)

    def confirm(self, question: str) -> None:
        """Raises ``DeployError`` unless somebody says yes, or --yes did."""
        if self.yes:
            return
        if not sys.stdin.isatty():
            raise DeployError("not confirmed: there is no terminal to ask at", hint="add --yes", exit_code=REFUSED)
        if not click.confirm(question, err=True):
            raise DeployError("not confirmed; nothing was changed", exit_code=REFUSED)

    def end(self, result: ecs.TaskResult) -> None:
        """Ends the command as a task ended."""
        self.output.result(result.as_dict())
        if result.reason:
            self.output.error(f"{result.reason} — {result.hint}" if result.hint else result.reason)
        sys.exit(result.exit_code)


pass_context = click.make_pass_decorator(Context, ensure=True)


def _sets(name: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def callback(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
        setattr(ctx.ensure_object(Context), name, value)
        return value

    return callback


def env(function: Function) -> Function:
    """--env, which a command needs."""
    option = click.option(
        "--env", required=True, expose_value=False, callback=_sets("env"), help="The environment: dev, stage, prod."
    )
    return option(function)


def dry_run(function: Function) -> Function:
    """--dry-run."""
    return click.option(
        "--dry-run", is_flag=True, expose_value=False, callback=_sets("dry_run"), help="Say it and change nothing."
    )(function)


def json_output(function: Function) -> Function:
    """--json."""
    return click.option(
        "--json", is_flag=True, expose_value=False, callback=_sets("json"), help="Print the result as JSON."
    )(function)


def yes(function: Function) -> Function:
    """--yes."""
    return click.option("--yes", is_flag=True, expose_value=False, callback=_sets("yes"), help="Do not ask.")(function)


class Group(click.Group):
    """Ends with one line and an exit code where a command raises what it may raise."""

    def invoke(self, ctx: click.Context) -> Any:
        output = Output()
        try:
            return super().invoke(ctx)
        except DeployError as error:
            output.error(str(error))
            sys.exit(error.exit_code)
        except (BotoCoreError, ClientError) as error:
            told = aws.explained(error)
            output.error(str(told))
            sys.exit(told.exit_code)
        except KeyboardInterrupt:
            output.error("interrupted")
            sys.exit(INTERRUPTED)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="adaptivity-deploy")
def main() -> None:
    """Build, ship and run Adaptivity on AWS ECS Fargate.

    Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 a check found something; 4 the deployment failed,
    was rolled back or is stuck; 5 refused. `deploy run` ends with the task's own.
    """


def _register() -> None:
    from deploy.commands import COMMANDS

    for command in COMMANDS:
        main.add_command(command)


_register()
