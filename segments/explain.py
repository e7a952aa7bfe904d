"""Who falls out where: how many customers each part of a rule removes, in order, in one query."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir

from accounts.models import User
from warehouse import engine

from .compiler import predicate
from .counting import Count, population, selected
from .rules import Group, Node, Path, Rule


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the rule: `removed` customers fell out at it, `left` went on. `barred`: it shuts its matches out."""

    path: Path
    node: Node
    barred: bool
    removed: int
    left: int


@dataclass(frozen=True, slots=True)
class Waterfall:
    """All customers, then the steps in order; the last step's `left` is the size of the segment.

    `matches` counts, for each item of an any-group, the customers who reached the group and match the item.
    """

    total: int
    as_of: date
    steps: tuple[Step, ...]
    matches: dict[Path, int]
    seconds: float

    @property
    def count(self) -> Count:
        """Return the size of the segment as `counting.count` gives it."""
        return Count(self.steps[-1].left, self.total, self.as_of, self.seconds)


@dataclass(frozen=True, slots=True)
class _Part:
    path: Path
    node: Node
    barred: bool = False

    def passes(self, table: ir.Table, as_of: date) -> ir.BooleanValue:
        held = predicate(Group("all", (self.node,)), table, as_of)
        return ~held if self.barred else held


def waterfall(rule: Rule, user: User) -> Waterfall:
    """Return where the customers the user may see fall out of the rule.

    Each customer is put, in one pass, at the first step they fail; sums over those places give every figure.
    """
    started = time.perf_counter()
    table, as_of = population(user)
    selected(rule, table, as_of)  # refuses what the data lacks
    parts = _parts(rule)
    items = _any_items(parts)
    rows = _places(table, as_of, parts, items)
    reached = [sum(row["customers"] for row in rows if row["place"] >= number) for number in range(len(parts) + 1)]
    steps = [
        Step(part.path, part.node, part.barred, reached[number] - reached[number + 1], reached[number + 1])
        for number, part in enumerate(parts)
    ]
    matches = {
        path: sum(row[f"match_{position}"] for row in rows if row["place"] >= number)
        for position, (number, path, _node) in enumerate(items)
    }
    return Waterfall(reached[0], as_of, tuple(steps), matches, time.perf_counter() - started)


def _parts(rule: Rule) -> list[_Part]:
    """Return the steps of a rule: what an all-group demands one by one, what its none-groups bar one by one."""
    if rule.op == "any":
        return [_Part((), rule)]
    parts: list[_Part] = []
    for position, item in enumerate(rule.items):
        if rule.op == "all" and isinstance(item, Group) and item.op == "none":
            parts += [_Part((position, inner), node, True) for inner, node in enumerate(item.items)]
        else:
            parts.append(_Part((position,), item, rule.op == "none"))
    return parts


def _any_items(parts: list[_Part]) -> list[tuple[int, Path, Node]]:
    return [
        (number, (*part.path, position), item)
        for number, part in enumerate(parts)
        if isinstance(part.node, Group) and part.node.op == "any"
        for position, item in enumerate(part.node.items)
    ]


def _places(
    table: ir.Table, as_of: date, parts: list[_Part], items: list[tuple[int, Path, Node]]
) -> list[dict[str, int]]:
    """Return, per first step failed, how many customers stopped there and how many of them match each any-item."""
    failed = [(~part.passes(table, as_of), ibis.literal(number)) for number, part in enumerate(parts)]
    matches = {
        f"match_{position}": predicate(Group("all", (node,)), table, as_of)
        for position, (_number, _path, node) in enumerate(items)
    }
    placed = table.select(place=ibis.cases(*failed, else_=len(parts)), **matches)
    sums = {name: placed[name].sum() for name in matches}
    answer = placed.group_by("place").aggregate(customers=placed.count(), **sums)
    return list(engine.connection().to_pyarrow(answer).to_pylist())


def effects(explained: Waterfall) -> dict[Path, tuple[str, int]]:
    """Return what each line of the builder shows: ("out", removed) for a step, ("match", n) inside an any-group."""
    shown: dict[Path, tuple[str, int]] = {step.path: ("out", step.removed) for step in explained.steps}
    shown |= {path: ("match", size) for path, size in explained.matches.items()}
    for step in explained.steps:  # the head of a none-group shows the sum of what it bars
        if step.barred and len(step.path) == 2:
            _kind, before = shown.get(step.path[:1], ("out", 0))
            shown[step.path[:1]] = ("out", before + step.removed)
    return shown
