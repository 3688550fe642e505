"""How a command is told which learner it is about."""

import sys
from argparse import ArgumentParser
from typing import Any

from adaptivity.services.learners import LearnerIdentity


def add_learner_arguments(parser: ArgumentParser) -> None:
    """Adds USER_ID and --guid."""
    parser.add_argument("user_id", help="the learner's user_id; -: it is on standard input, which nobody else sees")
    parser.add_argument("--guid", default="", help="their tool_consumer_instance_guid")


def learner_of(options: dict[str, Any]) -> LearnerIdentity:
    """The learner that the options name."""
    user_id = options["user_id"]
    if user_id == "-":
        user_id = sys.stdin.readline().rstrip("\r\n")
    return LearnerIdentity(user_id, options["guid"])
