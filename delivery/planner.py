"""Targets become messages: the whole run in one statement, contact slots reserved under one lock.

Each treated target gets one ledger row per step. Whoever has used up the contact cap gets theirs as `excluded`, so that
treated × steps is always the sum of the messages by state.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts import audit
from campaigns.models import CampaignState, Run
from delivery.gateways import kind_of
from delivery.models import CONTACT_STATES, Gateway
from marketing.lib.errors import UserError

# One planner at a time over all departments and channels: of two campaigns racing for a customer's last slot, one wins.
CAP_LOCK = 0x63617073  # "caps"
# An offer that could not leave for this long (a pause, a gateway down over the weekend) is no longer meant.
LATEST = timedelta(days=3)


@dataclass(frozen=True)
class Planned:
    """How many messages a run got: ready to go, and kept back by the contact cap."""

    planned: int
    capped: int


_PLAN = """
WITH due AS (
    SELECT target.customer_id, step.id AS step_id, step.number, step.channel, variant.id AS variant_id
    FROM campaigns_target target
    JOIN campaigns_step step ON step.campaign_id = %(campaign)s
    LEFT JOIN campaigns_variant drawn ON drawn.id = target.variant_id
    JOIN campaigns_variant variant ON variant.step_id = step.id AND variant.label = coalesce(drawn.label, 'A')
    WHERE target.run_id = %(run)s AND target.arm = 'treated'
), used AS (
    SELECT m.customer_id, policy.channel, count(*) AS contacts
    FROM (SELECT DISTINCT customer_id FROM due) customer
    JOIN delivery_message m ON m.customer_id = customer.customer_id AND m.state = ANY(%(contacts)s)
    JOIN campaigns_contactpolicy policy
      ON coalesce(m.submitted_at, m.due_at) > %(at)s - make_interval(days => policy.cap_days)
    GROUP BY m.customer_id, policy.channel
), judged AS (
    SELECT due.*, coalesce(used.contacts, 0) + row_number() OVER (PARTITION BY due.customer_id ORDER BY due.number)
                  > policy.cap_contacts AS capped
    FROM due
    JOIN campaigns_contactpolicy policy ON policy.channel = due.channel
    LEFT JOIN used ON used.customer_id = due.customer_id AND used.channel = due.channel
), placed AS (
    SELECT judged.*, gateway.id AS gateway_id, gateway.size AS room,
           row_number() OVER (PARTITION BY step_id, capped ORDER BY customer_id) - 1 AS place
    FROM judged
    JOIN unnest(%(channels)s::text[], %(gateways)s::bigint[], %(sizes)s::int[]) AS gateway (channel, id, size)
      ON gateway.channel = judged.channel
), opened AS MATERIALIZED (
    SELECT placed.*, CASE WHEN NOT capped AND place %% room = 0
                          THEN nextval(pg_get_serial_sequence('delivery_batch', 'id')) END AS opens
    FROM placed
), seated AS MATERIALIZED (
    -- The first of a batch brings its number, the others take it over; a join would try every batch for every message.
    SELECT opened.*, max(opens) OVER (PARTITION BY step_id, capped, place / room) AS batch_id FROM opened
), batch AS (
    INSERT INTO delivery_batch (id, run_id, step_id, gateway_id, size, due_at)
    SELECT batch_id, %(run)s, step_id, gateway_id, count(*), %(at)s FROM seated
    WHERE NOT capped GROUP BY batch_id, step_id, gateway_id
), message AS (
    INSERT INTO delivery_message (run_id, campaign_id, step_id, variant_id, customer_id, channel, batch_id, state,
                                  reason, due_at, expires_at, provider_id, settled_at)
    SELECT %(run)s, %(campaign)s, step_id, variant_id, customer_id, channel, batch_id,
           CASE WHEN capped THEN 'excluded' ELSE 'planned' END, CASE WHEN capped THEN 'contact_cap' ELSE '' END,
           %(at)s, %(expires)s, '', CASE WHEN capped THEN %(at)s::timestamptz END
    FROM seated
    ORDER BY step_id, capped, place
    RETURNING state
)
SELECT count(*) FILTER (WHERE state = 'planned'), count(*) FILTER (WHERE state = 'excluded') FROM message
"""


def plan(*, run: Run, at: datetime) -> Planned | None:
    """Write the run's ledger rows and batches, once; None where they stand already.

    Raises UserError where a channel has no gateway. Two planners, or a planner killed half-way, leave one whole plan.
    """
    with transaction.atomic():
        if not Run.objects.filter(pk=run.pk, planned_at=None).select_for_update().exists():
            return None
        planned = _insert(run, at)
        Run.objects.filter(pk=run.pk).update(planned_at=at)
        detail = {"run": run.number, "planned": planned.planned, "contact_cap": planned.capped}
        audit.record(action="delivery.plan", by=None, at=at, on=run.campaign, detail=detail)
    return planned


def _insert(run: Run, at: datetime) -> Planned:
    ways = {channel: _way_out(channel) for channel in run.campaign.steps.values_list("channel", flat=True).distinct()}
    arguments: dict[str, Any] = {
        "run": run.pk,
        "campaign": run.campaign_id,
        "at": at,
        "expires": at + LATEST,
        "contacts": [str(state) for state in CONTACT_STATES],
        "channels": list(ways),
        "gateways": [gateway.pk for gateway in ways.values()],
        "sizes": [min(gateway.batch_size, kind_of(gateway).capabilities.max_batch) for gateway in ways.values()],
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CAP_LOCK])
        # A new statement, so that it sees what the planner before us has committed.
        cursor.execute(_PLAN, arguments)
        planned = Planned(*cursor.fetchone())
    expected = run.targets.filter(arm="treated").count() * run.campaign.steps.count()
    if planned.planned + planned.capped != expected:
        raise RuntimeError(f"run {run.pk}: {planned} does not add up to {expected} treated targets × steps")
    return planned


def _way_out(channel: str) -> Gateway:
    gateway = Gateway.objects.filter(channel=channel, is_active=True).order_by("pk").first()
    if gateway is None:
        raise UserError(_("No gateway is set up for this channel. Ask an administrator; nothing was sent."))
    return gateway


def unplanned() -> list[Run]:
    """Return the runs of running campaigns that have no messages yet, the oldest first."""
    return list(
        Run.objects.filter(planned_at=None, campaign__state=CampaignState.RUNNING)
        .select_related("campaign")
        .order_by("frozen_at")
    )
