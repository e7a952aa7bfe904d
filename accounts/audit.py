"""The audit trail: append-only, each entry carries the hash of the one before, a verify names what was altered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection, models, transaction

from accounts.models import AuditEntry, User

GENESIS = bytes(32)
CHAIN_LOCK = 0x61756469  # "audi": one writer at a time, so the chain cannot fork


def record(
    *,
    action: str,
    by: User | None,
    at: datetime,
    on: models.Model | None = None,
    detail: dict[str, Any] | None = None,
) -> AuditEntry:
    """Append one entry inside the caller's transaction; `by` None is the system itself.

    `detail` holds numbers, codes and hashes – never a name, a phone or a message's text with them.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHAIN_LOCK])
        last = AuditEntry.objects.order_by("-number").values_list("number", "digest").first()
        entry = AuditEntry(
            number=last[0] + 1 if last else 1,
            at=at,
            actor=by,
            actor_name=str(by) if by else "system",
            action=action,
            object_type=on._meta.model_name or "" if on else "",
            object_id=str(on.pk) if on else "",
            object_name=str(on)[:200] if on else "",
            department_id=getattr(on, "department_id", None) or getattr(by, "department_id", None),
            detail=json.loads(json.dumps(detail or {}, default=str)),
            previous=bytes(last[1]) if last else GENESIS,
        )
        entry.digest = digest(entry)
        entry.save(force_insert=True)
    return entry


def digest(entry: AuditEntry) -> bytes:
    """Return the SHA-256 over every column and the hash before."""
    content = [
        entry.number,
        entry.at.astimezone(UTC).isoformat(),
        entry.actor_id,
        entry.actor_name,
        entry.action,
        entry.object_type,
        entry.object_id,
        entry.object_name,
        entry.department_id,
        entry.detail,
    ]
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(bytes(entry.previous) + text.encode()).digest()


@dataclass(frozen=True)
class Broken:
    """A place where the chain does not hold: the entry's number and what is wrong with it."""

    number: int
    reason: str  # "altered" | "missing" | "unlinked"


def verify() -> Iterator[Broken]:
    """Walk the whole chain in order and yield every break; nothing yielded means nothing was altered."""
    expected, previous = 1, GENESIS
    for entry in AuditEntry.objects.order_by("number").iterator(chunk_size=2000):
        if entry.number != expected:
            yield Broken(expected, "missing")
        elif bytes(entry.previous) != previous:
            yield Broken(entry.number, "unlinked")
        if digest(entry) != bytes(entry.digest):
            yield Broken(entry.number, "altered")
        expected, previous = entry.number + 1, bytes(entry.digest)
