"""A rule reads as one sentence in either language."""

import pytest
from hypothesis import given

from segments.rules import Condition, Group, attributes
from segments.wording import Span, phrase, plain, sentence
from tests.segments.catalogue import CATALOGUE
from tests.segments.strategies import PATIENT, RULES

RULE = Group(
    "all",
    (
        Condition("age", "between", (25, 55)),
        Condition("salaried", "eq", True),
        Group("any", (Condition("aum", "ge", 50_000), Condition("last_login", "in_last_days", 30))),
        Group("none", (Condition("overdue", "eq", True), Condition("job", "in", ("teacher", "doctor")))),
    ),
)


def test_english():
    assert plain(sentence(RULE, CATALOGUE, "en")) == (
        "Customers whose age is 25–55 years, salary paid here is yes, and "
        "(AUM is at least ¥50,000, or last sign-in is within the last 30 days); "
        "without those whose overdue now is yes, or occupation is teacher or doctor."
    )


def test_chinese():
    assert plain(sentence(RULE, CATALOGUE, "zh-hans")) == (
        "年龄在 25–55 岁之间，代发工资客户为“是”，且（金融资产不低于 ¥50,000，或最近登录在近 30 天内）的客户；"
        "不含当前逾期为“是”，或职业为教师或医生的客户。"
    )


def test_marks_conditions_and_the_word_that_shuts_out():
    spans = sentence(RULE, CATALOGUE, "en")
    assert Span("age is 25–55 years", "strong") in spans
    assert [span.text for span in spans if span.kind == "not"] == ["without"]


@pytest.mark.parametrize(
    ("condition", "zh", "en"),
    [
        (("age", "ge", 60), "年龄不低于 60 岁", "age is at least 60 years"),
        (("age", "between", (-5, 5)), "年龄在 −5 岁至 5 岁之间", "age is between −5 years and 5 years"),
        (("euribor", "lt", 1.5), "欧元利率低于 1.5%", "euribor 3m is below 1.5%"),
        (("aum", "is_empty", None), "金融资产未知", "AUM is unknown"),
        (("aum", "gt", 1_234_567), "金融资产高于 ¥1,234,567", "AUM is above ¥1,234,567"),
        (("employer", "contains", "50% O'B"), "单位包含“50% O'B”", "employer contains “50% O'B”"),
        (("job", "not_in", ("clerk",)), "职业不为公务员", "occupation is not civil servant"),
        (("last_login", "in_last_days", 1), "最近登录在近 1 天内", "last sign-in is within the last 1 day"),
        (("last_login", "le", "2026-10-31"), "最近登录不晚于 2026-10-31", "last sign-in is on or before 2026-10-31"),
        (("gone", "eq", 3), "“gone”为 3", "“gone” is 3"),
    ],
)
def test_each_condition_reads_well(condition, zh, en):
    assert phrase(Condition(*condition), CATALOGUE, "zh-hans") == zh
    assert phrase(Condition(*condition), CATALOGUE, "en") == en


def test_a_long_list_says_how_many_more():
    text = phrase(Condition("age", "in", tuple(range(100))), CATALOGUE, "en")
    assert text.endswith("6 years or one of 93 more")


def test_a_rule_of_none_speaks_of_everybody_else():
    rule = Group("none", (Condition("overdue", "eq", True),))
    assert plain(sentence(rule, CATALOGUE, "en")) == "All customers without those whose overdue now is yes."
    assert plain(sentence(rule, CATALOGUE, "zh-hans")) == "全部客户，不含当前逾期为“是”的客户。"


@PATIENT
@given(RULES)
def test_every_rule_has_a_sentence_that_names_each_attribute(rule):
    for language in ("zh-hans", "en"):
        text = plain(sentence(rule, CATALOGUE, language))
        assert text.endswith(("。", "."))
        for key in attributes(rule):
            label = CATALOGUE[key].label.in_language(language)
            assert label[1:] in text
