"""A worker at work: it claims and words here, calls fly in the wire's event loop, a second thread records them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import Future
from queue import SimpleQueue
from types import TracebackType

from django.db import connection

from delivery import outbox, parcels
from delivery.models import Gateway
from delivery.parcels import Parcel
from delivery.wire import Clock, Outcome, Wire


def drain(*, gateway: Gateway, clock: Clock, at_once: int = 8, seconds: float = 10.0) -> Counter[str]:
    """Send what is due through the gateway, several batches in flight, for about `seconds`; count what became of it.

    What is in flight is recorded whatever happens to the next claim; what cannot be recorded is `unknown` after the
    lease.
    """
    ends = time.monotonic() + seconds
    with Wire(gateway, clock=clock) as wire, Recorder(clock) as recorder:
        while time.monotonic() < ends:
            # Half of the room at a time: a claim costs the same for one batch as for a few.
            room = recorder.room(at_once, least=max(1, at_once // 2))
            claims = outbox.claim(gateway=gateway, at=clock(), most=room)
            for parcel in parcels.word(claims):
                recorder.expect(parcel, wire.submit(parcel))
            if not claims and not recorder.wait_for_one():
                break
    return recorder.said


class Recorder:
    """Records what became of calls in a thread with its own connection, while the next batches are claimed."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.said: Counter[str] = Counter()
        self.flying = 0
        self.fault: BaseException | None = None
        self.moved = threading.Condition()
        self.landed: SimpleQueue[tuple[Parcel, Future[Outcome]] | None] = SimpleQueue()
        self.thread = threading.Thread(target=self._work, name="recorder", daemon=True)

    def __enter__(self) -> Recorder:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.moved:
            self.moved.wait_for(lambda: self.flying == 0)
        self.landed.put(None)
        self.thread.join()
        if self.fault and error is None:
            raise self.fault

    def expect(self, parcel: Parcel, call: Future[Outcome]) -> None:
        """Take a call that is on its way; it is recorded when it ends."""
        with self.moved:
            self.flying += 1
        call.add_done_callback(lambda done: self.landed.put((parcel, done)))

    def room(self, most: int, *, least: int) -> int:
        """Wait until `least` calls more may fly, and return how many."""
        with self.moved:
            self.moved.wait_for(lambda: most - self.flying >= least)
            self._raise_fault()
            return most - self.flying

    def wait_for_one(self) -> bool:
        """Wait until a call that flies is recorded; False where none flies."""
        with self.moved:
            before = self.flying
            self.moved.wait_for(lambda: self.flying < before or not before)
            self._raise_fault()
            return before > 0

    def _raise_fault(self) -> None:
        if self.fault:
            raise self.fault

    def _work(self) -> None:
        try:
            while landed := self.landed.get():
                self._record(*landed)
        finally:
            connection.close()

    def _record(self, parcel: Parcel, call: Future[Outcome]) -> None:
        """Record one call; a fault is kept for the sender, and the calls after it are recorded all the same."""
        try:
            said = outbox.record(parcel=parcel, outcome=call.result(), at=self.clock())
        except BaseException as fault:
            said, self.fault = Counter(), fault
        with self.moved:
            self.said += said
            self.flying -= 1
            self.moved.notify_all()
