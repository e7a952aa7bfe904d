"""Is the data here and right? Feeds with their last run, every run, and what became of its rows."""

from __future__ import annotations

from itertools import islice
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

from accounts.permissions import has, permission
from accounts.requests import StaffRequest
from customers.models import Customer
from jobs.models import Job
from marketing.lib import export
from warehouse import catalogue, engine
from warehouse import rejects as rejected
from warehouse.feeds import KINDS
from warehouse.models import Attribute, Dataset, FeedKind, FeedRun, FeedRunState, Partition

PER_PAGE = 50
SHOWN = 20
ICONS = {
    "customers": "users",
    "attributes": "columns",
    "activity": "timeline",
    "openings": "clipboard-list",
    "consents": "heart-handshake",
    "branches": "building-bank",
    "staff": "id-badge-2",
    "products": "package",
}


@permission("feeds.view")
def feeds(request: StaffRequest) -> HttpResponse:
    """Show every kind of feed with its last file, and how fresh the data is."""
    last = FeedRun.objects.order_by("kind", "-uploaded_at").distinct("kind").select_related("uploaded_by")
    by_kind = {run.kind: run for run in last}
    newest = engine.attributes_partition()
    months = Partition.objects.published(Dataset.ACTIVITY).order_by("-key")
    context = {
        "rows": [(kind, label, ICONS[kind], by_kind.get(kind)) for kind, label in FeedKind.choices],
        "customers": Customer.objects.visible_to(request.user).count(),
        "attributes": Attribute.objects.in_use().count(),
        "partition": newest,
        "as_of": engine.as_of_date(newest) if newest else None,
        "history": Partition.objects.published(Dataset.ATTRIBUTES).count(),
        "activity_rows": sum(month.rows for month in months),
        "activity_until": months[0].key.removeprefix("month=") if months else "",
        "may_load": has(request.user, "feeds.load"),
        "tab": "feeds",
    }
    return render(request, "warehouse/feeds.html", context)


@permission("feeds.view")
def runs(request: StaffRequest) -> HttpResponse:
    """List every file that was ever delivered, newest first."""
    found = FeedRun.objects.select_related("uploaded_by")
    kind, state, query = (request.GET.get(name, "").strip() for name in ("kind", "state", "q"))
    if kind in FeedKind.values:
        found = found.filter(kind=kind)
    if state in FeedRunState.values:
        found = found.filter(state=state)
    if query:
        found = found.filter(file_name__icontains=query)
    context = {
        "page_obj": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "kinds": FeedKind.choices,
        "states": FeedRunState.choices,
        "kind": kind,
        "state": state,
        "query": query,
        "may_load": has(request.user, "feeds.load"),
        "tab": "runs",
    }
    return render(request, "warehouse/runs.html", context)


@permission("feeds.view")
def run(request: StaffRequest, pk: int) -> HttpResponse:
    """Show one file: how far it is, what landed, what did not and why."""
    found = get_object_or_404(FeedRun.objects.select_related("uploaded_by", "job"), pk=pk)
    context = {
        "run": found,
        "job": found.job,
        "file": found.layout.get("file", {}),
        "reasons": [(rejected.summary(reason), count) for reason, count in found.reject_reasons.items()],
        "warnings": [(rejected.summary(r), count) for r, count in found.layout.get("warnings", {}).items()],
        "columns": _meanings(found),
        "faults": list(islice(rejected.read(found), SHOWN)),
        "seconds": (found.finished_at - found.started_at).total_seconds()
        if found.finished_at and found.started_at
        else None,
        "may_load": has(request.user, KINDS[found.kind].permission),
    }
    return render(request, "warehouse/run.html", context)


def _meanings(run: FeedRun) -> list[dict[str, Any]]:
    """Return what each column of the file was taken for."""
    kind = KINDS[run.kind]
    keys = [entry.get("to", "") for entry in run.mapping.get("columns", {}).values()]
    attributes = {a.key: a for a in Attribute.objects.filter(key__in=keys)}
    rows = []
    for name in run.layout.get("file", {}).get("columns", []):
        to = run.mapping.get("columns", {}).get(name, {}).get("to", "")
        own = kind.column(to)
        attribute = attributes.get(to)
        meaning = str(own.label) if own else attribute.label if attribute else to
        reason = catalogue.refusal(name) if kind.takes_attributes and not to else ""
        rows.append({"name": name, "meaning": meaning, "attribute": attribute, "reason": reason})
    return rows


@permission("feeds.view")
def run_progress(request: StaffRequest, pk: int) -> HttpResponse:
    """Answer the poll of a run that is not over; when it is, the page is loaded anew."""
    found = get_object_or_404(FeedRun.objects.select_related("job"), pk=pk)
    over = found.state not in (FeedRunState.QUEUED, FeedRunState.RUNNING)
    job: Job | None = found.job
    response = render(request, "warehouse/_progress.html", {"run": found, "job": job, "over": over})
    if over:
        response["HX-Refresh"] = "true"
    return response


@permission("feeds.view")
def rejects(request: StaffRequest, pk: int) -> HttpResponse:
    """Send the rows that did not land, with line, column, value and reason; names and phones masked."""
    found = get_object_or_404(FeedRun, pk=pk)
    header = [_("Line"), _("Column"), _("Value"), _("Reason")]
    return export.csv_response(  # type: ignore[return-value]
        f"rejects-{found.pk}-{found.kind}.csv", header, rejected.read(found)
    )
