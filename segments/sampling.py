"""Members of a rule as a person may see them: name and phone masked, with the values the rule asks about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import ibis
import ibis.expr.types as ir

from accounts.models import User
from customers.models import Customer
from warehouse import engine

from .counting import population, selected
from .rules import Rule, walk

MOST_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class Example:
    """One member: the register's row, and the attribute values in the order of `columns(rule)`."""

    customer: Customer
    values: tuple[Any, ...]


def columns(rule: Rule) -> list[str]:
    """Return the keys of the first attributes a rule asks about: what a reader wants to see of its members."""
    return list(dict.fromkeys(condition.attribute for _path, condition in walk(rule)))[:MOST_COLUMNS]


def sample(rule: Rule, user: User, *, size: int = 5) -> list[Example]:
    """Return up to `size` random members that the user may see; asking again gives others."""
    table, as_of = population(user)
    chosen = table.filter(selected(rule, table, as_of)).order_by(ibis.random()).limit(size)
    return _named(chosen, columns(rule), user)


class Members(Sequence[Example]):
    """All members of a rule that the user may see, in the order of their ids, read a page at a time."""

    def __init__(self, rule: Rule, user: User) -> None:
        table, self.as_of = population(user)
        self.members = table.filter(selected(rule, table, self.as_of))
        self.keys, self.user = columns(rule), user

    @cached_property
    def size(self) -> int:
        return int(engine.connection().to_pyarrow(self.members.count()).as_py())

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, at: int) -> Example: ...
    @overload
    def __getitem__(self, at: slice) -> list[Example]: ...
    def __getitem__(self, at: int | slice) -> Example | list[Example]:
        if isinstance(at, int):
            return self[at : at + 1][0]
        start, stop, _step = at.indices(self.size)
        page = self.members.order_by("customer_id").limit(max(stop - start, 0), offset=start)
        return _named(page, self.keys, self.user)


def _named(chosen: ir.Table, keys: list[str], user: User) -> list[Example]:
    rows = engine.connection().to_pyarrow(chosen.select("customer_id", *keys)).to_pylist()
    people = Customer.objects.visible_to(user).select_related("branch").in_bulk([row["customer_id"] for row in rows])
    return [
        Example(people[row["customer_id"]], tuple(row[key] for key in keys))
        for row in rows
        if row["customer_id"] in people
    ]
