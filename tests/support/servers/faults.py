"""Faults of a server that does not answer properly."""

import select
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

from adaptivity.management.local_servers.http import send


def status(code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer without a body."""
    return lambda handler: send(handler, code, **headers)


def hang(handler: BaseHTTPRequestHandler) -> None:
    """Does not answer until the client gives up: the read ends when the client closes the connection."""
    handler.connection.recv(1)


def half(handler: BaseHTTPRequestHandler) -> None:
    """An answer that breaks off."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.close_connection = True


class Drip:
    """An answer that begins with ``head`` at once, and continues with one byte every fiftieth of a second.

    ``begun`` is set when the first byte was sent, ``ended`` when all were sent or the client has left, and ``left``
    when it has left.
    """

    def __init__(self, head: bytes, slow: bytes) -> None:
        self._head, self._slow = head, slow
        self.begun, self.ended, self.left = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.wfile.write(self._head)
        try:
            for byte in self._slow:
                handler.wfile.write(bytes([byte]))
                self.begun.set()
                # A client that has sent its request sends nothing more, so anything to read means that it has closed.
                if select.select([handler.connection], [], [], 0.02)[0]:
                    self.left.set()
                    break
        except ConnectionError:
            self.left.set()
        self.ended.set()
