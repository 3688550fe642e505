"""A broker that is away."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from adaptivity import tasks


@contextmanager
def broker_away() -> Iterator[None]:
    """Inside the block, tasks are sent to a port of this machine where nobody listens."""
    app = tasks.read_source.app
    with socket.socket() as nobody, pytest.MonkeyPatch.context() as patch:
        nobody.bind(("127.0.0.1", 0))
        patch.setattr(app.conf, "task_always_eager", False)
        patch.setattr(app.conf, "broker_write_url", f"amqp://guest:guest@127.0.0.1:{nobody.getsockname()[1]}//")
        # What was connected to before.
        patch.setattr(app, "_pool", None)
        patch.setattr(app.amqp, "_producer_pool", None)
        yield
