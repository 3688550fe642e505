"""Creates databases, starts the service twice, measures it, and prints the figures."""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import structlog

from adaptivity.management.progress import Progress
from benchmarks import data, databases, report, server
from benchmarks.load import Clients, Job, Outcome, clients
from benchmarks.scenarios import Scenario, scenarios


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="run a smoke test, whose figures mean nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to a file")
    return parser.parse_args()


def seed(database: str, stage: str, learners: int) -> None:
    """Fills a database in a separate process, because Django has one default database for a process's whole life."""
    subprocess.run(
        [sys.executable, "-m", "benchmarks.data", stage, f"--learners={learners}"],
        cwd=server.ROOT,
        env=server.environment(database),
        check=True,
    )


def measure(
    load: Clients, ports: dict[str, int], measured: list[Scenario], *, rounds: int, seconds: float, progress: Progress
) -> list[dict[str, Outcome]]:
    """The outcomes of each round, after a warm-up round that does not count.

    Every second round runs backwards, so that no scenario always follows the same other one.
    """
    result = []
    steps = (rounds + 1) * len(measured)
    for number in range(rounds + 1):
        outcomes = {}
        for scenario in measured if number % 2 else reversed(measured):
            job = Job(
                port=ports[scenario.database],
                token=data.TOKEN,
                requests=scenario.requests,
                seconds=seconds if number else seconds / 4,
                workers=server.WORKERS,
            )
            outcomes[scenario.name] = load.run(job)
            progress("measuring", number * len(measured) + len(outcomes), steps)
        if number:
            result.append(outcomes)
    return result


def main() -> None:
    options = parse()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    where = os.environ.get("TEST_DATABASE_CONNECTION", "")
    if not where.startswith(("postgres://", "postgresql://")):
        sys.exit("TEST_DATABASE_CONNECTION must be the URL of a PostgreSQL database; new ones are created beside it")
    learners, rounds, seconds = (2_000, 2, 0.5) if options.quick else (20_000, 5, 4.0)
    # Exit normally, so that databases are dropped and servers stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    started = time.monotonic()
    with ExitStack() as stack:
        progress = stack.enter_context(Progress())
        progress("filling databases", 0, 2)
        few = stack.enter_context(databases.new_database(where))
        seed(few, "few", learners)
        progress("filling databases", 1, 2)
        many = stack.enter_context(databases.new_database(where, template=few))
        seed(many, "many", learners)
        progress("filling databases", 2, 2)

        logs = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = {
            name: stack.enter_context(server.running(url, logs / name)) for name, url in (("few", few), ("many", many))
        }
        load = stack.enter_context(clients())
        measured = scenarios(learners)
        try:
            outcomes = measure(load, ports, measured, rounds=rounds, seconds=seconds, progress=progress)
        except (OSError, RuntimeError) as error:
            ends = [log.read_text(errors="replace")[-2000:] for log in sorted(logs.iterdir())]
            sys.exit("\n".join([f"Measuring failed: {error}", *ends]))

    rated, reached = report.rates(measured, outcomes), report.figures(outcomes)
    machine = f"Python {platform.python_version()}, PostgreSQL {databases.version(where)}, {os.cpu_count()} CPUs"
    busy = max(outcome.busy for each in outcomes for outcome in each.values())
    print(f"{machine}; {rounds} rounds of {seconds} s each; {time.monotonic() - started:.0f} s in total")
    print(f"The clients used at most {busy:.0%} of a CPU.")
    if options.quick:
        print("A smoke run: the figures below mean nothing.")
    print(report.tables(rated, reached))
    if options.json:
        options.json.write_text(
            json.dumps({"machine": machine, "quick": options.quick} | report.as_json(rated, reached), indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
