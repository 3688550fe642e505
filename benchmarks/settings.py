"""The settings of production; only the routes have the benchmark's own endpoints beside the service's."""

from config.settings.base import *  # noqa: F403 - these are the service's settings

ROOT_URLCONF = "benchmarks.urls"
