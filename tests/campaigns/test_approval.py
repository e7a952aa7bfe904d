"""Four eyes, bound to content."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from accounts.models import AuditEntry, RoleGrant
from campaigns import approval, editing, schedule
from campaigns.models import Approval, Campaign, Run, Variant
from marketing.lib.errors import MoveRefused, UserError
from segments.editing import save_segment
from tests.campaigns.conftest import RULE, TEXT
from tests.conftest import NOW, person

LATER = NOW + timedelta(hours=3)


def state(campaign):
    return Campaign.objects.values_list("state", flat=True).get(pk=campaign.pk)


@pytest.fixture
def submitted(campaign, cast):
    approval.submit(campaign=campaign, by=cast.marketer, at=NOW)
    campaign.refresh_from_db()
    return campaign


@pytest.fixture
def approved(submitted, cast):
    approval.approve(campaign=submitted, by=cast.manager, at=NOW)
    submitted.refresh_from_db()
    return submitted


def test_a_submission_says_what_it_would_do(submitted):
    waiting = submitted.approvals.get()
    assert state(submitted) == "in_review" and waiting.decision == "pending"
    kept = {key: waiting.expected[key] for key in ("audience", "treated", "control", "parts", "cost", "as_of")}
    assert kept == {"audience": 13, "treated": 5, "control": 1, "parts": 1, "cost": "0.36", "as_of": "2026-10-31"}


def test_the_manager_signs_the_hash(approved, cast):
    signed = approved.approvals.get()
    assert (state(approved), signed.decision, signed.decided_by) == ("approved", "approved", cast.manager)
    assert approved.approved_size == 13 and approval.approved_hash_matches(approved)


def test_a_campaign_with_a_time_is_scheduled_by_its_approval(campaign, cast):
    schedule.set_time(campaign=campaign, when=LATER, by=cast.marketer, at=NOW)
    approval.submit(campaign=campaign, by=cast.marketer, at=NOW)
    approval.approve(campaign=campaign, by=cast.manager, at=NOW)
    assert state(campaign) == "scheduled"
    assert schedule.start_due(LATER - timedelta(seconds=1)) == []
    assert len(schedule.start_due(LATER)) == 1 and state(campaign) == "running"


@pytest.mark.parametrize("who", ["marketer", "card_manager", "analyst", "compliance", "auditor", "admin", "rm"])
def test_nobody_else_signs(submitted, cast, who):
    with pytest.raises((PermissionDenied, Campaign.DoesNotExist)):
        approval.approve(campaign=submitted, by=getattr(cast, who), at=NOW)
    assert state(submitted) == "in_review"


def test_a_manager_does_not_sign_their_own(campaign, cast):
    approval.submit(campaign=campaign, by=cast.manager, at=NOW)
    with pytest.raises(PermissionDenied):
        approval.approve(campaign=campaign, by=cast.manager, at=NOW)


def test_a_manager_who_wrote_a_word_of_it_does_not_sign(campaign, cast):
    editing.write(campaign=campaign, text=TEXT + "详询网点。", by=cast.manager, at=NOW)
    approval.submit(campaign=campaign, by=cast.marketer, at=NOW)
    with pytest.raises(PermissionDenied):
        approval.approve(campaign=campaign, by=cast.manager, at=NOW)
    other = person("other_manager", "manager", department=cast.loan)
    approval.approve(campaign=campaign, by=other, at=NOW)


def test_a_marketer_who_becomes_manager_does_not_sign_what_they_made(submitted, cast):
    RoleGrant.objects.create(user=cast.marketer, role="manager", granted_at=NOW)
    del cast.marketer.__dict__["roles"]
    with pytest.raises(PermissionDenied):
        approval.approve(campaign=submitted, by=cast.marketer, at=NOW)


CHANGES = [
    {"control_percent": 20}, {"budget": 99}, {"goal_days": 15}, {"size_tolerance_percent": 11},
    {"scheduled_at": LATER}, {"product": None}, {"audience": None}, {"name": "别的名字"},
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
@pytest.mark.parametrize("stage", ["submitted", "approved"])
def test_any_change_voids(request, cast, stage, change):
    campaign = request.getfixturevalue(stage)
    editing.change(campaign=campaign, by=cast.marketer, at=NOW, **change)
    assert state(campaign) == "draft" and campaign.approvals.get().decision == "voided"
    assert not approval.approved_hash_matches(campaign)
    assert AuditEntry.objects.filter(action="campaign.approval_void").count() == 1
    with pytest.raises(MoveRefused):
        approval.approve(campaign=campaign, by=cast.manager, at=NOW)


def test_one_character_voids(approved, cast):
    editing.write(campaign=approved, text=TEXT.replace("。", "！"), by=cast.marketer, at=NOW)
    assert state(approved) == "draft" and not approval.approved_hash_matches(approved)


def test_saving_the_same_again_voids_nothing(approved, cast):
    editing.write(campaign=approved, text=TEXT, by=cast.marketer, at=NOW)
    editing.change(campaign=approved, by=cast.marketer, at=NOW, goal_days=14)
    assert state(approved) == "approved"


TAMPERED = [
    "UPDATE campaigns_variant SET text = text || '!'",
    "UPDATE campaigns_campaign SET control_percent = 0",
    "UPDATE campaigns_campaign SET budget = 1000000",
    "UPDATE campaigns_campaign SET size_tolerance_percent = 100",
    "UPDATE campaigns_campaign SET scheduled_at = now()",
    "UPDATE campaigns_contactpolicy SET signature = '别的银行'",
    "UPDATE campaigns_contactpolicy SET opt_out_text = ''",
    "UPDATE campaigns_contactpolicy SET open_until = '23:59'",
    "UPDATE customers_product SET annual_rate = '1%'",
    # a rule is guarded by a trigger as well; whoever owns the table can switch it off
    """SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE segments_version DISABLE TRIGGER USER;
       UPDATE segments_version SET rule = jsonb_set(rule::jsonb, '{op}', '"any"')""",
]


@pytest.mark.parametrize("statement", TAMPERED)
def test_what_is_changed_behind_the_verbs_does_not_go_out(approved, cast, statement):
    assert approval.approved_hash_matches(approved)
    with connection.cursor() as cursor:
        cursor.execute(statement)
    assert not approval.approved_hash_matches(approved)
    with pytest.raises(UserError, match="not what was approved"):
        schedule.launch(campaign=approved, by=cast.manager, at=NOW)
    Campaign.objects.filter(pk=approved.pk).update(state="scheduled", scheduled_at=NOW)
    assert schedule.start_due(NOW) == [] and state(approved) == "draft"
    assert Run.objects.count() == 0


def test_a_text_changed_in_the_database_is_not_signed(submitted, cast):
    Variant.objects.update(text="别的内容")
    with pytest.raises(UserError, match="no longer what was submitted"):
        approval.approve(campaign=submitted, by=cast.manager, at=NOW)


def test_only_what_was_seen_is_signed(submitted, cast):
    with pytest.raises(UserError, match="no longer what was submitted"):
        approval.approve(campaign=submitted, by=cast.manager, at=NOW, seen="0" * 64)
    approval.approve(campaign=submitted, by=cast.manager, at=NOW, seen=submitted.approvals.get().content_hash)


def test_a_return_needs_a_reason_and_leads_back_to_draft(submitted, cast):
    with pytest.raises(UserError, match="Say what"):
        approval.return_with_reason(campaign=submitted, by=cast.manager, at=NOW, reason="  ")
    approval.return_with_reason(campaign=submitted, by=cast.manager, at=NOW, reason="利率须写明单利")
    assert state(submitted) == "rejected"
    editing.write(campaign=submitted, text=TEXT + "单利。", by=cast.marketer, at=NOW)
    assert state(submitted) == "draft"
    approval.submit(campaign=submitted, by=cast.marketer, at=NOW + timedelta(minutes=1))
    assert [a.decision for a in Approval.objects.order_by("pk")] == ["returned", "pending"]


def test_a_submission_may_be_withdrawn(submitted, cast):
    approval.withdraw(campaign=submitted, by=cast.marketer, at=NOW)
    assert state(submitted) == "draft" and submitted.approvals.get().decision == "withdrawn"
    with pytest.raises(MoveRefused):
        approval.withdraw(campaign=submitted, by=cast.marketer, at=NOW)


def test_two_managers_cannot_both_decide(submitted, cast):
    other = person("other_manager", "manager", department=cast.loan)
    approval.approve(campaign=submitted, by=cast.manager, at=NOW)
    with pytest.raises(MoveRefused):
        approval.return_with_reason(campaign=submitted, by=other, at=NOW, reason="不行")


def test_a_draft_is_not_approved_and_a_submission_not_submitted_twice(campaign, cast):
    with pytest.raises(MoveRefused):
        approval.approve(campaign=campaign, by=cast.manager, at=NOW)
    approval.submit(campaign=campaign, by=cast.marketer, at=NOW)
    with pytest.raises(MoveRefused):
        approval.submit(campaign=campaign, by=cast.marketer, at=NOW)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{余额}}元，年化利率{{年化利率}}", "{{余额}}"),
        ("装修贷可申请", "annual rate"),
        ("年化利率{{年化利率}}，保本无风险", "may not be used"),
        ("", "no text yet"),
    ],
)
def test_what_a_check_stops_is_not_submitted(campaign, cast, text, said):
    editing.write(campaign=campaign, text=text, by=cast.marketer, at=NOW)
    with pytest.raises(UserError, match=said):
        approval.submit(campaign=campaign, by=cast.marketer, at=NOW)
    assert state(campaign) == "draft" and Approval.objects.count() == 0


def test_over_budget_is_not_submitted(campaign, cast):
    editing.change(campaign=campaign, by=cast.marketer, at=NOW, budget=Decimal("0.35"))
    with pytest.raises(UserError, match="Over budget"):
        approval.submit(campaign=campaign, by=cast.marketer, at=NOW)


def test_an_incomplete_campaign_is_not_submitted(cast, policy):
    empty = editing.create(name="空", by=cast.marketer, at=NOW)
    with pytest.raises(UserError) as error:
        approval.submit(campaign=empty, by=cast.marketer, at=NOW)
    assert set(error.value.fields) == {"product", "audience"}


def test_a_schedule_in_the_past_is_refused_everywhere(campaign, cast):
    with pytest.raises(UserError, match="already passed"):
        schedule.set_time(campaign=campaign, when=NOW, by=cast.marketer, at=NOW)
    schedule.set_time(campaign=campaign, when=LATER, by=cast.marketer, at=NOW)
    with pytest.raises(UserError, match="already passed"):
        approval.submit(campaign=campaign, by=cast.marketer, at=LATER)
    approval.submit(campaign=campaign, by=cast.marketer, at=NOW)
    with pytest.raises(UserError, match="already passed"):
        approval.approve(campaign=campaign, by=cast.manager, at=LATER)
    assert state(campaign) == "in_review"


def test_an_audience_that_grew_beyond_its_tolerance_does_not_start(approved, cast, bank, make_customer):
    for number in range(100, 103):
        bank.people[f"new{number}"] = make_customer(f"C{number}", phone=f"14212341{number}")
    bank.publish()
    schedule.launch(campaign=approved, by=cast.marketer, at=NOW)
    assert schedule.start_due(NOW) == [] and state(approved) == "draft"
    why = AuditEntry.objects.get(action="campaign.approval_void").detail["why"]
    assert "16" in why and "13" in why
    assert Run.objects.count() == 0


def test_a_new_version_of_the_rule_does_not_slip_in(approved, segment, cast):
    save_segment(segment=segment, name=segment.name, note="", by=cast.marketer, at=NOW, rule=RULE | {"op": "any"})
    approved.refresh_from_db()
    assert approved.audience.number == 1 and approval.approved_hash_matches(approved)


def test_without_its_policy_nothing_is_what_was_approved(approved, policy):
    policy.channel = "push"
    policy.save(update_fields=["channel"])
    assert not approval.approved_hash_matches(approved)


def test_audit_holds_no_text_and_no_name_of_a_customer(approved):
    details = str(list(AuditEntry.objects.values_list("detail", flat=True)))
    assert "装修贷可申请" not in details and "王" not in details and "142123" not in details
