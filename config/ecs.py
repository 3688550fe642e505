"""A small client of the ECS task metadata endpoint, for the task's addresses, family and revision.

The load balancer's health check arrives with the task's own IP address as ``Host``, so Django has to allow it.
``python -m config.ecs`` prints what it finds, as the log line that every process writes.
"""

import ipaddress
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from time import monotonic, sleep
from typing import Any

import requests
import structlog

V4_VARIABLE = "ECS_CONTAINER_METADATA_URI_V4"
V3_VARIABLE = "ECS_CONTAINER_METADATA_URI"
V2_URL = "http://169.254.170.2/v2/metadata"

TRY_SECONDS = 1.0
ALL_TRIES_SECONDS = 3.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 0.5
# Outside ECS, nothing answers at the address of version 2, and a process must not wait for it at start.
V2_CONNECT_SECONDS = 0.01
BODY_LIMIT = 1 << 20

# Settings use this module before logging is configured, so this logger needs no configuration.
log = structlog.wrap_logger(
    structlog.PrintLogger(),
    processors=[
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(),
    ],
).bind(logger="config.ecs")


@dataclass(frozen=True)
class EcsTask:
    """What the metadata endpoint says about this task. Fields that it leaves out are empty.

    ``version`` is the version of the endpoint: v4, v3, v2, or "" outside ECS. ``ip_addresses`` are unique, in the order
    found. IPv6 addresses are in brackets, as Django compares hosts.
    """

    version: str = ""
    ip_addresses: tuple[str, ...] = ()
    task_arn: str = ""
    family: str = ""
    revision: str = ""
    availability_zone: str = ""


class _Unusable(Exception):
    """An answer that another attempt will not improve."""


class _TryAgain(Exception):
    """An answer that another attempt may improve."""


def get_ecs_task_ips() -> list[str]:
    """The task's own addresses for ALLOWED_HOSTS: unique, IPv6 in brackets. [] outside ECS or on any failure."""
    return list(get_ecs_task().ip_addresses)


def get_ecs_task_identity() -> dict[str, str]:
    """The ``task_arn``, ``family``, ``revision`` and ``availability_zone`` of this task; {} if they are not known.

    Values that the endpoint leaves out are "".
    """
    task = get_ecs_task()
    names = ("task_arn", "family", "revision", "availability_zone")
    return {name: getattr(task, name) for name in names} if task.family else {}


@cache
def get_ecs_task() -> EcsTask:
    """What the metadata endpoint says about this task. Asks once per process and logs the result. Never raises.

    If the platform announces version 4 or 3 of the endpoint, it is asked for up to three seconds. Early in a task's
    life it answers 500 or leaves out the networks, and it limits the rate with 429. If neither version is announced,
    version 2 is tried once.
    """
    version, url, tries = _endpoint()
    task, problem = EcsTask(version=version), ""
    deadline = monotonic() + ALL_TRIES_SECONDS
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            task, has_networks = _task(version, _fetch(url, version, deadline))
            if not has_networks:
                raise _TryAgain("no container has networks")
            problem = "" if task.ip_addresses else "no awsvpc address"
            break
        except (_Unusable, requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            problem = str(error)
            break
        except (_TryAgain, requests.exceptions.RequestException, OSError, ValueError) as error:
            problem = str(error) if isinstance(error, _TryAgain) else type(error).__name__
        tries -= 1
        if tries <= 0 or monotonic() + pause >= deadline:
            break
        sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
    if problem and version == "v2":
        task = EcsTask()
    log.info("ecs_task", **asdict(task), **({"problem": problem} if problem else {}))
    return task


def _endpoint() -> tuple[str, str, int]:
    """The endpoint's version and URL, and the maximum number of attempts."""
    for version, variable in (("v4", V4_VARIABLE), ("v3", V3_VARIABLE)):
        if os.environ.get(variable):
            return version, f"{os.environ[variable].rstrip('/')}/task", 100
    return "v2", V2_URL, 1


def _fetch(url: str, version: str, deadline: float) -> Any:
    """The endpoint's JSON. Uses no proxy, as the address is link-local, and follows no redirects."""
    timeout = max(0.01, min(TRY_SECONDS, deadline - monotonic()))
    connect = V2_CONNECT_SECONDS if version == "v2" else timeout
    with requests.Session() as session:
        session.trust_env = False
        with session.get(url, timeout=(connect, timeout), allow_redirects=False, stream=True) as response:
            status = response.status_code
            if status == requests.codes.too_many_requests or status >= requests.codes.server_error:
                raise _TryAgain(f"status {status}")
            if status != requests.codes.ok:
                raise _Unusable(f"status {status}")
            body = b""
            for block in response.iter_content(1 << 16):
                body += block
                if len(body) > BODY_LIMIT:
                    raise _Unusable("the answer is too large")
                if monotonic() >= deadline:
                    raise _TryAgain("the answer took too long")
    return json.loads(body)


def _task(version: str, metadata: Any) -> tuple[EcsTask, bool]:
    """The useful parts of the answer, each only if it has the right type, and whether there are networks."""
    if not isinstance(metadata, dict):
        raise _TryAgain("the answer is not an object")
    containers = [container for container in _list(metadata.get("Containers")) if isinstance(container, dict)]
    networks = [network for container in containers for network in _list(container.get("Networks"))]
    task = EcsTask(
        version=version,
        ip_addresses=tuple(dict.fromkeys(_addresses(networks))),
        task_arn=_text(metadata.get("TaskARN")),
        family=_text(metadata.get("Family")),
        revision=_text(metadata.get("Revision")),
        availability_zone=_text(metadata.get("AvailabilityZone")),
    )
    return task, bool(networks)


def _addresses(networks: list[Any]) -> Iterator[str]:
    for network in networks:
        if not isinstance(network, dict) or network.get("NetworkMode") != "awsvpc":
            continue
        for text in [*_list(network.get("IPv4Addresses")), *_list(network.get("IPv6Addresses"))]:
            try:
                address = ipaddress.ip_address(text if isinstance(text, str) else "")
            except ValueError:
                continue
            if isinstance(address, ipaddress.IPv4Address):
                yield str(address)
            elif address.scope_id is None:
                yield f"[{address}]"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


if __name__ == "__main__":
    get_ecs_task()
