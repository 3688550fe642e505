"""`deploy create`: what an environment needs before its first version."""

import click

from deploy import foundation
from deploy.commands.options import dry_run, env, yes
from deploy.context import Context, pass_context


@click.command()
@env
@yes
@dry_run
@pass_context
def create(context: Context) -> None:
    """Create what an environment needs before its first version.

    \b
    - the bucket of Terraform's state
    - the stack that all environments share: repositories, common parameters
    - the environment's network, roles, log group, database and parameters
    - the values of those parameters that can be generated

    What already exists is left as it is, so the command can be repeated.
    """
    foundation.create(context)
