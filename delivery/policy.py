"""The one gate: whether a message may go at an instant, and what becomes of it otherwise.

One statement reads campaign, expiry, arm, suppression, consent, phone, contact cap and hours afresh for a set of
messages. What cannot be read is not sent: an error here rolls the claim back.
"""

from __future__ import annotations

from collections import Counter
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

    @property
    def goes(self) -> bool:
        return self.state == GO


# The reasons stand in the order in which they count, the final ones first: who opted out is not "held until morning".
_VERDICTS = """
SELECT m.id, v.state, v.reason, CASE WHEN v.state = 'held' THEN hours.opens ELSE m.due_at END
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
) judged
CROSS JOIN LATERAL (SELECT judged.word[1] AS state, judged.word[2] AS reason) v
WHERE m.id = ANY(%(messages)s)
ORDER BY m.id
"""


def verdicts(*, messages: Sequence[int], at: datetime) -> list[Verdict]:
    """Decide about messages that have not left; raise NoPolicy or the database's error where it cannot be decided."""
    opens = {policy.channel: first_sending(at, policy) for policy in ContactPolicy.objects.all()}
    arguments: dict[str, Any] = {
        "messages": list(messages),
        "at": at,
        "channels": list(opens),
        "openings": list(opens.values()),
        "contacts": [str(state) for state in CONTACT_STATES],
    }
    with connection.cursor() as cursor:
        cursor.execute(_VERDICTS, arguments)
        decided = [Verdict(*row) for row in cursor.fetchall()]
    if len(decided) != len(set(messages)):
        raise NoPolicy(f"{len(set(messages)) - len(decided)} messages have no contact policy")
    return decided


_APPLY = """
UPDATE delivery_message m
SET state = v.state, reason = v.reason, due_at = v.due_at,
    settled_at = CASE WHEN v.state IN ('excluded', 'expired', 'cancelled') THEN %s END
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[]) AS v (id, state, reason, due_at)
WHERE m.id = v.id AND m.state IN ('planned', 'held')
"""


def keep_back(decided: Sequence[Verdict], *, at: datetime) -> Counter[str]:
    """Write down what became of the messages that do not go, and count them by reason."""
    back = [v for v in decided if not v.goes]
    if back:
        with connection.cursor() as cursor:
            columns = [[getattr(v, name) for v in back] for name in ("message", "state", "reason", "due_at")]
            cursor.execute(_APPLY, [at, *columns])
    return Counter(v.reason for v in back)


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
