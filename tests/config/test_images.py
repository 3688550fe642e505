"""What the images carry beside the service, and what the two compose files say of building them."""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml

from config import heartbeat
from tests.support.service import ROOT, environment

HASH, OTHER = "1" * 40, "2" * 40


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ""),
        ({"HEAD": f"{HASH}\n"}, HASH),
        ({"HEAD": "ref: refs/heads/a/b\n", "refs/heads/a/b": HASH, "packed-refs": f"{OTHER} refs/heads/a/b\n"}, HASH),
        ({"HEAD": "ref: refs/heads/a\n", "packed-refs": f"#\n{OTHER} refs/heads/ab\n{HASH} refs/heads/a\n"}, HASH),
        ({"HEAD": "ref: refs/heads/unborn\n"}, ""),
    ],
)
def test_the_commit_of_a_source_directory(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    for name, text in files.items():
        path = tmp_path / ".git" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    command = [sys.executable, ROOT / "docker" / "commit.py", tmp_path]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("adaptivity.example", "adaptivity.example"),
        ("a.example, b.example", "a.example"),
        (".example.org", "example.org"),
        ("[::1],localhost", "[::1]"),
        ("*", "localhost"),
        ("", "localhost"),
    ],
)
def test_the_health_check_asks_with_a_host_that_is_allowed(
    monkeypatch: pytest.MonkeyPatch, given: str, expected: str
) -> None:
    monkeypatch.setenv("HOST", given)

    assert runpy.run_path(str(ROOT / "docker" / "healthcheck.py"))["host"]() == expected


def test_the_health_check_waits_for_several_touches() -> None:
    check = runpy.run_path(str(ROOT / "docker" / "healthcheck.py"))

    assert check["HEARTBEAT_SECONDS"] >= 10 * heartbeat.SECONDS


def test_the_image_names_the_heartbeat_for_the_worker_and_its_health_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (named,) = re.findall(r"^ENV WORKER_HEARTBEAT=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert named.startswith("/tmp/")

    monkeypatch.setenv("WORKER_HEARTBEAT", str(tmp_path / "heartbeat"))
    check = runpy.run_path(str(ROOT / "docker" / "healthcheck.py"))["worker"]
    assert check() == "the worker takes no tasks yet"

    consumer = mock.Mock()
    heartbeat.Heartbeat(consumer).start(consumer)
    assert check() == ""


def test_a_worker_without_a_heartbeat_is_not_healthy(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "docker" / "healthcheck.py", "worker"]
    env = environment(WORKER_HEARTBEAT=str(tmp_path / "heartbeat"))
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (1, "the worker takes no tasks yet\n")


def test_both_compose_files_build_the_same_images() -> None:
    local, versioned = (
        yaml.safe_load((ROOT / name).read_text())["services"]
        for name in ("docker-compose.yml", "docker-compose.build.yml")
    )

    assert list(versioned) == ["app_base", "app", "nginx", "job"]
    for name, service in versioned.items():
        assert with_defaults(service["image"]) == local[name]["image"]
        built, asked = service["build"], local[name]["build"]
        assert {key: with_defaults(value) for key, value in built["args"].items()} == asked["args"]
        assert built["context"].removeprefix("${APP_CONTEXT:-").removesuffix("}") == asked["context"]
        assert built.get("dockerfile", "").startswith("docker/") == asked.get("dockerfile", "").startswith("docker/")
        # An image that is made from another is built after it.
        assert set(service.get("depends_on", ())) <= set(local[name].get("depends_on", ()))


def with_defaults(value: Any) -> Any:
    """A name of the versioned builds, where every variable has to be set, as the local stack has it."""
    for variable, default in {
        "APP_IMAGE": "adaptivity/app",
        "NGINX_IMAGE": "adaptivity/nginx",
        "APP_TAG": "latest",
    }.items():
        value = value.replace(f"${{{variable}}}", f"${{{variable}:-{default}}}")
    return value
