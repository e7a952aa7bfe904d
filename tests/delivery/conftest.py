"""A small bank with something to send, and a sandbox gateway that runs as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from django.db import connection

from accounts.models import Department, User
from campaigns.approval import content_hash, content_of
from campaigns.models import Approval, Campaign, ContactPolicy, Run, Step, Target, Variant
from customers.models import Consent, Customer, Product
from delivery import planner
from delivery.models import Batch, Gateway, Message
from marketing.lib import crypto
from segments.models import Segment, Snapshot, Version
from tests.conftest import NOW, Cast

SECRET, CALLBACK = "sandbox-secret-for-tests", "callback-path-for-tests"
TEXT = "{{称呼}}，您有{{额度}}元额度，年化利率{{年化利率}}。"
ROOT = Path(__file__).parents[2]


@dataclass
class World:
    """One department's running campaign over some customers, frozen and ready to be planned."""

    cast: Cast
    product: Product
    gateway: Gateway
    policy: ContactPolicy
    people: list[Customer] = field(default_factory=list)

    def customers(self, number: int) -> list[Customer]:
        """Add customers with a phone of their own and consent to SMS."""
        first = len(self.people)
        phones = [f"+86142{first + n:08d}" for n in range(number)]
        made = Customer.objects.bulk_create(
            Customer(
                number=f"6{first + n:09d}",
                name_sealed=crypto.encrypt("王芳", field="customer.name"),
                phone_sealed=crypto.encrypt(phone, field="customer.phone"),
                phone_index=crypto.blind_index(phone),
                branch=self.cast.east,
                created_at=NOW,
                updated_at=NOW,
            )
            for n, phone in enumerate(phones)
        )
        Consent.objects.bulk_create(
            Consent(
                customer=c, channel="sms", granted=True, source="branch_form", given_at=NOW - timedelta(days=9),
                recorded_at=NOW,
            )
            for c in made
        )  # fmt: skip
        self.people += made
        return made

    def run(
        self, people: list[Customer], *, department: Department | None = None, owner: User | None = None,
        control: int = 0, text: str = TEXT, facts: dict[str, str] | None = None,
    ) -> Run:  # fmt: skip
        """Freeze a running, approved campaign over the people; the first `control` of them are its control group."""
        department, owner = department or self.cast.loan, owner or self.cast.marketer
        segment = Segment.objects.create(
            name=f"客群 {Segment.objects.count()}", department=department, owner=owner, created_at=NOW
        )
        version = Version.objects.create(
            segment=segment, number=1, rule={}, rule_hash="0" * 64, created_by=owner, created_at=NOW
        )
        campaign = Campaign.objects.create(
            name="装修季消费贷", department=department, owner=owner, product=self.product, audience=version,
            state="running", created_at=NOW, changed_at=NOW, launched_at=NOW,
        )  # fmt: skip
        variant = Variant.objects.create(step=Step.objects.create(campaign=campaign), text=text)
        content = content_of(campaign)
        approval = Approval.objects.create(
            campaign=campaign, content=content, content_hash=content_hash(content), submitted_by=owner,
            submitted_at=NOW, decision="approved", decided_by=self.cast.manager, decided_at=NOW,
        )  # fmt: skip
        snapshot = Snapshot.objects.create(
            version=version, as_of=date(2026, 10, 31), size=len(people), sha256="0" * 64, frozen_at=NOW
        )
        run = Run.objects.create(
            campaign=campaign, approval=approval, snapshot=snapshot, seed=1, audience=len(people),
            treated=len(people) - control, control=control, frozen_at=NOW,
        )  # fmt: skip
        facts = facts if facts is not None else {"额度": "50,000", "gender": "F"}
        Target.objects.bulk_create(
            Target(run=run, customer=c, arm="control" if n < control else "treated",
                   variant=None if n < control else variant, facts={} if n < control else facts)
            for n, c in enumerate(people)
        )  # fmt: skip
        return run

    def planned(self, number: int, *, at: datetime = NOW, batch_size: int | None = None, **options: object) -> Run:
        """Plan a fresh run over so many fresh customers."""
        if batch_size:
            Gateway.objects.filter(pk=self.gateway.pk).update(batch_size=batch_size)
        run = self.run(self.customers(number), **options)
        planner.plan(run=run, at=at)
        return run

    def fresh(self) -> Gateway:
        return Gateway.objects.get(pk=self.gateway.pk)


def states(run: Run) -> dict[str, int]:
    """Count a run's messages by state, with the reason where there is one."""
    found: dict[str, int] = {}
    for state, reason in Message.objects.filter(run=run).values_list("state", "reason"):
        key = f"{state}:{reason}" if reason else state
        found[key] = found.get(key, 0) + 1
    return found


def leases() -> int:
    return Batch.objects.filter(lease_until__isnull=False).count()


def make_gateway(**fields: object) -> Gateway:
    values = {
        "code": "sandbox", "name": "Sandbox", "channel": "sms", "url": "http://127.0.0.1:9",
        "secret_sealed": crypto.encrypt(SECRET, field="gateway.secret"), "callback_path": CALLBACK,
        "per_second": 100_000, "timeout_seconds": 2,
    }  # fmt: skip
    return Gateway.objects.create(**values | fields)


def make_world(cast: Cast, product: Product, gateway: Gateway) -> World:
    from datetime import time as clock

    policy = ContactPolicy.objects.create(
        channel="sms", signature="江州银行", opt_out_text="拒收请回复R", price_per_part="0.0720",
        open_from=clock(8), open_until=clock(20), cap_contacts=3, cap_days=30, updated_at=NOW,
    )  # fmt: skip
    return World(cast, product, gateway, policy)


@pytest.fixture
def world(cast: Cast, loan_product: Product) -> World:
    """A world inside the test's transaction: nothing can be sent from it, everything else can be tried."""
    return make_world(cast, loan_product, make_gateway())


# -- with a real gateway ------------------------------------------------------------------------------------------


@dataclass
class Process:
    """The sandbox process and the knobs it has."""

    url: str
    pid: int

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def post(self, path: str, body: dict) -> dict:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def fault(self, mode: str, **options: object) -> None:
        self.post("/faults", {"mode": mode, **options})

    def accepted(self, run: Run) -> dict[str, int]:
        """Return how often each message of the run was accepted."""
        ours = {str(id) for id in run.messages.values_list("id", flat=True)}
        return {id: times for id, times in self.get("/log")["accepted"].items() if id in ours}


def database_url() -> str:
    """Return the address of the test's own database, for a process beside us."""
    values = connection.settings_dict
    query = urlencode({"host": values["HOST"], "port": values["PORT"]})
    return f"postgresql://{quote(values['USER'])}@/{quote(values['NAME'])}?{query}"


def spawn(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start a process of the application on the test's database."""
    env = os.environ | {"DATABASE_URL": database_url(), "DEMO": "1", "PYTHONUNBUFFERED": "1"} | environment
    return subprocess.Popen([sys.executable, *arguments], env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="session")
def sandbox_process(django_db_setup: None, live_server) -> Iterator[Process]:
    process = spawn("manage.py", "sandbox", "--port", "0", "--notify", live_server.url, "--delay", "0.05", "0.2")
    line = process.stdout.readline()
    assert "http://" in line, line
    yield Process(line.split()[-1], process.pid)
    process.terminate()
    process.wait(10)
    process.stdout.close()


@pytest.fixture
def sandbox(sandbox_process: Process) -> Process:
    """The sandbox, well behaved and silent; a test that wants receipts says quiet: false."""
    sandbox_process.fault("ok")
    sandbox_process.post("/quiet", {"quiet": True})
    return sandbox_process


@pytest.fixture
def sending(transactional_db, cast: Cast, loan_product: Product, sandbox: Process) -> World:
    """A world whose rows are committed and whose gateway is the running sandbox."""
    world = make_world(cast, loan_product, make_gateway(url=sandbox.url))
    eventually(lambda: knows_account(sandbox))
    return world


def knows_account(sandbox: Process) -> bool:
    """Tell whether the sandbox has read its row: it answers a signed question."""
    from delivery.gateways import signing

    head = signing.headers(SECRET.encode(), id="t", timestamp=int(time.time()), body=b"")
    try:
        urllib.request.urlopen(urllib.request.Request(f"{sandbox.url}/messages?ids=0", headers=head), timeout=5).close()
    except urllib.error.HTTPError:
        return False
    return True


def eventually(true: Callable[[], bool], *, seconds: float = 20) -> None:
    """Wait until something is so; fail where it does not become so."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not become so"
        time.sleep(0.05)


@pytest.fixture
def sending_free(transactional_db, cast: Cast, loan_product: Product) -> World:
    """A world whose rows are committed, without a gateway that answers."""
    return make_world(cast, loan_product, make_gateway())
