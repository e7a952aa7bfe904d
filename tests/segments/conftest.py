"""A published warehouse of six customers, the catalogue that describes it, and the register that names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.utils.translation import override

from customers.models import Customer
from tests.conftest import NOW, Cast
from warehouse import store
from warehouse.models import Attribute, Dataset, Partition

AS_OF = date(2026, 10, 31)
JOBS = [
    {"value": "teacher", "label_zh": "教师", "label_en": "Teacher"},
    {"value": "doctor", "label_zh": "医生", "label_en": "Doctor"},
]
ATTRIBUTES = [
    ("age", "年龄", "Age", "number", "岁", "基本信息", "Basics", []),
    ("aum", "金融资产", "AUM", "money", "", "资产", "Assets", []),
    ("employer", "单位", "Employer", "text", "", "基本信息", "Basics", []),
    ("job", "职业", "Occupation", "choice", "", "基本信息", "Basics", JOBS),
    ("salaried", "代发工资客户", "Salary paid here", "boolean", "", "资产", "Assets", []),
    ("last_login", "最近登录", "Last sign-in", "date", "", "行为", "Behaviour", []),
]
SCHEMA = pa.schema(
    [
        ("customer_id", pa.int64()),
        ("branch_id", pa.int64()),
        ("age", pa.int32()),
        ("aum", pa.float64()),
        ("employer", pa.string()),
        ("job", pa.string()),
        ("salaried", pa.bool_()),
        ("last_login", pa.date32()),
    ]
)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Read sentences in English, whatever the test before left active."""
    with override("en"):
        yield


@pytest.fixture
def attributes(db) -> dict[str, Attribute]:
    rows = [
        Attribute(
            key=key,
            label_zh=zh,
            label_en=en,
            type=kind,
            unit=unit,
            group_zh=group_zh,
            group_en=group_en,
            choices=choices,
            created_at=NOW,
        )
        for key, zh, en, kind, unit, group_zh, group_en, choices in ATTRIBUTES
    ]
    return {row.key: row for row in Attribute.objects.bulk_create(rows)}


@pytest.fixture
def publish(tmp_path) -> Callable[..., Partition]:
    """Return a builder that publishes rows as the attributes of a date."""

    def make(rows: list[dict[str, Any]], as_of: date = AS_OF, schema: pa.Schema = SCHEMA) -> Partition:
        path = tmp_path / "warehouse" / "incoming.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
        return store.publish(Dataset.ATTRIBUTES, f"as_of={as_of.isoformat()}", path, NOW)

    return make


@pytest.fixture
def people(cast: Cast, attributes, make_customer, publish) -> list[Customer]:
    """Six customers, four of the east branch, two of the west; of the last nothing but the branch is known."""
    branches = [cast.east, cast.east, cast.east, cast.east, cast.west, cast.west]
    names = ["王芳", "李小龙", "欧阳娜", "赵一", "孙丽", "周杰"]
    made = [
        make_customer(f"C{n}", name=names[n - 1], phone=f"1421234000{n}", branch=branch)
        for n, branch in enumerate(branches, start=1)
    ]
    facts: list[dict[str, Any]] = [
        {"age": 30, "aum": 60_000.0, "job": "teacher", "salaried": True, "last_login": date(2026, 10, 30)},
        {"age": 40, "aum": 10_000.0, "job": "doctor", "salaried": True, "last_login": date(2026, 6, 1)},
        {"age": 50, "aum": 90_000.0, "job": "teacher", "salaried": False, "employer": "100% O'Brien"},
        {"age": 20, "aum": 70_000.0, "job": "doctor", "salaried": True, "employer": "江州中学"},
        {"age": 35, "aum": 55_000.0, "job": "doctor", "salaried": True, "last_login": date(2026, 10, 2)},
        {},
    ]
    publish([{"customer_id": c.pk, "branch_id": c.branch_id, **f} for c, f in zip(made, facts, strict=True)])
    return made


def condition(attribute: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"attribute": attribute, "op": op, "value": value}


def rule_of(*items: dict[str, Any], op: str = "all") -> dict[str, Any]:
    return {"version": 1, "op": op, "items": list(items)}


ADULTS = rule_of(condition("age", "between", [25, 55]))
