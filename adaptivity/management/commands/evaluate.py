"""manage.py evaluate FILE: how well each model predicts the responses of unseen learners."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from adaptivity.errors import AdaptivityError
from adaptivity.exit_codes import ExitCode
from adaptivity.management.failures import interruptible
from adaptivity.management.progress import ProgressDisplay
from adaptivity.management.tables import columns, logs_to_stderr
from adaptivity.model_versions.jobs.evaluate import MODELS, ModelResult, dataset, evaluate

COLUMNS = ("model", "AUC", "log loss", "RMSE", "accuracy", "ECE", "responses", "fit s", "responses/s")


class Command(BaseCommand):
    help = (
        "Fits models to the learners of a file with crc32(learner) % 5 != 0. Predicts the responses of the others, "
        "each from that learner's own past. The file has the format of import_scores. Needs no database. "
        "Exit codes: 0 done. 2 a file or model that cannot be used. 130 interrupted."
    )
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="The CSV file, plain or gzip.")
        parser.add_argument(
            "--model", action="append", choices=list(MODELS), metavar="NAME",
            help=f"Evaluate this model only; may be repeated. One of {', '.join(MODELS)}.",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="Print JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with interruptible(), ProgressDisplay(log=not options["json"]) as progress, logs_to_stderr():
                data = dataset(options["file"], progress=progress)
                results = evaluate(data, models=options["model"] or tuple(MODELS), progress=progress)
        except AdaptivityError as error:
            raise CommandError(str(error), returncode=ExitCode.REFUSED_INPUT) from error
        if data.refused:
            self.stderr.write(
                f"{data.refused} rows of the file were refused and left out; the first: {data.first_refusal}"
            )
        if data.repeated:
            self.stderr.write(f"{data.repeated} rows of the file repeat a learner's event_id and count once")
        if options["json"]:
            self.stdout.write(json.dumps({"models": {name: _as_json(result) for name, result in results.items()}}))
            return
        for line in _table(results):
            self.stdout.write(line)


def _as_json(result: ModelResult) -> dict[str, Any]:
    return {**asdict(result.metrics), "fit_seconds": result.fit_seconds}


def _table(results: dict[str, ModelResult]) -> list[str]:
    rows: list[tuple[str, ...]] = [COLUMNS]
    for name, result in results.items():
        found = result.metrics
        figures = (found.auc, found.log_loss, found.rmse, found.accuracy, found.ece)
        rows.append(
            (
                name,
                *(f"{figure:.4f}" for figure in figures),
                f"{found.responses}",
                f"{result.fit_seconds:.1f}",
                f"{result.responses_a_second:,.0f}",
            )
        )
    return columns(rows)
