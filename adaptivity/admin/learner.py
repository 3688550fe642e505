from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import BooleanField, ExpressionWrapper, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join

from adaptivity.admin.base import RecordAdmin, RecordInline, changelist_link
from adaptivity.content.selectors.parameters import current_stamp
from adaptivity.engine.parameters import MASTERY_THRESHOLD
from adaptivity.evidence.selectors.log import stale
from adaptivity.models import DoneActivity, ErasedLearner, HandSetMastery, Learner, Mastery, Score, ScoreRevision


class MasteryInline(RecordInline):
    model = Mastery
    fields = ("knowledge_component", "value")
    ordering = ("knowledge_component",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("knowledge_component")


class ScoreInline(RecordInline):
    model = Score
    fields = ("activity", "score", "timestamp", "arrival")
    ordering = ("-arrival",)
    verbose_name_plural = "newest scores, as they were first reported"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("activity")


class HandSetMasteryInline(RecordInline):
    model = HandSetMastery
    fields = ("knowledge_component", "value", "timestamp", "arrival")
    ordering = ("-arrival",)
    verbose_name_plural = "newest hand-set masteries"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("knowledge_component")


class StaleFilter(SimpleListFilter):
    title = "masteries"
    parameter_name = "stale"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Current"), ("yes", "Stale")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Learner]) -> QuerySet[Learner]:
        is_stale = stale(current_stamp())
        if self.value() == "yes":
            return queryset.filter(is_stale)
        return queryset.exclude(is_stale) if self.value() == "no" else queryset


@admin.register(Learner)
class LearnerAdmin(RecordAdmin):
    """Learners. Read-only, because their identity comes from the platform, and all else from the evidence."""

    list_display = ("user_id", "tool_consumer_instance_guid", "evidence_count", "latest_timestamp", "stale_")
    list_filter = (StaleFilter,)
    search_fields = ("user_id", "tool_consumer_instance_guid")
    search_help_text = "user_id or tool_consumer_instance_guid."
    fields = (
        "user_id",
        "tool_consumer_instance_guid",
        "evidence_count",
        "latest_timestamp",
        "last_activity",
        "traced_revision",
        "traced_model_version",
        "stale_",
        "more",
    )
    readonly_fields = fields
    inlines = (MasteryInline, ScoreInline, HandSetMasteryInline)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Learner]:
        queryset: QuerySet[Learner] = super().get_queryset(request)
        return queryset.annotate(is_stale=ExpressionWrapper(stale(current_stamp()), output_field=BooleanField()))

    @admin.display(description="stale", boolean=True)
    def stale_(self, learner: Learner) -> bool:
        return bool(learner.is_stale)  # type: ignore[attr-defined]  # annotated in get_queryset

    @admin.display(description="see also")
    def more(self, learner: Learner) -> str:
        shown = (
            (Mastery, "all masteries"),
            (Score, "all scores"),
            (ScoreRevision, "corrections and deletions"),
            (HandSetMastery, "all hand-set masteries"),
            (DoneActivity, "activities done"),
        )
        links = ((changelist_link(model, text, learner__id__exact=learner.pk),) for model, text in shown)
        return format_html_join(", ", "{}", links)


class MasteredFilter(SimpleListFilter):
    title = "mastered"
    parameter_name = "mastered"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", f"Yes (at least {MASTERY_THRESHOLD})"), ("no", "No")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Mastery]) -> QuerySet[Mastery]:
        if self.value() == "yes":
            return queryset.filter(value__gte=MASTERY_THRESHOLD)
        return queryset.filter(value__lt=MASTERY_THRESHOLD) if self.value() == "no" else queryset


@admin.register(Mastery)
class MasteryAdmin(RecordAdmin):
    list_display = ("learner", "knowledge_component", "value")
    list_filter = (MasteredFilter,)
    list_select_related = ("learner", "knowledge_component")
    search_fields = ("learner__user_id__exact", "knowledge_component__kc_id__exact")
    search_help_text = "A whole user_id or kc_id."


@admin.register(DoneActivity)
class DoneActivityAdmin(RecordAdmin):
    list_display = ("learner", "activity")
    list_select_related = ("learner", "activity")
    search_fields = ("learner__user_id__exact", "activity__source_launch_url__exact")
    search_help_text = "A whole user_id or source launch URL."


@admin.register(ErasedLearner)
class ErasedLearnerAdmin(RecordAdmin):
    """When learners were erased, but not who they were."""

    list_display = ("erased_at",)
    fields = ("erased_at",)
    list_filter = ("erased_at",)
