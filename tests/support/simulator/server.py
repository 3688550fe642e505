"""moto's server on one port, with its requests recorded."""

import io
import json
import re
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug import serving

from tests.support.simulator import additions, given

RECORDED = "/simulator/requests"
# The service in an AWS client's signature: Credential=KEY/DATE/REGION/SERVICE/aws4_request
SIGNED = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Recorder:
    """Passes requests on, and records them."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._requests: list[dict[str, Any]] = []
        # One request at a time, because moto's models are not thread-safe and Terraform sends ten at a time.
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with self._lock:
            if environ["PATH_INFO"] == RECORDED:
                return self._answer(environ["REQUEST_METHOD"], start_response)
            self._remember(environ)
            # The whole answer is built while the lock is held.
            return [b"".join(self._application(environ, start_response))]

    def _answer(self, method: str, start_response: Any) -> Iterable[bytes]:
        body = json.dumps(self._requests).encode()
        if method == "DELETE":
            self._requests.clear()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def _remember(self, environ: dict[str, Any]) -> None:
        signed = SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
        if not signed:
            return
        kind = environ.get("CONTENT_TYPE", "")
        parameters: Any = None
        if "json" in kind or "urlencoded" in kind:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            parameters = json.loads(body or b"{}") if "json" in kind else dict(parse_qsl(body.decode()))
        target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        form = (parameters or {}).get("Action") if "urlencoded" in kind else None
        self._requests.append(
            {
                "service": signed[1],
                "action": target or form or f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}",
                "parameters": parameters,
            }
        )


class QuietHandler(MotoRequestHandler):  # type: ignore[misc]
    """Does not log requests, because a log that nobody reads fills its pipe."""

    def log_request(self, *arguments: Any, **named: Any) -> None:
        pass


def make_server(port: int) -> serving.BaseWSGIServer:
    """A listening server. Port 0 chooses a free one."""
    additions.install()
    given.install()
    application = Recorder(DomainDispatcherApplication(create_backend_app))
    return serving.make_server("127.0.0.1", port, application, threaded=True, request_handler=QuietHandler)
