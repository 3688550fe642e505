"""The worker's sign of life: a file that its event loop touches, and that docker/healthcheck.py checks."""

import os
from pathlib import Path
from typing import Any

from celery import bootsteps

SECONDS = 5.0


class Heartbeat(bootsteps.StartStopStep):  # type: ignore[misc] # Celery has no type stubs
    """Touches the file while the worker takes tasks. Restarts with every new connection to the broker."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self.timer: Any = None
        # The image sets the file's path for this step and for its health check. Elsewhere nothing checks it.
        self.file = os.environ.get("WORKER_HEARTBEAT", "")

    def start(self, consumer: Any) -> None:
        if self.file:
            Path(self.file).touch()
            self.timer = consumer.timer.call_repeatedly(SECONDS, Path(self.file).touch)

    def stop(self, consumer: Any) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
