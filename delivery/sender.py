"""A worker at work: it claims, words and records here, while its calls fly in the wire's event loop."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, wait

from delivery import outbox, parcels
from delivery.models import Gateway
from delivery.parcels import Parcel
from delivery.wire import Clock, Outcome, Wire


def drain(*, gateway: Gateway, clock: Clock, at_once: int = 4, seconds: float = 10.0) -> Counter[str]:
    """Send what is due through the gateway, several batches in flight, for about `seconds`; count what became of it.

    What is in flight is recorded whatever happens to the next claim; what cannot be recorded is `unknown` after the
    lease.
    """
    said: Counter[str] = Counter()
    flying: dict[Future[Outcome], Parcel] = {}
    with Wire(gateway, clock=clock) as wire:
        ends = time.monotonic() + seconds
        try:
            while True:
                if len(flying) < at_once and time.monotonic() < ends:
                    claims = outbox.claim(gateway=gateway, at=clock(), most=at_once - len(flying))
                    flying |= {wire.submit(parcel): parcel for parcel in parcels.word(claims)}
                if not flying:
                    return said
                said += _land(flying, clock)
        finally:
            while flying:
                said += _land(flying, clock)


def _land(flying: dict[Future[Outcome], Parcel], clock: Clock) -> Counter[str]:
    """Wait for the next calls to end and record them."""
    said: Counter[str] = Counter()
    for future in wait(flying, return_when=FIRST_COMPLETED).done:
        parcel = flying.pop(future)
        said += outbox.record(parcel=parcel, outcome=future.result(), at=clock())
    return said
