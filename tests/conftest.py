"""The cast, and a few plain builders. Passwords are all `pass`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from accounts.models import Branch, Department, RoleGrant, User
from customers.models import Customer, Product
from marketing.lib import crypto

NOW = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)  # a Wednesday, 10:00 at the bank


@dataclass
class Cast:
    """People of two departments and two branches."""

    loan: Department
    card: Department
    online: Department
    east: Branch
    west: Branch
    marketer: User
    manager: User
    card_marketer: User
    card_manager: User
    branch_manager: User  # east
    rm: User  # east
    west_rm: User
    analyst: User
    compliance: User
    auditor: User
    admin: User


@pytest.fixture(autouse=True)
def fast_passwords(settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path: Path) -> None:
    """Give every test its own data folder and warehouse, and plain static files."""
    settings.DATA_DIR = tmp_path
    settings.WAREHOUSE_URL = str(tmp_path / "warehouse")
    settings.MEDIA_ROOT = tmp_path / "uploads"
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


def person(username: str, role: str, **place: object) -> User:
    user = User(username=username, display_name=username.replace("_", " "), **place)
    user.set_password("pass")
    user.save()
    RoleGrant.objects.create(user=user, role=role, granted_at=NOW)
    return user


@pytest.fixture
def cast(db, fast_passwords) -> Cast:
    loan, card, online = (
        Department.objects.create(code=code, name_zh=zh, name_en=en)
        for code, zh, en in [
            ("loan", "零售贷款部", "Retail loans"),
            ("card", "信用卡部", "Credit cards"),
            ("online", "网络金融部", "Online banking"),
        ]
    )
    east = Branch.objects.create(code="B001", name_zh="城东支行", name_en="Chengdong")
    west = Branch.objects.create(code="B002", name_zh="城西支行", name_en="Chengxi")
    return Cast(
        loan=loan,
        card=card,
        online=online,
        east=east,
        west=west,
        marketer=person("marketer", "marketer", department=loan),
        manager=person("manager", "manager", department=loan),
        card_marketer=person("card_marketer", "marketer", department=card),
        card_manager=person("card_manager", "manager", department=card),
        branch_manager=person("branch_manager", "branch_manager", branch=east),
        rm=person("rm", "rm", branch=east),
        west_rm=person("west_rm", "rm", branch=west),
        analyst=person("analyst", "analyst"),
        compliance=person("compliance", "compliance"),
        auditor=person("auditor", "auditor"),
        admin=person("admin", "admin"),
    )


@pytest.fixture
def loan_product(cast: Cast) -> Product:
    return Product.objects.create(
        code="consumer_loan",
        name_zh="装修消费贷",
        name_en="Home-improvement loan",
        department=cast.loan,
        kind="loan",
        annual_rate="3.6%起（单利）",
    )


@pytest.fixture
def make_customer(cast: Cast) -> Callable[..., Customer]:
    """Return a builder: make_customer("C1", name="王芳", phone="14212340001", branch=cast.east)."""

    def make(
        number: str, *, name: str = "王芳", phone: str | None = "14212340001", branch: Branch | None = None
    ) -> Customer:
        e164 = crypto.normalise_phone(phone) if phone else None
        return Customer.objects.create(
            number=number,
            name_sealed=crypto.encrypt(name, field="customer.name"),
            phone_sealed=crypto.encrypt(e164, field="customer.phone"),
            phone_index=crypto.blind_index(e164) if e164 else None,
            branch=branch or cast.east,
            created_at=NOW,
            updated_at=NOW,
        )

    return make
