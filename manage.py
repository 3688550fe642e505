#!/usr/bin/env python
"""Django's command-line utility for the service."""

import os
import sys

# Set before config is imported: its Celery application only uses Django's settings if this variable is set.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

from django.core.management import execute_from_command_line

from config import environment

if __name__ == "__main__":
    environment.settings_module()
    execute_from_command_line(sys.argv)
