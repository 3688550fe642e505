from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from adaptivity.admin.base import BoundedFormSet
from adaptivity.engine.policies import POLICIES
from adaptivity.engine.scoring import DESIGN_POLICY
from adaptivity.errors import AdaptivityError
from adaptivity.models import Experiment, ExperimentalGroup, ExperimentPin
from adaptivity.recommendation.services.experiments import BETWEEN, experiment_end, experiment_start


class GroupForm(forms.ModelForm):
    policy = forms.ChoiceField(
        choices=[(name, f"{name}: {policy.summary}") for name, policy in POLICIES.items()], initial=DESIGN_POLICY
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        experiment = cleaned.get("experiment")
        if isinstance(experiment, Experiment) and experiment.started_at is not None:
            self.add_error("experiment", "The experiment was started; what it compares is fixed.")
        if cleaned.get("mastery_threshold") in {0.0, 1.0}:
            self.add_error("mastery_threshold", BETWEEN)
        return cleaned


class DraftsOnly:
    """What an experiment compares is fixed once it was started."""

    def _is_draft(self, obj: Any) -> bool:
        experiment = getattr(obj, "experiment", obj)
        return experiment is None or experiment.started_at is None

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_draft(obj) and super().has_change_permission(request, obj)  # type: ignore[misc]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_draft(obj) and super().has_delete_permission(request, obj)  # type: ignore[misc]


class GroupInline(DraftsOnly, admin.StackedInline):
    model = ExperimentalGroup
    form = GroupForm
    formset = BoundedFormSet
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_draft(obj) and bool(super().has_add_permission(request, obj))


@admin.register(Experiment)
class ExperimentAdmin(DraftsOnly, admin.ModelAdmin):
    """Drafts are planned here; starting and ending are actions of the list."""

    show_full_result_count = False
    list_display = ("name", "collection", "started_at", "ended_at")
    list_select_related = ("collection",)
    search_fields = ("name", "collection__collection_id")
    search_help_text = "Name or collection_id."
    ordering = ("-pk",)
    autocomplete_fields = ("collection",)
    fields = ("name", "collection", "started_at", "ended_at")
    readonly_fields = ("started_at", "ended_at")
    inlines = (GroupInline,)
    actions = ("start", "end")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        # It would ask for no permission on each of them, and a started one is a record.
        actions.pop("delete_selected", None)
        return actions

    @admin.action(description="Start", permissions=["change"])
    def start(self, request: HttpRequest, queryset: QuerySet[Experiment]) -> None:
        for experiment in queryset:
            self._act(request, experiment, experiment_start, "started")

    @admin.action(description="End", permissions=["change"])
    def end(self, request: HttpRequest, queryset: QuerySet[Experiment]) -> None:
        for experiment in queryset:
            self._act(request, experiment, experiment_end, "ended")

    def _act(self, request: HttpRequest, experiment: Experiment, service: Any, done: str) -> None:
        try:
            service(experiment=experiment)
        except AdaptivityError as error:
            self.message_user(request, f"{experiment}: {error.message}", messages.ERROR)
        else:
            self.message_user(request, f"{experiment} is {done}.", messages.SUCCESS)


@admin.register(ExperimentalGroup)
class ExperimentalGroupAdmin(DraftsOnly, admin.ModelAdmin):
    """Where pins look for their groups; groups are planned on the experiment's page."""

    show_full_result_count = False
    form = GroupForm
    list_display = ("experiment", "name", "weight", "policy")
    list_select_related = ("experiment",)
    search_fields = ("experiment__name", "name")
    search_help_text = "Name of the experiment or group."
    ordering = ("-pk",)
    autocomplete_fields = ("experiment",)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


class PinForm(forms.ModelForm):
    """The experiment is the group's."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        group, learner = cleaned.get("group"), cleaned.get("learner")
        if group is not None:
            self.instance.experiment = group.experiment
            if group.experiment.ended_at is not None:
                self.add_error("group", "The experiment has ended.")
            # Django leaves the constraint out: the experiment is no field of the form.
            twins = ExperimentPin.objects.filter(experiment=group.experiment, learner=learner)
            if twins.exclude(pk=self.instance.pk).exists():
                self.add_error("learner", "The learner is in a group of this experiment by hand already.")
        return cleaned


@admin.register(ExperimentPin)
class ExperimentPinAdmin(admin.ModelAdmin):
    show_full_result_count = False
    form = PinForm
    list_display = ("learner", "group")
    list_select_related = ("learner", "group__experiment")
    search_fields = ("=learner__user_id", "experiment__name")
    search_help_text = "The learner's user_id, whole, or the experiment's name."
    ordering = ("-pk",)
    fields = ("learner", "group")
    autocomplete_fields = ("learner", "group")
