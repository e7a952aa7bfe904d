"""Signatures of calls in both directions: HMAC-SHA256 over id, timestamp and the raw body (Standard Webhooks)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

TOLERANCE = 300  # seconds a call may be old or ahead


def signature(secret: bytes, *, id: str, timestamp: int, body: bytes) -> str:
    """Return the value of the header `webhook-signature`."""
    content = f"{id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, content, "sha256")).decode()


def headers(secret: bytes, *, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers that sign a body."""
    signed = signature(secret, id=id, timestamp=timestamp, body=body)
    return {"webhook-id": id, "webhook-timestamp": str(timestamp), "webhook-signature": signed}


def genuine(secret: bytes, *, headers: Mapping[str, str], body: bytes, now: int) -> bool:
    """Tell whether the body was signed with the secret within the last minutes; compares in constant time.

    The header may hold several signatures, separated by spaces, while a secret is being replaced.
    """
    id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not id or not stamp.isascii() or not stamp.isdigit() or abs(now - int(stamp)) > TOLERANCE:
        return False
    expected = signature(secret, id=id, timestamp=int(stamp), body=body).encode()
    given = headers.get("webhook-signature", "").encode().split()
    return any([hmac.compare_digest(expected, one) for one in given])
