"""How far a run is, what became of each message, the gateways' health, and the replies that wait for a person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import has, permission
from accounts.requests import StaffRequest
from campaigns import editing
from campaigns.models import Campaign, CampaignState, Run
from customers.models import Customer
from delivery import gateway_setup, outbox, progress, shown
from delivery import inbox as replies
from delivery.models import Gateway, Inbound, Message, MessageState
from marketing.lib import days
from marketing.lib.errors import UserError

PER_PAGE = 50
BUSY_SECONDS, IDLE_SECONDS = 2, 10


# -- one run ------------------------------------------------------------------------------------------------------


@permission("delivery.view")
@require_GET
def run_progress(request: StaffRequest, pk: int) -> HttpResponse:
    """Show how far a run is; the card asks again by itself until the run has ended."""
    runs = Run.objects.filter(campaign__in=Campaign.objects.visible_to(request.user)).select_related("campaign")
    run = get_object_or_404(runs, pk=pk)
    numbers = progress.of(run, at=days.now())
    context = {
        "run": run,
        "campaign": run.campaign,
        "progress": numbers,
        "rows": shown.rows(numbers),
        "every": _seconds(run, numbers),
        "gateway": Gateway.objects.filter(batch__run=run).first(),
        "list_url": _campaign_page(run.campaign) or reverse("delivery:messages", args=[run.campaign_id]),
        "now": days.now(),
    }
    return render(request, "delivery/_run_progress.html", context)


@permission("campaigns.control")
@require_GET
def cancel_form(request: StaffRequest, pk: int) -> HttpResponse:
    """Offer to cancel a run's campaign, naming how many messages that stops as of now."""
    runs = Run.objects.filter(campaign__in=Campaign.objects.visible_to(request.user)).select_related("campaign")
    run = get_object_or_404(runs, pk=pk)
    context = {"campaign": run.campaign, "number": progress.of(run, at=days.now()).left}
    return render(request, "delivery/_cancel_form.html", context)


def _seconds(run: Run, numbers: progress.Progress) -> int | None:
    """Return after how many seconds the card should ask again; None once nothing changes any more."""
    if run.finished_at or run.campaign.state not in (CampaignState.RUNNING, CampaignState.PAUSED):
        return None
    moving = run.campaign.state == CampaignState.RUNNING and (numbers.left or run.planned_at is None)
    return BUSY_SECONDS if moving or numbers.of(MessageState.ACCEPTED) else IDLE_SECONDS


@permission("delivery.view")
@require_GET
def messages(request: StaffRequest, pk: int) -> HttpResponse:
    """List the messages of a campaign's latest run; a full page load belongs to the campaign's own page."""
    campaign = get_object_or_404(Campaign.objects.visible_to(request.user), pk=pk)
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect(f"{_campaign_page(campaign) or resolve_url('today')}?{request.GET.urlencode()}")
    run = campaign.runs.order_by("-number").first()
    numbers = progress.of(run, at=days.now()) if run else None
    found = _filtered(request, Message.objects.filter(run=run)).order_by("step_id", "customer_id")
    page = Counted(found, PER_PAGE, known=_count(request, numbers)).get_page(request.GET.get("page"))
    context = {
        "campaign": campaign,
        "run": run,
        "page_obj": page,
        "list": _with_people(page.object_list),
        "states": shown.choices(numbers.lines) if numbers else [],
        "state": request.GET.get("state", ""),
        "reason": request.GET.get("reason", ""),
        "reason_word": shown.reason_word(request.GET.get("reason", "")),
        "q": request.GET.get("q", ""),
    }
    return render(request, "delivery/_messages.html", context)


class Counted(Paginator):
    """Pages of rows whose number is known already; counting a million of them again would take longer than the page."""

    def __init__(self, rows: QuerySet[Message], per_page: int, *, known: int | None) -> None:
        super().__init__(rows, per_page)
        if known is not None:
            self.count = known


def _count(request: HttpRequest, numbers: progress.Progress | None) -> int | None:
    """Return how many messages the filters leave, from the split; None where a search has to count."""
    state, reason = request.GET.get("state", ""), request.GET.get("reason", "")
    if numbers is None or request.GET.get("q", "").strip():
        return None
    if state not in MessageState.values:
        return numbers.total
    told = [line for line in numbers.lines if line.state == state]
    if reason and state not in progress.TOLD_APART:
        return None
    return sum(line.count for line in told if not reason or line.reason == reason)


def _campaign_page(campaign: Campaign) -> str:
    """Return the address of the campaign's page of messages, or nothing where that room has no pages."""
    try:
        return reverse("campaigns:messages", args=[campaign.pk])
    except NoReverseMatch:
        return ""


def _filtered(request: HttpRequest, found: QuerySet[Message]) -> QuerySet[Message]:
    state, query = request.GET.get("state", ""), request.GET.get("q", "").strip()
    if state in MessageState.values:
        found = found.in_state(state, request.GET.get("reason", "")[:30])  # type: ignore[attr-defined]
    if query:
        found = found.filter(customer_id__in=Customer.objects.matching(query).values("id"))
    return found


def _with_people(page: Iterable[Message]) -> list[dict[str, Any]]:
    """Join the page's messages with their customers, who may have left the register."""
    listed = list(page)
    people = Customer.objects.in_bulk([message.customer_id for message in listed])
    return [
        {"message": message, "customer": people.get(message.customer_id), "reason": shown.reason_word(message.reason)}
        for message in listed
    ]


@permission("campaigns.edit")
@require_POST
def test_send(request: StaffRequest, pk: int) -> HttpResponse:
    """Save the text as it stands in the editor and send it to the number that was typed, which is kept nowhere."""
    campaign = get_object_or_404(Campaign.objects.visible_to(request.user), pk=pk)
    phone, at = request.POST.get("to_phone", ""), days.now()
    try:
        if "text" in request.POST:
            editing.write(campaign=campaign, text=request.POST["text"], by=request.user, at=at)
        outbox.test_send(campaign=campaign, to_phone=phone, by=request.user, at=at)
    except UserError as refusal:
        return render(request, "delivery/_test_result.html", {"refusal": refusal}, status=422)
    return render(request, "delivery/_test_result.html", {"sent": True})


# -- gateways -----------------------------------------------------------------------------------------------------


@permission("delivery.view")
@require_GET
def gateways(request: StaffRequest) -> HttpResponse:
    """Show the ways out and how they are."""
    return render(request, "delivery/gateways.html", _health(request))


def _health(request: StaffRequest) -> dict[str, Any]:
    at = days.now()
    doubtful = Message.objects.filter(state=MessageState.UNKNOWN).values("batch__gateway").annotate(n=Count("id"))
    unknown = dict(doubtful.order_by().values_list("batch__gateway", "n"))
    return {
        "gateways": [(g, health(g, at), unknown.get(g.pk, 0)) for g in Gateway.objects.order_by("code")],
        "may_switch": has(request.user, "delivery.gateways"),
        "now": at,
    }


def health(gateway: Gateway, at: Any) -> str:
    """Return healthy, degraded (failed lately, still tried) or down (shut, or left alone by the breaker)."""
    if not gateway.is_active or (gateway.closed_until and gateway.closed_until > at):
        return "down"
    return "degraded" if gateway.failures else "healthy"


@permission("delivery.gateways")
@require_POST
def switch(request: StaffRequest, pk: int) -> HttpResponse:
    """Open or shut a gateway."""
    gateway = get_object_or_404(Gateway, pk=pk)
    gateway_setup.switch(gateway=gateway, active=request.POST.get("active") == "1", by=request.user, at=days.now())
    return redirect("delivery:gateways")


# -- replies ------------------------------------------------------------------------------------------------------


@permission("delivery.inbox")
@require_GET
def inbox(request: StaffRequest) -> HttpResponse:
    """List the replies that wait for a person, or with ?show=all every reply."""
    everything = request.GET.get("show") == "all"
    found = Inbound.objects.visible_to(request.user).select_related("campaign", "handled_by")
    found = found if everything else found.waiting()
    page = Paginator(found.order_by("-received_at", "-id"), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page_obj": page,
        "list": _with_numbers(page.object_list, request),
        "everything": everything,
        "may_suppress": has(request.user, "customers.suppress"),
    }
    return render(request, "delivery/inbox.html", context)


def _with_numbers(page: Iterable[Inbound], request: StaffRequest) -> list[tuple[Inbound, list[Customer]]]:
    """Join the page's replies with the customers behind their numbers."""
    listed = list(page)
    people = Customer.objects.visible_to(request.user).filter(phone_index__in=[bytes(i.phone_index) for i in listed])
    behind: dict[bytes, list[Customer]] = {}
    for customer in people:
        behind.setdefault(bytes(customer.phone_index or b""), []).append(customer)
    return [(inbound, behind.get(bytes(inbound.phone_index), [])) for inbound in listed]


@permission("delivery.inbox")
@require_POST
def reply_action(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    """Close a reply, or take it for an opt-out."""
    inbound = get_object_or_404(Inbound.objects.visible_to(request.user), pk=pk)
    if verb == "stop":
        replies.opt_out(inbound=inbound, by=request.user, at=days.now())
    else:
        replies.handle(inbound=inbound, by=request.user, at=days.now())
    return redirect("delivery:inbox")


@permission("delivery.inbox")
@require_GET
def inbox_count(request: StaffRequest) -> HttpResponse:
    """Show how many replies wait."""
    waiting = Inbound.objects.visible_to(request.user).waiting().count()
    return render(request, "delivery/_count.html", {"waiting": waiting, "title": _("Replies that wait")})
