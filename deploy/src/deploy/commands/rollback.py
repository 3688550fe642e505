"""`deploy rollback`: back to the previous version, or to another."""

import click

from deploy import ecs, images
from deploy.commands.options import dry_run, env, json_output, skip, yes
from deploy.context import Context, pass_context
from deploy.errors import REFUSED, DeployError
from deploy.release import release_version


def previous_tag(context: Context, stack: ecs.StackNames) -> str:
    """The version before the one that runs, found in the revisions of the web service's task definition."""
    family = stack.services["web"]
    for definition in ecs.revisions(context.clients.ecs, family):
        tags = [tag for tag in ecs.image_tags(definition) if tag]
        if tags and stack.app_tag not in tags:
            return tags[0]
    raise DeployError(
        f"{family} has no revision of a version other than {stack.app_tag}",
        hint="name the version with --to TAG",
        exit_code=REFUSED,
    )


@click.command()
@env
@click.option("--to", "tag", help="The version to go back to; by default the previous one.")
@skip
@yes
@dry_run
@json_output
@pass_context
def rollback(context: Context, tag: str | None, skip: tuple[str, ...]) -> None:
    """Go back to the previous version, or to another.

    The database is not migrated back. Migrations are written so that the previous version works with them.
    """
    stack = context.stack()
    target = images.checked(tag or previous_tag(context, stack))
    context.output.step(f"from {stack.app_tag} back to {target}; the database is not changed")
    release_version(context, target, migrations=False, skip=skip)
