"""Figures that add up, and only over what the person may see."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from outcomes import attribution
from outcomes.models import Conversion
from reports import periods, queries
from tests import builders
from tests.builders import FROZEN
from tests.conftest import NOW

QUARTER = periods.this("quarter", today=date(2026, 11, 18))


def report(user, **more):
    return queries.dashboard(user, **{"department": None, "period": QUARTER, "at": NOW} | more)


def test_the_total_is_the_sum_of_the_rows(cast, brought):
    found = report(cast.manager)
    rows, total = found.rows, found.total
    assert len(rows) == 2
    assert sum(row.result.reached for row in rows) == total.reached == 80 + 50
    assert sum(row.result.treated.people for row in rows) == total.treated.people == 150
    assert sum(row.result.treated.converted for row in rows) == total.treated.converted == 15 + 9
    assert sum(row.result.lift.extra for row in rows) == pytest.approx(total.lift.extra)
    assert sum(row.result.value.estimate for row in rows) == pytest.approx(total.value.estimate)
    assert sum(row.cost for row in rows) == found.cost


def test_each_person_is_reached_once(cast, brought):
    found = report(cast.manager)
    assert found.reached == 120  # 80 by the first, 50 by the second, 10 of them by both
    assert found.reached_twice == 10
    assert found.coverage == 120 / 200


def test_only_billed_parts_cost_something(cast, brought):
    # 80 × 2 parts arrived, 10 × 1 failed after the gateway took them; 10 are still planned
    found = queries.costs(brought.runs)
    assert found[brought.runs[0].pk] == Decimal("0.045") * 170
    assert found[brought.runs[1].pk] == Decimal("0.045") * 50


def test_what_failed_before_the_gateway_took_it_is_free(cast, brought):
    brought.runs[0].messages.filter(state="failed").update(provider_id="")
    assert queries.costs(brought.runs)[brought.runs[0].pk] == Decimal("0.045") * 160


def test_the_weeks_add_up_to_the_total(cast, brought):
    found = report(cast.manager)
    assert [week.monday for week in found.weeks] == [date(2026, 11, 9), date(2026, 11, 16)]
    assert [week.open for week in found.weeks] == [False, True]
    assert sum(week.extra for week in found.weeks) == pytest.approx(found.total.lift.extra)
    assert sum(week.treated for week in found.weeks) == pytest.approx(found.total.treated.converted)
    assert all(week.low < week.extra < week.high for week in found.weeks)


def test_the_funnel_is_of_the_same_people(cast, brought):
    found = report(cast.manager)
    assert [step.people for step in found.funnel.steps] == [150, 130, 24, 24, 24]
    assert found.funnel.steps[-1].people == Conversion.objects.filter(arm="treated").count()
    assert found.funnel.control[2] == Conversion.objects.filter(arm="control").count() == 1


def test_growth_ends_in_the_conversions(cast, brought):
    for row in report(cast.manager).rows:
        assert row.growth == sorted(row.growth)
        assert row.growth[-1] == row.result.treated.converted


def test_a_campaign_belongs_to_the_period_of_its_launch(cast, brought):
    assert len(report(cast.manager, period=periods.parse({"period": "2026-11"}, today=NOW.date())).rows) == 2
    assert report(cast.manager, period=periods.parse({"period": "2026-10"}, today=NOW.date())).rows == []
    first_day = periods.parse({"from": "2026-11-09", "to": "2026-11-09"}, today=NOW.date())
    assert [row.campaign for row in report(cast.manager, period=first_day).rows] == [brought.first]


def test_the_period_before_is_compared(cast, brought):
    december = periods.parse({"period": "2026-12"}, today=NOW.date())
    found = report(cast.manager, period=december)
    assert (found.reached, found.reached_before) == (0, 120)
    assert found.reached_change == -1
    assert found.to_launch is None
    assert found.to_launch_before == timedelta(hours=3) + timedelta(hours=12)  # 3 h and 27 h


def test_each_sees_their_own(cast, brought):
    assert report(cast.card_manager).rows == []
    assert report(cast.card_manager).reached == 0
    assert len(report(cast.analyst).rows) == 2
    assert report(cast.analyst, department=cast.card).rows == []
    assert len(report(cast.analyst, department=cast.loan).rows) == 2
    assert report(cast.rm).rows == []


def test_without_control_a_campaign_claims_nothing_but_is_counted(cast, brought):
    more = builders.campaign(cast.loan, cast.marketer, name="没有对照组")
    run = builders.run(more, treated=brought.ids[160:170])
    builders.openings(brought.ids[160:165], of=more.product)
    attribution.attribute(at=NOW, run=run)
    before = report(cast.analyst, department=cast.loan)
    alone = next(row for row in before.rows if row.campaign == more)
    assert alone.result.lift.too_early
    assert before.total.treated.converted == 24 + 5
    assert before.total.lift.extra == pytest.approx(sum(r.result.lift.extra or 0 for r in before.rows))


def test_one_scale_holds_every_interval(cast, brought):
    found = report(cast.manager)
    low, high = found.scale
    assert all(low < row.result.lift.low and row.result.lift.high < high for row in found.rows)
    assert low < 0 < high
    assert queries.scale_of([]) == (-0.001, 0.001)


def test_a_dashboard_takes_as_many_queries_for_twenty_campaigns(cast, brought, django_assert_num_queries):
    assert cast.analyst.is_bank_wide  # looked up once per request
    with django_assert_num_queries(10):
        report(cast.analyst)
    for n in range(18):
        more = builders.campaign(cast.loan, cast.marketer, name=f"活动 {n}")
        builders.run(more, treated=brought.ids[:5], control=brought.ids[5:7], at=FROZEN + timedelta(hours=n))
    with django_assert_num_queries(10):
        assert len(report(cast.analyst).rows) == 20
