"""`deploy destroy`: an environment and its database."""

import click

from deploy import foundation, images
from deploy.commands.options import dry_run, env, yes
from deploy.context import Context, pass_context
from deploy.errors import REFUSED, DeployError
from deploy.release import show


@click.command()
@env
@yes
@dry_run
@pass_context
def destroy(context: Context) -> None:
    """Destroy an environment: everything in its stack, including the database."""
    config, output = context.config, context.output
    if context.env in config.protected:
        raise DeployError(
            f"{context.env} is protected", hint="first remove it from protected in deploy.toml", exit_code=REFUSED
        )
    stack = context.terraform_stack
    stack.variables = {"app_tag": images.NO_TAG}
    with stack.plan(destroy=True) as planned:
        show(context, planned)
        if context.dry_run or planned.is_empty:
            return
        if not context.yes:
            context.confirm(f"Destroy {context.env} and its database?")
            typed = click.prompt("Type the environment's name to confirm", err=True)
            if typed != context.env:
                raise DeployError("not confirmed; nothing was changed", exit_code=REFUSED)
        stack.apply(planned)
    foundation.forget(context)
    output.line(f"{context.env} was destroyed")
