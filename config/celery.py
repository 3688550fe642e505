"""The Celery application; `celery -A config worker` finds it here."""

from logging.config import dictConfig
from typing import Any

import structlog
from celery import Celery
from celery.signals import celeryd_init, setup_logging, task_postrun, task_prerun

from config import environment
from config.heartbeat import Heartbeat
from config.pausable_consumer import PausableConsumer

app = Celery("adaptivity")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["consumer"].add(Heartbeat)
app.steps["consumer"].add(PausableConsumer)


@app.on_configure.connect
def check_settings_module(**_: Any) -> None:
    """The first thing to read a setting may be Celery: it says what is missing like everything else does."""
    environment.settings_module()


@celeryd_init.connect
def prepare_worker(*, instance: Any, conf: Any, **_: Any) -> None:
    """A worker needs a broker, and its banner would be the only output that is not a structured log line."""
    if not conf.broker_url:
        environment.stop("CELERY_BROKER_URL", "is empty; a worker needs a broker URL")
    instance.quiet = True


@setup_logging.connect
def configure_logging(**_: Any) -> None:
    """The project's logs; with a receiver of this signal, Celery leaves logging alone."""
    from django.conf import settings

    dictConfig(settings.LOGGING)


@task_prerun.connect
def bind_task(*, task_id: str, **_: Any) -> None:
    """Every log line of a task has the task's id."""
    structlog.contextvars.bind_contextvars(task_id=task_id)


@task_postrun.connect
def unbind_task(**_: Any) -> None:
    """What the process logs next belongs to no task."""
    structlog.contextvars.unbind_contextvars("task_id")
