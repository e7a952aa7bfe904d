"""Four eyes, bound to content: what is submitted, who may sign it, and whether it is still the same.

A signature is on a hash of everything that decides what goes out to whom: texts, the audience's rule, how far its size
may drift, time, product and rate, budget, control share, and the policy's wording, price and hours.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import AuditEntry, User
from accounts.permissions import has
from campaigns import audience, checks
from campaigns.hours import refuse_past
from campaigns.models import Approval, Campaign, CampaignState, ContactPolicy, Decision, Variant
from campaigns.moves import locked, move
from marketing.lib.errors import MoveRefused, UserError


def content_of(campaign: Campaign) -> dict[str, Any]:
    """Return everything an approval binds, read afresh from the tables, as plain JSON."""
    now = Campaign.objects.select_related("product", "audience__segment").get(pk=campaign.pk)
    texts = Variant.objects.filter(step__campaign=now).order_by("step__number", "label").select_related("step")
    policies = ContactPolicy.objects.filter(channel__in={v.step.channel for v in texts}).order_by("channel")
    return {
        "texts": [[v.step.number, v.step.channel, v.label, v.text] for v in texts],
        "audience": _audience(now),
        "size_tolerance_percent": now.size_tolerance_percent,
        "control_percent": f"{now.control_percent:.1f}",
        "scheduled_at": now.scheduled_at.isoformat() if now.scheduled_at else None,
        "goal_days": now.goal_days,
        "budget": f"{now.budget:.2f}" if now.budget is not None else None,
        "product": now.product and [now.product.code, now.product.kind, now.product.annual_rate],
        "policy": [_policy(policy) for policy in policies],
    }


def _audience(campaign: Campaign) -> dict[str, Any] | None:
    version = campaign.audience
    if version is None:
        return None
    return {
        "segment": version.segment_id,
        "version": version.number,
        "rule": version.rule,
        "rule_hash": version.rule_hash,
    }


def _policy(policy: ContactPolicy) -> dict[str, Any]:
    return {
        "channel": policy.channel,
        "signature": policy.signature,
        "opt_out_text": policy.opt_out_text,
        "length_profile": policy.length_profile,
        "price_per_part": f"{policy.price_per_part:.4f}",
        "quiet": f"{policy.open_until:%H:%M}-{policy.open_from:%H:%M}",
        "minimum_age": policy.minimum_age,
    }


def content_hash(content: dict[str, Any]) -> str:
    """Return the SHA-256 of the content in one canonical spelling, as 64 hex digits."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def approved_hash_matches(campaign: Campaign) -> bool:
    """Tell whether what would go out now is what was approved; the sender asks before every batch."""
    signed = Approval.objects.filter(campaign=campaign, decision=Decision.APPROVED).order_by("-decided_at").first()
    return signed is not None and signed.content_hash == content_hash(content_of(campaign))


# -- submit, sign, return -----------------------------------------------------------------------------------------


def submit(*, campaign: Campaign, by: User, at: datetime) -> Approval:
    """Ask the department's manager to sign the campaign as it stands; refuses what a check stops."""
    with transaction.atomic():
        current = locked(campaign, by=by, permission="campaigns.edit")
        refuse_incomplete(current)
        refuse_past(current.scheduled_at, at=at)
        expected = expectation(current, at=at)
        content = content_of(current)
        move(current, CampaignState.IN_REVIEW)
        approval = Approval.objects.create(
            campaign=current,
            content=content,
            content_hash=content_hash(content),
            expected=expected,
            submitted_by=by,
            submitted_at=at,
        )
        detail = {"content_hash": approval.content_hash, "treated": expected["treated"], "cost": expected["cost"]}
        audit.record(action="campaign.submit", by=by, at=at, on=current, detail=detail)
    return approval


def refuse_incomplete(campaign: Campaign) -> None:
    """Raise UserError, by field, for a campaign without product or segment."""
    missing = [
        (campaign.product, "product", _("Choose the product that is offered.")),
        (campaign.audience, "audience", _("Choose the segment to contact.")),
    ]
    problems = {field: sentence for value, field, sentence in missing if value is None}
    if problems:
        raise UserError(" ".join(problems.values()), fields=problems)


def expectation(campaign: Campaign, *, at: datetime) -> dict[str, Any]:
    """Return what the submission would bring: the split, parts and cost; raises UserError where it may not go."""
    split = audience.preview(campaign=campaign, at=at)
    audience.refuse_nobody(split)
    cost = checks.price(campaign, split)
    checks.refuse_errors(checks.run_all(campaign, split, cost, at=at))
    return {
        "audience": split.audience,
        "treated": split.treated,
        "control": split.control,
        "excluded": split.excluded,
        "as_of": split.as_of.isoformat() if split.as_of else None,
        "parts": cost.parts,
        "cost": f"{cost.total:.2f}",
    }


def may_sign(campaign: Campaign, by: User) -> bool:
    """Tell whether a person could approve this campaign: by role, by department, and not having made it."""
    manages = has(by, "campaigns.approve") and by.department_id == campaign.department_id
    return manages and not _has_a_hand_in(campaign, by)


def _has_a_hand_in(campaign: Campaign, by: User) -> bool:
    """Tell whether a person owns, wrote or submitted any of it: four eyes means another pair."""
    own = AuditEntry.objects.filter(
        object_type="campaign",
        object_id=str(campaign.pk),
        actor=by,
        action__in=["campaign.create", "campaign.copy", "campaign.change", "campaign.text", "campaign.submit"],
    )
    return campaign.owner_id == by.pk or own.exists()


def approve(*, campaign: Campaign, by: User, at: datetime, seen: str | None = None, comment: str = "") -> Approval:
    """Sign the open submission; a campaign with a time of its own is scheduled at once.

    `seen` is the hash of what the person looked at. Refused when anything differs from what was submitted, when the
    time has passed meanwhile, and for whoever had a hand in the campaign.
    """
    with transaction.atomic():
        current, approval = _open(campaign, by)
        if _has_a_hand_in(current, by):
            raise PermissionDenied(_("You had a hand in this campaign, so somebody else must approve it."))
        now = content_hash(content_of(current))
        if now != approval.content_hash or (seen is not None and seen != now):
            raise UserError(_("The content is no longer what was submitted. Return it and have it submitted again."))
        refuse_past(current.scheduled_at, at=at)
        _decide(approval, Decision.APPROVED, by=by, at=at, comment=comment)
        move(current, CampaignState.APPROVED, approved_size=approval.expected["audience"])
        audit.record(action="campaign.approve", by=by, at=at, on=current, detail={"content_hash": now})
        if current.scheduled_at is not None:
            move(current, CampaignState.SCHEDULED)
            detail = {"scheduled_at": current.scheduled_at}
            audit.record(action="campaign.schedule", by=by, at=at, on=current, detail=detail)
    return approval


def return_with_reason(*, campaign: Campaign, by: User, at: datetime, reason: str) -> Approval:
    """Send the open submission back to its author, saying why."""
    if not reason.strip():
        sentence = _("Say what has to change, so that the author knows.")
        raise UserError(sentence, fields={"reason": sentence})
    with transaction.atomic():
        current, approval = _open(campaign, by)
        _decide(approval, Decision.RETURNED, by=by, at=at, comment=reason.strip())
        move(current, CampaignState.REJECTED)
        audit.record(action="campaign.return", by=by, at=at, on=current, detail={"content_hash": approval.content_hash})
    return approval


def withdraw(*, campaign: Campaign, by: User, at: datetime) -> None:
    """Take the open submission back to go on working on it."""
    with transaction.atomic():
        current = locked(campaign, by=by, permission="campaigns.edit")
        if current.state != CampaignState.IN_REVIEW:
            raise MoveRefused(_("The campaign is not in review, so there is nothing to withdraw. Reload the page."))
        move(current, CampaignState.DRAFT)
        close_pending(current)
        audit.record(action="campaign.withdraw", by=by, at=at, on=current)


def close_pending(campaign: Campaign) -> None:
    """Withdraw an open submission, where there is one; inside the caller's transaction."""
    Approval.objects.filter(campaign=campaign, decision=Decision.PENDING).update(decision=Decision.WITHDRAWN)


def _open(campaign: Campaign, by: User) -> tuple[Campaign, Approval]:
    """Return the locked campaign and its open submission, for a manager of its department."""
    current = locked(campaign, by=by, permission="campaigns.approve")
    approval = Approval.objects.select_for_update().filter(campaign=current, decision=Decision.PENDING).first()
    if approval is None or current.state != CampaignState.IN_REVIEW:
        raise MoveRefused(_("The campaign is no longer waiting for approval. Reload the page."))
    return current, approval


def _decide(approval: Approval, decision: str, *, by: User, at: datetime, comment: str) -> None:
    approval.decision, approval.decided_by, approval.decided_at = decision, by, at
    approval.comment = comment[:500]
    approval.save(update_fields=["decision", "decided_by", "decided_at", "comment"])
