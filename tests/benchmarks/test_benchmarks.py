"""The benchmark's own arithmetic and clients: figures that are wrong would be believed."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Thread

import pytest

from adaptivity.engine.responses import is_held_out
from benchmarks import datasets, load, report
from benchmarks.load import LoadResult, Request, Workload
from benchmarks.scenarios import Target, scenarios


def rounds(**rates: list[float]) -> list[dict[str, LoadResult]]:
    """Rounds in which each scenario had the rate at its place."""
    return [
        {name: LoadResult(rate, [0.001, 0.003]) for name, rate in zip(rates, each, strict=True)}
        for each in zip(*rates.values(), strict=True)
    ]


def test_share_of_the_floor_is_the_median_of_the_rounds_quotients() -> None:
    # given a machine that was twice as fast in the last round
    measured = rounds(floor=[100.0, 100.0, 200.0], fast=[40.0, 30.0, 80.0])

    figure = report.figure(Target("fast", "fast", 0.4), measured)

    # then the quotients are 0.4, 0.3 and 0.4
    assert (figure.value, figure.least, figure.most, figure.target, figure.reached) == (0.4, 0.3, 0.4, "≥ 0.4", True)


@pytest.mark.parametrize(("bound", "reached"), [(1.25, True), (1.2, False)])
def test_slowdown_is_at_most_its_bound(bound: float, reached: bool) -> None:
    measured = rounds(floor=[1.0, 1.0], small=[100.0, 100.0], large=[80.0, 80.0])

    figure = report.figure(Target("growth", "large", bound, "small"), measured)

    assert (figure.value, figure.reached) == (1.25, reached)


def test_rate_below_its_share_is_short() -> None:
    figure = report.figure(Target("slow", "slow", 0.35), rounds(floor=[100.0], slow=[34.0]))

    assert (figure.value, figure.reached) == (0.34, False)


def test_every_target_names_scenarios_that_are_measured() -> None:
    names = {scenario.name for scenario in scenarios(400)}

    wanted = {target.scenario for target in report.TARGETS} | {target.compared for target in report.TARGETS}
    assert wanted - {None} <= names
    assert report.FLOOR in names


def test_recommended_and_scored_learners_are_different_ones() -> None:
    by_kind: dict[str, set[str]] = {"recommend": set(), "score": set()}
    for scenario in scenarios(400)[1:]:
        by_kind[scenario.name.split(",")[0]] |= {request.body["learner"]["user_id"] for request in scenario.requests}

    assert len(by_kind["recommend"]) == len(by_kind["score"]) == 200 + 500 + 50
    assert not by_kind["recommend"] & by_kind["score"]


@contextmanager
def service(*answers: bytes) -> Iterator[int]:
    """A server that answers the requests of each connection with these, the last one again and again; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            left = list(answers)
            while connection.recv(65536):
                body = left.pop(0) if len(left) > 1 else left[0]
                head = b"HTTP/1.1 500 Oops" if body == b"error" else b"HTTP/1.1 200 OK"
                # In two parts, as a network may deliver it.
                connection.sendall(head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:3])
                connection.sendall(body[3:])

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            Thread(target=talk, args=(connection,), daemon=True).start()

    accepting = Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()


def workload(port: int, request: Request) -> Workload:
    return Workload(port=port, token="token", requests=[request], seconds=0.05, workers=1)


def test_clients_count_whole_answers_only() -> None:
    with service(b'{"worker": 1}', b'{"complete":false}') as port:
        start = time.perf_counter()
        result = load.run(workload(port, Request("/recommend", {}, b'"complete":false')))
        most = time.perf_counter() - start

    assert len(result.seconds) >= load.CONNECTIONS
    assert len(result.seconds) / most <= result.rate <= len(result.seconds) / 0.05


@pytest.mark.parametrize("answer", [b"error", b'{"complete":true}'])
def test_wrong_answer_ends_the_benchmark(answer: bytes) -> None:
    with (
        service(b'{"worker": 1}', answer) as port,
        pytest.raises(RuntimeError, match=f"the service answered .*{re.escape(answer.decode())}"),
    ):
        load.run(workload(port, Request("/recommend", {}, b'"complete":false')))


def test_connections_that_one_worker_takes_all_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "ATTEMPTS", 10)

    with (
        service(b'{"worker": 1}') as port,
        ExitStack() as stack,
        pytest.raises(RuntimeError, match="did not spread over 2 workers"),
    ):
        load.connect(Workload(port=port, token="token", requests=[], seconds=0.0, workers=2), stack)


def test_drawn_sets_are_the_same_each_time_and_only_held_out_learners_meet_what_is_new() -> None:
    sets, again = dict(datasets.synthetic()), dict(datasets.synthetic())

    assert sets == again
    rows = sets["new KCs, hard ones"]
    new = {learner for learner, _, kcs, _ in rows if kcs.startswith("new")}
    assert new == {learner for learner, *_ in rows if is_held_out(learner)}
    assert len(rows) == 400 * 25


def test_variations_keep_learners_and_say_of_each_item_the_same_kcs() -> None:
    rows = [(f"u{n % 7}", f"q{n % 5}", "a;b", float(n % 2)) for n in range(40)]

    found = dict(datasets.variations(rows))

    assert found["300 learners"] == rows
    assert {score for *_, score in found["… fractional scores"]} == {0.0, 0.25, 0.5, 0.75, 1.0}
    eight = {item: set(kcs.split(";")) for _, item, kcs, _ in found["… eight KCs an item"]}
    assert [len(kcs) for kcs in eight.values()] == [8] * 5
    assert len({row[1] for row in found["… every item seen once"]}) == 40
