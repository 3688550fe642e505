"""What the commands work with: the environment, its stack, AWS, and how to ask and tell."""

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


pass_context = click.make_pass_decorator(Context, ensure=True)
