"""Counts, waterfalls and samples over a published warehouse, for the customers a person may see."""

import pytest

from marketing.lib.errors import UserError
from segments.catalogue import catalogue
from segments.counting import count
from segments.explain import effects, waterfall
from segments.rules import RuleError, parse
from segments.sampling import columns, sample
from tests.segments.conftest import ADULTS, AS_OF, condition, rule_of

pytestmark = pytest.mark.django_db


def parsed(*items, op="all"):
    return parse(rule_of(*items, op=op), catalogue())


RICH_OR_RECENT = {
    "op": "any",
    "items": [condition("aum", "ge", 60_000), condition("last_login", "in_last_days", 30)],
}


def test_counts_the_members_among_all_customers(cast, people):
    counted = count(parse(ADULTS, catalogue()), cast.marketer)
    assert (counted.size, counted.total, counted.as_of) == (4, 6, AS_OF)
    assert counted.share == pytest.approx(4 / 6)
    assert 0 < counted.seconds < 5


def test_a_branch_counts_its_own_customers_only(cast, people):
    counted = count(parse(ADULTS, catalogue()), cast.branch_manager)
    assert (counted.size, counted.total) == (3, 4)
    assert count(parse(ADULTS, catalogue()), cast.west_rm).total == 2


def test_nobody_is_a_fine_answer(cast, people):
    assert count(parsed(condition("age", "gt", 200)), cast.marketer).size == 0


def test_without_data_it_says_what_to_do(cast, attributes):
    with pytest.raises(UserError, match="Load a customers file"):
        count(parse(ADULTS, catalogue()), cast.marketer)


def test_an_attribute_without_values_yet_is_named_at_its_condition(cast, people, attributes):
    attributes["age"].pk = None
    attributes["age"].key = "shoe_size"
    attributes["age"].save()
    with pytest.raises(RuleError) as caught:
        count(parsed(condition("age", "ge", 1), condition("shoe_size", "ge", 40)), cast.marketer)
    assert caught.value.fields == {"1": "The data of 2026-10-31 holds no values of this attribute yet."}


def test_the_waterfall_ends_at_the_count_and_every_step_adds_up(cast, people):
    rule = parsed(
        condition("age", "between", [25, 55]),
        RICH_OR_RECENT,
        {"op": "none", "items": [condition("job", "eq", "teacher"), condition("aum", "lt", 20_000)]},
    )
    explained = waterfall(rule, cast.marketer)
    assert [(s.path, s.removed, s.left) for s in explained.steps] == [
        ((0,), 2, 4),  # the young and the unknown
        ((1,), 1, 3),  # neither rich nor recent
        ((2, 0), 2, 1),  # teachers
        ((2, 1), 0, 1),
    ]
    assert explained.total == 6
    assert explained.matches == {(1, 0): 2, (1, 1): 2}
    assert explained.steps[-1].left == count(rule, cast.marketer).size
    shown = effects(explained)
    assert shown[(2,)] == ("out", 2)
    assert shown[(1, 1)] == ("match", 2)


@pytest.mark.parametrize(("op", "size"), [("any", 5), ("none", 1)])
def test_a_waterfall_of_any_and_of_none(cast, people, op, size):
    rule = parsed(condition("age", "ge", 35), condition("aum", "ge", 60_000), op=op)
    assert waterfall(rule, cast.marketer).steps[-1].left == count(rule, cast.marketer).size == size


def test_the_waterfall_keeps_to_the_branch(cast, people):
    explained = waterfall(parse(ADULTS, catalogue()), cast.rm)
    assert (explained.total, explained.steps[-1].left) == (4, 3)


def test_the_sample_is_masked_and_of_members_only(cast, people):
    rule = parsed(condition("age", "ge", 40), condition("job", "in", ["teacher", "doctor"]))
    shown = sample(rule, cast.marketer)
    assert columns(rule) == ["age", "job"]
    assert {(e.customer.number, *e.values) for e in shown} == {("C2", 40, "doctor"), ("C3", 50, "teacher")}
    assert all("*" in e.customer.masked_name and "*" in e.customer.masked_phone for e in shown)


def test_the_sample_keeps_to_the_branch(cast, people):
    shown = sample(parsed(condition("salaried", "eq", True)), cast.west_rm)
    assert [e.customer.number for e in shown] == ["C5"]
