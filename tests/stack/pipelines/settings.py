"""The embedded default with the commands and pipelines of tests; a queue of the test's own where a broker is set."""

import os

from config.settings.local import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.stack.pipelines"]  # noqa: F405
PIPELINES = "tests.stack.pipelines.declared.PIPELINES"
CELERY_TASK_DEFAULT_QUEUE = os.environ.get("TEST_QUEUE", "celery")
