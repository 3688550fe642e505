"""The common format of error responses: ``{code, detail, errors: [{field, code, message}]}``."""

from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, RequestDataTooBig
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from adaptivity.errors import AdaptivityError, Conflict, Overtaken

log = structlog.get_logger(__name__)


class BodyTooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"


class Contradicted(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"
    default_detail = "Another request changed the data that this request refers to; try again."


def envelope(code: str, detail: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """The body of an error response. Dots in ``field`` lead into nested objects and lists; "" is the whole body.

    Lone surrogates, which messages may quote from the request, are escaped, because no response can contain them.
    """
    entries = [{name: _encodable(text) for name, text in entry.items()} for entry in errors or []]
    return {"code": _encodable(code), "detail": _encodable(detail), "errors": entries}


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def exception_handler(exception: Exception, context: dict[str, Any]) -> Response | None:
    """Turns the exceptions of views into error responses. Returns None, and so a logged 500, for unexpected ones."""
    exception = _as_api_exception(exception)
    if isinstance(exception, AdaptivityError):
        if isinstance(exception, Conflict | Overtaken):
            return _answer(status.HTTP_409_CONFLICT, envelope("conflict", str(exception), exception.entries()))
        return _answer(status.HTTP_400_BAD_REQUEST, envelope("invalid", str(exception), exception.entries()))
    if isinstance(exception, exceptions.ValidationError):
        errors = list(_flatten(exception.get_full_details(), ""))
        first = errors[0]
        detail = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
        return _answer(exception.status_code, envelope("invalid", detail, errors))
    if isinstance(exception, exceptions.APIException):
        code, detail = str(exception.get_codes()), str(exception.detail)
        # Every 400 names a field. If the body is not valid JSON, that is the whole body.
        is_unreadable = isinstance(exception, exceptions.ParseError)
        errors = [{"field": "", "code": code, "message": detail}] if is_unreadable else []
        scheme = getattr(exception, "auth_header", None)
        headers = {"WWW-Authenticate": scheme} if scheme else None
        return _answer(exception.status_code, envelope(code, detail, errors), headers)
    return None


def _as_api_exception(exception: Exception) -> Exception:
    """Converts exceptions of Django and the database to those of REST framework; returns others unchanged."""
    if isinstance(exception, Http404 | ObjectDoesNotExist):
        return exceptions.NotFound()
    if isinstance(exception, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(exception, RequestDataTooBig):
        return BodyTooLarge(f"The request body is larger than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes.")
    if isinstance(exception, UnreadablePostError):
        return exceptions.ParseError("The request body is incomplete.")
    if isinstance(exception, IntegrityError):
        # A simultaneous write of another request led to a constraint violation; nothing was changed.
        log.warning("integrity_error", error=type(exception).__name__)
        return Contradicted()
    return exception


def _answer(status_code: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    set_rollback()
    return Response(body, status=status_code, headers=headers)


def _flatten(details: Any, field: str) -> "list[dict[str, str]]":
    if (
        isinstance(details, dict)
        and set(details) == {"message", "code"}
        and not isinstance(details["message"], dict | list)
    ):
        return [{"field": field, "code": str(details["code"]), "message": str(details["message"])}]
    entries = details.items() if isinstance(details, dict) else enumerate(details)
    result: list[dict[str, str]] = []
    for key, value in entries:
        is_message = isinstance(details, list) and isinstance(value, dict) and set(value) == {"message", "code"}
        own = field if is_message or key == "non_field_errors" else f"{field}.{key}".lstrip(".")
        result += _flatten(value, own)
    return result


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answers 400 to requests that Django itself refuses, for example because of an unknown Host."""
    if _is_api(request):
        return JsonResponse(envelope("bad_request", "The request is not acceptable."), status=400)
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answers 404 to URLs without a route."""
    if _is_api(request):
        return JsonResponse(envelope("not_found", "There is nothing at this URL."), status=404)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answers 500. The log has the error, under the request's id."""
    if _is_api(request):
        return JsonResponse(envelope("server_error", "The service failed; see its log."), status=500)
    return defaults.server_error(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/engine/api/", "/health/", "/ready/", "/version/"))
