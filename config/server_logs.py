"""gunicorn's logs in the same format as all others. docker/gunicorn.conf.py refers to this class."""

import logging
import sys
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

from config import environment
from config.logs import formatter


class StructuredLogger(Logger):  # type: ignore[misc] # gunicorn has no type stubs
    """Writes gunicorn's own messages and the access log as structured lines on stdout, without personal data."""

    def _set_handler(self, log: logging.Logger, output: str | None, fmt: logging.Formatter, stream: Any = None) -> None:
        super()._set_handler(log, output, formatter(environment.log_format()), sys.stdout)

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Logs one line per request: what was requested and how it went, but not by whom."""
        if not self.access_log_enabled:
            return
        headers = {name.lower(): value for name, value in resp.headers}
        fields = {
            "method": environ.get("REQUEST_METHOD"),
            "path": environ.get("PATH_INFO"),
            "status": int(str(resp.status).split(None, 1)[0]),
            "bytes": getattr(resp, "sent", None),
            "duration_ms": round(request_time / timedelta(milliseconds=1), 3),
            "request_id": headers.get("x-request-id"),
        }
        self.access_log.info("request", extra=fields)

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Like gunicorn's, but without quoting an invalid request or its sender."""
        if msg.startswith("Invalid request from"):
            msg = "Invalid request"
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Like gunicorn's, but without the query string of the failed request."""
        shown = (arg.partition("?")[0] if isinstance(arg, str) else arg for arg in args)
        super().exception(msg, *shown, **kwargs)
