"""The embedded default with the commands and pipelines of tests."""

from config.settings.local import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.stack.pipelines"]  # noqa: F405
PIPELINES = "tests.stack.pipelines.declared.PIPELINES"
