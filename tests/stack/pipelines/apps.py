"""Processes of these tests look more often than a service needs to: what they wait for is there within a second."""

from django.apps import AppConfig


class PipelinesConfig(AppConfig):
    name = "tests.stack.pipelines"

    def ready(self) -> None:
        from adaptivity.jobs.pipelines import attempts, processes, runner
        from adaptivity.management import worker_steps

        attempts.SECONDS_BETWEEN_SIGNS = 0.2
        worker_steps.SECONDS_BETWEEN_LOOKS = 0.1
        for module in (processes, attempts, runner):
            module.POLL_SECONDS = 0.02
