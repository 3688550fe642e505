"""Secrets in SSM Parameter Store: reading their metadata and putting a value. No function here reads a value."""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from deploy import aws
from deploy.errors import DeployError

# The stack declares a parameter with a placeholder as its first version.
PLACEHOLDER_VERSION = 1
# The most names that one call of DescribeParameters takes.
NAMES_A_CALL = 50
# 64 URL-safe characters: they need no quoting in a database or broker URL, and suffice for a SECRET_KEY.
GENERATED_BYTES = 48

MISSING, NOT_SET, SET = "missing", "declared, not set", "set"


@dataclass(frozen=True)
class Parameter:
    """The metadata of a parameter, without its value."""

    path: str
    type: str
    version: int
    modified: datetime
    key: str | None = None

    @property
    def state(self) -> str:
        return NOT_SET if self.version == PLACEHOLDER_VERSION else SET

    def as_dict(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "type": self.type,
            "version": self.version,
            "modified": self.modified.isoformat(),
            "state": self.state,
        }


@dataclass(frozen=True)
class SecretReference:
    """A secret that task definitions name: where its value is, and which containers get it, as family/container."""

    source: str
    containers: tuple[str, ...]

    @property
    def is_parameter(self) -> bool:
        return ":secretsmanager:" not in self.source

    @property
    def path(self) -> str:
        """The parameter's path; for Secrets Manager, the secret's ARN without the field and version at its end."""
        if not self.is_parameter:
            return ":".join(self.source.split(":")[:7])
        # The ARN has a slash before the name; it is part of the name only if the name contains another one.
        resource = self.source.partition(":parameter")[2] or self.source
        return resource if resource.count("/") > 1 else resource.removeprefix("/")


@dataclass(frozen=True)
class SecretState:
    """One secret that task definitions name, and its state: missing, declared but not set, or set."""

    path: str
    state: str
    containers: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {"path": self.path, "state": self.state, "containers": list(self.containers)}


def path(project: str, scope: str, name: str) -> str:
    """A parameter's path. The scope is an environment or "common"."""
    return f"/{project}/{scope}/{name}"


def generate() -> str:
    """A random value."""
    return secrets.token_urlsafe(GENERATED_BYTES)


def _parameter(answer: Mapping[str, Any]) -> Parameter:
    return Parameter(answer["Name"], answer["Type"], answer["Version"], answer["LastModifiedDate"], answer.get("KeyId"))


def _described(ssm: aws.Client, filters: list[dict[str, Any]]) -> Iterator[Parameter]:
    for page in ssm.get_paginator("describe_parameters").paginate(ParameterFilters=filters):
        yield from map(_parameter, page["Parameters"])


def described(ssm: aws.Client, paths: Iterable[str]) -> dict[str, Parameter]:
    """The metadata of those parameters that exist, by path."""
    names = sorted(set(paths))
    found: dict[str, Parameter] = {}
    for start in range(0, len(names), NAMES_A_CALL):
        asked = {"Key": "Name", "Option": "Equals", "Values": names[start : start + NAMES_A_CALL]}
        found |= {parameter.path: parameter for parameter in _described(ssm, [asked])}
    return found


def listed(ssm: aws.Client, project: str, scope: str) -> list[Parameter]:
    """Every parameter of an environment or of "common", sorted by path."""
    asked = {"Key": "Path", "Option": "OneLevel", "Values": [f"/{project}/{scope}"]}
    return sorted(_described(ssm, [asked]), key=lambda parameter: parameter.path)


def secret_references(definitions: Iterable[Mapping[str, Any]]) -> list[SecretReference]:
    """Every secret that the task definitions name, each once, with the containers that get it."""
    containers: dict[str, list[str]] = {}
    for definition in definitions:
        for container in definition["containerDefinitions"]:
            for secret in container.get("secrets", []):
                containers.setdefault(secret["valueFrom"], []).append(f"{definition['family']}/{container['name']}")
    return [SecretReference(source, tuple(users)) for source, users in sorted(containers.items())]


def check(clients: aws.Clients, definitions: Iterable[Mapping[str, Any]]) -> list[SecretState]:
    """The state of every secret that the task definitions name, from metadata alone."""
    wanted = secret_references(definitions)
    known = described(clients.ssm, [secret.path for secret in wanted if secret.is_parameter])
    states = []
    for secret in wanted:
        if secret.is_parameter:
            state = known[secret.path].state if secret.path in known else MISSING
        else:
            state = _secret_state(clients.client("secretsmanager"), secret.path)
        states.append(SecretState(secret.path, state, secret.containers))
    return states


def _secret_state(secretsmanager: aws.Client, arn: str) -> str:
    try:
        answer = secretsmanager.describe_secret(SecretId=arn)
    except ClientError as error:
        if aws.code(error) == "ResourceNotFoundException":
            return MISSING
        raise
    if answer.get("DeletedDate"):
        return MISSING
    # A secret that was created without a value has no version at all.
    stages = answer.get("VersionIdsToStages", {}).values()
    return SET if any("AWSCURRENT" in each for each in stages) else NOT_SET


def declared(ssm: aws.Client, parameter: str) -> Parameter:
    """The metadata of a parameter, which must be declared.

    If ``put`` created the parameter, its value would be the first version, which counts as not set.
    """
    found = described(ssm, [parameter])
    if parameter not in found:
        raise DeployError(
            f"there is no parameter {parameter}",
            hint="declare it in app_secrets, rabbit_secrets or the common stack's names, apply, then put its value",
        )
    return found[parameter]


def put(ssm: aws.Client, parameter: Parameter, value: str) -> int:
    """Puts a value into a declared parameter and returns its new version."""
    request = {"Name": parameter.path, "Value": value, "Type": parameter.type, "Overwrite": True}
    if parameter.key and parameter.type == "SecureString":
        # Without the key, AWS would encrypt the new version with the account's default key.
        request["KeyId"] = parameter.key
    version: int = ssm.put_parameter(**request)["Version"]
    return version
