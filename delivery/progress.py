"""How far a run is: the split of its messages by state and reason, the pace, the time left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count

from campaigns.models import Run
from delivery.models import OPEN_STATES, Message, MessageState

WINDOW = timedelta(seconds=10)  # over which the pace is measured

# In the order in which a reader looks for them.
ORDER = [
    MessageState.DELIVERED,
    MessageState.ACCEPTED,
    MessageState.SUBMITTING,
    MessageState.FAILED,
    MessageState.UNKNOWN,
    MessageState.PLANNED,
    MessageState.HELD,
    MessageState.EXCLUDED,
    MessageState.EXPIRED,
    MessageState.CANCELLED,
]
TOLD_APART = frozenset({MessageState.EXCLUDED, MessageState.HELD})  # states whose reasons are lines of their own
SENT = frozenset({MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.FAILED, MessageState.UNKNOWN})


@dataclass(frozen=True)
class Line:
    """One row of the split; reason is empty where the state has none worth telling apart."""

    state: str
    reason: str
    count: int


@dataclass(frozen=True)
class Progress:
    """The numbers of a run; `expected` is treated × steps, and the lines add up to it once the run is planned."""

    lines: tuple[Line, ...]
    expected: int
    per_second: float
    held_until: datetime | None

    @property
    def total(self) -> int:
        return sum(line.count for line in self.lines)

    @property
    def adds_up(self) -> bool:
        return self.total == self.expected

    def of(self, *states: str) -> int:
        return sum(line.count for line in self.lines if line.state in states)

    @property
    def sent(self) -> int:
        return self.of(*SENT)

    @property
    def left(self) -> int:
        return self.of(*OPEN_STATES, MessageState.SUBMITTING)

    @property
    def sendable(self) -> int:
        """Return the messages that went or may still go."""
        return self.sent + self.left

    @property
    def seconds_left(self) -> int | None:
        waiting = self.of(MessageState.PLANNED, MessageState.SUBMITTING)
        return round(waiting / self.per_second) if self.per_second and waiting else None


def of(run: Run, *, at: datetime) -> Progress:
    """Return the run's numbers at an instant."""
    counted = run.messages.order_by().values_list("state", "reason").annotate(n=Count("id"))
    sums: dict[tuple[str, str], int] = {}
    for state, reason, n in counted:
        told = reason if state in TOLD_APART else ""
        sums[state, told] = sums.get((state, told), 0) + n
    lines = [Line(state, reason, n) for (state, reason), n in sums.items()]
    lines.sort(key=lambda line: (ORDER.index(MessageState(line.state)), -line.count, line.reason))
    held = Message.objects.filter(run=run, state=MessageState.HELD).order_by("due_at").values_list("due_at", flat=True)
    return Progress(
        lines=tuple(lines),
        expected=run.treated * run.campaign.steps.count(),
        per_second=_pace(run, at),
        held_until=held.first() if any(line.state == MessageState.HELD for line in lines) else None,
    )


def _pace(run: Run, at: datetime) -> float:
    """Return messages per second over the last seconds, from the few batches claimed in them."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT coalesce(sum(size), 0) FROM delivery_batch
               WHERE run_id = %s AND claimed_at > %s AND claimed_at <= %s AND finished_at IS NOT NULL""",
            [run.pk, at - WINDOW, at],
        )
        return float(cursor.fetchone()[0]) / WINDOW.total_seconds()


def settled(run: Run, *, at: datetime) -> bool:
    """Tell whether nothing of the run can change any more: every message settled, or past its expiry."""
    may_change = run.messages.filter(state__in=[MessageState.ACCEPTED, MessageState.UNKNOWN], expires_at__gt=at)
    to_go = run.messages.filter(state__in=[*OPEN_STATES, MessageState.SUBMITTING])
    return not to_go.exists() and not may_change.exists()
