"""What must not go out."""

import pytest

from campaigns import content, lint

RATE = "年化利率{{年化利率}}"
WORDING = lint.Wording(signature="江州银行", opt_out="拒收请回复R", annual_rate="3.6%", max_values={"年化利率": "3.6%"})


def codes(text, kind="loan", wording=WORDING):
    return [finding.code for finding in lint.lint(text, kind, wording)]


def test_a_proper_text_passes():
    assert codes(f"{{{{称呼}}}}，装修贷可申请，{RATE}（单利），详情 jzb.cn/f，贷款以审批为准。") == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"【江州银行】{RATE}", "brackets"),
        (f"{{{{余额}}}}元，{RATE}", "unknown"),
        (f"｛｛称呼｝｝，{RATE}", "placeholder"),
        (f"¥100，{RATE}", "special"),
        (f"★{RATE}", "special"),
        (f"※{RATE}", "special"),
        (f"A&B{RATE}", "special"),
        (f"^_^{RATE}", "special"),
        (f"[新]{RATE}", "special"),
        (f"😀{RATE}", "emoji"),
        ("装修贷可申请", "annual_rate"),
        ("日息万二起", "short_cost"),
        ("分期手续费低", "short_cost"),
        (f"jzb.cn/f/{{{{称呼}}}} {RATE}", "variable_link"),
        (f"https://jzb.cn/?c={{{{称呼}}}} {RATE}", "variable_link"),
        ("字" * 500 + RATE, "too_long"),
        (" ", "empty"),
    ],
)
def test_finds(text, code):
    found = [f for f in lint.lint(text, "loan", WORDING) if f.code == code]
    assert found and found[0].level == "error" and len(found[0].sentence) > 15


@pytest.mark.parametrize(
    "phrase",
    [
        *["保本", "保 本", "保\u200b本", "保·本", "保　本", "保*本", "无风险", "無風險", "零风险", "稳赚", "穩賺"],
        *["稳 赚 不赔", "央行认证", "央行認證", "国家担保", "最低利率", "利率最低", "最 低", "秒批", "秒\u2060批"],
        *["免费提额", "免費提額", "不看征信", "不看徵信", "１００％通过", "０利息", "以贷还贷", "保证收益"],
    ],
)
def test_banned_for_a_loan_however_it_is_written(phrase):
    assert "banned" in codes(f"本产品{phrase}，{RATE}")


@pytest.mark.parametrize(
    "phrase", ["为确保本人操作", "环保本行先行", "医保本月", "最低还款额", "担保本人", "风险提示", "投保本单"]
)
def test_innocent_neighbours_pass(phrase):
    assert "banned" not in codes(f"{phrase}，{RATE}")


def test_bans_depend_on_the_product():
    assert "banned" in codes(f"秒批，{RATE}", "card")
    assert "banned" not in codes("转账秒批", "service")
    assert "banned" in codes("保本理财", "service"), "a promise of safety is banned everywhere"


def test_annual_rate_only_for_credit():
    assert "annual_rate" in codes("信用卡分期优惠", "card")
    assert codes("开通手机银行享立减", "service") == []
    assert "short_cost" not in codes(f"手续费五折，{RATE}", "card"), "beside the annual rate it is allowed"


def test_a_rate_has_to_exist():
    assert "no_rate" in codes(RATE, wording=lint.Wording("江州银行", "拒收请回复R"))


def test_the_text_says_how_to_refuse():
    assert "opt_out" in codes(RATE, wording=lint.Wording("江州银行", "", annual_rate="3.6%"))
    twice = lint.lint(f"{RATE}。回T退订", "loan", WORDING)
    assert [(f.code, f.level) for f in twice] == [("opt_out_twice", "warning")]
    assert codes(f"{RATE}。拒收请回复R") == [], "the policy's own wording may be typed"


def test_errors_come_first():
    levels = [f.level for f in lint.lint("回T退订，保本", "loan", WORDING)]
    assert levels == sorted(levels), "error sorts before warning"
    assert set(levels) == {"error", "warning"}


def test_longest_value_warning():
    assert lint.parts_warning(content.sms_parts("字" * 70), content.sms_parts("字" * 71)).level == "warning"
    assert lint.parts_warning(content.sms_parts("字" * 70), content.sms_parts("字" * 70)) is None
