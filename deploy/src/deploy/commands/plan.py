"""`deploy plan`: what apply would change."""

import click

from deploy.commands.options import env, json_output
from deploy.context import Context, pass_context
from deploy.release import show, versioned


@click.command()
@env
@click.option("--tag", help="The version; by default the one that runs.")
@click.option("--full", is_flag=True, help="Show the whole plan, as Terraform prints it.")
@json_output
@pass_context
def plan(context: Context, tag: str | None, *, full: bool) -> None:
    """Show what apply would change; change nothing."""
    stack = versioned(context, tag or context.stack().app_tag)
    with stack.plan() as planned:
        show(context, planned)
        if full:
            context.output.line(stack.show(planned))
        context.output.result(
            {"changes": [change.as_dict() for change in planned.changes], "outputs": list(planned.outputs)}
        )
