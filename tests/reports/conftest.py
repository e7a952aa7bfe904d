"""A department with two campaigns and what they brought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from campaigns.models import Campaign, Run
from outcomes import attribution
from tests import builders
from tests.builders import FROZEN
from tests.conftest import NOW

POLICY = {"policy": [{"channel": "sms", "price_per_part": "0.0450"}]}


@dataclass
class Brought:
    """First: 100 treated, 20 control, 10 without consent. Second: 50 treated, 10 control; 30 people are in both."""

    first: Campaign
    second: Campaign
    runs: list[Run]
    ids: list[int]


@pytest.fixture
def brought(cast) -> Brought:
    ids = builders.people(200, branch=cast.east)
    first = builders.campaign(cast.loan, cast.marketer, name="装修季消费贷")
    second = builders.campaign(cast.loan, cast.marketer, name="公积金客户首贷", state="finished", finished_at=NOW)
    runs = [
        builders.run(first, treated=ids[:100], control=ids[100:120], excluded={"no_consent": ids[120:130]}),
        builders.run(second, treated=ids[70:100] + ids[130:150], control=ids[150:160], at=FROZEN + timedelta(days=1)),
    ]
    for run in runs:
        run.approval.content = POLICY
        run.approval.save(update_fields=["content"])
    builders.messages(runs[0], ids[:80], parts=2)
    builders.messages(runs[0], ids[80:90], state="failed")
    builders.messages(runs[0], ids[90:100], state="planned")
    builders.messages(runs[1], ids[70:100] + ids[130:150])
    builders.openings(ids[:12] + ids[100:101], of=first.product, at=FROZEN + timedelta(days=2))
    builders.openings(ids[130:136] + ids[70:73], of=first.product, at=FROZEN + timedelta(days=8))
    for run in runs:
        attribution.attribute(at=NOW, run=run)
    return Brought(first, second, runs, ids)
