import json
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_POST

from adaptivity.admin.base import RecordAdmin, changelist_link
from adaptivity.errors import AdaptivityError
from adaptivity.model_versions.services.model_versions import held_by, model_version_promote, model_version_rollback
from adaptivity.models import (
    EngineState,
    EstimationBatch,
    ItemParameters,
    KnowledgeComponentParameters,
    ModelVersion,
    ModelVersionEvent,
    SuccessModel,
)

PERMISSION = "adaptivity.change_modelversion"


@admin.register(ModelVersion)
class ModelVersionAdmin(RecordAdmin):
    """Model versions. Immutable, because scores and recommendations refer to them.

    Users who may change model versions can change which one is in force, through the gate.
    """

    list_display = ("name", "method", "created_at", "finished_at", "is_active", "purged_at", "more")
    list_filter = ("created_at",)
    search_fields = ("name",)
    fields = ("name", "method", "created_at", "finished_at", "is_active", "purged_at", "gate", "report_text", "more")
    readonly_fields = fields
    change_form_template = "admin/adaptivity/modelversion/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        queryset: QuerySet[ModelVersion] = super().get_queryset(request).defer("report")
        return queryset.annotate(active=Exists(EngineState.objects.filter(active_model_version=OuterRef("pk"))))

    @admin.display(description="active", boolean=True)
    def is_active(self, version: ModelVersion) -> bool:
        return bool(version.active)  # type: ignore[attr-defined]  # annotated in get_queryset

    @admin.display(description="parameters")
    def more(self, version: ModelVersion) -> str:
        shown = (
            (ItemParameters, "of items"),
            (KnowledgeComponentParameters, "of knowledge components"),
            (ModelVersionEvent, "events"),
        )
        links = ((changelist_link(model, text, model_version__id__exact=version.pk),) for model, text in shown)
        return format_html_join(", ", "{}", links)

    @admin.display(description="gate")
    def gate(self, version: ModelVersion) -> str:
        rows = (
            ("passed" if check["passed"] else "not passed", check["name"], check["message"])
            for check in version.report.get("checks", ())
        )
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}: {}. {}</li>", rows))

    @admin.display(description="report")
    def report_text(self, version: ModelVersion) -> str:
        return format_html("<pre>{}</pre>", json.dumps(version.report, indent=1))

    def get_urls(self) -> list[URLPattern]:
        promote, rollback = self.admin_site.admin_view(self.promote), self.admin_site.admin_view(self.rollback)
        own = [
            path("rollback/", rollback, name="adaptivity_modelversion_rollback"),
            path("<int:version_id>/promote/", promote, name="adaptivity_modelversion_promote"),
        ]
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        held = held_by(ModelVersion.objects.filter(pk=object_id).first()) if object_id.isdigit() else None
        context = {
            **(extra_context or {}),
            "may_publish": request.user.has_perm(PERMISSION),
            "held": held[1]["message"] if held else "",
        }
        return super().change_view(request, object_id, form_url, context)

    @method_decorator(require_POST)
    def promote(self, request: HttpRequest, version_id: int) -> HttpResponse:
        """Puts the version in force. If the form says so, does it by force, with the reason given."""
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        version = get_object_or_404(ModelVersion, pk=version_id)
        try:
            model_version_promote(
                name=version.name,
                force="force" in request.POST,
                reason=request.POST.get("reason", ""),
                by=request.user.get_username(),
            )
        except AdaptivityError as error:
            for entry in error.entries():
                self.message_user(request, entry["message"], messages.ERROR)
        else:
            self.message_user(request, f"{version.name} is in force.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:adaptivity_modelversion_change", args=[version_id]))

    @method_decorator(require_POST)
    def rollback(self, request: HttpRequest) -> HttpResponse:
        """Reverts the last promotion."""
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        try:
            version = model_version_rollback(by=request.user.get_username(), reason=request.POST.get("reason", ""))
        except AdaptivityError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            name = version.name if version else "the authors' parameters"
            self.message_user(request, f"In force again: {name}.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:adaptivity_modelversion_changelist"))


@admin.register(ModelVersionEvent)
class ModelVersionEventAdmin(RecordAdmin):
    list_display = ("at", "kind", "model_version", "previous", "by", "reason")
    list_select_related = ("model_version", "previous")
    list_filter = ("kind",)
    search_fields = ("model_version__name",)
    search_help_text = "Name of the model version."


@admin.register(SuccessModel)
class SuccessModelAdmin(RecordAdmin):
    list_display = ("model_version", "responses", "created_at")
    list_select_related = ("model_version",)
    exclude = ("data",)
    search_fields = ("model_version__name",)
    search_help_text = "Name of the model version."


@admin.register(EstimationBatch)
class EstimationBatchAdmin(RecordAdmin):
    list_display = ("model_version", "number", "responses", "done_at")
    list_select_related = ("model_version",)
    search_fields = ("model_version__name",)
    search_help_text = "Name of the model version."


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
