"""The segments and campaigns with which the demo bank opens its doors."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any


def condition(attribute: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"attribute": attribute, "op": op} | ({} if value is None else {"value": value})


def every(*items: dict[str, Any]) -> dict[str, Any]:
    return {"op": "all", "items": list(items)}


def none(*items: dict[str, Any]) -> dict[str, Any]:
    return {"op": "none", "items": list(items)}


RULES: dict[str, tuple[str, str, dict[str, Any]]] = {
    # key: (name, owner's user name, rule)
    "renovation": (
        "装修消费贷潜客",
        "loan.marketer",
        every(
            condition("age", "between", [25, 55]),
            condition("preapproved_limit", "ge", 30000),
            none(condition("overdue_days_max_12m", "gt", 30)),
        ),
    ),
    "fund": (
        "公积金稳定缴存客户",
        "loan.marketer",
        every(condition("housing_fund_months", "ge", 24), condition("preapproved_limit", "gt", 0)),
    ),
    "newcomers": (
        "新市民首贷客群",
        "loan.marketer",
        every(
            condition("age", "between", [22, 40]),
            condition("preapproved_limit", "gt", 0),
            {
                "op": "any",
                "items": [condition("salary_paid_here", "eq", True), condition("app_logins_30d", "ge", 8)],
            },
            none(condition("has_mortgage", "eq", True)),
        ),
    ),
    "salary_no_card": (
        "代发未持卡客户",
        "card.marketer",
        every(condition("salary_paid_here", "eq", True), condition("has_credit_card", "eq", False)),
    ),
    "sleeping_limit": (
        "睡眠额度客户",
        "card.marketer",
        every(
            condition("has_credit_card", "eq", True),
            condition("card_limit", "ge", 10000),
            condition("card_use_rate", "lt", 0.1),
        ),
    ),
    "not_online": (
        "未开通手机银行客户",
        "online.marketer",
        every(condition("online_banking", "eq", False), condition("age", "le", 60)),
    ),
}


@dataclass(frozen=True)
class Story:
    """One campaign and how far it has come: `finished` (days ago it began), `running`, `in_review` or `draft`."""

    name: str
    by: str
    segment: str
    product: str
    text: str
    came_to: str
    days_ago: int = 0
    goal_days: int = 14
    budget: Decimal = Decimal(2000)


LOAN_TEXT = (
    "{{称呼}}，您有一笔预授信额度{{预授信额度}}元可用于装修，{{年化利率}}，"
    "手机银行搜索“装修贷”即可申请，贷款以审批为准。"
)
FUND_TEXT = (
    "{{称呼}}，您的公积金缴存稳定，可申请消费贷款，预授信额度{{预授信额度}}元，{{年化利率}}，"
    "详询开户网点，贷款以审批为准。"
)
NEW_TEXT = "{{称呼}}，新市民首笔消费贷款可享专属额度{{预授信额度}}元，{{年化利率}}，手机银行即可申请，贷款以审批为准。"
CARD_TEXT = "{{称呼}}，您在我行代发工资，可优先申请信用卡，{{年化利率}}，手机银行首页即可办理，以审批为准。"
SLEEP_TEXT = "{{称呼}}，您的信用卡额度{{信用卡额度}}元正等您使用，账单{{年化利率}}，详情见手机银行。"
ONLINE_TEXT = "{{称呼}}，开通手机银行即可随时查询账户、转账缴费，携身份证到任一网点几分钟办好，首月更有支付立减。"

STORIES = (
    Story("公积金客户首贷 第 1 批", "loan.marketer", "fund", "consumer_loan", FUND_TEXT, "finished", 19),
    Story("代发客户办卡礼", "card.marketer", "salary_no_card", "credit_card", CARD_TEXT, "finished", 18),
    Story("手机银行开通有礼", "online.marketer", "not_online", "online_banking", ONLINE_TEXT, "finished", 17),
    Story("装修季消费贷 第 1 批", "loan.marketer", "renovation", "consumer_loan", LOAN_TEXT, "finished", 16),
    Story("睡眠额度唤醒", "card.marketer", "sleeping_limit", "card_instalment", SLEEP_TEXT, "in_review"),
    Story("新市民首贷礼", "loan.marketer", "newcomers", "consumer_loan", NEW_TEXT, "in_review"),
    Story("装修季消费贷 第 2 批", "loan.marketer", "renovation", "consumer_loan", LOAN_TEXT, "running"),
    Story("年末信用卡分期", "card.marketer", "sleeping_limit", "card_instalment", SLEEP_TEXT, "draft"),
)
