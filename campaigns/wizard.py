"""Planning a campaign in five steps; each is saved when it is left, and may be opened again while nothing runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import User
from accounts.permissions import permission
from campaigns import approval, audience, checks, content, editing, members, pages, preview, schedule, status
from campaigns.forms import AudienceForm, BasicsForm, ContentForm, ScheduleForm
from campaigns.hours import first_sending
from campaigns.models import Campaign, CampaignState, ContactPolicy
from campaigns.views import find, person
from marketing.lib import days
from marketing.lib.errors import UserError
from segments.models import Segment, Version

STEPS = {
    "basics": gettext_lazy("Basics"),
    "audience": gettext_lazy("Audience"),
    "content": gettext_lazy("Content"),
    "schedule": gettext_lazy("Schedule"),
    "check": gettext_lazy("Check and submit"),
}
ORDER = list(STEPS)


@permission("campaigns.edit")
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """Start a campaign with its basics; a segment may come along from its own page."""
    user = person(request)
    form = BasicsForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        made = _try(
            form, lambda: editing.create(**form.cleaned_data, **_segment(request, user), by=user, at=days.now())
        )
        if made is not None:
            return redirect("campaigns:edit", made.pk, "audience")
    return _page(request, None, "basics", form)


def _segment(request: HttpRequest, user: User) -> dict[str, Any]:
    wanted = request.GET.get("segment", "")
    segment = Segment.objects.visible_to(user).filter(pk=wanted).first() if wanted.isdigit() else None
    return {"audience": segment.latest} if segment and segment.department_id == user.department_id else {}


@permission("campaigns.edit")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    """One step of the plan."""
    if step not in STEPS:
        raise Http404
    campaign = find(request, pk)
    if campaign.state not in status.EDITABLE or campaign.department_id != person(request).department_id:
        messages.info(request, _("This campaign can no longer be changed. Copy it to plan another one."))
        return redirect("campaigns:detail", pk)
    if step == "check":
        return _page(request, campaign, step, None)
    form = _FORMS[step](request, campaign)
    if (
        request.method == "POST"
        and form.is_valid()
        and _try(form, lambda: _SAVES[step](form, campaign, person(request)))
    ):
        after = request.POST.get("then") or ORDER[ORDER.index(step) + 1]
        if after == "close":
            messages.success(request, _("Saved. The campaign is a draft until you submit it."))
            return redirect("campaigns:detail", pk)
        return redirect("campaigns:edit", pk, after)
    return _page(request, campaign, step, form)


def _try(form: Form, save: Callable[[], Any]) -> Any:
    """Save; put what is refused beside the field it is about, and keep what was typed."""
    try:
        return save()
    except UserError as error:
        fields = {name: text for name, text in error.fields.items() if name in form.fields}
        for name, text in fields.items():
            form.add_error(name, str(text))
        if not fields:
            form.add_error(None, str(error))
        return None


# -- forms and saves of the steps ---------------------------------------------------------------------------------


def _basics_form(request: HttpRequest, campaign: Campaign) -> Form:
    initial = {name: getattr(campaign, name) for name in ("name", "product", "goal_days", "budget")}
    return BasicsForm(request.POST or None, initial=initial, user=person(request))


def _audience_form(request: HttpRequest, campaign: Campaign) -> Form:
    initial = {
        "segment": campaign.audience.segment_id if campaign.audience else None,
        "control_percent": campaign.control_percent,
        "size_tolerance_percent": campaign.size_tolerance_percent,
    }
    return AudienceForm(request.POST or None, initial=initial, user=person(request))


def _content_form(request: HttpRequest, campaign: Campaign) -> Form:
    return ContentForm(request.POST or None, initial={"text": _text(campaign)})


def _schedule_form(request: HttpRequest, campaign: Campaign) -> Form:
    planned = campaign.scheduled_at
    proposed = planned or days.at_bank(days.day_of(days.now()) + timedelta(days=1), time(9, 30))
    local = f"{days.local(proposed):%Y-%m-%dT%H:%M}"
    drafted = campaign.state == CampaignState.DRAFT and planned is None and not campaign.approvals.exists()
    return ScheduleForm(
        request.POST or None, initial={"when": "time" if planned or drafted else "hand", "scheduled_at": local}
    )


def _save_basics(form: Form, campaign: Campaign, by: User) -> Campaign:
    return editing.change(campaign=campaign, by=by, at=days.now(), **form.cleaned_data)


def _save_audience(form: Form, campaign: Campaign, by: User) -> Campaign:
    given = {name: value for name, value in form.cleaned_data.items() if name != "segment"}
    return editing.change(campaign=campaign, by=by, at=days.now(), audience=_version(form, campaign), **given)


def _version(form: Form, campaign: Campaign) -> Version:
    """The version the chosen segment stands for: the newest, unless the campaign has one and keeps it."""
    segment = form.cleaned_data["segment"]
    kept = campaign.audience if campaign.audience and campaign.audience.segment_id == segment.pk else None
    return segment.latest if kept is None or form.data.get("newest") else kept


def _save_content(form: Form, campaign: Campaign, by: User) -> Any:
    return editing.write(campaign=campaign, text=form.cleaned_data["text"], by=by, at=days.now())


def _save_schedule(form: Form, campaign: Campaign, by: User) -> Campaign:
    return schedule.set_time(campaign=campaign, when=form.cleaned_data["at"], by=by, at=days.now())


_FORMS: dict[str, Callable[[HttpRequest, Campaign], Form]] = {
    "basics": _basics_form,
    "audience": _audience_form,
    "content": _content_form,
    "schedule": _schedule_form,
}
_SAVES: dict[str, Callable[[Form, Campaign, User], Any]] = {
    "basics": _save_basics,
    "audience": _save_audience,
    "content": _save_content,
    "schedule": _save_schedule,
}


# -- the page -----------------------------------------------------------------------------------------------------


def _text(campaign: Campaign) -> str:
    variant = editing.Variant.objects.filter(step__campaign=campaign, step__number=1, label="A").first()
    return variant.text if variant else ""


def _page(request: HttpRequest, campaign: Campaign | None, step: str, form: Form | None) -> HttpResponse:
    context = {
        "campaign": campaign,
        "step": step,
        "steps": _steps(campaign, step),
        "form": form,
        "before": ORDER[ORDER.index(step) - 1] if step != "basics" else "",
        **(_MORE[step](request, campaign) if campaign and step in _MORE else {}),
    }
    return render(
        request, f"campaigns/edit_{step}.html", context, status=400 if form is not None and form.errors else 200
    )


def _steps(campaign: Campaign | None, step: str) -> list[dict[str, Any]]:
    done = {
        "basics": campaign is not None and campaign.product_id is not None,
        "audience": campaign is not None and campaign.audience_id is not None,
        "content": campaign is not None and bool(_text(campaign)),
        "schedule": campaign is not None and campaign.scheduled_at is not None,
        "check": False,
    }
    return [
        {"key": key, "label": label, "on": key == step, "done": done[key], "open": campaign is not None}
        for key, label in STEPS.items()
    ]


def _more_audience(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    segments = list(
        Segment.objects.visible_to(person(request))
        .in_use()
        .filter(department_id=campaign.department_id)
        .prefetch_related("versions")
        .order_by("-created_at")[:60]
    )
    newest = campaign.audience and campaign.audience.segment.latest
    outdated = bool(newest and campaign.audience and newest.pk != campaign.audience_id)
    return {"segments": [(s, s.versions.all()[0]) for s in segments if s.versions.all()], "outdated": outdated}


def _more_content(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    return {
        "attributes": members.in_texts(),
        "built_in": [aliases[0] for aliases in content.BUILT_IN.values()],
        "policy": ContactPolicy.objects.filter(channel="sms").first(),
    }


def _more_schedule(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    policy = ContactPolicy.objects.filter(channel="sms").first()
    planned = campaign.scheduled_at
    really = first_sending(planned, policy) if planned and policy else None
    return {"policy": policy, "moved_to": really if really != planned else None}


_MORE: dict[str, Callable[[HttpRequest, Campaign], dict[str, Any]]] = {
    "audience": _more_audience,
    "content": _more_content,
    "schedule": _more_schedule,
}


# -- pieces that load beside a step -------------------------------------------------------------------------------


@permission("campaigns.edit")
@require_POST
def live_preview(request: HttpRequest, pk: int) -> HttpResponse:
    """Fill and check the text as typed; nothing is saved."""
    campaign = find(request, pk)
    turn = request.POST.get("turn", "0")
    shown = preview.of(
        campaign=campaign,
        text=request.POST.get("text", "")[:1000].strip(),
        user=person(request),
        at=days.now(),
        turn=int(turn) if turn.isdigit() else 0,
    )
    return render(request, "campaigns/_preview.html", {"preview": shown, "campaign": campaign, "live": True})


@permission("campaigns.view")
@require_GET
def split(request: HttpRequest, pk: int) -> HttpResponse:
    """Who would be contacted today, and who not, and why – with what is chosen in the form, saved or not."""
    campaign = find(request, pk)
    form = AudienceForm(request.GET or None, user=person(request))
    if form.is_valid():
        campaign.audience = _version(form, campaign)
        campaign.control_percent = form.cleaned_data["control_percent"]
    try:
        today = audience.preview(campaign=campaign, at=days.now())
    except UserError as error:
        return render(request, "_note.html", {"kind": "warn", "text": str(error)})
    rows = pages.parts(today.audience, today.treated, today.control, today.excluded)
    context = {"split": rows, "total": today.audience, "as_of": today.as_of, "today": today}
    return render(request, "campaigns/_split.html", context | {"slim": request.GET.get("slim") == "1"})


@permission("campaigns.view")
@require_GET
def live_checks(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything that is checked before a submission, with what it would cost."""
    campaign = find(request, pk)
    try:
        approval.refuse_incomplete(campaign)
        today = audience.preview(campaign=campaign, at=days.now())
        cost = checks.price(campaign, today)
        found = checks.run_all(campaign, today, cost, at=days.now())
    except (UserError, content.TextError) as error:
        return render(request, "_note.html", {"kind": "bad", "text": str(error)})
    context = {
        "campaign": campaign,
        "checks": found,
        "cost": cost,
        "today": today,
        "stopped": any(check.level == "error" for check in found),
        "split": pages.parts(today.audience, today.treated, today.control, today.excluded),
    }
    return render(request, "campaigns/_check.html", context)
