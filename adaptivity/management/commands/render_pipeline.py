"""manage.py render_pipeline NAME: prints a pipeline as a state machine or a picture."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from adaptivity.errors import AdaptivityError
from adaptivity.exit_codes import ExitCode
from adaptivity.runs.pipelines import mermaid, state_machine
from adaptivity.runs.pipelines.registry import pipeline

FORMATS = {"asl": state_machine.render, "mermaid": mermaid.render}


class Command(BaseCommand):
    help = (
        "Prints a pipeline. asl is the definition of an AWS Step Functions state machine, as a Terraform template for "
        "terraform/modules/pipeline. mermaid is a picture. Needs no database."
    )
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="The name of the pipeline.")
        parser.add_argument("--format", choices=list(FORMATS), default="mermaid", help="The format. Default: mermaid.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            text = FORMATS[options["format"]](pipeline(options["name"]))
        except AdaptivityError as error:
            raise CommandError(str(error), returncode=ExitCode.REFUSED_INPUT) from error
        self.stdout.write(text, ending="")
