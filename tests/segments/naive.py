"""What a rule means, written as plainly as Python allows: the measure the compiler is held against."""

import math
from datetime import timedelta

from segments.rules import Group


def selects(node, row, as_of) -> bool:
    """Return whether a rule's node holds for one customer, a dict of attribute values with None for unknown."""
    if isinstance(node, Group):
        held = [selects(item, row, as_of) for item in node.items]
        return {"all": all(held), "any": any(held), "none": not any(held)}[node.op]
    value = row[node.attribute]
    unknown = value is None or value == "" or (isinstance(value, float) and math.isnan(value))
    if node.op == "is_empty":
        return unknown
    if unknown:
        return False
    return COMPARE[node.op](value, node.value, as_of)


COMPARE = {
    "not_empty": lambda value, wanted, as_of: True,
    "eq": lambda value, wanted, as_of: value == wanted,
    "ne": lambda value, wanted, as_of: value != wanted,
    "lt": lambda value, wanted, as_of: value < wanted,
    "before": lambda value, wanted, as_of: value < wanted,
    "le": lambda value, wanted, as_of: value <= wanted,
    "gt": lambda value, wanted, as_of: value > wanted,
    "after": lambda value, wanted, as_of: value > wanted,
    "ge": lambda value, wanted, as_of: value >= wanted,
    "between": lambda value, wanted, as_of: wanted[0] <= value <= wanted[1],
    "in": lambda value, wanted, as_of: value in wanted,
    "not_in": lambda value, wanted, as_of: value not in wanted,
    "contains": lambda value, wanted, as_of: wanted in value,
    "in_last_days": lambda value, wanted, as_of: as_of - timedelta(days=wanted) < value <= as_of,
    "not_in_last_days": lambda value, wanted, as_of: not as_of - timedelta(days=wanted) < value <= as_of,
    "in_next_days": lambda value, wanted, as_of: as_of < value <= as_of + timedelta(days=wanted),
}
