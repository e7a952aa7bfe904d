"""Today, the dashboard, one customer, the search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import Department, User
from accounts.permissions import has, permission
from accounts.requests import StaffRequest
from campaigns.models import Campaign
from customers.models import Customer
from marketing.lib import days
from outcomes import results
from reports import charts, exports, periods, queries
from reports import customer as customer_page
from reports import today as today_page
from reports.periods import Period
from segments.models import Segment

ROWS = 50
FOUND = 20
SORTS: dict[str, Callable[[queries.CampaignRow], Any]] = {
    "name": lambda row: row.campaign.name,
    "launched": lambda row: row.campaign.launched_at,
    "reached": lambda row: row.result.reached,
    "rate": lambda row: row.result.treated.rate or 0,
    "lift": lambda row: -1 if row.estimate is None else row.estimate,
    "extra": lambda row: row.result.lift.extra or 0,
    "amount": lambda row: row.result.value.estimate if row.result.value else 0,
    "cost": lambda row: row.cost,
}


# ── today ────────────────────────────────────────────────────────────────────


@permission("today.view")
def today(request: StaffRequest) -> HttpResponse:
    """Show what needs this person; branch staff see their branch."""
    user, at = request.user, days.now()
    if user.is_branch_only:
        return render(request, "reports/today_branch.html", {"day": today_page.branch_day(user, at=at), "at": at})
    finished = today_page.finished(user, at=at)
    alerts = today_page.alerts(user, at=at)
    context = _running(user, at) | {
        "at": at,
        "weekday": date_format(days.local(at), "l"),
        "waiting": today_page.waiting(user, at=at),
        "submitted": today_page.submitted(user, at=at),
        "may_approve": has(user, "campaigns.approve"),
        "may_edit": has(user, "campaigns.edit"),
        "finished": finished,
        "finished_scale": queries.scale_of(f.result for f in finished if f.result),
        "alerts": alerts,
        "bad": sum(alert.level == "bad" for alert in alerts),
        "warn": sum(alert.level == "warn" for alert in alerts),
        "jobs": today_page.jobs(user),
    }
    return render(request, "reports/today.html", context)


@permission("today.view")
def running(request: StaffRequest) -> HttpResponse:
    """Show the live campaigns; the fragment polls itself while something is being sent."""
    return render(request, "reports/_running.html", _running(request.user, days.now()))


def _running(user: User, at: Any) -> dict[str, Any]:
    live = today_page.running(user)
    return {
        "running": live,
        "running_scale": queries.scale_of(r.result for r in live if r.result),
        "sending": any(r.total and not r.is_sent and r.campaign.state == "running" for r in live),
        "reached_today": today_page.reached_today(user, at=at) if live else 0,
    }


# ── dashboard ────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Asked:
    """Whose report over which days."""

    period: Period
    department: Department | None
    choices: list[Department]

    @property
    def query(self) -> str:
        return self.period.query + (f"&department={self.department.code}" if self.department and self.choices else "")


def asked(user: User, query: Mapping[str, str]) -> Asked:
    """Read the period and, for bank-wide roles, the department; others get their own, whatever they ask for."""
    period = periods.parse(query, today=days.day_of(days.now()))
    if not user.is_bank_wide:
        return Asked(period, user.department, [])
    code = query.get("department", "")
    chosen = get_object_or_404(Department, code=code) if code else None
    return Asked(period, chosen, list(Department.objects.all()))


@permission("reports.view")
def dashboard(request: StaffRequest) -> HttpResponse:
    """Show what a department's campaigns of a period brought."""
    user, at, question = request.user, days.now(), asked(request.user, request.GET)
    found = queries.dashboard(user, department=question.department, period=question.period, at=at)
    rows = ordered(found.rows, request.GET.get("sort", ""))
    page = Paginator(rows, ROWS).get_page(request.GET.get("page"))
    context = {
        "asked": question,
        "d": found,
        "page_obj": page,
        "chart": charts.weekly(found.weeks),
        "people_url": _people_url(question),
        "quarters": _recent(periods.QUARTER, 5),
        "months": _recent(periods.MONTH, 4),
        "may_export": has(user, "reports.export"),
    }
    return render(request, "reports/dashboard.html", context)


def _people_url(question: Asked) -> str:
    """Where the counts of the dashboard lead: the customers of the campaigns launched on these days."""
    whose = f"&department={question.department.code}" if question.department else ""
    period = question.period
    return f"{reverse('outcomes:conversions')}?from={period.first}&to={period.last}{whose}"


def ordered(rows: list[queries.CampaignRow], sort: str) -> list[queries.CampaignRow]:
    """Sort by a column of the table; unknown ones leave the order: the latest launch first."""
    key = SORTS.get(sort.removeprefix("-"))
    return sorted(rows, key=key, reverse=sort.startswith("-")) if key else rows


def _recent(kind: str, many: int) -> list[Period]:
    found = [periods.this(kind, today=days.day_of(days.now()))]
    while len(found) < many:
        found.append(found[-1].previous)
    return found


@permission("reports.export")
def dashboard_export(request: StaffRequest) -> HttpResponseBase:
    """Download the dashboard's table."""
    user, at, question = request.user, days.now(), asked(request.user, request.GET)
    found = queries.dashboard(user, department=question.department, period=question.period, at=at)
    return exports.dashboard(
        found, department=question.department, by=user, at=at, file_format=request.GET.get("format", "")
    )


@permission("reports.export")
def campaign_export(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Download a campaign's report."""
    user, at = request.user, days.now()
    campaign = get_object_or_404(Campaign.objects.visible_to(user), pk=pk)
    shown = results.of_campaign(campaign, at=at)
    return exports.campaign(campaign, shown, by=user, at=at, file_format=request.GET.get("format", ""))


# ── one customer ─────────────────────────────────────────────────────────────


@permission("customers.view")
def customer(request: StaffRequest, pk: int) -> HttpResponse:
    """Show everything about one customer that the person may see."""
    user, at = request.user, days.now()
    found = _customer(request, pk)
    context = {
        "customer": found,
        "facts": customer_page.facts(found),
        "consents": customer_page.consents(found, at=at),
        "timeline": customer_page.timeline(found, user),
        "why": customer_page.why_all(found, user),
        "askable": customer_page.askable(user)[:100],
        "contacted": customer_page.contacted_within(found, at=at),
        "may_reveal": has(user, "customers.reveal"),
        "may_suppress": has(user, "customers.suppress"),
    }
    return render(request, "reports/customer.html", context)


@permission("customers.view")
def why(request: StaffRequest, pk: int) -> HttpResponse:
    """Answer for one campaign, as a fragment: ?campaign=."""
    found = _customer(request, pk)
    wanted = request.GET.get("campaign", "")
    campaigns = Campaign.objects.visible_to(request.user)
    campaign = get_object_or_404(campaigns, pk=int(wanted) if wanted.isdecimal() else 0)
    return render(request, "reports/_why.html", {"why": customer_page.why(found, campaign)})


def _customer(request: StaffRequest, pk: int) -> Customer:
    return get_object_or_404(Customer.objects.visible_to(request.user).select_related("branch", "rm"), pk=pk)


# ── search ───────────────────────────────────────────────────────────────────


@permission("today.view")
def search(request: StaffRequest) -> HttpResponse:
    """Find campaigns and segments by name and customers by the beginning of their number."""
    user, text = request.user, request.GET.get("q", "").strip()[:100]
    context = {
        "text": text,
        "campaigns": _named(Campaign, user, text, "campaigns.view"),
        "segments": _named(Segment, user, text, "segments.view"),
        "customers": _numbered(user, text),
        "looks_like_phone": text.isdecimal() and len(text) == 11 and text.startswith("1"),
        "most": FOUND,
        "title": _("Search"),
    }
    return render(request, "reports/search.html", context)


def _named(model: Any, user: User, text: str, needed: str) -> list[Any]:
    if not text or not has(user, needed):
        return []
    return list(model.objects.visible_to(user).filter(name__icontains=text).select_related("department")[:FOUND])


def _numbered(user: User, text: str) -> list[Customer]:
    """Three digits at least: fewer would list the register."""
    if len(text) < 3 or not has(user, "customers.view"):
        return []
    found = Customer.objects.visible_to(user).filter(number__startswith=text)
    return list(found.select_related("branch").order_by("number")[:FOUND])
