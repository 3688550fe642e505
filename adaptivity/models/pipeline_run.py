from django.db import models
from django.db.models import Q

from adaptivity.models.constraints import not_blank
from adaptivity.models.job_run import RunStatus
from adaptivity.text import NAME_LENGTH


class StepStatus(models.TextChoices):
    """The status of a step of a run."""

    WAITING = "waiting"
    QUEUED = "queued"  # waiting for a worker
    RUNNING = "running"
    DONE = "done"
    REJECTS = "rejects", "done, with rejects"
    FAILED = "failed"
    STOPPED = "stopped"
    SKIPPED = "skipped", "skipped because an earlier step failed"


class PipelineRun(models.Model):
    """One run of a pipeline, and the lock that prevents a second one.

    At most one run of a pipeline has the status ``running``. It keeps ``seen_at`` up to date. If ``seen_at`` is too
    old, the run has lost its process, and the next run may take its place.
    """

    pipeline = models.CharField(max_length=40)
    parameters = models.JSONField(default=dict, blank=True)
    started_by = models.CharField(max_length=NAME_LENGTH)
    host = models.CharField(max_length=NAME_LENGTH)
    process = models.CharField(
        max_length=NAME_LENGTH,
        blank=True,
        default="",
        help_text="The process that runs it, for other processes on the same machine.",
    )
    token = models.UUIDField(
        help_text="Identifies the process that holds the run. A process that finds another token has lost it."
    )
    status = models.CharField(max_length=10, choices=RunStatus, default=RunStatus.RUNNING)
    started_at = models.DateTimeField(help_text="When the run was started or last resumed.")
    seen_at = models.DateTimeField(help_text="The run's last sign of life, by the database's clock.")
    ended_at = models.DateTimeField(null=True, blank=True)
    exit_code = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            *not_blank("pipeline"),
            models.UniqueConstraint(
                fields=["pipeline"], name="%(class)s_one_running", condition=Q(status=RunStatus.RUNNING)
            ),
            models.CheckConstraint(
                name="%(class)s_ended_or_running",
                condition=Q(status=RunStatus.RUNNING, ended_at=None)
                | (~Q(status=RunStatus.RUNNING) & Q(ended_at__isnull=False)),
                violation_error_message="An ended run must have an end time; a running one must not.",
            ),
        ]
        indexes = [models.Index(fields=["pipeline", "-id"], name="%(class)s_latest")]

    def __str__(self) -> str:
        return f"{self.pipeline} {self.pk}"


class StepRun(models.Model):
    """One step of a run. Steps that were not chosen have no row."""

    run = models.ForeignKey(PipelineRun, models.CASCADE, related_name="steps", db_index=False)
    name = models.CharField(max_length=40)
    position = models.PositiveSmallIntegerField()
    command = models.JSONField(help_text="The arguments of manage.py.")
    timeout = models.PositiveIntegerField(help_text="Time limit of an attempt, in seconds.")
    status = models.CharField(max_length=10, choices=StepStatus, default=StepStatus.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    process = models.CharField(max_length=NAME_LENGTH, blank=True, default="")
    stop_requested = models.BooleanField(default=False, help_text="Tells its worker to stop it.")
    seen_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True, help_text="When the last attempt began.")
    ended_at = models.DateTimeField(null=True, blank=True)
    exit_code = models.SmallIntegerField(
        null=True, blank=True, help_text="If negative, the number of the signal that ended it."
    )
    problem = models.CharField(
        max_length=NAME_LENGTH, blank=True, default="", help_text="What the exit code does not explain."
    )
    log_tail = models.TextField(blank=True, default="", help_text="The step's last output.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "name"], name="%(class)s_unique"),
            *not_blank("name"),
        ]

    def __str__(self) -> str:
        return f"{self.run}, {self.name}"
