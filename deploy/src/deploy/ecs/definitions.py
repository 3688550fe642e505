"""Task definitions: the revisions of a family, their image tags, and the sizes of Fargate tasks."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from deploy import aws
from deploy.errors import USAGE, DeployError

# CPU units => MiB of memory, from "Task size" in the ECS developer guide.
FARGATE_SIZES: Mapping[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}
# The most tags that an error lists.
NAMED_TAGS = 10
# The tag of a version's job image is the version's tag with this suffix.
JOB_SUFFIX = "-job"


def revision(arn: str) -> str:
    """The family:revision in a task definition's ARN."""
    return arn.rpartition("/")[2]


def image_tag(image: str) -> str | None:
    """The version's tag in an image's name; None if there is none, for example with a digest alone."""
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return tag.removesuffix(JOB_SUFFIX) or None


def image_tags(definition: Mapping[str, Any]) -> list[str]:
    """The tags of a task definition's images, each once, in the order of its containers."""
    tags = (image_tag(container["image"]) for container in definition["containerDefinitions"])
    return list(dict.fromkeys(tag for tag in tags if tag))


def described(ecs: aws.Client, name: str) -> dict[str, Any]:
    """A task definition by ARN, family:revision, or family, which means its newest active revision."""
    try:
        definition: dict[str, Any] = ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]
    except ClientError as error:
        if aws.code(error) == "ClientException":
            raise DeployError(
                f"there is no task definition {name}",
                hint="deploy apply registers it; deploy status shows what exists",
            ) from error
        raise
    return definition


def newest(ecs: aws.Client, family: str) -> dict[str, Any]:
    """The newest active revision of a family."""
    return described(ecs, family)


def revisions(ecs: aws.Client, family: str) -> Iterator[dict[str, Any]]:
    """The active revisions of a family, newest first. Each is requested only when it is needed."""
    pages = ecs.get_paginator("list_task_definitions").paginate(familyPrefix=family, status="ACTIVE", sort="DESC")
    for page in pages:
        for arn in page["taskDefinitionArns"]:
            # AWS treats the prefix as the whole name, but its documentation calls it a prefix: do not rely on it.
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
    """The CPU units and MiB of a task of this definition. What is None grows as far as the other one needs.

    Raises ``DeployError`` if Fargate has no such size.
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
            hint="add --memory",
            exit_code=USAGE,
        )
    fitting = ", ".join(map(str, FARGATE_SIZES[cpu])) if cpu is not None else ""
    raise DeployError(
        f"Fargate has no task of {f'{cpu} CPU units and ' if cpu is not None else ''}{memory} MiB",
        hint=f"{cpu} CPU units go with {fitting} MiB" if fitting else "choose one of Fargate's task sizes",
        exit_code=USAGE,
    )
