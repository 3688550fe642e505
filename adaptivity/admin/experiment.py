from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from adaptivity.admin.base import BoundedFormSet, ServiceAdmin, ServiceForm, Services
from adaptivity.engine.policies import POLICIES
from adaptivity.engine.scoring import DESIGN_POLICY
from adaptivity.errors import AdaptivityError
from adaptivity.models import Experiment, ExperimentalGroup, ExperimentPin
from adaptivity.recommendation.services import experiments


class GroupForm(ServiceForm):
    policy = forms.ChoiceField(
        choices=[(name, f"{name}: {policy.summary}") for name, policy in POLICIES.items()], initial=DESIGN_POLICY
    )


class DraftsOnly:
    """Only drafts may be changed: starting an experiment fixes its groups."""

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
class ExperimentAdmin(DraftsOnly, ServiceAdmin):
    """Drafts of experiments. Start and end an experiment with the actions of the list."""

    services = Services(experiments, "experiment", "experiment")
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

    @admin.action(description="Start", permissions=["change"])
    def start(self, request: HttpRequest, queryset: QuerySet[Experiment]) -> None:
        for experiment in queryset:
            self._act(request, experiment, experiments.experiment_start, "started")

    @admin.action(description="End", permissions=["change"])
    def end(self, request: HttpRequest, queryset: QuerySet[Experiment]) -> None:
        for experiment in queryset:
            self._act(request, experiment, experiments.experiment_end, "ended")

    def _act(self, request: HttpRequest, experiment: Experiment, service: Any, done: str) -> None:
        try:
            service(experiment=experiment)
        except AdaptivityError as error:
            self.message_user(request, f"{experiment}: {error.message}", messages.ERROR)
        else:
            self.message_user(request, f"{experiment} was {done}.", messages.SUCCESS)


@admin.register(ExperimentalGroup)
class ExperimentalGroupAdmin(DraftsOnly, ServiceAdmin):
    """The groups that pins can choose. Plan groups on the experiment's page."""

    services = Services(experiments, "experimental_group", "group")
    form = GroupForm
    list_display = ("experiment", "name", "weight", "policy")
    list_select_related = ("experiment",)
    search_fields = ("experiment__name", "name")
    search_help_text = "Name of the experiment or the group."
    ordering = ("-pk",)
    autocomplete_fields = ("experiment",)


@admin.register(ExperimentPin)
class ExperimentPinAdmin(ServiceAdmin):
    """Pins of learners to groups. The group determines the experiment."""

    services = Services(experiments, "experiment_pin", "pin")
    list_display = ("learner", "group")
    list_select_related = ("learner", "group__experiment")
    search_fields = ("=learner__user_id", "experiment__name")
    search_help_text = "A whole user_id, or the name of the experiment."
    ordering = ("-pk",)
    fields = ("learner", "group")
    autocomplete_fields = ("learner", "group")
