"""The worker's sign of life: a file that its event loop touches and docker/healthcheck.py looks at."""

import os
import tempfile
from pathlib import Path
from typing import Any

from celery import bootsteps

# In a container the only worker's; on a laptop shared by the workers of one user.
FILE = Path(tempfile.gettempdir()) / f"adaptivity-worker-{os.getuid()}.heartbeat"
SECONDS = 5.0


class Heartbeat(bootsteps.StartStopStep):  # type: ignore[misc] # Celery has no type stubs
    """Touches the file while the worker takes tasks; starts again with every new connection to the broker."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self.timer: Any = None

    def start(self, consumer: Any) -> None:
        FILE.touch()
        self.timer = consumer.timer.call_repeatedly(SECONDS, FILE.touch)

    def stop(self, consumer: Any) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
