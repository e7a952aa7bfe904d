"""The list of campaigns, and where a segment is used."""

from __future__ import annotations

from typing import cast

from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from accounts.models import User
from accounts.permissions import has, permission
from campaigns.forms import TABS, ListFilter
from campaigns.models import Campaign, Run
from customers.models import Product

PER_PAGE = 50


def person(request: HttpRequest) -> User:
    return cast(User, request.user)


def find(request: HttpRequest, pk: int) -> Campaign:
    """Return a campaign the person may see, or 404."""
    visible = Campaign.objects.visible_to(person(request))
    return get_object_or_404(visible.select_related("department", "owner", "product", "audience__segment"), pk=pk)


def with_latest_run(campaigns: QuerySet[Campaign]) -> QuerySet[Campaign]:
    """Add the sums of the latest run: run_audience, run_treated."""
    latest = Run.objects.filter(campaign=OuterRef("pk")).order_by("-number")
    return campaigns.annotate(
        run_audience=Subquery(latest.values("audience")[:1]), run_treated=Subquery(latest.values("treated")[:1])
    )


@permission("campaigns.view")
@require_GET
def campaign_list(request: HttpRequest) -> HttpResponse:
    """What are we running?"""
    user = person(request)
    visible = Campaign.objects.visible_to(user)
    chosen = ListFilter(request.GET)
    narrowed = chosen.narrow(visible, user)
    counts = dict(narrowed.order_by().values_list("state").annotate(n=Count("pk")))
    tabs = [(key, label, sum(counts.get(s, 0) for s in states)) for key, (label, states) in TABS.items()]
    found = with_latest_run(chosen.in_tab(narrowed)).select_related(
        "product", "owner", "department", "audience__segment"
    )
    context = {
        "page_obj": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "chosen": chosen,
        "state_tabs": tabs,
        "products": Product.objects.filter(campaign__in=visible).distinct(),
        "may_edit": has(user, "campaigns.edit"),
        "bank_wide": user.is_bank_wide,
    }
    return render(request, "campaigns/list.html", context)


@permission("campaigns.view")
@require_GET
def used_by(request: HttpRequest, segment: int) -> HttpResponse:
    """The campaigns that contact a segment, for its page."""
    visible = Campaign.objects.visible_to(person(request))
    found = with_latest_run(visible.filter(audience__segment_id=segment)).select_related("audience")[:20]
    return render(request, "campaigns/_used_by.html", {"campaigns": found})
