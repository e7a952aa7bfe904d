"""`receipts`: what the gateway says afterwards, in posts as they arrive, against COPY and UPDATE of the same posts."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction

from delivery import receipts
from delivery.gateways import Report, kind_of
from demo.bench.database import column, execute, keep, refill, twin
from demo.bench.ground import Ground
from demo.bench.measure import Race, Side

POST = 500  # receipts in one call to us
DELIVERED = 0.96
WINDOW = 5_000  # receipts overtake each other about this far


def races(ground: Ground) -> Iterator[Race]:
    """Yield the race over a receipt for every message; both sides keep and commit each post by itself."""
    messages = ground.planned
    keep(
        "bench_kept",
        "SELECT * FROM delivery_message WHERE state IN ('planned', 'accepted') AND batch_id IS NOT NULL ORDER BY id",
    )
    execute("UPDATE bench_kept SET state = 'accepted', submitted_at = due_at, parts = 2, provider_id = 'g' || id")
    keep("bench_kept_batch", "SELECT * FROM delivery_batch ORDER BY id")
    twin("delivery_message", "bench_message")
    twin("delivery_receipt", "bench_receipt")
    posts = _posts(ground)
    bodies = [_body(post) for post in posts]
    plain = [Bare(post, ground.gateway.pk, ground.at) for post in posts]
    yield Race(
        "receipts",
        sum(map(len, posts)),
        Side(lambda: _take(ground, bodies), before=_put_back),
        Side(lambda: _floor(plain), before=_put_floor_back),
        target=3.0,
    )
    if messages != sum(map(len, posts)):
        raise RuntimeError(f"{messages} messages and {sum(map(len, posts))} receipts")


_COPY = "COPY bench_receipt (gateway_id, event_key, message_id, outcome, code, at, received_at) FROM STDIN"
_UPDATE = """
UPDATE bench_message m SET state = v.state, reason = v.reason, settled_at = v.at
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[]) AS v (id, state, reason, at) WHERE m.id = v.id
"""


class Bare:
    """A post as the floor writes it: the lines of the COPY and the columns of the UPDATE, ready before the clock."""

    def __init__(self, post: Sequence[Report], gateway: int, at: datetime) -> None:
        lines = [f"{gateway}\t{r.event}\t{r.id}\t{r.outcome}\t{r.code}\t{r.at}\t{at}\n" for r in post]
        self.rows = "".join(lines).encode()
        self.columns = [[int(r.id) for r in post], *([getattr(r, n) for r in post] for n in ("outcome", "code", "at"))]


def _posts(ground: Ground) -> list[list[Report]]:
    dice = random.Random(7)  # noqa: S311 - a toy's dice
    ids = column("SELECT id FROM bench_kept ORDER BY id")
    ids.sort(key=lambda id: id + dice.uniform(0, WINDOW))
    at = ground.at + timedelta(minutes=1)
    reports = []
    for id in ids:
        fine = dice.random() < DELIVERED
        reports.append(Report(f"g{id}-r", str(id), "delivered" if fine else "failed", "" if fine else "UNDELIV", at))
    return [reports[start : start + POST] for start in range(0, len(reports), POST)]


def _body(post: Sequence[Report]) -> bytes:
    rows = [{"event": r.event, "id": r.id, "status": r.outcome, "code": r.code, "at": r.at.isoformat()} for r in post]
    return json.dumps({"receipts": rows}).encode()


def _put_back() -> None:
    refill("delivery_batch", "bench_kept_batch")
    refill("delivery_message", "bench_kept")
    execute("TRUNCATE delivery_receipt")


def _put_floor_back() -> None:
    refill("bench_message", "bench_kept")
    execute("TRUNCATE bench_receipt")


def _take(ground: Ground, bodies: Sequence[bytes]) -> None:
    kind, moved = kind_of(ground.gateway), 0
    for body in bodies:
        moved += receipts.take_receipts(gateway=ground.gateway, reports=kind.parse_receipts(body), at=ground.at).moved
    if moved != column("SELECT count(*) FROM bench_kept")[0]:
        raise RuntimeError(f"only {moved} messages were moved by their receipts")


def _floor(posts: Sequence[Bare]) -> None:
    for post in posts:
        with transaction.atomic(), connection.cursor() as cursor:
            with cursor.copy(_COPY) as copy:
                copy.write(post.rows)
            cursor.execute(_UPDATE, post.columns)
