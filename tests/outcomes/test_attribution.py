"""Which openings count, for whom, and that counting again changes nothing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from customers.models import Opening
from outcomes import attribution, tasks
from outcomes.models import Conversion
from tests import builders
from tests.builders import FROZEN

AT = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
END = FROZEN + timedelta(days=14)


@pytest.fixture
def campaign(cast):
    return builders.campaign(cast.loan, cast.marketer, goal_days=14)


def rows():
    return set(Conversion.objects.values_list("run", "customer", "opening", "arm", "at", "amount"))


def test_openings_of_both_arms_count_and_of_nobody_else(campaign):
    treated, control, excluded, stranger = builders.people(4)
    builders.run(campaign, treated=[treated], control=[control], excluded={"no_consent": [excluded]})
    builders.openings([treated, control, excluded, stranger], of=campaign.product)

    assert attribution.attribute(at=AT) == 2
    assert dict(Conversion.objects.values_list("customer", "arm")) == {treated: "treated", control: "control"}


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        (FROZEN - timedelta(seconds=1), False),
        (FROZEN, False),
        (FROZEN + timedelta(seconds=1), True),
        (END, True),
        (END + timedelta(microseconds=1), False),
    ],
)
def test_the_window_opens_after_the_freeze_and_closes_with_the_goal(campaign, at, counts):
    [customer] = builders.people(1)
    builders.run(campaign, treated=[customer])
    builders.openings([customer], of=campaign.product, at=at)
    assert attribution.attribute(at=AT + timedelta(days=30)) == counts


def test_another_product_and_an_earlier_stage_do_not_count(campaign, cast):
    [customer] = builders.people(1)
    builders.run(campaign, treated=[customer])
    builders.openings([customer], of=builders.product(cast.card, code="credit_card", kind="card"))
    builders.openings([customer], of=campaign.product, stage="approved")
    assert attribution.attribute(at=AT) == 0


def test_the_first_opening_counts_once(campaign):
    [customer] = builders.people(1)
    builders.run(campaign, treated=[customer])
    builders.openings([customer], of=campaign.product, at=FROZEN + timedelta(days=5), amount=Decimal(2))
    builders.openings([customer], of=campaign.product, at=FROZEN + timedelta(days=3), amount=Decimal(1))
    attribution.attribute(at=AT)
    assert Conversion.objects.get().amount == 1


def test_counting_again_changes_nothing(campaign):
    ids = builders.people(20)
    builders.run(campaign, treated=ids[:12], control=ids[12:])
    builders.openings(ids[5:15], of=campaign.product)
    assert attribution.attribute(at=AT) == 10
    before = rows()
    assert attribution.attribute(at=AT + timedelta(minutes=1)) == 0
    assert rows() == before


def test_recomputing_gives_the_same_rows(campaign):
    ids = builders.people(20)
    run = builders.run(campaign, treated=ids[:12], control=ids[12:])
    builders.openings(ids[8:15], of=campaign.product, at=FROZEN + timedelta(days=6))
    attribution.attribute(at=AT)
    builders.openings(ids[5:10], of=campaign.product, at=FROZEN + timedelta(days=3))  # reported late, yet earlier
    attribution.attribute(at=AT)
    before = rows()
    assert len(before) == 10
    assert attribution.recompute(run, at=AT) == 10
    assert rows() == before


def test_recomputing_forgets_what_the_core_system_took_back(campaign):
    ids = builders.people(3)
    run = builders.run(campaign, treated=ids)
    builders.openings(ids, of=campaign.product)
    attribution.attribute(at=AT)
    Opening.objects.filter(customer_id=ids[0]).update(at=FROZEN - timedelta(days=1))
    assert attribution.recompute(run, at=AT) == 2


def test_an_opening_reported_after_the_window_is_picked_up(campaign):
    [customer] = builders.people(1)
    builders.run(campaign, treated=[customer])
    assert attribution.attribute(at=END + timedelta(days=30)) == 0
    builders.openings([customer], of=campaign.product, at=FROZEN + timedelta(days=13))
    assert attribution.attribute(at=END + timedelta(days=31)) == 1


def test_a_run_nobody_watches_any_more_is_counted_when_it_is_named(campaign):
    [customer] = builders.people(1)
    run = builders.run(campaign, treated=[customer])
    builders.openings([customer], of=campaign.product)
    years_later = AT + timedelta(days=800)
    assert attribution.attribute(at=years_later) == 0
    assert attribution.attribute(at=years_later, run=run) == 1


def test_each_run_counts_for_itself(campaign):
    [customer] = builders.people(1)
    builders.run(campaign, treated=[customer])
    builders.run(campaign, control=[customer], at=FROZEN + timedelta(days=1))
    builders.openings([customer], of=campaign.product)
    assert attribution.attribute(at=AT) == 2
    assert set(Conversion.objects.values_list("arm", flat=True)) == {"treated", "control"}


def test_the_arm_is_the_frozen_one_reached_or_not(campaign):
    reached, failed, unsent = builders.people(3)
    run = builders.run(campaign, treated=[reached, failed, unsent])
    builders.messages(run, [reached])
    builders.messages(run, [failed], state="failed")
    builders.openings([reached, failed, unsent], of=campaign.product)
    attribution.attribute(at=AT)
    assert list(Conversion.objects.values_list("arm", flat=True)) == ["treated"] * 3


def test_whoever_opened_has_passed_the_stages_before(campaign):
    ids = builders.people(8)
    run = builders.run(campaign, treated=ids[:6], control=ids[6:])
    builders.openings(ids[:5], of=campaign.product, stage="applied")
    builders.openings(ids[:3], of=campaign.product, stage="approved")
    builders.openings(ids[:1], of=campaign.product, stage="opened")
    # applied before the freeze, opened within the window
    builders.openings(ids[5:7], of=campaign.product, stage="applied", at=FROZEN - timedelta(days=1))
    builders.openings(ids[5:7], of=campaign.product, stage="opened")
    assert attribution.stages([run.pk]) == {"treated": (6, 4, 2), "control": (1, 1, 1)}
    attribution.attribute(at=AT)
    assert Conversion.objects.filter(arm="treated").count() == 2


def test_the_task_leaves_while_another_worker_is_at_it(campaign, django_db_blocker):
    [customer] = builders.people(1)
    builders.run(campaign, treated=[customer])
    builders.openings([customer], of=campaign.product)
    with connection.copy().cursor() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [tasks.ATTRIBUTION_LOCK])
        assert tasks.attribute() == 0
        other.execute("SELECT pg_advisory_unlock(%s)", [tasks.ATTRIBUTION_LOCK])
        other.connection.close()
    assert tasks.attribute() == 1
