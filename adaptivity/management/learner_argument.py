"""The arguments of commands that take one learner."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from adaptivity.evidence.services.learners import LearnerIdentity
from adaptivity.exit_codes import ExitCode
from adaptivity.text import is_utf8


def add_learner_arguments(parser: ArgumentParser) -> None:
    """Adds USER_ID and --guid."""
    parser.add_argument(
        "user_id",
        help="The learner's user_id. Use - to read it from standard input, so that it stays out of process lists.",
    )
    parser.add_argument("--guid", default="", help="The learner's tool_consumer_instance_guid.")


def learner_of(options: dict[str, Any]) -> LearnerIdentity:
    """The learner that the options name. Text that is not UTF-8 ends the command with exit code 2."""
    user_id = options["user_id"]
    if user_id == "-":
        try:
            user_id = sys.stdin.readline().rstrip("\r\n")
        except UnicodeDecodeError:
            raise CommandError("user_id: is not UTF-8", returncode=ExitCode.REFUSED_INPUT) from None
    for name, text in (("user_id", user_id), ("guid", options["guid"])):
        if not is_utf8(text):
            raise CommandError(f"{name}: is not UTF-8", returncode=ExitCode.REFUSED_INPUT)
    return LearnerIdentity(user_id, options["guid"])
