"""The figures of a result: sums, intention to treat, and an interval that holds the truth."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from outcomes import attribution, results, value
from outcomes.lift import difference
from outcomes.models import Conversion
from tests import builders
from tests.builders import FROZEN

AT = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
END = FROZEN + timedelta(days=20)


@pytest.fixture
def campaign(cast):
    return builders.campaign(cast.loan, cast.marketer, goal_days=14)


def test_the_parts_add_up_to_the_whole(campaign):
    ids = builders.people(100)
    run = builders.run(campaign, treated=ids[:70], control=ids[70:90], excluded={"no_consent": ids[90:]})
    builders.messages(run, ids[:50])
    builders.messages(run, ids[50:70], state="failed")
    builders.openings(ids[:14], of=campaign.product, amount=Decimal("1000.50"))
    builders.openings(ids[70:72], of=campaign.product, amount=Decimal(500))
    attribution.attribute(at=AT)

    result = results.of_runs([run])[run.pk]
    assert (result.treated.people, result.treated.converted, result.reached) == (70, 14, 50)
    assert (result.control.people, result.control.converted) == (20, 2)
    assert result.treated.amount == Decimal("14007.00")
    assert result.both.people == run.treated + run.control == run.audience - sum(run.excluded.values())
    assert result.both.converted == Conversion.objects.filter(run=run).count() == 16
    assert result.both.amount == Decimal("15007.00")
    assert result.lift == difference(70, 14, 20, 2)
    assert result.lift.extra == pytest.approx(14 - 2 / 20 * 70)
    assert result.value.estimate == pytest.approx(result.lift.extra * 1000.50)


def test_the_funnel_ends_in_the_conversions(campaign):
    ids = builders.people(60)
    run = builders.run(campaign, treated=ids[:40], control=ids[40:])
    builders.messages(run, ids[:30])
    builders.openings(ids[:9] + ids[40:43], of=campaign.product, stage="applied")
    builders.openings(ids[:6], of=campaign.product, stage="approved")
    builders.openings(ids[:4] + ids[40:41], of=campaign.product)
    attribution.attribute(at=AT)

    shown = results.of_campaign(campaign, at=AT)
    assert [step.people for step in shown.funnel.steps] == [40, 30, 9, 6, 4]
    assert shown.funnel.control == (3, 1, 1)
    assert shown.funnel.steps[-1].people == shown.result.treated.converted
    assert shown.funnel.steps[1].share == 0.75
    assert (shown.funnel.treated_rate, shown.funnel.control_rate) == (0.1, 0.05)


def test_the_intervals_hold_the_truth(cast):
    """Base rate 3 %, 3 points added by a message, 80 % reached: intention to treat finds 0.8 × 3 points.

    Twenty campaigns, a month apart, on the same people in ever new groups: 95 % intervals miss one now and then.
    """
    chance, truth = Random(7), 0.8 * 0.03
    ids = builders.people(5000)
    runs = []
    for month in range(20):
        at = FROZEN + timedelta(days=30 * month)
        shuffled = chance.sample(ids, len(ids))
        reached = set(shuffled[: 4000 * 8 // 10])
        campaign = builders.campaign(cast.loan, cast.marketer)
        runs.append(builders.run(campaign, treated=shuffled[:4000], control=shuffled[4000:], at=at))
        buyers = [pk for pk in ids if chance.random() < 0.03 + 0.03 * (pk in reached)]
        builders.openings(buyers, of=campaign.product, at=at + timedelta(days=3))
    builders.analyse()
    for run in runs:
        attribution.attribute(at=run.frozen_at + timedelta(days=5), run=run)

    found = results.of_runs(runs)
    assert sum(result.lift.low < truth < result.lift.high for result in found.values()) >= 18
    whole = results.together(found.values())
    assert whole.lift.extra_low < truth * 20 * 4000 < whole.lift.extra_high
    assert whole.lift.low > truth / 2, "together they know it far better than each alone"
    assert whole.lift.high < truth * 1.5


def test_leaving_out_the_unreached_would_flatter_the_campaign(campaign):
    """The reached are those who open anyway: the campaign does nothing, and the result says so."""
    ids = builders.people(4000)
    treated, control = ids[:2000], ids[2000:]
    buyers = treated[:200] + control[:200]
    run = builders.run(campaign, treated=treated, control=control)
    builders.messages(run, treated[:1000])
    builders.openings(buyers, of=campaign.product)
    attribution.attribute(at=AT)

    result = results.of_runs([run])[run.pk]
    assert result.lift.estimate == 0
    assert not result.lift.conclusive
    assert difference(1000, 200, 2000, 200).conclusive, "what a per-protocol comparison would have claimed"


def test_without_a_control_group_nothing_is_claimed(campaign):
    ids = builders.people(10)
    run = builders.run(campaign, treated=ids)
    builders.openings(ids[:5], of=campaign.product)
    attribution.attribute(at=AT)
    result = results.of_runs([run])[run.pk]
    assert result.treated.converted == 5
    assert result.lift.too_early
    assert result.value is None


def test_a_product_without_amounts_has_no_value(campaign):
    ids = builders.people(10)
    run = builders.run(campaign, treated=ids[:5], control=ids[5:])
    builders.openings(ids[:2], of=campaign.product, amount=None)
    attribution.attribute(at=AT)
    result = results.of_runs([run])[run.pk]
    assert result.treated.amount is None
    assert result.value is None


def test_runs_add_up(campaign):
    ids = builders.people(200)
    first = builders.run(campaign, treated=ids[:80], control=ids[80:100])
    second = builders.run(campaign, treated=ids[100:180], control=ids[180:], at=FROZEN + timedelta(days=1))
    builders.openings(ids[:20] + ids[100:108] + ids[180:182], of=campaign.product)
    attribution.attribute(at=AT)

    parts = results.of_runs([first, second])
    whole = results.together(parts.values())
    assert whole.treated.converted == 28
    assert whole.lift.extra == pytest.approx(sum(part.lift.extra for part in parts.values()))
    assert whole.value.estimate == pytest.approx(sum(part.value.estimate for part in parts.values()))
    widest = max(part.lift.extra_high - part.lift.extra_low for part in parts.values())
    assert widest < whole.lift.extra_high - whole.lift.extra_low < 2 * widest


def test_values_add_up_without_adding_their_doubt():
    whole = value.total([value.Value(100, 70, 140), None, value.Value(50, 10, 80)])
    assert (whole.estimate, whole.low, whole.high) == (150, 100, 200)
    assert value.total([None]) is None


def test_each_day_shows_the_lift_so_far_by_the_banks_calendar(campaign):
    ids = builders.people(20)
    run = builders.run(campaign, treated=ids[:10], control=ids[10:])
    # 17:30 UTC is half past one of the next day at the bank
    builders.openings(ids[:1], of=campaign.product, at=datetime(2026, 11, 10, 15, 30, tzinfo=UTC))
    builders.openings(ids[1:3], of=campaign.product, at=datetime(2026, 11, 10, 17, 30, tzinfo=UTC))
    builders.openings(ids[10:11], of=campaign.product, at=datetime(2026, 11, 10, 17, 30, tzinfo=UTC))
    attribution.attribute(at=AT)

    shown = results.by_day([run], goal_days=14, at=datetime(2026, 11, 12, 0, 0, tzinfo=UTC))
    assert [(day.day, day.treated, day.control) for day in shown] == [
        (date(2026, 11, 9), 0, 0),
        (date(2026, 11, 10), 1, 0),
        (date(2026, 11, 11), 3, 1),
        (date(2026, 11, 12), 3, 1),
    ]
    assert shown[-1].lift == difference(10, 3, 10, 1)


def test_the_days_stop_with_the_window(campaign):
    ids = builders.people(4)
    run = builders.run(campaign, treated=ids[:2], control=ids[2:])
    shown = results.by_day([run], goal_days=14, at=END + timedelta(days=90))
    assert shown[-1].day == date(2026, 11, 23)
    assert results.of_campaign(campaign, at=END).open is False
    assert results.of_campaign(campaign, at=AT).open is True


def test_before_the_first_freeze_there_is_no_result(campaign):
    assert results.of_campaign(campaign, at=AT) is None


def test_a_result_takes_few_queries_however_many_runs(campaign, django_assert_num_queries):
    ids = builders.people(30)
    for n in range(3):
        builders.run(campaign, treated=ids[n * 10 : n * 10 + 8], control=ids[n * 10 + 8 : n * 10 + 10])
    builders.openings(ids, of=campaign.product)
    attribution.attribute(at=AT)
    with django_assert_num_queries(5):
        results.of_campaign(campaign, at=AT)
