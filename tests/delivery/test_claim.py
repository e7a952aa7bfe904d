"""The gate: what is read again at the claim, and that nothing goes where it cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import AuditEntry
from campaigns.models import ContactPolicy, Variant
from customers.models import Consent, Customer, Suppression
from delivery import outbox, parcels, policy
from delivery.models import Batch, Gateway, Message
from tests.conftest import NOW
from tests.delivery.conftest import World, states

LATER = NOW + timedelta(minutes=5)


def claim(world: World, *, at: datetime = LATER) -> list[parcels.Claimed]:
    return outbox.claim(gateway=world.fresh(), at=at)


def test_a_claim_takes_the_messages_before_anything_leaves(world: World) -> None:
    run = world.planned(5)
    [claimed] = claim(world)
    assert sorted(claimed.messages) == sorted(run.messages.values_list("id", flat=True))
    assert states(run) == {"submitting": 5}
    batch = Batch.objects.get(pk=claimed.batch)
    assert (batch.claimed_at, batch.lease_until) == (LATER, claimed.lease_until)
    assert claimed.lease_until > LATER + timedelta(seconds=world.gateway.timeout_seconds)


def test_what_is_claimed_is_not_claimed_again(world: World) -> None:
    world.planned(5)
    claim(world)
    assert claim(world) == []


def test_a_batch_is_not_claimed_before_it_is_due(world: World) -> None:
    run = world.planned(5, at=LATER)
    assert claim(world, at=NOW) == []
    assert states(run) == {"planned": 5}


def opt_out(world: World, someone: Customer) -> None:
    Suppression.objects.create(customer=someone, channel="sms", reason="staff", at=NOW)


def withdraw(world: World, someone: Customer) -> None:
    Consent.objects.filter(customer=someone).update(replaced_at=NOW)


def let_consent_expire(world: World, someone: Customer) -> None:
    Consent.objects.filter(customer=someone).update(expires_at=LATER)


def lose_phone(world: World, someone: Customer) -> None:
    Customer.objects.filter(pk=someone.pk).update(phone_sealed=None)


def leave_register(world: World, someone: Customer) -> None:
    Consent.objects.filter(customer=someone).delete()
    Customer.objects.filter(pk=someone.pk).delete()


def become_control(world: World, someone: Customer) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE campaigns_target DISABLE TRIGGER frozen")
        cursor.execute("UPDATE campaigns_target SET arm = 'control' WHERE customer_id = %s", [someone.pk])
        cursor.execute("ALTER TABLE campaigns_target ENABLE TRIGGER frozen")


@pytest.mark.parametrize(
    ("change", "became"),
    [
        (opt_out, "excluded:suppressed"),
        (withdraw, "excluded:no_consent"),
        (let_consent_expire, "excluded:no_consent"),
        (lose_phone, "excluded:no_phone"),
        (leave_register, "excluded:no_consent"),
        (become_control, "excluded:not_target"),
    ],
)
def test_who_may_no_longer_be_written_to_is_left_out(world: World, change, became: str) -> None:
    """Rule 7: read again between plan and claim."""
    run = world.planned(3)
    someone = world.people[1]
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    change(world, someone)
    [claimed] = claim(world)
    assert len(claimed.messages) == 2
    message = Message.objects.get(run=run, customer_id=someone.pk)
    assert f"{message.state}:{message.reason}" == became
    assert message.settled_at == LATER


def test_a_suppression_on_another_channel_does_not_count(world: World) -> None:
    run = world.planned(1)
    Suppression.objects.create(customer=world.people[0], channel="call", reason="staff", at=NOW)
    claim(world)
    assert states(run) == {"submitting": 1}


def test_a_cap_lowered_after_planning_holds_at_the_claim(world: World) -> None:
    people = world.customers(2)
    runs = [world.run(people) for _ in range(3)]
    from delivery import planner

    for run in runs:
        planner.plan(run=run, at=NOW)
    ContactPolicy.objects.update(cap_contacts=2)
    claim(world)
    assert [states(run) for run in runs] == [{"submitting": 2}, {"submitting": 2}, {"excluded:contact_cap": 2}]


@pytest.mark.parametrize(
    ("clock", "goes", "opens"),
    [
        (datetime(2026, 11, 18, 11, 59, 59, tzinfo=UTC), True, None),  # 19:59:59 at the bank
        (datetime(2026, 11, 18, 12, 0, tzinfo=UTC), False, datetime(2026, 11, 19, 0, 0, tzinfo=UTC)),
        (datetime(2026, 11, 18, 23, 59, 59, tzinfo=UTC), False, datetime(2026, 11, 19, 0, 0, tzinfo=UTC)),
        (datetime(2026, 11, 19, 0, 0, tzinfo=UTC), True, None),
    ],
)
def test_quiet_hours_hold_until_they_end(world: World, clock: datetime, goes: bool, opens: datetime | None) -> None:
    run = world.planned(2)
    assert bool(claim(world, at=clock)) is goes
    if goes:
        assert states(run) == {"submitting": 2}
        return
    assert states(run) == {"held:quiet_hours": 2}
    assert {*run.messages.values_list("due_at", flat=True)} == {opens}
    assert Batch.objects.get(run=run).due_at == opens
    assert claim(world, at=opens - timedelta(seconds=1)) == []
    assert claim(world, at=opens)
    assert states(run) == {"submitting": 2}


def test_what_is_too_late_expires(world: World) -> None:
    run = world.planned(2)
    assert claim(world, at=NOW + timedelta(days=3)) == []
    assert states(run) == {"expired:too_late": 2}
    assert Batch.objects.get(run=run).finished_at


def test_a_paused_campaign_keeps_its_messages_planned(world: World) -> None:
    run = world.planned(2)
    run.campaign.__class__.objects.update(state="paused")
    assert claim(world) == []
    assert states(run) == {"planned": 2}
    run.campaign.__class__.objects.update(state="running")
    assert claim(world)


def test_a_campaign_paused_while_its_batch_is_gated_stays_planned(world: World) -> None:
    run = world.planned(2)
    run.campaign.__class__.objects.update(state="paused")
    verdicts = policy.verdicts(messages=list(run.messages.values_list("id", flat=True)), at=LATER)
    assert {(v.state, v.reason) for v in verdicts} == {("planned", "")}


def test_the_messages_of_a_cancelled_campaign_are_cancelled(world: World) -> None:
    run = world.planned(2)
    run.campaign.__class__.objects.update(state="cancelled")
    assert claim(world) == []
    policy.settle_over(at=LATER)
    assert states(run) == {"cancelled:campaign_over": 2}


def test_content_that_differs_from_the_approval_pauses_the_campaign(world: World) -> None:
    """Rule 6: a text changed behind the approval's back never leaves."""
    run = world.planned(2)
    other = world.planned(1)
    Variant.objects.filter(step__campaign=run.campaign).update(text="别的话，{{额度}}")
    claims = claim(world)
    assert {c.campaign for c in claims} == {other.campaign_id}
    assert states(run) == {"planned": 2}
    run.campaign.refresh_from_db()
    assert run.campaign.state == "paused"
    entry = AuditEntry.objects.filter(action="campaign.pause").get()
    assert entry.detail["why"] == "content_differs_from_approval"


def test_where_the_policy_cannot_be_read_nothing_goes(world: World) -> None:
    """Rule 7: fail closed."""
    run = world.planned(2)
    with pytest.raises(DatabaseError), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE customers_suppression RENAME TO gone")
        claim(world)
    assert states(run) == {"planned": 2}


def test_without_a_contact_policy_nothing_goes(world: World) -> None:
    run = world.planned(2)
    batches = list(run.batches.values_list("id", flat=True))
    ContactPolicy.objects.all().delete()
    with pytest.raises(policy.NoPolicy):
        policy.gate(batches=batches, channel="sms", at=LATER)
    assert claim(world) == [], "and the wording is not what was approved"
    assert states(run) == {"planned": 2}


def test_a_closed_gateway_is_left_alone(world: World) -> None:
    world.planned(2)
    Gateway.objects.update(closed_until=LATER + timedelta(seconds=1))
    assert claim(world) == []
    assert claim(world, at=LATER + timedelta(seconds=1))


def test_an_ill_gateway_is_probed_with_one_batch_at_a_time(world: World) -> None:
    world.planned(4, batch_size=1)
    Gateway.objects.update(failures=3)
    assert len(claim(world)) == 1
    assert claim(world) == []


def test_the_pace_is_shared(world: World) -> None:
    """Whoever claims gets the next free slots; nobody claims further than a second ahead."""
    world.planned(30, batch_size=5)
    Gateway.objects.update(per_second=10)
    first, second = outbox.claim(gateway=world.fresh(), at=LATER, most=4)
    assert (first.send_at, second.send_at) == (LATER, LATER + timedelta(seconds=0.5))
    third, fourth = outbox.claim(gateway=world.fresh(), at=LATER, most=4)
    assert third.send_at == LATER + timedelta(seconds=1)
    assert fourth.lease_until > fourth.send_at + timedelta(seconds=world.gateway.timeout_seconds)
    assert outbox.claim(gateway=world.fresh(), at=LATER, most=4) == []


def test_a_value_missing_in_the_text_leaves_the_person_out(world: World) -> None:
    run = world.planned(2, facts={"gender": "F"})
    [claimed] = claim(world)
    [parcel] = parcels.word([claimed])
    assert parcel.outgoing == []
    outbox.record(parcel=parcel, outcome=[], at=LATER)
    assert states(run) == {"excluded:missing_value": 2}
    assert Batch.objects.get(pk=claimed.batch).finished_at


def test_a_name_that_cannot_be_decrypted_leaves_the_person_out(world: World) -> None:
    run = world.planned(2)
    Customer.objects.filter(pk=world.people[0].pk).update(phone_sealed=world.people[0].name_sealed)
    [parcel] = parcels.word(claim(world))
    assert len(parcel.outgoing) == 1
    assert [(r.state, r.code) for r in parcel.unfit] == [("excluded", "unreadable")]
    assert states(run) == {"submitting": 2}


def test_the_text_is_what_was_approved_with_the_persons_facts(world: World) -> None:
    world.planned(1)
    [parcel] = parcels.word(claim(world))
    [message] = parcel.outgoing
    assert message.text == "【江州银行】王女士，您有50,000元额度，年化利率3.6%起（单利）。拒收请回复R"
    assert message.phone == "+8614200000000"
    assert parcel.parts == {message.id: 1}
