"""The service's routes and two of the benchmark's own: the floor, and the worker that answers."""

import os

from django.http import HttpRequest, JsonResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from adaptivity.models import Learner
from config.urls import handler400, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler404", "handler500", "urlpatterns"]


class Floor(APIView):
    """The minimum that an authenticated endpoint does.

    It has the default authentication and permission, one indexed query, and a small JSON answer.
    """

    def get(self, request: Request, user_id: str) -> Response:
        learner = Learner.objects.values("user_id", "evidence_count").get(
            user_id=user_id, tool_consumer_instance_guid=""
        )
        return Response(learner)


def worker(request: HttpRequest) -> JsonResponse:
    """The process that answers, so that a client can spread its connections evenly."""
    return JsonResponse({"worker": os.getpid()})


urlpatterns = [
    path("benchmarks/floor/<str:user_id>", Floor.as_view()),
    path("benchmarks/worker", worker),
    *urlpatterns,
]
