from collections import defaultdict

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.html import format_html

from adaptivity.admin.base import (
    INLINE_ROWS,
    ContentAdmin,
    LinkInline,
    RecordAdmin,
    Services,
    changelist_link,
    table,
)
from adaptivity.content.services import collections
from adaptivity.models import Activity, Collection, CollectionActivity, ContentGapReport


class ActivityInline(LinkInline):
    model = CollectionActivity
    fields = ("activity",)
    autocomplete_fields = ("activity",)
    verbose_name = "activity"
    verbose_name_plural = f"activities (the first {INLINE_ROWS}; see above for all)"


@admin.register(Collection)
class CollectionAdmin(ContentAdmin):
    services = Services(collections, "collection", "collection")
    list_display = ("collection_id", "name", "size", "max_problems", "stop_on_mastery")
    list_filter = ("stop_on_mastery",)
    search_fields = ("collection_id", "name")
    search_help_text = "collection_id or name."
    ordering = ("collection_id",)
    fields = ("collection_id", "name", "max_problems", "stop_on_mastery", "size", "more", "gaps", "revision")
    readonly_fields = ("size", "more", "gaps", "revision")
    inlines = (ActivityInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Collection]:
        members = (
            CollectionActivity.objects.filter(collection=OuterRef("pk"))
            .order_by()
            .values("collection")
            .annotate(count=Count("pk"))
            .values("count")
        )
        queryset: QuerySet[Collection] = super().get_queryset(request)
        return queryset.annotate(activity_count=Coalesce(Subquery(members), 0))

    @admin.display(description="activities", ordering="activity_count")
    def size(self, collection: Collection) -> str:
        # Annotated in get_queryset; a collection that is being added has none.
        count = getattr(collection, "activity_count", 0)
        return changelist_link(Activity, count, collections__id__exact=collection.pk)

    @admin.display(description="remove activities")
    def more(self, collection: Collection) -> str:
        return changelist_link(CollectionActivity, "all memberships", collection__id__exact=collection.pk)

    @admin.display(description="content gaps")
    def gaps(self, collection: Collection) -> str:
        return changelist_link(ContentGapReport, "what it lacks", collection__id__exact=collection.pk)


@admin.register(ContentGapReport)
class ContentGapReportAdmin(RecordAdmin):
    list_display = ("collection", "made_at", "suggestion_count")
    list_select_related = ("collection",)
    search_fields = ("collection__collection_id",)
    search_help_text = "collection_id."
    fields = ("collection", "made_at", "responses", "knowledge_components", "items")
    readonly_fields = fields
    # A report is useless after its collection is deleted.
    goes_with_content = True

    @admin.display(description="suggestions")
    def suggestion_count(self, report: ContentGapReport) -> int:
        rows = (*report.report["knowledge_components"], *report.report["items"])
        return sum(len(row["suggestions"]) for row in rows)

    @admin.display(description="responses")
    def responses(self, report: ContentGapReport) -> int:
        return int(report.report["responses"])

    @admin.display(description="KCs")
    def knowledge_components(self, report: ContentGapReport) -> str:
        shares = ("over_practice", "under_practice", "wheel_spinning", "runs_out")
        return table(
            ("KC", "items", "learners", "over-practice", "under-practice", "wheel-spinning", "bank runs out", "to do"),
            (
                (
                    row["knowledge_component"],
                    row["items"],
                    row["learners"],
                    *("-" if row[name] is None else f"{row[name]:.1%}" for name in shares),
                    "; ".join(each["message"] for each in row["suggestions"]),
                )
                for row in report.report["knowledge_components"]
            ),
        )

    @admin.display(description="items that are suspect or discriminate poorly")
    def items(self, report: ContentGapReport) -> str:
        left_out = report.report.get("items_left_out")
        more = f"{left_out} more items, which are less suspect" if left_out else ""
        found = table(
            ("activity", "KC", "learners", "correlation", "to do"),
            (
                (
                    row["activity"],
                    row["knowledge_component"],
                    row["learners"],
                    f"{row['correlation']:.2f}",
                    "; ".join(each["message"] for each in row["suggestions"]),
                )
                for row in report.report["items"]
            ),
        )
        return format_html("{}{}", found, more)


@admin.register(CollectionActivity)
class CollectionActivityAdmin(ContentAdmin):
    services = Services(collections, "collection_activity", "membership")
    list_display = ("activity", "collection")
    list_select_related = ("activity", "collection")
    search_fields = ("activity__source_launch_url", "collection__collection_id")
    search_help_text = "Source launch URL or collection_id."
    ordering = ("pk",)
    autocomplete_fields = ("activity", "collection")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[CollectionActivity]) -> None:
        # All memberships of a collection are removed at once, because large collections are emptied here.
        taken_out: dict[str, list[int]] = defaultdict(list)
        for membership in queryset:
            taken_out[membership.collection.collection_id].append(membership.activity_id)
        for collection_id, activity_ids in taken_out.items():
            collections.collection_activities_remove(collection_id=collection_id, activity_ids=activity_ids)
