"""Recommendations a second with RECEIPTS off, a tenth, and all; ``python -m benchmarks.receipts``."""

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks import data, databases, server
from benchmarks.__main__ import seed
from benchmarks.load import Job, Request, clients
from benchmarks.scenarios import FLOOR, recommend, some

ROUNDS, SECONDS = 5, 3.0
SHARES = ("off", "0.1", "all")


def main() -> None:
    where = os.environ.get("TEST_DATABASE_CONNECTION", "")
    if not where.startswith(("postgres://", "postgresql://")):
        sys.exit("TEST_DATABASE_CONNECTION must be the URL of a PostgreSQL database, beside which a new one is made")
    with ExitStack() as stack:
        database = stack.enter_context(databases.new_database(where))
        seed(database, "few", data.FEW_LEARNERS)
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = {}
        for share in SHARES:
            os.environ["RECEIPTS"] = share
            ports[share] = stack.enter_context(server.running(database, logs / share))
        ports[FLOOR] = ports["off"]
        learners = some("typical", data.FEW_LEARNERS, range(1), 0)
        asked = dict.fromkeys(SHARES, recommend(data.LARGE, learners))
        asked[FLOOR] = [Request(f"/benchmarks/floor/{who}") for who in learners]
        load = stack.enter_context(clients())
        rates: dict[str, list[float]] = {name: [] for name in ports}
        for number in range(ROUNDS + 1):
            for name in sorted(ports, reverse=bool(number % 2)):
                seconds = SECONDS if number else 1.0
                outcome = load.run(Job(ports[name], data.TOKEN, asked[name], seconds, server.WORKERS))
                if number:
                    rates[name].append(outcome.rate)
        lost = sum(log.read_text(errors="replace").count('"receipts_lost"') for log in logs.iterdir())
    print(f"{'RECEIPTS':10}{'requests/s':>12}{'min-max':>14}{'of off':>9}{'of floor':>10}")
    for name, found in rates.items():
        of_off, of_floor = (median(a / b for a, b in zip(found, rates[base], strict=True)) for base in ("off", FLOOR))
        span = f"{min(found):.0f}-{max(found):.0f}"
        print(f"{name:10}{median(found):>12.0f}{span:>14}{of_off:>9.2f}{of_floor:>10.2f}")
    print(f"{lost} lines of the log say that receipts were lost")


if __name__ == "__main__":
    main()
