"""What the admin's pages share: services write, records are read-only, and no page grows with the number of rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import IntegrityError, models, transaction
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from adaptivity.errors import AdaptivityError

INLINE_ROWS = 50
# The errors of a write if another session deleted, or began to use, what it read. ProtectedError is an IntegrityError.
MEANWHILE = (ObjectDoesNotExist, IntegrityError)
SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}


def changelist_link(model: type[models.Model], text: object, **filters: object) -> str:
    """A link to the filtered list of a model's rows, for lists too long for an inline.

    Returns "-" on the page of an object that is being added, because its filter is None.
    """
    if None in filters.values():
        return "-"
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return format_html('<a href="{}?{}">{}</a>', url, urlencode(filters), text)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows of plain text as an HTML table, or "-" if there are none."""
    body = format_html_join(
        "", "<tr>{}</tr>", ((format_html_join("", "<td>{}</td>", ((cell,) for cell in row)),) for row in rows)
    )
    if not body:
        return "-"
    cells = format_html_join("", "<th>{}</th>", ((cell,) for cell in head))
    return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", cells, body)


class Refused(Exception):
    """The errors of services on a page, by the prefix of the form concerned; None is the page's own form."""

    def __init__(self, refusals: Mapping[str | None, Sequence[AdaptivityError]]) -> None:
        super().__init__(" ".join(error.message for errors in refusals.values() for error in errors))
        self.refusals = refusals


class ServiceForm(forms.ModelForm):
    """A form for data that a service writes. The service's errors become errors of the form."""

    refusals: ClassVar[Mapping[str | None, Sequence[AdaptivityError]]] = {}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        for error in self.refusals.get(self.prefix, ()):
            self.add_error(error.field if error.field in self.fields else None, error.message)
        return cleaned


@dataclass(frozen=True)
class Services:
    """The functions ``<entity>_create``, ``_update`` and ``_delete`` of a module.

    ``row`` is the name of the argument for the object in the last two.
    """

    module: ModuleType
    entity: str
    row: str

    def call(self, action: str, **arguments: Any) -> Any:
        """Calls one of the functions."""
        return getattr(self.module, f"{self.entity}_{action}")(**arguments)

    def save(self, form: forms.ModelForm, *, change: bool, **more: Any) -> Any:
        """Creates the object that a valid form describes, or updates the fields that changed."""
        columns = {column.name for column in form.instance._meta.fields if not column.primary_key}
        names = columns.intersection(form.changed_data if change else form.fields)
        values = {name: getattr(form.instance, name) for name in names}
        if change:
            return self.call("update", **{self.row: form.instance}, **values)
        return self.call("create", **values, **more)


class ServiceAdmin(admin.ModelAdmin):
    """A page that writes through services. If a service refuses a write, the page shows why and writes nothing."""

    services: Services
    # Additional arguments for creating a row as an inline of a new object.
    beside_new: ClassVar[Mapping[str, Any]] = {}
    form = ServiceForm
    show_full_result_count = False

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._all_or_nothing(request, partial(super().changeform_view, request, *args, **kwargs))

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._all_or_nothing(request, partial(super().delete_view, request, *args, **kwargs))

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._all_or_nothing(request, partial(super().changelist_view, request, *args, **kwargs))

    def _all_or_nothing(self, request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
        if request.method in SAFE_METHODS:
            return view()
        reason = "In the meantime, another session changed it or began to refer to it."
        try:
            with transaction.atomic():
                return view()
        except Refused as refused:
            reason = str(refused)
            request.refusals = refused.refusals  # type: ignore[attr-defined]  # for the forms
            # Show the same page with its errors, unless the current state allows no form.
            with suppress(Refused, PermissionDenied, *MEANWHILE), transaction.atomic():
                return view()
        except AdaptivityError as error:
            reason = error.message
        except MEANWHILE:
            pass
        self.message_user(request, f"Nothing was changed. {reason}", messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, *args, **kwargs)
        form.refusals = getattr(request, "refusals", {})
        return form

    def get_formsets_with_inlines(self, request: HttpRequest, obj: Any = None) -> Iterator[Any]:
        for formset, inline in super().get_formsets_with_inlines(request, obj):
            formset.form.refusals = getattr(request, "refusals", {})
            yield formset, inline

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        try:
            obj.pk = self.services.save(form, change=change).pk
        except AdaptivityError as error:
            raise Refused({None: [error]}) from error

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        refusals: dict[str | None, list[AdaptivityError]] = {}
        for formset in formsets:
            # Writes nothing, but collects the changes for the admin's log.
            formset.save(commit=False)
            page: Any = self.admin_site.get_model_admin(formset.model)
            beside_new = {} if change else page.beside_new
            deleted = formset.deleted_forms
            # Delete first, so that deleted rows make room for new ones.
            for row in sorted(formset.forms, key=lambda row: row not in deleted):
                known = row.instance.pk is not None
                try:
                    if row in deleted and known:
                        page.delete_model(request, row.instance)
                    elif row not in deleted and row.has_changed():
                        page.services.save(row, change=known, **beside_new)
                except AdaptivityError as error:
                    refusals.setdefault(None if row in deleted else row.prefix, []).append(error)
        if refusals:
            raise Refused(refusals)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.services.call("delete", **{self.services.row: obj})

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for obj in queryset:
            self.delete_model(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[list[Any], dict[str, int], set[Any], list]:
        """The numbers of rows that are deleted with the objects, and of those that protect them.

        Django would show a line for each row: the 17,708 memberships of a large collection, or every score.
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


class ContentAdmin(ServiceAdmin):
    """A page of content. Texts are stored exactly as entered."""

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: Any) -> Any:
        # An id is exactly what the platform sent, including white space.
        if isinstance(db_field, models.CharField | models.TextField) and not db_field.choices:
            kwargs["strip"] = False
        return super().formfield_for_dbfield(db_field, request, **kwargs)


class ReadOnly:
    """Users with permission may view it; nobody may change it."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RecordAdmin(ReadOnly, admin.ModelAdmin):
    """Evidence, derived state, and records of the engine. Only services write them."""

    show_full_result_count = False
    ordering = ("-pk",)
    # Whether users who may delete the content also delete these rows with it.
    goes_with_content = False


class BoundedFormSet(BaseInlineFormSet):
    """Shows the first INLINE_ROWS rows. The list page of their own model shows all."""

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


class LinkForm(ServiceForm):
    """A row that links two objects. The far end of an existing row is fixed: delete the row and add another.

    This saves a query per row for the far end's name, and unchanged rows are not validated again.
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


class LinkInline(admin.TabularInline):
    """Links of an object to others, named by ``autocomplete_fields``."""

    form: type[forms.ModelForm] = LinkForm
    formset = BoundedFormSet
    extra = 0
    ordering = ("pk",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related(*self.autocomplete_fields)
