"""The derived image's settings, loaded under the name that they have there: config.settings.custom."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.support.service import ROOT

PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "config.settings.custom",
    "SECRET_KEY": "p4Vu9x-not-used-anywhere-else-0123456789-abcdefghijklmnop",
    "DATABASE_CONNECTION": "postgres://adaptivity:pw@database.internal:5432/adaptivity",
    "CELERY_BROKER_URL": "amqp://adaptivity:pw@rabbit.internal:5672//",
    "ENV_LABEL": "prod",
    "HOST": "adaptivity.example",
    # Loopback's discard port: refused at once, in place of an address that is not there.
    "ECS_CONTAINER_METADATA_URI": "http://127.0.0.1:9/v3",
}


class Image:
    """The files of the derived image, and Python in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for room in ("config", "adaptivity"):
            shutil.copytree(ROOT / room, path / room, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "manage.py", path)
        for file in (ROOT / "docker" / "app" / "settings").glob("*.py"):
            shutil.copy(file, path / "config" / "settings")

    def run(self, *arguments: str, **environment: str | None) -> "subprocess.CompletedProcess[str]":
        variables = {"PATH": os.environ["PATH"], **PRODUCTION, **environment}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.path,
            env={name: value for name, value in variables.items() if value is not None},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def value(self, expression: str, **environment: str | None) -> Any:
        code = f"import json; from django.conf import settings; print(json.dumps({expression}))"
        result = self.run("-c", code, **environment)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return Image(tmp_path_factory.mktemp("image"))


@pytest.fixture
def metadata() -> Iterator[str]:
    """A task metadata endpoint on loopback; the URI that ECS would announce."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            networks = [
                {"NetworkMode": "awsvpc", "IPv4Addresses": ["10.1.2.3"], "IPv6Addresses": ["2001:db8::7"]},
                {"NetworkMode": "bridge", "IPv4Addresses": ["172.17.0.5"]},
            ]
            self.send_response(200 if self.path == "/v4/abc/task" else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"Family": "web", "Containers": [{"Networks": networks}]}).encode())

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v4/abc"
    server.shutdown()
    thread.join()
    server.server_close()


def test_check_deploy_has_no_warning(image: Image) -> None:
    result = image.run("manage.py", "check", "--deploy", "--fail-level", "WARNING")

    assert result.returncode == 0, result.stderr
    assert "System check identified no issues (3 silenced)." in result.stdout


def test_the_hosts_are_those_named_and_the_tasks_own_addresses(image: Image, metadata: str) -> None:
    hosts = image.value(
        "settings.ALLOWED_HOSTS", HOST="adaptivity.example, www.example", ECS_CONTAINER_METADATA_URI_V4=metadata
    )

    assert hosts == ["adaptivity.example", "www.example", "10.1.2.3", "[2001:db8::7]"]


@pytest.mark.parametrize(("given", "expected"), [({}, "/tmp/export"), ({"EXPORT_DIRECTORY": "/export"}, "/export")])
def test_an_export_is_written_where_a_container_may_write(image: Image, given: dict[str, str], expected: str) -> None:
    assert image.value("settings.EXPORT_DIRECTORY", **given) == expected


def test_the_version_has_the_task_s_identity(image: Image, metadata: str) -> None:
    assert image.value("settings.ECS_TASK", ECS_CONTAINER_METADATA_URI_V4=metadata) == {
        "task_arn": "",
        "family": "web",
        "revision": "",
        "availability_zone": "",
    }


def test_without_an_endpoint_only_the_named_hosts_are_allowed(image: Image) -> None:
    assert image.value("[settings.ALLOWED_HOSTS, settings.ECS_TASK]") == [["adaptivity.example"], {}]


HEALTH = """
import django, json
django.setup()
from django.test import Client
client = Client(headers={"Host": %r, **%r})
print(json.dumps(client.get(%r).status_code))
"""


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("10.1.2.3", 200),
        ("10.1.2.3:8000", 200),
        ("[2001:db8::7]:8000", 200),
        ("adaptivity.example", 200),
        ("evil.example", 400),
        ("172.17.0.5", 400),
    ],
)
def test_the_health_check_is_answered_over_plain_http(image: Image, metadata: str, host: str, status: int) -> None:
    result = image.run("-c", HEALTH % (host, {}, "/health/"), ECS_CONTAINER_METADATA_URI_V4=metadata)

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[-1]) == status


def test_behind_the_load_balancer_a_request_is_secure(image: Image) -> None:
    code = """
import django
django.setup()
from django.test import Client
from django.conf import settings
for proto in ("https", "http"):
    answer = Client(headers={"Host": "adaptivity.example", "X-Forwarded-Proto": proto}).get("/health/")
    print(answer.status_code, answer.headers.get("Strict-Transport-Security"))
print(settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE)
"""
    result = image.run("-c", code)

    assert result.stdout.splitlines()[-3:] == ["200 max-age=31536000", "200 None", "True True"]


def test_on_a_laptop_the_same_image_serves_plain_http(image: Image) -> None:
    secure = "[settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.SECURE_HSTS_SECONDS]"

    assert image.value(secure, ENV_LABEL="local") == [False, False, 0]


def test_connections_to_the_database_are_kept_and_checked(image: Image) -> None:
    database = (
        "{name: settings.DATABASES['default'][name] for name in ('ENGINE', 'CONN_MAX_AGE', 'CONN_HEALTH_CHECKS')}"
    )

    assert image.value(database) == {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SECRET_KEY", None, "is not set; it must be a long random text"),
        ("DATABASE_CONNECTION", None, "is not set; it must be a database URL"),
        ("CELERY_BROKER_URL", None, "is not set; it must be a broker URL"),
        ("SECRET_KEY", " ", "is empty; it must be a long random text"),
        ("DATABASE_CONNECTION", "postgres://u:hidden@h:port/n", "must be a database URL"),
        (
            "DATABASE_CONNECTION",
            "sqlite:////tmp/hidden",
            "must be the URL of a server; the embedded default does not work here",
        ),
        ("CELERY_BROKER_URL", "redis://u:hidden@h/0", "must be a broker URL"),
        ("CELERY_BROKER_URL", "", "must be the URL of a server; the embedded default does not work here"),
        ("SECRET_KEY", "development-only-hidden", "is marked development-only; such values only work if ENV_LABEL"),
        ("DATABASE_CONNECTION", "postgres://u:development-only-hidden@h/n", "is marked development-only"),
        ("CELERY_BROKER_URL", "amqp://u:development-only-hidden@h//", "is marked development-only"),
    ],
)
def test_one_line_names_what_is_wrong(image: Image, name: str, value: str | None, problem: str) -> None:
    result = image.run("manage.py", "check", **{name: value})

    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"adaptivity cannot start: the environment variable {name} {problem}")
    assert "hidden" not in line


def test_development_values_work_on_a_laptop(image: Image) -> None:
    assert image.value("settings.ENV_LABEL", ENV_LABEL="local", SECRET_KEY="development-only-" + "k" * 50) == "local"


def test_the_build_collects_static_files_with_no_secret_database_or_network(image: Image) -> None:
    build = dict.fromkeys(PRODUCTION)
    result = image.run(
        "manage.py", "collectstatic", "-c", "--noinput", "--settings=config.settings.collectstatic", **build
    )

    assert result.returncode == 0, result.stderr
    static = image.path / "var" / "static"
    manifest = json.loads((static / "staticfiles.json").read_text())
    hashed = manifest["paths"]["admin/css/base.css"]
    assert hashed != "admin/css/base.css"
    assert (static / hashed).exists()
    assert (static / f"{hashed}.gz").exists()
    page = image.run(
        "-c",
        "import django; django.setup(); from django.templatetags.static import static;"
        " print(static('admin/css/base.css'))",
    )
    assert page.stdout.splitlines()[-1] == f"/static/{hashed}"


def test_the_settings_are_short_enough_to_read() -> None:
    """A lesson, not a listing."""
    assert len((ROOT / "docker" / "app" / "settings" / "custom.py").read_text().splitlines()) <= 40
