"""The embedded default for laptops and tests: SQLite under var/, and tasks in this process. Not for production."""

import os
from pathlib import Path

_var = Path(__file__).resolve().parent.parent.parent / "var"
_var.mkdir(exist_ok=True)
os.environ.setdefault("SECRET_KEY", "local-only-not-a-secret-" + "0" * 32)
os.environ.setdefault("DATABASE_CONNECTION", f"sqlite:///{_var / 'adaptivity.sqlite3'}")
os.environ.setdefault("CELERY_BROKER_URL", "")
os.environ.setdefault("ENV_LABEL", "local")
os.environ.setdefault("EVIDENCE_REJECTS", str(_var / "rejects"))
os.environ.setdefault("EXPORT_DIRECTORY", str(_var / "export"))
os.environ.setdefault("HOST", "localhost,127.0.0.1,[::1]")

from config.settings.base import *  # noqa: F403 - after the defaults above

# Static files come straight from the packages, so a laptop needs no collectstatic and no directory for its result.
WHITENOISE_USE_FINDERS = True
STATIC_ROOT = None
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
