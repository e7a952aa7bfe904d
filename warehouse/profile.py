"""How full each attribute is and how its values spread: two passes over the published table, kept until it changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import ibis
import ibis.expr.types as ir

from warehouse import engine
from warehouse.models import Attribute, AttributeType, Partition

BINS = 12
NUMERIC = frozenset({AttributeType.NUMBER, AttributeType.MONEY})


@dataclass(frozen=True)
class Profile:
    """What the current table says of one attribute. `bars` are (label, count); of figures twelve equal steps."""

    rows: int
    filled: int
    low: float | None = None
    high: float | None = None
    median: float | None = None
    bars: tuple[tuple[str, int], ...] = field(default_factory=tuple)

    @property
    def coverage(self) -> float:
        return self.filled / self.rows if self.rows else 0.0

    @property
    def share_of_first(self) -> float:
        """Return the first bar's share of the filled ones: of a yes / no attribute, the yes."""
        return self.bars[0][1] / self.filled if self.bars and self.filled else 0.0

    @property
    def heights(self) -> list[int]:
        return [count for _label, count in self.bars]


def of_all() -> dict[str, Profile]:
    """Return the profile of every attribute in use that the current table has; empty before any data."""
    partition = engine.attributes_partition()
    if partition is None:
        return {}
    described = tuple(
        (a.key, a.type, tuple(c["value"] for c in a.choices)[:BINS])
        for a in Attribute.objects.in_use()
        if a.key in partition.schema
    )
    return _measure(partition.pk, described)


@lru_cache(maxsize=8)
def _measure(partition_id: int, described: tuple[tuple[str, str, tuple[str, ...]], ...]) -> dict[str, Profile]:
    """A partition never changes, so what was measured stays true."""
    table = engine.table([Partition.objects.get(pk=partition_id)])
    first = _first(table, described)
    second = _second(table, described, first)
    return {key: _profile(key, kind, choices, first, second) for key, kind, choices in described}


def _first(table: ir.Table, described: Any) -> dict[str, Any]:
    wanted = {"rows": table.count()}
    for key, kind, _choices in described:
        wanted[f"{key}__filled"] = table[key].count()
        if kind in NUMERIC:
            wanted[f"{key}__low"] = table[key].approx_quantile(0.01).cast("float64")
            wanted[f"{key}__high"] = table[key].approx_quantile(0.99).cast("float64")
            wanted[f"{key}__median"] = table[key].approx_quantile(0.5).cast("float64")
    return table.aggregate(**wanted).to_pyarrow().to_pylist()[0]


def _second(table: ir.Table, described: Any, first: dict[str, Any]) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    for key, kind, choices in described:
        column = table[key]
        if kind in NUMERIC and _spread(key, first):
            low, high = first[f"{key}__low"], first[f"{key}__high"]
            place = ((column - low) / (high - low) * BINS).floor().clip(0, BINS - 1)
            wanted |= {f"{key}__{n}": (place == n).sum() for n in range(BINS)}
        elif kind == AttributeType.CHOICE:
            wanted |= {f"{key}__{n}": (column == value).sum() for n, value in enumerate(choices)}
        elif kind == AttributeType.BOOLEAN:
            wanted |= {f"{key}__0": (column == ibis.literal(True)).sum(), f"{key}__1": (~column).sum()}
    return table.aggregate(**wanted).to_pyarrow().to_pylist()[0] if wanted else {}


def _spread(key: str, first: dict[str, Any]) -> bool:
    low, high = first[f"{key}__low"], first[f"{key}__high"]
    return low is not None and high is not None and high > low


def _profile(key: str, kind: str, choices: tuple[str, ...], first: dict[str, Any], second: dict[str, Any]) -> Profile:
    labels: list[str] = []
    if kind in NUMERIC and _spread(key, first):
        low, high = first[f"{key}__low"], first[f"{key}__high"]
        labels = [str(low + (high - low) * n / BINS) for n in range(BINS)]
    elif kind == AttributeType.CHOICE:
        labels = list(choices)
    elif kind == AttributeType.BOOLEAN:
        labels = ["true", "false"]
    return Profile(
        rows=first["rows"],
        filled=first[f"{key}__filled"],
        low=first.get(f"{key}__low"),
        high=first.get(f"{key}__high"),
        median=first.get(f"{key}__median"),
        bars=tuple((label, second[f"{key}__{n}"] or 0) for n, label in enumerate(labels)),
    )
