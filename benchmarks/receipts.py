"""Measures the cost of RECEIPTS off, at a tenth, and on for all: ``python -m benchmarks.receipts``."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median, quantiles

import psycopg2

from benchmarks import data, databases, server
from benchmarks.__main__ import seed
from benchmarks.load import Job, Request, clients
from benchmarks.scenarios import FLOOR, recommend, some

SHARES = ("off", "0.1", "all")
ROW = """
SELECT avg(pg_column_size(receipt.*)), pg_table_size('adaptivity_decisionreceipt') / count(*),
       pg_indexes_size('adaptivity_decisionreceipt') / count(*)
FROM adaptivity_decisionreceipt receipt
"""


def cpu_seconds(pids: Iterable[int]) -> float:
    """The CPU time that these processes of this machine have used."""
    ticks = 0
    for pid in pids:
        try:
            taken = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        ticks += int(taken[11]) + int(taken[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.receipts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    where = os.environ.get("TEST_DATABASE_CONNECTION", "")
    if not where.startswith(("postgres://", "postgresql://")):
        sys.exit("TEST_DATABASE_CONNECTION must be the URL of a PostgreSQL database; a new one is created beside it")
    with ExitStack() as stack:
        database = stack.enter_context(databases.new_database(where))
        seed(database, "few", data.FEW_LEARNERS)
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports, masters = {}, {}
        for share in SHARES:
            os.environ["RECEIPTS"] = share
            before = set(children(os.getpid()))
            ports[share] = stack.enter_context(server.running(database, logs / share))
            (masters[share],) = set(children(os.getpid())) - before
        ports[FLOOR], masters[FLOOR] = ports["off"], masters["off"]
        learners = some("typical", data.FEW_LEARNERS, range(1), 0)
        asked = dict.fromkeys(SHARES, recommend(data.LARGE, learners))
        asked[FLOOR] = [Request(f"/benchmarks/floor/{who}") for who in learners]
        load = stack.enter_context(clients())
        watching = stack.enter_context(closing(psycopg2.connect(database)))
        watching.autocommit = True
        cursor = stack.enter_context(watching.cursor())

        def taken(name: str) -> tuple[float, float]:
            """The CPU seconds of the service, and of the database's processes for this database."""
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
            return cpu_seconds(children(masters[name])), cpu_seconds(pid for (pid,) in cursor.fetchall())

        rates: dict[str, list[float]] = {name: [] for name in ports}
        latencies: dict[str, list[float]] = {name: [] for name in ports}
        cpu: dict[str, list[tuple[float, float]]] = {name: [] for name in ports}
        for number in range(options.rounds + 1):
            for name in sorted(ports, reverse=bool(number % 2)):
                seconds = options.seconds if number else 1.0
                before_it = taken(name)
                outcome = load.run(Job(ports[name], data.TOKEN, asked[name], seconds, server.WORKERS))
                if number:
                    rates[name].append(outcome.rate)
                    latencies[name] += outcome.seconds
                    count = len(outcome.seconds)
                    web, base = (after - before for after, before in zip(taken(name), before_it, strict=True))
                    cpu[name].append((1000.0 * web / count, 1000.0 * base / count))
        lost = sum(log.read_text(errors="replace").count('"receipts_lost"') for log in logs.iterdir())
        cursor.execute("VACUUM FULL adaptivity_decisionreceipt")
        cursor.execute(ROW)
        row, table, indexes = (float(each) for each in cursor.fetchone() or ())
    print(
        f"{'RECEIPTS':10}{'requests/s':>12}{'min-max':>14}{'of off':>9}{'min-max':>14}{'of floor':>10}"
        f"{'p50 ms':>9}{'p99 ms':>9}{'CPU ms: web':>13}{'database':>10}"
    )
    for name, found in rates.items():
        of_off, of_floor = (sorted(a / b for a, b in zip(found, rates[base], strict=True)) for base in ("off", FLOOR))
        cuts = quantiles(latencies[name], n=100)
        web, base = (median(each) for each in zip(*cpu[name], strict=True))
        print(
            f"{name:10}{median(found):>12.0f}{f'{min(found):.0f}-{max(found):.0f}':>14}{median(of_off):>9.2f}"
            f"{f'{of_off[0]:.2f}-{of_off[-1]:.2f}':>14}{median(of_floor):>10.2f}"
            f"{1000.0 * cuts[49]:>9.1f}{1000.0 * cuts[98]:>9.1f}{web:>13.2f}{base:>10.2f}"
        )
    print(f"A receipt takes {row:.0f} bytes as a row, {table:.0f} in its table and {indexes:.0f} in indexes.")
    print(f"{lost} log lines report lost receipts")


if __name__ == "__main__":
    main()
