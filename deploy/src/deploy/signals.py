"""What a process is told from outside: to end."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(BaseException):
    """SIGTERM, raised by whoever handles signals: this process is to end, and what ECS does is to go on."""


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM raises ``Terminated``, so that what goes on in AWS without this process is said before it ends."""

    def terminate(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
