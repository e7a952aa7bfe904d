"""The send against a real gateway on loopback: what each kind of answer, and no answer, leads to."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction

from accounts.models import AuditEntry
from campaigns import schedule
from customers.models import Suppression
from delivery import outbox, parcels, policy, reconcile, sender
from delivery.gateways import NotSent, Refused, Result, Unclear
from delivery.gateways.http import result
from delivery.models import Batch, Gateway, Message
from delivery.wire import Wire
from tests.conftest import NOW
from tests.delivery.conftest import Process, World, leases, states

LATER = NOW + timedelta(minutes=5)
MUCH_LATER = NOW + timedelta(hours=1)


def drain(world: World, *, at=LATER, **options) -> dict:
    return sender.drain(gateway=world.fresh(), clock=lambda: at, **options)


def test_everything_due_goes_out_once(sending: World, sandbox: Process) -> None:
    """Rule 2, and the numbers of rule 4."""
    run = sending.planned(230, batch_size=50)
    assert drain(sending) == {"accepted": 230}
    assert states(run) == {"accepted": 230}
    accepted = sandbox.accepted(run)
    assert len(accepted) == 230
    assert set(accepted.values()) == {1}
    message = run.messages.first()
    assert message.provider_id.startswith("sbx-")
    assert (message.parts, message.submitted_at) == (1, LATER)
    assert leases() == 0
    assert not Batch.objects.filter(finished_at=None).exists()
    assert sending.fresh().last_ok_at == LATER


def test_a_gateway_that_takes_one_message_per_call(sending: World, sandbox: Process) -> None:
    Gateway.objects.update(kind="http_single")
    run = sending.planned(60, batch_size=30)
    assert drain(sending) == {"accepted": 60}
    assert set(sandbox.accepted(run).values()) == {1}
    sandbox.fault("refuse", share=0.5)
    other = sending.planned(40)
    drain(sending)
    sandbox.fault("ok")
    counts = states(other)
    assert counts["accepted"] + counts["planned:busy"] == 40
    drain(sending, at=LATER + timedelta(minutes=1))
    assert states(other) == {"accepted": 40}
    assert set(sandbox.accepted(other).values()) == {1}


def test_nothing_is_sent_inside_a_transaction(sending: World, sandbox: Process) -> None:
    run = sending.planned(1)
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a transaction"):
        drain(sending)
    assert sandbox.accepted(run) == {}


def test_a_gateway_that_refuses_gets_the_same_messages_later(sending: World, sandbox: Process) -> None:
    run = sending.planned(20, batch_size=10)
    sandbox.fault("refuse", code="busy")
    drain(sending)
    assert states(run) == {"planned:busy": 20}
    assert sending.fresh().failures == 2
    assert sandbox.accepted(run) == {}
    sandbox.fault("ok")
    assert drain(sending) == {}, "the back-off holds"
    assert drain(sending, at=LATER + timedelta(seconds=5)) == {"accepted": 20}
    assert set(sandbox.accepted(run).values()) == {1}
    assert sending.fresh().failures == 0


def test_the_breaker_closes_for_longer_each_time(sending: World, sandbox: Process) -> None:
    run = sending.planned(4, batch_size=1)
    sandbox.fault("refuse")
    at, waits = LATER, []
    drain(sending, at=at)
    for _ in range(3):
        closed = sending.fresh().closed_until
        waits.append((closed - at).total_seconds())
        at = closed
        calls = sandbox.get("/log")["calls"]
        drain(sending, at=at)
        assert sandbox.get("/log")["calls"] == calls + 1, "one probe"
    assert waits[0] < waits[1] < waits[2]
    assert AuditEntry.objects.filter(action="gateway.closed").count() == 1
    sandbox.fault("ok")
    drain(sending, at=sending.fresh().closed_until)
    assert states(run) == {"accepted": 4}


def test_a_gateway_that_is_not_there_loses_nothing(sending: World) -> None:
    run = sending.planned(3)
    Gateway.objects.update(url="http://127.0.0.1:9")
    drain(sending)
    assert states(run) == {"planned:no_connection": 3}


def test_a_gateway_address_that_is_not_listed_is_never_called(sending: World, sandbox: Process, settings) -> None:
    run = sending.planned(3)
    settings.GATEWAY_HOSTS = ["sms.bank.example"]
    with pytest.raises(Refused, match="address_not_allowed"):
        drain(sending)
    assert states(run) == {"planned": 3}
    assert sandbox.accepted(run) == {}


@pytest.mark.parametrize(
    ("mode", "code"), [("hang", "timeout"), ("rubbish", "http_200"), ("drop_after_accept", "connection_lost")]
)
def test_without_a_clear_answer_messages_are_unknown_and_asked_about(
    sending: World, sandbox: Process, mode: str, code: str
) -> None:
    """Rule 2: nothing is sent again on a guess."""
    Gateway.objects.update(timeout_seconds=1)
    run = sending.planned(6, batch_size=3)
    sandbox.fault(mode)
    drain(sending)
    assert states(run) == {f"unknown:{code}": 6}
    sandbox.fault("ok")
    assert drain(sending, at=MUCH_LATER) == {}, "never again on a guess"
    became = reconcile.reconcile(gateway=sending.fresh(), at=LATER + timedelta(seconds=31))
    if mode != "hang":  # the sandbox took them before it misbehaved
        assert became == {"accepted": 6}
        assert states(run) == {"accepted": 6}
        return
    assert became == {"unknown": 6}, "said once"
    reconcile.reconcile(gateway=sending.fresh(), at=LATER + timedelta(seconds=40))
    assert states(run) == {f"unknown:{code}": 6}, "said twice, but too soon after the first time"
    reconcile.reconcile(gateway=sending.fresh(), at=LATER + timedelta(seconds=62))
    assert states(run) == {"planned:never_arrived": 6}
    drain(sending, at=MUCH_LATER)
    assert states(run) == {"accepted": 6}
    assert set(sandbox.accepted(run).values()) == {1}


def test_a_gateway_that_denies_a_message_too_early_is_not_believed(sending: World, sandbox: Process) -> None:
    Gateway.objects.update(timeout_seconds=1)
    run = sending.planned(2)
    sandbox.fault("hang")
    drain(sending)
    for seconds in (5, 20, 29):
        reconcile.reconcile(gateway=sending.fresh(), at=LATER + timedelta(seconds=seconds))
    assert not run.messages.filter(absent_at__isnull=False).exists()


def test_a_third_of_the_calls_dropped_after_acceptance_doubles_nothing(sending: World, sandbox: Process) -> None:
    run = sending.planned(120, batch_size=4)
    sandbox.fault("drop_after_accept", share=0.3, seed=3)
    at = LATER
    for _ in range(40):
        drain(sending, at=at)
        at += timedelta(seconds=31)
        reconcile.reconcile(gateway=sending.fresh(), at=at)
        if states(run) == {"accepted": 120}:
            break
        at = max(at, sending.fresh().closed_until or at)
    assert states(run) == {"accepted": 120}
    assert len(sandbox.accepted(run)) == 120
    assert set(sandbox.accepted(run).values()) == {1}


def test_an_answer_that_stops_the_campaign_pauses_it(sending: World, sandbox: Process) -> None:
    run = sending.planned(9, batch_size=3)
    sandbox.fault("refuse", code="signature_illegal")
    drain(sending, at_once=1)
    sandbox.fault("ok")
    run.campaign.refresh_from_db()
    assert run.campaign.state == "paused"
    assert AuditEntry.objects.get(action="campaign.pause").detail["why"] == "gateway:signature_illegal"
    assert sum(states(run).values()) == sum(n for s, n in states(run).items() if s.startswith("planned")) == 9
    assert sending.fresh().failures == 0, "the gateway is well, the campaign is not"


def test_pause_resume_and_cancel_in_the_middle(sending: World, sandbox: Process) -> None:
    run = sending.planned(9, batch_size=3)
    manager = sending.cast.manager
    [claimed] = outbox.claim(gateway=sending.fresh(), at=LATER, most=1)
    schedule.pause(campaign=run.campaign, by=manager, at=LATER)
    finish(sending, claimed)
    assert drain(sending) == {}
    assert states(run) == {"accepted": 3, "planned": 6}
    schedule.resume(campaign=run.campaign, by=manager, at=LATER)
    [claimed] = outbox.claim(gateway=sending.fresh(), at=LATER, most=1)
    schedule.cancel(campaign=run.campaign, by=manager, at=LATER)
    finish(sending, claimed)
    assert drain(sending) == {}
    policy.settle_over(at=LATER)
    assert states(run) == {"accepted": 6, "cancelled:campaign_over": 3}
    assert len(sandbox.accepted(run)) == 6


def finish(world: World, claimed: parcels.Claimed) -> None:
    """Send and record a claim by hand."""
    [parcel] = parcels.word([claimed])
    with Wire(world.fresh(), clock=lambda: LATER) as wire:
        outcome = wire.submit(parcel).result()
    outbox.record(parcel=parcel, outcome=outcome, at=LATER)


def test_a_call_that_cannot_be_recorded_is_unknown_after_its_lease(
    sending: World, sandbox: Process, monkeypatch
) -> None:
    run = sending.planned(6, batch_size=3)
    real, calls = outbox.record, []

    def record(**options):
        calls.append(1)
        if len(calls) == 1:
            raise ConnectionError("the database went away")
        return real(**options)

    monkeypatch.setattr(outbox, "record", record)
    with pytest.raises(ConnectionError):
        drain(sending)
    assert states(run) == {"submitting": 3, "accepted": 3}, "the other call is recorded all the same"
    assert outbox.sweep_leases(at=MUCH_LATER) == 3
    assert reconcile.reconcile(gateway=sending.fresh(), at=MUCH_LATER) == {"accepted": 3}
    assert set(sandbox.accepted(run).values()) == {1}


def test_what_is_in_flight_is_recorded_when_the_next_claim_fails(sending: World, sandbox: Process, monkeypatch) -> None:
    run = sending.planned(6, batch_size=3)
    real, calls = outbox.claim, []

    def claim(**options):
        calls.append(1)
        if len(calls) > 1:
            raise ConnectionError("the database went away")
        return real(**{**options, "most": 1})

    monkeypatch.setattr(outbox, "claim", claim)
    with pytest.raises(ConnectionError):
        drain(sending)
    assert states(run) == {"accepted": 3, "planned": 3}


# -- leases -------------------------------------------------------------------------------------------------------


def test_a_lease_that_is_over_makes_messages_unknown(world: World) -> None:
    run = world.planned(3)
    [claimed] = outbox.claim(gateway=world.fresh(), at=LATER)
    assert outbox.sweep_leases(at=claimed.lease_until) == 0
    assert outbox.sweep_leases(at=claimed.lease_until + timedelta(seconds=1)) == 3
    assert states(run) == {"unknown:worker_lost": 3}
    assert outbox.claim(gateway=world.fresh(), at=MUCH_LATER) == []


def test_a_worker_that_wakes_up_after_its_lease_sends_nothing(sending: World, sandbox: Process) -> None:
    run = sending.planned(3)
    [claimed] = outbox.claim(gateway=sending.fresh(), at=LATER)
    [parcel] = parcels.word([claimed])
    with Wire(sending.fresh(), clock=lambda: claimed.lease_until) as wire:
        outcome = wire.submit(parcel).result()
    assert isinstance(outcome, NotSent)
    assert sandbox.accepted(run) == {}


@pytest.mark.parametrize("outcome", [Refused("busy"), Unclear("timeout")])
def test_a_worker_that_wakes_up_after_its_lease_undoes_nothing(world: World, outcome) -> None:
    """The second claim's messages stay its own."""
    run = world.planned(2)
    [old] = outbox.claim(gateway=world.fresh(), at=LATER)
    [parcel] = parcels.word([old])
    outbox.sweep_leases(at=old.lease_until + timedelta(seconds=1))
    run.messages.update(state="planned")
    Batch.objects.update(finished_at=None)
    [new] = outbox.claim(gateway=world.fresh(), at=MUCH_LATER)
    outbox.record(parcel=parcel, outcome=outcome, at=MUCH_LATER)
    assert states(run) == {"submitting": 2}
    assert Batch.objects.get(pk=new.batch).lease_until == new.lease_until


def test_a_late_acceptance_is_believed(world: World) -> None:
    run = world.planned(1)
    [claimed] = outbox.claim(gateway=world.fresh(), at=LATER)
    [parcel] = parcels.word([claimed])
    outbox.sweep_leases(at=claimed.lease_until + timedelta(seconds=1))
    result = Result(parcel.outgoing[0].id, "accepted", provider_id="p1", parts=1)
    outbox.record(parcel=parcel, outcome=[result], at=MUCH_LATER)
    assert states(run) == {"accepted": 1}


def test_a_receipt_that_came_before_the_record_stays(world: World) -> None:
    run = world.planned(1)
    [parcel] = parcels.word(outbox.claim(gateway=world.fresh(), at=LATER))
    Message.objects.update(state="delivered", settled_at=LATER)
    outbox.record(parcel=parcel, outcome=[Result(parcel.outgoing[0].id, "accepted", provider_id="p1")], at=LATER)
    assert states(run) == {"delivered": 1}
    assert run.messages.get().provider_id == "p1"


def test_what_an_answer_does_not_say_plainly_is_unknown() -> None:
    assert result("1", None) == Result("1", "unknown", "not_answered")
    assert result("1", {"status": "yes"}) == Result("1", "unknown", "rubbish")
    assert result("1", {"status": "refused", "code": "blacklisted"}) == Result("1", "failed", "blacklisted")
    assert result("1", {"status": "accepted", "parts": "many"}) == Result("1", "accepted")
    unstorable = {"status": "accepted", "provider_id": 'p\0"\\\ud800{},', "parts": True}
    assert result("1", unstorable) == Result("1", "accepted", provider_id='p"\\{},')


def test_what_a_gateway_writes_is_stored_as_it_stands(world: World) -> None:
    run = world.planned(1)
    [parcel] = parcels.word(outbox.claim(gateway=world.fresh(), at=LATER))
    odd = "\"a\\b{c},NULL'"
    outbox.record(parcel=parcel, outcome=[Result(parcel.outgoing[0].id, "accepted", provider_id=odd)], at=LATER)
    assert run.messages.get().provider_id == odd


def test_an_opt_out_between_plan_and_send_reaches_nobody(sending: World, sandbox: Process) -> None:
    run = sending.planned(10)
    Suppression.objects.create(customer=sending.people[4], channel="sms", reason="staff", at=NOW)
    drain(sending)
    assert states(run) == {"accepted": 9, "excluded:suppressed": 1}
    lost = run.messages.get(state="excluded")
    assert str(lost.pk) not in sandbox.accepted(run)


def mentioning(pattern: str) -> set[str]:
    root = Path(outbox.__file__).parents[1]
    rooms = ("accounts", "jobs", "customers", "warehouse", "segments", "campaigns")
    rooms += ("delivery", "outcomes", "reports", "demo", "marketing")
    files = [path for room in rooms for path in (root / room).rglob("*.py") if path.parent.name != "bench"]
    return {str(path.relative_to(root)) for path in files if re.search(pattern, path.read_text())}


def test_nothing_but_the_outbox_and_the_sender_reaches_a_gateway() -> None:
    """Rule 1: no other code path sends."""
    assert mentioning(r"\bWire\(") == {"delivery/outbox.py", "delivery/reconcile.py", "delivery/sender.py"}
    assert mentioning(r"\b(wire|self)\.(submit|send_one)\(") == {"delivery/outbox.py", "delivery/sender.py"}
    assert mentioning(r"import (aiohttp|requests|httpx)\b") == {"delivery/gateways/http.py", "delivery/sandbox.py"}
