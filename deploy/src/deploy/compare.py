"""Compares the containers of the compose file with those of the task definitions, field by field."""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from deploy.ecs.definitions import JOB_SUFFIX
from deploy.errors import DeployError

Document = dict[str, Any]
Definitions = dict[str, Document]

HEALTH_CHECK = ("command", "interval", "timeout", "retries", "startPeriod")

# Each service of the compose file => the task and container that it stands for.
COUNTERPARTS = {
    "web": ("web", "web"),
    "nginx": ("web", "nginx"),
    "worker": ("worker", "worker"),
    "jobs": ("jobs", "jobs"),
    "rabbit": ("rabbit", "rabbit"),
    "migrate": ("job", "job"),
}
COMPOSE_ONLY = {
    "postgres",  # RDS on AWS
    "demo",  # a sample course for a laptop
    "app_base",  # built as an image, never started
    "app",  # the same
    "job",  # jobs that are started by hand
    "ecs-metadata",  # a stand-in for what ECS has
    "web-ecs",  # web with that stand-in
}
# A task that ends by itself is not restarted.
FINITE = {"job"}

# The fields that are compared, under their own names. Add a new one here and to the comparison.
COMPARED = {
    "image",
    "entryPoint",
    "command",
    "environment",
    "secrets",
    "portMappings",
    "memory",
    "essential",
    "restartPolicy",
    "dependsOn",
    "healthCheck",
    "stopTimeout",
    "readonlyRootFilesystem",
    "mountPoints",
    "systemControls",
    "user",
}
COMPARED_IN_COMPOSE = {
    "image",
    "entrypoint",
    "command",
    "environment",
    "expose",
    "ports",
    "mem_limit",
    "x-essential",
    "restart",
    "depends_on",
    "healthcheck",
    "stop_grace_period",
    "read_only",
    "tmpfs",
    "volumes",
    "sysctls",
    "user",
}
# Compose shows logs itself. ECS builds no images, names its tasks itself and has no swap to limit.
NOT_COMPARED = {"name", "logConfiguration"}
NOT_COMPARED_IN_COMPOSE = {"build", "hostname", "memswap_limit"}

# Every environment has its own value, and so has a laptop.
PER_ENVIRONMENT = {"environment ENV_LABEL", "environment HOST"}
# Intended differences. Container and field => the value in the task definition and in the compose file.
MEANT = {
    # The containers of a task share its network interface. In compose each has an interface and a name of its own.
    ("nginx", "environment WEB_HOST"): ("127.0.0.1:8000", "web:8000"),
    # A laptop migrates in the image that it built for web, so it need not wait for the job image.
    ("migrate", "image"): ("app-job", "app"),
    # On ECS it is one of settings and app_secrets, if the environment has it; on a laptop it comes from the shell.
    ("jobs", "environment SOURCE_CREDENTIALS"): ("nothing", ""),
}


def interpolated(value: Any) -> Any:
    """A value of the compose file as in a fresh clone: no variable is set, so each has its default."""
    if isinstance(value, dict):
        return {name: interpolated(item) for name, item in value.items()}
    if isinstance(value, list):
        return [interpolated(item) for item in value]
    if not isinstance(value, str):
        return value
    return re.sub(r"\$\{\w+(?::?-([^}]*))?\}", lambda variable: variable[1] or "", value).replace("$$", "$")


def seconds(duration: str | None) -> int | None:
    """The seconds of a duration, as compose writes it: 1m30s."""
    if duration is None:
        return None
    parts = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", duration)
    if not parts:
        raise DeployError(f"{duration} is not a duration in minutes and seconds", hint="write it as 1m30s")
    return int(parts[1] or 0) * 60 + int(parts[2] or 0)


def mebibytes(size: str | None) -> int | None:
    """The MiB of a size, as compose writes it: 256m."""
    if size is None:
        return None
    parts = re.fullmatch(r"(\d+)([mg])b?", size.lower())
    if not parts:
        raise DeployError(f"{size} is not a size in m or g", hint="write it as 256m")
    return int(parts[1]) * {"m": 1, "g": 1024}[parts[2]]


def words(command: str | list[str] | None) -> list[str] | None:
    return shlex.split(command) if isinstance(command, str) else command


def image_role(image: str, *, ours: bool) -> str:
    """Which image it is: the last part of its repository. The tag is kept unless the image is ours: our tags differ."""
    role = image.rpartition("/")[2]
    if not ours:
        return role
    name, _, tag = role.partition(":")
    return f"{name}{JOB_SUFFIX}" if tag.endswith(JOB_SUFFIX) else name


def named(pairs: Mapping[str, Any] | list[str] | None) -> dict[str, str]:
    """A map of the compose file, which may be a list of NAME=value. The value of a name alone comes from the shell."""
    if isinstance(pairs, list):
        return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
    return {name: "" if value is None else str(value) for name, value in (pairs or {}).items()}


def of_task_definition(container: Document, *, task: str) -> Document:
    """What a container of a task definition has in common with its counterpart: field => value."""
    check = container.get("healthCheck", {})
    return {
        "image": image_role(container["image"], ours=task != "rabbit"),
        "entry point": container.get("entryPoint"),
        "command": container.get("command"),
        **{f"environment {pair['name']}": pair["value"] for pair in container.get("environment", [])},
        **{f"environment {secret['name']}": "a secret" for secret in container.get("secrets", [])},
        "ports": sorted(mapping["containerPort"] for mapping in container.get("portMappings", [])),
        "memory": container.get("memory"),
        "essential": container.get("essential"),
        # ECS replaces the task of an essential container. It restarts another container only if that has a policy.
        "restart": task not in FINITE and (container.get("essential", True) or bool(container.get("restartPolicy"))),
        "depends on": {item["containerName"]: item["condition"].lower() for item in container.get("dependsOn", [])},
        **{f"health check {part}": check.get(part) for part in HEALTH_CHECK},
        "stop timeout": container.get("stopTimeout"),
        "read-only root": container.get("readonlyRootFilesystem", False),
        "writable": sorted(mount["containerPath"] for mount in container.get("mountPoints", []))
        if container.get("readonlyRootFilesystem")
        else "everything",
        "system controls": {item["namespace"]: item["value"] for item in container.get("systemControls", [])},
        "user": container.get("user"),
    }


def of_compose(service: Document, *, task: str, secrets: set[str], mates: set[str]) -> Document:
    """The same for a service of the compose file, which does not say what is a secret on ECS and who shares a task."""
    check = service.get("healthcheck", {})
    check = {} if check.get("disable") else check
    test = check.get("test")
    published = [str(port).rpartition(":")[2].partition("/")[0] for port in service.get("ports", [])]
    exposed = [str(port) for port in service.get("expose", [])]
    mounts = [str(mount).split(":") for mount in service.get("volumes", [])]
    dependencies = service.get("depends_on", {})
    if isinstance(dependencies, list):
        dependencies = {name: {"condition": "service_started"} for name in dependencies}
    read_only = service.get("read_only", False)
    return {
        "image": image_role(service["image"], ours=task != "rabbit"),
        "entry point": words(service.get("entrypoint")),
        "command": words(service.get("command")),
        **{
            f"environment {name}": "a secret" if name in secrets else value
            for name, value in named(service.get("environment")).items()
        },
        "ports": sorted(int(port) for port in {*published, *exposed}),
        "memory": mebibytes(service.get("mem_limit")),
        "essential": service.get("x-essential"),
        "restart": service.get("restart", "no") != "no",
        "depends on": {
            name: dependency["condition"].removeprefix("service_")
            for name, dependency in dependencies.items()
            if name in mates
        },
        "health check command": ["CMD-SHELL", test] if isinstance(test, str) else test,
        "health check interval": seconds(check.get("interval")),
        "health check timeout": seconds(check.get("timeout")),
        "health check retries": check.get("retries"),
        "health check startPeriod": seconds(check.get("start_period")),
        "stop timeout": seconds(service.get("stop_grace_period")),
        "read-only root": read_only,
        "writable": sorted([mount[1] for mount in mounts if mount[2:] != ["ro"]] + list(service.get("tmpfs", [])))
        if read_only
        else "everything",
        "system controls": named(service.get("sysctls")),
        "user": service.get("user"),
    }


def differences(tasks: Definitions, compose: Document) -> list[str]:
    """The differences between the compose file and the task definitions: one line for each container and field."""
    services = interpolated(compose["services"])
    containers = {
        (task, container["name"]): container
        for task, document in tasks.items()
        for container in document["containerDefinitions"]
    }
    strays = services.keys() - COUNTERPARTS.keys() - COMPOSE_ONLY
    problems = [f"{name}: container: not in the task definitions" for name in strays]
    strays = {name for task, name in containers.keys() - set(COUNTERPARTS.values())}
    problems += [f"{name}: container: not in the compose file" for name in strays]
    for service, (task, name) in COUNTERPARTS.items():
        if service not in services:
            problems.append(f"{service}: container: not in the compose file")
            continue
        if (task, name) not in containers:
            problems.append(f"{service}: container: not in the task definitions")
            continue
        container = containers[task, name]
        problems += [
            f"{service}: {field}: is not compared"
            for field in (container.keys() - COMPARED - NOT_COMPARED)
            | (services[service].keys() - COMPARED_IN_COMPOSE - NOT_COMPARED_IN_COMPOSE)
        ]
        defined = of_task_definition(container, task=task)
        composed = of_compose(
            services[service],
            task=task,
            secrets={secret["name"] for secret in container.get("secrets", [])},
            mates={other for kind, other in containers if kind == task},
        )
        for field in sorted(defined.keys() | composed):
            here, there = defined.get(field, "nothing"), composed.get(field, "nothing")
            if (service, field) in MEANT:
                agreed = (here, there) == MEANT[service, field]
            elif field in PER_ENVIRONMENT:
                agreed = "nothing" not in {here, there}
            else:
                agreed = here == there
            if not agreed:
                problems.append(f"{service}: {field}: {here} in the task definition, {there} in the compose file")
    return problems
