"""A job for tests: records in a directory that it began, does what it is told, and records that it is done."""

import os
import time
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from adaptivity.management.job import Job, JobCommand, JobResult

POLL_SECONDS = 0.02
# If a rendezvous does not come about, the test fails instead of hanging.
PATIENCE_SECONDS = 50


class Command(JobCommand):
    help = "For tests."
    # The checks take longer than the job itself.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path)
        parser.add_argument("name")
        parser.add_argument("deeds", nargs="*")

    def run_job(self, job: Job, **options: Any) -> JobResult:
        directory, name = options["directory"], options["name"]
        with (directory / f"{name}.begun").open("a") as begun:
            begun.write(f"{os.getpid()}\n")
        self.stdout.write(f"{name} writes, started by {os.environ['JOB_STARTED_BY']}")
        self.stdout.flush()
        for deed in options["deeds"]:
            kind, _, value = deed.partition("=")
            if kind == "exit":
                self._exit(directory / value)
            elif not self._wait(job, directory / (f"{value}.begun" if kind == "meet" else value)):
                (directory / f"{name}.stopped").touch()
                return JobResult(f"{name} has stopped", stopped=True)
        (directory / f"{name}.done").touch()
        return JobResult(f"{name} is done")

    def _wait(self, job: Job, file: Path) -> bool:
        """Waits until the file exists. Returns false if the job was asked to end before."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not file.exists():
            if job.stop():
                return False
            if time.monotonic() >= until:
                raise CommandError(f"{file.name} did not come", returncode=2)
            time.sleep(POLL_SECONDS)
        return True

    def _exit(self, codes: Path) -> None:
        """Removes the first exit code from the file and ends with it, or continues if it is 0."""
        code, _, rest = codes.read_text().partition(" ")
        codes.write_text(rest or code)
        if int(code) == -9:
            os.kill(os.getpid(), 9)
        if int(code):
            raise CommandError(f"ends with {code}", returncode=int(code))
