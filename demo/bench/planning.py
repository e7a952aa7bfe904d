"""`plan`: targets become ledger rows with their contact slots, against an INSERT … SELECT of the same rows."""

from __future__ import annotations

from collections.abc import Iterator

from campaigns.models import Run
from delivery import planner
from demo.bench.database import execute, keep, twin
from demo.bench.ground import Ground
from demo.bench.measure import Race, Side


def races(ground: Ground) -> Iterator[Race]:
    """Yield the race; caps belong to what the freeze was promised, so the same ratio is asked of it."""
    messages, run = ground.planned, ground.run
    keep("bench_kept", "SELECT * FROM delivery_message ORDER BY id")
    keep("bench_kept_batch", "SELECT * FROM delivery_batch ORDER BY id")
    twin("delivery_message", "bench_message")
    twin("delivery_batch", "bench_batch")

    def unplan() -> None:
        execute("TRUNCATE delivery_batch CASCADE")
        Run.objects.filter(pk=run.pk).update(planned_at=None)

    yield Race(
        "plan",
        messages,
        Side(lambda: planner.plan(run=run, at=ground.at), before=unplan),
        Side(_insert, before=lambda: execute("TRUNCATE bench_message, bench_batch")),
        target=3.0,
    )


def _insert() -> None:
    execute("INSERT INTO bench_batch SELECT * FROM bench_kept_batch")
    execute("INSERT INTO bench_message SELECT * FROM bench_kept")
