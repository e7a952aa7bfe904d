"""The only place from which a message leaves: an open line to a gateway, its calls in an event loop of their own."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, TypeVar

from django.db import connection

from delivery.gateways import Answer, Line, NotSent, Outgoing, Refused, Result, Unclear, kind_of
from delivery.models import Gateway
from delivery.parcels import Parcel

log = logging.getLogger(__name__)

Outcome = Sequence[Result] | Refused | Unclear
Clock = Callable[[], datetime]
T = TypeVar("T")


class Wire:
    """An open line to a gateway with its own event loop; a context manager."""

    def __init__(self, gateway: Gateway, *, clock: Clock) -> None:
        if connection.in_atomic_block:
            raise RuntimeError("a gateway is never called inside a transaction")
        self.gateway, self.clock = gateway, clock
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name=f"wire-{gateway.code}", daemon=True)
        self.stack = AsyncExitStack()

    def __enter__(self) -> Wire:
        self.thread.start()
        try:
            self.line: Line = self._run(
                self.stack.enter_async_context(kind_of(self.gateway).open(self.gateway))
            ).result()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self.stack.aclose()).result()
        self._stop()

    def _run(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def _stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def submit(self, parcel: Parcel) -> Future[Outcome]:
        """Send a parcel when its turn comes; the future never raises, it holds what became of the call."""
        return self._run(self._deliver(parcel))

    async def _deliver(self, parcel: Parcel) -> Outcome:
        claimed = parcel.claimed
        if not parcel.outgoing:
            return []
        await asyncio.sleep(max(0.0, (claimed.send_at - self.clock()).total_seconds()))
        # A worker that was frozen must not send what others may by now have taken for lost.
        if self.clock() + timedelta(seconds=self.gateway.timeout_seconds) > claimed.lease_until:
            return NotSent()
        return await self._call(parcel.outgoing, claimed.key)

    async def _call(self, messages: Sequence[Outgoing], key: str) -> Outcome:
        try:
            return await self.line.submit(messages, key=key)
        except (Refused, Unclear) as outcome:
            return outcome
        except Exception:
            log.exception("gateway %s: the call ended in a fault of ours; its messages are unknown", self.gateway.code)
            return Unclear("fault")

    def send_one(self, message: Outgoing, *, key: str) -> Outcome:
        """Send a single message now and wait for the outcome."""
        return self._run(self._call([message], key)).result()

    def query(self, ids: Sequence[str]) -> list[Answer]:
        """Ask the gateway what became of messages; raises Refused or Unclear."""
        return self._run(self.line.query(ids)).result()
