"""The client of HTTP APIs against real servers that take their time: it gives up in time, stops when asked, waits as
long as it is asked to, and no longer."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from adaptivity.errors import InvalidInput, Stopped, Unavailable
from adaptivity.management.local_servers.http import LocalServer, send, send_json
from adaptivity.outbound.addresses import AddressGuard
from adaptivity.outbound.client import Answer, Client, Patience
from tests.support.servers.faults import Drip, hang, status

# An answer that is sent a byte each fiftieth of a second takes 10 s, of which the client waits for 0.2 s.
SLOW = b"a" * 500
IMPATIENT = Patience(connect=1, read=1, whole=0.2, tries=1)
SECONDS = 30
# Longer than the client waits between two looks at its limits, where a test says so.
PAUSE = 0.1
# More than what fits into the buffers of a connection.
LARGE = bytes(range(256)) * 2**16
DRIPS = {
    "status line": (b"", b"HTTP/1.1 200 " + SLOW),
    "header": (b"HTTP/1.1 200 OK\r\nX-Slow: ", SLOW),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", SLOW),
    "body without a length": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", SLOW),
    "chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f4\r\n", SLOW),
    "length of a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f4;", SLOW),
    "body of a redirect": (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 500\r\n\r\n", SLOW),
}


def client(server: LocalServer, *, patience: Patience, stop: Callable[[], bool] = lambda: False) -> Client:
    return Client(guard=AddressGuard.of([server.netloc]), stop=stop, patience=patience)


class TLSServer(LocalServer):
    """A server of ``localhost``. Its certificate, which is self-signed, is written to the file ``pem``. A handshake
    takes ``pause`` seconds longer than it would."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None], pem: Path, *, pause: float = 0.0) -> None:
        super().__init__(answer)
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now, day = datetime.now(UTC), timedelta(days=1)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        context.sni_callback = lambda *_: time.sleep(pause)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)


@pytest.mark.parametrize("drip", DRIPS.values(), ids=list(DRIPS))
def test_an_answer_that_comes_a_byte_at_a_time_is_given_up_as_a_whole(drip: tuple[bytes, bytes]) -> None:
    fault = Drip(*drip)
    with LocalServer(fault) as server, client(server, patience=IMPATIENT) as asking:
        with pytest.raises(Unavailable) as raised:
            asking.ask("GET", server.url)

        assert raised.value.code == "timeout"
        # Its connection is closed, long before all is sent.
        assert fault.ended.wait(SECONDS)
        assert fault.left.is_set()


@pytest.mark.parametrize("drip", [DRIPS["header"], DRIPS["body"]], ids=["header", "body"])
def test_it_stops_while_an_answer_comes_a_byte_at_a_time(drip: tuple[bytes, bytes]) -> None:
    fault = Drip(*drip)
    with LocalServer(fault) as server, client(server, patience=Patience(), stop=fault.begun.is_set) as asking:
        with pytest.raises(Stopped):
            asking.ask("GET", server.url)

        assert fault.ended.wait(SECONDS)
        assert fault.left.is_set()


def test_it_stops_while_there_is_no_answer() -> None:
    asked, left = threading.Event(), threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        hang(handler)
        left.set()

    # The answer would be waited for twice as long as the test waits.
    patience = Patience(read=2 * SECONDS, tries=1)
    with LocalServer(answer) as server, client(server, patience=patience, stop=asked.is_set) as asking:
        with pytest.raises(Stopped):
            asking.ask("GET", server.url)

        assert left.wait(SECONDS)


@pytest.fixture(params=["name", "connection", "handshake", "request"])
def silent(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, AddressGuard]]:
    """The URL of a server that leaves whoever posts to it waiting: for its address, for a connection, for a TLS
    handshake, or for somebody who reads the request."""
    ended, look_up = threading.Event(), socket.getaddrinfo

    def hanging(*arguments: Any, **options: Any) -> Any:
        ended.wait(2 * SECONDS)
        return look_up(*arguments, **options)

    with socket.socket() as server, ExitStack() as queue:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        if request.param == "connection":
            for _ in range(4):
                waiting = queue.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(server.getsockname())
        elif request.param == "name":
            monkeypatch.setattr("socket.getaddrinfo", hanging)
        netloc = f"127.0.0.1:{server.getsockname()[1]}"
        yield f"http{'s' * (request.param == 'handshake')}://{netloc}/", AddressGuard.of([netloc])
        ended.set()


def test_each_step_has_an_end(silent: tuple[str, AddressGuard]) -> None:
    url, guard = silent
    patience = Patience(connect=SECONDS, read=SECONDS, whole=0.2, tries=1)
    begun = time.monotonic()
    with Client(guard=guard, stop=lambda: False, patience=patience) as asking, pytest.raises(Unavailable) as raised:
        asking.ask("POST", url, data=LARGE)

    assert raised.value.code == "timeout"
    assert time.monotonic() - begun < SECONDS


@pytest.mark.parametrize("silent", ["connection", "handshake", "request"], indirect=True)
def test_each_step_has_an_end_of_its_own(silent: tuple[str, AddressGuard]) -> None:
    url, guard = silent
    patience = Patience(connect=0.2, read=0.2, whole=2 * SECONDS, tries=1)
    begun = time.monotonic()
    with Client(guard=guard, stop=lambda: False, patience=patience) as asking, pytest.raises(Unavailable) as raised:
        asking.ask("POST", url, data=LARGE)

    assert raised.value.code == "timeout"
    assert time.monotonic() - begun < SECONDS


def test_it_stops_at_each_step(silent: tuple[str, AddressGuard]) -> None:
    url, guard = silent
    patience = Patience(connect=2 * SECONDS, read=2 * SECONDS)
    begun = time.monotonic()
    with (
        Client(guard=guard, stop=lambda: time.monotonic() > begun + 0.2, patience=patience) as asking,
        pytest.raises(Stopped),
    ):
        asking.ask("POST", url, data=LARGE)

    assert time.monotonic() - begun < SECONDS


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "TLS"])
def test_what_takes_longer_than_a_look_at_the_limits_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_tls: bool
) -> None:
    monkeypatch.setattr("adaptivity.outbound.client.POLL_SECONDS", PAUSE / 5)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(PAUSE)
        got = handler.rfile.read(int(handler.headers["Content-Length"]))
        body = json.dumps({"whole": got == LARGE}).encode()
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for byte in body:
            time.sleep(PAUSE / 3)
            handler.wfile.write(bytes([byte]))
        handler.close_connection = True

    pem = tmp_path / "server.pem"
    with TLSServer(answer, pem, pause=PAUSE) if is_tls else LocalServer(answer) as server:
        guard = AddressGuard.of([f"localhost:{server.port}"])
        with Client(guard=guard, stop=lambda: False) as asking:
            found = asking.ask("POST", f"http{'s' * is_tls}://localhost:{server.port}", data=LARGE, verify=str(pem))

    assert found == Answer(200, {"whole": True})


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    with TLSServer(status(200), tmp_path / "server.pem") as server:
        guard = AddressGuard.of([f"localhost:{server.port}"])
        with (
            Client(guard=guard, stop=lambda: False, patience=Patience(tries=1)) as asking,
            pytest.raises(Unavailable) as raised,
        ):
            asking.ask("GET", f"https://localhost:{server.port}")

    assert raised.value.code == "unreachable"


def test_the_address_that_is_checked_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name has a public address beside a private one at first, and later the private one alone."""
    look_up, public, private = socket.getaddrinfo, "127.0.0.1", "127.0.0.2"
    lookups = [[private, public], [private]]

    def rebinding(host: str, *arguments: Any, **options: Any) -> Any:
        hosts = lookups.pop(0) if host == "rebinding.example" else [host]
        return [entry for address in hosts for entry in look_up(address, *arguments, **options)]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        send_json(handler, 200, handler.connection.getsockname()[0], Connection="close")
        handler.close_connection = True

    monkeypatch.setattr("socket.getaddrinfo", rebinding)
    monkeypatch.setattr("adaptivity.outbound.addresses.is_public", lambda address: address == public)
    with LocalServer(answer) as server, Client(guard=AddressGuard(), stop=lambda: False) as asking:
        url = f"http://rebinding.example:{server.port}/"
        assert asking.ask("GET", url) == Answer(200, public)
        with pytest.raises(InvalidInput) as raised:
            asking.ask("GET", url)

    assert (raised.value.code, lookups) == ("address_refused", [])


def test_it_keeps_no_cookie() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        send_json(handler, 200, handler.headers["Cookie"], Set_Cookie="id=1")

    with LocalServer(answer) as server, client(server, patience=Patience()) as asking:
        assert [asking.ask("GET", server.url) for _ in range(2)] == [Answer(200, None)] * 2


def test_also_inside_of_tls(tmp_path: Path) -> None:
    fault, pem = Drip(*DRIPS["body"]), tmp_path / "server.pem"
    with TLSServer(fault, pem) as server:
        guard = AddressGuard.of([f"localhost:{server.port}"])
        with (
            Client(guard=guard, stop=lambda: False, patience=Patience(whole=0.5, tries=1)) as asking,
            pytest.raises(Unavailable) as raised,
        ):
            asking.ask("GET", f"https://localhost:{server.port}", verify=str(pem))

        assert raised.value.code == "timeout"
        assert fault.ended.wait(SECONDS)
        assert fault.left.is_set()


def test_the_next_try_is_on_a_connection_of_its_own() -> None:
    faults: list[Any] = [Drip(*DRIPS["header"]), Drip(*DRIPS["body"])]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if faults:
            faults.pop(0)(handler)
        else:
            send_json(handler, 200, {"third": True})

    patience = Patience(connect=1, read=1, whole=0.3, tries=3, first_wait=0.01)
    with LocalServer(answer) as server, client(server, patience=patience) as asking:
        assert asking.ask("GET", server.url) == Answer(200, {"third": True})
        assert asking.ask("GET", server.url) == Answer(200, {"third": True})


def test_retry_after_is_waited_for_by_the_servers_clock() -> None:
    asked: list[float] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(time.monotonic())
        if len(asked) == 1:
            send(handler, 429, Retry_After="1")
        else:
            send_json(handler, 200, [])

    patience = Patience(first_wait=0.01)
    with LocalServer(answer) as server, client(server, patience=patience) as asking:
        assert asking.ask("GET", server.url) == Answer(200, [])

    first, second = asked
    assert second - first >= 1.0


@pytest.mark.parametrize(
    "url",
    [
        "http://a..b/",
        f"http://{'a' * 70}.example/",
        "http://[::1/",
        "http://exa\ud800mple/",
        "ftp://lms.example/",
        "lms.example",
        "http://",
    ],
)
def test_a_url_that_is_none(url: str) -> None:
    with Client(guard=AddressGuard(), stop=lambda: False) as asking, pytest.raises(InvalidInput) as raised:
        asking.ask("GET", url)

    assert raised.value.code == "invalid_url"


def test_a_redirect_that_leads_nowhere() -> None:
    with LocalServer(status(302, Location="http://[")) as server, client(server, patience=Patience()) as asking:
        assert asking.ask("GET", server.url) == Answer(302, None)
