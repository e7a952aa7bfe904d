"""The demo bank's head office: departments, contact policy, and one person per role."""

from __future__ import annotations

from datetime import datetime, time
from decimal import Decimal

from accounts import people
from accounts.models import Branch, Department, Role, User
from campaigns.models import ContactPolicy
from customers.models import Channel

DEPARTMENTS = (
    ("loan", "零售贷款部", "Retail loans"),
    ("card", "信用卡部", "Credit cards"),
    ("online", "网络金融部", "Online banking"),
)
# user name, display name, role, department, works at the first branch
PEOPLE = (
    ("loan.marketer", "李晓雯", Role.MARKETER, "loan", False),
    ("loan.manager", "王建国", Role.MANAGER, "loan", False),
    ("card.marketer", "陈思远", Role.MARKETER, "card", False),
    ("card.manager", "周敏", Role.MANAGER, "card", False),
    ("online.marketer", "吴桐", Role.MARKETER, "online", False),
    ("online.manager", "郑凯", Role.MANAGER, "online", False),
    ("branch.manager", "孙丽华", Role.BRANCH_MANAGER, "", True),
    ("branch.rm", "何俊", Role.RM, "", True),
    ("analyst", "林一帆", Role.ANALYST, "", False),
    ("compliance", "赵敏", Role.COMPLIANCE, "", False),
    ("auditor", "钱正", Role.AUDITOR, "", False),
    ("admin", "系统管理员", Role.ADMIN, "", False),
)


def open_office(*, at: datetime) -> None:
    """Set up what a bank has before any file arrives: departments and the contact policy for SMS.

    The demo sends at any hour, so that it can be tried at any hour; a bank's policy opens at 08:00 and closes at 20:00.
    """
    for code, zh, en in DEPARTMENTS:
        Department.objects.update_or_create(code=code, defaults={"name_zh": zh, "name_en": en})
    ContactPolicy.objects.update_or_create(
        channel=Channel.SMS,
        defaults={
            "signature": "江州银行",
            "opt_out_text": "拒收请回复R",
            "length_profile": "cn",
            "price_per_part": Decimal("0.045"),
            "open_from": time(0, 0),
            "open_until": time(23, 59, 59),
            "cap_contacts": 4,
            "cap_days": 30,
            "minimum_age": 18,
            "updated_at": at,
        },
    )


def hire(*, password: str, at: datetime) -> dict[str, User]:
    """Give every role a person who may sign in with the demo password; returns them by user name."""
    departments = {d.code: d for d in Department.objects.all()}
    branch = Branch.objects.order_by("code").first()
    hired = {}
    for username, name, role, department, at_branch in PEOPLE:
        user = User.objects.filter(username=username).first() or User(username=username)
        user.display_name = name
        user.department = departments.get(department)
        user.branch = branch if at_branch else None
        user.is_demo = True
        user.set_password(password)
        user.save()
        people.grant(user=user, role=role, by=None, at=at)
        hired[username] = user
    return hired
