"""An HTTP client for URLs that somebody else chose, and for servers that may be slow, broken or hostile.

It guards against:

- addresses inside the network: it connects to public addresses, and to the exceptions of its guard. The address that
  it checks is the one that it connects to, so a name that resolves to another address later gains nothing;
- redirects and the environment: it follows no redirect, and uses no proxy, netrc or cookie;
- servers that keep it waiting: ``Patience`` limits each step, each try, the tries and the size of an answer;
- work that cannot be ended: ``stop`` is asked every tenth of a second, whatever the client waits for.

Nothing but http and https is asked for, and the certificate of an https server is always verified. A request runs in
the caller's thread; a client makes one request at a time. Name lookups alone have a thread, as they cannot be ended.
"""

import errno
import json
import os
import random
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Literal, TypeVar

import requests
import structlog
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import LocationParseError
from urllib3.util.ssl_ import create_urllib3_context
from urllib3.util.wait import wait_for_write

from adaptivity.errors import InvalidInput, Stopped, Unavailable
from adaptivity.outbound.addresses import AddressGuard, refusal
from adaptivity.progress import Stop

log = structlog.get_logger(__name__)
T = TypeVar("T")

SECONDS = re.compile(r"[0-9]{1,9}")
TOO_MANY_REQUESTS = 429
SERVER_ERRORS = range(500, 600)
CHUNK_BYTES = 64 * 1024
POLL_SECONDS = 0.1
HOSTS = 10
UNUSABLE_URL = (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, LocationParseError)


@dataclass(frozen=True)
class Patience:
    """When a request is given up, in seconds, tries and bytes.

    ``connect``: to connect to one address, and again for the TLS handshake. ``read``: between two packets of the
    answer. ``whole``: one of the ``tries``, from the name lookup to the last byte. ``first_wait``: before the second
    try. ``longest_wait``: the longest wait that a server may ask for with Retry-After. ``max_bytes``: of an answer,
    unpacked.
    """

    connect: float = 10.0
    read: float = 60.0
    whole: float = 600.0
    tries: int = 5
    first_wait: float = 1.0
    longest_wait: float = 120.0
    max_bytes: int = 128 * 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """A server's final answer. ``body`` is the parsed JSON, None if it is not JSON."""

    status: int
    body: Any


class Client:
    """Makes requests, and repeats one after a timeout, a broken connection, a 5xx or a 429. The waits double, with
    jitter, or are as long as Retry-After says. A context manager: its connections are closed at the end.

    Raises:

    - Unavailable if all tries failed: ``timeout``, ``unreachable``, ``server_error`` or ``throttled``;
    - InvalidInput if trying again cannot help: ``address_refused``, ``invalid_url`` or ``too_large``;
    - Stopped as soon as ``stop`` answers true.
    """

    def __init__(
        self,
        *,
        guard: AddressGuard,
        stop: Stop,
        patience: Patience = Patience(),
        user_agent: str = "adaptivity",
    ) -> None:
        self._patience, self._user_agent = patience, user_agent
        self._limits = _Limits(stop, patience)
        self._adapter = _adapter(guard, self._limits)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._adapter.close()

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        verify: Literal[True] | str = True,
        **content: Any,
    ) -> Answer:
        """The answer to a request, whatever its status, unless the status is one that is tried again.

        ``content``: ``params``, ``data`` or ``json``, as requests takes them. ``verify``: a file of certificate
        authorities to trust instead of the usual ones.
        """
        all_headers = requests.utils.default_headers()
        all_headers.update({"User-Agent": self._user_agent, **(headers or {})})
        request = requests.Request(method, url, headers=all_headers, **content)
        failure: Unavailable | None = None
        for attempt in range(self._patience.tries):
            seconds = self._patience.first_wait * 2**attempt * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
            try:
                status, wait, body = self._try(request, verify)
            except Unavailable as error:
                failure = error
            else:
                if not _is_tried_again(status):
                    return Answer(status, _parsed(body))
                failure = _failure(status)
                seconds = self._asked_wait(wait, failure) or seconds
            log.warning("request_failed", host=_host(url), code=failure.code, attempt=attempt + 1)
            if attempt + 1 < self._patience.tries:
                self._wait(min(seconds, self._patience.longest_wait))
        if failure is None:
            raise ValueError("Patience.tries must be at least 1")
        raise failure

    def _try(self, request: requests.Request, verify: Literal[True] | str) -> tuple[int, str, bytes]:
        """The status, Retry-After, and the body, which is not read if the request is to be tried again."""
        self._limits.begin()
        try:
            prepared = request.prepare()
            with self._adapter.send(prepared, stream=True, timeout=POLL_SECONDS, verify=verify) as response:
                status = response.status_code
                body = b"" if _is_tried_again(status) else self._body(response)
                return status, response.headers.get("Retry-After", ""), body
        except UNUSABLE_URL as error:
            raise InvalidInput("the URL cannot be asked for", code="invalid_url") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise Unavailable("the server cannot be reached", code="unreachable") from error

    def _asked_wait(self, header: str, failure: Unavailable) -> float | None:
        """The seconds of Retry-After. Raises the failure if they are more than ``longest_wait``."""
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
            self._limits.check_stop()
            time.sleep(min(POLL_SECONDS, left))


def retry_after(text: str) -> float | None:
    """The seconds to wait that a Retry-After header asks for, as a number or a date. None if it is neither."""
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


def _host(url: str) -> str:
    return urllib3.util.parse_url(url).host or ""


class _Limits:
    """How long a try may still take, and whether to go on at all."""

    def __init__(self, stop: Stop, patience: Patience) -> None:
        self._stop, self.patience = stop, patience
        self._deadline = 0.0

    def begin(self) -> None:
        """Starts the clock of a try."""
        self.check_stop()
        self._deadline = time.monotonic() + self.patience.whole

    def check_stop(self) -> None:
        if self._stop():
            raise Stopped

    def wait(self, step: Callable[[], T], seconds: float) -> T:
        """What ``step`` answers. It waits for POLL_SECONDS at most, then raises TimeoutError and is called again.

        Raises Unavailable after so many seconds, or at the deadline of the try, and Stopped.
        """
        until = min(time.monotonic() + seconds, self._deadline)
        while True:
            self.check_stop()
            if time.monotonic() >= until:
                raise Unavailable("the server does not answer in time", code="timeout")
            try:
                return step()
            except TimeoutError as error:
                # With a number it is the kernel's ETIMEDOUT: the connection is broken.
                if error.errno is not None:
                    raise


class _Socket(socket.socket):
    """A socket whose timeout is POLL_SECONDS, and which waits on until the limits are reached."""

    limits: _Limits

    def connect(self, address: Any) -> None:
        self.settimeout(0)
        number = self.connect_ex(address)
        if number == errno.EINPROGRESS:
            self.limits.wait(self._wait_for_connection, self.limits.patience.connect)
            number = self.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, os.strerror(number))
        self.settimeout(POLL_SECONDS)

    def _wait_for_connection(self) -> None:
        if not wait_for_write(self, POLL_SECONDS):
            raise TimeoutError

    def recv_into(self, *arguments: Any) -> int:
        return self.limits.wait(partial(super().recv_into, *arguments), self.limits.patience.read)

    def send(self, *arguments: Any) -> int:
        return self.limits.wait(partial(super().send, *arguments), self.limits.patience.read)

    def sendall(self, data: Any, *flags: int) -> None:
        # The method of socket does not say how much it has sent before a timeout.
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[self.send(rest, *flags) :]


class _TLSSocket(_Socket, ssl.SSLSocket):
    def do_handshake(self, *arguments: Any) -> None:
        try:
            self.limits.wait(partial(super().do_handshake, *arguments), self.limits.patience.connect)
        except BaseException:
            # Nobody else has the socket yet, and ssl closes it after an OSError alone.
            self.close()
            raise


def _adapter(guard: AddressGuard, limits: _Limits) -> HTTPAdapter:
    """Connects to what the guard allows alone, through sockets that keep to the limits."""

    def connect(connection: Any) -> socket.socket:
        return _connected(connection.host, connection.port, connection.socket_options or (), guard, limits)

    def guarded(pool: type[Any], connection: type[Any]) -> type[Any]:
        return type(
            pool.__name__, (pool,), {"ConnectionCls": type("Connection", (connection,), {"_new_conn": connect})}
        )

    context = create_urllib3_context()
    context.sslsocket_class = type("TLSSocket", (_TLSSocket,), {"limits": limits})
    adapter = HTTPAdapter(max_retries=0)
    adapter.init_poolmanager(HOSTS, 1, ssl_context=context)
    adapter.poolmanager.pool_classes_by_scheme = {
        "http": guarded(urllib3.HTTPConnectionPool, HTTPConnection),
        "https": guarded(urllib3.HTTPSConnectionPool, HTTPSConnection),
    }
    return adapter


def _connected(host: str, port: int, options: Any, guard: AddressGuard, limits: _Limits) -> _Socket:
    """A socket to the first address of the host that the guard allows and that answers."""
    found = _looked_up(host.strip("[]"), port, limits)
    allowed = [entry for entry in found if guard.allows(host, port, str(entry[4][0]))]
    if not allowed:
        raise InvalidInput(refusal(str(entry[4][0]) for entry in found), code="address_refused")
    failure: Exception | None = None
    for family, kind, protocol, _, address in allowed:
        opened = _Socket(family, kind, protocol)
        opened.limits = limits
        try:
            for option in options:
                opened.setsockopt(*option)
            opened.connect(address)
            return opened
        except BaseException as error:
            opened.close()
            if not isinstance(error, OSError | Unavailable):
                raise
            failure = error
    raise failure or OSError("no address")


def _looked_up(host: str, port: int, limits: _Limits) -> list[Any]:
    """What getaddrinfo answers. It cannot be ended while a name server keeps it waiting, so it gets a thread, which is
    left behind if the limits are reached first."""
    answer = Future[list[Any]]()

    def look_up() -> None:
        try:
            answer.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        return limits.wait(partial(answer.result, POLL_SECONDS), limits.patience.whole)
    except UnicodeError as error:
        raise LocationParseError(host) from error
