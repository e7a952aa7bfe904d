"""May this go out? The approvals that wait, the page on which one is decided, and the verbs behind the buttons."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from accounts.models import User
from accounts.permissions import permission
from campaigns import approval, audience, changes, checks, editing, pages, preview, schedule
from campaigns.models import Approval, Campaign, Decision
from campaigns.views import PER_PAGE, find, person
from marketing.lib import days
from marketing.lib.errors import UserError


def pending(user: User) -> Any:
    """Return the open submissions of the campaigns the person may see, oldest first."""
    visible = Campaign.objects.visible_to(user)
    return Approval.objects.filter(campaign__in=visible, decision=Decision.PENDING).order_by("submitted_at")


@permission("campaigns.view")
@require_GET
def approvals(request: HttpRequest) -> HttpResponse:
    """What waits for a signature, and what was decided?"""
    user = person(request)
    related = ("campaign__product", "campaign__department", "submitted_by", "decided_by")
    visible = Campaign.objects.visible_to(user)
    decided = Approval.objects.filter(campaign__in=visible).exclude(decision=Decision.PENDING)
    page = Paginator(decided.select_related(*related).order_by("-submitted_at"), PER_PAGE)
    context = {"waiting": pending(user).select_related(*related), "page_obj": page.get_page(request.GET.get("page"))}
    return render(request, "campaigns/approvals.html", context)


@permission("campaigns.approve")
@require_GET
def waiting(request: HttpRequest) -> HttpResponse:
    """How many submissions wait for this person, for the side bar."""
    user = person(request)
    return render(request, "campaigns/_waiting.html", {"count": pending(user).exclude(submitted_by=user).count()})


@permission("campaigns.view")
@require_GET
def approval_page(request: HttpRequest, pk: int) -> HttpResponse:
    """May this go out? Exactly what goes to how many, at what cost, and what changed since the last time."""
    campaign = find(request, pk)
    submissions = campaign.approvals.select_related("submitted_by", "decided_by")
    current = submissions.first()
    if current is None:
        raise Http404
    open_ = current.decision == Decision.PENDING
    earlier = submissions.filter(submitted_at__lt=current.submitted_at).first()
    said = current.expected
    context = {
        "campaign": campaign,
        "approval": current,
        "open": open_,
        "round": submissions.count(),
        "earlier": earlier,
        "intact": not open_ or approval.content_hash(approval.content_of(campaign)) == current.content_hash,
        "may_sign": open_ and approval.may_sign(campaign, person(request)),
        "split": pages.parts(said["audience"], said["treated"], said["control"], said["excluded"]),
        "all_parts": said["treated"] * said["parts"],
        **_seen(request, campaign),
        **_changed(earlier, current),
    }
    return render(request, "campaigns/approval.html", context)


def _seen(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """Return the phones and the checks as of now, in the reader's language."""
    at, turn = days.now(), request.GET.get("turn", "0")
    number = int(turn) if turn.isdigit() else 0
    try:
        plan = audience.plan_of(campaign)
        shown = preview.of(campaign=campaign, text=plan.variant.text, user=person(request), at=at, turn=number)
        today = audience.preview(campaign=campaign, at=at)
        found = checks.run_all(campaign, today, checks.price(campaign, today), at=at)
    except UserError as error:
        return {"problem": str(error), "checks": [], "turn": 1}
    levels = [check.level for check in found]
    counts = {level: levels.count(level) for level in ("ok", "warning", "error")}
    return {
        "preview": shown,
        "checks": found,
        "counts": counts,
        "today": today,
        "policy": plan.policy,
        "turn": number + 1,
    }


def _changed(earlier: Approval | None, current: Approval) -> dict[str, Any]:
    if earlier is None:
        return {}
    found, same = changes.between(earlier.content, current.content)
    return {"changes": found, "same": same}


# -- the verbs behind the buttons ---------------------------------------------------------------------------------

Verb = Callable[[Campaign, User, datetime, Any], Any]

VERBS: dict[str, tuple[Verb, Any]] = {
    "submit": (
        lambda c, by, at, sent: approval.submit(campaign=c, by=by, at=at),
        gettext_lazy("Submitted. The department's manager sees it under Approvals."),
    ),
    "withdraw": (
        lambda c, by, at, sent: approval.withdraw(campaign=c, by=by, at=at),
        gettext_lazy("Withdrawn. The campaign is a draft again."),
    ),
    "approve": (
        lambda c, by, at, sent: approval.approve(
            campaign=c, by=by, at=at, seen=sent.get("seen", ""), comment=sent.get("reason", "")
        ),
        gettext_lazy("Approved."),
    ),
    "return": (
        lambda c, by, at, sent: approval.return_with_reason(campaign=c, by=by, at=at, reason=sent.get("reason", "")),
        gettext_lazy("Returned to the author with your reason."),
    ),
    "launch": (
        lambda c, by, at, sent: schedule.launch(campaign=c, by=by, at=at),
        gettext_lazy("Released. It starts within seconds."),
    ),
    "pause": (
        lambda c, by, at, sent: schedule.pause(campaign=c, by=by, at=at),
        gettext_lazy("Paused. Nothing more is submitted until you resume."),
    ),
    "resume": (
        lambda c, by, at, sent: schedule.resume(campaign=c, by=by, at=at),
        gettext_lazy("Resumed."),
    ),
    "cancel": (
        lambda c, by, at, sent: schedule.cancel(campaign=c, by=by, at=at),
        gettext_lazy("Cancelled. What was not yet submitted will not go out."),
    ),
    "copy": (
        lambda c, by, at, sent: editing.copy(campaign=c, by=by, at=at),
        gettext_lazy("Copied. This is the new draft."),
    ),
}


@permission("campaigns.view")
@require_POST
def action(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Do what a button says; a refusal comes back to the same page as a sentence."""
    if verb not in VERBS:
        raise Http404
    campaign = get_object_or_404(Campaign.objects.visible_to(person(request)), pk=pk)
    act, done = VERBS[verb]
    try:
        result = act(campaign, person(request), days.now(), request.POST)
    except UserError as error:
        messages.error(request, str(error))
        return redirect(_back(request, campaign))
    messages.success(request, str(done))
    if verb == "copy":
        return redirect("campaigns:edit", result.pk, "basics")
    return redirect("campaigns:approvals" if verb in ("approve", "return") else campaign_url(campaign))


def campaign_url(campaign: Campaign) -> str:
    return reverse("campaigns:detail", args=[campaign.pk])


def _back(request: HttpRequest, campaign: Campaign) -> str:
    came_from = request.META.get("HTTP_REFERER", "")
    safe = url_has_allowed_host_and_scheme(came_from, {request.get_host()}, require_https=request.is_secure())
    return came_from if safe else campaign_url(campaign)
