#!/usr/bin/env python
"""Django's command line for the service."""

import os
import sys

# Before anything of config is imported: its Celery application becomes Django's only where the settings are named.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

from django.core.management import execute_from_command_line

from config import environment

if __name__ == "__main__":
    environment.settings_module()
    execute_from_command_line(sys.argv)
