from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter
from django.utils.html import format_html

from adaptivity.admin.base import ContentAdmin, LinkInline, Services, changelist_link
from adaptivity.content.services import knowledge_components
from adaptivity.models import Activity, KnowledgeComponent, Mastery, PrerequisiteKnowledgeComponent


class PrerequisiteInline(LinkInline):
    model = PrerequisiteKnowledgeComponent
    fk_name = "knowledge_component"
    fields = ("prerequisite", "value")
    autocomplete_fields = ("prerequisite",)
    verbose_name = "prerequisite"
    verbose_name_plural = "prerequisites: knowledge components to master before this one"


@admin.register(KnowledgeComponent)
class KnowledgeComponentAdmin(ContentAdmin):
    services = Services(knowledge_components, "knowledge_component", "knowledge_component")
    list_display = ("kc_id", "name", "mastery_prior")
    list_filter = (("mastery_prior", EmptyFieldListFilter),)
    search_fields = ("kc_id", "name")
    search_help_text = "kc_id or name."
    ordering = ("kc_id",)
    fields = ("kc_id", "name", "mastery_prior", "more")
    readonly_fields = ("more",)
    inlines = (PrerequisiteInline,)

    @admin.display(description="see also")
    def more(self, kc: KnowledgeComponent) -> str:
        tagged = changelist_link(Activity, "activities tagged with it", knowledge_components__id__exact=kc.pk)
        return format_html(
            "{}, {}", tagged, changelist_link(Mastery, "masteries", knowledge_component__id__exact=kc.pk)
        )


@admin.register(PrerequisiteKnowledgeComponent)
class PrerequisiteKnowledgeComponentAdmin(ContentAdmin):
    services = Services(knowledge_components, "prerequisite_knowledge_component", "edge")
    list_display = ("knowledge_component", "prerequisite", "value")
    list_select_related = ("knowledge_component", "prerequisite")
    search_fields = ("knowledge_component__kc_id", "prerequisite__kc_id")
    search_help_text = "kc_id of the dependent or the prerequisite."
    ordering = ("pk",)
    autocomplete_fields = ("knowledge_component", "prerequisite")
