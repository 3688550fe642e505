"""Request and response bodies in JSON. DATA_UPLOAD_MAX_MEMORY_SIZE limits a body's size before it is parsed."""

from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import LimitedStream
from django.http import HttpRequest
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.utils import json


class StrictJSONParser(JSONParser):
    """Parses UTF-8 whatever the charset is. Refuses NaN, and JSON that is nested too deeply."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            return json.loads(stream.read().decode("utf-8"), parse_constant=json.strict_constant)
        except RecursionError:
            raise ParseError("JSON parse error - nested too deeply") from None
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from None


def open_chunked_body(request: HttpRequest) -> None:
    """Makes a chunked body readable. Django treats it as empty, because it has no Content-Length.

    Only works if the server itself ends such a body, which gunicorn reports in ``wsgi.input_terminated``.
    """
    meta = request.META
    is_chunked = "chunked" in meta.get("HTTP_TRANSFER_ENCODING", "").lower() and not meta.get("CONTENT_LENGTH")
    if is_chunked and meta.get("wsgi.input_terminated"):
        body: Any = LimitedStream(meta["wsgi.input"], settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        request._stream = body
        # The length is unknown, but if it were 0, REST framework would not look for a body.
        meta["CONTENT_LENGTH"] = "1"


class JSONAnswers(DefaultContentNegotiation):
    """Always answers JSON, whatever ``Accept`` or ``?format=`` says, because there is no other format."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type
