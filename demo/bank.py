"""Write the files of the demo bank: deterministic in the seed, streamed in chunks, with memory that does not grow.

The columns of a file are those of the table built for it here; what is wrong on purpose is listed in ``truth.json``.
"""

import calendar
import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo import events, truth
from demo.defects import Wrong, default_consents, spoil
from demo.draws import BLOCK, FIRST_CUSTOMER, Stream, generator, labels, yes_no
from demo.facts import Facts, History, facts_columns, features
from demo.people import (
    BRANCH_NUMBERS,
    EDUCATION,
    MARITAL,
    OCCUPATIONS,
    People,
    branches_table,
    people,
    relationship_managers,
    staff_table,
)
from demo.sheets import Sheets

ACTIVITY_MONTHS = 3
MOST_CUSTOMERS = 50_000_000
OUR_FILES = (
    "truth.*",
    "attributes_????-??.csv",
    "activity_????-??.*",
    *(f"{name}.csv" for name in ("branches", "staff", "products", "customers", "openings", "consents")),
)


@dataclass(frozen=True)
class Plan:
    """What bank to make.

    ``as_of`` is the last month end, ``months`` how many month ends there are, ``activity`` the average number of
    activity rows per customer over the last three months, ``chunk`` how many customers are held before writing (it
    changes memory, never the files), ``activity_format`` csv or parquet.
    """

    customers: int
    seed: int = 7
    as_of: dt.date = dt.date(2026, 10, 31)
    months: int = 14
    activity: float = 10.0
    activity_format: str = "csv"
    chunk: int = 10_000

    def __post_init__(self) -> None:
        """Raise ValueError with a sentence when there is no such bank."""
        if not 1 <= self.customers <= MOST_CUSTOMERS:
            raise ValueError(f"A demo bank has 1 to {MOST_CUSTOMERS} customers.")
        if self.as_of != _month_end(self.as_of.year, self.as_of.month):
            raise ValueError(f"{self.as_of} is not the last day of a month.")
        if not 0 <= self.seed < 2**31 or not 1 <= self.months <= 120 or not 0 <= self.activity <= 1000:
            raise ValueError("The seed is 0 to 2147483647, the months 1 to 120, the activity 0 to 1000 rows.")
        if self.activity_format not in ("csv", "parquet") or not BLOCK <= self.chunk <= 50_000:
            raise ValueError(f"Activity is csv or parquet, and a chunk holds {BLOCK} to 50000 customers.")

    def month_ends(self) -> list[dt.date]:
        """Return the month ends in order, led by the one before the first that is published."""
        last = self.as_of.year * 12 + self.as_of.month - 1
        return [_month_end(n // 12, n % 12 + 1) for n in range(last - self.months, last + 1)]


def _month_end(year: int, month: int) -> dt.date:
    return dt.date(year, month, calendar.monthrange(year, month)[1])


def _days(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days


@dataclass(frozen=True)
class Block:
    """The rows of at most ``BLOCK`` customers per file name, and what is wrong with them on purpose."""

    customers: int
    tables: dict[str, pa.Table]
    wrong: list[Wrong]


def blocks(plan: Plan) -> Iterator[Block]:
    """Yield the bank block by block; a block depends on its number and the plan, not on the blocks before it."""
    for number in range(-(-plan.customers // BLOCK)):
        yield _block(plan, number)


def _block(plan: Plan, number: int) -> Block:
    who = people(plan.seed, number, plan.as_of)
    tables, last = _through_the_months(plan, number, who)
    tables["truth.parquet"] = _truth_table(plan, number, who, last)
    tables["consents.csv"] = events.consents(plan.seed, number, who, last.online_banking, _days(plan.as_of))
    customers = _customers_table(who, last)
    size = min(BLOCK, plan.customers - number * BLOCK)
    if size < BLOCK:
        tables = {name: _cut(table, plan.customers) for name, table in tables.items()}
        customers = customers.slice(0, size)
    tables["customers.csv"], wrong = spoil(customers, generator(plan.seed, Stream.DEFECTS, number), number)
    return Block(size, tables, wrong + default_consents(tables["consents.csv"]))


def _cut(table: pa.Table, customers: int) -> pa.Table:
    """Drop the rows of customers beyond the last; numbers have ten digits, so text compares as numbers do."""
    return table.filter(pc.less(table["customer_no"], str(FIRST_CUSTOMER + customers)))


def _through_the_months(plan: Plan, number: int, who: People) -> tuple[dict[str, pa.Table], Facts]:
    """Return the tables of openings, activity and month-end attributes, and the facts on the last day."""
    ends = [_days(day) for day in plan.month_ends()]
    history = History(who, generator(plan.seed, Stream.FACTS, number), ends[0])
    for_openings, for_activity = (generator(plan.seed, s, number) for s in (Stream.OPENINGS, Stream.ACTIVITY))
    tables: dict[str, pa.Table] = {}
    openings: list[events.Applications] = []
    facts = history.step(ends[0])
    for month, (start, end) in enumerate(pairwise(ends), start=1):
        openings += events.openings_of_month(who, facts, history, for_openings, start + 1, end - start)
        facts = history.step(end)
        stamp = f"{plan.month_ends()[month]:%Y-%m}"
        tables[f"attributes_{stamp}.csv"] = _attributes_table(who, facts, end)
        if month > plan.months - ACTIVITY_MONTHS:
            tables[f"activity_{stamp}.{plan.activity_format}"] = events.activity_of_month(
                who, facts, for_activity, start + 1, end - start, plan.activity / ACTIVITY_MONTHS
            )
    tables["openings.csv"] = events.openings_table(who, openings)
    return tables, facts


def _attributes_table(who: People, facts: Facts, day: int) -> pa.Table:
    columns = {"customer_no": who.numbers, **facts_columns(who, facts)}
    return pa.table(columns).filter(pa.array(who.opened <= day))


def _customers_table(who: People, facts: Facts) -> pa.Table:
    """Return customers.csv: the register, then the facts; ``age`` and ``salary_in`` are text, for what is wrong."""
    missing = who.missing
    register = {
        "customer_no": who.numbers,
        "name": who.names,
        "phone": pc.if_else(pa.array(missing["phone"]), pa.scalar(None, pa.string()), who.phones),
        "branch_no": labels(BRANCH_NUMBERS, who.branch),
        "rm_no": relationship_managers(who.branch, who.rm_draw, facts.aum > 25_000),
        "gender": labels(("F", "M"), who.gender),
        "birth_date": pa.array(who.birth.astype("datetime64[D]")),
        "age": pa.nulls(BLOCK, pa.string()),
        "occupation": labels(OCCUPATIONS, who.occupation, missing["occupation"]),
        "marital": labels(MARITAL, who.marital, missing["marital"]),
        "education": labels(EDUCATION, who.education, missing["education"]),
        "city_tier": pa.array(who.city_tier),
        "open_date": pa.array(who.opened.astype("datetime64[D]")),
        "insured": yes_no(who.insured),
    }
    columns = {**register, **facts_columns(who, facts)}
    for text in ("age", "salary_in"):
        columns[text] = pc.cast(columns[text], pa.string())
    return pa.table(columns)


def _truth_table(plan: Plan, number: int, who: People, facts: Facts) -> pa.Table:
    """Return truth.parquet: the chances of each customer on the last day, shape (rows, 3 + 4 per product)."""
    rng = generator(plan.seed, Stream.RESPONSE, number)
    seen = features(who, facts)
    columns: dict[str, pa.Array] = {
        "customer_no": who.numbers,
        "branch_no": labels(BRANCH_NUMBERS, who.branch),
        "means": pa.array(events.means(who).astype(np.float32)),
    }
    for product in truth.PRODUCTS:
        base = truth.base_probability(product, seen)
        columns[f"p_base_{product.code}"] = pa.array(base.astype(np.float32))
        for channel, added in truth.uplifts(product, seen, base, rng).items():
            columns[f"uplift_{channel}_{product.code}"] = pa.array(added.astype(np.float32))
    return pa.table(columns)


def products_table() -> pa.Table:
    """Return products.csv: one row per product."""
    columns = ("code", "name_zh", "name_en", "department", "kind", "annual_rate")
    return pa.table({name: [getattr(product, name) for product in truth.PRODUCTS] for name in columns})


def write_bank(plan: Plan, folder: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Write all files of ``plan`` into ``folder``, ``truth.json`` last; ``progress`` gets customers done and in all.

    Files of an earlier bank in the folder are removed first, so that two banks never mix.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _remove_earlier(folder)
    sums, wrong, done = truth.Sums(), list[dict[str, object]](), 0
    with Sheets(folder) as sheets:
        for name, table in (
            ("branches.csv", branches_table()),
            ("staff.csv", staff_table(plan.seed)),
            ("products.csv", products_table()),
        ):
            sheets.add(name, table)
        for block in blocks(plan):
            wrong += [entry.located(sheets.rows[entry.file]) for entry in block.wrong]
            sums.add(block.tables["truth.parquet"])
            for name, table in block.tables.items():
                sheets.add(name, table)
            done += block.customers
            if done % plan.chunk < BLOCK or done == plan.customers:
                sheets.flush()
                progress(done, plan.customers)
    manifest = _manifest(plan, dict(sheets.rows), sums, wrong)
    (folder / "truth.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")


def _remove_earlier(folder: Path) -> None:
    for pattern in OUR_FILES:
        for file in folder.glob(pattern):
            file.unlink()


def _manifest(plan: Plan, rows: dict[str, int], sums: truth.Sums, wrong: list[dict[str, object]]) -> dict[str, object]:
    return {
        **{key: value for key, value in asdict(plan).items() if key not in ("chunk", "as_of")},
        "as_of": plan.as_of.isoformat(),
        "files": rows,
        **sums.manifest(),
        "wrong_counts": dict(Counter(str(entry["kind"]) for entry in wrong)),
        "wrong": wrong,
    }
