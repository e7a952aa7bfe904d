"""A gateway to try things on: takes messages, says later what became of them, sends some replies, and can misbehave.

It runs as a process of its own on this machine (`manage.py sandbox`) and keeps what it accepted in memory. It speaks
the JSON of `gateways.http` and `gateways.single`, checks and makes the same signatures, and knows phones and texts
only.

    POST /faults {"mode": "ok"|"refuse"|"hang"|"rubbish"|"drop_after_accept"|"slow",
                  "share": 1, "seed": 7, "code": "busy", "seconds": 1}
    GET  /log    {"calls", "accepted": {id: times}}       a message accepted twice shows as 2
    POST /quiet  {"quiet": true}                          hold receipts and replies back
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

from delivery.gateways import signing

log = logging.getLogger(__name__)

MODES = ("ok", "refuse", "hang", "rubbish", "drop_after_accept", "slow")
DELIVERED, REPLYING = 0.96, 0.01
FAILURES = ("unreachable", "number_off", "blacklisted", "operator_blocked")
REPLIES = ("T", "R", "TD", "退订", "我想了解一下", "利率是多少？")
BATCH, RETRIES = 500, 6


@dataclass(frozen=True)
class Account:
    """Whose messages these are: the shared secret and the path under which receipts are taken."""

    secret: bytes
    callback_path: str


@dataclass
class Kept:
    """A message as the sandbox keeps it."""

    provider_id: str
    phone: str
    parts: int
    status: str = "accepted"
    code: str = ""


@dataclass
class Faults:
    mode: str = "ok"
    share: float = 1.0
    code: str = "busy"
    seconds: float = 1.0
    draw: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - a toy's dice

    def strike(self) -> str:
        return self.mode if self.mode != "ok" and self.draw.random() < self.share else "ok"


class Sandbox:
    """The gateway's memory and its manners. `account` is asked when needed, so that it may be set up later."""

    def __init__(
        self,
        *,
        account: Callable[[], Account | None],
        notify: str,
        seed: int = 7,
        delay: tuple[float, float] = (0.3, 2.0),
    ) -> None:
        self.account, self.notify, self.delay = account, notify.rstrip("/"), delay
        self.dice = random.Random(seed)  # noqa: S311 - a toy's dice
        self.messages: dict[str, Kept] = {}
        self.accepted: Counter[str] = Counter()
        self.answers: dict[str, dict[str, Any]] = {}
        self.calls = 0
        self.faults = Faults()
        self.quiet = False
        self.due: list[tuple[float, str, dict[str, Any]]] = []
        self.numbers = itertools.count(1)

    # -- taking messages

    async def post_messages(self, request: web.Request) -> web.StreamResponse:
        """Take a batch; the same idempotency key gives the same answer and takes nothing again."""
        body = await self._genuine(request)
        self.calls += 1
        key = request.headers.get("Idempotency-Key", "")
        if key in self.answers:
            return web.json_response(self.answers[key])
        struck = self.faults.strike()
        if struck in ("refuse", "hang"):
            return await self._misbehave(struck, request)
        answer = {"results": [self._accept(row) for row in body["messages"]]}
        if key:
            self.answers[key] = answer
        return web.json_response(answer) if struck == "ok" else await self._misbehave(struck, request, answer)

    async def post_message(self, request: web.Request) -> web.StreamResponse:
        """Take one message."""
        row = await self._genuine(request)
        self.calls += 1
        struck = self.faults.strike()
        if struck in ("refuse", "hang"):
            return await self._misbehave(struck, request)
        answer = self._accept(row)
        return web.json_response(answer) if struck == "ok" else await self._misbehave(struck, request, answer)

    async def _genuine(self, request: web.Request) -> dict[str, Any]:
        raw = await request.read()
        account = self.account()
        if account is None or not signing.genuine(
            account.secret, headers=request.headers, body=raw, now=int(time.time())
        ):
            raise web.HTTPUnauthorized(
                text=json.dumps({"error": {"code": "not_permitted"}}), content_type="application/json"
            )
        found: dict[str, Any] = json.loads(raw) if raw else {}
        return found

    async def _misbehave(self, struck: str, request: web.Request, answer: Any = None) -> web.StreamResponse:
        if struck == "refuse":
            return web.json_response({"error": {"code": self.faults.code}}, status=503)
        if struck == "rubbish":
            return web.Response(text="<html>502</html>", content_type="text/html")
        if struck == "drop_after_accept":
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        await asyncio.sleep(3600 if struck == "hang" else self.faults.seconds)
        return web.json_response(answer or {})

    def _accept(self, row: dict[str, Any]) -> dict[str, Any]:
        id, phone, text = row["id"], row["phone"], row["text"]
        self.accepted[id] += 1
        parts = 1 if len(text) <= 70 else -(-len(text) // 67)
        kept = self.messages[id] = Kept(f"sbx-{next(self.numbers):08d}", phone, parts)
        self._foresee(id, kept)
        return {"id": id, "status": "accepted", "provider_id": kept.provider_id, "parts": parts}

    # -- what becomes of them

    def _foresee(self, id: str, kept: Kept) -> None:
        """Throw the dice for a message's fate and put its receipt, and perhaps a reply, on the clock."""
        fine = self.dice.random() < DELIVERED
        kept.code = "" if fine else self.dice.choice(FAILURES)
        at = time.monotonic() + self.dice.uniform(*self.delay)
        status = "delivered" if fine else "failed"
        row = {"event": f"{kept.provider_id}-r", "id": id, "status": status, "code": kept.code}
        self.due.append((at, "receipts", row))
        if fine and self.dice.random() < REPLYING:
            reply = {"event": f"{kept.provider_id}-i", "phone": kept.phone, "text": self.dice.choice(REPLIES)}
            self.due.append((at + self.dice.uniform(*self.delay), "inbound", reply))

    async def run(self) -> None:
        """Post what is due, for ever."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
            while True:
                await asyncio.sleep(0.1)
                if not self.quiet:
                    await self._post_due(http)

    async def _post_due(self, http: aiohttp.ClientSession) -> None:
        now = time.monotonic()
        ready = [item for item in self.due if item[0] <= now]
        self.due = [item for item in self.due if item[0] > now]
        for kind in ("receipts", "inbound"):
            rows = [row for _at, name, row in ready if name == kind]
            for start in range(0, len(rows), BATCH):
                await self._post(http, kind, rows[start : start + BATCH])

    async def _post(self, http: aiohttp.ClientSession, kind: str, rows: list[dict[str, Any]]) -> None:
        stamp = datetime.now(UTC).isoformat()
        for row in rows:
            row["at"] = stamp
            if kind == "receipts" and row["id"] in self.messages:
                self.messages[row["id"]].status = row["status"]
        raw = json.dumps({kind: rows}, ensure_ascii=False).encode()
        for attempt in range(RETRIES):
            if await self._posted(http, kind, raw):
                return
            await asyncio.sleep(min(0.5 * 2**attempt, 10))
        later = time.monotonic() + 30
        self.due += [(later, kind, row) for row in rows]

    async def _posted(self, http: aiohttp.ClientSession, kind: str, raw: bytes) -> bool:
        account = self.account()
        if account is None:
            return False
        head = signing.headers(account.secret, id=f"sbx-{time.time_ns()}", timestamp=int(time.time()), body=raw)
        url = f"{self.notify}/gateways/{account.callback_path}/{kind}"
        try:
            async with http.post(
                url, data=raw, headers=head | {"Content-Type": "application/json"}, allow_redirects=False
            ) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.info("nobody takes the %s: %s", kind, type(error).__name__)
            return False

    # -- being asked

    async def get_messages(self, request: web.Request) -> web.StreamResponse:
        """Say what is known about messages."""
        await self._genuine(request)
        rows = []
        for id in request.query.get("ids", "").split(","):
            kept = self.messages.get(id)
            known = {"provider_id": kept.provider_id, "parts": kept.parts} if kept else {}
            code = kept.code if kept and kept.status == "failed" else ""
            rows.append({"id": id, "status": kept.status if kept else "absent", "code": code, **known})
        return web.json_response({"messages": rows})

    async def get_log(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"calls": self.calls, "waiting": len(self.due), "accepted": dict(self.accepted)})

    async def post_faults(self, request: web.Request) -> web.StreamResponse:
        """Choose how to misbehave from now on, at which share of calls."""
        wish = await request.json()
        if wish.get("mode") not in MODES:
            return web.json_response({"error": {"code": "unknown_mode", "modes": MODES}}, status=400)
        seed = int(wish.get("seed", 7))
        dice = random.Random(seed)  # noqa: S311 - a toy's dice
        self.faults = Faults(
            wish["mode"],
            float(wish.get("share", 1)),
            str(wish.get("code", "busy")),
            float(wish.get("seconds", 1)),
            dice,
        )
        return web.json_response({"mode": self.faults.mode})

    async def post_quiet(self, request: web.Request) -> web.StreamResponse:
        self.quiet = bool((await request.json()).get("quiet"))
        return web.json_response({"quiet": self.quiet})

    def app(self) -> web.Application:
        """Return the web application; its poster runs while it does."""
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.add_routes(
            [
                web.post("/messages", self.post_messages),
                web.get("/messages", self.get_messages),
                web.post("/message", self.post_message),
                web.get("/log", self.get_log),
                web.post("/faults", self.post_faults),
                web.post("/quiet", self.post_quiet),
            ]
        )

        async def poster(_app: web.Application) -> Any:
            task = asyncio.create_task(self.run())
            yield
            task.cancel()

        app.cleanup_ctx.append(poster)
        return app


async def serve(sandbox: Sandbox, *, port: int, ready: Callable[[int], None]) -> None:
    """Answer on this machine's loopback until cancelled; port 0 takes a free one, `ready` is told which."""
    runner = web.AppRunner(sandbox.app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        ready(runner.addresses[0][1])
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
