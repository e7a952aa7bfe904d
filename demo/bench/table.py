"""All rows of the table, in the order in which their ground is laid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from demo.bench import attributing, counting, freezing, importing, planning, receiving, submitting
from demo.bench.ground import Ground
from demo.bench.measure import Race, Row, measure

# what the names of the rows begin with, and who measures them
ROWS: tuple[tuple[tuple[str, ...], Callable[[Ground], Iterator[Race]]], ...] = (
    (("import",), importing.races),
    (("count",), counting.races),
    (("freeze",), freezing.races),
    (("plan",), planning.races),
    (("submit_batch", "submit_single"), submitting.races),
    (("receipts",), receiving.races),
    (("attribute",), attributing.races),
)


def measured(ground: Ground, *, rounds: int, only: Sequence[str] = ("",)) -> Iterator[Row]:
    """Measure the rows whose name begins with one of `only`, one after the other; lay only the ground they need."""
    for names, races in ROWS:
        if any(name.startswith(wish) or wish.startswith(name) for name in names for wish in only):
            for race in races(ground):
                if race.name.startswith(tuple(only)):
                    yield measure(race, rounds)
