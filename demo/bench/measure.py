"""Ours against the floor, in turns, on the same data: the median of each, and their ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

Act = Callable[[], object]


def nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True)
class Side:
    """What is timed, and what puts the data back before it, which is not."""

    run: Act
    before: Act = nothing


@dataclass(frozen=True)
class Race:
    """One row of the table: two sides that do the same to the same number of rows.

    `target` is the largest ratio that is good enough, None where nothing was promised; `most_seconds` and `least_per_s`
    bound ours beside it. A side that takes milliseconds is run `repeat` times in a row and its time divided.
    """

    name: str
    rows: int
    ours: Side
    floor: Side
    target: float | None = None
    most_seconds: float | None = None
    least_per_s: float | None = None
    repeat: int = 1


@dataclass(frozen=True)
class Row:
    """A measured row, as it is printed."""

    name: str
    seconds: float
    floor_seconds: float
    ratio: float
    rows: int
    rows_per_s: int
    target: float | None
    ok: bool | None

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def measure(race: Race, rounds: int) -> Row:
    """Run both sides in turns, `rounds` times each, and return the medians."""
    ours, floor = [], []
    for _round in range(rounds):
        ours.append(_time(race.ours, race.repeat))
        floor.append(_time(race.floor, race.repeat))
    return row(race, statistics.median(ours), statistics.median(floor))


def _time(side: Side, repeat: int) -> float:
    side.before()
    started = time.perf_counter()
    for _again in range(repeat):
        side.run()
    return (time.perf_counter() - started) / repeat


def row(race: Race, seconds: float, floor: float) -> Row:
    """Return what the two medians say about the promise."""
    ratio, speed = seconds / floor, race.rows / seconds
    kept = [
        kept
        for kept, promised in (
            (race.target is not None and ratio <= race.target, race.target),
            (race.most_seconds is not None and seconds <= race.most_seconds, race.most_seconds),
            (race.least_per_s is not None and speed >= race.least_per_s, race.least_per_s),
        )
        if promised is not None
    ]
    return Row(
        name=race.name,
        seconds=round(seconds, 4),
        floor_seconds=round(floor, 4),
        ratio=round(ratio, 2),
        rows=race.rows,
        rows_per_s=round(speed),
        target=race.target,
        ok=all(kept) if kept else None,
    )
