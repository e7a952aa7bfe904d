"""The attribute catalogue: what there is to choose by, how full it is, how its values spread."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.permissions import has, permission
from accounts.requests import StaffRequest
from marketing import figures
from marketing.lib import days
from warehouse import catalogue, engine, profile
from warehouse.models import Attribute, AttributeType


def _found(request: HttpRequest) -> QuerySet[Attribute]:
    found = Attribute.objects.select_related("owner")
    if request.GET.get("retired") != "1":
        found = found.in_use()
    if group := request.GET.get("group", ""):
        found = found.filter(group_zh=group)
    if (kind := request.GET.get("type", "")) in AttributeType.values:
        found = found.filter(type=kind)
    if query := request.GET.get("q", "").strip():
        found = found.filter(Q(key__icontains=query) | Q(label_zh__icontains=query) | Q(label_en__icontains=query))
    return found


@permission("feeds.view")
def attributes(request: StaffRequest) -> HttpResponse:
    """List the attributes with coverage and distribution in the current table."""
    found, profiles = list(_found(request)), profile.of_all()
    groups = {a.group_zh: a.group for a in Attribute.objects.in_use() if a.group_zh}
    newest = engine.attributes_partition()
    context = {
        "rows": [(attribute, profiles.get(attribute.key)) for attribute in found],
        "groups": groups.items(),
        "types": AttributeType.choices,
        "as_of": engine.as_of_date(newest) if newest else None,
        "group": request.GET.get("group", ""),
        "type": request.GET.get("type", ""),
        "query": request.GET.get("q", ""),
        "may_load": has(request.user, "feeds.load"),
        "tab": "catalogue",
    }
    return render(request, "warehouse/catalogue.html", context)


@permission("feeds.view")
def attribute(request: StaffRequest, key: str) -> HttpResponse:
    """Show one attribute: what it means, how full it is, how its values spread."""
    found = get_object_or_404(Attribute, key=key)
    measured = profile.of_all().get(key)
    newest = engine.attributes_partition()
    context = {
        "attribute": found,
        "profile": measured,
        "bars": _bars(found, measured) if measured else [],
        "chart": _chart(found, measured) if measured else None,
        "as_of": engine.as_of_date(newest) if newest else None,
        "may_load": has(request.user, "feeds.load"),
    }
    return render(request, "warehouse/attribute.html", context)


def _bars(attribute: Attribute, measured: profile.Profile) -> list[tuple[str, int]]:
    """Return the bars under the words of the reader's language; figures stand for the beginning of their step."""
    if attribute.type in profile.NUMERIC:
        return [(_figure(attribute, float(label)), count) for label, count in measured.bars]
    words = {"true": _("yes"), "false": _("no")}
    if attribute.type == AttributeType.CHOICE:
        words = {choice["value"]: catalogue.choice_label(choice) for choice in attribute.choices}
    return [(words.get(label, label), count) for label, count in measured.bars]


def _figure(attribute: Attribute, value: float) -> str:
    if attribute.type == AttributeType.MONEY:
        return figures.money(value)
    return figures.num(value, 0 if abs(value) >= 100 else 1)


def _chart(attribute: Attribute, measured: profile.Profile) -> dict[str, Any]:
    bars = _bars(attribute, measured)
    return {
        "x": [label for label, _count in bars],
        "series": [{"name": _("Customers"), "values": [count for _label, count in bars], "colour": "c1"}],
        "unit": "",
        "horizontal": attribute.type == AttributeType.CHOICE,
        "stacked": False,
        "y_name": _("customers"),
    }


@require_POST
@permission("feeds.load")
def retire(request: StaffRequest, key: str) -> HttpResponse:
    found = get_object_or_404(Attribute, key=key)
    catalogue.retire(attribute=found, by=request.user, at=days.now())
    messages.success(request, _("“%(label)s” is out of use. Rules that name it say so.") % {"label": found.label})
    return redirect("warehouse:catalogue")
