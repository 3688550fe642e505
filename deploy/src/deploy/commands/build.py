"""`deploy build`: the images of a version."""

import click

from deploy import images
from deploy.commands.options import dry_run, json_output
from deploy.context import Context, pass_context


@click.command()
@click.option("--tag", help="The git ref to build, and the tag of its images. Without it, the working tree is built.")
@dry_run
@json_output
@pass_context
def build(context: Context, tag: str | None) -> None:
    """Build the images of a version: app base, app, nginx, job.

    With --tag the files come from the git ref, never from the working tree. Without it the images are tagged latest,
    which push and apply refuse.
    """
    output, config = context.output, context.config
    if tag is not None:
        images.checked(tag)
    built = images.names(config, tag or images.LATEST)
    if context.dry_run:
        commit = images.commit_of(config.root, tag) if tag else "the working tree"
        output.step(f"would build {', '.join(built)} from {commit}")
        output.result({"images": list(built), "commit": commit})
        return
    output.heading(f"building {tag or 'the working tree'}")
    found = images.build(config, tag, step=output.step)
    for image in built:
        output.step(f"built {image}")
    if not context.json:
        output.line(f"{tag or images.LATEST} is commit {found.commit or 'unknown'}")
    output.result({"images": list(built), "commit": found.commit})
