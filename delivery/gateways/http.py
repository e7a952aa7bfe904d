"""The batch gateway: JSON over HTTP, many messages per call.

    POST  <url>/messages           {"messages": [{"id", "phone", "text"}]}     Idempotency-Key, signed
      200 {"results": [{"id", "status": "accepted"|"refused", "provider_id", "parts", "code"}]}
      4xx, 429, 503 {"error": {"code", "retry_after"}}                          nothing of the call was taken
    GET   <url>/messages?ids=1,2   {"messages": [{"id", "status": …|"absent", "provider_id", "parts", "code"}]}

It posts back, signed the same way, {"receipts": [{"event", "id", "status", "code", "at"}]} and
{"inbound": [{"event", "phone", "text", "at"}]}.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from django.conf import settings

from delivery import arrays
from delivery.gateways import (
    Answer,
    BadReport,
    Capabilities,
    Outgoing,
    Refused,
    Reply,
    Report,
    Result,
    Unclear,
    signing,
)
from delivery.models import Gateway
from marketing.lib import crypto

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
MAX_ANSWER = 4 * 1024 * 1024
CONNECT_SECONDS = 5
QUERY_SIZE = 500
OUTCOMES = {"accepted", "delivered", "failed"}


def allowed(url: str) -> bool:
    """Tell whether the address may be called: a listed host, over TLS unless it is this machine."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    listed = {host, f"{host}:{port}"} & set(settings.GATEWAY_HOSTS)
    return bool(listed) and (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK))


class Batched:
    """The kind `http`."""

    capabilities = Capabilities(max_batch=1000, has_query=True, lag=timedelta(seconds=30))

    @asynccontextmanager
    async def open(self, gateway: Gateway) -> AsyncIterator[HttpLine]:
        async with session(gateway) as web:
            yield HttpLine(gateway, web)

    def parse_receipts(self, raw: bytes) -> list[Report]:
        """Read a body of receipts; raise BadReport where it is anything else."""
        return [_report(row) for row in _rows(raw, "receipts")]

    def parse_inbound(self, raw: bytes) -> list[Reply]:
        """Read a body of replies; raise BadReport where it is anything else."""
        return [
            Reply(_text(row, "event", 80), _text(row, "phone", 32), _said(row, "text", 1000), _instant(row))
            for row in _rows(raw, "inbound")
        ]


def session(gateway: Gateway) -> aiohttp.ClientSession:
    """Return a session for the gateway; refuse an address that is not listed, whatever the row says."""
    if not allowed(gateway.url):
        raise Refused("address_not_allowed")
    limits = aiohttp.ClientTimeout(total=gateway.timeout_seconds, sock_connect=CONNECT_SECONDS)
    return aiohttp.ClientSession(timeout=limits, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)


class HttpLine:
    """An open line to one batch gateway."""

    def __init__(self, gateway: Gateway, web: aiohttp.ClientSession) -> None:
        self.base = gateway.url.rstrip("/")
        self.secret = (crypto.decrypt(gateway.secret_sealed, field="gateway.secret") or "").encode()
        self.web = web

    async def submit(self, messages: Sequence[Outgoing], *, key: str) -> list[Result]:
        """Hand over messages once; a message that the answer does not name is unknown."""
        body = {"messages": [{"id": m.id, "phone": m.phone, "text": m.text} for m in messages]}
        answer = await self.call("POST", "/messages", body, key=key)
        said = {row.get("id"): row for row in _dicts(answer.get("results"))}
        return [result(m.id, said.get(m.id)) for m in messages]

    async def query(self, ids: Sequence[str]) -> list[Answer]:
        """Ask what became of messages, in pieces that fit into an address."""
        found = []
        for start in range(0, len(ids), QUERY_SIZE):
            piece = ids[start : start + QUERY_SIZE]
            answer = await self.call("GET", "/messages?ids=" + ",".join(piece))
            found += [said for row in _dicts(answer.get("messages")) if (said := _answer(row)) and said.id in piece]
        return found

    async def call(self, method: str, path: str, body: Any = None, *, key: str = "") -> dict[str, Any]:
        """Make one request, exactly once, and return the JSON object; raise Refused or Unclear otherwise."""
        raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() if body is not None else b""
        id = key or secrets.token_hex(12)
        signed = signing.headers(self.secret, id=id, timestamp=int(time.time()), body=raw)
        head = {"Content-Type": "application/json", **signed} | ({"Idempotency-Key": key} if key else {})
        try:
            # aiohttp repeats only idempotent methods on a stale connection; POST goes out once or raises
            async with self.web.request(
                method, self.base + path, data=raw or None, headers=head, allow_redirects=False
            ) as response:
                return _understood(response.status, response.headers, await _read(response))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Refused("no_connection") from error  # nothing was written: the connection never stood
        except TimeoutError as error:
            raise Unclear("timeout") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unclear("connection_lost") from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    raw = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        raw += chunk
        if len(raw) > MAX_ANSWER:
            raise Unclear("answer_too_long")
    return bytes(raw)


def _understood(status: int, headers: Mapping[str, str], raw: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(raw)
    except ValueError as error:
        raise Unclear(f"http_{status}") from error
    if not isinstance(answer, dict):
        raise Unclear("rubbish")
    if status == 200:
        return answer
    refusal = answer.get("error")
    if (400 <= status < 500 or status == 503) and isinstance(refusal, dict) and isinstance(refusal.get("code"), str):
        raise Refused(
            arrays.storable(refusal["code"]),
            retry_after=_seconds(refusal.get("retry_after", headers.get("Retry-After"))),
        )
    raise Unclear(f"http_{status}")


def _seconds(value: Any) -> int | None:
    text = str(value)
    return min(int(text), 3600) if text.isascii() and text.isdigit() else None


def result(id: str, row: dict[str, Any] | None) -> Result:
    """Read what an answer says about a message; anything not said plainly is unknown."""
    if row is None:
        return Result(id, "unknown", "not_answered")
    code, provider_id, parts = _said(row, "code", 30), _said(row, "provider_id", 64), row.get("parts")
    counted = parts if type(parts) is int and 0 < parts < 100 else None
    if row.get("status") == "accepted":
        return Result(id, "accepted", "", provider_id, counted)
    if row.get("status") == "refused":
        return Result(id, "failed", code or "refused")
    return Result(id, "unknown", "rubbish")


def _said(row: dict[str, Any], name: str, most: int) -> str:
    value = row.get(name)
    return arrays.storable(str(value))[:most] if value else ""


def _answer(row: dict[str, Any]) -> Answer | None:
    state = row.get("status")
    if not isinstance(state, str) or state not in OUTCOMES | {"absent"}:
        return None
    plain = result(str(row.get("id")), row | {"status": "accepted"})
    return Answer(plain.id, state, _said(row, "code", 30), plain.provider_id, plain.parts)


def _dicts(rows: Any) -> list[dict[str, Any]]:
    if not isinstance(rows, list):
        raise Unclear("rubbish")
    return [row for row in rows if isinstance(row, dict)]


def _rows(raw: bytes, name: str) -> list[dict[str, Any]]:
    try:
        rows = json.loads(raw)[name]
    except (ValueError, TypeError, KeyError) as error:
        raise BadReport(name) from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadReport(name)
    return rows


def _report(row: dict[str, Any]) -> Report:
    outcome = row.get("status")
    if outcome not in OUTCOMES:
        raise BadReport("status")
    event, id, code = _text(row, "event", 80), _text(row, "id", 64), _said(row, "code", 30)
    return Report(event, id, str(outcome), code, _instant(row))


def _text(row: dict[str, Any], name: str, most: int) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value or arrays.storable(value) != value:
        raise BadReport(name)
    return value[:most]


def _instant(row: dict[str, Any]) -> datetime:
    try:
        at = datetime.fromisoformat(row["at"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadReport("at") from error
    if at.tzinfo is None:
        raise BadReport("at")
    return at
