"""Claimed batches and what is in them: texts written and numbers decrypted in memory only, on the way out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from campaigns import content
from campaigns.models import ContactPolicy, Variant
from delivery import arrays
from delivery.gateways import Outgoing, Result
from delivery.wording import Wording
from marketing.lib import crypto


@dataclass(frozen=True)
class Claimed:
    """A batch that is ours until its lease ends: which messages, and when the first may leave."""

    batch: int
    campaign: int
    gateway: int
    token: datetime
    send_at: datetime
    lease_until: datetime
    messages: tuple[int, ...]

    @property
    def key(self) -> str:
        """Return the idempotency key: of this call, not of the batch, which may be called again after a refusal."""
        return f"b{self.batch}-{int(self.token.timestamp() * 1000)}"


@dataclass
class Parcel:
    """A claimed batch, worded: what leaves, and what turned out not to be sendable."""

    claimed: Claimed
    outgoing: list[Outgoing]
    parts: dict[str, int]
    unfit: list[Result] = field(default_factory=list)


_CONTENT = """
SELECT m.id, m.batch_id, m.variant_id, target.facts::text, customer.name_sealed, customer.phone_sealed
FROM delivery_message m
JOIN campaigns_target target ON target.run_id = m.run_id AND target.customer_id = m.customer_id
JOIN customers_customer customer ON customer.id = m.customer_id
WHERE m.id = ANY(%s::bigint[]) ORDER BY m.id
"""


def word(claims: Sequence[Claimed]) -> list[Parcel]:
    """Write the texts and decrypt the numbers of claimed batches; in memory only, between commit and submit."""
    parcels = {claimed.batch: Parcel(claimed, [], {}) for claimed in claims}
    with connection.cursor() as cursor:
        cursor.execute(_CONTENT, [arrays.ints(message for claimed in claims for message in claimed.messages)])
        rows = cursor.fetchall()
    wordings = _wordings({row[2] for row in rows})
    for message, batch, variant, facts, name, phone in rows:
        _add(parcels[batch], str(message), wordings[variant], json.loads(facts), name, phone)
    return list(parcels.values())


def _wordings(variants: Iterable[int]) -> dict[int, Wording]:
    policies = {p.channel: p for p in ContactPolicy.objects.all()}
    rows = Variant.objects.filter(pk__in=variants).select_related("step__campaign__product")
    return {v.pk: Wording(variant=v, campaign=v.step.campaign, policy=policies[v.step.channel]) for v in rows}


def _add(parcel: Parcel, id: str, wording: Wording, facts: dict[str, str], name: bytes, phone: bytes) -> None:
    try:
        known = crypto.decrypt(name, field="customer.name") if wording.needs_name else None
        text = wording.text(facts, known)
        number = crypto.decrypt(phone, field="customer.phone")
    except content.MissingValue:
        parcel.unfit.append(Result(id, "excluded", "missing_value"))
    except crypto.Tampered:
        parcel.unfit.append(Result(id, "excluded", "unreadable"))
    else:
        if number is None:
            parcel.unfit.append(Result(id, "excluded", "no_phone"))
            return
        parcel.outgoing.append(Outgoing(id, number, text))
        parcel.parts[id] = wording.parts(text)
