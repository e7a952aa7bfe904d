"""Turn a rule into one Ibis expression over the wide attribute table; every engine then agrees on the members.

Values enter only as Ibis literals. An unknown value does not match. Where that has to be a false (under `none`, or for
whoever counts with it) a comparison is closed against null at its leaf, so that groups need plain and/or/not. A filter
drops null as it drops false, so its comparisons stay open and reach the scan, which then skips what cannot match.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, TypeAlias

import ibis
import ibis.expr.types as ir

from .rules import Condition, Group, Node, Rule, Value

Comparison: TypeAlias = Callable[[Any, Any, date], ir.BooleanValue]


def predicate(rule: Rule, table: ir.Table, as_of: date) -> ir.BooleanValue:
    """Return true for each row of `table` that the rule selects, else false; never null.

    `as_of` is the date of the data; "in the last 30 days" ends on it.
    """
    return _node(rule, table, as_of, closed=True)


def condition(rule: Rule, table: ir.Table, as_of: date) -> ir.BooleanValue:
    """Return true for each row of `table` that the rule selects, else false or null: for a filter, which is faster."""
    return _node(rule, table, as_of, closed=False)


def members(rule: Rule, table: ir.Table, as_of: date) -> ir.Table:
    """Return the `customer_id` of every member, in no particular order."""
    return table.filter(condition(rule, table, as_of)).select("customer_id")


def _node(node: Node, table: ir.Table, as_of: date, *, closed: bool) -> ir.BooleanValue:
    if isinstance(node, Group):
        closed = closed or node.op == "none"
        return _GROUPS[node.op]([_node(item, table, as_of, closed=closed) for item in node.items])
    matches = _comparison(node, table, as_of)
    return ibis.coalesce(matches, ibis.literal(False)) if closed else matches


def _comparison(leaf: Condition, table: ir.Table, as_of: date) -> ir.BooleanValue:
    column: Any = table[leaf.attribute]
    if column.type().is_timestamp():
        column = column.date()
    value = _dates(leaf.value) if column.type().is_date() else leaf.value
    return _COMPARISONS[leaf.op](column, value, as_of)


def _dates(value: Value) -> Value:
    """Return a date's value typed; a rule that was restored rather than parsed still has it as text."""
    if isinstance(value, tuple):
        return tuple(date.fromisoformat(item) if isinstance(item, str) else item for item in value)
    return date.fromisoformat(value) if isinstance(value, str) else value


def _all(parts: list[ir.BooleanValue]) -> ir.BooleanValue:
    return functools.reduce(operator.and_, parts)


def _any(parts: list[ir.BooleanValue]) -> ir.BooleanValue:
    return functools.reduce(operator.or_, parts)


def _none(parts: list[ir.BooleanValue]) -> ir.BooleanValue:
    return ~_any(parts)


_GROUPS: dict[str, Callable[[list[ir.BooleanValue]], ir.BooleanValue]] = {"all": _all, "any": _any, "none": _none}


def _known(column: Any) -> ir.BooleanValue:
    """Return whether a value is there: a text without letters and a float that is no number are unknown too."""
    if column.type().is_string():
        return column.notnull() & (column != "")
    if column.type().is_floating():
        return column.notnull() & ~column.isnan()
    return column.notnull()


def _real(column: Any, compared: ir.BooleanValue) -> ir.BooleanValue:
    """Bar what compares but is unknown: a text without letters, a float that is no number. Null compares to null."""
    if column.type().is_string():
        return compared & (column != "")
    if column.type().is_floating():
        return compared & ~column.isnan()
    return compared


def _eq(column: Any, value: Any, as_of: date) -> ir.BooleanValue:
    return column == ibis.literal(value)


def _ne(column: Any, value: Any, as_of: date) -> ir.BooleanValue:
    return _real(column, column != ibis.literal(value))


def _lt(column: Any, value: Any, as_of: date) -> ir.BooleanValue:
    return column < ibis.literal(value)


def _le(column: Any, value: Any, as_of: date) -> ir.BooleanValue:
    return column <= ibis.literal(value)


def _gt(column: Any, value: Any, as_of: date) -> ir.BooleanValue:
    return _real(column, column > ibis.literal(value))


def _ge(column: Any, value: Any, as_of: date) -> ir.BooleanValue:
    return _real(column, column >= ibis.literal(value))


def _between(column: Any, value: Any, as_of: date) -> ir.BooleanValue:
    low, high = value
    return (column >= ibis.literal(low)) & (column <= ibis.literal(high))


def _in(column: Any, value: Any, as_of: date) -> ir.BooleanValue:
    return column.isin([ibis.literal(item) for item in value])


def _not_in(column: Any, value: Any, as_of: date) -> ir.BooleanValue:
    return _real(column, ~_in(column, value, as_of))


def _contains(column: Any, value: Any, as_of: date) -> ir.BooleanValue:
    return column.contains(ibis.literal(value))


def _in_last_days(column: Any, value: Any, as_of: date) -> ir.BooleanValue:
    return (column > ibis.literal(as_of - timedelta(days=value))) & (column <= ibis.literal(as_of))


def _not_in_last_days(column: Any, value: Any, as_of: date) -> ir.BooleanValue:
    return ~_in_last_days(column, value, as_of)


def _in_next_days(column: Any, value: Any, as_of: date) -> ir.BooleanValue:
    return (column > ibis.literal(as_of)) & (column <= ibis.literal(as_of + timedelta(days=value)))


def _is_empty(column: Any, value: Any, as_of: date) -> ir.BooleanValue:
    return ~_known(column)


def _not_empty(column: Any, value: Any, as_of: date) -> ir.BooleanValue:
    return _known(column)


_COMPARISONS: dict[str, Comparison] = {
    "eq": _eq,
    "ne": _ne,
    "lt": _lt,
    "le": _le,
    "gt": _gt,
    "ge": _ge,
    "before": _lt,
    "after": _gt,
    "between": _between,
    "in": _in,
    "not_in": _not_in,
    "contains": _contains,
    "in_last_days": _in_last_days,
    "not_in_last_days": _not_in_last_days,
    "in_next_days": _in_next_days,
    "is_empty": _is_empty,
    "not_empty": _not_empty,
}
