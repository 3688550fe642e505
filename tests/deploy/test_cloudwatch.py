"""Log lines: of a stream that grows or is not there yet, and searches that tell each event once."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy.cloudwatch import Search, Stream, Tail, last_lines, streams
from tests.support.aws import NOON, Script, definition, page, scripted

MILLISECONDS = int(NOON.timestamp() * 1000)
STREAM = Stream("job", "adaptivity-dev", "ecs/job/1")
HEAD = {"logGroupName": "adaptivity-dev", "logStreamName": "ecs/job/1", "startFromHead": True}
NO_STREAM = ("ResourceNotFoundException", "The specified log stream does not exist.")
NO_GROUP = ("ResourceNotFoundException", "The specified log group does not exist.")


@pytest.fixture
def logs() -> Iterator[Script]:
    with scripted("logs") as (script,):
        yield script


def event(number: int, seconds: int, message: str, stream: str = "ecs/web/1") -> dict[str, Any]:
    return {
        "eventId": str(number),
        "timestamp": MILLISECONDS + seconds * 1000,
        "message": message,
        "logStreamName": stream,
    }


def search(logs: Script, **options: Any) -> Search:
    return Search(logs.client, "adaptivity-dev", **{"since": NOON, **options})


def test_a_container_logs_where_its_definition_says() -> None:
    job = definition()
    job["containerDefinitions"].append({"name": "agent", "image": "agent:1"})

    assert streams(job, "1") == [STREAM]


def test_a_stream_that_is_not_there_yet_has_no_lines(logs: Script) -> None:
    logs.fails("get_log_events", *NO_STREAM, **HEAD)
    logs.answers("get_log_events", page("first", token="a"), **HEAD)
    logs.answers("get_log_events", page(token="a"), **HEAD, nextToken="a")

    tail = Tail(logs.client, STREAM)

    assert [tail.read(), tail.read()] == [[], ["first"]]


def test_each_line_is_told_once_also_after_an_empty_page(logs: Script) -> None:
    logs.answers("get_log_events", page(token="a"), **HEAD)
    logs.answers("get_log_events", page("one", "two", token="b"), **HEAD, nextToken="a")
    logs.answers("get_log_events", page(token="b"), **HEAD, nextToken="b")
    logs.answers("get_log_events", page("three\n", token="c"), **HEAD, nextToken="b")
    logs.answers("get_log_events", page(token="c"), **HEAD, nextToken="c")

    tail = Tail(logs.client, STREAM)

    assert [tail.read(), tail.read()] == [["one", "two"], ["three"]]


def test_another_error_of_a_stream_is_raised(logs: Script) -> None:
    logs.fails("get_log_events", "AccessDeniedException")

    with pytest.raises(ClientError, match="AccessDenied"):
        Tail(logs.client, STREAM).read()


def test_the_last_lines(logs: Script) -> None:
    logs.answers("get_log_events", page("one", "two", token="a"), **{**HEAD, "startFromHead": False}, limit=2)
    logs.fails("get_log_events", *NO_STREAM)

    assert last_lines(logs.client, STREAM, 2) == ["one", "two"]
    assert last_lines(logs.client, STREAM, 2) is None


def test_a_search_of_the_whole_group(logs: Script) -> None:
    asked = {"logGroupName": "adaptivity-dev", "startTime": MILLISECONDS, "filterPattern": "ERROR"}
    logs.answers("filter_log_events", {"events": [event(1, 2, "later")], "nextToken": "a"}, **asked)
    logs.answers("filter_log_events", {"events": [event(2, 1, "sooner\n")]}, **asked, nextToken="a")

    lines = search(logs, pattern="ERROR").read()

    assert [line.as_dict() for line in lines] == [
        {"at": "2026-11-24T12:00:01.000Z", "container": "web", "task": "1", "message": "sooner"},
        {"at": "2026-11-24T12:00:02.000Z", "container": "web", "task": "1", "message": "later"},
    ]


def test_streams_are_asked_for_by_prefix_and_merged_by_time(logs: Script) -> None:
    asked = {"logGroupName": "adaptivity-dev", "startTime": MILLISECONDS}
    web = {"events": [event(1, 1, "a"), event(2, 3, "c")]}
    nginx = {"events": [event(3, 2, "b", "ecs/nginx/1")]}
    logs.answers("filter_log_events", web, **asked, logStreamNamePrefix="ecs/web/")
    logs.answers("filter_log_events", nginx, **asked, logStreamNamePrefix="ecs/nginx/")

    lines = search(logs, prefixes=["ecs/web/", "ecs/nginx/"]).read()

    assert [line.message for line in lines] == ["a", "b", "c"]


def test_a_stream_that_is_missing_does_not_hide_the_others(logs: Script) -> None:
    asked = {"logGroupName": "adaptivity-dev", "startTime": MILLISECONDS}
    logs.fails("filter_log_events", *NO_STREAM, **asked, logStreamNames=["ecs/web/1"])
    logs.answers("filter_log_events", {"events": [event(1, 1, "a")]}, **asked, logStreamNames=["ecs/nginx/1"])

    assert [line.message for line in search(logs, names=["ecs/web/1", "ecs/nginx/1"]).read()] == ["a"]


def test_a_group_that_is_missing_is_an_error(logs: Script) -> None:
    logs.fails("filter_log_events", *NO_GROUP)

    with pytest.raises(ClientError, match="log group does not exist"):
        search(logs, names=["ecs/web/1"]).read()


def test_following_tells_what_comes_late_and_nothing_twice(logs: Script) -> None:
    group = {"logGroupName": "adaptivity-dev"}
    logs.answers("filter_log_events", {"events": [event(1, 60, "a")]}, **group, startTime=MILLISECONDS)
    again = {"events": [event(2, 40, "late"), event(1, 60, "a"), event(3, 90, "b")]}
    logs.answers("filter_log_events", again, **group, startTime=MILLISECONDS + 30_000)
    logs.answers(
        "filter_log_events",
        {"events": [event(1, 60, "a"), event(3, 90, "b")]},
        **group,
        startTime=MILLISECONDS + 60_000,
    )

    found = search(logs)

    assert [[line.message for line in found.read()] for _ in range(3)] == [["a"], ["late", "b"], []]


def test_a_search_begins_where_it_is_told(logs: Script) -> None:
    logs.answers("filter_log_events", {"events": []}, logGroupName="adaptivity-dev", startTime=MILLISECONDS - 600_000)

    assert search(logs, since=NOON - timedelta(minutes=10)).read() == []
