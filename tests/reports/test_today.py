"""What a person finds on Today."""

from datetime import timedelta

import pytest

from accounts import audit
from customers.models import Channel
from delivery.models import Gateway, Inbound
from jobs.models import Job
from reports import today
from tests import builders
from tests.builders import FROZEN
from tests.conftest import NOW
from warehouse.models import FeedRun, Partition

EXPECTED = {"treated": 18240, "cost": "2627.00"}


def pending(of, by, **fields):
    return builders.approval(of, by=by, decision="pending", at=NOW - timedelta(hours=5), expected=EXPECTED, **fields)


def test_a_manager_finds_what_they_may_sign(cast):
    campaign = builders.campaign(cast.loan, cast.marketer, state="in_review")
    pending(campaign, cast.marketer)
    [found] = today.waiting(cast.manager, at=NOW)
    assert (found.approval.campaign, found.people, found.cost) == (campaign, 18240, "2627.00")
    assert (found.since, found.is_long) == (timedelta(hours=5), True)


def test_nobody_finds_their_own_or_anothers_departments(cast):
    pending(builders.campaign(cast.loan, cast.manager, state="in_review"), cast.manager)
    assert today.waiting(cast.manager, at=NOW) == []
    assert today.waiting(cast.card_manager, at=NOW) == []
    assert today.waiting(cast.marketer, at=NOW) == []


def test_a_marketer_finds_what_they_submitted(cast):
    campaign = builders.campaign(cast.loan, cast.marketer, state="in_review")
    pending(campaign, cast.marketer)
    assert [found.approval.campaign for found in today.submitted(cast.marketer, at=NOW)] == [campaign]
    assert today.submitted(cast.card_marketer, at=NOW) == []


def test_running_shows_how_far_the_send_is(cast, brought):
    [found] = today.running(cast.marketer)
    assert found.campaign == brought.first
    assert (found.total, found.done) == (100, 90)
    assert found.result.treated.converted == 15
    assert today.running(cast.card_marketer) == []


def test_finished_shows_what_it_brought(cast, brought):
    [found] = today.finished(cast.marketer, at=NOW)
    assert found.campaign == brought.second
    assert found.result.lift.extra == pytest.approx(9)
    assert today.finished(cast.marketer, at=NOW + timedelta(days=90)) == []
    assert today.finished(cast.card_marketer, at=NOW) == []


def test_a_pause_by_the_sender_is_an_alert_and_one_by_a_person_is_not(cast, brought):
    brought.first.state = "paused"
    brought.first.save(update_fields=["state"])
    audit.record(action="campaign.pause", by=cast.marketer, at=NOW, on=brought.first)
    assert today.alerts(cast.marketer, at=NOW) == []
    audit.record(action="campaign.pause", by=None, at=NOW, on=brought.first, detail={"why": "gateway:refused"})
    [found] = today.alerts(cast.marketer, at=NOW)
    assert (found.kind, found.level, found.on, found.why) == ("paused", "bad", brought.first, "gateway")
    assert found.count == 10, "the messages that are kept"
    assert today.alerts(cast.card_marketer, at=NOW) == []


def gateway(**fields):
    return Gateway.objects.create(
        code="a",
        name="短信通道 A",
        channel=Channel.SMS,
        url="http://127.0.0.1/",
        secret_sealed=b"",
        callback_path="x",
        **fields,
    )


def test_a_closed_gateway_is_an_alert_until_it_opens(cast):
    gateway(closed_until=NOW + timedelta(minutes=4), failures=5)
    assert [alert.kind for alert in today.alerts(cast.marketer, at=NOW)] == ["gateway"]
    assert today.alerts(cast.marketer, at=NOW + timedelta(minutes=5)) == []
    assert today.alerts(cast.rm, at=NOW) == []


def feed_run(**fields):
    return FeedRun.objects.create(
        kind="openings", file_name="openings.csv", uploaded_at=NOW, finished_at=NOW - timedelta(hours=1), **fields
    )


def test_files_that_failed_or_lost_rows_are_alerts(cast):
    feed_run(state="done", rows_in=100, rows_landed=93, rows_rejected=7)
    feed_run(state="done", rows_in=100, rows_landed=100)
    feed_run(state="failed")
    assert [(a.kind, a.level, a.count) for a in today.alerts(cast.analyst, at=NOW)] == [
        ("feed_failed", "bad", 0),
        ("feed_rejected", "warn", 7),
    ]
    assert today.alerts(cast.rm, at=NOW) == []
    assert today.alerts(cast.analyst, at=NOW + timedelta(days=4)) == []


def test_replies_wait_for_the_department_they_answer(cast, brought):
    for n, action in enumerate(("inbox", "inbox", "stop")):
        Inbound.objects.create(
            gateway=Gateway.objects.first() or gateway(),
            event_key=str(n),
            phone_index=b"",
            campaign=brought.first,
            action=action,
            at=NOW,
            received_at=NOW,
        )
    assert [(a.kind, a.count) for a in today.alerts(cast.marketer, at=NOW)] == [("replies", 2)]
    assert today.alerts(cast.card_marketer, at=NOW) == []
    assert [(a.kind, a.count) for a in today.alerts(cast.compliance, at=NOW)] == [("replies", 2)]


def partition(key):
    return Partition.objects.create(
        dataset="attributes", key=key, path=key, rows=1, bytes=1, sha256="", published_at=NOW
    )


def test_old_data_is_an_alert(cast):
    partition("as_of=2026-09-30")
    assert [a.kind for a in today.alerts(cast.analyst, at=NOW)] == ["attributes_late"]
    partition("as_of=2026-10-31")
    assert today.alerts(cast.analyst, at=NOW) == []


def test_openings_that_stop_coming_are_an_alert_while_something_runs(cast):
    [customer] = builders.people(1)
    campaign = builders.campaign(cast.loan, cast.marketer)
    builders.openings([customer], of=campaign.product, at=NOW - timedelta(days=3))
    assert [a.kind for a in today.alerts(cast.marketer, at=NOW)] == ["openings_late"]
    assert today.alerts(cast.card_marketer, at=NOW) == []
    builders.openings([customer], of=campaign.product, at=NOW - timedelta(hours=3))
    assert today.alerts(cast.marketer, at=NOW) == []


def test_jobs_are_ones_own(cast):
    Job.objects.create(
        task="warehouse.tasks.load", label="openings.csv", owner=cast.analyst, argument=1, created_at=NOW
    )
    assert len(today.jobs(cast.analyst)) == 1
    assert today.jobs(cast.marketer) == []


def test_a_branch_sees_its_own_customers_only(cast, brought):
    far_away = builders.people(5, branch=cast.west)
    run = builders.run(brought.first, treated=far_away, at=FROZEN)
    builders.messages(run, far_away[:2])
    east, west = today.branch_day(cast.rm, at=NOW), today.branch_day(cast.west_rm, at=NOW)
    assert (east.customers, east.contacted, east.conversions) == (200, 120, 24)
    assert (west.customers, west.contacted, west.conversions) == (5, 2, 0)
    assert {message.customer.branch_id for message in west.contacts} == {cast.west.pk}


def test_today_takes_few_queries_however_much_runs(cast, brought, django_assert_max_num_queries):
    for n in range(10):
        more = builders.campaign(cast.loan, cast.marketer, name=f"活动 {n}")
        builders.run(more, treated=brought.ids[:5], control=brought.ids[5:7], at=FROZEN + timedelta(hours=n))
    with django_assert_max_num_queries(7):
        assert len(today.running(cast.manager)) == 11
    with django_assert_max_num_queries(5):
        today.finished(cast.manager, at=NOW)


def test_many_files_with_rejected_rows_are_one_alert(cast):
    for rejected in (7, 5, 3):
        feed_run(state="done", rows_in=100, rows_landed=100 - rejected, rows_rejected=rejected)
    assert [(a.kind, a.count, a.why) for a in today.alerts(cast.analyst, at=NOW)] == [("feeds_rejected", 15, "3")]
