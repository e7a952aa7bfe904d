"""What follows a campaign: the openings file a bank would deliver, drawn from the truth."""

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from demo.draws import FIRST_CUSTOMER, Bools, Floats, Ints, hashed
from demo.truth import BY_CODE, CHANNELS, WINDOW, Product, amounts, within

STAGES = ("applied", "approved", "opened")
# Mean days from a contact to the opening it causes.
REACTION = 4.0
# For each customer who opens, how many apply and get no further, and how many are approved and do not open.
APPLIED_ONLY = 0.45
APPROVED_ONLY = 0.2


class Journey(NamedTuple):
    """How far each application of an array got: ``reached`` 1 applied, 2 approved, 3 opened; times in days."""

    reached: Ints
    times: Floats  # (3, n): applied, approved, opened, in days after the start, ascending


def journey(opening: Bools, opens_after: Floats, days: float, base: Floats, draws: Floats) -> Journey:
    """Add the stages before an opening, and the applications which end at one of them.

    ``draws`` has shape (3, n), uniform; ``base`` is the probability within ``days`` that scales the abandoned ones.
    """
    share = draws[0]
    approved = share < base * APPROVED_ONLY
    applied = share < base * (APPROVED_ONLY + APPLIED_ONLY)
    reached = np.where(opening, 3, np.where(approved, 2, np.where(applied, 1, 0)))
    last = np.where(opening, opens_after, draws[1] * days)
    first = last * (1 - 0.5 * draws[2])
    return Journey(reached, np.stack([first, first + (last - first) * draws[1], last]))


def clock(days: Floats) -> Ints:
    """Turn days (with fractions) into seconds, keeping order and squeezing each day into 8:30 to 20:30."""
    whole = np.floor(days)
    return (whole * 86400 + 8.5 * 3600 + (days - whole) * 12 * 3600).astype(np.int64)


class OpeningRow(NamedTuple):
    """One row of an openings file; ``at`` is naive, in the bank's local time, ``amount`` yuan or None."""

    opening_no: str
    customer_no: str
    product: str
    stage: str
    at: dt.datetime
    amount: float | None
    branch_no: str


def respond(
    customer_numbers_treated: Iterable[str],
    customer_numbers_control: Iterable[str],
    *,
    product: str,
    channel: str,
    since: dt.datetime,
    days: int,
    truth: Path,
    seed: int,
) -> Iterator[OpeningRow]:
    """Yield the openings that follow a contact at ``since``, within ``days``, ordered by customer.

    The treated open with probability base + uplift, the control group with base (both about ``WINDOW`` days; openings
    later than ``days`` are not yielded, and beyond ``WINDOW`` only the base goes on). ``truth`` is the folder that
    ``make_bank`` wrote. The same customer draws the same luck in either group and in any company, so two calls differ
    only by what was done. Raises ValueError for a customer the bank does not have, or one in both groups.
    """
    if product not in BY_CODE or channel not in CHANNELS:
        raise ValueError(f"There is no product {product!r} or no channel {channel!r} in the demo bank.")
    treated, everyone = _groups(customer_numbers_treated, customer_numbers_control, truth)
    return _respond(treated, everyone, BY_CODE[product], channel, since, days, truth, seed)


def _groups(treated: Iterable[str], control: Iterable[str], truth: Path) -> tuple[Ints, Ints]:
    known = json.loads((truth / "truth.json").read_text(encoding="utf-8"))["customers"]
    first, second = (np.unique(np.array([int(n) for n in group], dtype=np.int64)) for group in (treated, control))
    if len(np.intersect1d(first, second)):
        raise ValueError("A customer is in the treated and in the control group.")
    everyone = np.union1d(first, second)
    strangers = (everyone < FIRST_CUSTOMER) | (everyone >= FIRST_CUSTOMER + known)
    if strangers.any():
        raise ValueError(f"{int(strangers.sum())} customers are not in this demo bank.")
    return first, everyone


def _respond(
    treated: Ints, everyone: Ints, product: Product, channel: str, since: dt.datetime, days: int, truth: Path, seed: int
) -> Iterator[OpeningRow]:
    base, uplift = f"p_base_{product.code}", f"uplift_{channel}_{product.code}"
    with pq.ParquetFile(truth / "truth.parquet") as file:
        for part in file.iter_batches(columns=["customer_no", "branch_no", "means", base, uplift]):
            numbers = pc.cast(part["customer_no"], pa.int64()).to_numpy()
            asked = np.isin(numbers, everyone)
            if asked.any():
                rows = part.filter(pa.array(asked))
                added = np.where(np.isin(numbers[asked], treated), rows[uplift].to_numpy(), 0.0)
                yield from _opening_rows(rows, numbers[asked], rows[base].to_numpy(), added, product, since, days, seed)


def _opening_rows(
    rows: pa.RecordBatch, numbers: Ints, base: Floats, added: Floats, product: Product, since: dt.datetime, days: int,
    seed: int,
) -> Iterator[OpeningRow]:  # fmt: skip
    salt = f"{product.code} {since.isoformat()}"
    luck = np.stack([hashed(seed, salt, numbers, draw) for draw in range(8)])
    after = opening_times(base.astype(np.float64), added, luck)
    path = journey(after < days, after, days, within(base, days), luck[4:7])
    asked_for = amounts(product, rows["means"].to_numpy(), luck[7])
    for i in np.flatnonzero(path.reached):
        times = _times(since, path.times[:, i], days)
        number = f"{product.prefix}{times[0]:%y%m%d}{numbers[i] - FIRST_CUSTOMER:08d}"
        amount = None if np.isnan(asked_for[i]) else float(asked_for[i])
        branch = rows["branch_no"][int(i)].as_py()
        for stage, at in list(zip(STAGES, times, strict=True))[: path.reached[i]]:
            yield OpeningRow(number, str(numbers[i]), product.code, stage, at, amount, branch)


def _times(since: dt.datetime, after: Floats, days: int) -> list[dt.datetime]:
    """Return the instants ``after`` days after ``since``: in business hours where the window leaves room for it."""
    midnight = since.replace(hour=0, minute=0, second=0, microsecond=0)
    seconds = clock(after + (since - midnight) / dt.timedelta(days=1))
    earliest, latest = since + dt.timedelta(minutes=1), since + dt.timedelta(days=days, seconds=-1)
    return [min(max(midnight + dt.timedelta(seconds=int(s)), earliest), latest) for s in seconds]


def opening_times(base: Floats, added: Floats, luck: Floats) -> Floats:
    """Return when each opens, in days after the contact, infinite for never; ``luck`` is uniform, shape (≥ 4, n).

    Untouched openings come at a constant rate. Persuaded ones come soon after the contact and all within ``WINDOW``.
    A negative effect cancels a share of the untouched ones. So P(within WINDOW) is exactly base + added.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        untouched = np.where(base > 0, WINDOW * np.log1p(-luck[0]) / np.log1p(-base), np.inf)
        persuaded = luck[1] * (1 - base) < added
        cancelled = luck[2] * base < -added
    soon = -REACTION * np.log1p(-luck[3] * (1 - np.exp(-WINDOW / REACTION)))
    untouched = np.where(cancelled & (untouched < WINDOW), np.inf, untouched)
    return np.minimum(untouched, np.where(persuaded, soon, np.inf))
