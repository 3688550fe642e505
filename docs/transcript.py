"""Makes docs/transcript.md: a release and a roll-back, from a clean clone to services that run.

Nothing is left out but what repeats itself.

    python docs/transcript.py

Docker builds the images, a registry in a container takes them, Terraform applies the stack to the stand-in of AWS that
the tests use (tests/support/simulator). It needs Docker, docker-compose, Terraform with its provider and git, and takes
about five minutes.
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
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.simulator import running  # noqa: E402 - found by the line before

TARGET = ROOT / "docs" / "transcript.md"
REGISTRY = "localhost:5000"
REGISTRY_SECONDS = 30
# Lines of a kind that come by the dozen: the first and the last are shown, and how many there are between.
REPEATED = re.compile(
    r"^(Step \d|#\d| ---> |Removing |Sending |Successfully |Building |The push refers|[0-9a-f]{12}: "
    r"|.*: (Creating|Modifying|Destroying|Still |Creation|Modifications|Destruction|Read)|  \+ |latest: )"
)
KEPT = 2

HEAD = """# A release, as it looks

Made by `python docs/transcript.py`: a clean clone, real builds, a registry on this machine, real Terraform, and the
stand-in of AWS that the tests use instead of AWS ([tests/support/simulator](../tests/support/simulator)). What the
stand-in cannot show is how long AWS takes, that tasks really start, and what a deployment that fails looks like
([docs/fargate.md](fargate.md)). Lines that come by the dozen are counted instead of shown.
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
    """The lines, runs of repeated ones shortened; nothing of this machine in them."""
    run: list[str] = []
    for line in [*(re.sub(r"/tmp/[^\s'\"]+", "…", line.rstrip()) for line in lines), None]:
        if line is not None and (REPEATED.match(line) or (run and not line.strip())):
            run.append(line)
            continue
        if len(run) > 2 * KEPT + 1:
            yield from run[:KEPT]
            yield f"    … {len(run) - 2 * KEPT} lines more"
            yield from run[-KEPT:]
        else:
            yield from run
        run = []
        if line is not None:
            yield line


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
