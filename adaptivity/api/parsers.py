"""Request bodies: JSON, bounded in size and depth."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, UnreadablePostError
from rest_framework.exceptions import APIException, ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.utils import json


class BodyTooLarge(APIException):
    status_code = 413
    default_code = "body_too_large"
    default_detail = "The request body is too large."


class BoundedJSONParser(JSONParser):
    """Refuses a body above DATA_UPLOAD_MAX_MEMORY_SIZE before reading more of it; REST framework reads past it."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        try:
            body = stream.read(limit + 1)
        except UnreadablePostError:
            raise ParseError("The request body ended early.") from None
        if len(body) > limit:
            raise BodyTooLarge(f"The request body is larger than {limit} bytes.")
        try:
            return json.loads(body.decode("utf-8"), parse_constant=json.strict_constant)
        except RecursionError:
            raise ParseError("JSON parse error - nested too deeply") from None
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from None


def open_chunked_body(request: HttpRequest) -> None:
    """Lets a body be read that comes in chunks, so without Content-Length; Django takes it for empty.

    Only where the server itself ends such a body, which gunicorn says in ``wsgi.input_terminated``.
    """
    chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    if chunked and request.META.get("wsgi.input_terminated") and not request.META.get("CONTENT_LENGTH"):
        request._stream = request.META["wsgi.input"]
        # Unknown, but not 0: REST framework would not look for a body.
        request.META["CONTENT_LENGTH"] = str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)


class JSONAnswers(DefaultContentNegotiation):
    """Answers JSON whatever ``Accept`` or ``?format=`` say: there is nothing else to choose."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type
