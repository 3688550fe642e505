"""Closed-loop clients: each connection sends its next request when the answer to the last one is there.

All connections live in one process, apart from the one that reports, in one loop over raw sockets, so that the clients
take little of the CPUs that they share with the service; how much is measured too.
"""

import json
import multiprocessing
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from multiprocessing.connection import Connection as Pipe

CONNECTIONS = 8
ANSWER_SECONDS = 10.0
ATTEMPTS = 200


@dataclass(frozen=True)
class Request:
    """``body`` is sent as JSON by POST; without one it is a GET. The answer has to contain ``answer``."""

    path: str
    body: object = None
    answer: bytes = b""


@dataclass(frozen=True)
class Workload:
    """Requests to send round and round to a port for some seconds."""

    port: int
    token: str
    requests: list[Request]
    seconds: float
    workers: int


@dataclass(frozen=True)
class LoadResult:
    """Requests a second, how many seconds each request took, and the share of a CPU that the clients took."""

    rate: float
    seconds: list[float]
    busy: float = 0.0


@dataclass
class Exchange:
    """One connection: what has been received of the answer it waits for, and since when."""

    socket: socket.socket
    received: bytearray = field(default_factory=bytearray)
    length: int = -1
    sent_at: float = 0.0
    expected: bytes = b""

    def send(self, request: bytes, expected: bytes = b"") -> None:
        self.received.clear()
        self.length = -1
        self.expected = expected
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def answered(self) -> bool:
        """Reads what is there; whether the answer is whole. Raises RuntimeError where it is not the expected one."""
        chunk = self.socket.recv(65536)
        if not chunk:
            raise RuntimeError("the service closed the connection")
        self.received += chunk
        if self.length < 0:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return False
            head = bytes(self.received[:end]).lower()
            self.length = end + 4 + int(head.split(b"\r\ncontent-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(self.received) < self.length:
            return False
        if self.received[9:10] != b"2" or self.expected not in self.received:
            raise RuntimeError(f"the service answered {bytes(self.received[:2000])!r}")
        return True

    def ask(self, request: bytes) -> bytes:
        """The whole answer to a request."""
        self.send(request)
        while not self.answered():
            pass
        return bytes(self.received)


def encode(request: Request, *, port: int, token: str) -> bytes:
    """The bytes of an HTTP request."""
    head = [
        f"{'GET' if request.body is None else 'POST'} {request.path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Authorization: Token {token}",
        "Accept: application/json",
    ]
    body = b""
    if request.body is not None:
        body = json.dumps(request.body).encode()
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body


def connect(workload: Workload, stack: ExitStack) -> list[Exchange]:
    """As many connections to each worker: which one accepts is chance, and all at one would halve the figures."""
    question = encode(Request("/benchmarks/worker"), port=workload.port, token=workload.token)
    share = CONNECTIONS // workload.workers
    held: list[Exchange] = []
    count: Counter[bytes] = Counter()
    for _ in range(ATTEMPTS):
        exchange = Exchange(
            stack.enter_context(socket.create_connection(("127.0.0.1", workload.port), timeout=ANSWER_SECONDS))
        )
        exchange.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        worker = exchange.ask(question).rpartition(b"\r\n\r\n")[2]
        if count[worker] < share:
            count[worker] += 1
            held.append(exchange)
            if len(held) == share * workload.workers:
                return held
        else:
            exchange.socket.close()
    raise RuntimeError(f"the connections did not spread over {workload.workers} workers: {dict(count)}")


def run(workload: Workload) -> LoadResult:
    """Sends the requests over all connections until the time is over; what is under way then does not count."""
    port, token = workload.port, workload.token
    encoded = cycle([(encode(request, port=port, token=token), request.answer) for request in workload.requests])
    taken: list[float] = []
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        exchanges = connect(workload, stack)
        for exchange in exchanges:
            selector.register(exchange.socket, selectors.EVENT_READ, exchange)
        started, busy = time.perf_counter(), time.process_time()
        for exchange in exchanges:
            exchange.send(*next(encoded))
        while (now := time.perf_counter()) - started < workload.seconds:
            ready = selector.select(ANSWER_SECONDS)
            if not ready:
                raise RuntimeError(f"no answer within {ANSWER_SECONDS} seconds")
            for key, _ in ready:
                exchange = key.data
                if exchange.answered():
                    taken.append(time.perf_counter() - exchange.sent_at)
                    exchange.send(*next(encoded))
        elapsed, busy = now - started, time.process_time() - busy
        for exchange in exchanges:
            while not exchange.answered():
                pass
    return LoadResult(len(taken) / elapsed, taken, busy / elapsed)


def serve(pipe: "Pipe[LoadResult | Exception, Workload | None]") -> None:
    """Runs the jobs that come through the pipe until None comes."""
    while (workload := pipe.recv()) is not None:
        try:
            pipe.send(run(workload))
        except (OSError, RuntimeError) as error:
            pipe.send(error)


class LoadClients:
    """The process of the clients."""

    def __init__(self, pipe: "Pipe[Workload | None, LoadResult | Exception]") -> None:
        self.pipe = pipe

    def run(self, workload: Workload) -> LoadResult:
        """The result of a workload. Raises what went wrong."""
        self.pipe.send(workload)
        answer = self.pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextmanager
def load_clients() -> Iterator[LoadClients]:
    """The clients' process, for the time of the block."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there,), daemon=True)
    process.start()
    try:
        yield LoadClients(here)
    finally:
        here.send(None)
        process.join(5)
        if process.is_alive():
            process.kill()
