"""The bank that is measured on: made once, and only as far as the chosen rows need it.

Each property is a stage and rests on the one before: files → loaded register and facts → signed campaign → run.
"""

from __future__ import annotations

import logging
from datetime import datetime
from functools import cached_property
from pathlib import Path

from accounts import people
from accounts.models import Department, Role, User
from campaigns import approval, editing, schedule
from campaigns.models import Campaign, Run
from customers.models import Channel, Customer, Product
from delivery import planner
from delivery.models import Gateway
from demo import history, office
from demo.bank import Plan, write_bank
from demo.bench.database import settle
from demo.stories import LOAN_TEXT, condition, every
from marketing.lib import crypto
from segments import editing as segment_editing
from warehouse import imports
from warehouse.models import FeedRun

log = logging.getLogger(__name__)

SECRET = "bench"  # noqa: S105 - of a gateway that exists for some minutes
EVERYBODY = every(condition("products_held", "ge", 0))


class Ground:
    """A throw-away bank of so many customers in the throw-away place."""

    def __init__(self, *, folder: Path, customers: int, activity: float, at: datetime) -> None:
        self.folder, self.at = folder, at
        # One month end is enough, and the newest one a bank would have by now.
        self.plan = Plan(customers=customers, activity=activity, months=1, as_of=history.data_date(at))

    @cached_property
    def files(self) -> Path:
        """Return the folder with the files of the bank."""
        log.info("making the files of %s customers", f"{self.plan.customers:,}")
        write_bank(self.plan, self.folder / "files")
        return self.folder / "files"

    @cached_property
    def office(self) -> dict[str, User]:
        """Return the marketer and the manager of the loan department, with branches, staff and products around them."""
        office.open_office(at=self.at)
        for kind in ("branches", "staff", "products"):
            self.load(kind, self.files / f"{kind}.csv")
        return {
            "marketer": self._hire("bench.marketer", Role.MARKETER),
            "manager": self._hire("bench.manager", Role.MANAGER),
        }

    def _hire(self, username: str, role: str) -> User:
        user = User(username=username, display_name=username, department=Department.objects.get(code="loan"))
        user.set_unusable_password()
        user.save(force_insert=True)
        people.grant(user=user, role=role, by=None, at=self.at)
        return user

    def load(self, kind: str, file: Path) -> FeedRun:
        """Take a file in as the pages and the command do: upload, mapping, landing."""
        run = imports.upload(file=file, name=file.name, kind=kind, by=None, at=self.at)
        imports.configure(run=run, mapping=run.mapping, as_of=self.plan.as_of, by=None, at=self.at)
        return imports.carry_out(run, at=self.at, report=lambda done, total: None)

    @cached_property
    def loaded(self) -> int:
        """Load customers and consents, unless a row before has done so, and return how many customers there are."""
        _people = self.office
        if not Customer.objects.exists():
            log.info("loading customers")
            self.load("customers", self.files / "customers.csv")
        log.info("loading consents")
        self.load("consents", self.files / "consents.csv")
        settle("customers_customer", "customers_consent")
        return Customer.objects.count()

    @cached_property
    def gateway(self) -> Gateway:
        """Return the batch gateway; its address is set by whoever starts it."""
        return Gateway.objects.create(
            code="bench",
            name="Bench",
            channel=Channel.SMS,
            kind="http",
            url="http://127.0.0.1:9",
            secret_sealed=crypto.encrypt(SECRET, field="gateway.secret"),
            callback_path="bench",
            batch_size=1000,
            per_second=10_000_000,
        )

    @cached_property
    def campaign(self) -> Campaign:
        """Return a signed and released campaign about everybody."""
        _everybody, by, manager = self.loaded, self.office["marketer"], self.office["manager"]
        log.info("writing and signing a campaign")
        segment = segment_editing.create_segment(name="everybody", rule=EVERYBODY, by=by, at=self.at)
        product = Product.objects.get(code="consumer_loan")
        made = editing.create(name="bench", product=product, audience=segment.latest, by=by, at=self.at)
        editing.write(campaign=made, text=LOAN_TEXT, by=by, at=self.at)
        approval.submit(campaign=made, by=by, at=self.at)
        approval.approve(campaign=made, by=manager, at=self.at)
        return schedule.launch(campaign=made, by=by, at=self.at)

    @cached_property
    def run(self) -> Run:
        """Return a run of the campaign that is frozen and not yet planned."""
        campaign = self.campaign
        log.info("freezing the audience")
        campaign.runs.all().delete()
        run = schedule.start(campaign=campaign, at=self.at)
        if run is None:
            campaign.refresh_from_db()
            raise RuntimeError(f"the campaign did not start: it is {campaign.state}")
        settle("campaigns_target")
        return run

    @cached_property
    def planned(self) -> int:
        """Plan the run and return how many messages are ready to go."""
        _gateway, run = self.gateway, self.run
        log.info("planning the messages")
        planned = planner.plan(run=run, at=self.at)
        run.refresh_from_db()
        return planned.planned if planned else run.messages.filter(state="planned").count()
