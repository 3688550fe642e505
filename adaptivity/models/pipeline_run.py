from django.db import models
from django.db.models import Q

from adaptivity.models.constraints import not_blank
from adaptivity.models.job_run import RunStatus
from adaptivity.text import NAME_LENGTH


class StepStatus(models.TextChoices):
    """How a step of a run stands."""

    WAITING = "waiting"
    QUEUED = "queued"  # a worker is to take it
    RUNNING = "running"
    DONE = "done"
    REJECTS = "rejects", "done, with rejects"
    FAILED = "failed"
    STOPPED = "stopped"
    SKIPPED = "skipped", "left out, because one before it failed"


class PipelineRun(models.Model):
    """One run of a pipeline, and the lock that keeps a second from starting.

    At most one run of a pipeline has the status ``running``. It shows that it is alive by ``seen_at``; one that has
    not for some time lost its process, and gives way to the next.
    """

    pipeline = models.CharField(max_length=40)
    parameters = models.JSONField(default=dict, blank=True)
    started_by = models.CharField(max_length=NAME_LENGTH)
    host = models.CharField(max_length=NAME_LENGTH)
    process = models.CharField(
        max_length=NAME_LENGTH,
        blank=True,
        default="",
        help_text="Which process runs it, for others on the same machine.",
    )
    token = models.UUIDField(help_text="Whose turn it is: a process that finds another's here has lost the run.")
    status = models.CharField(max_length=10, choices=RunStatus, default=RunStatus.RUNNING)
    started_at = models.DateTimeField(help_text="When it was started, or last resumed.")
    seen_at = models.DateTimeField(help_text="When it last gave a sign of life, by the database's clock.")
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
                violation_error_message="A run that has ended has a time, and a running one has none.",
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
    command = models.JSONField(help_text="What follows manage.py.")
    timeout = models.PositiveIntegerField(help_text="Seconds after which an attempt is ended.")
    status = models.CharField(max_length=10, choices=StepStatus, default=StepStatus.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    process = models.CharField(max_length=NAME_LENGTH, blank=True, default="")
    stop_requested = models.BooleanField(default=False, help_text="Asks the worker that runs it to end it.")
    seen_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True, help_text="When its last attempt began.")
    ended_at = models.DateTimeField(null=True, blank=True)
    exit_code = models.SmallIntegerField(null=True, blank=True, help_text="Negative: the signal that ended it.")
    problem = models.CharField(
        max_length=NAME_LENGTH, blank=True, default="", help_text="What the exit code does not say."
    )
    log_tail = models.TextField(blank=True, default="", help_text="The last of what it wrote.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "name"], name="%(class)s_unique"),
            *not_blank("name"),
        ]

    def __str__(self) -> str:
        return f"{self.run}, {self.name}"
