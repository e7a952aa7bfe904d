"""From a file on somebody's disk to a run: choose it, say what its columns mean, start it."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from accounts.permissions import permission, require
from accounts.requests import StaffRequest
from marketing.lib import days
from marketing.lib.errors import UserError
from warehouse import catalogue, imports
from warehouse.feeds import KINDS, mapping, reading
from warehouse.models import Attribute, AttributeType, FeedKind, FeedRun, FeedRunState
from warehouse.views import ICONS

NEW = "+"  # no key begins with a plus
OVERHEAD = 64 * 1024  # boundaries and the other fields of a form


DATED = (FeedKind.CUSTOMERS, FeedKind.ATTRIBUTES)  # other rows say themselves when they happened


class AsOfForm(forms.Form):
    as_of = forms.DateField(
        label=_("True for"),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text=_("The day the file describes."),
    )

    def __init__(self, kind: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if kind not in DATED:
            del self.fields["as_of"]


@csrf_exempt
def upload(request: HttpRequest) -> HttpResponseBase:
    """Refuse what is too large by its announced length, before a byte of it is read; then take the file.

    The token of the form is checked in the inner view: reading it here would read the file.
    """
    if request.method == "POST":
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        try:
            reading.require_size(max(length - OVERHEAD, 1))
        except UserError as error:
            return _ask_file(request, error=error, status=413)
    return _upload(request)


@csrf_protect
@permission("feeds.load")
def _upload(request: StaffRequest) -> HttpResponse:
    if request.method != "POST":
        return _ask_file(request)
    file = request.FILES.get("file")
    kind = request.POST.get("kind", "")
    try:
        if file is None or file.file is None:
            raise UserError(_("Choose a file first."))
        run = imports.upload(
            file=cast(BinaryIO, file.file), name=file.name or "", kind=kind, by=request.user, at=days.now()
        )
    except UserError as error:
        return _ask_file(request, error=error, kind=kind, status=422)
    return redirect("warehouse:mapping", run.pk)


def _ask_file(
    request: HttpRequest, *, error: UserError | None = None, kind: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "kinds": [(value, label, ICONS[value]) for value, label in FeedKind.choices],
        "kind": kind or request.GET.get("kind", "customers"),
        "error": error,
    }
    return render(request, "warehouse/upload.html", context, status=status)


@permission("feeds.load")
def columns(request: StaffRequest, pk: int) -> HttpResponse:
    """Show what each column seems to mean, let it be corrected, and start."""
    run = get_object_or_404(FeedRun, pk=pk)
    if run.state != FeedRunState.UPLOADED:
        return redirect("warehouse:run", run.pk)
    form = AsOfForm(run.kind, request.POST or None, initial={"as_of": run.as_of or days.day_of(days.now())})
    error: UserError | None = None
    if request.method == "POST":
        run.mapping = _read_mapping(request, run)
        if form.is_valid():
            try:
                return _start(request, run, form)
            except UserError as refused:
                error = refused
    return render(
        request,
        "warehouse/columns.html",
        _columns_context(run, form, error),
        status=422 if error or form.errors else 200,
    )


def _start(request: StaffRequest, run: FeedRun, form: AsOfForm) -> HttpResponse:
    at = days.now()
    imports.configure(run=run, mapping=run.mapping, as_of=form.cleaned_data.get("as_of"), by=request.user, at=at)
    imports.start(run=run, by=request.user, at=at)
    return redirect("warehouse:run", run.pk)


def _read_mapping(request: HttpRequest, run: FeedRun) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for place, name in enumerate(run.layout["file"]["columns"]):
        to = request.POST.get(f"to-{place}", "")
        entries[name] = {"to": to} if to != NEW else _new(request, place, name)
    return {"columns": entries, "complete": request.POST.get("complete") == "on"}


def _new(request: HttpRequest, place: int, name: str) -> dict[str, Any]:
    asked = {
        field: request.POST.get(f"{field}-{place}", "").strip() for field in ("key", "label_zh", "label_en", "type")
    }
    key = asked.pop("key") or catalogue.key_for(name) or f"column_{place + 1}"
    return {"to": key, "new": asked}


def _columns_context(run: FeedRun, form: AsOfForm, error: UserError | None) -> dict[str, Any]:
    kind = KINDS[run.kind]
    attributes = list(Attribute.objects.in_use()) if kind.takes_attributes else []
    there = {attribute.key for attribute in attributes}
    known = [k for k in catalogue.known().values() if k.key not in there] if kind.takes_attributes else []
    rows = [_column(run, place, name, error) for place, name in enumerate(run.layout["file"]["columns"])]
    return {
        "run": run,
        "file": run.layout["file"],
        "rows": rows,
        "taken": sum(1 for row in rows if row["to"]),
        "own": [(column.name, column.label, column.required) for column in kind.columns],
        "attributes": attributes,
        "known": known,
        "types": AttributeType.choices,
        "takes_attributes": kind.takes_attributes,
        "dated": run.kind in DATED,
        "form": form,
        "error": error,
        "new": NEW,
    }


def _column(run: FeedRun, place: int, name: str, error: UserError | None) -> dict[str, Any]:
    entry, kind = run.mapping["columns"].get(name, {}), KINDS[run.kind]
    refusable = kind.takes_attributes and mapping.own_column(kind, name) is None
    return {
        "place": place,
        "name": name,
        "samples": run.layout["samples"].get(name, []),
        "to": entry.get("to", ""),
        "new": entry.get("new"),
        "key": entry.get("to", "") if entry.get("new") else catalogue.key_for(name),
        "refused": catalogue.refusal(name) if refusable else "",
        "fault": (error.fields.get(name, "") if error else ""),
    }


@require_POST
@permission("feeds.load")
def discard(request: StaffRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(FeedRun, pk=pk)
    imports.discard(run=run, by=request.user, at=days.now())
    messages.success(request, _("The file was dropped. Nothing of it was loaded."))
    return redirect("warehouse:feeds")


@require_POST
@permission("feeds.load")
def cancel(request: StaffRequest, pk: int) -> HttpResponse:
    """Ask a run to stop; nothing of it lands."""
    run = get_object_or_404(FeedRun.objects.select_related("job"), pk=pk)
    require(request.user, KINDS[run.kind].permission)
    imports.cancel(run=run, by=request.user, at=days.now())
    return redirect("warehouse:run", run.pk)
