"""A few members of a rule as a person may see them: name and phone masked, with the values the rule asks about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ibis

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
    keys = columns(rule)
    chosen = table.filter(selected(rule, table, as_of)).order_by(ibis.random()).limit(size)
    rows = engine.connection().to_pyarrow(chosen.select("customer_id", *keys)).to_pylist()
    people = Customer.objects.visible_to(user).select_related("branch").in_bulk([row["customer_id"] for row in rows])
    return [
        Example(people[row["customer_id"]], tuple(row[key] for key in keys))
        for row in rows
        if row["customer_id"] in people
    ]
