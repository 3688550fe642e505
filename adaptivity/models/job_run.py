from django.db import models
from django.db.models import Q

from adaptivity.models.constraints import not_blank
from adaptivity.text import NAME_LENGTH


class RunStatus(models.TextChoices):
    """The status of a run. A run that was killed stays ``running``; its last sign of life was at ``seen_at``."""

    RUNNING = "running"
    DONE = "done"
    REJECTS = "rejects", "done, with rejects"
    FAILED = "failed"
    STOPPED = "stopped"


class JobRun(models.Model):
    """One run of a job command: a record for operators, not used by jobs."""

    command = models.CharField(max_length=100)
    arguments = models.JSONField(default=dict, blank=True, help_text="The arguments given; secrets are masked.")
    started_by = models.CharField(max_length=NAME_LENGTH, help_text="A system user, an ECS task, or a pipeline.")
    host = models.CharField(max_length=NAME_LENGTH)
    status = models.CharField(max_length=10, choices=RunStatus, default=RunStatus.RUNNING)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="The run's last sign of life.")
    ended_at = models.DateTimeField(null=True, blank=True)
    exit_code = models.PositiveSmallIntegerField(null=True, blank=True)
    summary = models.TextField(blank=True, default="")
    log_tail = models.TextField(blank=True, default="", help_text="The last lines of the run's log.")

    class Meta:
        constraints = [
            *not_blank("command"),
            models.CheckConstraint(
                name="%(class)s_ended_or_running",
                condition=Q(status=RunStatus.RUNNING, ended_at=None, exit_code=None)
                | (~Q(status=RunStatus.RUNNING) & Q(ended_at__isnull=False, exit_code__isnull=False)),
                violation_error_message="An ended run must have an end time and an exit code; a running one neither.",
            ),
        ]
        indexes = [models.Index(fields=["command", "-started_at"], name="%(class)s_latest")]

    def __str__(self) -> str:
        return f"{self.command} {self.pk}"
