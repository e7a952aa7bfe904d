"""41,188 real clients of a bank go the whole way: from their file to the report of a campaign whose sums add up.

The outcome column of the file is what the clients really did; it comes in as openings, so the conversions that the
report shows are known from the file alone.
"""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Iterable, Iterator
from datetime import date, time, timedelta
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from django.core.management import call_command
from django.utils.translation import override
from rest_framework.test import APIClient

from accounts import audit, tokens
from campaigns import approval, editing, schedule
from campaigns.models import Campaign, ContactPolicy, Run
from customers.models import Consent, Customer, Product
from delivery import sender, tasks
from delivery.models import Gateway, Message
from marketing.lib import days
from outcomes import attribution, results
from segments.catalogue import catalogue
from segments.counting import count
from segments.editing import create_segment
from segments.rules import parse
from tests.conftest import Cast
from tests.delivery.conftest import (  # noqa: F401 - the sandbox gateway is a fixture of the sending tests
    Process,
    eventually,
    knows_account,
    make_gateway,
    sandbox,
    sandbox_process,
    states,
)
from tests.traces import Traces
from warehouse import engine
from warehouse.models import Attribute, FeedRun

ROOT = Path(__file__).parents[1]
NAME = "bank-additional-full.csv.gz"
FILE = Path(os.environ["BANK_DATA"]) if "BANK_DATA" in os.environ else ROOT.parent / "shared" / "data" / NAME
MAPPING = ROOT / "warehouse" / "mappings" / "uci_bank.json"
ROWS, AS_OF = 41_188, date(2026, 10, 31)
SENT_AT = days.at_bank(date(2026, 11, 11), time(10))
OPENED_AT = SENT_AT + timedelta(days=3)
LATER = SENT_AT + timedelta(days=10)
REFUSED = 120

RULE = {
    "op": "all",
    "items": [
        {"attribute": "contact_type", "op": "eq", "value": "cellular"},
        {"attribute": "age", "op": "between", "value": [30, 60]},
        {"attribute": "personal_loan", "op": "eq", "value": "no"},
        {"attribute": "euribor3m", "op": "lt", "value": 1.5},
    ],
}
TEXT = "{{称呼}}，装修贷可申请，年化利率{{年化利率}}，贷款以审批为准。"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not FILE.is_file(), reason=f"the real clients are not here: put {NAME} at {FILE}, or name it in BANK_DATA"
    ),
]


@pytest.fixture(scope="module")
def clients() -> pd.DataFrame:
    """The file as pandas reads it, with the customer numbers that the import makes from its lines."""
    read = pd.read_csv(FILE, sep=";")
    read["customer_no"] = [number_of(line) for line in range(2, len(read) + 2)]
    return read


def number_of(line: int) -> str:
    return f"UCI{line:08d}"


def phone_of(line: int) -> str:
    return f"142{line:08d}"


def chosen(clients: pd.DataFrame) -> pd.DataFrame:
    """The segment, written by hand."""
    return clients[
        (clients.contact == "cellular")
        & clients.age.between(30, 60)
        & (clients.loan == "no")
        & (clients.euribor3m < 1.5)
    ]


def feed(kind: str, file: Path, *options: str) -> str:
    out = StringIO()
    call_command("import_feed", kind, file, *options, stdout=out)
    return out.getvalue()


def load() -> str:
    return feed("customers", FILE, "--mapping", str(MAPPING), "--as-of", AS_OF.isoformat())


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with override("en"):
        yield


@pytest.fixture
def loaded(transactional_db, cast: Cast) -> str:
    """Load the file; what the command said."""
    return load()


def test_the_file_lands_and_a_segment_counts_what_a_query_by_hand_counts(
    loaded: str, clients: pd.DataFrame, cast: Cast
) -> None:
    everybody_is_there(loaded)
    facts_are_the_files_own(clients)
    by_hand = len(chosen(clients))
    assert 1_000 < by_hand < ROWS / 2, "a count that could come out by accident proves nothing"
    made = create_segment(name="手机可及、无个人贷款", rule=RULE, by=cast.marketer, at=SENT_AT)
    assert (made.latest.size, made.latest.as_of) == (by_hand, AS_OF)
    counted = count(parse(RULE, catalogue()), cast.marketer)
    assert (counted.size, counted.total) == (by_hand, ROWS)
    load()
    assert FeedRun.objects.latest("pk").rows_changed == 0, "the same file again changes nothing"
    assert Customer.objects.count() == Consent.objects.count() == ROWS


def everybody_is_there(said: str) -> None:
    run = FeedRun.objects.get()
    assert (run.rows_in, run.rows_landed, run.rows_rejected, run.state) == (ROWS, ROWS, 0, "done")
    assert "Column “duration” is left out. It is known only after the call" in said, said
    kept = set(Attribute.objects.values_list("key", flat=True))
    assert {"euribor3m", "contact_type", "personal_loan", "made_up_number"} <= kept
    assert not kept & {"duration", "y"}
    first, last = Customer.objects.order_by("number")[0], Customer.objects.order_by("-number")[0]
    assert (first.number, first.phone) == (number_of(2), f"+86{phone_of(2)}")
    assert (last.number, last.phone) == (number_of(ROWS + 1), f"+86{phone_of(ROWS + 1)}")
    assert Consent.objects.allowing(channel="sms", at=SENT_AT).count() == ROWS


def facts_are_the_files_own(clients: pd.DataFrame) -> None:
    """Hold columns of every kind to the file, client by client."""
    stored, as_of = engine.attributes(None)
    facts = engine.connection().to_pyarrow(stored).to_pandas()
    numbers = dict(Customer.objects.values_list("pk", "number"))
    facts = facts.assign(customer_no=facts.customer_id.map(numbers)).sort_values("customer_no")
    assert as_of == AS_OF
    pairs = {"age": "age", "euribor3m": "euribor3m", "contact": "contact_type", "loan": "personal_loan"}
    for theirs, ours in (pairs | {"nr.employed": "people_employed", "pdays": "days_since_contact"}).items():
        assert facts[ours].tolist() == clients[theirs].tolist(), theirs


# -- the campaign -------------------------------------------------------------------------------------------------


@pytest.fixture
def gateway(loaded: str, sandbox: Process) -> Gateway:  # noqa: F811
    made = make_gateway(url=sandbox.url, batch_size=500)
    eventually(lambda: knows_account(sandbox))
    ContactPolicy.objects.create(
        channel="sms", signature="江州银行", opt_out_text="拒收请回复R", price_per_part="0.0720",
        open_from=time(8), open_until=time(20), cap_contacts=3, cap_days=30, updated_at=SENT_AT,
    )  # fmt: skip
    return made


def refusals(clients: pd.DataFrame, folder: Path) -> list[str]:
    """Let some of the segment take their consent back, by a file; return who."""
    numbers = chosen(clients).customer_no.tolist()[:REFUSED]
    file = folder / "consents.csv"
    write(file, ["customer_no", "channel", "granted", "source", "at"],
          ([number, "sms", "no", "branch_form", "2026-06-01 10:00:00"] for number in numbers))  # fmt: skip
    assert f"{REFUSED} landed" in feed("consents", file)
    return numbers


def outcomes(clients: pd.DataFrame, folder: Path) -> set[str]:
    """Bring what the clients really did in by a file of openings; return who opened."""
    numbers = clients[clients.y == "yes"].customer_no.tolist()
    file = folder / "openings.csv"
    at = f"{days.local(OPENED_AT):%Y-%m-%d %H:%M:%S}"
    write(file, ["opening_no", "customer_no", "product", "stage", "at", "amount"],
          ([f"OP{number}", number, "consumer_loan", "opened", at, "50000"] for number in numbers))  # fmt: skip
    assert f"{len(numbers)} landed" in feed("openings", file)
    return set(numbers)


def write(file: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([header, *rows])


def planned(cast: Cast, product: Product) -> Campaign:
    """From a segment to a running campaign, by the verbs of the people whose turn it is."""
    segment = create_segment(name="手机可及、无个人贷款", rule=RULE, by=cast.marketer, at=SENT_AT)
    campaign = editing.create(
        name="装修季消费贷", by=cast.marketer, at=SENT_AT, product=product, audience=segment.latest, budget=5_000
    )
    editing.write(campaign=campaign, text=TEXT, by=cast.marketer, at=SENT_AT)
    approval.submit(campaign=campaign, by=cast.marketer, at=SENT_AT)
    approval.approve(campaign=campaign, by=cast.manager, at=SENT_AT)
    schedule.launch(campaign=campaign, by=cast.marketer, at=SENT_AT)
    return campaign


def sent(campaign: Campaign, gateway: Gateway) -> Run:
    """Start, plan and send until nothing is due."""
    [run] = schedule.start_due(SENT_AT)
    tasks.plan_started(at=SENT_AT)
    while tasks.due(at=SENT_AT).exists():
        sender.drain(gateway=Gateway.objects.get(pk=gateway.pk), clock=lambda: SENT_AT, seconds=30)
    campaign.refresh_from_db()
    assert campaign.state == "running"
    return run


def report(cast: Cast, campaign: Campaign) -> dict[str, tuple[int, int]]:
    """Return (people, converted) of each arm as the manager's program reads them."""
    _token, secret = tokens.issue(user=cast.manager, name="report", at=days.now())
    answer = APIClient(headers={"authorization": f"Bearer {secret}"}).get(f"/api/v1/campaigns/{campaign.pk}/report/")
    result = answer.json()["result"]
    return {arm: (result[arm]["people"], result[arm]["converted"]) for arm in ("treated", "control", "total")}


def numbers_of(run: Run, arm: str) -> set[str]:
    return set(run.targets.filter(arm=arm).values_list("customer__number", flat=True))


def test_a_campaign_on_them_runs_to_its_report(
    gateway,
    clients,
    cast,
    loan_product,
    sandbox,  # noqa: F811
    tmp_path,
    caplog,
) -> None:
    """Rule 4 on real data: every figure follows from the file; rule 12: nobody's number is left anywhere."""
    caplog.set_level(logging.DEBUG)
    refused = refusals(clients, tmp_path)
    campaign = planned(cast, loan_product)
    run = sent(campaign, gateway)

    members = set(chosen(clients).customer_no)
    treated, control, excluded = (numbers_of(run, arm) for arm in ("treated", "control", "excluded"))
    assert treated | control | excluded == members
    assert len(treated) + len(control) + len(excluded) == run.audience == len(members)
    assert (run.treated, run.control) == (len(treated), len(control))
    assert excluded == set(refused) and run.excluded == {"no_consent": REFUSED}
    assert abs(run.control / (run.treated + run.control) - 0.1) < 0.01

    accepted = sandbox.accepted(run)
    assert len(accepted) == run.treated and set(accepted.values()) == {1}
    sandbox.post("/quiet", {"quiet": False})
    eventually(lambda: not run.messages.filter(state="accepted").exists(), seconds=30)
    assert sum(states(run).values()) == run.treated
    assert set(run.messages.values_list("customer__number", flat=True)) == treated

    opened = outcomes(clients, tmp_path)
    attribution.attribute(at=LATER)
    result = results.of_campaign(campaign, at=LATER).result
    assert (result.treated.people, result.control.people) == (run.treated, run.control)
    assert result.treated.converted == len(opened & treated) > 500
    assert result.control.converted == len(opened & control) > 50
    assert result.both.amount == 50_000 * len(opened & (treated | control))
    assert result.reached == Message.objects.filter(run=run, state="delivered").count() > 0.9 * run.treated
    assert result.lift.low < result.lift.estimate < result.lift.high
    assert report(cast, campaign) == {
        "treated": (run.treated, len(opened & treated)),
        "control": (run.control, len(opened & control)),
        "total": (run.audience - REFUSED, len(opened & (treated | control))),
    }
    assert list(audit.verify()) == []
    assert Traces(phone_of(line) for line in range(2, ROWS + 2)).everywhere(caplog.text) == {}
