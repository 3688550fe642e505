from django.contrib import admin

from adaptivity.admin.base import RecordAdmin
from adaptivity.models import ContentSnapshot, DecisionReceipt


@admin.register(DecisionReceipt)
class DecisionReceiptAdmin(RecordAdmin):
    list_display = ("at", "learner", "collection", "policy", "outcome", "activity", "propensity")
    list_select_related = ("learner", "collection")
    list_filter = ("outcome", "policy")
    search_fields = ("=learner__user_id", "=collection__collection_id")
    search_help_text = "A whole user_id or collection_id."
    exclude = ("state", "best")
    readonly_fields = ("candidates",)
    # Nobody can delete a receipt alone; without its collection it is useless.
    goes_with_content = True


@admin.register(ContentSnapshot)
class ContentSnapshotAdmin(RecordAdmin):
    list_display = ("digest", "created_at")
    exclude = ("data",)
    search_fields = ("digest",)
