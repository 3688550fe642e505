"""The embedded default with the commands and pipelines of tests, and only the apps that these need.

Each step is a process, and spends most of its time starting.
"""

from config.settings.local import *  # noqa: F403

NEEDED = {"adaptivity", "django.contrib.auth", "django.contrib.contenttypes", "rest_framework.authtoken"}
INSTALLED_APPS = [*(app for app in INSTALLED_APPS if app in NEEDED), "tests.support.pipelines"]  # noqa: F405
PIPELINES = "tests.support.pipelines.declared.PIPELINES"
ROOT_URLCONF = "tests.support.pipelines"
