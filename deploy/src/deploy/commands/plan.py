"""deploy plan."""

import click

from deploy.commands.options import env, json_output
from deploy.context import Context, pass_context
from deploy.release import show, versioned


@click.command()
@env
@click.option("--tag", help="The version; without it the one that runs.")
@click.option("--full", is_flag=True, help="The whole plan, as Terraform words it.")
@json_output
@pass_context
def plan(context: Context, tag: str | None, *, full: bool) -> None:
    """Show what apply would change; nothing is changed."""
    stack = versioned(context, tag or context.stack().app_tag)
    with stack.plan() as planned:
        show(context, planned)
        if full:
            context.output.line(stack.show(planned))
        context.output.result(
            {"changes": [change.as_dict() for change in planned.changes], "outputs": list(planned.outputs)}
        )
