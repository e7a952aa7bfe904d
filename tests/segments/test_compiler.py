"""The compiled rule selects exactly whom the rule's plain meaning selects, on DuckDB."""

import json
from datetime import date

import ibis
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segments.compiler import condition, members, predicate
from segments.rules import Condition, Group, dump, parse, restore
from tests.segments.catalogue import CATALOGUE, FIELDS
from tests.segments.naive import selects
from tests.segments.strategies import AS_OF, NASTY, PATIENT, ROWS, RULES

ARROW = {
    "age": pa.int32(),
    "euribor": pa.float64(),
    "aum": pa.float64(),
    "employer": pa.string(),
    "job": pa.string(),
    "salaried": pa.bool_(),
    "overdue": pa.bool_(),
    "last_login": pa.date32(),
}
SCHEMA = pa.schema([("customer_id", pa.int64()), *ARROW.items()])


@pytest.fixture(scope="module")
def duckdb():
    connection = ibis.duckdb.connect()
    yield connection
    connection.disconnect()


def customer(**known):
    return {field.key: known.get(field.key) for field in FIELDS}


def arrow(rows):
    rows = [{**row, "customer_id": number} for number, row in enumerate(rows, start=1)]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def table_of(duckdb, rows):
    duckdb.con.register("customers", arrow(rows))
    return duckdb.table("customers")


def selected(duckdb, rule, rows, as_of=AS_OF):
    table = table_of(duckdb, rows)
    return sorted(duckdb.to_pyarrow(members(rule, table, as_of))["customer_id"].to_pylist())


@PATIENT
@given(rules=st.lists(RULES, min_size=1, max_size=4), rows=ROWS)
def test_agrees_with_the_plain_meaning(duckdb, rules, rows):
    table = table_of(duckdb, rows)
    columns = {f"rule_{number}": predicate(rule, table, AS_OF) for number, rule in enumerate(rules)}
    # a filter keeps what is true, and drops null and false alike
    columns |= {f"kept_{n}": condition(rule, table, AS_OF).fill_null(False) for n, rule in enumerate(rules)}
    answer = duckdb.to_pyarrow(table.select("customer_id", **columns)).sort_by("customer_id").to_pylist()
    for number, rule in enumerate(rules):
        expected = [selects(rule, row, AS_OF) for row in rows]
        assert [line[f"rule_{number}"] for line in answer] == expected, rule
        assert [line[f"kept_{number}"] for line in answer] == expected, rule


def test_none_of_keeps_those_of_whom_nothing_is_known(duckdb):
    rule = Group("none", (Condition("overdue", "eq", True),))
    assert selected(duckdb, rule, [customer(overdue=True), customer(overdue=False), customer()]) == [2, 3]


def test_a_comparison_with_the_unknown_does_not_hold(duckdb):
    rows = [customer(), customer(age=30), customer(age=40)]
    assert selected(duckdb, Group("all", (Condition("age", "ne", 30),)), rows) == [3]
    assert selected(duckdb, Group("all", (Condition("age", "is_empty"),)), rows) == [1]


@given(rule=RULES)
@PATIENT
def test_a_restored_rule_means_what_the_parsed_one_does(duckdb, rule):
    table = table_of(duckdb, [customer()])
    restored = restore(json.loads(json.dumps(dump(rule))))
    assert predicate(restored, table, AS_OF).equals(predicate(rule, table, AS_OF))


@pytest.mark.parametrize("op", ["ne", "gt", "ge", "not_in", "lt", "le", "between", "eq", "in"])
def test_no_number_and_no_letters_count_as_unknown(duckdb, op):
    value = {"between": (-1, 9), "in": (1,), "not_in": (1,)}.get(op, 1)
    rule = Group("all", (Condition("euribor", op, value),))
    assert selected(duckdb, rule, [customer(euribor=float("nan"))]) == []
    if op in ("ne", "not_in"):
        rule = Group("all", (Condition("employer", op, ("x",) if op == "not_in" else "x"),))
        assert selected(duckdb, rule, [customer(employer=""), customer(employer="y")]) == [2]


@pytest.mark.parametrize("text", NASTY)
def test_a_text_is_only_ever_a_text(duckdb, text):
    rows = [customer(employer=text), customer(employer=f"x{text}y"), customer(employer="other"), customer()]
    assert selected(duckdb, Group("all", (Condition("employer", "eq", text),)), rows) == [1]
    assert selected(duckdb, Group("all", (Condition("employer", "contains", text),)), rows) == [1, 2]
    assert selected(duckdb, Group("all", (Condition("employer", "not_in", (text,)),)), rows) == [2, 3]


def test_percent_and_underscore_are_no_wildcards(duckdb):
    rows = [customer(employer="100%"), customer(employer="1000"), customer(employer="a_b"), customer(employer="axb")]
    assert selected(duckdb, Group("all", (Condition("employer", "contains", "0%"),)), rows) == [1]
    assert selected(duckdb, Group("all", (Condition("employer", "contains", "a_b"),)), rows) == [3]


def test_full_width_digits_are_read_as_numbers_and_kept_in_texts(duckdb):
    items = [
        {"attribute": "age", "op": "ge", "value": "３０"},
        {"attribute": "employer", "op": "eq", "value": "１２３"},
    ]
    rule = parse({"op": "all", "items": items}, CATALOGUE)
    rows = [customer(age=30, employer="１２３"), customer(age=29, employer="１２３"), customer(age=31, employer="123")]
    assert selected(duckdb, rule, rows) == [1]


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("in_last_days", 30, [2, 3]),
        ("not_in_last_days", 30, [1, 4]),
        ("in_next_days", 1, [4]),
        ("before", date(2026, 10, 2), [1]),
        ("after", date(2026, 10, 31), [4]),
    ],
)
def test_relative_days_end_on_the_date_of_the_data(duckdb, op, value, expected):
    days = [date(2026, 10, 1), date(2026, 10, 2), date(2026, 10, 31), date(2026, 11, 1), None]
    rule = Group("all", (Condition("last_login", op, value),))
    assert selected(duckdb, rule, [customer(last_login=day) for day in days]) == expected
