from typing import Any

from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from adaptivity.admin.base import RecordAdmin, RecordInline
from adaptivity.models import HandSetMastery, Reject, Score, ScoreImport, ScoreRevision, VoidedStatement


class RevisionInline(RecordInline):
    model = ScoreRevision
    fields = ("activity", "value", "timestamp", "deleted", "arrival", "recorded_at")
    readonly_fields = fields
    ordering = ("-arrival",)
    verbose_name_plural = "corrections and deletion, newest first"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("activity")


@admin.register(Score)
class ScoreAdmin(RecordAdmin):
    """Scores as they were first reported, and their corrections or deletion."""

    list_display = ("learner", "activity", "score", "timestamp", "state", "event_id", "model_version")
    list_filter = ("timestamp", "timestamp_given", ("event_id", EmptyFieldListFilter))
    list_select_related = ("learner", "activity", "model_version")
    search_fields = ("learner__user_id__exact", "activity__source_launch_url__exact", "event_id__exact")
    search_help_text = "A whole user_id, source launch URL or event_id."
    inlines = (RevisionInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Score]:
        revisions = ScoreRevision.objects.filter(score=OuterRef("pk"))
        queryset: QuerySet[Score] = super().get_queryset(request)
        return queryset.annotate(
            is_revised=Exists(revisions),
            is_deleted=Exists(revisions.filter(deleted=True)),
        )

    @admin.display(description="state")
    def state(self, score: Any) -> str:
        if score.is_deleted:
            return "deleted"
        return "corrected" if score.is_revised else "as reported"


@admin.register(ScoreRevision)
class ScoreRevisionAdmin(RecordAdmin):
    list_display = ("learner", "activity", "value", "timestamp", "deleted", "recorded_at")
    list_filter = ("deleted", "recorded_at")
    list_select_related = ("learner", "activity")
    search_fields = ("learner__user_id__exact", "activity__source_launch_url__exact")
    search_help_text = "A whole user_id or source launch URL."


@admin.register(HandSetMastery)
class HandSetMasteryAdmin(RecordAdmin):
    list_display = ("learner", "knowledge_component", "value", "timestamp")
    list_filter = ("timestamp", ("value", EmptyFieldListFilter))
    list_select_related = ("learner", "knowledge_component")
    search_fields = ("learner__user_id__exact", "knowledge_component__kc_id__exact")
    search_help_text = "A whole user_id or kc_id."


@admin.register(VoidedStatement)
class VoidedStatementAdmin(RecordAdmin):
    list_display = ("statement_id", "recorded_at")
    list_filter = ("recorded_at",)
    search_fields = ("statement_id__exact",)
    search_help_text = "The whole id of a statement, in lower case."


class RejectInline(RecordInline):
    model = Reject
    fields = ("reason", "count", "first_line", "last_line")
    readonly_fields = fields
    ordering = ("-count",)
    verbose_name_plural = "why lines were refused; the lines themselves are in the import's reject file"


@admin.register(ScoreImport)
class ScoreImportAdmin(RecordAdmin):
    list_display = (
        "__str__",
        "file_name",
        "file_format",
        "tool_consumer_instance_guid",
        "started_at",
        "lines_done",
        "imported",
        "refused",
        "finished_at",
    )
    list_filter = ("started_at", "file_format", ("finished_at", EmptyFieldListFilter))
    search_fields = ("content_hash__startswith", "file_name", "tool_consumer_instance_guid")
    search_help_text = "The start of the file's hash, the file's name, or a tool_consumer_instance_guid."
    inlines = (RejectInline,)


@admin.register(Reject)
class RejectAdmin(RecordAdmin):
    """The number of refused lines by file and reason."""

    list_display = ("reason", "count", "file", "first_line", "last_line", "updated_at")
    list_filter = ("updated_at", "score_import__file_format")
    list_select_related = ("score_import",)
    search_fields = ("reason", "score_import__file_name", "score_import__content_hash__startswith")
    search_help_text = "Part of the reason or of the file's name, or the start of the file's hash."

    @admin.display(description="file", ordering="score_import__file_name")
    def file(self, reject: Reject) -> str:
        return reject.score_import.file_name or str(reject.score_import)
