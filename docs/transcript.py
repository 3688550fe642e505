"""Writes docs/transcript.md: a release and a roll-back, from a clean clone to running services.

    python docs/transcript.py

Docker builds the images, a registry in a container stores them, and Terraform applies the stack to the stand-in for
AWS that the tests use (tests/support/aws_simulator). Only repeated lines and pip's lines are left out, and they are
counted.

It needs Docker, docker-compose, Terraform with its provider, and git. It takes about twelve minutes.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.aws_simulator import running  # noqa: E402 - found by the line before

TARGET = ROOT / "docs" / "transcript.md"
REGISTRY = "localhost:5000"
REGISTRY_SECONDS = 30
# Lines that come by the dozen. The first and the last of a run are shown, and those between are counted.
REPEATED = re.compile(
    r"^(Step \d|#\d| ---> |Removing |Sending |Successfully |Building |The push refers|[0-9a-f]{12}: "
    r"|.*: (Creating|Modifying|Destroying|Still |Creation|Modifications|Destruction|Read)|  \+ |latest: )"
)
KEPT = 2
# What pip prints for each package. These lines are only counted.
PIP = re.compile(
    r"^(Collecting |Requirement already satisfied: |Ignoring \S+: markers |Installing collected packages: "
    r"|Successfully installed |Looking in |WARNING: Location |  (Downloading|Using cached|Preparing metadata) |     ━)"
)

HEAD = """# What a release looks like

Written by `python docs/transcript.py`. It uses a clean clone, real builds, a registry on the same machine and real
Terraform. AWS is replaced by the stand-in that the tests use
([tests/support/aws_simulator](../tests/support/aws_simulator)).

The stand-in cannot show how long AWS takes, that tasks really start, or what a failed deployment looks like
([docs/fargate.md](fargate.md)).

Of lines that come by the dozen, only the first and last are shown: "… 41 lines more". What pip prints for each package
is counted and never shown: "… 41 lines of pip". Nothing else is left out.
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, running() as aws, registry():
        clone = Path(directory) / "adaptivity"
        quietly("git", "clone", "--quiet", str(ROOT), str(clone))
        git = ("git", "-C", str(clone), "-c", "user.name=release", "-c", "user.email=release@example.org")
        quietly(*git, "tag", "--force", "1.0.0")
        quietly(*git, "commit", "--quiet", "--allow-empty", "--message", "The next version")
        quietly(*git, "tag", "--force", "1.1.0")
        environment = {
            **os.environ,
            **aws.environment,
            "APP_IMAGE": f"{REGISTRY}/adaptivity/app",
            "NGINX_IMAGE": f"{REGISTRY}/adaptivity/nginx",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "CHECKPOINT_DISABLE": "1",
        }
        parts = [HEAD]
        for heading, command in (
            ("Once for an environment", "deploy create --env dev --yes"),
            ("The first version", "deploy all --tag 1.0.0 --env dev --yes"),
            ("The next one", "deploy all --tag 1.1.0 --env dev --yes"),
            ("And back again", "deploy rollback --env dev --yes"),
            ("What runs", "deploy status --env dev"),
        ):
            sys.stderr.write(f"{command}\n")
            started = time.monotonic()
            done = subprocess.run(
                command.split(), cwd=clone, env=environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            )  # fmt: skip
            seconds = time.monotonic() - started
            text = "\n".join(shown(done.stdout.splitlines()))
            parts.append(
                f"## {heading}\n\n```\n$ {command}\n{text}\n```\n\nExit code {done.returncode}, {seconds:.0f} s.\n"
            )
            if done.returncode:
                sys.exit(f"{command} ended with {done.returncode}:\n{done.stdout}")
    TARGET.write_text("\n".join(parts))


def shown(lines: list[str]) -> Iterator[str]:
    """The lines without paths of this machine; of repeated lines and of pip's, most are counted."""
    kept = {"more": KEPT, "of pip": 0}
    for kind, group in groupby(kinds(lines), key=itemgetter(0)):
        run = [re.sub(r"/tmp/[^\s'\"]+", "…", line.rstrip()) for _, line in group]
        left_out = len(run) - 2 * kept.get(kind, len(run))
        if left_out > 1:
            yield from run[: kept[kind]]
            yield f"    … {left_out} lines {kind}"
            yield from run[len(run) - kept[kind] :]
        else:
            yield from run


def kinds(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Each line with its kind: "more" if repeated, "of pip", or "". A blank line belongs to the line before it."""
    kind = ""
    for line in lines:
        if line.strip():
            kind = "of pip" if PIP.match(line) else "more" if REPEATED.match(line) else ""
        yield kind, line


def quietly(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def registry() -> Iterator[None]:
    container = quietly("docker", "run", "--detach", "--publish", "127.0.0.1:5000:5000", "registry:2")
    try:
        until = time.monotonic() + REGISTRY_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"http://{REGISTRY}/v2/", timeout=2).close()
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
        yield
    finally:
        quietly("docker", "rm", "--force", "--volumes", container)


if __name__ == "__main__":
    main()
