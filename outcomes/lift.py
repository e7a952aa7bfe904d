"""What a campaign caused: the difference between treated and control, with its interval.

Pure arithmetic on four counts. Everybody assigned to a group counts in it, contacted or not (intention to treat):
leaving out those who could not be reached would compare different people.

Interval of one proportion: Wilson's score interval (E. B. Wilson 1927). Interval of the difference: Newcombe's hybrid
score interval (R. G. Newcombe, Statistics in Medicine 17, 1998, 873-890, method 10, without continuity correction):

    d - sqrt((p1 - l1)² + (u2 - p2)²)   to   d + sqrt((u1 - p1)² + (p2 - l2)²)

where (l, u) are the Wilson limits of each group. It keeps its level at the small rates and unequal groups of marketing,
where the textbook interval does not, and never leaves [-1, 1].
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist


@dataclass(frozen=True)
class Lift:
    """The effect of a campaign on a rate.

    `estimate`, `low`, `high`: treated minus control, as a share (0.0075 is 0.75 points). `extra…`: the same in people,
    over the treated group. All are None while a group is empty: it is too early to say anything.
    """

    treated_n: int
    treated_x: int
    control_n: int
    control_x: int
    p_treated: float | None = None
    p_control: float | None = None
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    extra: float | None = None
    extra_low: float | None = None
    extra_high: float | None = None

    @property
    def too_early(self) -> bool:
        return self.estimate is None

    @property
    def conclusive(self) -> bool:
        """Tell whether the interval keeps clear of zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def wilson(n: int, x: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval for the rate x / n; n > 0 and 0 ≤ x ≤ n, else ValueError."""
    _check(n, x)
    z = _z(level)
    p = x / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return (0.0 if x == 0 else middle - half, 1.0 if x == n else middle + half)


def difference(treated_n: int, treated_x: int, control_n: int, control_x: int, level: float = 0.95) -> Lift:
    """Compare treated with control: `x` of `n` people in each group took the product.

    >>> lift = difference(70, 56, 80, 48)
    >>> round(lift.estimate, 4), round(lift.low, 4), round(lift.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    if treated_n == 0 or control_n == 0:
        _check_empty(treated_n, treated_x)
        _check_empty(control_n, control_x)
        return Lift(treated_n, treated_x, control_n, control_x)
    l1, u1 = wilson(treated_n, treated_x, level)
    l2, u2 = wilson(control_n, control_x, level)
    p1, p2 = treated_x / treated_n, control_x / control_n
    low = p1 - p2 - sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2)
    high = p1 - p2 + sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2)
    n = treated_n
    return Lift(
        treated_n, treated_x, control_n, control_x, p1, p2, p1 - p2, low, high, n * (p1 - p2), n * low, n * high
    )  # fmt: skip


def combine(lifts: Iterable[Lift]) -> Lift:
    """Add campaigns up: the total extra people, with its interval.

    The campaigns are independent draws, so variances add: the distance from the sum to each limit is the root of the
    summed squares of the parts' distances, lower and upper apart because the parts' intervals are not symmetric.
    The rates are means weighted by the treated group, so that `estimate` × `treated_n` is `extra`. Campaigns still too
    early to tell are left out; with none left the answer is too early as well.
    """
    known = [lift for lift in lifts if lift.extra is not None]
    if not known:
        return Lift(0, 0, 0, 0)
    extra = sum(_f(lift.extra) for lift in known)
    low = extra - sqrt(sum((_f(lift.extra) - _f(lift.extra_low)) ** 2 for lift in known))
    high = extra + sqrt(sum((_f(lift.extra_high) - _f(lift.extra)) ** 2 for lift in known))
    n = sum(lift.treated_n for lift in known)
    p1, p2 = (sum(lift.treated_n * _f(p) for lift, p in zip(known, rates, strict=True)) / n for rates in _rates(known))
    treated_x, control_n, control_x = (
        sum(getattr(lift, name) for lift in known) for name in ("treated_x", "control_n", "control_x")
    )
    return Lift(n, treated_x, control_n, control_x, p1, p2, extra / n, low / n, high / n, extra, low, high)


def needed_per_arm(p: float, delta: float, *, level: float = 0.95, power: float = 0.8) -> int:
    """Return how many people each group needs to show a rise from `p` to `p + delta` with the given power.

    The usual two-proportion formula without continuity correction (Fleiss, Statistical Methods for Rates and
    Proportions, 2nd ed., formula 3.14). Raises ValueError unless both rates lie strictly between 0 and 1.
    """
    q = p + delta
    if not (0 < p < 1 and 0 < q < 1 and delta != 0):
        raise ValueError("both rates must lie strictly between 0 and 1 and differ")
    mean = (p + q) / 2
    root = _z(level) * sqrt(2 * mean * (1 - mean)) + NormalDist().inv_cdf(power) * sqrt(p * (1 - p) + q * (1 - q))
    return ceil((root / delta) ** 2)


def _rates(lifts: list[Lift]) -> tuple[list[float | None], list[float | None]]:
    return [lift.p_treated for lift in lifts], [lift.p_control for lift in lifts]


def _f(value: float | None) -> float:
    assert value is not None
    return value


def _z(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)


def _check(n: int, x: int) -> None:
    if n <= 0 or not 0 <= x <= n:
        raise ValueError(f"{x} of {n} is not a share of people")


def _check_empty(n: int, x: int) -> None:
    if n or x:
        _check(n, x)
