from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join

from adaptivity.admin.base import RecordAdmin, changelist_link
from adaptivity.models import EngineState, ItemParameters, KnowledgeComponentParameters, ModelVersion


@admin.register(ModelVersion)
class ModelVersionAdmin(RecordAdmin):
    """Immutable: scores and recommendations remember which version they saw."""

    list_display = ("name", "created_at", "is_active", "more")
    list_filter = ("created_at",)
    search_fields = ("name",)
    fields = ("name", "created_at", "is_active", "more")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        queryset: QuerySet[ModelVersion] = super().get_queryset(request)
        return queryset.annotate(active=Exists(EngineState.objects.filter(active_model_version=OuterRef("pk"))))

    @admin.display(description="active", boolean=True)
    def is_active(self, version: ModelVersion) -> bool:
        return bool(version.active)  # type: ignore[attr-defined]  # annotated in get_queryset

    @admin.display(description="parameters")
    def more(self, version: ModelVersion) -> str:
        shown = ((ItemParameters, "of items"), (KnowledgeComponentParameters, "of knowledge components"))
        links = ((changelist_link(model, text, model_version__id__exact=version.pk),) for model, text in shown)
        return format_html_join(", ", "{}", links)


@admin.register(ItemParameters)
class ItemParametersAdmin(RecordAdmin):
    list_display = ("model_version", "activity", "knowledge_component", "guess", "slip", "transit")
    list_select_related = ("model_version", "activity", "knowledge_component")
    search_fields = ("activity__source_launch_url", "knowledge_component__kc_id")
    search_help_text = "Source launch URL or kc_id."


@admin.register(KnowledgeComponentParameters)
class KnowledgeComponentParametersAdmin(RecordAdmin):
    list_display = ("model_version", "knowledge_component", "mastery_prior")
    list_select_related = ("model_version", "knowledge_component")
    search_fields = ("knowledge_component__kc_id",)
    search_help_text = "kc_id."


@admin.register(EngineState)
class EngineStateAdmin(RecordAdmin):
    list_display = ("__str__", "content_revision", "tracing_revision", "active_model_version")
    list_select_related = ("active_model_version",)
