"""Crawls a site of 5,000 linked pages with traps, kills the crawler with SIGKILL, and lets it continue.

Prints how long this took and what was stored.

    python -m benchmarks.crawl                                  on SQLite
    python -m benchmarks.crawl --database postgres://…          on an empty PostgreSQL database
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.server import ROOT
from benchmarks.site import Site

CREATE = (
    "import json; from adaptivity.sources.services.course_sources import course_source_create; "
    "course_source_create(**json.loads({!r}))"
)
COUNTS = (
    "import json; from collections import Counter; from adaptivity.models import *; "
    "pages = CrawledPage.objects.filter(url__contains='/page/', status='stored').count(); "
    "print(json.dumps([pages, CrawledPage.objects.filter(pending=False).count(), Activity.objects.count()]))"
)


def manage(env: dict[str, str], *arguments: str) -> str:
    """The output of `manage.py`."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout


def start(env: dict[str, str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "manage.py", "crawl", "--source", "site", "--json"]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)


def peak_megabytes(process: "subprocess.Popen[str]") -> int:
    """The peak memory of a running process."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) // 1024


def run(env: dict[str, str], pages: int, kill_after: int) -> None:
    with Site(pages) as site:
        fields: dict[str, Any] = {
            "slug": "site",
            "kind": "website",
            "start_urls": [f"{site.url}/"],
            "allowed_domains": ["127.0.0.1", "169.254.169.254"],
            "address_exceptions": [site.netloc],
            "delay": 0.0,
            "collection_id": "site",
        }
        manage(env, "migrate", "-v0")
        manage(env, "shell", "-v0", "-c", CREATE.format(json.dumps(fields)))
        reached = threading.Event()
        site.on_request = lambda _: reached.set() if sum(site.asked.values()) >= kill_after else None

        began = time.monotonic()
        with start(env) as process:
            reached.wait()
            peak = peak_megabytes(process)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        killed, asked = time.monotonic() - began, sum(site.asked.values())
        stored, done, _ = json.loads(manage(env, "shell", "-v0", "-c", COUNTS).splitlines()[-1])
        print(f"killed after {killed:.0f} s and {asked} requests: {done} URLs done, {stored} pages stored, {peak} MiB")

        site.on_request = lambda _: None
        began = time.monotonic()
        with start(env) as process:
            output, _ = process.communicate()
        seconds = time.monotonic() - began
        (report,) = json.loads(next(line for line in output.splitlines() if line.startswith("[")))
        stored, done, activities = json.loads(manage(env, "shell", "-v0", "-c", COUNTS).splitlines()[-1])
        repeated = sum(count - 1 for path, count in site.asked.items() if path.startswith("/page/"))
        print(f"continued for {seconds:.0f} s, exit code {process.returncode}, {report['peak_megabytes']} MiB")
        print(
            f"{(sum(site.asked.values()) - asked) / seconds:.0f} requests a second; {done} URLs done: {report['pages']}"
        )
        print(f"{stored} of {pages} pages stored, {activities} readings, {repeated} pages requested twice")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crawl", description=__doc__)
    parser.add_argument("--pages", type=int, default=5000)
    parser.add_argument("--kill-after", type=int, help="requests before the kill (default: half of the pages)")
    parser.add_argument("--database", help="URL of an empty database (default: SQLite in a temporary file)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.local",
            "DATABASE_CONNECTION": options.database or f"sqlite:///{directory}/crawl.sqlite3",
            "CELERY_BROKER_URL": "",
            "LOG_LEVEL": "WARNING",
        }
        run(env, options.pages, options.kill_after or options.pages // 2)


if __name__ == "__main__":
    main()
