"""The pages of segments: the list, one segment, its members, and the verbs on it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Department, User
from accounts.permissions import has, permission
from marketing.lib import days
from marketing.lib.errors import UserError

from . import editing, live, sampling, snapshots
from .catalogue import catalogue
from .fields import Catalogue
from .forms import SIZES, ListFilter
from .models import Segment, Snapshot, Version
from .rules import parse, restore
from .wording import sentence

PER_PAGE = 50
NEWEST_SNAPSHOTS = 10


@permission("segments.view")
@require_GET
def segment_list(request: HttpRequest) -> HttpResponse:
    """Which groups of customers are there, how large, whose?"""
    user = _user(request)
    visible = Segment.objects.visible_to(user).in_use()
    form = ListFilter(request.GET)
    found = form.narrow(visible.with_latest()).select_related("department", "owner")
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page_obj": page,
        "any_segment": bool(page.object_list) or visible.exists(),
        "departments": Department.objects.all() if user.is_bank_wide else [],
        "owners": User.objects.filter(pk__in=visible.values("owner")).distinct(),
        "sizes": [(key, label) for key, (label, _low, _high) in SIZES.items()],
        "may_edit": has(user, "segments.edit"),
    }
    return render(request, "segments/list.html", context)


@permission("segments.view")
@require_GET
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One segment: its rule, size and waterfall, history, snapshots, and where it is used."""
    segment, known = _find(request, pk), catalogue()
    versions = list(segment.versions.select_related("created_by"))
    context = {
        "segment": segment,
        "latest": versions[0] if versions else None,
        "history": [(version, _spans(version, known)) for version in versions],
        "snapshots": _snapshots(segment),
        "used_by_url": _url_or_nothing("campaigns:used_by", segment.pk),
        "may_edit": has(request.user, "segments.edit") and segment.archived_at is None,
    }
    return render(request, "segments/detail.html", context)


@permission("segments.view")
@require_GET
def figures(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the size and waterfall of the newest version, or the sentence that says why there is none."""
    segment = _find(request, pk)
    version = segment.latest
    answer = live.answer(version.rule, _user(request)) if version else None
    return render(request, "segments/_figures.html", {"segment": segment, "answer": answer})


@permission("segments.view")
@require_GET
def sample(request: HttpRequest, pk: int) -> HttpResponse:
    """Return a few masked members of the newest version; each call gives others."""
    version = _find(request, pk).latest
    table = live.examples(version.rule, _user(request)) if version else None
    return render(request, "segments/_sample.html", {"table": table})


@permission("segments.view")
@require_GET
def members(request: HttpRequest, pk: int) -> HttpResponse:
    """List the members of the newest version, masked, in the order of the customer number's id."""
    segment, user = _find(request, pk), _user(request)
    version = segment.latest
    if version is None:
        raise UserError(_("This segment has no rule yet."))
    known = catalogue()
    rule = parse(version.rule, known)
    everybody = sampling.Members(rule, user)
    page = Paginator(everybody, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "segment": segment,
        "version": version,
        "as_of": everybody.as_of,
        "page_obj": page,
        "table": live.table(rule, list(page), known),
    }
    return render(request, "segments/members.html", context)


@permission("segments.edit")
@require_POST
def freeze(request: HttpRequest, pk: int) -> HttpResponse:
    """Freeze the newest version's members of today."""
    segment = _find(request, pk)
    version = segment.latest
    if version is None:
        raise UserError(_("This segment has no rule yet."))
    snapshot = snapshots.freeze(version=version, by=_user(request), at=days.now())
    said = _("Snapshot of {date} frozen: {size} customers.")
    messages.success(request, said.format(date=snapshot.as_of.isoformat(), size=f"{snapshot.size:,}"))
    return redirect("segments:detail", pk=segment.pk)


@permission("segments.edit")
@require_POST
def archive(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the segment out of the lists."""
    segment = _find(request, pk)
    editing.archive(segment=segment, by=_user(request), at=days.now())
    said = _("“{name}” is archived. Its versions and snapshots stay for the campaigns built on them.")
    messages.success(request, said.format(name=segment.name))
    return redirect("segments:list")


def _find(request: HttpRequest, pk: int) -> Segment:
    visible = Segment.objects.visible_to(_user(request)).select_related("department", "owner")
    return get_object_or_404(visible, pk=pk)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # every view stands behind `permission`
    return request.user


def _spans(version: Version, known: Catalogue) -> Any:
    return sentence(restore(version.rule), known, get_language() or "en")


def _snapshots(segment: Segment) -> Any:
    found = Snapshot.objects.filter(version__segment=segment).select_related("version", "frozen_by", "partition")
    return found[:NEWEST_SNAPSHOTS]


def _url_or_nothing(name: str, *args: object) -> str:
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""
