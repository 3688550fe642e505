from django.contrib import admin

from adaptivity.admin.base import RecordAdmin, RecordInline
from adaptivity.models import PipelineRun, StepRun


class StepRunInline(RecordInline):
    model = StepRun
    fields = ("name", "status", "attempts", "exit_code", "problem", "started_at", "ended_at")
    readonly_fields = fields
    ordering = ("position",)


@admin.register(PipelineRun)
class PipelineRunAdmin(RecordAdmin):
    """Runs of pipelines. The page of each step shows its last output."""

    list_display = ("__str__", "status", "started_at", "ended_at", "started_by")
    list_filter = ("status", "pipeline", "started_at")
    search_fields = ("pipeline", "started_by")
    search_help_text = "A pipeline, or the user or task that started it."
    exclude = ("token", "process")
    inlines = (StepRunInline,)


@admin.register(StepRun)
class StepRunAdmin(RecordAdmin):
    list_display = ("run", "name", "status", "attempts", "exit_code", "problem", "started_at", "ended_at")
    list_filter = ("status", "name")
    list_select_related = ("run",)
    search_fields = ("run__pipeline", "name")
    search_help_text = "A pipeline or a step."
    exclude = ("process", "stop_requested")
