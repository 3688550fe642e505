"""What a version needs before it is applied. Each item that is checked gets its own lines."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from botocore.exceptions import ClientError

from deploy import aws, compare, images, parameters
from deploy.config import Config, load
from deploy.errors import DeployError
from deploy.output import PrintLine

Definitions = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Finding:
    """What was found for an item: a ``fault``, or what was ``seen`` if all is well."""

    item: str
    fault: str = ""
    seen: str = ""

    def __str__(self) -> str:
        return f"{self.item}: fault: {self.fault}" if self.fault else f"{self.item}: ok: {self.seen}"

    def as_dict(self) -> dict[str, str]:
        return {"item": self.item, "ok": "" if self.fault else self.seen, "fault": self.fault}


@dataclass(frozen=True)
class Subject:
    """What is checked: an environment, a version, and the outputs of the stack."""

    config: Config
    env: str
    tag: str
    definitions: Definitions
    outputs: Mapping[str, Any]
    clients: aws.Clients
    step: PrintLine


def find(subject: Subject, *, skip: Sequence[str] = ()) -> list[Finding]:
    """Checks every item, one after the other. An item that cannot be checked is a fault."""
    findings: list[Finding] = []
    for item, look in ITEMS.items():
        if item in skip:
            findings.append(Finding(item, seen="skipped"))
            continue
        try:
            findings += look(subject, item)
        except DeployError as error:
            findings.append(Finding(item, str(error)))
        except ClientError as error:
            findings.append(Finding(item, str(aws.explained(error))))
    return findings


def _images(subject: Subject, item: str) -> list[Finding]:
    findings = []
    for image in images.names(subject.config, subject.tag)[1:]:
        digest = images.digest(image, subject.clients)
        missing = f"{image} is not in its registry — run deploy build and deploy push with --tag {subject.tag}"
        findings.append(Finding(item, seen=f"{image} is {digest}") if digest else Finding(item, missing))
    return findings


def _values(subject: Subject, item: str) -> list[Finding]:
    """Whether the environment's file, which Terraform reads on its own, names the repositories of deploy.toml.

    An environment variable would override both.
    """
    path, file = subject.config.values(subject.env), load(subject.config.root, {})
    text = path.read_text(encoding="utf-8")
    findings = []
    for name, expected in {"app_image": file.app_image, "nginx_image": file.nginx_image}.items():
        found = re.search(rf'^\s*{name}\s*=\s*"([^"]*)"', text, re.MULTILINE)
        if found and found[1] != expected:
            findings.append(Finding(item, f"{path.name} has {name} {found[1]}, but deploy.toml has {expected}"))
    return findings or [Finding(item, seen=f"{path.name} and deploy.toml name the same images")]


def _secrets(subject: Subject, item: str) -> list[Finding]:
    findings = []
    for found in parameters.check(subject.clients, subject.definitions):
        if found.state == parameters.SET:
            findings.append(Finding(item, seen=f"{found.path} is {found.state}"))
            continue
        name = found.path.rpartition("/")[2]
        where = "--common " if "/common/" in found.path else ""
        wanted = f"deploy secrets put --env {subject.env} {where}{name}"
        findings.append(
            Finding(item, f"{found.path} is {found.state}; {', '.join(found.containers)} need it — {wanted}")
        )
    return findings


def _roles(subject: Subject, item: str) -> list[Finding]:
    findings = []
    for output in ("execution_role_arn", "task_role_arn"):
        arn = subject.outputs.get(output)
        if not arn:
            findings.append(Finding(item, f"the stack has no {output} — deploy create --env {subject.env}"))
            continue
        name = str(arn).rpartition("/")[2]
        try:
            subject.clients.client("iam").get_role(RoleName=name)
        except ClientError as error:
            if aws.code(error) != "NoSuchEntity":
                raise
            findings.append(Finding(item, f"there is no role {name} — deploy create --env {subject.env}"))
        else:
            findings.append(Finding(item, seen=f"{name} exists"))
    return findings


def _log_groups(subject: Subject, item: str) -> list[Finding]:
    groups = {
        container["logConfiguration"]["options"]["awslogs-group"]
        for definition in subject.definitions
        for container in definition["containerDefinitions"]
        if container.get("logConfiguration", {}).get("logDriver") == "awslogs"
    }
    findings = []
    for group in sorted(groups):
        answer = subject.clients.logs.describe_log_groups(logGroupNamePrefix=group)
        if any(found["logGroupName"] == group for found in answer["logGroups"]):
            findings.append(Finding(item, seen=f"{group} exists"))
        else:
            findings.append(Finding(item, f"there is no log group {group} — deploy create --env {subject.env}"))
    return findings


def _compose(subject: Subject, item: str) -> list[Finding]:
    document = yaml.safe_load((subject.config.root / "docker-compose.yml").read_text(encoding="utf-8"))
    tasks = {str(definition["family"]).rpartition("-")[2]: dict(definition) for definition in subject.definitions}
    problems = compare.differences(tasks, document)
    if not problems:
        return [Finding(item, seen="docker-compose.yml and the task definitions agree")]
    return [Finding(item, problem) for problem in problems]


def _check_deploy(subject: Subject, item: str) -> list[Finding]:
    image = images.names(subject.config, subject.tag)[1]
    problem = images.check_deploy(image, step=subject.step)
    if problem:
        return [Finding(item, f"{image}: {problem}")]
    return [Finding(item, seen=f"manage.py check --deploy passes in {image}")]


ITEMS: dict[str, Callable[[Subject, str], list[Finding]]] = {
    "image": _images,
    "values": _values,
    "secret": _secrets,
    "role": _roles,
    "log group": _log_groups,
    "compose": _compose,
    "check --deploy": _check_deploy,
}
