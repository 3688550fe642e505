"""The derived image as in a Fargate task: its own addresses in ALLOWED_HOSTS, nginx beside it on the same interface."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.compose import TAG, Images
from tests.support.docker import Container, container, docker, network
from tests.support.service import ROOT, poll

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]
START_SECONDS = 90
# As Fargate has it; Docker's own default lets everybody listen on every port.
FARGATE_PORTS = "net.ipv4.ip_unprivileged_port_start=1024"
URIS = {
    "v2": {},
    "v3": {"ECS_CONTAINER_METADATA_URI": "http://169.254.170.2/v3/web"},
    "v4": {
        "ECS_CONTAINER_METADATA_URI": "http://169.254.170.2/v3/web",
        "ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/web",
    },
}
ENVIRONMENT = {
    "ENV_LABEL": "test",
    "HOST": "adaptivity.example",
    "SECRET_KEY": "only-for-a-test-" + "s" * 48,
    # Nothing is there, and liveness asks nothing.
    "DATABASE_CONNECTION": "postgres://adaptivity:password@127.0.0.1:1/nowhere",
    "CELERY_BROKER_URL": "amqp://adaptivity:password@127.0.0.1:1//",
}


@pytest.fixture(scope="module")
def metadata(images: Images) -> Iterator[str]:
    """A private network with a stand-in of the metadata endpoint at its address."""
    with network(f"adaptivity-e2e-{uuid.uuid4().hex[:8]}", "--subnet", "169.254.170.0/24") as name:
        options = ["--network", name, "--ip", "169.254.170.2", "--user", "65534", "--no-healthcheck"]
        volume = f"{ROOT / 'docker' / 'ecs-metadata'}:/ecs-metadata:ro"
        with container(
            images.app, "python", "/ecs-metadata/server.py", options=[*options, "--volume", volume]
        ) as server:
            code = "import urllib.request as u; u.urlopen('http://127.0.0.1/v2/metadata')"
            wait_for(server, code)
            yield name


def wait_for(where: Container, code: str) -> None:
    """Until Python code runs in the container without an error."""

    def works() -> bool | None:
        try:
            where.execute("python", "-c", code)
        except AssertionError:
            return None
        return True

    poll(works, seconds=START_SECONDS, failure=where.logs)


@contextmanager
def web(images: Images, name: str, *options: str, **changes: str) -> Iterator[Container]:
    """The derived image with its own command, once it is healthy."""
    variables = [option for pair in {**ENVIRONMENT, **changes}.items() for option in ("--env", "=".join(pair))]
    options = ("--network", name, "--read-only", "--tmpfs", "/tmp", "--memory", "256m", *variables, *options)
    with container(images.app, options=list(options)) as started:
        started.wait_until("healthy")
        yield started


def status(images: Images, name: str, url: str, host: str, *options: str) -> str:
    """The status of a plain HTTP request from elsewhere in the network, as the load balancer sends it."""
    command = ("--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--header", f"Host: {host}")
    run = ("run", "--rm", "--network", name, "--no-healthcheck", "--entrypoint", "curl", images.nginx)
    return docker(*run, *command, *options, url)


@pytest.mark.parametrize("version", URIS)
def test_the_load_balancer_gets_200_at_the_task_s_address(images: Images, metadata: str, version: str) -> None:
    with web(images, metadata, **URIS[version]) as started:
        address = started.address(metadata)
        url = f"http://{address}:8000/health/"

        found = json.loads(started.execute("python", "-m", "config.ecs"))

        assert (found["version"], found["ip_addresses"]) == (version, [address])
        assert (found["family"], found["revision"]) == ("adaptivity-local-web", "1")
        assert status(images, metadata, url, address) == "200"
        assert status(images, metadata, url, "adaptivity.example") == "200"
        assert status(images, metadata, url, "evil.example") == "400"
        assert status(images, metadata, url, "169.254.170.1") == "400"
        code = f"import urllib.request as u; print(u.urlopen('http://{address}:8000/version/').read().decode())"
        said = json.loads(started.execute("python", "-c", code))
        assert (said["tag"], said["commit"]) == (TAG, images.source.commit)
        assert said["task"] == {"family": "adaptivity-local-web", "revision": "1", "availability_zone": "us-east-1a"}


def test_nginx_in_the_same_task(images: Images, metadata: str) -> None:
    """Containers of a task share one interface; the task definition lets nginx have port 80 there."""
    (control,) = task_definition_controls()
    with web(images, metadata, "--sysctl", FARGATE_PORTS, "--sysctl", control, **URIS["v4"]) as started:
        address = started.address(metadata)
        options = ["--network", f"container:{started.id}", "--read-only", "--tmpfs", "/tmp", "--memory", "256m"]
        with container(images.nginx, options=options) as nginx:
            nginx.wait_until("healthy")

            url = f"http://{address}/health/"
            assert status(images, metadata, url, address) == "200"
            assert status(images, metadata, url, "evil.example") == "400"
            assert status(images, metadata, url, "adaptivity.example", "--header", "X-Forwarded-Proto: https") == "200"


def test_without_the_system_control_nginx_may_not_have_port_80(images: Images) -> None:
    options = ["--sysctl", FARGATE_PORTS, "--read-only", "--tmpfs", "/tmp"]
    with container(images.nginx, options=options) as nginx:
        assert docker("wait", nginx.id) == "1"
        assert "bind() to 0.0.0.0:80 failed (13: Permission denied)" in nginx.logs()


def task_definition_controls() -> list[str]:
    """The system controls of the task definition's nginx, as options of Docker."""
    template = (ROOT / "terraform" / "app" / "container_definitions_web.tpl").read_text()
    text = template.partition('"systemControls": ')[2].partition("]")[0] + "]"
    return [f"{control['namespace']}={control['value']}" for control in json.loads(text)]


def test_outside_ecs_the_address_is_refused(images: Images) -> None:
    with network(f"adaptivity-e2e-{uuid.uuid4().hex[:8]}") as name, web(images, name) as started:
        address = started.address(name)
        url = f"http://{address}:8000/health/"

        found = json.loads(started.execute("python", "-m", "config.ecs"))

        assert (found["version"], found["ip_addresses"]) == ("", [])
        assert status(images, name, url, address) == "400"
        assert status(images, name, url, "adaptivity.example") == "200"


def test_development_secrets_are_refused_elsewhere(images: Images) -> None:
    options = ["--env", "SECRET_KEY=development-only-not-a-secret", "--env", "ENV_LABEL=dev"]
    options += ["--env", f"DATABASE_CONNECTION={ENVIRONMENT['DATABASE_CONNECTION']}"]
    options += ["--env", f"CELERY_BROKER_URL={ENVIRONMENT['CELERY_BROKER_URL']}", "--network=none"]
    with container(images.app, options=options) as started:
        assert docker("wait", started.id) == "3"
        assert "the environment variable SECRET_KEY is marked development-only" in started.logs()
