"""The one gate: whether a message may go at an instant, and what becomes of it otherwise.

One statement reads campaign, expiry, arm, suppression, consent, phone, contact cap and hours afresh for a set of
messages. What cannot be read is not sent: an error here rolls the claim back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from campaigns.hours import first_sending
from campaigns.models import ContactPolicy
from delivery.models import CONTACT_STATES, MessageState

GO = MessageState.SUBMITTING


class NoPolicy(RuntimeError):
    """There is no contact policy for a channel: nothing may be sent over it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a message becomes: its next state (`submitting` = it may go), why, and when it is due again."""

    message: int
    state: str
    reason: str
    due_at: datetime


# The reasons stand in the order in which they count, the final ones first: who opted out is not "held until morning".
_VERDICTS = """
SELECT m.id, v.state, v.reason, CASE WHEN v.state = 'held' THEN hours.opens ELSE m.due_at END AS due_at
FROM delivery_message m
JOIN campaigns_campaign campaign ON campaign.id = m.campaign_id
JOIN campaigns_contactpolicy policy ON policy.channel = m.channel
JOIN unnest(%(channels)s::text[], %(openings)s::timestamptz[]) AS hours (channel, opens) ON hours.channel = m.channel
LEFT JOIN campaigns_target target ON target.run_id = m.run_id AND target.customer_id = m.customer_id
LEFT JOIN customers_customer customer ON customer.id = m.customer_id
LEFT JOIN customers_suppression suppression
       ON suppression.customer_id = m.customer_id AND suppression.channel = m.channel
LEFT JOIN customers_consent consent
       ON consent.customer_id = m.customer_id AND consent.channel = m.channel AND consent.replaced_at IS NULL
      AND consent.granted AND consent.given_at <= %(at)s AND (consent.expires_at IS NULL OR consent.expires_at > %(at)s)
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN campaign.state IN ('cancelled', 'finished') THEN '{cancelled,campaign_over}'
        WHEN m.expires_at <= %(at)s THEN '{expired,too_late}'
        WHEN target.arm IS DISTINCT FROM 'treated' THEN '{excluded,not_target}'
        WHEN suppression.id IS NOT NULL THEN '{excluded,suppressed}'
        WHEN consent.id IS NULL THEN '{excluded,no_consent}'
        WHEN customer.phone_sealed IS NULL THEN '{excluded,no_phone}'
        WHEN policy.cap_contacts <= (
            SELECT count(*) FROM delivery_message other
            WHERE other.customer_id = m.customer_id AND other.id <> m.id AND other.state = ANY(%(contacts)s)
              AND coalesce(other.submitted_at, other.due_at) > %(at)s - make_interval(days => policy.cap_days)
              AND (other.id < m.id OR other.state NOT IN ('planned', 'held'))
        ) THEN '{excluded,contact_cap}'
        WHEN campaign.state <> 'running' THEN '{planned,""}'
        WHEN hours.opens > %(at)s THEN '{held,quiet_hours}'
        ELSE '{submitting,""}'
    END::text[] AS word
    OFFSET 0  -- judged once per message, not once per column of the verdict
) judged
CROSS JOIN LATERAL (SELECT judged.word[1] AS state, judged.word[2] AS reason) v
"""
_ABOUT = _VERDICTS + "WHERE m.id = ANY(%(messages)s) ORDER BY m.id"
_GATE = f"""
WITH verdict AS (
    {_VERDICTS}
    WHERE m.batch_id = ANY(%(batches)s) AND m.state IN ('planned', 'held') AND m.due_at <= %(at)s
)
UPDATE delivery_message m
SET state = verdict.state, reason = verdict.reason, due_at = verdict.due_at, absent_at = NULL,
    submitted_at = CASE WHEN verdict.state = 'submitting' THEN %(at)s::timestamptz END,
    settled_at = CASE WHEN verdict.state IN ('excluded', 'expired', 'cancelled') THEN %(at)s::timestamptz END
FROM verdict
WHERE m.id = verdict.id AND m.state IN ('planned', 'held')
RETURNING m.batch_id, m.id, m.state
"""  # noqa: S608 - no outside text


def verdicts(*, messages: Sequence[int], at: datetime) -> list[Verdict]:
    """Tell what would become of messages at the instant; nothing is changed."""
    with connection.cursor() as cursor:
        cursor.execute(_ABOUT, _arguments(at) | {"messages": list(messages)})
        return [Verdict(*row) for row in cursor.fetchall()]


def gate(*, batches: Sequence[int], channel: str, at: datetime) -> dict[int, list[int]]:
    """Let what is due in the batches go or keep it back, in one statement; return what goes, by batch.

    What goes is `submitting` afterwards, the rest has its state and reason. Raises NoPolicy, or the database's error,
    where it cannot be decided: then nothing goes.
    """
    arguments = _arguments(at)
    if channel not in arguments["channels"]:
        raise NoPolicy(f"there is no contact policy for {channel}")
    going: dict[int, list[int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_GATE, arguments | {"batches": list(batches)})
        for batch, message, state in cursor.fetchall():
            if state == GO:
                going.setdefault(batch, []).append(message)
    return going


def _arguments(at: datetime) -> dict[str, Any]:
    opens = {policy.channel: first_sending(at, policy) for policy in ContactPolicy.objects.all()}
    return {
        "at": at,
        "channels": list(opens),
        "openings": list(opens.values()),
        "contacts": [str(state) for state in CONTACT_STATES],
    }


def settle_over(*, at: datetime) -> int:
    """Settle what can no longer go: messages past their expiry, and those of campaigns that are over."""
    with connection.cursor() as cursor:
        cursor.execute(
            """WITH over AS (
                SELECT m.id, campaign.state IN ('cancelled', 'finished') AS ended
                FROM campaigns_run run
                JOIN campaigns_campaign campaign ON campaign.id = run.campaign_id
                JOIN delivery_message m ON m.run_id = run.id AND m.state IN ('planned', 'held')
                WHERE run.finished_at IS NULL
                  AND (campaign.state IN ('cancelled', 'finished') OR m.expires_at <= %(at)s)
                ORDER BY m.id FOR UPDATE OF m SKIP LOCKED
            )
            UPDATE delivery_message m
            SET state = CASE WHEN over.ended THEN 'cancelled' ELSE 'expired' END,
                reason = CASE WHEN over.ended THEN 'campaign_over' ELSE 'too_late' END, settled_at = %(at)s
            FROM over WHERE m.id = over.id""",
            {"at": at},
        )
        return cursor.rowcount
