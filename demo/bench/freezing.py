"""`freeze`: everybody becomes a target, against an INSERT … SELECT of the same rows."""

from __future__ import annotations

from collections.abc import Iterator

from campaigns import audience
from demo.bench.database import execute, keep, settle, twin
from demo.bench.ground import Ground
from demo.bench.measure import Race, Side


def races(ground: Ground) -> Iterator[Race]:
    """Yield the race: snapshot, reasons, control draw and facts for the text, all in one transaction."""
    campaign = ground.campaign
    settle("customers_customer", "customers_consent", "customers_suppression")
    members = audience.freeze(campaign=campaign, at=ground.at).audience
    keep("bench_kept", "SELECT * FROM campaigns_target ORDER BY id")
    twin("campaigns_target", "bench_target")
    yield Race(
        "freeze",
        members,
        Side(lambda: audience.freeze(campaign=campaign, at=ground.at), before=_forget),
        Side(lambda: execute("INSERT INTO bench_target SELECT * FROM bench_kept"), before=_empty),
        target=3.0,
    )
    _forget()


def _forget() -> None:
    execute("TRUNCATE campaigns_run CASCADE")


def _empty() -> None:
    execute("TRUNCATE bench_target")
