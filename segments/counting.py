"""How many customers a rule selects, among those a person may see."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import ibis.expr.types as ir
from django.utils.translation import gettext as _

from accounts.models import User
from warehouse import engine

from .compiler import condition
from .rules import Problem, Rule, RuleError, walk


class Population(NamedTuple):
    """The customers a rule chooses from: one row each, with `customer_id`, `branch_id` and every attribute."""

    table: ir.Table
    as_of: date


@dataclass(frozen=True, slots=True)
class Count:
    """`size` members of `total` customers in the data of `as_of`; the answer took `seconds`."""

    size: int
    total: int
    as_of: date
    seconds: float

    @property
    def share(self) -> float:
        """Return the members as a share of all customers, 0 to 1."""
        return self.size / self.total if self.total else 0.0


def population(user: User | None = None) -> Population:
    """Return the customers of the newest data: a branch's own for its staff, else everybody.

    Without a user it is everybody: a version means the same whoever asks.
    """
    table, as_of = engine.attributes()
    if user is not None and user.is_branch_only:
        table = table.filter(table.branch_id == (user.branch_id or -1))
    return Population(table, as_of)


def count(rule: Rule, user: User) -> Count:
    """Return how many of the customers the user may see the rule selects; nobody is a fine answer."""
    started = time.perf_counter()
    table, as_of = population(user)
    members = table.filter(selected(rule, table, as_of))
    size, total = engine.number(members.count()), engine.number(table.count())
    return Count(size, total, as_of, time.perf_counter() - started)


def selected(rule: Rule, table: ir.Table, as_of: date) -> ir.BooleanValue:
    """Return the compiled rule as a filter, or refuse it where the published data lacks one of its attributes."""
    unknown = [
        Problem(path, _("The data of {day} holds no values of this attribute yet.").format(day=as_of.isoformat()))
        for path, leaf in walk(rule)
        if leaf.attribute not in table.columns
    ]
    if unknown:
        raise RuleError(unknown)
    return condition(rule, table, as_of)
