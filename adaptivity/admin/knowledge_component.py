from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter
from django.utils.html import format_html

from adaptivity.admin.base import AcyclicForm, ContentAdmin, LinkForm, LinkInline, changelist_link
from adaptivity.content.selectors.prerequisites import knowledge_component_comes_before
from adaptivity.models import Activity, KnowledgeComponent, Mastery, PrerequisiteKnowledgeComponent


class PrerequisiteKnowledgeComponentForm(AcyclicForm):
    dependent, prerequisite = "knowledge_component", "prerequisite"
    comes_before = knowledge_component_comes_before


class PrerequisiteKnowledgeComponentLinkForm(PrerequisiteKnowledgeComponentForm, LinkForm):
    pass


class PrerequisiteInline(LinkInline):
    model = PrerequisiteKnowledgeComponent
    fk_name = "knowledge_component"
    form = PrerequisiteKnowledgeComponentLinkForm
    fields = ("prerequisite", "value")
    autocomplete_fields = ("prerequisite",)
    verbose_name = "prerequisite"
    verbose_name_plural = "prerequisites: knowledge components to be mastered before this one"


@admin.register(KnowledgeComponent)
class KnowledgeComponentAdmin(ContentAdmin):
    list_display = ("kc_id", "name", "mastery_prior")
    list_filter = (("mastery_prior", EmptyFieldListFilter),)
    search_fields = ("kc_id", "name")
    search_help_text = "kc_id or name."
    ordering = ("kc_id",)
    fields = ("kc_id", "name", "mastery_prior", "more")
    readonly_fields = ("more",)
    inlines = (PrerequisiteInline,)
    # Its tags go with it, and activities that carried them may have evidence.
    deletion_alters_tracing = True

    @admin.display(description="see also")
    def more(self, kc: KnowledgeComponent) -> str:
        tagged = changelist_link(Activity, "activities tagged with it", knowledge_components__id__exact=kc.pk)
        return format_html(
            "{}, {}", tagged, changelist_link(Mastery, "masteries", knowledge_component__id__exact=kc.pk)
        )

    def alters_tracing(self, form: forms.ModelForm, formsets: Any, *, change: bool) -> bool:
        return change and "mastery_prior" in form.changed_data


@admin.register(PrerequisiteKnowledgeComponent)
class PrerequisiteKnowledgeComponentAdmin(ContentAdmin):
    form = PrerequisiteKnowledgeComponentForm
    list_display = ("knowledge_component", "prerequisite", "value")
    list_select_related = ("knowledge_component", "prerequisite")
    search_fields = ("knowledge_component__kc_id", "prerequisite__kc_id")
    search_help_text = "kc_id of the dependent or of the prerequisite."
    ordering = ("pk",)
    autocomplete_fields = ("knowledge_component", "prerequisite")
