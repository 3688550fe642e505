from typing import Any

from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter, SimpleListFilter
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from adaptivity.admin.base import ContentAdmin, LinkInline, Services, changelist_link
from adaptivity.content.services import activities, prerequisite_activities
from adaptivity.models import Activity, ActivityKnowledgeComponent, CollectionActivity, PrerequisiteActivity, Score

SHOWN_KCS = 5


class TagInline(LinkInline):
    model = ActivityKnowledgeComponent
    fields = ("knowledge_component", "guess", "slip", "transit")
    autocomplete_fields = ("knowledge_component",)


class PrerequisiteInline(LinkInline):
    model = PrerequisiteActivity
    fk_name = "from_activity"
    fields = ("to_activity",)
    autocomplete_fields = ("to_activity",)
    verbose_name = "prerequisite"
    verbose_name_plural = "prerequisites: activities to do before this one"


class CollectionInline(LinkInline):
    model = CollectionActivity
    fields = ("collection",)
    autocomplete_fields = ("collection",)
    verbose_name = "collection"
    verbose_name_plural = "collections"


class TaggedFilter(SimpleListFilter):
    title = "tagged with a knowledge component"
    parameter_name = "tagged"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Yes"), ("no", "No")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Activity]) -> QuerySet[Activity]:
        tagged = Exists(ActivityKnowledgeComponent.objects.filter(activity=OuterRef("pk")))
        if self.value() == "yes":
            return queryset.filter(tagged)
        return queryset.filter(~tagged) if self.value() == "no" else queryset


@admin.register(Activity)
class ActivityAdmin(ContentAdmin):
    services = Services(activities, "activity", "activity")
    list_display = ("source_launch_url", "name", "type", "difficulty", "include_adaptive", "kcs")
    list_filter = ("include_adaptive", TaggedFilter, ("difficulty", EmptyFieldListFilter))
    search_fields = ("source_launch_url", "name", "type", "tags")
    search_help_text = "Source launch URL, name, type or tags."
    ordering = ("source_launch_url",)
    fields = ("source_launch_url", "name", "type", "difficulty", "include_adaptive", "tags", "more")
    readonly_fields = ("more",)
    inlines = (TagInline, PrerequisiteInline, CollectionInline)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Activity]:
        queryset: QuerySet[Activity] = super().get_queryset(request)
        return queryset.prefetch_related("knowledge_components")

    @admin.display(description="knowledge components")
    def kcs(self, activity: Activity) -> str:
        kcs = [str(kc) for kc in activity.knowledge_components.all()]
        return ", ".join(kcs[:SHOWN_KCS]) + (" …" if len(kcs) > SHOWN_KCS else "")

    @admin.display(description="see also")
    def more(self, activity: Activity) -> str:
        return changelist_link(Score, "its scores", activity__id__exact=activity.pk)


@admin.register(ActivityKnowledgeComponent)
class ActivityKnowledgeComponentAdmin(ContentAdmin):
    services = Services(activities, "activity_knowledge_component", "tag")
    beside_new = {"activity_is_new": True}
    list_display = ("activity", "knowledge_component", "guess", "slip", "transit")
    list_select_related = ("activity", "knowledge_component")
    search_fields = ("activity__source_launch_url", "knowledge_component__kc_id")
    search_help_text = "Source launch URL or kc_id."
    ordering = ("pk",)
    autocomplete_fields = ("activity", "knowledge_component")


@admin.register(PrerequisiteActivity)
class PrerequisiteActivityAdmin(ContentAdmin):
    services = Services(prerequisite_activities, "prerequisite_activity", "edge")
    list_display = ("from_activity", "to_activity")
    list_select_related = ("from_activity", "to_activity")
    search_fields = ("from_activity__source_launch_url", "to_activity__source_launch_url")
    search_help_text = "Source launch URL of the dependent or the prerequisite."
    ordering = ("pk",)
    autocomplete_fields = ("from_activity", "to_activity")
