"""The quick way of writing a text gives what the campaign's preview gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Department
from campaigns import content
from campaigns.models import Campaign, ContactPolicy, Variant
from customers.models import Product
from delivery.wording import Wording

POLICY = ContactPolicy(signature="江州银行", opt_out_text="拒收请回复R", length_profile="cn")
CAMPAIGN = Campaign(product=Product(name_zh="装修贷", annual_rate="3.6%起（单利）", department=Department()))
TEXTS = [
    "{{称呼}}，{{产品}}{{年化利率}}，{{额度}}元",
    "{{额度}}{{额度}}",
    "没有变量",
    "{{salutation}} {{product}}，拒收请回复R",
]


def wording(text: str, profile: str = "cn") -> Wording:
    policy = ContactPolicy(signature="江州银行", opt_out_text="拒收请回复R", length_profile=profile)
    return Wording(variant=Variant(text=text), campaign=CAMPAIGN, policy=policy)


@given(
    text=st.sampled_from(TEXTS),
    name=st.one_of(st.none(), st.text(max_size=6), st.sampled_from(["王芳", "欧阳修远", "王【】", "T" * 50])),
    amount=st.one_of(st.none(), st.text(max_size=60), st.sampled_from(["50,000", "http://x.cn/a", "退订"])),
    gender=st.sampled_from(["M", "F", "", None]),
)
def test_it_is_what_content_says(text: str, name: str | None, amount: str | None, gender: str | None) -> None:
    facts = {key: value for key, value in {"额度": amount, "gender": gender}.items() if value is not None}
    salutation = content.salutation(name, gender)
    values = facts | content.built_in_values(salutation=salutation, annual_rate="3.6%起（单利）", product="装修贷")
    try:
        expected = content.compose(POLICY.signature, content.render(text, values), POLICY.opt_out_text)
    except content.MissingValue as missing:
        with pytest.raises(content.MissingValue, match=missing.name):
            wording(text).text(facts, name)
        return
    written = wording(text)
    assert written.text(facts, name) == expected
    assert written.parts(expected) == content.sms_parts(expected).count


def test_a_fact_cannot_stand_in_for_the_products_rate() -> None:
    assert "3.6%" in wording("{{年化利率}}").text({"年化利率": "0%"})


def test_international_parts_depend_on_the_characters() -> None:
    international = wording("x", profile="gsm")
    assert international.parts("a" * 160) == 1
    assert international.parts("好" + "a" * 159) == 3


def test_a_name_is_asked_for_only_where_it_is_used() -> None:
    assert wording("{{称呼}}").needs_name
    assert not wording("{{额度}}").needs_name
