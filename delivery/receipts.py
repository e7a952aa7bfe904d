"""What gateways say afterwards: receipts move messages forward, replies with a stop word suppress at once.

Receipts come late, twice, in any order and for messages that are not ours. Each is kept once; the state a message ends
in does not depend on the order: delivered outweighs failed outweighs accepted.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from accounts import audit
from accounts.models import User
from delivery import arrays
from delivery.gateways import Reply, Report
from delivery.models import Gateway
from marketing.lib import crypto

STOP_WORDS = frozenset({"r", "t", "td", "n", "退订", "拒收", "取消", "stop"})


@dataclass(frozen=True)
class Taken:
    """How many rows of a callback were new, how many of those are not ours, and how many moved a message."""

    new: int
    foreign: int
    moved: int


_RECEIPTS = """
WITH said AS (
    SELECT * FROM unnest(%(events)s::text[], %(ids)s::bigint[], %(outcomes)s::text[], %(codes)s::text[],
                         %(ats)s::timestamptz[]) AS said (event, message, outcome, code, at)
), kept AS (
    INSERT INTO delivery_receipt (gateway_id, event_key, message_id, outcome, code, at, received_at)
    SELECT %(gateway)s, said.event, ours.id, said.outcome, said.code, said.at, %(received)s
    FROM said
    LEFT JOIN (delivery_message ours JOIN delivery_batch batch ON batch.id = ours.batch_id
               AND batch.gateway_id = %(gateway)s) ON ours.id = said.message
    ON CONFLICT (gateway_id, event_key) DO NOTHING
    RETURNING message_id, outcome, code, at
), last AS (
    SELECT DISTINCT ON (message_id) message_id, outcome, code, at FROM kept WHERE message_id IS NOT NULL
    ORDER BY message_id, outcome = 'delivered' DESC, outcome = 'failed' DESC, at
), moved AS (
    UPDATE delivery_message m
    SET state = last.outcome, reason = CASE last.outcome WHEN 'failed' THEN last.code ELSE '' END,
        settled_at = CASE WHEN last.outcome <> 'accepted' THEN last.at END,
        submitted_at = coalesce(m.submitted_at, last.at)
    FROM last
    WHERE m.id = last.message_id AND m.state = ANY (CASE last.outcome
        WHEN 'delivered' THEN '{planned,held,submitting,unknown,accepted,failed}'::text[]
        WHEN 'failed' THEN '{planned,held,submitting,unknown,accepted}'::text[]
        ELSE '{planned,held,submitting,unknown}'::text[] END)
    RETURNING m.id
)
SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM kept WHERE message_id IS NULL), (SELECT count(*) FROM moved)
"""


def take_receipts(*, gateway: Gateway, reports: Sequence[Report], at: datetime) -> Taken:
    """Keep receipts once each and move their messages forward, in one statement."""
    # In one order for everybody: two posts with the same receipts wait for each other instead of locking up.
    rows = sorted(reports, key=lambda report: (report.id, report.event))
    with connection.cursor() as cursor:
        cursor.execute(
            _RECEIPTS,
            {
                "events": arrays.texts(r.event for r in rows),
                "ids": arrays.ints(_reference(r.id) for r in rows),
                "outcomes": arrays.texts(r.outcome for r in rows),
                "codes": arrays.texts(r.code for r in rows),
                "ats": arrays.instants(r.at for r in rows),
                "gateway": gateway.pk,
                "received": at,
            },
        )
        taken = Taken(*cursor.fetchone())
        _heard(cursor, gateway, at)
    return taken


def _heard(cursor: CursorWrapper, gateway: Gateway, at: datetime) -> None:
    """Note that the gateway reports; one row for all, so at most once a second."""
    cursor.execute(
        """UPDATE delivery_gateway SET last_receipt_at = %(at)s
           WHERE id = %(id)s AND (last_receipt_at IS NULL OR last_receipt_at < %(at)s - interval '1 second')""",
        {"at": at, "id": gateway.pk},
    )


def _reference(id: str) -> int | None:
    """Return our message's number, or None for a reference that cannot be ours."""
    return int(id) if id.isascii() and id.isdigit() and len(id) < 19 else None


def is_stop(text: str) -> bool:
    """Tell whether a reply says stop: one of the words, in any width and case, with or without punctuation around it.

    >>> [is_stop(t) for t in ("T", "ｔｄ", " 退订。", "Stop!", "别发了", "")]
    [True, True, True, True, False, False]
    """
    plain = unicodedata.normalize("NFKC", text).strip().casefold()
    return "".join(c for c in plain if unicodedata.category(c)[0] not in "PSZC") in STOP_WORDS


# -- replies ------------------------------------------------------------------------------------------------------

_INBOUND = """
INSERT INTO delivery_inbound (gateway_id, event_key, phone_index, text_sealed, customers, campaign_id, action, at,
                              received_at)
SELECT %(gateway)s, said.event, said.phone, said.text, coalesce(known.customers, 0), known.campaign_id, said.action,
       said.at, %(received)s
FROM unnest(%(events)s::text[], %(phones)s::bytea[], %(texts)s::bytea[], %(actions)s::text[], %(ats)s::timestamptz[])
     AS said (event, phone, text, action, at)
LEFT JOIN LATERAL (
    SELECT count(DISTINCT customer.id) AS customers,
           (array_agg(m.campaign_id ORDER BY m.submitted_at DESC NULLS LAST) FILTER (WHERE m.id IS NOT NULL))[1]
               AS campaign_id
    FROM customers_customer customer
    LEFT JOIN delivery_message m ON m.customer_id = customer.id AND m.channel = %(channel)s
          AND m.submitted_at IS NOT NULL
    WHERE customer.phone_index = said.phone
) known ON true
ON CONFLICT (gateway_id, event_key) DO NOTHING
"""

_SUPPRESS = """
INSERT INTO customers_suppression (customer_id, channel, reason, at, by_id)
SELECT id, %(channel)s, %(reason)s, %(at)s, %(by)s FROM customers_customer
WHERE phone_index = ANY(%(phones)s) ORDER BY id
ON CONFLICT (customer_id, channel) DO NOTHING
"""

_TAKE_BACK = """
WITH mine AS (
    SELECT m.id FROM delivery_message m JOIN customers_customer customer ON customer.id = m.customer_id
    WHERE customer.phone_index = ANY(%(phones)s) AND m.channel = %(channel)s AND m.state IN ('planned', 'held')
    ORDER BY m.id FOR UPDATE OF m
)
UPDATE delivery_message m SET state = 'excluded', reason = 'suppressed', settled_at = %(at)s
FROM mine WHERE m.id = mine.id AND m.state IN ('planned', 'held')
"""


@transaction.atomic
def suppress(*, phones: Sequence[bytes], channel: str, reason: str, by: User | None, at: datetime) -> int:
    """Suppress every customer behind the numbers for ever and take back what has not left; return how many messages.

    `phones` are blind indexes. Asking again changes nothing.
    """
    if not phones:
        return 0
    arguments: dict[str, Any] = {"phones": list(phones), "channel": channel, "reason": reason, "at": at}
    arguments["by"] = by.pk if by else None
    with connection.cursor() as cursor:
        cursor.execute(_SUPPRESS, arguments)
        new = cursor.rowcount
        cursor.execute(_TAKE_BACK, arguments)
        taken_back = cursor.rowcount
    if new:
        detail = {"channel": channel, "reason": reason, "customers": new, "messages": taken_back}
        audit.record(action="delivery.opt_out", by=by, at=at, detail=detail)
    return taken_back


@transaction.atomic
def take_inbound(*, gateway: Gateway, replies: Sequence[Reply], at: datetime) -> int:
    """Keep replies once each; a stop word suppresses every customer behind the number.

    Returns how many messages that had not left were taken back. Suppression comes first in the same transaction: an
    answer of 200 means that nobody will be written to again.
    """
    rows = [(reply, crypto.blind_index(_e164(reply.phone)), is_stop(reply.text)) for reply in replies]
    rows.sort(key=lambda row: row[0].event)
    stops = sorted({phone for _reply, phone, stop in rows if stop})
    taken_back = suppress(phones=stops, channel=gateway.channel, reason="reply", by=None, at=at)
    with connection.cursor() as cursor:
        cursor.execute(
            _INBOUND,
            {
                "gateway": gateway.pk,
                "channel": gateway.channel,
                "events": [reply.event for reply, _p, _s in rows],
                "phones": [phone for _r, phone, _s in rows],
                "texts": crypto.encrypt_many([reply.text for reply, _p, _s in rows], field="inbound.text"),
                "actions": ["stop" if stop else "inbox" for _r, _p, stop in rows],
                "ats": [reply.at for reply, _p, _s in rows],
                "received": at,
            },
        )
    return taken_back


def _e164(phone: str) -> str:
    try:
        return crypto.normalise_phone(phone)
    except crypto.PhoneError:
        return phone  # kept, and found by nobody
