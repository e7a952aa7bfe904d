"""Making and changing a campaign. Any change of what was submitted or approved takes it back to draft."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from accounts.permissions import require
from campaigns import status
from campaigns.models import Approval, Campaign, CampaignState, Decision, Step, Variant
from campaigns.moves import locked, move
from marketing.lib.errors import MoveRefused, UserError
from segments.models import Segment

FIELDS = frozenset(
    {
        "name", "product", "audience", "control_percent", "goal_days", "budget", "size_tolerance_percent",
        "scheduled_at",
    }
)  # fmt: skip


@transaction.atomic
def create(*, name: str, by: User, at: datetime, **fields: Any) -> Campaign:
    """Start a campaign of the person's department, with one SMS step and an empty text."""
    require(by, "campaigns.edit")
    if by.department_id is None:
        raise PermissionDenied(_("Only somebody in a department can plan a campaign."))
    campaign = Campaign(name=name.strip(), department_id=by.department_id, owner=by, created_at=at, changed_at=at)
    for field, value in _known(fields).items():
        setattr(campaign, field, value)
    _check(campaign, by)
    campaign.save(force_insert=True)
    step = Step.objects.create(campaign=campaign)
    Variant.objects.create(step=step)
    audit.record(action="campaign.create", by=by, at=at, on=campaign)
    return campaign


@transaction.atomic
def change(*, campaign: Campaign, by: User, at: datetime, **fields: Any) -> Campaign:
    """Set fields of a campaign that is not running yet; saving what already stands there changes nothing.

    A campaign in review or approved goes back to draft, and its approval is void.
    """
    current = locked(campaign, by=by, permission="campaigns.edit")
    changed = {name: value for name, value in _known(fields).items() if getattr(current, name) != value}
    if not changed:
        return current
    before = {name: _plain(getattr(current, name)) for name in changed}
    for name, value in changed.items():
        setattr(current, name, value)
    _check(current, by)
    _reopen(current, by=by, at=at)
    Campaign.objects.filter(pk=current.pk).update(**changed, changed_at=at)
    after = {name: _plain(value) for name, value in changed.items()}
    audit.record(action="campaign.change", by=by, at=at, on=current, detail={"before": before, "after": after})
    return current


@transaction.atomic
def write(*, campaign: Campaign, text: str, by: User, at: datetime, step: int = 1, label: str = "A") -> Variant:
    """Set the text of a step; one changed character voids an approval."""
    current = locked(campaign, by=by, permission="campaigns.edit")
    variant = Variant.objects.select_for_update().get(step__campaign=current, step__number=step, label=label)
    text = text.replace("\r\n", "\n").strip()
    if len(text) > 500:
        raise UserError(_("The text has %(length)s characters; 500 is the limit.") % {"length": len(text)})
    if variant.text == text:
        return variant
    _reopen(current, by=by, at=at)
    before, variant.text = len(variant.text), text
    variant.save(update_fields=["text"])
    Campaign.objects.filter(pk=current.pk).update(changed_at=at)
    detail = {"step": step, "variant": label, "characters_before": before, "characters": len(text)}
    audit.record(action="campaign.text", by=by, at=at, on=current, detail=detail)
    return variant


@transaction.atomic
def copy(*, campaign: Campaign, by: User, at: datetime) -> Campaign:
    """Make a new draft with the same plan; time, approvals and results stay with the old one."""
    require(by, "campaigns.edit")
    old = Campaign.objects.visible_to(by).get(pk=campaign.pk)
    kept = FIELDS - {"name", "scheduled_at"}
    fields = {field: getattr(old, field) for field in kept} if old.department_id == by.department_id else {}
    name = _("%(name)s (copy)") % {"name": old.name[:70]}
    new = create(name=name, by=by, at=at, **fields)
    text = Variant.objects.filter(step__campaign=old, step__number=1, label="A").values_list("text", flat=True).first()
    Variant.objects.filter(step__campaign=new).update(text=text or "")
    audit.record(action="campaign.copy", by=by, at=at, on=new, detail={"from": old.pk})
    return new


def _reopen(current: Campaign, *, by: User | None, at: datetime) -> None:
    """Take the campaign back to draft where somebody has already looked at it, and void what they said."""
    if current.state not in status.EDITABLE:
        raise MoveRefused(
            _("The campaign is in state “%(state)s” and can no longer be changed. Copy it to plan another one.")
            % {"state": CampaignState(current.state).label}
        )
    if current.state != CampaignState.DRAFT:
        void(current, by=by, at=at, why="changed")


def void(current: Campaign, *, by: User | None, at: datetime, why: str) -> None:
    """Return the campaign to draft and void its open or given approval; inside the caller's transaction."""
    was = current.state
    move(current, CampaignState.DRAFT, approved_size=None)
    live = Approval.objects.filter(campaign=current, decision__in=[Decision.PENDING, Decision.APPROVED])
    hashes = list(live.values_list("content_hash", flat=True))
    live.update(decision=Decision.VOIDED)
    detail = {"from": was, "why": why, "content_hash": hashes}
    audit.record(action="campaign.approval_void", by=by, at=at, on=current, detail=detail)


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    """Refuse fields that are not the planner's to set, such as the state."""
    if strange := fields.keys() - FIELDS:
        raise TypeError(f"not a field of the plan: {', '.join(sorted(strange))}")
    return fields


def _check(campaign: Campaign, by: User) -> None:
    problems = {field: sentence for field, sentence in _problems(campaign, by) if sentence}
    if problems:
        raise UserError(" ".join(problems.values()), fields=problems)


def _problems(campaign: Campaign, by: User) -> list[tuple[str, str]]:
    product, audience = campaign.product, campaign.audience
    foreign = audience and not Segment.objects.visible_to(by).filter(pk=audience.segment_id).exists()
    return [
        ("name", "" if campaign.name.strip() else _("Give the campaign a name.")),
        ("name", "" if len(campaign.name) <= 80 else _("The name is longer than 80 characters.")),
        ("product", _foreign_product() if product and product.department_id != campaign.department_id else ""),
        ("audience", _("This segment does not belong to your department.") if foreign else ""),
        ("control_percent", _between(campaign.control_percent, 0, 50, _("The control group"))),
        ("goal_days", _between(campaign.goal_days, 1, 180, _("The goal in days"))),
        ("size_tolerance_percent", _between(campaign.size_tolerance_percent, 0, 100, _("The tolerance"))),
        ("budget", _("The budget cannot be negative.") if campaign.budget is not None and campaign.budget < 0 else ""),
    ]


def _foreign_product() -> str:
    return _("This product belongs to another department.")


def _between(value: Decimal | int, low: int, high: int, what: str) -> str:
    if low <= value <= high:
        return ""
    return _("%(what)s must lie between %(low)s and %(high)s.") % {"what": what, "low": low, "high": high}


def _plain(value: Any) -> Any:
    return value.pk if isinstance(value, Model) else value if value is None else str(value)
