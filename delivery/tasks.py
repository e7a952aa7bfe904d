"""Wake-ups: ids only, no times; whatever is lost is found again by the sweep."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from celery import shared_task
from django.db import transaction

from campaigns import schedule
from campaigns.models import CampaignState, Run
from delivery import outbox, planner, policy, progress, sender
from delivery import reconcile as reconciliation
from delivery.models import Batch, Gateway
from marketing.lib import days
from marketing.lib.errors import MoveRefused, UserError

log = logging.getLogger(__name__)

BUSY = timedelta(seconds=5)  # a gateway claimed from this recently has a sender at work


@shared_task
def start_due() -> None:
    """Start the campaigns whose time has come, and plan every run that has no messages yet (a crash leaves some)."""
    at = days.now()
    schedule.start_due(at)
    plan_started(at=at)
    wake_senders(at=at)


def plan_started(*, at: datetime) -> None:
    """Plan the runs that have started; one that cannot be planned is paused and does not hold up the others."""
    for run in planner.unplanned():
        try:
            planner.plan(run=run, at=at)
        except UserError as refusal:
            log.error("run %s cannot be planned: %s", run.pk, refusal)
            schedule.pause(campaign=run.campaign, by=None, at=at, why=str(refusal))


@shared_task
def send(gateway_id: int) -> None:
    """Send what is due through a gateway for some seconds, and ring again if more is."""
    gateway = Gateway.objects.get(pk=gateway_id)
    sender.drain(gateway=gateway, clock=days.now)
    if due(at=days.now()).filter(gateway=gateway).exists():
        send.delay(gateway_id)


@shared_task
def sweep() -> None:
    """Find what was forgotten: dead workers' leases, what can no longer go, due batches, runs that have ended."""
    at = days.now()
    outbox.sweep_leases(at=at)
    policy.settle_over(at=at)
    wake_senders(at=at)
    finish_runs(at=at)


def due(*, at: datetime):  # type: ignore[no-untyped-def]  # a queryset of batches
    """Return the batches that may be claimed now."""
    return Batch.objects.filter(
        finished_at=None,
        lease_until=None,
        due_at__lte=at,
        run__campaign__state=CampaignState.RUNNING,
        gateway__is_active=True,
    ).exclude(gateway__closed_until__gt=at)


def wake_senders(*, at: datetime) -> None:
    """Ring for each gateway that has due batches and nobody at work."""
    for gateway in due(at=at).order_by().values_list("gateway", flat=True).distinct():
        if not Batch.objects.filter(gateway=gateway, claimed_at__gt=at - BUSY, lease_until__isnull=False).exists():
            send.delay(gateway)


def finish_runs(*, at: datetime) -> None:
    """Close the runs in which nothing can change any more, and their campaigns; conversions go on counting."""
    for run in Run.objects.filter(finished_at=None, planned_at__isnull=False).select_related("campaign"):
        if progress.settled(run, at=at):
            finish(run=run, at=at)


@transaction.atomic
def finish(*, run: Run, at: datetime) -> None:
    """Close a run once, and its campaign unless somebody has ended it already."""
    if not Run.objects.filter(pk=run.pk, finished_at=None).update(finished_at=at):
        return
    if run.campaign.state in (CampaignState.RUNNING, CampaignState.PAUSED):
        try:
            schedule.finish(campaign=run.campaign, at=at)
        except MoveRefused:
            log.info("campaign %s had ended already", run.campaign_id)


@shared_task
def reconcile() -> None:
    """Ask each gateway about what is unknown."""
    for gateway in Gateway.objects.filter(is_active=True, batch__messages__state="unknown").distinct():
        reconciliation.reconcile(gateway=gateway, at=days.now())
