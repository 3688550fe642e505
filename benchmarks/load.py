"""Closed-loop clients: each connection sends its next request when it has the answer to the last one.

All connections run in a process of their own, apart from the one that reports. They share one loop over raw sockets, so
that the clients use little of the CPUs they share with the service. The CPU that they use is measured, too.
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
    """An HTTP request. ``body`` is sent as JSON by POST; without it, the request is a GET. The answer must contain
    ``answer``.
    """

    path: str
    body: object = None
    answer: bytes = b""


@dataclass(frozen=True)
class Job:
    """Requests to send to a port in turn, again and again, for some seconds."""

    port: int
    token: str
    requests: list[Request]
    seconds: float
    workers: int


@dataclass(frozen=True)
class Outcome:
    """Requests per second, the seconds that each request took, and the share of a CPU that the clients used."""

    rate: float
    seconds: list[float]
    busy: float = 0.0


@dataclass
class Exchange:
    """One connection, with the received part of the answer it waits for and the time of the request."""

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
        """Reads what has arrived, and returns whether the answer is complete.

        Raises RuntimeError if the answer is not the expected one.
        """
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
        """The complete answer to a request."""
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


def connect(job: Job, stack: ExitStack) -> list[Exchange]:
    """Opens the same number of connections to each worker.

    Chance decides which worker accepts a connection, and figures would halve if one worker had them all.
    """
    question = encode(Request("/benchmarks/worker"), port=job.port, token=job.token)
    share = CONNECTIONS // job.workers
    held: list[Exchange] = []
    count: Counter[bytes] = Counter()
    for _ in range(ATTEMPTS):
        exchange = Exchange(
            stack.enter_context(socket.create_connection(("127.0.0.1", job.port), timeout=ANSWER_SECONDS))
        )
        exchange.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        worker = exchange.ask(question).rpartition(b"\r\n\r\n")[2]
        if count[worker] < share:
            count[worker] += 1
            held.append(exchange)
            if len(held) == share * job.workers:
                return held
        else:
            exchange.socket.close()
    raise RuntimeError(f"the connections did not spread over {job.workers} workers: {dict(count)}")


def run(job: Job) -> Outcome:
    """Sends the job's requests over all connections until its time is over; unfinished requests do not count."""
    encoded = cycle([(encode(request, port=job.port, token=job.token), request.answer) for request in job.requests])
    taken: list[float] = []
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        exchanges = connect(job, stack)
        for exchange in exchanges:
            selector.register(exchange.socket, selectors.EVENT_READ, exchange)
        started, busy = time.perf_counter(), time.process_time()
        for exchange in exchanges:
            exchange.send(*next(encoded))
        while (now := time.perf_counter()) - started < job.seconds:
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
    return Outcome(len(taken) / elapsed, taken, busy / elapsed)


def serve(pipe: "Pipe[Outcome | Exception, Job | None]") -> None:
    """Runs the jobs from the pipe until it receives None."""
    while (job := pipe.recv()) is not None:
        try:
            pipe.send(run(job))
        except (OSError, RuntimeError) as error:
            pipe.send(error)


class Clients:
    """The process that runs the clients."""

    def __init__(self, pipe: "Pipe[Job | None, Outcome | Exception]") -> None:
        self.pipe = pipe

    def run(self, job: Job) -> Outcome:
        """The outcome of a job. Raises the error that it ended with."""
        self.pipe.send(job)
        answer = self.pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextmanager
def clients() -> Iterator[Clients]:
    """Runs the clients' process during the block."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there,), daemon=True)
    process.start()
    try:
        yield Clients(here)
    finally:
        here.send(None)
        process.join(5)
        if process.is_alive():
            process.kill()
