"""When a campaign goes out: its time, the hours in which it may, and the start that happens once."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from campaigns import approval, audience, editing
from campaigns.hours import refuse_past
from campaigns.models import Campaign, CampaignState, Run
from campaigns.moves import locked, move
from marketing.lib.errors import MoveRefused, UserError

log = logging.getLogger(__name__)


def set_time(*, campaign: Campaign, when: datetime | None, by: User, at: datetime) -> Campaign:
    """Set when the campaign starts; None means by hand, after approval."""
    refuse_past(when, at=at)
    return editing.change(campaign=campaign, by=by, at=at, scheduled_at=when)


@transaction.atomic
def launch(*, campaign: Campaign, by: User, at: datetime) -> Campaign:
    """Release an approved campaign without a time of its own: it starts with the next beat."""
    current = locked(campaign, by=by, permission="campaigns.control")
    if not approval.approved_hash_matches(current):
        raise UserError(_("What would go out is not what was approved. Submit the campaign again."))
    move(current, CampaignState.SCHEDULED)
    audit.record(action="campaign.schedule", by=by, at=at, on=current, detail={"scheduled_at": current.scheduled_at})
    return current


def start_due(at: datetime) -> list[Run]:
    """Start every campaign whose time has come, and return their runs; two beats at once start each one once."""
    runs = (start(campaign=campaign, at=at) for campaign in Campaign.objects.due(at))
    return [run for run in runs if run is not None]


def start(*, campaign: Campaign, at: datetime) -> Run | None:
    """Freeze the audience and set the campaign running, or return it to draft with the reason; None then.

    The state moves and the targets land in one transaction: there is no running campaign without its targets.
    """
    try:
        with transaction.atomic():
            return _start(campaign, at)
    except MoveRefused:
        return None  # another beat was faster
    except UserError as refusal:
        log.warning("campaign %s was not started: %s", campaign.pk, refusal)
        _send_back(campaign, at, str(refusal))
        return None


def _start(campaign: Campaign, at: datetime) -> Run:
    current = locked(campaign, by=None, permission="")
    if current.state != CampaignState.SCHEDULED:
        raise MoveRefused(_("The campaign has started already."))
    if not approval.approved_hash_matches(current):
        raise UserError(_("What would go out is not what was approved. Submit the campaign again."))
    run = audience.freeze(campaign=current, at=at)
    _refuse_drift(current, run)
    move(current, CampaignState.RUNNING, launched_at=at)
    audit.record(action="campaign.start", by=None, at=at, on=current, detail=audience.sums(run))
    return run


def _refuse_drift(campaign: Campaign, run: Run) -> None:
    """Stop a start whose audience is no longer the size that was approved."""
    approved, allowed = campaign.approved_size or 0, campaign.size_tolerance_percent
    if abs(run.audience - approved) * 100 > approved * allowed:
        raise UserError(
            _("The segment has %(now)s members; %(approved)s were approved, give or take %(allowed)s %%. Submit again.")
            % {"now": run.audience, "approved": approved, "allowed": allowed}
        )


@transaction.atomic
def _send_back(campaign: Campaign, at: datetime, why: str) -> None:
    current = locked(campaign, by=None, permission="")
    if current.state == CampaignState.SCHEDULED:
        editing.void(current, by=None, at=at, why=why)


@transaction.atomic
def pause(*, campaign: Campaign, by: User | None, at: datetime, why: str = "") -> Campaign:
    """Hold a running campaign: nothing more is submitted until it is resumed. `by` None is the breaker."""
    return _turn(campaign, CampaignState.PAUSED, "campaign.pause", by=by, at=at, why=why)


@transaction.atomic
def resume(*, campaign: Campaign, by: User, at: datetime) -> Campaign:
    """Let a paused campaign go on where it stopped, if it is still what was approved."""
    if not approval.approved_hash_matches(campaign):
        raise UserError(_("What would go out is not what was approved. The campaign stays paused."))
    current = locked(campaign, by=by, permission="campaigns.control")
    if current.state != CampaignState.PAUSED:
        raise MoveRefused(_("Only a paused campaign can be resumed. Nothing was changed; reload the page."))
    return _turn(current, CampaignState.RUNNING, "campaign.resume", by=by, at=at)


@transaction.atomic
def cancel(*, campaign: Campaign, by: User, at: datetime, why: str = "") -> Campaign:
    """Stop a campaign for good; what was not yet submitted never goes out."""
    current = locked(campaign, by=by, permission="campaigns.control")
    approval.close_pending(current)
    return _turn(current, CampaignState.CANCELLED, "campaign.cancel", by=by, at=at, why=why, finished_at=at)


@transaction.atomic
def finish(*, campaign: Campaign, at: datetime) -> Campaign:
    """Close a campaign whose messages are settled and whose goal days are over; the system does this."""
    return _turn(campaign, CampaignState.FINISHED, "campaign.finish", by=None, at=at, finished_at=at)


def _turn(
    campaign: Campaign, to: str, action: str, *, by: User | None, at: datetime, why: str = "", **columns: datetime
) -> Campaign:
    current = locked(campaign, by=by, permission="campaigns.control")
    was = current.state
    move(current, to, **columns)
    audit.record(action=action, by=by, at=at, on=current, detail={"from": was, "why": why[:200]})
    return current
