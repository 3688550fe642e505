"""Keeps a worker from taking messages that would only wait behind tasks that may run for days.

The message of such a task is acknowledged when the task begins (``acks_late=False``), and the broker sends the next
message at once. A worker that is busy for days would keep it from other workers. After 30 minutes
(``consumer_timeout``), RabbitMQ would close the worker's channel, and Celery would give up the worker. So if all
processes of a worker run such tasks, it stops consuming before it acknowledges. It resumes when one of them ends.
"""

from typing import Any

import structlog
from celery import bootsteps
from celery.worker import state
from celery.worker.request import Request

log = structlog.get_logger(__name__)
SECONDS_BETWEEN_LOOKS = 0.5


class PausableConsumer(bootsteps.StartStopStep):  # type: ignore[misc] # Celery has no type stubs
    """Pauses and resumes consuming. Restarts with every new connection to the broker."""

    requires = ("celery.worker.consumer.tasks:Tasks",)
    current: "PausableConsumer | None" = None

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._consumer = consumer
        self._timer: Any = None
        self._waiting: list[Any] = []

    def start(self, consumer: Any) -> None:
        PausableConsumer.current = self
        self._waiting = []
        if self._is_full():
            self._pause()
        self._timer = consumer.timer.call_repeatedly(SECONDS_BETWEEN_LOOKS, self._look)

    def stop(self, consumer: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def begins(self) -> None:
        """Pauses if needed. Called when a task begins, before its message is acknowledged."""
        if self._is_full(beginning=1):
            self._pause()

    def _is_full(self, beginning: int = 0) -> bool:
        running = sum(not request.task.acks_late for request in list(state.active_requests))
        return running + beginning >= int(self._consumer.pool.num_processes)

    def _pause(self) -> None:
        tasks = self._consumer.task_consumer
        for queue in list(tasks.queues):
            self._waiting.append(queue)
            try:
                tasks.cancel_by_queue(queue.name)
            except self._consumer.connection_errors:
                # The worker's loop notices this too, and this step restarts with the new connection.
                log.warning("intake_not_paused", queue=queue.name, exc_info=True)

    def _look(self) -> None:
        if self._waiting and not self._is_full():
            tasks = self._consumer.task_consumer
            waiting, self._waiting = self._waiting, []
            for queue in waiting:
                tasks.add_queue(queue)
            tasks.consume()


class LongRequest(Request):  # type: ignore[misc] # Celery has no type stubs
    """The ``Request`` of tasks that are acknowledged when they begin."""

    def on_accepted(self, pid: int, time_accepted: float) -> None:
        if PausableConsumer.current is not None:
            PausableConsumer.current.begins()
        super().on_accepted(pid, time_accepted)
