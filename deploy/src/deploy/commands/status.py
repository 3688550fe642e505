"""`deploy status`: what runs in an environment."""

import click

from deploy.commands.options import env, json_output
from deploy.context import Context, pass_context
from deploy.status import Status
from deploy.status import status as status_of


@click.command()
@env
@json_output
@pass_context
def status(context: Context) -> None:
    """Show what runs in an environment.

    Its services, tasks, revisions and tags, and what it answers at its address.
    """
    found = status_of(context.clients.ecs, context.stack(), fetch=context.fetch)
    if context.json:
        context.output.result(found.as_dict())
        return
    context.output.table(
        ["service", "running", "pending", "rollout", "revision", "tag", "tasks"],
        [
            [
                service.name,
                f"{service.running}/{service.desired}",
                str(service.pending),
                service.rollout.lower().replace("_", " ")
                + (f", {service.deployments - 1} older" if service.deployments > 1 else ""),
                service.task_definition,
                service.tag or "none",
                service.health,
            ]
            for service in found.services
        ],
    )
    context.output.line(answered(found))


def answered(found: Status) -> str:
    """What the environment answers at its address, as a sentence."""
    if found.version is None:
        return f"{found.url} is not reachable from here: {found.unreachable}"
    tag, commit = found.version.get("tag"), found.version.get("commit")
    told = f"{found.url} answers with tag {tag}, commit {commit}"
    return told if tag == found.app_tag else f"{told}; but the stack has tag {found.app_tag}"
