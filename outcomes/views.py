"""The result of a campaign, and the lists its counts open."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts import audit
from accounts.models import Department
from accounts.permissions import has, permission
from accounts.requests import StaffRequest
from campaigns.models import Arm, Campaign, Run
from marketing.lib import days
from marketing.lib.export import csv_response
from outcomes import lists, results
from outcomes.results import CampaignResult, Day

PER_PAGE = 50


def visible_campaign(request: StaffRequest, pk: int) -> Campaign:
    found = Campaign.objects.visible_to(request.user).select_related("product", "department")
    return get_object_or_404(found, pk=pk)


@permission("reports.view")
def result(request: StaffRequest, pk: int) -> HttpResponse:
    """Show what a campaign brought, as a fragment of its page."""
    campaign = visible_campaign(request, pk)
    shown = results.of_campaign(campaign, at=days.now())
    context = {
        "campaign": campaign,
        "shown": shown,
        "chart": json.dumps(lift_chart(shown)) if shown else "",  # as text: htmx drops scripts, data blocks too
        "chart_id": f"lift-data-{campaign.pk}",
        "people_url": f"{reverse('outcomes:conversions')}?campaign={campaign.pk}",
        "may_export": has(request.user, "reports.export"),
    }
    return render(request, "outcomes/_result.html", context)


def lift_chart(shown: CampaignResult) -> dict[str, Any]:
    """Return the daily lift in the shape the chart reads; days without a comparison are gaps."""
    lifts = [day.lift for day in shown.days]
    return {
        "days": [f"{day.day:%m-%d}" for day in shown.days],
        "est": [lift.estimate for lift in lifts],
        "lo": [lift.low for lift in lifts],
        "hi": [lift.high for lift in lifts],
        "words": {"est": _("Lift"), "interval": _("interval (95 %)"), "unit": pgettext("percentage", "points")},
    }


@permission("reports.export")
def result_days(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Download the daily lift of a campaign."""
    campaign = visible_campaign(request, pk)
    at = days.now()
    shown = results.of_campaign(campaign, at=at)
    by_day = shown.days if shown else []
    audit.record(
        action="reports.export", by=request.user, at=at, on=campaign, detail={"what": "lift", "rows": len(by_day)}
    )
    header = [_("Day"), _("Treated"), _("Control"), _("Lift"), _("from"), _("to")]
    return csv_response(f"{campaign.name}-lift.csv", header, (_day_row(day) for day in by_day))


def _day_row(day: Day) -> list[Any]:
    return [day.day.isoformat(), day.treated, day.control, day.lift.estimate, day.lift.low, day.lift.high]


@permission("reports.view")
def conversions(request: StaffRequest) -> HttpResponse:
    """List the customers behind a figure: ?campaign= or a department's launches from …to …, ?step=, ?arm=, ?q=."""
    query = request.GET
    step, arm = query.get("step", ""), query.get("arm", "")
    step = step if step in lists.STEPS else lists.OPENED
    arm = arm if arm in (Arm.TREATED, Arm.CONTROL) else ""
    campaign = visible_campaign(request, int(query["campaign"])) if query.get("campaign", "").isdigit() else None
    targets = lists.people_at(_runs(request, campaign), step=step, arm=arm)
    if number := query.get("q", "").strip():
        targets = targets.filter(customer__number__startswith=number)
    page = Paginator(targets.select_related("run__campaign"), PER_PAGE).get_page(query.get("page"))
    context = {
        "campaign": campaign,
        "step": step,
        "step_word": _word(step, arm),
        "arm": arm,
        "arms": [(Arm.TREATED, Arm.TREATED.label), (Arm.CONTROL, Arm.CONTROL.label)],
        "steps": [
            (name, results.STEP_WORDS[name] if name != lists.TREATED else _("Everybody")) for name in lists.STEPS
        ],
        "kept": [(key, query[key]) for key in ("campaign", "department", "from", "to") if query.get(key)],
        "number": number,
        "page_obj": page,
        "rows": lists.rows(page.object_list),
        "people": targets.order_by().aggregate(people=Count("customer_id", distinct=True))["people"],
    }
    return render(request, "outcomes/conversions.html", context)


def _word(step: str, arm: str) -> str:
    if step == lists.TREATED:
        return str(Arm(arm).label) if arm else _("Treated and control")
    return str(results.STEP_WORDS[step])


def _runs(request: StaffRequest, campaign: Campaign | None) -> QuerySet[Run]:
    campaigns = Campaign.objects.visible_to(request.user)
    if campaign:
        campaigns = campaigns.filter(pk=campaign.pk)
    if code := request.GET.get("department"):
        campaigns = campaigns.filter(department=get_object_or_404(Department, code=code))
    runs = Run.objects.filter(campaign__in=campaigns)
    first, last = day_or_none(request.GET.get("from")), day_or_none(request.GET.get("to"))
    if first:
        runs = runs.filter(frozen_at__gte=days.bounds(first)[0])
    return runs.filter(frozen_at__lt=days.bounds(last)[1]) if last else runs


def day_or_none(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None
