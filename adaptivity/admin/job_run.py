from django.contrib import admin

from adaptivity.admin.base import RecordAdmin
from adaptivity.models import JobRun


@admin.register(JobRun)
class JobRunAdmin(RecordAdmin):
    """Runs of jobs: what ran, when, and how it went."""

    list_display = ("command", "status", "exit_code", "started_at", "ended_at", "started_by", "summary")
    list_filter = ("status", "command", "started_at")
    search_fields = ("command", "started_by")
    search_help_text = "A command, or the user or task that started it."
