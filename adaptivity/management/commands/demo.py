"""manage.py demo: sets up a course, a superuser and a token, and prints two calls to try."""

import json
import os
import secrets
import shlex
import tomllib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from rest_framework.authtoken.models import Token

import adaptivity
from adaptivity.content.services.courses import course_load
from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.management.numbers import whole_number
from adaptivity.models import Collection
from adaptivity.recommendation.services.recommendation import activity_recommend

USERNAME = "admin"
COURSE = Path(adaptivity.__file__).parent / "courses" / "fractions.toml"
COLLECTION = "fractions-foundations"


class Command(BaseCommand):
    help = (
        "Migrates the database, creates a superuser with a token, and loads the demo course. Skips what exists "
        "already. Then prints the address, the token and two calls to try. For a laptop: refused unless ENV_LABEL is "
        "'local'."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port", type=whole_number(at_least=1, at_most=65_535), default=8000,
            help="The port that the service will listen on. Default: 8000.",
        )  # fmt: skip
        parser.add_argument("--token-file", type=Path, help="Also write the token to this file, for your eyes only.")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.ENV_LABEL != "local":
            raise CommandError("ENV_LABEL is not 'local'; the demo prints a token, so it is for laptops only")
        self.stdout.write("Migrating the database")
        call_command("migrate", verbosity=0)
        user, created = get_user_model().objects.get_or_create(
            username=USERNAME, defaults={"is_staff": True, "is_superuser": True}
        )
        if created:
            password = secrets.token_urlsafe(12)
            user.set_password(password)
            user.save()
            self.stdout.write(f"Admin user: {USERNAME}, password (shown only once): {password}")
        token, _ = Token.objects.get_or_create(user=user)
        if not Collection.objects.filter(collection_id=COLLECTION).exists():
            self.stdout.write("Loading the demo course")
            course_load(course=tomllib.loads(COURSE.read_text(encoding="utf-8")))

        address = f"http://localhost:{options['port']}"
        learner = {"user_id": "ada"}
        explained = activity_recommend(learner=LearnerIdentity(**learner), collection_id=COLLECTION)
        # If the learner has completed the collection, any activity will do.
        first = explained.url or explained.arrays.urls[0]
        recommend = {"learner": learner, "collection": COLLECTION, "sequence": None}
        score = {"learner": learner, "activity": first, "score": 1.0}
        export = token.key
        if path := options["token_file"]:
            write_privately(path, token.key)
            export = f"$(cat {shlex.quote(str(path))})"
        self.stdout.write(
            f"\nAdaptivity  {address}/  (API {address}/api/docs/, admin {address}/admin/)\n"
            f"Token       {token.key}\n\n"
            "Try this in a second terminal. Which activity should the learner do next?\n\n"
            f"{curl(address, token.key, 'activity/recommend', recommend)}\n\n"
            "The learner scored 1.0 on it:\n\n"
            f"{curl(address, token.key, 'score', score)}\n\n"
            "README.md has more calls. They read the token from a variable:\n\n"
            f"export TOKEN={export}\n"
        )


def curl(address: str, token: str, route: str, body: dict[str, Any]) -> str:
    """A one-line shell command that posts the body."""
    return (
        f"curl -s -w '\\n' {address}/api/v2/{route} -H 'Authorization: Token {token}'"
        f" -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
    )


def write_privately(path: Path, text: str) -> None:
    """Write a file that only its owner can read, even if one with a wider mode was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
