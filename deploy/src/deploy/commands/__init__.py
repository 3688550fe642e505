"""The commands, in the order in which they are used."""

import click

from deploy.commands.images import build, push
from deploy.commands.infrastructure import all_, apply, create, destroy, init, plan, rollback, verify
from deploy.commands.operations import logs, redeploy, run, status
from deploy.commands.secrets import secrets

COMMANDS: tuple[click.Command, ...] = (
    create, init, build, push, plan, apply, all_, verify, status, logs, run, redeploy, rollback, secrets, destroy,
)  # fmt: skip
