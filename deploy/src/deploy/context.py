"""What every command works with: configuration, the environment's stack, AWS clients and output."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import click

from deploy import aws, config, ecs, images, status, terraform
from deploy.errors import REFUSED, DeployError
from deploy.output import Output


class Context:
    """What a command works with. The shared options set ``env``, ``dry_run``, ``json`` and ``yes``."""

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
    def terraform_stack(self) -> terraform.Stack:
        """The environment's stack in Terraform."""
        return terraform.app_stack(self.config, self.env, step=self.output.step)

    def stack(self) -> ecs.StackNames:
        """The names of the environment's stack in AWS."""
        self.config.values(self.env)
        return ecs.StackNames.of_outputs(self.env, self.terraform_stack.outputs())

    def task_definitions(self, tag: str = "") -> Sequence[Mapping[str, Any]]:
        """The environment's task definitions as this source tree renders them, with the images of ``tag``."""
        return terraform.task_definitions(self.config, self.env, tag or images.NO_TAG)

    def confirm(self, question: str) -> None:
        """Raises ``DeployError`` unless the user confirms, now or by --yes."""
        if self.yes:
            return
        if not sys.stdin.isatty():
            raise DeployError("not confirmed: there is no terminal to ask on", hint="add --yes", exit_code=REFUSED)
        if not click.confirm(question, err=True):
            raise DeployError("not confirmed; nothing was changed", exit_code=REFUSED)


pass_context = click.make_pass_decorator(Context, ensure=True)
