"""A client of HTTP APIs for jobs: patient with servers that are slow, busy or broken, but not for ever."""

import json
import random
import re
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import structlog
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, LocationParseError, NameResolutionError, NewConnectionError

from adaptivity.errors import InvalidInput, Stopped, Unavailable
from adaptivity.outbound.addresses import AddressGuard, NotAllowed
from adaptivity.progress import Stop

log = structlog.get_logger(__name__)

SECONDS = re.compile(r"[0-9]{1,9}")
TOO_MANY_REQUESTS = 429
SERVER_ERRORS = range(500, 600)
CHUNK_BYTES = 64 * 1024
POLL_SECONDS = 0.1
USER_AGENT = "adaptivity-scraper"
UNUSABLE_URL = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    urllib3.exceptions.LocationValueError,
)


@dataclass(frozen=True)
class Patience:
    """Seconds, numbers and bytes after which a request is given up: ``connect`` to connect to an address, ``read``
    between two packets, ``whole`` for one of the ``tries``, from the name that is looked up to the last byte.
    ``longest_wait`` bounds what a server may ask for with Retry-After."""

    connect: float = 10.0
    read: float = 60.0
    whole: float = 600.0
    tries: int = 5
    first_wait: float = 1.0
    longest_wait: float = 120.0
    max_bytes: int = 128 * 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """What a server answered in the end. ``body`` is the parsed JSON, None where it is none."""

    status: int
    body: Any


@dataclass(frozen=True)
class _Received:
    """An answer as it came; ``body`` is empty where it is not read, as the request is to be tried again."""

    status: int
    retry_after: str
    body: bytes


class AddressRefused(NewConnectionError):
    """The host has addresses, and none of them may be connected to."""


class Client:
    """Asks for JSON, again where that may help: after a time-out, a broken connection, a 5xx and a 429, with waits that
    double, jittered, or as long as Retry-After says. Follows no redirect, and uses no proxy of the environment.

    Raises Unavailable with the code ``timeout``, ``unreachable``, ``server_error`` or ``throttled`` where all tries
    failed, InvalidInput with the code ``address_refused`` or ``too_large``, and Stopped where ``stop`` answers true.
    """

    def __init__(self, *, guard: AddressGuard, stop: Stop, patience: Patience = Patience()) -> None:
        self._guard, self._stop, self._patience = guard, stop, patience
        self._session = _Session(guard)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def ask(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **options: Any) -> Answer:
        """The answer to a request; any status but those that are tried again."""
        failure: Unavailable | None = None
        for attempt in range(self._patience.tries):
            if self._stop():
                raise Stopped
            seconds = self._patience.first_wait * 2**attempt * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
            try:
                received = self._try(method, url, headers, options)
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                failure = _translated(error)
            else:
                if not _is_tried_again(received.status):
                    return Answer(received.status, _parsed(received.body))
                failure = _failure(received.status)
                seconds = self._asked_wait(received.retry_after, failure) or seconds
            log.warning("request_failed", host=_host(url), code=failure.code, attempt=attempt + 1)
            if attempt + 1 < self._patience.tries:
                self._wait(min(seconds, self._patience.longest_wait))
        if failure is None:
            raise ValueError("Patience.tries must be at least 1")
        raise failure

    def _try(self, method: str, url: str, headers: Mapping[str, str] | None, options: Mapping[str, Any]) -> _Received:
        """One try. It has a thread of its own: whoever reads a line or a block from a socket can neither look at the
        clock nor ask whether to stop before it is whole, and a server may send a byte of it now and then for ever."""
        session, future = self._session, Future[_Received]()
        threading.Thread(
            target=_settle, args=(future, lambda: self._receive(session, method, url, headers, options)), daemon=True
        ).start()
        until = time.monotonic() + self._patience.whole
        try:
            while not future.done():
                if self._stop():
                    raise Stopped
                left = until - time.monotonic()
                if left <= 0:
                    raise requests.Timeout
                wait([future], timeout=min(POLL_SECONDS, left))
        except BaseException:
            session.shut()
            self._session = _Session(self._guard)
            raise
        return future.result()

    def _receive(
        self,
        session: "_Session",
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        options: Mapping[str, Any],
    ) -> _Received:
        timeouts = (self._patience.connect, self._patience.read)
        with session.request(
            method, url, headers=headers, timeout=timeouts, allow_redirects=False, stream=True, **options
        ) as response:
            status = response.status_code
            body = b"" if _is_tried_again(status) else self._body(response)
            return _Received(status, response.headers.get("Retry-After", ""), body)

    def _asked_wait(self, header: str, failure: Unavailable) -> float | None:
        """The seconds of Retry-After. Raises the failure where that is longer than anybody should wait."""
        seconds = retry_after(header)
        if seconds is not None and seconds > self._patience.longest_wait:
            raise Unavailable(f"{failure.message}, and asks to wait for {seconds:.0f} s", code=failure.code)
        return seconds

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(CHUNK_BYTES):
            body += chunk
            if len(body) > self._patience.max_bytes:
                raise InvalidInput(f"an answer is larger than {self._patience.max_bytes} bytes", code="too_large")
        return bytes(body)

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._stop():
                raise Stopped
            time.sleep(min(POLL_SECONDS, left))


def retry_after(text: str) -> float | None:
    """The seconds that a Retry-After header asks to wait for: a number, or a date. None where it is neither."""
    text = text.strip()
    if SECONDS.fullmatch(text):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _is_tried_again(status: int) -> bool:
    return status == TOO_MANY_REQUESTS or status in SERVER_ERRORS


def _failure(status: int) -> Unavailable:
    if status == TOO_MANY_REQUESTS:
        return Unavailable("the server wants fewer requests (429)", code="throttled")
    return Unavailable(f"the server failed ({status})", code="server_error")


def _translated(error: requests.RequestException | urllib3.exceptions.HTTPError) -> Unavailable:
    """Ours for one of requests' or, where requests lets it through, of urllib3's. Raises InvalidInput where trying
    again would not help."""
    reason: Any = error.args[0] if error.args else None
    reason = getattr(reason, "reason", reason)
    if isinstance(reason, AddressRefused):
        raise InvalidInput(str(reason.__cause__), code="address_refused") from error
    if isinstance(error, UNUSABLE_URL):
        raise InvalidInput("the URL cannot be asked for", code="invalid_url") from error
    if isinstance(error, requests.Timeout) or isinstance(reason, urllib3.exceptions.TimeoutError):
        return Unavailable("the server does not answer in time", code="timeout")
    return Unavailable("the server cannot be reached", code="unreachable")


def _host(url: str) -> str:
    return urllib3.util.parse_url(url).host or ""


def _settle(future: Future[_Received], receive: Callable[[], _Received]) -> None:
    try:
        future.set_result(receive())
    except BaseException as error:
        future.set_exception(error)


class _Session(requests.Session):
    """A session that another thread may end, also while it waits for the server."""

    def __init__(self, guard: AddressGuard) -> None:
        super().__init__()
        self._sockets = _Sockets()
        self.trust_env = False
        self.headers["User-Agent"] = USER_AGENT
        for scheme in ("http://", "https://"):
            self.mount(scheme, _GuardedAdapter(guard, self._sockets))

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: also where none is followed, requests would read the whole answer to prepare for the next request."""
        return None

    def shut(self) -> None:
        """Ends what another thread does with this session, which is of no use after that."""
        self._sockets.shut()


class _Sockets:
    """The open sockets of a session. After ``shut`` there are no new ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._is_shut = False

    def add(self, opened: socket.socket) -> None:
        """Raises ConnectionAbortedError where they are shut."""
        with self._lock:
            if not self._is_shut:
                self._open.add(opened)
                return
        opened.close()
        raise ConnectionAbortedError("the request was given up")

    def shut(self) -> None:
        """Whoever reads from one of them or writes to it gets its end."""
        with self._lock:
            self._is_shut = True
            for opened in self._open:
                # It may have been closed, or be none any more since TLS has taken it over. A TLS socket's own method
                # is not for a socket that another thread uses.
                with suppress(OSError):
                    socket.socket.shutdown(opened, socket.SHUT_RDWR)


class _GuardedAdapter(HTTPAdapter):
    """Connects only to addresses that the guard allows."""

    def __init__(self, guard: AddressGuard, sockets: _Sockets) -> None:
        self._guard, self._sockets = guard, sockets
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        guard, sockets = self._guard, self._sockets

        class PlainConnection(HTTPConnection):
            def _new_conn(self) -> Any:
                return _connect(self, guard, sockets)

        class TLSConnection(HTTPSConnection):
            def _new_conn(self) -> Any:
                return _connect(self, guard, sockets)

            def connect(self) -> None:
                super().connect()
                # By now another one than _new_conn has made.
                sockets.add(self.sock)

        class PlainPool(urllib3.HTTPConnectionPool):
            ConnectionCls = PlainConnection

        class TLSPool(urllib3.HTTPSConnectionPool):
            ConnectionCls = TLSConnection

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": TLSPool}


def _connect(connection: Any, guard: AddressGuard, sockets: _Sockets) -> Any:
    """A socket to the first address of the connection's host that the guard allows and that answers."""
    host, port = connection.host, connection.port
    try:
        addresses = guard.addresses(host, port)
    except socket.gaierror as error:
        raise NameResolutionError(host, connection, error) from error
    except UnicodeError as error:
        raise LocationParseError(host) from error
    except NotAllowed as error:
        raise AddressRefused(connection, str(error)) from error
    failure: Exception | None = None
    for address in addresses:
        try:
            connected = urllib3.util.connection.create_connection(
                (address, port), connection.timeout, connection.source_address, connection.socket_options
            )
        except TimeoutError as error:
            failure = ConnectTimeoutError(connection, f"no connection within {connection.timeout} s")
            failure.__cause__ = error
        except OSError as error:
            failure = NewConnectionError(connection, f"no connection: {error}")
            failure.__cause__ = error
        else:
            sockets.add(connected)
            sys.audit("http.client.connect", connection, host, port)
            return connected
    raise failure or NewConnectionError(connection, "no connection")
