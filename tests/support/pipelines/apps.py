"""Those who wait in these tests look more often than a service needs to."""

import sys

from django.apps import AppConfig


class PipelinesConfig(AppConfig):
    name = "tests.support.pipelines"

    def ready(self) -> None:
        if "act" in sys.argv:
            # A step waits for nobody, and starts without what the others import.
            return
        from adaptivity.management import worker_steps
        from adaptivity.runs.pipelines import attempts, processes, runner

        attempts.SECONDS_BETWEEN_SIGNS = 0.2
        worker_steps.SECONDS_BETWEEN_LOOKS = 0.1
        for module in (processes, attempts, runner):
            module.POLL_SECONDS = 0.02
