"""Task definitions: the revisions of a family, which image tag each has, and what a task of Fargate may be sized."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from deploy import aws
from deploy.errors import USAGE, DeployError

# CPU units => MiB of memory, as "Task size" of the ECS developer guide has them.
FARGATE_SIZES: Mapping[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}
# How many tags an error names.
NAMED_TAGS = 10
# The job image of a version has the version's tag with this at its end.
JOB_SUFFIX = "-job"


def revision(arn: str) -> str:
    """family:revision of a task definition's ARN."""
    return arn.rpartition("/")[2]


def image_tag(image: str) -> str | None:
    """The version's tag in an image's name; None where it has none, as when it is named by digest alone."""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return tag.removesuffix(JOB_SUFFIX) or None


def image_tags(definition: Mapping[str, Any]) -> list[str]:
    """The tags of the images of a task definition, each once, the first container's first."""
    tags = (image_tag(container["image"]) for container in definition["containerDefinitions"])
    return list(dict.fromkeys(tag for tag in tags if tag))


def described(ecs: aws.Client, name: str) -> dict[str, Any]:
    """A task definition by family (the newest active revision), family:revision or ARN."""
    try:
        definition: dict[str, Any] = ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]
    except ClientError as error:
        if aws.code(error) == "ClientException":
            raise DeployError(
                f"there is no task definition {name}",
                hint="deploy apply registers it; deploy status shows what is there",
            ) from error
        raise
    return definition


def newest(ecs: aws.Client, family: str) -> dict[str, Any]:
    """The newest active revision of a family."""
    return described(ecs, family)


def revisions(ecs: aws.Client, family: str) -> Iterator[dict[str, Any]]:
    """The active revisions of a family, newest first, each asked for when it is wanted."""
    pages = ecs.get_paginator("list_task_definitions").paginate(familyPrefix=family, status="ACTIVE", sort="DESC")
    for page in pages:
        for arn in page["taskDefinitionArns"]:
            # The parameter is named a prefix; AWS takes it as the whole name, and this does not depend on that.
            if revision(arn).rpartition(":")[0] == family:
                yield described(ecs, arn)


def of_tag(ecs: aws.Client, family: str, tag: str) -> dict[str, Any]:
    """The newest active revision of a family whose image has the tag."""
    seen: dict[str, None] = {}
    for definition in revisions(ecs, family):
        tags = image_tags(definition)
        if tag in tags:
            return definition
        seen.update(dict.fromkeys(tags))
    known = f"it has {', '.join(list(seen)[:NAMED_TAGS])}" if seen else "it has no active revision"
    raise DeployError(
        f"{family} has no revision with tag {tag}: {known}", hint=f"deploy apply --tag {tag} registers one"
    )


def size(definition: Mapping[str, Any], cpu: int | None, memory: int | None) -> tuple[int, int]:
    """CPU units and MiB for a task of this definition; what is not given grows as far as the other one needs.

    Raises where Fargate has no such task.
    """
    own_cpu, own_memory = int(definition["cpu"]), int(definition["memory"])
    if cpu is not None and cpu not in FARGATE_SIZES:
        raise DeployError(
            f"Fargate has no task of {cpu} CPU units",
            hint=f"use one of {', '.join(map(str, FARGATE_SIZES))}",
            exit_code=USAGE,
        )
    for units, sizes in FARGATE_SIZES.items():
        if units != cpu if cpu is not None else units < own_cpu:
            continue
        if memory is not None and memory in sizes:
            return units, memory
        if memory is None and (enough := [mebibytes for mebibytes in sizes if mebibytes >= own_memory]):
            return units, enough[0]
    if memory is None:
        raise DeployError(
            f"Fargate has no task of {cpu} CPU units and {own_memory} MiB",
            hint="give --memory as well",
            exit_code=USAGE,
        )
    fitting = ", ".join(map(str, FARGATE_SIZES[cpu])) if cpu is not None else ""
    raise DeployError(
        f"Fargate has no task of {f'{cpu} CPU units and ' if cpu is not None else ''}{memory} MiB",
        hint=f"{cpu} CPU units go with {fitting} MiB" if fitting else "see the task sizes of Fargate",
        exit_code=USAGE,
    )
