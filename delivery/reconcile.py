"""What is unknown is asked about, never guessed.

The gateway's word makes a message accepted, delivered or failed. That a message never arrived is believed only when the
gateway says so twice, each time later than it needs to know; then the message is planned again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from delivery.gateways import Answer, Refused, Unclear, kind_of
from delivery.models import Gateway, Message, MessageState
from delivery.wire import Wire

log = logging.getLogger(__name__)

CHUNK = 500
MOST = 20_000  # in one go; the rest is asked about the next time

_SETTLE = """
WITH said AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(codes)s::text[], %(providers)s::text[],
                         %(parts)s::int[]) AS said (id, state, code, provider_id, parts)
), settled AS (
    UPDATE delivery_message m
    SET state = CASE WHEN said.state <> 'absent' THEN said.state
                     WHEN m.absent_at <= %(at)s - %(lag)s THEN 'planned' ELSE 'unknown' END,
        reason = CASE WHEN said.state = 'failed' THEN said.code
                      WHEN said.state = 'absent' AND m.absent_at <= %(at)s - %(lag)s THEN 'never_arrived'
                      WHEN said.state = 'absent' THEN m.reason ELSE '' END,
        absent_at = CASE WHEN said.state = 'absent' AND m.submitted_at <= %(at)s - %(lag)s
                         THEN coalesce(m.absent_at, %(at)s) END,
        due_at = CASE WHEN said.state = 'absent' THEN %(at)s ELSE m.due_at END,
        submitted_at = CASE WHEN said.state = 'absent' AND m.absent_at <= %(at)s - %(lag)s THEN NULL
                            ELSE m.submitted_at END,
        provider_id = CASE WHEN said.provider_id <> '' THEN said.provider_id ELSE m.provider_id END,
        parts = coalesce(said.parts, m.parts),
        settled_at = CASE WHEN said.state IN ('delivered', 'failed') THEN %(at)s END
    FROM said WHERE m.id = said.id AND m.state = 'unknown'
    RETURNING m.batch_id, m.state
), opened AS (
    UPDATE delivery_batch SET finished_at = NULL, due_at = %(at)s
    WHERE id IN (SELECT batch_id FROM settled WHERE state = 'planned')
)
SELECT state, count(*) FROM settled GROUP BY state
"""


def reconcile(*, gateway: Gateway, at: datetime) -> Counter[str]:
    """Ask the gateway about its unknown messages and count them by what they became."""
    became: Counter[str] = Counter()
    capabilities = kind_of(gateway).capabilities
    ids = _unknown(gateway) if capabilities.has_query else []
    if not ids:
        return became
    try:
        with Wire(gateway, clock=lambda: at) as wire:
            for start in range(0, len(ids), CHUNK):
                answers = wire.query([str(id) for id in ids[start : start + CHUNK]])
                became += settle(answers=answers, gateway=gateway, at=at)
    except (Refused, Unclear) as silence:
        log.warning("gateway %s cannot be asked now: %s", gateway.code, silence)
    return became


def _unknown(gateway: Gateway) -> list[int]:
    doubtful = Message.objects.filter(state=MessageState.UNKNOWN, batch__gateway=gateway)
    return list(doubtful.order_by("submitted_at", "id").values_list("id", flat=True)[:MOST])


@transaction.atomic
def settle(*, answers: Sequence[Answer], gateway: Gateway, at: datetime) -> Counter[str]:
    """Write down the gateway's answers about unknown messages; what has moved on meanwhile stays."""
    arguments: dict[str, Any] = {
        "ids": [int(a.id) for a in answers],
        "states": [a.state for a in answers],
        "codes": [a.code for a in answers],
        "providers": [a.provider_id for a in answers],
        "parts": [a.parts for a in answers],
        "at": at,
        "lag": kind_of(gateway).capabilities.lag,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, arguments)
        return Counter(dict(cursor.fetchall()))
