"""The embedded default, with what makes tests fast; TEST_DATABASE selects the database that the suite runs on."""

import os

os.environ["DATABASE_CONNECTION"] = os.environ.get("TEST_DATABASE") or "sqlite://:memory:"
os.environ["CELERY_BROKER_URL"] = ""

from config.settings.local import *  # noqa: F403 - the variables above have to be there first

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Static files are looked for when one is asked for, not listed anew for every test client.
WHITENOISE_AUTOREFRESH = True
