"""Liveness and readiness of the running service while what it depends on comes and goes."""

import os
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests

from tests.support.databases import KINDS, Database, new_database
from tests.support.service import Service, prepare, running


@pytest.fixture(scope="module", params=KINDS)
def prepared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, str]]:
    """A migrated database of this module and its token."""
    with new_database(request.param, tmp_path_factory.mktemp("operations")) as database:
        yield database, prepare(database)


@pytest.fixture(scope="module", params=KINDS[:1])
def on_sqlite(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, str]]:
    """The same for what does not depend on the kind of database."""
    with new_database(request.param, tmp_path_factory.mktemp("operations")) as database:
        yield database, prepare(database)


def readiness(service: Service) -> tuple[int, Any]:
    """Status and body of `/ready/`, asked without a token."""
    response = requests.get(f"{service.address}/ready/", timeout=20)
    return response.status_code, response.json()


def is_alive(service: Service) -> bool:
    response = requests.get(f"{service.address}/health/", timeout=20)
    return (response.status_code, response.json()) == (200, {"status": "ok"})


def test_ready(service: Service) -> None:
    assert readiness(service) == (200, {"status": "ready", "checks": {"database": "ok", "broker": "in-process"}})


def test_version(service: Service) -> None:
    response = requests.get(f"{service.address}/version/", timeout=20)

    unknown = {"tag": None, "commit": None, "model_version": None, "task": None}
    assert (response.status_code, response.json()) == (200, unknown)


def test_an_unreachable_broker(on_sqlite: tuple[Database, str], tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and never listens
        url = f"amqp://guest:guest@127.0.0.1:{closed.getsockname()[1]}//"
        with running(*on_sqlite, tmp_path / "output", ready_path="/health/", CELERY_BROKER_URL=url) as service:
            assert readiness(service) == (
                503,
                {"status": "not ready", "checks": {"database": "ok", "broker": "unreachable"}},
            )
            assert is_alive(service)
            # What needs no broker goes on.
            assert service.get("/api/v2/activity")["count"] == 0


def test_a_broker_that_does_not_answer(on_sqlite: tuple[Database, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}//"
        with running(*on_sqlite, tmp_path / "output", ready_path="/health/", CELERY_BROKER_URL=url) as service:
            service.get("/api/v2/activity")
            # Nothing has been sent, so nothing has connected.
            assert select.select([silent], [], [], 0)[0] == []

            assert readiness(service)[0] == 503

            assert select.select([silent], [], [], 0)[0] == [silent]


@pytest.mark.rabbitmq
def test_a_broker_that_goes_and_comes_back(on_sqlite: tuple[Database, str], tmp_path: Path) -> None:
    broker = urlsplit(os.environ["TEST_BROKER_URL"])
    ready = (200, {"status": "ready", "checks": {"database": "ok", "broker": "ok"}})
    forwarder = Forwarder((broker.hostname or "", broker.port or 5672))
    netloc = f"{broker.username}:{broker.password}@127.0.0.1:{forwarder.port}"
    url = urlunsplit(broker._replace(netloc=netloc))
    with running(*on_sqlite, tmp_path / "output", ready_path="/health/", CELERY_BROKER_URL=url) as service:
        assert readiness(service)[0] == 503
        with forwarder.forwarding():
            assert readiness(service) == ready
        assert readiness(service)[0] == 503
        with forwarder.forwarding():
            assert readiness(service) == ready


def test_a_database_that_goes_and_comes_back(prepared: tuple[Database, str], tmp_path: Path) -> None:
    database, _ = prepared
    with running(*prepared, tmp_path / "output") as service:
        assert service.get("/api/v2/activity")["count"] == 0

        with database.gone():
            assert readiness(service) == (
                503,
                {"status": "not ready", "checks": {"database": "unreachable", "broker": "in-process"}},
            )
            assert is_alive(service)
            response = service.call("GET", "/api/v2/activity")
            assert (response.status_code, response.json()["code"]) == (500, "server_error")

        assert readiness(service)[0] == 200
        assert service.get("/api/v2/activity")["count"] == 0


class Forwarder:
    """A port of this machine behind which there is the broker, while it forwards."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        with socket.create_server(("127.0.0.1", 0)) as unused:
            self.port: int = unused.getsockname()[1]

    @contextmanager
    def forwarding(self) -> Iterator[None]:
        target = self.target

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection(target) as broker:
                    pair = {self.request: broker, broker: self.request}
                    while True:
                        for source in select.select(list(pair), [], [])[0]:
                            data = source.recv(65536)
                            if not data:
                                return
                            pair[source].sendall(data)

        class Server(ThreadingTCPServer):
            allow_reuse_address = True

        with Server(("127.0.0.1", self.port), Handler) as server:
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()
