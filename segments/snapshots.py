"""Freeze who belongs to a version at one moment: sorted customer ids in a published partition, counted and hashed."""

from __future__ import annotations

import hashlib
from datetime import date, datetime

import ibis.expr.types as ir
import pyarrow.parquet
from django.db import connection, transaction

from accounts import audit
from accounts.models import User
from accounts.permissions import require
from warehouse import engine, store
from warehouse.models import Dataset

from .catalogue import catalogue
from .compiler import members
from .counting import population, selected
from .models import Snapshot, Version
from .rules import parse


def freeze(*, version: Version, by: User | None, at: datetime) -> Snapshot:
    """Freeze today's members of a version; `by` None is the system, when a campaign starts.

    Refuses with a sentence when the rule names an attribute that is gone. A segment without members freezes to an
    empty snapshot. The file is written first and announced with the row, so nothing half-done is ever seen.
    """
    if by is not None:
        require(by, "segments.edit")
    table, as_of = population()
    rule = parse(version.rule, catalogue())
    selected(rule, table, as_of)
    pk = _next_id()
    written = store.write(Dataset.MEMBERS, f"snapshot={pk}", members(rule, table, as_of))
    with transaction.atomic():
        snapshot = Snapshot.objects.create(
            pk=pk,
            version=version,
            as_of=as_of,
            size=written.rows,
            sha256=_ids_hash(written),
            partition=store.announce(written, at),
            frozen_by=by,
            frozen_at=at,
        )
        detail = {"snapshot": pk, "version": version.number, "size": snapshot.size, "sha256": snapshot.sha256}
        audit.record(action="segment.freeze", by=by, at=at, on=version.segment, detail=detail)
    return snapshot


def live_members(version: Version) -> tuple[ir.Table, date]:
    """Return the members of a version in the newest data, with every attribute, and the date of that data."""
    table, as_of = population()
    rule = parse(version.rule, catalogue())
    return table.filter(selected(rule, table, as_of)), as_of


def members_with_attributes(snapshot: Snapshot) -> ir.Table:
    """Return the frozen members with their attributes as of the snapshot's own date; refuse an altered file."""
    if snapshot.partition is None:
        raise ValueError(f"snapshot {snapshot.pk} has no members file")
    frozen = engine.table([store.require_intact(snapshot.partition)])
    table, _as_of = engine.attributes(snapshot.as_of)
    return table.semi_join(frozen, "customer_id")


def _next_id() -> int:
    """Take the next snapshot number: the file is named by it before the row is there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('segments_snapshot', 'id'))")
        return int(cursor.fetchone()[0])


def _ids_hash(written: store.Written) -> str:
    """Return the sha256 of the sorted ids as little-endian 64-bit integers, whatever file holds them."""
    ids = pyarrow.parquet.read_table(engine.root() / written.path, columns=["customer_id"])["customer_id"]
    return hashlib.sha256(ids.to_numpy().astype("<i8").tobytes()).hexdigest()
