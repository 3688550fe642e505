"""An HTTP client for URLs that somebody else chose, and for servers that may be slow, broken or hostile.

It guards against:

- Addresses inside the network. It connects only to public addresses and to the exceptions of its guard. It connects to
  the very address that it checked, so a name that later resolves to another one gains nothing.
- Redirects and the environment. It follows no redirect, and uses no proxy, netrc or cookie.
- Servers that keep it waiting. ``Patience`` limits each step, each attempt, the attempts and the size of an answer.
- Work that cannot be ended. It calls ``stop`` every tenth of a second, whatever it waits for.

It requests only http and https URLs, and always verifies the certificate of an https server. A request runs in the
caller's thread, and a client makes one request at a time. Only name lookups have their own thread, because they cannot
be ended.
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
    """When to give up a request, in seconds, attempts and bytes.

    ``connect``: to connect to one address, and again for the TLS handshake. ``read``: between two packets of the
    answer. ``whole``: one of the ``tries``, from the name lookup to the last byte. ``first_wait``: before the second
    attempt. ``longest_wait``: the longest wait that a server may ask for with Retry-After. ``max_bytes``: of an
    unpacked answer.
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
    """A server's final answer. ``body`` is the parsed JSON, or None if it is not JSON."""

    status: int
    body: Any


class Client:
    """Makes requests, and repeats them after a timeout, a broken connection, a 5xx or a 429.

    The waits double, with jitter, or are as long as Retry-After says. A client is a context manager that closes its
    connections at the end.

    Raises Unavailable if all attempts failed: ``timeout``, ``unreachable``, ``server_error`` or ``throttled``. Raises
    InvalidInput if trying again cannot help: ``address_refused``, ``invalid_url`` or ``too_large``. Raises Stopped as
    soon as ``stop`` returns true.
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

        ``content`` is ``params``, ``data`` or ``json``, as requests takes them. ``verify`` is True, or a file of
        certificate authorities to trust instead of the usual ones.
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
            raise InvalidInput("the URL cannot be requested", code="invalid_url") from error
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
    """How much time an attempt has left, and whether to continue at all."""

    def __init__(self, stop: Stop, patience: Patience) -> None:
        self._stop, self.patience = stop, patience
        self._deadline = 0.0

    def begin(self) -> None:
        """Starts the clock of an attempt."""
        self.check_stop()
        self._deadline = time.monotonic() + self.patience.whole

    def check_stop(self) -> None:
        if self._stop():
            raise Stopped

    def wait(self, step: Callable[[], T], seconds: float) -> T:
        """Calls ``step`` until it returns a result, and returns that. A call that waits must raise TimeoutError after
        POLL_SECONDS.

        Raises Unavailable after this many seconds or at the deadline of the attempt, and Stopped if asked to stop.
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
    """A socket whose timeout is POLL_SECONDS, and which keeps waiting until the limits are reached."""

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
        # socket.sendall does not say how much it has sent before a timeout.
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[self.send(rest, *flags) :]


class _TLSSocket(_Socket, ssl.SSLSocket):
    def do_handshake(self, *arguments: Any) -> None:
        try:
            self.limits.wait(partial(super().do_handshake, *arguments), self.limits.patience.connect)
        except BaseException:
            # Nobody else has the socket yet, and ssl closes it only after an OSError.
            self.close()
            raise


def _adapter(guard: AddressGuard, limits: _Limits) -> HTTPAdapter:
    """An adapter that connects only where the guard allows, through sockets that observe the limits."""

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
    """The result of getaddrinfo.

    A lookup cannot be ended while a name server keeps it waiting. So it gets its own thread, which is abandoned if the
    limits are reached first.
    """
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
