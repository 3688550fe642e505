"""The commands, in the order in which they are used."""

import click

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

COMMANDS: tuple[click.Command, ...] = (
    create, init, build, push, plan, apply, all_, verify, status, logs, run, redeploy, rollback, secrets, destroy,
)  # fmt: skip
