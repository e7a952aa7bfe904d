"""Making, changing, copying and steering a campaign; who may."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.core.exceptions import PermissionDenied

from campaigns import approval, editing, hours, schedule
from campaigns.models import Campaign, ContactPolicy
from marketing.lib.errors import MoveRefused, UserError
from tests.campaigns.conftest import TEXT
from tests.conftest import NOW


def test_a_new_campaign_belongs_to_its_author_and_department(cast):
    made = editing.create(name=" 春季 ", by=cast.marketer, at=NOW)
    assert (made.name, made.state, made.owner, made.department) == ("春季", "draft", cast.marketer, cast.loan)
    assert made.steps.get().variants.get().text == ""


@pytest.mark.parametrize("who", ["analyst", "compliance", "auditor", "admin", "rm", "branch_manager"])
def test_only_departments_plan(cast, who):
    with pytest.raises(PermissionDenied):
        editing.create(name="春季", by=getattr(cast, who), at=NOW)


def test_another_department_does_not_touch_it(campaign, cast):
    with pytest.raises(Campaign.DoesNotExist):
        editing.change(campaign=campaign, by=cast.card_marketer, at=NOW, goal_days=3)
    with pytest.raises(Campaign.DoesNotExist):
        editing.write(campaign=campaign, text="x", by=cast.card_marketer, at=NOW)


def test_another_departments_segment_and_product_are_refused(segment, loan_product, cast):
    for field, value in [("audience", segment.latest), ("product", loan_product)]:
        with pytest.raises(UserError) as error:
            editing.create(name="x", by=cast.card_marketer, at=NOW, **{field: value})
        assert field in error.value.fields


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "  "), ("name", "长" * 81), ("control_percent", -1), ("control_percent", 51), ("goal_days", 0),
        ("goal_days", 181), ("budget", -1), ("size_tolerance_percent", 101),
    ],
)  # fmt: skip
def test_nonsense_is_refused_with_the_field(campaign, cast, field, value):
    with pytest.raises(UserError) as error:
        editing.change(campaign=campaign, by=cast.marketer, at=NOW, **{field: value})
    assert list(error.value.fields) == [field]


@pytest.mark.parametrize("field", ["state", "department", "approved_size", "owner"])
def test_only_the_plan_is_the_planners_to_set(campaign, cast, field):
    with pytest.raises(TypeError):
        editing.change(campaign=campaign, by=cast.marketer, at=NOW, **{field: "approved"})


def test_a_text_longer_than_a_gateway_takes_is_refused(campaign, cast):
    with pytest.raises(UserError, match="500"):
        editing.write(campaign=campaign, text="字" * 501, by=cast.marketer, at=NOW)


def test_a_copy_is_a_draft_without_time_or_approval(campaign, cast):
    approval.submit(campaign=campaign, by=cast.marketer, at=NOW)
    new = editing.copy(campaign=campaign, by=cast.manager, at=NOW)
    assert (new.state, new.scheduled_at, new.owner) == ("draft", None, cast.manager)
    assert (new.product, new.audience, new.budget) == (campaign.product, campaign.audience, campaign.budget)
    assert new.steps.get().variants.get().text == TEXT and new.approvals.count() == 0


@pytest.fixture
def running(campaign, cast):
    approval.submit(campaign=campaign, by=cast.marketer, at=NOW)
    approval.approve(campaign=campaign, by=cast.manager, at=NOW)
    schedule.launch(campaign=campaign, by=cast.marketer, at=NOW)
    assert len(schedule.start_due(NOW)) == 1
    campaign.refresh_from_db()
    return campaign


def test_pause_resume_cancel(running, cast):
    assert schedule.pause(campaign=running, by=cast.marketer, at=NOW).state == "paused"
    assert schedule.resume(campaign=running, by=cast.manager, at=NOW).state == "running"
    assert schedule.cancel(campaign=running, by=cast.manager, at=NOW).state == "cancelled"
    for verb in (schedule.pause, schedule.resume, schedule.cancel):
        with pytest.raises((MoveRefused, UserError)):
            verb(campaign=running, by=cast.manager, at=NOW)


def test_resume_starts_nothing_that_never_ran(campaign, cast):
    approval.submit(campaign=campaign, by=cast.marketer, at=NOW)
    approval.approve(campaign=campaign, by=cast.manager, at=NOW)
    schedule.launch(campaign=campaign, by=cast.manager, at=NOW)
    with pytest.raises(MoveRefused):
        schedule.resume(campaign=campaign, by=cast.manager, at=NOW)


def test_what_runs_cannot_be_edited(running, cast):
    with pytest.raises(MoveRefused, match="Copy it"):
        editing.write(campaign=running, text="别的", by=cast.marketer, at=NOW)
    with pytest.raises(MoveRefused):
        editing.change(campaign=running, by=cast.marketer, at=NOW, control_percent=0)


@pytest.mark.parametrize("who", ["analyst", "compliance", "auditor", "admin"])
def test_who_only_looks_does_not_steer(running, cast, who):
    for verb in (schedule.pause, schedule.cancel):
        with pytest.raises(PermissionDenied):
            verb(campaign=running, by=getattr(cast, who), at=NOW)


def test_cancelling_withdraws_what_waits_for_approval(campaign, cast):
    approval.submit(campaign=campaign, by=cast.marketer, at=NOW)
    schedule.cancel(campaign=campaign, by=cast.marketer, at=NOW)
    assert campaign.approvals.get().decision == "withdrawn"


def test_finish_is_the_systems(running):
    later = NOW + timedelta(days=15)
    assert schedule.finish(campaign=running, at=later).finished_at == later


@pytest.mark.parametrize(
    ("planned", "really"),
    [
        ("07:59:59", "18 08:00:00"),
        ("08:00:00", "18 08:00:00"),
        ("19:59:59", "18 19:59:59"),
        ("20:00:00", "19 08:00:00"),
        ("23:30:00", "19 08:00:00"),
        ("00:10:00", "18 08:00:00"),
    ],
)
def test_quiet_hours_move_the_first_message(planned, really):
    policy = ContactPolicy(open_from=time(8), open_until=time(20))
    hour, minute, second = map(int, planned.split(":"))
    at = datetime(2026, 11, 18, hour, minute, second, tzinfo=UTC) - timedelta(hours=8)
    got = hours.first_sending(at, policy) + timedelta(hours=8)
    assert f"{got:%d %H:%M:%S}" == really


def test_visible_to(campaign, cast):
    for user in (cast.marketer, cast.manager, cast.analyst, cast.compliance, cast.auditor, cast.admin):
        assert campaign in Campaign.objects.visible_to(user)
    for user in (cast.card_marketer, cast.card_manager, cast.rm, cast.branch_manager):
        assert campaign not in Campaign.objects.visible_to(user)
