"""The images, built once a session from a tag in source control, pushed and pulled; and the stack made of them."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.support.compose import (
    SERVER_SECONDS,
    TAG,
    Images,
    Source,
    Stack,
    free_port,
    listens,
    running_stack,
    tagged_copy,
)
from tests.support.docker import container, docker, run
from tests.support.service import poll


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    base = tmp_path_factory.mktemp("source")
    commit = tagged_copy(base / "adaptivity")
    tagged_copy(base / "monorepo", "services/adaptivity")
    port = free_port()
    server = subprocess.Popen(
        ["git", "daemon", "--export-all", "--reuseaddr", "--listen=127.0.0.1", f"--port={port}", f"--base-path={base}"],
        stderr=subprocess.DEVNULL,  # whoever only looks whether it listens has "hung up unexpectedly"
        start_new_session=True,
    )
    try:
        poll(lambda: listens(port), seconds=SERVER_SECONDS, failure=lambda: "the git daemon does not answer")
        url = f"git://127.0.0.1:{port}"
        yield Source(f"{url}/adaptivity/.git#{TAG}", commit, f"{url}/monorepo/.git#{TAG}:services/adaptivity")
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="session")
def images(source: Source) -> Iterator[Images]:
    """Built from the tag, pushed to a registry, removed, and pulled by tag."""
    with container("registry:2", options=["--publish", "127.0.0.1::5000"]) as registry:
        address = docker("port", registry.id, "5000").splitlines()[0].replace("127.0.0.1", "localhost")
        port = int(address.rpartition(":")[2])
        poll(lambda: listens(port), seconds=SERVER_SECONDS, failure=registry.logs)
        env = {
            "APP_IMAGE": f"{address}/adaptivity/app",
            "NGINX_IMAGE": f"{address}/adaptivity/nginx",
            "APP_TAG": TAG,
        }
        build = ("docker-compose", "-f", "docker-compose.build.yml")
        app, nginx = f"{env['APP_IMAGE']}:{TAG}", f"{env['NGINX_IMAGE']}:{TAG}"
        names = (nginx, f"{app}-job", app, f"{app}-base")
        # BuildKit leaves .git out of what it takes from a URL, so the commit is said, as a deployment does.
        run(*build, "build", APP_CONTEXT=source.url, APP_COMMIT=source.commit, **env)
        run(*build, "push", **env)
        try:
            docker("rmi", *names)
            for name in names:
                docker("pull", "--quiet", name)
            yield Images(app, nginx, source, env)
        finally:
            docker("rmi", *names)


@pytest.fixture(scope="session")
def stack(images: Images) -> Iterator[Stack]:
    with running_stack(images) as started:
        yield started
