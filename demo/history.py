"""Campaigns of the past weeks, carried out through the ordinary verbs with the instants of those weeks.

Only the gateway is left out: its answers and receipts are drawn here, because nobody waits for a week-old receipt.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from accounts.models import User
from campaigns import approval, editing, schedule
from campaigns.models import Arm, Campaign, Run
from customers.models import Product
from delivery import outbox, parcels, planner, receipts, tasks
from delivery.gateways import Report, Result
from delivery.models import Gateway, Message
from demo.response import OpeningRow, respond
from demo.stories import Story
from marketing.lib import days
from segments.models import Version

REACHED = 0.962
GATEWAY_REFUSES = 0.006
DRAFTED_BEFORE = timedelta(hours=5)
FAILURES = ("UNDELIV", "EXPIRED", "REJECTED")


def draft(story: Story, *, audience: Version, by: User, at: datetime) -> Campaign:
    """Write the story's campaign down as its marketer would."""
    campaign = editing.create(name=story.name, by=by, at=at)
    product = Product.objects.get(code=story.product)
    fields = {"product": product, "audience": audience, "goal_days": story.goal_days, "budget": story.budget}
    campaign = editing.change(campaign=campaign, by=by, at=at, **fields)
    editing.write(campaign=campaign, text=story.text, by=by, at=at)
    campaign.refresh_from_db()
    return campaign


def submit(campaign: Campaign, *, by: User, at: datetime) -> None:
    """Send the campaign for approval; nobody has looked at it yet."""
    approval.submit(campaign=campaign, by=by, at=at)


def sign(campaign: Campaign, *, by: User, manager: User, at: datetime) -> Campaign:
    """Submit, approve and release the campaign."""
    approval.submit(campaign=campaign, by=by, at=at)
    approval.approve(campaign=campaign, by=manager, at=at + timedelta(minutes=40))
    campaign.refresh_from_db()
    return schedule.launch(campaign=campaign, by=by, at=at + timedelta(minutes=45))


def start(campaign: Campaign, *, at: datetime) -> Run:
    """Freeze the audience and plan the messages."""
    run = schedule.start(campaign=campaign, at=at)
    if run is None:
        campaign.refresh_from_db()
        raise RuntimeError(f"the demo campaign {campaign.pk} did not start: it is {campaign.state}")
    planner.plan(run=run, at=at)
    return run


def send(run: Run, *, gateway: Gateway, at: datetime, seed: int, batches: int | None = None) -> None:
    """Submit the run's messages and answer for the gateway: most arrive, some fail."""
    luck = np.random.default_rng(seed)
    clock = at
    while batches is None or batches > 0:
        clock += timedelta(seconds=1)
        gateway.refresh_from_db()
        claims = outbox.claim(gateway=gateway, at=max(clock, gateway.paced_until or clock), most=8)
        if not claims:
            return
        batches = None if batches is None else batches - len(claims)
        for parcel in parcels.word(claims):
            answers = [_answer(message.id, luck) for message in parcel.outgoing]
            outbox.record(parcel=parcel, outcome=answers, at=clock)
            reports = list(_receipts(answers, luck, clock))
            receipts.take_receipts(gateway=gateway, reports=reports, at=clock + timedelta(minutes=6))


def _answer(id: str, luck: np.random.Generator) -> Result:
    if luck.random() < GATEWAY_REFUSES:
        return Result(id, "failed", "number_invalid")
    return Result(id, "accepted", provider_id=f"past-{id}")


def _receipts(answers: list[Result], luck: np.random.Generator, at: datetime) -> Iterator[Report]:
    for answer in answers:
        if answer.state == "accepted":
            arrived = luck.random() < REACHED
            code = "" if arrived else FAILURES[int(luck.integers(len(FAILURES)))]
            outcome = "delivered" if arrived else "failed"
            yield Report(
                f"past-{answer.id}", answer.id, outcome, code, at + timedelta(seconds=int(luck.integers(3, 300)))
            )


def finish(*, at: datetime) -> None:
    """Let the sweep close what has nothing open any more."""
    tasks.finish_runs(at=at)


def spread(run: Run, *, over: timedelta, at: datetime) -> None:
    """Send the rest of a run in portions over the coming hours, so that the demo bank has a campaign under way."""
    rest = list(run.batches.filter(finished_at=None).order_by("pk"))
    for place, batch in enumerate(rest):
        batch.due_at = at + over * place / max(len(rest), 1)
    run.batches.model.objects.bulk_update(rest, ["due_at"])
    Message.objects.filter(run=run).update(expires_at=at + over + timedelta(days=1))


def openings(run: Run, *, truth: Path, until: datetime, seed: int) -> Iterator[OpeningRow]:
    """Draw, from the bank's known truth, what the run's customers took up; in the bank's local time."""
    numbers = {
        arm: list(run.targets.filter(arm=arm).order_by("pk").values_list("customer__number", flat=True))
        for arm in (Arm.TREATED, Arm.CONTROL)
    }
    product, since = run.campaign.product, days.local(run.frozen_at).replace(tzinfo=None)
    assert product is not None
    drawn = respond(
        numbers[Arm.TREATED],
        numbers[Arm.CONTROL],
        product=product.code,
        channel="sms",
        since=since,
        days=run.campaign.goal_days,
        truth=truth,
        seed=seed,
    )
    limit = days.local(until).replace(tzinfo=None)
    return (row for row in drawn if row.at <= limit)


def data_date(now: datetime) -> date:
    """Return the month end of the newest files: the last one that lies at least three weeks back."""
    day = days.day_of(now - timedelta(days=21))
    last = days.month_end(day)
    return last if last == day else day.replace(day=1) - timedelta(days=1)
