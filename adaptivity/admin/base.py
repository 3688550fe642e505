"""What the pages share: content is written in turn and counted as a change, records are only viewed, and no page
grows with the number of rows."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db import IntegrityError, models, transaction
from django.db.models import ProtectedError
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from adaptivity.content.services.revisions import content_changed, content_lock

INLINE_ROWS = 50
SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}


def changelist_link(model: type[models.Model], text: object, **filters: object) -> str:
    """A link to the rows of the model that the filters leave: what an inline is too short for. On the page of an
    object that is being added, whose filter is None, there is nothing to lead to."""
    if None in filters.values():
        return "-"
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return format_html('<a href="{}?{}">{}</a>', url, urlencode(filters), text)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows of plain text as a table of a page; "-" where there are none."""
    body = format_html_join(
        "", "<tr>{}</tr>", ((format_html_join("", "<td>{}</td>", ((cell,) for cell in row)),) for row in rows)
    )
    if not body:
        return "-"
    cells = format_html_join("", "<th>{}</th>", ((cell,) for cell in head))
    return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", cells, body)


class ContentAdmin(admin.ModelAdmin):
    """A page whose writes hold the content lock, and end with a new revision, in one transaction.

    A write in the admin counts as one of content that every collection may use: that is right for each of them, and
    writes by hand are too few for the arrays that other collections load again to matter.
    """

    show_full_result_count = False
    deletion_alters_tracing = False

    def alters_tracing(self, form: forms.ModelForm, formsets: Sequence[BaseInlineFormSet], *, change: bool) -> bool:
        """Whether a save changes tags or base parameters that evidence may have been traced with."""
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        view = super().changeform_view
        return self._in_turn(request, lambda: view(request, object_id, form_url, extra_context))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        view = super().delete_view
        return self._in_turn(request, lambda: view(request, object_id, extra_context))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        view = super().changelist_view
        return self._in_turn(request, lambda: view(request, extra_context))

    def _in_turn(self, request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
        if request.method in SAFE_METHODS:
            return view()
        try:
            with transaction.atomic():
                content_lock()
                return view()
        except (ProtectedError, IntegrityError):
            # Scores do not take the content lock: one may refer to what is being deleted.
            self.message_user(
                request, "Nothing was changed: something else began to refer to it meanwhile.", messages.ERROR
            )
            return HttpResponseRedirect(request.get_full_path())

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        super().save_related(request, form, formsets, change)
        content_changed(shared=True, tracing=self.alters_tracing(form, formsets, change=change))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        content_changed(shared=True, tracing=self.deletion_alters_tracing)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        super().delete_queryset(request, queryset)
        content_changed(shared=True, tracing=self.deletion_alters_tracing)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[list[Any], dict[str, int], set[Any], list]:
        """What goes with the objects, and what protects them, as counts.

        Django shows a line for each row instead: the 17,708 memberships of a large collection, or each score.
        """
        counts = {str(self.opts.verbose_name_plural): len(objs)}
        lacking: set[Any] = set()
        protected: list[str] = []
        for relation in self.opts.get_fields(include_hidden=True):
            if not isinstance(relation, models.ManyToOneRel) or relation.on_delete is models.SET_NULL:
                continue
            model: Any = relation.related_model
            name = str(model._meta.verbose_name_plural)
            count = model._base_manager.filter(**{f"{relation.field.name}__in": objs}).count()
            if not count:
                continue
            if relation.on_delete is models.PROTECT:
                protected.append(f"{count} {name}")
                continue
            counts[name] = counts.get(name, 0) + count
            page = self.admin_site.get_model_admin(model)
            if not getattr(page, "goes_with_content", False) and not page.has_delete_permission(request):
                lacking.add(model._meta.verbose_name)
        return [str(obj) for obj in objs[:INLINE_ROWS]], counts, lacking, protected

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: Any) -> Any:
        # An id means what the platform sent, white space included.
        if isinstance(db_field, models.CharField | models.TextField) and not db_field.choices:
            kwargs["strip"] = False
        return super().formfield_for_dbfield(db_field, request, **kwargs)


class ReadOnly:
    """Viewed by those who may, changed by nobody."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RecordAdmin(ReadOnly, admin.ModelAdmin):
    """Evidence, what is derived from it, and what the engine keeps: written by services only."""

    show_full_result_count = False
    ordering = ("-pk",)
    # Whether its rows are deleted by whoever may delete the content that they tell about.
    goes_with_content = False


class BoundedFormSet(BaseInlineFormSet):
    """The first INLINE_ROWS rows; all of them are on the changelist of their own model."""

    def get_queryset(self) -> Any:
        if not hasattr(self, "_bounded"):
            self._bounded = list(super().get_queryset()[:INLINE_ROWS])
            for row in self._bounded:
                # Else each row would ask for the page's own object again, to name itself.
                setattr(row, self.fk.name, self.instance)
        return self._bounded


class RecordInline(ReadOnly, admin.TabularInline):
    """The newest rows, only shown."""

    formset = BoundedFormSet
    extra = 0
    can_delete = False
    show_change_link = True
    ordering = ("-pk",)


class LinkForm(forms.ModelForm):
    """A row that links two objects. Where it is there already, its far end is fixed: remove the row and add another.

    That spares a query a row for the far end's name, and a row that did not change is not validated again.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            return
        self.empty_permitted = True
        for name, field in self.fields.items():
            if isinstance(field, forms.ModelChoiceField):
                end = getattr(self.instance, name)
                field.disabled = True
                field.widget = forms.Select(choices=[(end.pk, str(end))])

    def validate_unique(self) -> None:
        """Checks the unique constraints too: Django leaves those out that name the page's own object."""
        super().validate_unique()
        exclude = self._get_validation_exclusions()  # type: ignore[attr-defined]  # missing in the stubs
        for constraint in self._meta.model._meta.constraints:
            if isinstance(constraint, models.UniqueConstraint):
                try:
                    constraint.validate(self._meta.model, self.instance, exclude=exclude)
                except forms.ValidationError as error:
                    self.add_error(None, error)


class LinkInline(admin.TabularInline):
    """Links of an object to others, named by ``autocomplete_fields``."""

    form: type[forms.ModelForm] = LinkForm
    formset = BoundedFormSet
    extra = 0
    ordering = ("pk",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related(*self.autocomplete_fields)


class AcyclicForm(forms.ModelForm):
    """A prerequisite that would close a cycle is an error of the form.

    Only edges of one dependent are on a form, so that several of its rows form no cycle that none of them forms alone.
    """

    dependent: str
    prerequisite: str
    comes_before: Callable[..., bool]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        dependent, prerequisite = cleaned.get(self.dependent), cleaned.get(self.prerequisite)
        # An object that is being added has no dependents yet.
        if dependent is None or prerequisite is None or dependent.pk is None:
            return cleaned
        if type(self).comes_before(dependent.pk, [prerequisite.pk], without_edge=self.instance.pk):
            self.add_error(self.prerequisite, "The prerequisites would form a cycle.")
        return cleaned
