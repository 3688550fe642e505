"""Liveness, readiness and version, for the load balancer and for people. No token is needed."""

from collections.abc import Callable

import structlog
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from adaptivity.api.parsers import JSONAnswers
from adaptivity.api.resource import Plain
from adaptivity.models import EngineState

log = structlog.get_logger(__name__)
BROKER_TIMEOUT_SECONDS = 2
MODEL_VERSION = (
    "The version in force. null if the authors' parameters are in force, or if the database is unreachable; check "
    "/ready/ to tell them apart."
)


class HealthSerializer(Plain):
    status = serializers.CharField()


class ChecksSerializer(Plain):
    database = serializers.CharField(help_text="ok or unreachable")
    broker = serializers.CharField(help_text="ok, unreachable or in-process")


class ReadySerializer(Plain):
    status = serializers.CharField(help_text="ready or not ready")
    checks = ChecksSerializer()


class TaskSerializer(Plain):
    family = serializers.CharField(help_text="Family of the task definition.")
    revision = serializers.CharField(help_text="Revision of the task definition.")
    availability_zone = serializers.CharField()


class VersionSerializer(Plain):
    tag = serializers.CharField(allow_null=True, help_text="Tag of the image.")
    commit = serializers.CharField(allow_null=True)
    model_version = serializers.CharField(allow_null=True, help_text=MODEL_VERSION)
    task = TaskSerializer(allow_null=True, help_text="The ECS task that answers; null outside ECS.")


class Operation(APIView):
    """A view open to everybody. It ignores tokens and sessions."""

    authentication_classes = ()
    permission_classes = ()
    content_negotiation_class = JSONAnswers
    http_method_names = ["get", "head"]


class Health(Operation):
    @extend_schema(operation_id="health", tags=["operations"], auth=[], responses=HealthSerializer)
    def get(self, request: Request) -> Response:
        """Returns ok if the service is alive. Touches no backend."""
        return Response({"status": "ok"})


class Ready(Operation):
    @extend_schema(
        operation_id="ready", tags=["operations"], auth=[], responses={200: ReadySerializer, 503: ReadySerializer}
    )
    def get(self, request: Request) -> Response:
        """Returns 200 if the database and the broker are reachable, or 503 with the one that is not."""
        checks = {"database": _check("database", _database), "broker": "in-process"}
        if settings.CELERY_BROKER_URL:
            checks["broker"] = _check("broker", _broker)
        is_ready = "unreachable" not in checks.values()
        body = {"status": "ready" if is_ready else "not ready", "checks": checks}
        return Response(body, status=200 if is_ready else 503)


class Version(Operation):
    @extend_schema(operation_id="version", tags=["operations"], auth=[], responses=VersionSerializer)
    def get(self, request: Request) -> Response:
        """Returns what runs: the image's tag and commit, the model version in force, and the task definition on ECS."""
        # The task's ARN stays out, because it contains the account number, and this page is public.
        task = TaskSerializer(settings.ECS_TASK).data if settings.ECS_TASK else None
        return Response(
            {
                "tag": settings.APP_TAG or None,
                "commit": settings.APP_COMMIT or None,
                "model_version": _model_version(),
                "task": task,
            }
        )


health, ready, version = Health.as_view(), Ready.as_view(), Version.as_view()


def _check(name: str, probe: Callable[[], None]) -> str:
    try:
        probe()
    except Exception as error:
        # Drivers raise their own errors for a refused login or a broken handshake; all mean unreachable here.
        log.warning("not_ready", check=name, error=type(error).__name__)
        return "unreachable"
    return "ok"


def _model_version() -> str | None:
    """The name of the active version. None if the database is unreachable, so that the page still shows the image."""
    try:
        return EngineState.objects.values_list("active_model_version__name", flat=True).first()
    except (DatabaseError, InterfaceError) as error:
        log.warning("model_version_unknown", error=type(error).__name__)
        return None


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _broker() -> None:
    with current_app.connection_for_write(connect_timeout=BROKER_TIMEOUT_SECONDS) as broker:
        # One attempt is enough, because readiness is checked again.
        broker.ensure_connection(max_retries=0)
