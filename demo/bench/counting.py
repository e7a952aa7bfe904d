"""`count`: how many customers a rule selects, against SQL written by hand on the same Parquet file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import duckdb

from demo.bench.ground import Ground
from demo.bench.measure import Race, Side
from demo.stories import condition, every, none
from segments import counting
from segments.catalogue import catalogue
from segments.rules import parse
from warehouse import engine

# name: (rule, the same as a WHERE; $as_of is the date of the data)
RULES: dict[str, tuple[dict[str, Any], str]] = {
    "one condition": (every(condition("online_banking", "eq", True)), "online_banking"),
    "two ranges": (
        every(condition("age", "between", [25, 55]), condition("preapproved_limit", "ge", 30000)),
        "age BETWEEN 25 AND 55 AND preapproved_limit >= 30000",
    ),
    "choices and a text": (
        every(
            condition("occupation", "in", ["salaried", "civil_servant", "self_employed"]),
            condition("risk_grade", "ne", "R5"),
            condition("branch", "in", ["B001", "B002", "B003", "B004", "B005"]),
        ),
        "occupation IN ('salaried', 'civil_servant', 'self_employed') AND risk_grade <> 'R5' AND risk_grade <> ''"
        " AND branch IN ('B001', 'B002', 'B003', 'B004', 'B005')",
    ),
    "dates and unknowns": (
        every(
            condition("last_app_login", "in_last_days", 30),
            condition("card_limit", "is_empty"),
            condition("open_date", "before", "2022-01-01"),
        ),
        "last_app_login > $as_of - INTERVAL 30 DAY AND last_app_login <= $as_of"
        " AND (card_limit IS NULL OR isnan(card_limit)) AND open_date < DATE '2022-01-01'",
    ),
    "six conditions": (
        every(
            condition("age", "between", [25, 60]),
            condition("aum", "ge", 5000),
            {"op": "any", "items": [condition("salary_paid_here", "eq", True), condition("app_logins_30d", "ge", 8)]},
            none(condition("overdue_days_max_12m", "gt", 30), condition("has_mortgage", "eq", True)),
        ),
        "age BETWEEN 25 AND 60 AND aum >= 5000 AND (salary_paid_here OR app_logins_30d >= 8)"
        " AND NOT (coalesce(overdue_days_max_12m > 30, false) OR coalesce(has_mortgage, false))",
    ),
}


def races(ground: Ground) -> Iterator[Race]:
    """Yield one race per rule; both sides must count the same people."""
    customers, by = ground.loaded, ground.office["marketer"]
    partition = engine.attributes_partition()
    assert partition is not None
    path, as_of = engine.root() / partition.path, engine.as_of_date(partition)
    bare = duckdb.connect(config={"threads": os.cpu_count() or 1})
    known = catalogue()
    for name, (data, where) in RULES.items():
        rule = parse(data, known)
        select = f"SELECT count(*) FROM read_parquet('{engine.quoted(path)}') WHERE {where}"  # noqa: S608
        arguments = {"as_of": as_of} if "$as_of" in where else None

        def ours(rule: Any = rule) -> int:
            return counting.count(rule, by).size

        def floor(select: str = select, arguments: Any = arguments) -> int:
            return int(bare.execute(select, arguments).fetchall()[0][0])

        if ours() != floor():
            raise RuntimeError(f"count: {name}: {ours()} by the rule, {floor()} by hand")
        yield Race(f"count: {name}", customers, Side(ours), Side(floor), target=1.3, most_seconds=0.5, repeat=5)
