"""manage.py demo_source: serves content and evidence on this machine for the pipeline nightly to read."""

import json
import threading
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from rest_framework.authtoken.models import Token

from adaptivity.exit_codes import ExitCode
from adaptivity.management.commands.demo import COLLECTION, USERNAME, curl
from adaptivity.management.local_servers.demo import CREDENTIALS, FIRST_SECTION, LEARNER, DemoServer, statements
from adaptivity.models import Collection, CourseSource
from adaptivity.sources.services.course_sources import course_source_create, course_source_update

INBOX = "var/inbox"
STATEMENTS = "statements.json"


class Command(BaseCommand):
    help = (
        "Serves a course through an Open edX API, and a small website, on 127.0.0.1 until Ctrl+C. Creates the sources "
        "that read them, and puts xAPI statements into the inbox. Then prints the settings that the pipeline nightly "
        "needs to read it all. For a laptop, after manage.py demo: refused unless ENV_LABEL is 'local'."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8010, help="The port to serve on. Default: 8010.")
        parser.add_argument(
            "--service-port", type=int, default=8000, help="The port that the service listens on. Default: 8000."
        )
        parser.add_argument(
            "--inbox", type=Path, default=Path(settings.EVIDENCE_INBOX or INBOX),
            help=f"The folder for evidence. Default: EVIDENCE_INBOX, or {INBOX} if that is not set.",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.ENV_LABEL != "local":
            raise CommandError("ENV_LABEL is not 'local'; the demo's sources are for laptops only")
        token = _demo_token()
        try:
            server = DemoServer(options["port"])
        except (OSError, OverflowError) as error:
            raise CommandError(f"--port {options['port']}: {error}", returncode=ExitCode.REFUSED_INPUT) from error
        with server:
            inbox: Path = options["inbox"]
            try:
                inbox.mkdir(parents=True, exist_ok=True)
                (inbox / STATEMENTS).write_text(statements(), encoding="utf-8")
            except OSError as error:
                raise CommandError(
                    f"--inbox {inbox}: {error.strerror or error}", returncode=ExitCode.REFUSED_INPUT
                ) from None
            for fields in server.sources():
                _source_write(fields)
            self.stdout.write(self._instructions(server, inbox, token, options["service_port"]))
            self.stdout.flush()
            with suppress(KeyboardInterrupt):
                threading.Event().wait()

    def _instructions(self, server: DemoServer, inbox: Path, token: str, port: int) -> str:
        asked = {"learner": {"user_id": LEARNER}, "collection": FIRST_SECTION}
        return (
            f"Serving a course and {server.url}/notes/ until Ctrl+C. Run this in another terminal:\n\n"
            f"export SOURCE_CREDENTIALS='{json.dumps(server.credentials(CREDENTIALS))}' EVIDENCE_INBOX={inbox}\n"
            ".venv/bin/python manage.py run_pipeline nightly\n\n"
            "The service can then recommend an activity of the course's first week:\n\n"
            f"{curl(f'http://localhost:{port}', token, 'activity/recommend', asked)}\n"
        )


def _demo_token() -> str:
    """The token that manage.py demo created. Raises CommandError if that command has not run."""
    try:
        token = Token.objects.filter(user__username=USERNAME).first()
        if token is not None and Collection.objects.filter(collection_id=COLLECTION).exists():
            return str(token.key)
    except DatabaseError:  # there are no tables
        pass
    raise CommandError(
        "the demo course does not exist; run manage.py demo or make run first", returncode=ExitCode.REFUSED_INPUT
    )


def _source_write(fields: dict[str, Any]) -> None:
    source = CourseSource.objects.filter(slug=fields["slug"]).first()
    if source is None:
        course_source_create(**fields)
    else:
        course_source_update(source=source, **fields)
