"""Build the demo bank: files through the ordinary feeds, then the campaigns of its stories.

Every step can be taken again: what is there already is left as it is.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

from django.db import transaction

from accounts.models import User
from campaigns.models import Campaign, Run
from delivery.gateway_setup import sandbox_gateway
from delivery.models import Gateway
from demo import history, office
from demo.bank import Plan, write_bank
from demo.response import OpeningRow
from demo.stories import RULES, STORIES, Story
from marketing.lib import days
from outcomes.attribution import attribute
from segments import editing
from segments.models import Segment, Version
from warehouse import imports
from warehouse.models import FeedRun, FeedRunState

Say = Callable[[str], None]

MANAGERS = {f"{code}.marketer": f"{code}.manager" for code in ("loan", "card", "online")}


def build(*, folder: Path, customers: int, seed: int, password: str, at: datetime, say: Say) -> None:
    """Build everything under `folder`; `say` gets a sentence per stage."""
    office.open_office(at=at)
    as_of = history.data_date(at)
    if not (folder / "truth.json").exists():
        write_bank(Plan(customers=customers, seed=seed, as_of=as_of), folder)
        say(f"{customers:,} customers written as a bank's files, as of {as_of}")
    for kind in ("branches", "staff", "products"):
        load(kind, folder / f"{kind}.csv", as_of=as_of)
    people = office.hire(password=password, at=at)
    gateway = sandbox_gateway(by=people["admin"], at=at)
    # Slow enough that a campaign can be watched, paused and resumed.
    Gateway.objects.filter(pk=gateway.pk).update(batch_size=50, per_second=200)
    load_facts(folder, people["analyst"], as_of, say)
    versions = segments(people, at=at - timedelta(days=21))
    tell_stories(folder, versions, people, gateway, seed=seed, at=at, say=say)


def load(kind: str, file: Path, *, as_of: date, by: User | None = None) -> FeedRun | None:
    """Bring one file in through its feed, unless a file of this name has landed already."""
    if FeedRun.objects.filter(kind=kind, file_name=file.name, state=FeedRunState.DONE).exists():
        return None
    at = days.now()
    run = imports.upload(file=file, name=file.name, kind=kind, by=by, at=at)
    imports.configure(run=run, mapping=run.mapping, as_of=as_of, by=by, at=at)
    return imports.carry_out(run, at=at, report=lambda done, total: None)


def load_facts(folder: Path, analyst: User, as_of: date, say: Say) -> None:
    """Bring customers, their history, activity, consents and openings in."""
    if run := load("customers", folder / "customers.csv", as_of=as_of, by=analyst):
        say(f"Customers: {run.rows_in:,} rows in = {run.rows_landed:,} landed + {run.rows_rejected:,} rejected")
    months = sorted(folder.glob("attributes_*.csv"))[:-1]  # the last one is what customers.csv said
    if any([load("attributes", file, as_of=_month(file), by=analyst) for file in months]):
        say(f"{len(months)} earlier month ends landed")
    rest = [("activity", file, _month(file)) for file in sorted(folder.glob("activity_*.csv"))]
    rest += [(kind, folder / f"{kind}.csv", as_of) for kind in ("consents", "openings")]
    if any([load(kind, file, as_of=day, by=analyst) for kind, file, day in rest]):
        say("Activity, consents and openings landed")


def _month(file: Path) -> date:
    return days.month_end(date.fromisoformat(file.stem.partition("_")[2] + "-01"))


def segments(people: dict[str, User], *, at: datetime) -> dict[str, Version]:
    """Define the segments of the stories, each by its department's marketer."""
    versions = {}
    for key, (name, owner, rule) in RULES.items():
        found = Segment.objects.filter(name=name, department=people[owner].department, archived_at=None).first()
        segment = found or editing.create_segment(name=name, rule={"version": 1, **rule}, by=people[owner], at=at)
        versions[key] = segment.versions.order_by("-number")[0]
    return versions


def tell_stories(
    folder: Path,
    versions: dict[str, Version],
    people: dict[str, User],
    gateway: Gateway,
    *,
    seed: int,
    at: datetime,
    say: Say,
) -> None:
    """Carry every campaign to where its story says it has come, and load what its customers took up."""
    told = 0
    for place, story in enumerate(STORIES):
        if not Campaign.objects.filter(name=story.name).exists():
            tell(story, versions[story.segment], people, gateway, seed=seed + place, at=at)
            told += 1
        if story.came_to == "finished":
            load_openings(story, folder, people["analyst"], seed=seed + place, at=at)
    if told:
        attribute(at=at)
        say(f"{told} campaigns told: four finished, one running, two waiting for approval, one draft")


@transaction.atomic  # the worker and the beat beside this see a campaign when its story is told, not before
def tell(
    story: Story, audience: Version, people: dict[str, User], gateway: Gateway, *, seed: int, at: datetime
) -> None:
    """Carry one campaign as far as its story goes."""
    by = people[story.by]
    began = at - timedelta(days=story.days_ago)
    campaign = history.draft(story, audience=audience, by=by, at=began - history.DRAFTED_BEFORE)
    if story.came_to == "in_review":
        history.submit(campaign, by=by, at=at - timedelta(minutes=50))
    elif story.came_to != "draft":
        campaign = history.sign(campaign, by=by, manager=people[MANAGERS[story.by]], at=began - timedelta(hours=2))
        run = history.start(campaign, at=began)
        if story.came_to == "running":
            history.send(run, gateway=gateway, at=began, seed=seed, batches=24)
            history.spread(run, over=timedelta(days=2), at=at)
        else:
            history.send(run, gateway=gateway, at=began, seed=seed)
            history.finish(at=began + timedelta(hours=1))


def load_openings(story: Story, folder: Path, analyst: User, *, seed: int, at: datetime) -> None:
    """Load the openings file that followed a campaign, drawn from the known truth."""
    run = Run.objects.get(campaign__name=story.name)
    file = folder / f"openings_after_{run.campaign_id}.csv"
    if not file.exists():
        _write_openings(file, history.openings(run, truth=folder, until=at, seed=seed))
    load("openings", file, as_of=days.day_of(at), by=analyst)


def _write_openings(file: Path, rows: Iterable[OpeningRow]) -> None:
    header = ["opening_no", "customer_no", "product", "stage", "at", "amount", "branch_no"]
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(header)
        writer.writerows(rows)
