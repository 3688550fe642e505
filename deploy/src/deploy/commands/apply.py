"""`deploy apply`: an environment is brought to a version."""

import click

from deploy.commands.options import dry_run, env, json_output, skip, yes
from deploy.context import Context, pass_context
from deploy.release import release_version


@click.command()
@env
@click.option("--tag", required=True, help="The version; its images must have been pushed.")
@skip
@yes
@dry_run
@json_output
@pass_context
def apply(context: Context, tag: str, skip: tuple[str, ...]) -> None:
    """Bring an environment to a version.

    \b
    1. Verify, show the plan and ask.
    2. Register the job's task definition and run the migrations.
    3. Apply the rest.
    4. Wait until the new deployment is the one that runs, and is healthy.

    If the migrations fail, the services stay as they are.
    """
    release_version(context, tag, migrations=True, skip=skip)
