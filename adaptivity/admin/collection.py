from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from adaptivity.admin.base import INLINE_ROWS, ContentAdmin, LinkInline, changelist_link
from adaptivity.models import Activity, Collection, CollectionActivity


class ActivityInline(LinkInline):
    model = CollectionActivity
    fields = ("activity",)
    autocomplete_fields = ("activity",)
    verbose_name = "activity"
    verbose_name_plural = f"activities (the first {INLINE_ROWS}; see above for all)"


@admin.register(Collection)
class CollectionAdmin(ContentAdmin):
    list_display = ("collection_id", "name", "size", "max_problems", "stop_on_mastery")
    list_filter = ("stop_on_mastery",)
    search_fields = ("collection_id", "name")
    search_help_text = "collection_id or name."
    ordering = ("collection_id",)
    fields = ("collection_id", "name", "max_problems", "stop_on_mastery", "size", "more", "revision")
    readonly_fields = ("size", "more", "revision")
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

    @admin.display(description="take activities out")
    def more(self, collection: Collection) -> str:
        return changelist_link(CollectionActivity, "all memberships", collection__id__exact=collection.pk)


@admin.register(CollectionActivity)
class CollectionActivityAdmin(ContentAdmin):
    list_display = ("activity", "collection")
    list_select_related = ("activity", "collection")
    search_fields = ("activity__source_launch_url", "collection__collection_id")
    search_help_text = "Source launch URL or collection_id."
    ordering = ("pk",)
    autocomplete_fields = ("activity", "collection")
