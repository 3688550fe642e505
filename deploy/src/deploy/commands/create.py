"""deploy create."""

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
    """Make what an environment needs before its first version.

    The bucket of Terraform's state, the stack that environments share (repositories, common parameters), and of the
    environment's own its network, roles, log group, database and parameters; then the parameters that can be generated
    get their values. What is there is left as it is, so it may be run again.
    """
    foundation.create(context)
