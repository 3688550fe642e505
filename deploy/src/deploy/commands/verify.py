"""`deploy verify`: whether a version can be applied."""

import click

from deploy.commands.options import env, json_output, skip
from deploy.context import Context, pass_context
from deploy.errors import FAULTS, DeployError
from deploy.release import findings_of


@click.command()
@env
@click.option("--tag", help="The version; by default the one that runs.")
@skip
@json_output
@pass_context
def verify(context: Context, tag: str | None, skip: tuple[str, ...]) -> None:
    """Check whether a version can be applied.

    \b
    - Its images are in the registry.
    - The environment's file and deploy.toml name the same images.
    - Every secret that the task definitions name has a value (from metadata alone).
    - Roles and log groups exist.
    - The compose file and the task definitions agree.
    - manage.py check --deploy passes in the image.
    """
    findings = findings_of(context, tag or context.stack().app_tag, skip)
    if not context.json:
        for finding in findings:
            context.output.line(str(finding))
    context.output.result([finding.as_dict() for finding in findings])
    faults = sum(bool(finding.fault) for finding in findings)
    if faults:
        raise DeployError(
            f"verify found {faults} fault{'s' if faults > 1 else ''}",
            hint="each line says what to do",
            exit_code=FAULTS,
        )
