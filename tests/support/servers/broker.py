"""A broker that accepts no tasks."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from adaptivity import tasks


@contextmanager
def broker_away() -> Iterator[None]:
    """Inside the block, tasks are sent to a port of this machine where nobody listens."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with broker(f"amqp://guest:guest@127.0.0.1:{nobody.getsockname()[1]}//"):
            yield


@contextmanager
def broker(url: str) -> Iterator[None]:
    """Inside the block, tasks are sent to this URL."""
    app = tasks.read_source.app
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app.conf, "task_always_eager", False)
        patch.setattr(app.conf, "broker_write_url", url)
        # Replaces the pools of earlier connections.
        patch.setattr(app, "_pool", None)
        patch.setattr(app.amqp, "_producer_pool", None)
        yield
