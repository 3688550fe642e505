"""The production settings, with routes that add the benchmark's own endpoints to the service's."""

from config.settings.base import *  # noqa: F403 - these are the service's settings

ROOT_URLCONF = "benchmarks.urls"
