"""The client of HTTP APIs against real servers that take their time: it gives up in time, stops when asked, waits as
long as it is asked to, and no longer."""

import ssl
import threading
import time
from collections.abc import Callable
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

# An answer that is sent a byte each tenth of a second takes 9 s, of which the client waits for half a second.
SLOW = b"a" * 90
IMPATIENT = Patience(connect=1, read=1, whole=0.5, tries=1)
SECONDS = 30
DRIPS = {
    "status line": (b"", b"HTTP/1.1 200 " + SLOW),
    "header": (b"HTTP/1.1 200 OK\r\nX-Slow: ", SLOW),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n", SLOW),
    "body without a length": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", SLOW),
    "chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5a\r\n", SLOW),
    "length of a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5a;", SLOW),
    "body of a redirect": (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 90\r\n\r\n", SLOW),
}


def client(server: LocalServer, *, patience: Patience, stop: Callable[[], bool] = lambda: False) -> Client:
    return Client(guard=AddressGuard.of([server.netloc]), stop=stop, patience=patience)


class TLSServer(LocalServer):
    """A server of ``localhost`` whose certificate, which it has signed itself, is in the file ``pem``."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None], pem: Path) -> None:
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


def test_also_inside_of_tls(tmp_path: Path) -> None:
    fault, pem = Drip(*DRIPS["body"]), tmp_path / "server.pem"
    with TLSServer(fault, pem) as server:
        guard = AddressGuard.of([f"localhost:{server.port}"])
        with (
            Client(guard=guard, stop=lambda: False, patience=IMPATIENT) as asking,
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
    "url", ["http://a..b/", f"http://{'a' * 70}.example/", "http://[::1/", "http://exa\ud800mple/"]
)
def test_a_url_that_is_none(url: str) -> None:
    with Client(guard=AddressGuard(), stop=lambda: False) as asking, pytest.raises(InvalidInput) as raised:
        asking.ask("GET", url)

    assert raised.value.code == "invalid_url"


def test_a_redirect_that_leads_nowhere() -> None:
    with LocalServer(status(302, Location="http://[")) as server, client(server, patience=IMPATIENT) as asking:
        assert asking.ask("GET", server.url) == Answer(302, None)
