"""What the extra customers are worth, in yuan.

The money a campaign caused is its extra conversions times what one of its treated conversions brought on average; the
interval is that of the extra conversions, scaled by the same average. A difference of mean amounts would be drowned by
a few large loans. Products without amounts (a service that was switched on) have no value: None, never zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from math import sqrt

from outcomes.lift import Lift


@dataclass(frozen=True)
class Value:
    """Yuan, with the limits of the 95 % interval."""

    estimate: float
    low: float
    high: float


def value_of(lift: Lift, *, amount: Decimal | None, paid: int) -> Value | None:
    """Return what the extra conversions are worth; `amount` is the sum over `paid` treated conversions that had one."""
    if lift.extra is None or lift.extra_low is None or lift.extra_high is None or amount is None or not paid:
        return None
    mean = float(amount) / paid
    return Value(lift.extra * mean, lift.extra_low * mean, lift.extra_high * mean)


def total(values: Iterable[Value | None]) -> Value | None:
    """Add up independent campaigns: estimates add, distances to the limits add as squares. None without any value."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    estimate = sum(value.estimate for value in known)
    below = sqrt(sum((value.estimate - value.low) ** 2 for value in known))
    above = sqrt(sum((value.high - value.estimate) ** 2 for value in known))
    return Value(estimate, estimate - below, estimate + above)
