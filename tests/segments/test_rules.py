"""Rules are read, checked, written and hashed; every mistake is named at its place in a sentence."""

import json
from datetime import date

import pytest
from hypothesis import given

from segments.rules import (
    DEEPEST,
    MOST_CONDITIONS,
    Condition,
    Group,
    RuleError,
    attributes,
    dump,
    parse,
    restore,
    rule_hash,
)
from tests.segments.catalogue import CATALOGUE
from tests.segments.strategies import PATIENT, RULES


def rule_of(*items, op="all"):
    return {"version": 1, "op": op, "items": list(items)}


def condition(attribute, op, value=None):
    return {"attribute": attribute, "op": op, "value": value}


def problems(data):
    with pytest.raises(RuleError) as caught:
        parse(data, CATALOGUE)
    return caught.value.fields


def problem(*args):
    (sentence,) = problems(rule_of(condition(*args))).values()
    return sentence


@PATIENT
@given(RULES)
def test_parse_of_dump_is_the_rule_itself(rule):
    through_json = json.loads(json.dumps(dump(rule)))
    assert parse(through_json, CATALOGUE) == rule
    assert rule_hash(parse(through_json, CATALOGUE)) == rule_hash(rule)
    assert dump(restore(through_json)) == dump(rule)


def test_reads_what_people_type():
    rule = parse(
        rule_of(
            condition("age", "between", ["２５", " 55 "]),
            condition("aum", "ge", "¥50,000.00"),
            condition("last_login", "after", "2026/9/1"),
            condition("salaried", "eq", "true"),
            condition("job", "in", ["doctor", "teacher", "doctor"]),
        ),
        CATALOGUE,
    )
    assert rule == Group(
        "all",
        (
            Condition("age", "between", (25, 55)),
            Condition("aum", "ge", 50000),
            Condition("last_login", "after", date(2026, 9, 1)),
            Condition("salaried", "eq", True),
            Condition("job", "in", ("doctor", "teacher")),
        ),
    )
    assert attributes(rule) == {"age", "aum", "last_login", "salaried", "job"}


def test_the_hash_follows_the_meaning_not_the_spelling():
    typed = parse(rule_of(condition("age", "ge", "1,000")), CATALOGUE)
    sent = parse({"items": [{"value": 1000.0, "op": "ge", "attribute": "age"}], "op": "all"}, CATALOGUE)
    other = parse(rule_of(condition("age", "ge", 1001)), CATALOGUE)
    assert rule_hash(typed) == rule_hash(sent) != rule_hash(other)


def test_names_an_attribute_that_is_gone():
    assert problem("shoe_size", "eq", 42) == (
        "The attribute “shoe_size” no longer exists; remove the condition or choose another attribute."
    )


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("age", "ge", ""), "Enter a value."),
        (("age", "ge", "thirty"), "“thirty” is not a number."),
        (("age", "ge", True), "Enter a number here."),
        (("age", "ge", "1e400"), "too large"),
        (("age", "ge", 10**400), "too large"),
        (("age", "ge", "nan"), "is not a number"),
        (("age", "ge", "1_000"), "is not a number"),
        (("age", "contains", "3"), "does not fit"),
        (("age", ["ge"], 3), "does not fit"),
        (("age", "between", [55, 25]), "swap them"),
        (("age", "between", [25]), "both a lower and an upper"),
        (("age", "between", [25, None]), "Enter a value."),
        (("job", "in", []), "at least one value"),
        (("job", "eq", "astronaut"), "“astronaut” is not among the choices"),
        (("job", "in", ["doctor", 7]), "“7” is not among the choices"),
        (("salaried", "eq", "maybe"), "Choose yes or no."),
        (("salaried", "ne", True), "does not fit"),
        (("last_login", "before", "2026-02-30"), "“2026-02-30” is not a date"),
        (("last_login", "before", 20260101), "is not a date"),
        (("last_login", "before", "9999-12-31"), "between the years"),
        (("last_login", "in_last_days", 0), "between 1 and 36,500"),
        (("last_login", "in_last_days", "1.5"), "between 1 and 36,500"),
        (("last_login", "in_last_days", ""), "Enter a number of days."),
        (("employer", "eq", 5), "Enter text here."),
        (("employer", "eq", "x" * 201), "too long"),
        (("employer", "contains", "a\x00b"), "cannot be stored"),
        (("employer", "contains", "\ud800"), "cannot be stored"),
        ((None, "eq", 5), "Choose an attribute"),
    ],
)
def test_says_what_is_wrong_with_a_value(args, said):
    assert said in problem(*args)


def test_finds_every_problem_and_its_place():
    data = rule_of(
        condition("age", "between", [25, 55]),
        {"op": "any", "items": [condition("job", "eq", "doctor"), condition("age", "ge", "x")]},
        {"op": "none", "items": []},
        {"op": "most", "items": [condition("age", "ge", 1)]},
        "nonsense",
    )
    found = problems(data)
    assert list(found) == ["1.1", "2", "3", "4"]
    assert "empty" in found["2"]


@pytest.mark.parametrize("data", [None, [], "all", 7, {}, {"op": "all"}, {"version": 2, "op": "all", "items": []}])
def test_refuses_what_is_no_rule(data):
    assert list(problems(data)) == [""]


def test_an_empty_rule_is_refused():
    assert problems(rule_of()) == {"": "This group is empty; add a condition or remove the group."}


def test_limits_the_number_of_conditions():
    item = condition("age", "ge", 1)
    parse(rule_of(*[item] * MOST_CONDITIONS), CATALOGUE)
    found = problems(rule_of(*[item] * (MOST_CONDITIONS + 300)))
    assert found == {"": "A rule may hold at most 200 conditions; this one holds 500."}


def test_limits_the_depth():
    def nested(depth):
        return condition("age", "ge", 1) if depth == 0 else {"op": "all", "items": [nested(depth - 1)]}

    parse(nested(DEEPEST), CATALOGUE)
    (sentence,) = problems(nested(50)).values()
    assert "at most 10 deep" in sentence
