"""Targets become messages once, and nobody is planned beyond the cap."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from delivery import planner
from delivery.models import Batch, Message
from tests.conftest import NOW
from tests.delivery.conftest import World, states


def test_each_treated_target_gets_one_message(world: World) -> None:
    run = world.planned(25, control=5, batch_size=8)
    assert states(run) == {"planned": 20}
    assert sorted(Batch.objects.filter(run=run).values_list("size", flat=True)) == [4, 8, 8]
    control = run.targets.filter(arm="control").values("customer")
    assert not Message.objects.filter(run=run, customer__in=control).exists()


def test_batch_sizes_are_what_their_messages_are(world: World) -> None:
    run = world.planned(21, batch_size=10)
    for batch in Batch.objects.filter(run=run):
        assert batch.messages.count() == batch.size


def test_a_second_plan_adds_nothing(world: World) -> None:
    run = world.planned(10)
    assert planner.plan(run=run, at=NOW) is None
    assert states(run) == {"planned": 10}


def test_the_ledger_takes_a_contact_once(world: World) -> None:
    """Rule 1: unique per run, step and customer, whoever writes it."""
    run = world.planned(1)
    message = run.messages.get()
    message.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        message.save(force_insert=True)


def test_who_has_used_up_the_cap_is_written_down_as_excluded(world: World) -> None:
    people = world.customers(4)
    for _ in range(3):
        planner.plan(run=world.run(people), at=NOW)
    fourth = world.run([*people, *world.customers(2)])
    planned = planner.plan(run=fourth, at=NOW)
    assert planned == planner.Planned(planned=2, capped=4)
    assert states(fourth) == {"planned": 2, "excluded:contact_cap": 4}


def test_contacts_older_than_the_window_do_not_count(world: World) -> None:
    people = world.customers(2)
    for _ in range(3):
        planner.plan(run=world.run(people), at=NOW - timedelta(days=31))
    run = world.run(people)
    planner.plan(run=run, at=NOW)
    assert states(run) == {"planned": 2}


def test_what_never_left_takes_no_slot(world: World) -> None:
    people = world.customers(2)
    for state in ("failed", "excluded", "expired", "cancelled"):
        run = world.run(people)
        planner.plan(run=run, at=NOW)
        run.messages.update(state=state)
    run = world.run(people)
    planner.plan(run=run, at=NOW)
    assert states(run) == {"planned": 2}


@pytest.mark.django_db(transaction=True)
def test_two_campaigns_race_for_the_last_slot_and_one_wins(sending_free: World) -> None:
    """Rule 5, across departments."""
    world = sending_free
    people = world.customers(50)
    for _ in range(2):
        planner.plan(run=world.run(people), at=NOW)
    cast = world.cast
    runs = [world.run(people), world.run(people, department=cast.card, owner=cast.card_marketer)]
    gate = threading.Barrier(2)

    def race(run) -> None:
        try:
            gate.wait()
            planner.plan(run=run, at=NOW)
        finally:
            connection.close()

    threads = [threading.Thread(target=race, args=[run]) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, (states(run) for run in runs))) == ["{'excluded:contact_cap': 50}", "{'planned': 50}"]


@pytest.mark.django_db(transaction=True)
def test_two_planners_of_one_run_plan_it_once(sending_free: World) -> None:
    run = sending_free.run(sending_free.customers(30))
    gate = threading.Barrier(2)
    told = []

    def race() -> None:
        try:
            gate.wait()
            told.append(planner.plan(run=run, at=NOW))
        finally:
            connection.close()

    threads = [threading.Thread(target=race) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [t for t in told if t] == [planner.Planned(30, 0)]
    assert states(run) == {"planned": 30}


def test_a_plan_that_does_not_add_up_is_not_kept(world: World) -> None:
    """Rule 4: a step without a text would silently lose its people."""
    run = world.run(world.customers(3))
    run.campaign.steps.create(number=2)
    with pytest.raises(RuntimeError, match="does not add up"):
        planner.plan(run=run, at=NOW)
    run.refresh_from_db()
    assert run.planned_at is None
    assert states(run) == {}
