"""Middleware for request ids and against NUL characters.

Every request has an id, the proxy's or a new one. It is in each log line and in the response.
"""

import re
import uuid
from collections.abc import Callable

import structlog
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse

REQUEST_ID = re.compile(r"[A-Za-z0-9._=:;-]{1,128}")


class RequestIdMiddleware:
    """Uses ``X-Request-ID`` if it is well-formed, or creates an id. Binds it to the logs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class NulMiddleware:
    """Refuses NUL in text that reaches the database unchecked, because PostgreSQL cannot store NUL in text.

    Such text is in cookies and tokens, which may contain NUL inside quotes, and in the filters of the admin's lists.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        texts = [*request.COOKIES.values(), request.META.get("HTTP_AUTHORIZATION", "")]
        if request.path.startswith("/admin/"):
            # "q" is the search box, whose form refuses NUL itself.
            texts += [text for name, values in request.GET.lists() if name != "q" for text in values]
        if any("\0" in text for text in texts):
            raise SuspiciousOperation("NUL in a text")
        return self.get_response(request)
