"""What a text says to one person: placeholders, parts, price."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import content

CN = "cn"
GSM = "gsm"


# -- placeholders -------------------------------------------------------------------------------------------------


def test_names_each_placeholder_once_in_order():
    assert content.placeholders("{{称呼}}，额度{{额度}}元，{{称呼}}") == ["称呼", "额度"]


@pytest.mark.parametrize(
    "text",
    [
        "｛｛称呼｝｝您好",
        "{{ 称呼 }}您好",
        "{{称呼 }}",
        "{{}}",
        "{{ }}",
        "{称呼}",
        "{{称呼}",
        "称呼}}",
        "{{{称呼}}}",
        "{{a{{b}}",
    ],
)
def test_looks_like_a_placeholder_but_is_not(text):
    with pytest.raises(content.TextError) as error:
        content.placeholders(text)
    assert len(str(error.value)) > 20, "the writer is told in a sentence"


@pytest.mark.parametrize(
    "text",
    ["{{ user.password }}", "{{user.password}}", "{{c.__init__.__globals__}}", "{{名|upper}}", "{{x()}}", "{{a[0]}}"],
)
def test_a_name_is_never_evaluated(text):
    class Loaded(str):
        password = "secret"

    with pytest.raises((content.MissingValue, content.TextError)):
        content.render(text, {"user": Loaded("x"), "c": "y", "名": "z", "a": "q"})


def test_percent_and_dollar_signs_are_plain_words():
    assert content.render("优惠%s$name{{a}}", {"a": "1"}) == "优惠%s$name1"


@pytest.mark.parametrize("value", [None, "", "   ", "\u200b", "【】", "http://evil.example/x", "额" * 41])
def test_a_person_without_a_usable_value_is_left_out(value):
    with pytest.raises(content.MissingValue) as error:
        content.render("您的额度{{额度}}元", {"额度": value})
    assert error.value.name == "额度"


def test_unknown_name_is_missing_not_blank():
    with pytest.raises(content.MissingValue):
        content.render("您的额度{{额度}}元", {})


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("王【江州银行】", "王江州银行"),
        ("王\r\n五", "王 五"),
        ("王\x00五\x1b\u200b\u202e", "王五"),
        ("看http://evil.example/a?b=1", "看"),
        ("看 www.evil.cn/1 吧", "看 吧"),
        ("evil.com/abc", ""),
        ("回T退订", "回T"),
        ("{{年化利率}}", "年化利率"),
        ("  王  五 ", "王 五"),
        ("3.6%", "3.6%"),
        ("12,345.00", "12,345.00"),
    ],
)
def test_a_value_cannot_change_what_surrounds_it(raw, clean):
    assert content.clean(raw) == clean


def test_a_value_holding_a_placeholder_is_not_filled_again():
    assert content.render("{{a}}{{b}}", {"a": "{{b}}", "b": "1"}) == "b1"


@given(st.text(max_size=60))
def test_any_value_leaves_signature_and_lines_alone(value):
    text = "甲{{a}}乙"
    try:
        sent = content.render(text, {"a": value})
    except content.MissingValue:
        return
    assert sent.startswith("甲") and sent.endswith("乙") and len(sent) > 2
    assert not set(sent) & set("【】\n\r\x00{}")


def test_names_resolve_key_labels_and_built_ins():
    known = content.names([("fund_months", "公积金月数", "Fund months"), ("rate", "年化利率", "Rate")])
    assert known["fund_months"] == known["公积金月数"] == known["Fund months"] == "fund_months"
    assert known["年化利率"] == "annual_rate", "the product's own rate, whatever an attribute is called"
    assert content.unknown("{{称呼}}{{salutation}}{{公积金月数}}{{余额}}", known) == ["余额"]


def test_filled_pieces_say_which_came_from_a_value():
    pieces = content.filled("{{a}}您好", {"a": "王女士"})
    assert [(p.text, p.is_name) for p in pieces] == [("王女士", True), ("您好", False)]


@pytest.mark.parametrize(
    ("name", "gender", "said"),
    [
        ("王芳", "F", "王女士"),
        ("陈伟", "男", "陈先生"),
        ("欧阳建国", "M", "欧阳先生"),
        ("欧阳", "M", "欧先生"),
        ("李静", None, "客户"),
        (None, "F", "客户"),
        ("Smith", "M", "客户"),
        ("【骗】王", "M", "骗先生"),
    ],
)
def test_salutation(name, gender, said):
    assert content.salutation(name, gender) == said


# -- the message as sent ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "opt_out", "sent"),
    [
        ("您好。", "拒收请回复R", "【江州银行】您好。拒收请回复R"),
        ("您好", "拒收请回复R", "【江州银行】您好，拒收请回复R"),
        ("Hello", "Reply STOP", "【江州银行】Hello Reply STOP"),
        ("您好。拒收请回复R", "拒收请回复R", "【江州银行】您好。拒收请回复R"),
    ],
)
def test_compose(body, opt_out, sent):
    assert content.compose("江州银行", body, opt_out) == sent
    assert content.compose("【江州银行】", body, opt_out) == sent


# -- parts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "profile", "parts", "encoding"),
    [
        ("a" * 160, GSM, 1, "gsm7"),
        ("a" * 161, GSM, 2, "gsm7"),
        ("€" * 80, GSM, 1, "gsm7"),
        ("€" * 81, GSM, 2, "gsm7"),
        ("a" * 152 + "€" + "b" * 152, GSM, 3, "gsm7"),
        ("好" * 70, GSM, 1, "ucs2"),
        ("好" * 71, GSM, 2, "ucs2"),
        ("好" * 134, GSM, 2, "ucs2"),
        ("好" * 135, GSM, 3, "ucs2"),
        ("好" * 66 + "😀" + "好" * 66, GSM, 3, "ucs2"),
        ("a`b", GSM, 1, "ucs2"),
        ("¥100", GSM, 1, "gsm7"),
        ("￥100", GSM, 1, "ucs2"),
        ("a" * 306, GSM, 2, "gsm7"),
        ("a" * 307, GSM, 3, "gsm7"),
        ("^{}[]~\\€|" * 8, GSM, 1, "gsm7"),
        ("字" * 160, CN, 3, "cn"),
        ("a" * 70, CN, 1, "cn"),
        ("a" * 71, CN, 2, "cn"),
        ("字" * 134, CN, 2, "cn"),
        ("a" * 135, CN, 3, "cn"),
        ("", CN, 0, "cn"),
    ],
)
def test_parts(text, profile, parts, encoding):
    cut = content.sms_parts(text, profile)
    assert (cut.count, cut.encoding) == (parts, encoding)
    assert "".join(cut.segments) == text


def test_domestic_parts_are_67_67_26():
    assert [len(part) for part in content.sms_parts("字" * 160, CN).segments] == [67, 67, 26]


@given(st.text(alphabet="ab€^好😀{}", max_size=400), st.sampled_from([CN, GSM]))
def test_no_part_is_over_length_or_splits_a_character(text, profile):
    cut = content.sms_parts(text, profile)
    assert "".join(cut.segments) == text
    size = {
        "cn": len,
        "gsm7": lambda s: sum(2 if c in "€^{}" else 1 for c in s),
        "ucs2": lambda s: len(s.encode("utf-16-le")) // 2,
    }
    limit = {"cn": (70, 67), "gsm7": (160, 153), "ucs2": (70, 67)}[cut.encoding][cut.count > 1]
    assert all(size[cut.encoding](part) <= limit for part in cut.segments)


def test_signature_and_opt_out_count():
    whole = content.compose("江州银行", "字" * 60, "拒收请回复R")
    assert content.sms_parts("字" * 60, CN).count == 1
    assert content.sms_parts(whole, CN).count == 2


def test_the_longest_value_may_cost_another_part():
    text = "字" * 66 + "{{称呼}}"
    usual = content.sms_parts(content.render(text, {"称呼": "王女士"}), CN)
    widest = content.sms_parts(content.longest(text, {"称呼": "欧阳女士您"}), CN)
    assert (usual.count, widest.count) == (1, 2)
    assert len(content.longest(text, {})) == 66 + content.MAX_VALUE, "unknown counts as the cap"


def test_cost_is_exact():
    assert content.cost(36_480, Decimal("0.072")) == Decimal("2626.560")


@pytest.mark.parametrize("plain", ["王建国", "58,000", "2026年11月2日", "", "王退订国", "拒收", "退，订"])
def test_the_short_way_through_plain_words_cleans_as_the_long_way(plain, monkeypatch):
    quick = content.clean(plain)
    monkeypatch.setattr(content, "_PLAIN", re.compile(r"(?!)"))  # matches nothing: everything goes the long way
    assert quick == content.clean(plain)
