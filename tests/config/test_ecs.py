"""The client of the task metadata endpoint: every version of it, and every way in which its answer can be wrong."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import responses

from config import ecs

V4 = "http://169.254.170.2/v4/abc"
V3 = "http://169.254.170.2/v3/abc"
ARN = "arn:aws:ecs:us-east-1:123456789012:task/dev/0123"
METADATA: dict[str, Any] = {
    "TaskARN": ARN,
    "Family": "adaptivity-dev-web",
    "Revision": "7",
    "AvailabilityZone": "us-east-1a",
    "Containers": [
        {"Name": "web", "Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": ["10.0.2.106"]}]},
        {
            "Name": "nginx",
            "Networks": [
                {
                    "NetworkMode": "awsvpc",
                    "IPv4Addresses": ["10.0.2.106"],
                    "IPv6Addresses": ["2001:DB8:0:0:0:0:0:1"],
                },
                {"NetworkMode": "bridge", "IPv4Addresses": ["172.17.0.2"]},
            ],
        },
    ],
}


class Clock:
    """Time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    for variable in (ecs.V4_VARIABLE, ecs.V3_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    fake = Clock()
    monkeypatch.setattr(ecs, "monotonic", fake.monotonic)
    monkeypatch.setattr(ecs, "sleep", fake.sleep)
    ecs.get_ecs_task.cache_clear()
    yield fake
    ecs.get_ecs_task.cache_clear()


@pytest.fixture
def v4(monkeypatch: pytest.MonkeyPatch, endpoint: responses.RequestsMock) -> responses.RequestsMock:
    monkeypatch.setenv(ecs.V4_VARIABLE, V4)
    return endpoint


def networks(*entries: Any) -> dict[str, Any]:
    return {"Containers": [{"Networks": list(entries)}]}


def test_v4_is_asked_before_v3(v4: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ecs.V3_VARIABLE, V3)
    v4.get(f"{V4}/task", json=METADATA)

    assert ecs.get_ecs_task() == ecs.EcsTask(
        version="v4",
        ip_addresses=("10.0.2.106", "[2001:db8::1]"),
        task_arn=ARN,
        family="adaptivity-dev-web",
        revision="7",
        availability_zone="us-east-1a",
    )
    assert ecs.get_ecs_task_ips() == ["10.0.2.106", "[2001:db8::1]"]
    assert ecs.get_ecs_task_identity() == {
        "task_arn": ARN,
        "family": "adaptivity-dev-web",
        "revision": "7",
        "availability_zone": "us-east-1a",
    }
    assert len(v4.calls) == 1, "the answer is kept for the process"


def test_v3_is_asked_where_only_it_is_announced(
    endpoint: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ecs.V3_VARIABLE, V3 + "/")
    endpoint.get(f"{V3}/task", json=METADATA)

    assert ecs.get_ecs_task().version == "v3"
    assert ecs.get_ecs_task_ips() == ["10.0.2.106", "[2001:db8::1]"]


def test_v2_is_tried_where_none_is_announced(endpoint: responses.RequestsMock) -> None:
    endpoint.get(ecs.V2_URL, json=METADATA)

    assert ecs.get_ecs_task().version == "v2"
    assert ecs.get_ecs_task_ips() == ["10.0.2.106", "[2001:db8::1]"]


@pytest.mark.parametrize(
    "answer",
    [
        {"body": requests.exceptions.ConnectTimeout()},
        {"body": requests.exceptions.ReadTimeout()},
        {"body": requests.exceptions.ConnectionError()},
        {"status": 500},
        {"status": 404},
        {"body": "no json"},
    ],
)
def test_v2_is_tried_once_and_then_this_is_not_ecs(endpoint: responses.RequestsMock, answer: dict[str, Any]) -> None:
    endpoint.get(ecs.V2_URL, **answer)

    assert ecs.get_ecs_task() == ecs.EcsTask()
    assert ecs.get_ecs_task_identity() == {}
    assert len(endpoint.calls) == 1


def test_timeouts(
    endpoint: responses.RequestsMock, v4: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    v4.get(f"{V4}/task", json=METADATA)
    endpoint.get(ecs.V2_URL, json=METADATA)

    ecs.get_ecs_task()
    monkeypatch.delenv(ecs.V4_VARIABLE)
    ecs.get_ecs_task.cache_clear()
    ecs.get_ecs_task()

    assert [call.request.req_kwargs["timeout"] for call in endpoint.calls] == [(1.0, 1.0), (0.01, 1.0)]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_passing_fault_is_asked_again(v4: responses.RequestsMock, clock: Clock, status: int) -> None:
    v4.get(f"{V4}/task", status=status)
    v4.get(f"{V4}/task", status=status)
    v4.get(f"{V4}/task", json=METADATA)

    assert ecs.get_ecs_task_ips() == ["10.0.2.106", "[2001:db8::1]"]
    assert clock.now == pytest.approx(0.1 + 0.2)


@pytest.mark.parametrize(
    "early",
    [
        {"json": {"Containers": [{"Name": "web"}]}},
        {"json": {"Containers": [{"Name": "web", "Networks": None}]}},
        {"json": {"Containers": []}},
        {"json": {"Containers": None}},
        {"json": {}},
        {"json": []},
        {"body": "{"},
        {"body": requests.exceptions.ConnectionError()},
        {"body": requests.exceptions.ReadTimeout()},
    ],
)
def test_missing_networks_are_asked_for_again(v4: responses.RequestsMock, early: dict[str, Any]) -> None:
    v4.get(f"{V4}/task", **early)
    v4.get(f"{V4}/task", json=METADATA)

    assert ecs.get_ecs_task_ips() == ["10.0.2.106", "[2001:db8::1]"]


def test_it_gives_up_within_three_seconds(v4: responses.RequestsMock, clock: Clock) -> None:
    v4.get(f"{V4}/task", status=500)

    assert ecs.get_ecs_task() == ecs.EcsTask(version="v4")
    assert 2.0 < clock.now < 3.0
    # 0.1 + 0.2 + 0.4 and then every half second
    assert len(v4.calls) == 8


def test_what_is_known_without_networks_is_kept(v4: responses.RequestsMock) -> None:
    v4.get(f"{V4}/task", json={**METADATA, "Containers": [{"Name": "web"}]})

    assert ecs.get_ecs_task().family == "adaptivity-dev-web"
    assert ecs.get_ecs_task_ips() == []


@pytest.mark.parametrize("status", [301, 302, 307, 400, 403, 404])
def test_a_refusal_or_redirect_is_final(v4: responses.RequestsMock, status: int) -> None:
    v4.get(f"{V4}/task", status=status, headers={"Location": "http://evil.example/task"})

    assert ecs.get_ecs_task_ips() == []
    assert len(v4.calls) == 1


def test_a_huge_answer_is_not_read(v4: responses.RequestsMock) -> None:
    v4.get(f"{V4}/task", body=b" " * (ecs.BODY_LIMIT + 1))

    assert ecs.get_ecs_task_ips() == []
    assert len(v4.calls) == 1


@pytest.mark.parametrize(
    ("metadata", "addresses"),
    [
        (networks({"NetworkMode": "awsvpc", "IPv4Addresses": ["*"]}), []),
        (networks({"NetworkMode": "awsvpc", "IPv4Addresses": ["10.0.0.1/24", "evil.example", ""]}), []),
        (networks({"NetworkMode": "awsvpc", "IPv4Addresses": [None, 1, ["10.0.0.1"], {}, "10.0.0.1"]}), ["10.0.0.1"]),
        (networks({"NetworkMode": "awsvpc", "IPv4Addresses": "10.0.0.1"}), []),
        (networks({"NetworkMode": "awsvpc", "IPv4Addresses": None, "IPv6Addresses": None}), []),
        (networks({"NetworkMode": "awsvpc"}), []),
        (networks({"NetworkMode": "awsvpc", "IPv6Addresses": ["fe80::1%eth0", "::1"]}), ["[::1]"]),
        (networks({"NetworkMode": "host", "IPv4Addresses": ["10.0.0.1"]}), []),
        (networks({"IPv4Addresses": ["10.0.0.1"]}), []),
        (networks(None, "awsvpc", 3, {"NetworkMode": "awsvpc", "IPv4Addresses": ["10.0.0.1"]}), ["10.0.0.1"]),
        (
            {"Containers": [None, 3, {"Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": ["10.0.0.1"]}]}]},
            ["10.0.0.1"],
        ),
        (
            {"TaskARN": 3, "Family": None, "Revision": 7, "AvailabilityZone": [], **networks({"NetworkMode": "none"})},
            [],
        ),
    ],
)
def test_every_field_may_be_wrong(v4: responses.RequestsMock, metadata: Any, addresses: list[str]) -> None:
    v4.get(f"{V4}/task", json=metadata)

    assert ecs.get_ecs_task() == ecs.EcsTask(version="v4", ip_addresses=tuple(addresses))


@pytest.mark.parametrize("uri", ["nonsense", "http://", "ftp://169.254.170.2/v4", "http://[::1", "http://a b/"])
def test_an_unusable_uri_is_no_exception(monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv(ecs.V4_VARIABLE, uri)

    assert ecs.get_ecs_task_ips() == []


def test_proxies_are_bypassed(v4: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    v4.get(f"{V4}/task", json=METADATA)

    ecs.get_ecs_task()

    assert not v4.calls[0].request.req_kwargs["proxies"]


def test_one_line_says_what_was_found(v4: responses.RequestsMock, capsys: pytest.CaptureFixture[str]) -> None:
    v4.get(f"{V4}/task", status=503)
    v4.get(f"{V4}/task", json=METADATA)

    ecs.get_ecs_task()
    ecs.get_ecs_task()

    (line,) = capsys.readouterr().out.splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["version"], entry["ip_addresses"]) == (
        "ecs_task",
        "v4",
        ["10.0.2.106", "[2001:db8::1]"],
    )
    assert (entry["family"], entry["revision"]) == ("adaptivity-dev-web", "7")
    assert "problem" not in entry


def test_the_line_says_what_went_wrong(v4: responses.RequestsMock, capsys: pytest.CaptureFixture[str]) -> None:
    v4.get(f"{V4}/task", status=404)

    ecs.get_ecs_task()

    assert json.loads(capsys.readouterr().out)["problem"] == "status 404"
