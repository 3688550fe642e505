"""README's first screen, as a reader pastes it: a shell runs its calls against a real service, and they answer so."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.databases import Database
from tests.support.service import ROOT, environment, manage, running, service_environment

README = (ROOT / "README.md").read_text()
# In the place of curl, which a test machine may lack. It takes README's options alone, and sends to the test's port.
CURL = """\
#!{python}
import argparse, os, urllib.request
parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("-s", action="store_true")
parser.add_argument("-H", action="append")
parser.add_argument("-d")
given = parser.parse_args()
url = given.url.replace("http://localhost:8000", os.environ["ADDRESS"])
headers = dict(header.split(": ", 1) for header in given.H)
with urllib.request.urlopen(urllib.request.Request(url, given.d.encode(), headers)) as answer:
    print(answer.read().decode())
"""
SERVER_TIME = re.compile(r'"timestamp": ?"[^"]+"')
NUMBER = re.compile(r"-?\d+\.\d+")


def console() -> list[tuple[str, str]]:
    """The commands of README's console block, each with the answer that it shows."""
    block = re.search(r"^```console\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert block is not None
    found = []
    for part in re.split(r"^\$ ", block[1], flags=re.MULTILINE)[1:]:
        lines = part.rstrip().splitlines()
        # A line that ends with a backslash is continued by the next one.
        size = next(count for count, line in enumerate(lines, 1) if not line.endswith("\\"))
        found.append(("\n".join(lines[:size]), "\n".join(lines[size:])))
    return found


def comparable(answer: str) -> str:
    """The answer without the server's time, its numbers to nine digits: processors differ in the last ones."""
    return NUMBER.sub(lambda number: f"{float(number[0]):.9g}", SERVER_TIME.sub('"timestamp":"NOW"', answer)).strip()


@pytest.mark.xdist_group("readme")
def test_the_first_screen(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'demo.sqlite3'}")
    env = service_environment(database)
    manage("demo", "--token-file", str(tmp_path / "var" / "demo-token"), env=env)
    curl = tmp_path / "bin" / "curl"
    curl.parent.mkdir()
    curl.write_text(CURL.format(python=sys.executable))
    curl.chmod(0o755)
    commands = console()

    with running(database, "", tmp_path / "service") as service:
        # One shell, as a reader's; a line of its own between the answers.
        script = "\nprintf '\\n====\\n'\n".join(command for command, _ in commands)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=environment(PATH=f"{curl.parent}{os.pathsep}{os.environ['PATH']}", ADDRESS=service.address),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    answers = [comparable(answer) for answer in done.stdout.split("\n====\n")]
    assert "\n====\n".join(answers) == "\n====\n".join(comparable(answer) for _, answer in commands)


def test_the_block_has_the_token_and_three_calls() -> None:
    first, *calls = [command for command, _ in console()]

    assert first == "export TOKEN=$(cat var/demo-token)"
    assert [re.search(r"/api/v2/[\w/?=]+", call)[0] for call in calls] == [  # type: ignore[index]
        "/api/v2/activity/recommend",
        "/api/v2/score",
        "/api/v2/activity/recommend?explain=true",
    ]
    assert json.loads(console()[1][1])["complete"] is False


def test_make_run_writes_the_token_where_readme_reads_it() -> None:
    printed = subprocess.run(["make", "-n", "run"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert "manage.py demo --port 8000 --token-file var/demo-token" in printed
    assert "-b 127.0.0.1:8000" in printed


def test_make_tells_what_it_installs() -> None:
    """For every file of requirements, one line says so before pip starts, and each package shows."""
    for kind in ("job", "dev", "deploy"):
        target = f".venv/installed-{kind}"
        command = ["make", "-n", "-W", "requirements/job.txt", "-B", target]
        printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert 'echo "Making .venv with' in printed
        assert re.search(rf'echo "Installing the .*packages.*\n.*pip install.*{kind}\S* \| awk', printed), printed


@pytest.mark.parametrize("command", ["make run", "make test"])
def test_the_two_commands_are_named(command: str) -> None:
    assert re.search(rf"(^|`){command}($|`)", README, re.MULTILINE)
