"""An import that is killed with SIGKILL goes on where it stopped and ends as if nothing had happened."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import new_database

ROOT = Path(__file__).resolve().parents[2]
ROWS = 40_000


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    with new_database(request.param, tmp_path) as created:
        yield created.url


@pytest.fixture
def manage(database: str) -> "Manage":
    command = Manage({**os.environ, "DATABASE_CONNECTION": database, "DJANGO_SETTINGS_MODULE": "config.settings.local"})
    command.run("migrate", "-v0")
    return command


class Manage:
    """manage.py in a process of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        return output.splitlines()[-1] if output else ""


def test_killed_and_run_again(manage: Manage, tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    rows = (f"u{n % 97},q{n % 501},k{n % 13};k{n % 7},{(n * 7 % 5) / 4}" for n in range(ROWS))
    file.write_text("learner,item,kcs,score\n" + "\n".join(rows) + "\n", encoding="utf-8")

    process = manage.start("import_scores", str(file), "--collection", "c")
    assert process.stdout is not None
    # The first progress line comes after the first batch was committed.
    first_line = next(line for line in process.stdout if '"progress"' in line)
    assert '"importing"' in first_line
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    count = "from adaptivity.models import Score; print(Score.objects.count())"
    killed_at = int(manage.run("shell", "-v0", "-c", count))
    assert 0 < killed_at < ROWS

    assert manage.run("import_scores", str(file), "--collection", "c") == (
        f"{ROWS - killed_at} scores imported, {killed_at} known already, 0 rows refused, 97 learners traced"
    )

    assert manage.run("verify_state") == "97 learners compared, 0 stale, 0 differences"
    assert manage.run("import_scores", str(file), "--collection", "c") == (
        f"0 scores imported, {ROWS} known already, 0 rows refused, 0 learners traced"
    )


def test_asked_to_end_and_run_again(manage: Manage, tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    rows = (f"u{n % 97},q{n % 501},k{n % 13},{(n * 7 % 5) / 4}" for n in range(ROWS))
    file.write_text("learner,item,kcs,score\n" + "\n".join(rows) + "\n", encoding="utf-8")

    process = manage.start("import_scores", str(file))
    assert process.stdout is not None
    next(line for line in process.stdout if '"progress"' in line)
    process.terminate()
    output, _ = process.communicate(timeout=25)

    assert process.returncode == 75, output
    (imported,) = re.findall(r"^CommandError: (\d+) scores imported; stopped", output, re.MULTILINE)
    assert 0 < int(imported) < ROWS
    record = "from adaptivity.models import JobRun; run = JobRun.objects.get(); print(run.status, run.exit_code)"
    assert manage.run("shell", "-v0", "-c", record) == "stopped 75"
    assert manage.run("import_scores", str(file)) == (
        f"{ROWS - int(imported)} scores imported, {imported} known already, 0 rows refused, 97 learners traced"
    )
