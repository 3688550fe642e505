"""deploy apply."""

import click

from deploy.commands.options import dry_run, env, json_output, skip, yes
from deploy.context import Context, pass_context
from deploy.release import bring


@click.command()
@env
@click.option("--tag", required=True, help="The version, whose images are pushed.")
@skip
@yes
@dry_run
@json_output
@pass_context
def apply(context: Context, tag: str, skip: tuple[str, ...]) -> None:
    """Bring an environment to a version.

    Verify, show the plan and ask; register the job's task definition and run the migrations; apply the rest; wait until
    the new deployment is the one that runs and is healthy. Failed migrations leave the services as they were.
    """
    bring(context, tag, migrations=True, skip=skip)
