"""Settings for `manage.py collectstatic` in the image's build: no secret, no database, no network."""

import os

os.environ["SECRET_KEY"] = "of the build, signs nothing"  # noqa: S105 - it is none
os.environ["DATABASE_CONNECTION"] = "sqlite://:memory:"
os.environ["CELERY_BROKER_URL"] = ""

from config.settings.base import *
