"""`deploy all`: build, push and apply."""

import click

from deploy import images
from deploy.commands.apply import apply
from deploy.commands.build import build
from deploy.commands.options import dry_run, env, json_output, skip, yes
from deploy.commands.push import push
from deploy.context import Context


@click.command("all")
@env
@click.option("--tag", required=True, help="The version: a git ref.")
@skip
@yes
@dry_run
@json_output
@click.pass_context
def all_(ctx: click.Context, tag: str, skip: tuple[str, ...]) -> None:
    """Build, push and apply a version."""
    context = ctx.ensure_object(Context)
    images.checked(tag)
    wanted_json, context.json = context.json, False
    ctx.invoke(build, tag=tag)
    ctx.invoke(push, tag=tag)
    context.json = wanted_json
    if context.dry_run:
        context.output.step(f"would apply {tag} to {context.env}")
        return
    ctx.invoke(apply, tag=tag, skip=skip)
