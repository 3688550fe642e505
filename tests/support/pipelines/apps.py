"""Processes that wait poll more often in these tests than a service needs to."""

import sys

from django.apps import AppConfig


class PipelinesConfig(AppConfig):
    name = "tests.support.pipelines"

    def ready(self) -> None:
        if "act" in sys.argv:
            # A step waits for nobody, and starts faster without the modules that the others import.
            return
        from adaptivity.management import worker_steps
        from adaptivity.runs.pipelines import attempts, processes, runner

        attempts.SECONDS_BETWEEN_SIGNS = 0.2
        worker_steps.SECONDS_BETWEEN_LOOKS = 0.1
        for module in (processes, attempts, runner):
            module.POLL_SECONDS = 0.02
