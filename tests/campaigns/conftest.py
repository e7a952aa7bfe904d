"""A small bank of ten customers, a segment over it and a campaign that could be sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.utils.translation import override

from campaigns import editing
from campaigns.models import Campaign, ContactPolicy
from customers.models import Consent, Customer
from segments.editing import create_segment
from segments.models import Segment
from tests.conftest import NOW
from warehouse import store
from warehouse.models import Attribute

TEXT = "{{称呼}}，装修贷可申请，年化利率{{年化利率}}，预批额度{{预批额度}}元，贷款以审批为准。"
RULE = {"op": "all", "items": [{"attribute": "aum", "op": "ge", "value": 0}]}


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Sentences are held to their English wording; the bank's own language is Chinese."""
    with override("en"):
        yield


@pytest.fixture
def policy(db) -> ContactPolicy:
    return ContactPolicy.objects.create(
        channel="sms",
        signature="江州银行",
        opt_out_text="拒收请回复R",
        price_per_part="0.0720",
        open_from=time(8),
        open_until=time(20),
        cap_contacts=3,
        cap_days=30,
        updated_at=NOW,
    )


@pytest.fixture
def attributes(db) -> None:
    for key, zh, en, kind, in_text in [
        ("age", "年龄", "Age", "number", False),
        ("gender", "性别", "Gender", "text", False),
        ("occupation", "职业", "Occupation", "text", False),
        ("aum", "资产", "Assets", "money", False),
        ("preapproved_limit", "预批额度", "Pre-approved limit", "money", True),
    ]:
        Attribute.objects.create(key=key, label_zh=zh, label_en=en, type=kind, allowed_in_text=in_text, created_at=NOW)


@dataclass
class Bank:
    """Customers by what is special about them."""

    people: dict[str, Customer]
    folder: Path

    def publish(self, everyone: dict[str, object] | None = None, **changes: dict[str, object]) -> None:
        """Publish everybody's facts as of 31 October; `changes` are by the person's word."""
        usual = {"age": 34.0, "gender": "F", "occupation": "employed", "aum": 1000.0, "preapproved_limit": 200000.0}
        rows = [
            {"customer_id": person.pk, "branch_id": person.branch_id} | usual | (everyone or {}) | changes.get(word, {})
            for word, person in self.people.items()
        ]
        file = self.folder / "facts.parquet"
        pq.write_table(pa.Table.from_pylist(rows), file)
        store.publish("attributes", "as_of=2026-10-31", file, NOW)


@pytest.fixture
def bank(make_customer, cast, own_folders, tmp_path) -> Bank:
    """Six ordinary people, and one for each reason to be left out."""
    words = ["p1", "p2", "p3", "p4", "p5", "p6", "suppressed", "no_consent", "no_phone", "minor", "ageless"]
    words += ["student", "limitless"]
    people = {
        word: make_customer(f"C{number}", name="王芳", phone=None if word == "no_phone" else f"142123400{number:02}")
        for number, word in enumerate(words, 1)
    }
    for word, person in people.items():
        if word != "no_consent":
            Consent.objects.create(
                customer=person, channel="sms", granted=True, source="app", given_at=NOW, recorded_at=NOW
            )
    people["suppressed"].suppression_set.create(channel="sms", reason="reply", at=NOW)
    return Bank(people, tmp_path)


@pytest.fixture
def published(bank, attributes, policy) -> Bank:
    """Publish the bank's facts as of 31 October."""
    bank.publish(
        minor={"age": 17.0},
        ageless={"age": None},
        student={"age": 20.0, "occupation": "student"},
        limitless={"preapproved_limit": None},
    )
    return bank


@pytest.fixture
def segment(published, cast) -> Segment:
    return create_segment(name="公积金客户", rule=RULE, by=cast.marketer, at=NOW)


@pytest.fixture
def campaign(segment, cast, loan_product) -> Campaign:
    """A complete draft of the loan marketer, started by hand."""
    made = editing.create(
        name="装修季消费贷", by=cast.marketer, at=NOW, product=loan_product, audience=segment.latest, budget=100
    )
    editing.write(campaign=made, text=TEXT, by=cast.marketer, at=NOW)
    made.refresh_from_db()
    return made
