"""`deploy push`: the images of a version, to their registry."""

import click

from deploy import images
from deploy.commands.options import dry_run, json_output
from deploy.context import Context, pass_context


@click.command()
@click.option("--tag", required=True, help="The version to push.")
@dry_run
@json_output
@pass_context
def push(context: Context, tag: str) -> None:
    """Push the images of a version to their registry.

    If the registry already has the tag with another image, the push is refused.
    """
    output, config = context.output, context.config
    images.checked(tag)
    if context.dry_run:
        output.step(f"would push {', '.join(images.names(config, tag))}")
        output.result({"images": list(images.names(config, tag))})
        return
    output.heading(f"pushing {tag}")
    digests = images.push(config, tag, context.clients, step=output.step)
    if not context.json:
        output.table(["image", "digest"], list(digests.items()))
    output.result(digests)
