"""What a killed worker, a lost broker and doubled wake-ups leave behind: nothing twice, nothing lost."""

from __future__ import annotations

import signal
import threading
from datetime import timedelta

import pytest
from django.db import connection

from campaigns import schedule
from campaigns.models import Campaign, Run
from delivery import outbox, reconcile, sender, tasks
from delivery.models import Batch, Gateway
from tests.conftest import NOW
from tests.delivery.conftest import Process, World, eventually, leases, spawn, states

LATER = NOW + timedelta(minutes=5)
MUCH_LATER = NOW + timedelta(hours=1)


def test_a_worker_killed_while_batches_are_on_their_way(sending: World, sandbox: Process) -> None:
    """Rule 2: some of its messages were taken, some never left; each goes out once."""
    run = sending.planned(40, batch_size=5)
    Gateway.objects.update(per_second=20, timeout_seconds=30)  # a batch each quarter of a second
    sandbox.fault("slow", seconds=20)  # taken at once, answered too late
    worker = spawn("-m", "tests.delivery.worker", LATER.isoformat())
    worker.stdout.readline()
    eventually(lambda: len(sandbox.accepted(run)) >= 5)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    sandbox.fault("ok")
    taken = set(sandbox.accepted(run))
    left_behind = states(run)
    assert 0 < len(taken) < left_behind["submitting"], "some left, some had been claimed only"
    assert left_behind["submitting"] + left_behind.get("planned", 0) == 40

    assert outbox.claim(gateway=sending.fresh(), at=LATER + timedelta(seconds=1), most=0) == []
    assert outbox.sweep_leases(at=MUCH_LATER) == left_behind["submitting"]
    assert states(run)["unknown:worker_lost"] == left_behind["submitting"]
    reconcile.reconcile(gateway=sending.fresh(), at=MUCH_LATER)
    assert states(run)["accepted"] == len(taken)
    reconcile.reconcile(gateway=sending.fresh(), at=MUCH_LATER + timedelta(seconds=31))
    Gateway.objects.update(per_second=10_000)
    sender.drain(gateway=sending.fresh(), clock=lambda: MUCH_LATER + timedelta(minutes=1))
    assert states(run) == {"accepted": 40}
    accepted = sandbox.accepted(run)
    assert len(accepted) == 40, "nothing lost"
    assert set(accepted.values()) == {1}, "nothing twice"


def test_two_senders_at_once_send_everything_once(sending: World, sandbox: Process) -> None:
    run = sending.planned(200, batch_size=5)
    gateway = sending.fresh()

    def work() -> None:
        try:
            sender.drain(gateway=gateway, clock=lambda: LATER)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states(run) == {"accepted": 200}
    accepted = sandbox.accepted(run)
    assert len(accepted) == 200
    assert set(accepted.values()) == {1}


class Doorbell:
    """Stands in for the broker and remembers who was rung for; a lost broker is one that forgets."""

    def __init__(self) -> None:
        self.rung: list[int] = []

    def __call__(self, gateway_id: int) -> None:
        self.rung.append(gateway_id)


@pytest.fixture
def doorbell(monkeypatch) -> Doorbell:
    bell = Doorbell()
    monkeypatch.setattr(tasks.send, "delay", bell)
    return bell


@pytest.fixture
def clock(monkeypatch):
    """Set the instant that the tasks see."""

    def at(instant) -> None:
        monkeypatch.setattr("marketing.lib.days.now", lambda: instant)

    at(LATER)
    return at


def test_a_lost_wake_up_is_rung_again(world: World, doorbell: Doorbell, clock) -> None:
    """Rule 3: the broker lost everything; the sweep finds what is due."""
    world.planned(3)
    tasks.sweep()
    tasks.sweep()
    assert doorbell.rung == [world.gateway.pk, world.gateway.pk]


def test_nobody_is_rung_for_while_a_sender_is_at_work(world: World, doorbell: Doorbell, clock) -> None:
    world.planned(6, batch_size=3)
    outbox.claim(gateway=world.fresh(), at=LATER, most=1)
    tasks.sweep()
    assert doorbell.rung == []
    clock(LATER + timedelta(seconds=6))
    tasks.sweep()
    assert doorbell.rung == [world.gateway.pk]


@pytest.mark.parametrize("closed", ["paused campaign", "closed gateway", "nothing due"])
def test_nobody_is_rung_for_in_vain(world: World, doorbell: Doorbell, clock, closed: str) -> None:
    world.planned(3, at=LATER + timedelta(hours=1) if closed == "nothing due" else NOW)
    if closed == "paused campaign":
        Campaign.objects.update(state="paused")
    if closed == "closed gateway":
        Gateway.objects.update(closed_until=LATER + timedelta(seconds=1))
    tasks.sweep()
    assert doorbell.rung == []


def test_the_same_wake_up_twice_sends_once(sending: World, sandbox: Process, doorbell: Doorbell, clock) -> None:
    """Rule 3: redelivery changes nothing."""
    run = sending.planned(20)
    for _ in range(3):
        tasks.send(sending.gateway.pk)
    assert states(run) == {"accepted": 20}
    assert set(sandbox.accepted(run).values()) == {1}


def test_a_run_that_started_without_being_planned_is_planned_by_the_next_beat(
    world: World, doorbell: Doorbell, clock
) -> None:
    """The worker died between the start and the plan."""
    run = world.run(world.customers(5))
    tasks.start_due()
    tasks.start_due()
    assert states(run) == {"planned": 5}
    assert doorbell.rung


def test_a_run_without_a_way_out_is_paused_and_holds_up_nobody(world: World, doorbell: Doorbell, clock) -> None:
    stuck = world.run(world.customers(2))
    stuck.campaign.steps.update(channel="push")
    other = world.run(world.customers(2))
    tasks.plan_started(at=LATER)
    assert states(other) == {"planned": 2}
    stuck.campaign.refresh_from_db()
    assert stuck.campaign.state == "paused"


def test_a_worker_lost_is_found_by_the_sweep(world: World, doorbell: Doorbell, clock) -> None:
    run = world.planned(3)
    outbox.claim(gateway=world.fresh(), at=LATER)
    clock(LATER + timedelta(minutes=2))
    tasks.sweep()
    assert states(run) == {"unknown:worker_lost": 3}
    assert leases() == 0


def test_a_run_is_finished_when_all_its_messages_are(world: World, doorbell: Doorbell, clock) -> None:
    run = world.planned(4)
    ids = list(run.messages.order_by("id").values_list("id", flat=True))
    for id, state in zip(ids, ["delivered", "failed", "excluded", "accepted"], strict=True):
        run.messages.filter(pk=id).update(state=state)
    Batch.objects.update(finished_at=LATER)
    tasks.sweep()
    assert Run.objects.get(pk=run.pk).finished_at is None, "a receipt may still come"
    run.messages.filter(state="accepted").update(state="delivered")
    tasks.sweep()
    tasks.sweep()
    assert Run.objects.get(pk=run.pk).finished_at == LATER
    assert Campaign.objects.get(pk=run.campaign_id).state == "finished"


def test_a_receipt_that_never_comes_does_not_keep_a_run_open_for_ever(world: World, doorbell: Doorbell, clock) -> None:
    run = world.planned(1)
    run.messages.update(state="accepted")
    clock(NOW + timedelta(days=3, seconds=1))
    tasks.sweep()
    assert Run.objects.get(pk=run.pk).finished_at


def test_a_cancelled_campaign_is_settled_and_stays_cancelled(world: World, doorbell: Doorbell, clock) -> None:
    run = world.planned(2)
    schedule.cancel(campaign=run.campaign, by=world.cast.manager, at=LATER)
    tasks.sweep()
    assert states(run) == {"cancelled:campaign_over": 2}
    assert Campaign.objects.get(pk=run.campaign_id).state == "cancelled"
    assert Run.objects.get(pk=run.pk).finished_at


def test_what_is_paused_too_long_expires(world: World, doorbell: Doorbell, clock) -> None:
    run = world.planned(2)
    Campaign.objects.update(state="paused")
    clock(NOW + timedelta(days=3))
    tasks.sweep()
    assert states(run) == {"expired:too_late": 2}
