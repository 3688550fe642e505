"""The signal that asks this process to end."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(BaseException):
    """SIGTERM was received: this process should end, and what it started in ECS goes on."""


@contextmanager
def terminable() -> Iterator[None]:
    """Makes SIGTERM raise ``Terminated``, so that the command can say what goes on in AWS before it ends."""

    def terminate(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
