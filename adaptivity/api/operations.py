"""Liveness, readiness and version: plain views, no token."""

from collections.abc import Callable

import structlog
from amqp.exceptions import AMQPError
from django.conf import settings
from django.db import connection
from django.db.utils import Error as DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from kombu.exceptions import KombuError

from adaptivity.models import EngineState
from config.celery import app

log = structlog.get_logger(__name__)
BROKER_TIMEOUT_SECONDS = 2


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Alive; touches no backend."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Whether the database and the broker are reachable: 200, or 503 and which is not."""
    checks = {"database": _check("database", _database), "broker": "in-process"}
    if settings.CELERY_BROKER_URL:
        checks["broker"] = _check("broker", _broker)
    is_ready = "unreachable" not in checks.values()
    body = {"status": "ready" if is_ready else "not ready", "checks": checks}
    return JsonResponse(body, status=200 if is_ready else 503)


@require_safe
def version(request: HttpRequest) -> JsonResponse:
    """What runs: the image's tag and commit, and the active model version (null: the authors' parameters)."""
    name = EngineState.objects.values_list("active_model_version__name", flat=True).first()
    return JsonResponse({"tag": settings.APP_TAG or None, "commit": settings.APP_COMMIT or None, "model_version": name})


def _check(name: str, probe: Callable[[], None]) -> str:
    try:
        probe()
    except (DatabaseError, OSError, KombuError, AMQPError) as error:
        log.warning("not_ready", check=name, error=type(error).__name__)
        return "unreachable"
    return "ok"


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _broker() -> None:
    with app.connection_for_write(connect_timeout=BROKER_TIMEOUT_SECONDS) as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_TIMEOUT_SECONDS)
