"""Ways out of the bank, one file each, behind one small interface.

A gateway answers for each message: accepted, failed for good, or nothing that can be relied on (unknown). It may also
refuse a whole call, which is a definite "nothing of this was taken". Whatever is not definite is unknown: it is asked
about later and never sent again on a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from delivery.models import Gateway

# Codes after which the next message would meet the same answer: the campaign stops instead of burning its audience.
STOP_CODES = frozenset(
    {
        "signature_illegal",
        "template_illegal",
        "content_illegal",
        "no_credit",
        "account_suspended",
        "not_permitted",
        "day_limit",
        "month_limit",
    }
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What leaves the bank for one person: our reference, the number, the text; nothing else."""

    id: str
    phone: str
    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """What the gateway said about one message: state is accepted, failed or unknown."""

    id: str
    state: str
    code: str = ""
    provider_id: str = ""
    parts: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway knows about a message later: accepted, delivered, failed, or absent (it never arrived)."""

    id: str
    state: str
    code: str = ""
    provider_id: str = ""
    parts: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One receipt as sent to us; `event` is the gateway's own key, the same when it repeats itself."""

    event: str
    id: str
    outcome: str
    code: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of a person, known by nothing but the number."""

    event: str
    phone: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a kind of gateway can do: most messages per call, whether it can be asked, how long it may not know yet."""

    max_batch: int
    has_query: bool
    lag: timedelta


class Refused(Exception):
    """The gateway took nothing of the call, and said so (or was never reached)."""

    def __init__(self, code: str, *, retry_after: int | None = None) -> None:
        super().__init__(code)
        self.code = code[:40]
        self.retry_after = retry_after

    @property
    def stops(self) -> bool:
        return self.code in STOP_CODES


class NotSent(Refused):
    """Nothing was sent, and the gateway is not to blame: the worker was held up until its lease was nearly over."""

    def __init__(self) -> None:
        super().__init__("held_up")


class Unclear(Exception):
    """Nothing can be said about the call: no answer, half an answer, or rubbish."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code[:40]


class BadReport(ValueError):
    """The body of a callback is not what this gateway sends."""


class Line(Protocol):
    """An open line to a gateway, used from one event loop."""

    async def submit(self, messages: Sequence[Outgoing], *, key: str) -> list[Result]:
        """Hand over messages once; raise Refused or Unclear about the call as a whole."""

    async def query(self, ids: Sequence[str]) -> list[Answer]:
        """Ask what became of messages; those it says nothing about are left out. Raises Refused or Unclear."""


class Kind(Protocol):
    """A kind of gateway: how to open a line to one, and how to read what it posts to us."""

    capabilities: Capabilities

    def open(self, gateway: Gateway) -> AbstractAsyncContextManager[Line]: ...

    def parse_receipts(self, raw: bytes) -> list[Report]: ...

    def parse_inbound(self, raw: bytes) -> list[Reply]: ...


def kind_of(gateway: Gateway) -> Kind:
    """Return the gateway's kind; an unknown one is a mistake in its row."""
    from delivery.gateways import http, single

    kinds: dict[str, Kind] = {"http": http.Batched(), "http_single": single.OneByOne()}
    return kinds[gateway.kind]
