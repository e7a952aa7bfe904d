"""One campaign: how far it is, who was chosen, what they get, what it brought, how it was set up, who did what."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET

from accounts.models import AuditEntry
from accounts.permissions import has, permission
from campaigns import approval, preview, status
from campaigns.forms import searched
from campaigns.models import Approval, Arm, Campaign, ContactPolicy, Decision, Reason, Run, Target
from campaigns.views import PER_PAGE, find, person
from marketing.lib import days
from marketing.lib.errors import UserError

SHOWN = 4


def shell(request: HttpRequest, pk: int, tab: str) -> dict[str, Any]:
    """Return what the head of every tab needs."""
    campaign = find(request, pk)
    user = person(request)
    own = user.department_id == campaign.department_id
    run = campaign.runs.select_related("snapshot").order_by("-number").first()
    return {
        "campaign": campaign,
        "run": run,
        "tab": tab,
        "parts": _tabs(campaign, run),
        "may_edit": own and has(user, "campaigns.edit") and campaign.state in status.EDITABLE,
        "may_copy": own and has(user, "campaigns.edit"),
        "may_control": own and has(user, "campaigns.control"),
        "may_sign": approval.may_sign(campaign, user),
        "live": campaign.state in status.LIVE,
        "step": campaign.steps.first(),
    }


def _tabs(campaign: Campaign, run: Run | None) -> list[tuple[str, str, str, int | None]]:
    """Return key, label, address and count of each tab."""

    def at(name: str) -> str:
        return reverse(f"campaigns:{name}", args=[campaign.pk])

    return [
        ("progress", _("Progress"), at("detail"), None),
        ("targets", _("Targets"), at("targets"), run.audience if run else None),
        ("content", _("Content"), at("content"), None),
        ("messages", pgettext("campaign", "Messages"), at("messages"), run.treated if run else None),
        ("result", _("Result"), at("result"), None),
        ("set_up", _("Set-up"), at("set_up"), None),
        ("audit", _("Audit"), at("audit"), None),
    ]


def parts(audience_: int, treated: int, control: int, excluded: dict[str, int]) -> list[dict[str, Any]]:
    """Return the rows of a split: where everybody went, with the share and what the row is."""
    rows: list[dict[str, Any]] = [
        {"kind": "treated", "label": _("Treated"), "count": treated, "query": "arm=treated"},
        {"kind": "control", "label": _("Control (not contacted)"), "count": control, "query": "arm=control"},
    ]
    for reason in Reason:
        if number := excluded.get(reason):
            rows.append({"kind": "excluded", "label": reason.label, "count": number, "query": f"reason={reason}"})
    return [row | {"share": row["count"] / audience_ if audience_ else 0} for row in rows]


def entries(campaign: Campaign) -> Any:
    return AuditEntry.objects.filter(object_type="campaign", object_id=str(campaign.pk)).order_by("-number")


@permission("campaigns.view")
@require_GET
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """How far is it and what does it bring?"""
    context = shell(request, pk, "progress")
    campaign, run = context["campaign"], context["run"]
    signed = list(campaign.approvals.select_related("submitted_by", "decided_by")[:2])
    trail = entries(campaign)
    latest = signed[0] if signed else None
    context |= {
        "split": _split(run, latest),
        "adds_up": run is not None
        and run.audience == run.snapshot.size == run.treated + run.control + sum(run.excluded.values()),
        "approval": latest,
        "unchanged": approval.approved_hash_matches(campaign) if campaign.state in status.SIGNED else None,
        "entries": trail[:SHOWN],
        "entry_count": trail.count(),
        "day": (days.day_of(days.now()) - days.day_of(campaign.launched_at)).days + 1 if campaign.launched_at else None,
    }
    return render(request, "campaigns/progress.html", context)


def _split(run: Run | None, latest: Approval | None) -> list[dict[str, Any]]:
    if run is not None:
        return parts(run.audience, run.treated, run.control, run.excluded)
    if latest is not None:
        said = latest.expected
        return parts(said["audience"], said["treated"], said["control"], said["excluded"])
    return []


@permission("campaigns.view")
@require_GET
def targets(request: HttpRequest, pk: int) -> HttpResponse:
    """Who was chosen, kept as control, left out – and why?"""
    context = shell(request, pk, "targets")
    run = context["run"]
    arm, reason = request.GET.get("arm", ""), request.GET.get("reason", "")
    rows = Target.objects.filter(run=run) if run else Target.objects.none()
    if arm in Arm.values:
        rows = rows.filter(arm=arm)
    if reason in Reason.values:
        rows = rows.filter(reason=reason)
    if number := searched(request.GET):
        rows = rows.filter(customer__number__startswith=number)
    context |= {
        "page_obj": Paginator(
            rows.select_related("customer__branch", "variant").order_by("customer_id"), PER_PAGE
        ).get_page(request.GET.get("page")),
        "split": _split(run, None),
        "arm": arm,
        "reason": reason,
        "chosen": f"reason={reason}" if reason else "",
        "reasons": dict(Reason.choices),
        "may_open": has(person(request), "customers.view"),
    }
    return render(request, "campaigns/targets.html", context)


@permission("campaigns.view")
@require_GET
def content(request: HttpRequest, pk: int) -> HttpResponse:
    """What do they get?"""
    context = shell(request, pk, "content")
    campaign, variant = context["campaign"], context["step"].variants.first()
    turn = int(request.GET.get("turn", "0")) if request.GET.get("turn", "0").isdigit() else 0
    try:
        shown = preview.of(campaign=campaign, text=variant.text, user=person(request), at=days.now(), turn=turn)
    except UserError as error:
        shown, context["problem"] = None, str(error)
    context |= {"variant": variant, "preview": shown, "turn": turn + 1}
    return render(request, "campaigns/content.html", context)


@permission("campaigns.view")
@require_GET
def messages(request: HttpRequest, pk: int) -> HttpResponse:
    """What was sent to whom, and what became of it?"""
    return render(request, "campaigns/messages.html", shell(request, pk, "messages"))


@permission("campaigns.view")
@require_GET
def result(request: HttpRequest, pk: int) -> HttpResponse:
    """What did it bring?"""
    return render(request, "campaigns/result.html", shell(request, pk, "result"))


@permission("campaigns.view")
@require_GET
def set_up(request: HttpRequest, pk: int) -> HttpResponse:
    """How was it planned, and what was submitted?"""
    context = shell(request, pk, "set_up")
    campaign = context["campaign"]
    context |= {
        "approvals": campaign.approvals.select_related("submitted_by", "decided_by"),
        "policy": ContactPolicy.objects.filter(channel=context["step"].channel).first(),
        "decisions": dict(Decision.choices),
    }
    return render(request, "campaigns/set_up.html", context)


@permission("campaigns.view")
@require_GET
def trail(request: HttpRequest, pk: int) -> HttpResponse:
    """Who did what, when?"""
    context = shell(request, pk, "audit")
    page = Paginator(entries(context["campaign"]), PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "campaigns/audit.html", context | {"page_obj": page})
