"""Containers' log lines from CloudWatch Logs: one task's stream as it grows, and searches in a log group."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from deploy import aws

MISSING = "ResourceNotFoundException"
# An event may reach CloudWatch after a later one. Following looks back this far to find it.
LATE_SECONDS = 30


@dataclass(frozen=True)
class Line:
    """One log event. ``stream`` is the name of its log stream: prefix/container/task."""

    at: datetime
    stream: str
    message: str

    @property
    def container(self) -> str:
        return self.stream.split("/")[-2] if "/" in self.stream else self.stream

    @property
    def task(self) -> str:
        return self.stream.rpartition("/")[2]

    def as_dict(self) -> dict[str, str]:
        return {
            "at": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "container": self.container,
            "task": self.task,
            "message": self.message,
        }


@dataclass(frozen=True)
class Stream:
    """The log stream of one container of a task."""

    container: str
    group: str
    name: str


def streams(definition: Mapping[str, Any], task_id: str) -> list[Stream]:
    """The log streams of a task with this task definition. A container that logs elsewhere has none."""
    found = []
    for container in definition["containerDefinitions"]:
        options = (container.get("logConfiguration") or {}).get("options") or {}
        if {"awslogs-group", "awslogs-stream-prefix"} <= options.keys():
            name = f"{options['awslogs-stream-prefix']}/{container['name']}/{task_id}"
            found.append(Stream(container["name"], options["awslogs-group"], name))
    return found


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


class Tail:
    """The lines of one stream, in order, each once. ECS creates the stream with its first line, so it may not exist."""

    def __init__(self, logs: aws.Client, stream: Stream) -> None:
        self._logs = logs
        self._token: str | None = None
        self.stream = stream

    def read(self) -> list[str]:
        """The lines since the last call; none if the stream does not exist yet."""
        lines: list[str] = []
        while True:
            request = {"logGroupName": self.stream.group, "logStreamName": self.stream.name, "startFromHead": True}
            if self._token:
                request["nextToken"] = self._token
            try:
                answer = self._logs.get_log_events(**request)
            except ClientError as error:
                if aws.code(error) == MISSING:
                    return lines
                raise
            lines += [event["message"].rstrip("\n") for event in answer["events"]]
            # At the end of a stream, the answer repeats the token of the request. An empty page is not the end.
            if answer["nextForwardToken"] == self._token:
                return lines
            self._token = answer["nextForwardToken"]


def last_lines(logs: aws.Client, stream: Stream, count: int) -> list[str] | None:
    """The last lines of a stream; None if it does not exist."""
    try:
        answer = logs.get_log_events(
            logGroupName=stream.group, logStreamName=stream.name, startFromHead=False, limit=count
        )
    except ClientError as error:
        if aws.code(error) == MISSING:
            return None
        raise
    return [event["message"].rstrip("\n") for event in answer["events"]]


class Search:
    """Log events of a group since a moment, each once; streams and a filter pattern may narrow the search."""

    def __init__(
        self,
        logs: aws.Client,
        group: str,
        *,
        since: datetime,
        prefixes: Iterable[str] = (),
        names: Iterable[str] = (),
        pattern: str = "",
    ) -> None:
        self._logs = logs
        self._base: dict[str, Any] = {"logGroupName": group}
        if pattern:
            self._base["filterPattern"] = pattern
        # A call takes one prefix. It takes several stream names, but fails if one of the streams does not exist yet.
        self._scopes: list[dict[str, Any]] = [
            *({"logStreamNamePrefix": prefix} for prefix in prefixes),
            *({"logStreamNames": [name]} for name in names),
        ]
        self._from = int(since.timestamp() * 1000)
        self._seen: dict[str, int] = {}

    def _events(self) -> Iterator[dict[str, Any]]:
        for scope in self._scopes or [{}]:
            pages = self._logs.get_paginator("filter_log_events").paginate(**self._base, **scope, startTime=self._from)
            try:
                for page in pages:
                    yield from page["events"]
            except ClientError as error:
                # A missing group has the same error code as a missing stream.
                if aws.code(error) != MISSING or "log stream" not in str(error):
                    raise

    def read(self) -> list[Line]:
        """The lines that no earlier call returned, by time."""
        found = [event for event in self._events() if event["eventId"] not in self._seen]
        for event in found:
            self._seen[event["eventId"]] = event["timestamp"]
        if self._seen:
            self._from = max(self._from, max(self._seen.values()) - LATE_SECONDS * 1000)
            self._seen = {event: at for event, at in self._seen.items() if at >= self._from}
        # The sort is stable: events of one stream with the same time keep their order.
        found.sort(key=lambda event: event["timestamp"])
        return [
            Line(moment(event["timestamp"]), event["logStreamName"], event["message"].rstrip("\n")) for event in found
        ]
