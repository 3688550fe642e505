"""An Open edX LMS that fails as a test tells it to."""

from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from adaptivity.management.local_servers.http import send_json
from adaptivity.management.local_servers.open_edx import Course, OpenEdXServer

Fault = Callable[[BaseHTTPRequestHandler], None]


class FaultyOpenEdX(OpenEdXServer):
    """An LMS with faults.

    ``faults`` answer the next requests, except those for a token. ``requests`` are the requested paths, in order.
    ``changed`` transforms the body of an answer before it is sent. ``next_token`` replaces the next token.
    """

    def __init__(self, *courses: Course) -> None:
        client = ("adaptivity", "s3cret$with{signs}")
        super().__init__(*courses, client=client, launch_root="https://lms.example", page_size=2)
        self.faults: deque[Fault | None] = deque()
        self.requests: list[str] = []
        self.changed: Callable[[Any], Any] = lambda body: body
        self.next_token: str | None = None

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append(urlsplit(handler.path).path)
        if self.next_token is not None:
            send_json(handler, 200, {"access_token": self.next_token, "token_type": "JWT", "expires_in": 3600})
        else:
            super().answer(handler)

    def answer_api(self, handler: BaseHTTPRequestHandler, path: str, query: dict[str, str]) -> None:
        fault = self.faults.popleft() if self.faults else None
        if fault is not None:
            fault(handler)
        else:
            super().answer_api(handler, path, query)

    def send_body(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        super().send_body(handler, self.changed(body))
