"""The command line: the group of commands, and how errors end."""

import sys
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError

from deploy import aws
from deploy.commands.all import all_
from deploy.commands.apply import apply
from deploy.commands.build import build
from deploy.commands.create import create
from deploy.commands.destroy import destroy
from deploy.commands.init import init
from deploy.commands.logs import logs
from deploy.commands.plan import plan
from deploy.commands.push import push
from deploy.commands.redeploy import redeploy
from deploy.commands.rollback import rollback
from deploy.commands.run import run
from deploy.commands.secrets import secrets
from deploy.commands.status import status
from deploy.commands.verify import verify
from deploy.errors import INTERRUPTED, DeployError
from deploy.output import Output


class CommandGroup(click.Group):
    """Turns the errors that a command may raise into one line and an exit code."""

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


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="adaptivity-deploy")
def main() -> None:
    """Build, ship and run Adaptivity on AWS ECS Fargate.

    \b
    Exit codes:
      0  done
      1  failed
      2  wrong usage or configuration
      3  a check found a fault
      4  the deployment failed, was rolled back or is stuck
      5  refused
    `deploy run` ends with the exit code of its task.
    """


for command in (
    create, init, build, push, plan, apply, all_, verify, status, logs, run, redeploy, rollback, secrets, destroy,
):  # fmt: skip
    main.add_command(command)
