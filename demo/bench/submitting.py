"""`submit_batch` and `submit_single`: the sender against a bare client of the same gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import aiohttp
import psycopg
from django.db import connection

from delivery import sender
from delivery.models import Gateway
from demo.bench import gateway as bare
from demo.bench.database import column, keep, refill, twin
from demo.bench.ground import Ground
from demo.bench.measure import Race, Side
from marketing.lib import days

AT_ONCE = 4  # calls in flight, as the sender has
SINGLE_AT_ONCE = 64
MOST_SINGLE = 20_000  # one call each: enough to tell, and some seconds
TEXT = (
    "【江州银行】王先生，您有一笔预授信额度58000元可用于装修，年化利率3.6%起（单利），"
    "手机银行搜索“装修贷”即可申请，贷款以审批为准。拒收请回复R"
)


def races(ground: Ground) -> Iterator[Race]:
    """Yield both races; the ledger is put back to `planned` before each round."""
    messages = ground.planned
    keep("bench_kept", "SELECT * FROM delivery_message ORDER BY id")
    keep("bench_kept_batch", "SELECT * FROM delivery_batch ORDER BY id")
    twin("delivery_message", "bench_message")
    with bare.running() as url:
        _point(ground.gateway, url=url, kind="http")
        yield Race(
            "submit_batch",
            messages,
            Side(lambda: _send(ground.gateway, messages), before=lambda: _put_back("bench_kept")),
            Side(_batch_floor(url, ground.gateway.batch_size), before=lambda: refill("bench_message", "bench_kept")),
            target=3.0,
            least_per_s=20_000,
        )
        yield _single(ground, url)
    _put_back("bench_kept")


def _single(ground: Ground, url: str) -> Race:
    """Return the race through one-message calls, over as many whole batches as are quick enough."""
    batches = max(1, MOST_SINGLE // ground.gateway.batch_size)
    keep("bench_some_batch", f"SELECT * FROM bench_kept_batch ORDER BY id LIMIT {batches}")  # noqa: S608
    keep("bench_some", "SELECT * FROM bench_kept WHERE batch_id IN (SELECT id FROM bench_some_batch) ORDER BY id")
    _point(ground.gateway, url=url, kind="http_single")
    ids = column("SELECT id FROM bench_some ORDER BY id")
    return Race(
        "submit_single",
        len(ids),
        Side(lambda: _send(ground.gateway, len(ids)), before=lambda: _put_back("bench_some")),
        Side(lambda: asyncio.run(_post_each(url, ids))),
        target=2.0,
    )


def _point(gateway: Gateway, **columns: Any) -> None:
    for name, value in columns.items():
        setattr(gateway, name, value)
    gateway.save(update_fields=list(columns))


def _put_back(kept: str) -> None:
    refill("delivery_batch", f"{kept}_batch")  # empties the messages with it
    refill("delivery_message", kept)
    Gateway.objects.update(paced_until=None, failures=0, closed_until=None)


def _send(gateway: Gateway, messages: int) -> None:
    """Send all there is, as one worker process does, and be sure that it went."""
    gateway.refresh_from_db()
    said = sender.drain(gateway=gateway, clock=days.now, at_once=AT_ONCE, seconds=3600)
    if said["accepted"] != messages:
        raise RuntimeError(f"{messages} messages were to go, this became of them: {dict(said)}")


# -- the floor ----------------------------------------------------------------------------------------------------


def _batch_floor(url: str, size: int) -> Any:
    ids = column("SELECT id FROM bench_kept WHERE state = 'planned' ORDER BY id")
    calls = [ids[start : start + size] for start in range(0, len(ids), size)]
    return lambda: asyncio.run(_post_calls(url, calls))


async def _post_calls(url: str, calls: Sequence[Sequence[int]]) -> None:
    waiting = iter(calls)
    parameters = connection.get_connection_params() | {"autocommit": True, "cursor_factory": psycopg.AsyncCursor}
    parameters.pop("context", None)
    async with await psycopg.AsyncConnection.connect(**parameters) as db, aiohttp.ClientSession() as web:

        async def lane() -> None:
            for ids in waiting:
                await _call(db, web, url, ids, days.now())

        await asyncio.gather(*(lane() for _lane in range(AT_ONCE)))


async def _call(db: Any, web: aiohttp.ClientSession, url: str, ids: Sequence[int], at: datetime) -> None:
    """Mark, post, mark: the two states a message passes through, and nothing else."""
    await db.execute(
        "UPDATE bench_message SET state = 'submitting', submitted_at = %s WHERE id = ANY(%s)", [at, list(ids)]
    )
    body = {"messages": [{"id": str(id), "phone": "+8614212345678", "text": TEXT} for id in ids]}
    async with web.post(f"{url}/messages", data=json.dumps(body, ensure_ascii=False).encode()) as response:
        said = json.loads(await response.read())["results"]
    await db.execute(
        "UPDATE bench_message m SET state = v.state, provider_id = v.provider, parts = v.parts"
        " FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::int[]) AS v (id, state, provider, parts)"
        " WHERE m.id = v.id",
        [
            [int(row["id"]) for row in said],
            [row["status"] for row in said],
            [row["provider_id"] for row in said],
            [row["parts"] for row in said],
        ],
    )


async def _post_each(url: str, ids: Sequence[int]) -> None:
    waiting = iter(ids)
    async with aiohttp.ClientSession() as web:

        async def lane() -> None:
            for id in waiting:
                body = {"id": str(id), "phone": "+8614212345678", "text": TEXT}
                async with web.post(f"{url}/message", data=json.dumps(body, ensure_ascii=False).encode()) as response:
                    json.loads(await response.read())

        await asyncio.gather(*(lane() for _lane in range(SINGLE_AT_ONCE)))
