from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.html import format_html

from adaptivity import tasks
from adaptivity.admin.base import RecordAdmin, ServiceAdmin, ServiceForm, Services, changelist_link
from adaptivity.models import CourseSource, CrawledPage, JobRun, SourceItem, SourceSection
from adaptivity.sources.services import course_sources

NOT_SENT = "The source was saved, but the broker did not accept its job. The next scheduled run reads the source."


class LinesField(forms.CharField):
    """A list of texts, one per line."""

    widget = forms.Textarea(attrs={"rows": 3, "cols": 80})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in (super().to_python(value) or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(data) != (initial or []))


class CourseSourceForm(ServiceForm):
    """The form of a source. The service has the rules."""

    address_exceptions = LinesField(
        required=False, help_text="Private addresses that may be reached, as host:port, one per line."
    )
    start_urls = LinesField(required=False, help_text="Website: the URLs to start from, one per line.")
    allowed_domains = LinesField(
        required=False,
        help_text="Website: domains, including their subdomains, one per line. "
        "Empty means only the hosts of the start URLs.",
    )


@admin.register(CourseSource)
class CourseSourceAdmin(ServiceAdmin):
    """Sources. A new source that is enabled is read at once."""

    services = Services(course_sources, "course_source", "source")
    form = CourseSourceForm
    list_display = ("slug", "kind", "name", "enabled", "last_outcome", "last_started_at", "last_finished_at")
    list_filter = ("kind", "enabled", "last_outcome")
    search_fields = ("slug", "name", "base_url", "course_id")
    search_help_text = "Slug, name, base URL or course id."
    ordering = ("slug",)
    fieldsets = (
        (None, {"fields": ("slug", "kind", "name", "enabled", "interval_hours", "address_exceptions")}),
        ("Open edX", {"fields": ("base_url", "course_id", "launch_url", "credentials")}),
        (
            "Website",
            {"fields": ("start_urls", "allowed_domains", "max_depth", "max_pages", "delay", "collection_id")},
        ),
        (
            "Last run",
            {"fields": ("last_outcome", "last_started_at", "last_finished_at", "last_message", "more")},
        ),
    )
    readonly_fields = ("last_outcome", "last_started_at", "last_finished_at", "last_message", "more")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # The kind is fixed, because the source's content depends on it.
        return (*self.readonly_fields, "kind") if obj is not None else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: CourseSource, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        if obj.enabled and not change:
            tasks.read_source_on_commit(
                obj,
                saved_by=request.user.get_username(),
                not_sent=lambda: self.message_user(request, NOT_SENT, messages.WARNING),
            )

    @admin.display(description="see also")
    def more(self, source: CourseSource) -> str:
        return format_html(
            "{}, {}, {}, {}",
            changelist_link(SourceSection, "sections", source__id__exact=source.pk),
            changelist_link(SourceItem, "items", source__id__exact=source.pk),
            changelist_link(CrawledPage, "pages", source__id__exact=source.pk),
            changelist_link(JobRun, "runs of all jobs"),
        )


@admin.register(SourceSection)
class SourceSectionAdmin(RecordAdmin):
    goes_with_content = True
    list_display = ("external_id", "source", "collection", "position")
    list_filter = ("source",)
    list_select_related = ("source", "collection")
    search_fields = ("external_id__exact", "collection__collection_id__exact")
    search_help_text = "The platform's whole id, or a collection_id."


@admin.register(SourceItem)
class SourceItemAdmin(RecordAdmin):
    goes_with_content = True
    list_display = ("external_id", "source", "activity", "section", "position")
    list_filter = ("source", ("section", admin.EmptyFieldListFilter))
    list_select_related = ("source", "activity", "section")
    search_fields = ("external_id__exact", "activity__source_launch_url__exact")
    search_help_text = "The platform's whole id, or a source launch URL."


@admin.register(CrawledPage)
class CrawledPageAdmin(RecordAdmin):
    goes_with_content = True
    list_display = ("url", "source", "status", "reason", "http_status", "title", "fetched_at", "pending")
    list_filter = ("source", "status", "pending")
    list_select_related = ("source",)
    search_fields = ("url__startswith",)
    search_help_text = "The start of a URL."

    def get_queryset(self, request: HttpRequest) -> Any:
        queryset = super().get_queryset(request)
        is_list = request.resolver_match is None or "object_id" not in request.resolver_match.kwargs
        return queryset.defer("text") if is_list else queryset
