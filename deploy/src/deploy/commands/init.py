"""`deploy init`: Terraform's provider, state and workspace."""

import click

from deploy.commands.options import env
from deploy.context import Context, pass_context


@click.command()
@env
@pass_context
def init(context: Context) -> None:
    """Fetch the provider, connect to the state and select the environment's workspace."""
    context.terraform_stack.init()
    context.output.line(
        f"{context.terraform_stack.directory.relative_to(context.config.root)} uses workspace {context.env}"
    )
