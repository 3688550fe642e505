"""The Celery application, which `celery -A config worker` loads."""

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
    """Checks DJANGO_SETTINGS_MODULE, because Celery may be the first to read a setting."""
    environment.settings_module()


@celeryd_init.connect
def prepare_worker(*, instance: Any, conf: Any, **_: Any) -> None:
    """Stops without a broker, and hides the banner, which would be the only output that is not a structured log."""
    if not conf.broker_url:
        environment.stop("CELERY_BROKER_URL", "is empty; a worker needs a broker URL")
    instance.quiet = True


@setup_logging.connect
def configure_logging(**_: Any) -> None:
    """Configures the project's logs. Because this signal has a receiver, Celery does not configure logging itself."""
    from django.conf import settings

    dictConfig(settings.LOGGING)


@task_prerun.connect
def bind_task(*, task_id: str, **_: Any) -> None:
    """Adds the task's id to every log line of the task."""
    structlog.contextvars.bind_contextvars(task_id=task_id)


@task_postrun.connect
def unbind_task(**_: Any) -> None:
    """Removes the task's id from later log lines."""
    structlog.contextvars.unbind_contextvars("task_id")
