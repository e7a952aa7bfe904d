"""The whole job by programs alone: from a customers file to a measured campaign, each with a token of its own.

Nothing is called but addresses. Tasks run as a worker would run them: from the messages that the broker holds.
"""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from io import StringIO
from queue import Empty
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.utils.translation import override
from drf_spectacular.checks import schema_check
from rest_framework.test import APIClient

from accounts import audit, people, tokens
from accounts.models import ApiToken, User
from campaigns.models import Campaign, ContactPolicy
from delivery import tasks
from delivery.gateways import signing
from delivery.models import Message
from jobs.models import Job
from marketing.celery import app
from marketing.lib import days
from outcomes.tasks import attribute
from segments.editing import create_segment
from segments.models import Segment
from tests.conftest import NOW, Cast
from tests.delivery.conftest import (  # noqa: F401 - the sandbox gateway is a fixture of the sending tests
    CALLBACK,
    SECRET,
    Process,
    eventually,
    knows_account,
    make_gateway,
    sandbox,
    sandbox_process,
)
from tests.traces import Traces
from warehouse.models import Attribute, FeedRun

V1 = "/api/v1"
PEOPLE, UNWILLING, AS_OF = 40, 4, date(2026, 10, 31)
GIVEN = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥乾坤震巽坎离艮兑宫商角徵羽金木水火土"
NAMES = [f"慕容{character}" for character in GIVEN]
PHONES = [f"1427531{n:04}" for n in range(PEOPLE)]
NUMBERS = [f"60200{n:05}" for n in range(PEOPLE)]
TEXT = "{{称呼}}，装修贷可申请，年化利率{{年化利率}}，贷款以审批为准。"
ADULTS = {"op": "all", "items": [{"attribute": "age", "op": "ge", "value": 18}]}
assert len(NAMES) == len(set(NAMES)) == PEOPLE


class Clock:
    """The instant that everybody is told; it stands still unless it is moved."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(days, "now", made)
    return made


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with override("en"):
        yield


class Program:
    """A program with a person's token; remembers which addresses were asked."""

    asked: list[str] = []

    def __init__(self, user: User) -> None:
        _token, secret = tokens.issue(user=user, name="program", at=days.now())
        self.client = APIClient(headers={"authorization": f"Bearer {secret}", "accept-language": "en"})

    def __call__(self, method: str, path: str, body: Any = None, *, status: int = 200, **options: Any) -> Any:
        """Ask and return what was answered; the status is held to what is expected."""
        self.asked.append(path)
        options = options or {"format": "json"}
        answer = getattr(self.client, method)(V1 + path, body, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.content.decode()}"
        return answer.json()

    def deliver(self, path: str, name: str, lines: list[str], *, status: int = 202, **fields: str) -> Any:
        file = SimpleUploadedFile(name, "\n".join(lines).encode())
        return self("post", path, {"file": file, **fields}, status=status, format="multipart")


class Worker:
    """Takes what the broker holds and does it, as a Celery worker does; keeps what it was told."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        app.loader.import_default_modules()
        self.messages(lambda message: None)
        self.heard.clear()

    def work(self) -> None:
        self.messages(lambda message: app.tasks[message.headers["task"]](*message.payload[0]))

    def messages(self, do: Callable[[Any], None]) -> None:
        with app.connection_for_read() as broker, broker.SimpleQueue("celery") as queue:
            while True:
                try:
                    message = queue.get(timeout=0.3)
                except Empty:
                    return
                message.ack()
                self.heard.append(f"{message.body!r} {json.dumps(message.headers)} {message.payload}")
                do(message)


@pytest.fixture
def worker() -> Worker:
    return Worker()


def policy() -> None:
    ContactPolicy.objects.create(
        channel="sms", signature="江州银行", opt_out_text="拒收请回复R", price_per_part="0.0720",
        open_from=time(8), open_until=time(20), cap_contacts=3, cap_days=30, updated_at=NOW,
    )  # fmt: skip


# -- the job ------------------------------------------------------------------------------------------------------


def test_the_whole_job_by_programs(
    transactional_db,
    clock: Clock,
    worker: Worker,
    cast: Cast,
    loan_product,
    sandbox: Process,  # noqa: F811
    caplog,
) -> None:
    caplog.set_level(logging.DEBUG)
    Program.asked = []
    make_gateway(url=sandbox.url, batch_size=10)
    eventually(lambda: knows_account(sandbox))
    policy()
    marketer, manager, analyst, auditor = map(Program, (cast.marketer, cast.manager, cast.analyst, cast.auditor))

    delivered(analyst, worker)
    segment = chosen(marketer)
    campaign = signed(marketer, manager, clock, segment)
    sent(marketer, manager, worker, sandbox, campaign)
    receipts(campaign)
    measured(analyst, manager, worker, clock, campaign)

    assert list(audit.verify()) == []
    marketer("get", f"/campaigns/{campaign}/report/")
    auditor("get", f"/campaigns/{campaign}/")
    traces = Traces(PHONES, NAMES)
    assert traces.everywhere(caplog.text) == {}
    assert worker.heard and traces.found("\n".join(worker.heard)) == []
    assert traces.found("\n".join(Program.asked)) == []


def delivered(analyst: Program, worker: Worker) -> None:
    """Customers with a wrong row among them, then consents; polled until they are in."""
    lines = ["customer_no,name,phone,branch_no,age"]
    lines += [f"{n},{name},{phone},B001,34" for n, name, phone in zip(NUMBERS, NAMES, PHONES, strict=True)]
    lines += ["6020099999,慕容错,1.38E+10,B001,34"]
    said = analyst.deliver("/feeds/", "customers.csv", lines, kind="customers", as_of=AS_OF.isoformat())
    assert (said["state"], said["rows_in"]) == ("queued", PEOPLE + 1)
    worker.work()
    said = analyst("get", f"/feeds/{said['id']}/")
    assert (said["state"], said["rows_landed"], said["rows_rejected"]) == ("done", PEOPLE, 1)
    assert [(row["rows"], bool(row["sentence"])) for row in said["reject_reasons"]] == [(1, True)]

    answers = ["customer_no,channel,granted,source,at"]
    answers += [f"{n},sms,yes,branch_form,2026-06-01 10:00:00" for n in NUMBERS[UNWILLING:]]
    said = analyst.deliver("/feeds/", "consents.csv", answers, kind="consents")
    worker.work()
    said = analyst("get", f"/feeds/{said['id']}/")
    assert (said["state"], said["rows_landed"]) == ("done", PEOPLE - UNWILLING)

    listed = analyst("get", "/customers/")
    assert listed["count"] == PEOPLE
    one = analyst("get", f"/customers/{listed['results'][0]['id']}/")
    assert (one["number"], one["phone"]) == (NUMBERS[0], "142****0000")
    assert one["name"] != NAMES[0] and "慕容甲" not in json.dumps(listed, ensure_ascii=False)


def chosen(marketer: Program) -> int:
    counted = marketer("post", "/segments/count/", {"rule": ADULTS})
    made = marketer("post", "/segments/", {"name": "成年客户", "rule": ADULTS}, status=201)
    frozen = marketer("post", f"/segments/{made['id']}/snapshots/", status=201)
    assert counted["size"] == made["size"] == frozen["size"] == PEOPLE
    assert counted["as_of"] == AS_OF.isoformat()
    return made["id"]


def signed(marketer: Program, manager: Program, clock: Clock, segment: int) -> int:
    """Plan, change, submit; the author may not sign, the manager signs what was shown."""
    plan = {"name": "装修季消费贷", "product": "consumer_loan", "segment": segment, "text": TEXT, "budget": "100"}
    pk = marketer("post", "/campaigns/", plan, status=201)["id"]
    one = f"/campaigns/{pk}/"
    assert marketer("patch", one, {"goal_days": 30, "control_percent": "25"})["goal_days"] == 30
    assert marketer("post", f"{one}submit/")["state"] == "in_review"
    refused = marketer("post", f"{one}approve/", status=403)
    assert "Your role does not allow this" in refused["detail"]
    shown = marketer("get", f"{one}report/")["approval"]["content_hash"]
    assert marketer("patch", one, {"text": TEXT + "详询网点。"})["state"] == "draft", "a change voids it"
    clock.at += timedelta(minutes=1)
    assert marketer("post", f"{one}submit/")["state"] == "in_review"
    manager("post", f"{one}approve/", {"seen": shown}, status=400)
    shown = manager("get", f"{one}report/")["approval"]
    assert shown["expected"]["excluded"] == {"no_consent": UNWILLING}
    assert manager("post", f"{one}approve/", {"seen": shown["content_hash"]})["state"] == "approved"
    assert marketer("post", f"{one}launch/")["state"] == "scheduled"
    return pk


def sent(marketer: Program, manager: Program, worker: Worker, sandbox: Process, pk: int) -> None:  # noqa: F811
    """Pause before anything left: nothing goes; resume: everything goes, once."""
    tasks.start_due()
    assert marketer("post", f"/campaigns/{pk}/pause/")["state"] == "paused"
    worker.work()
    run = Campaign.objects.get(pk=pk).runs.get()
    assert lines(manager, run.pk) == {"planned": run.treated}
    assert sandbox.accepted(run) == {}
    assert manager("post", f"/campaigns/{pk}/resume/")["state"] == "running"
    tasks.sweep()
    worker.work()
    assert lines(manager, run.pk) == {"accepted": run.treated}
    assert len(sandbox.accepted(run)) == run.treated == sum(sandbox.accepted(run).values())


def lines(program: Program, run: int) -> dict[str, int]:
    said = program("get", f"/runs/{run}/messages/")
    assert said["total"] == said["expected"] == sum(line["count"] for line in said["lines"])
    return {line["state"]: line["count"] for line in said["lines"] if line["count"]}


def receipts(pk: int) -> None:
    """What the gateway posts: signed; twice the same changes nothing; a wrong signature is refused."""
    ids = list(Message.objects.filter(campaign=pk).order_by("id").values_list("id", flat=True))
    rows = [
        {"event": f"e{id}", "id": str(id), "status": "failed" if id == ids[0] else "delivered", "at": NOW.isoformat()}
        for id in [*ids, 10**9]  # the last one is not ours
    ]
    body = json.dumps({"receipts": rows}).encode()
    for secret, status in [("wrong", 401), (SECRET, 200), (SECRET, 200)]:
        head = signing.headers(secret.encode(), id="x", timestamp=int(NOW.timestamp()), body=body)
        url = f"/gateways/{CALLBACK}/receipts"
        answer = Client().post(url, body, content_type="application/json", headers=head)
        assert answer.status_code == status
    assert Message.objects.filter(campaign=pk, state="delivered").count() == len(ids) - 1


def measured(analyst: Program, manager: Program, worker: Worker, clock: Clock, pk: int) -> None:
    """Openings come in, become conversions, and the report's figures add up."""
    clock.at = NOW + timedelta(days=4)
    opened = NUMBERS[::2]
    rows = ["opening_no,customer_no,product,stage,at,amount"]
    rows += [f"OP{n},{n},consumer_loan,opened,2026-11-20 10:00:00,50000" for n in opened]
    said = analyst.deliver("/openings/", "openings.csv", rows)
    worker.work()
    assert analyst("get", f"/feeds/{said['id']}/")["rows_landed"] == len(opened)
    attribute()
    report = manager("get", f"/campaigns/{pk}/report/")
    result, excluded = report["result"], report["excluded"]
    assert report["audience"] == PEOPLE == report["treated"] + report["control"] + sum(excluded.values())
    assert excluded == {"no_consent": UNWILLING}
    assert report["control"] == round((PEOPLE - UNWILLING) / 4)
    assert (result["treated"]["people"], result["control"]["people"]) == (report["treated"], report["control"])
    assert result["reached"] == report["treated"] - 1
    within = [n for n in opened if n not in NUMBERS[:UNWILLING]]
    assert result["treated"]["converted"] + result["control"]["converted"] == len(within)
    assert float(result["total"]["amount"]) == 50_000 * len(within)
    assert report["funnel"]["treated"] == report["treated"]
    assert report["funnel"]["opened"] == result["treated"]["converted"]


# -- refusals -----------------------------------------------------------------------------------------------------


@pytest.fixture
def campaign(db, cast: Cast, loan_product) -> Campaign:
    """A loan campaign in draft, of a segment, complete but for its text."""
    Attribute.objects.create(key="age", label_zh="年龄", label_en="Age", type="number", created_at=NOW)
    policy()
    segment = create_segment(name="成年客户", rule=ADULTS, by=cast.marketer, at=NOW)
    plan = {"name": "装修季消费贷", "product": "consumer_loan", "segment": segment.pk, "text": "{{余额}}"}
    return Campaign.objects.get(pk=Program(cast.marketer)("post", "/campaigns/", plan, status=201)["id"])


def page_says(user: User, path: str, body: dict[str, Any]) -> str:
    """Return the page's words, without markup, after a post from a browser."""
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(user)
    page = browser.post(path, body, follow=True).content.decode()
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page)))


def test_a_file_is_refused_with_the_pages_sentence(db, cast: Cast) -> None:
    analyst = Program(cast.analyst)
    for name, content in [("empty.csv", b""), ("image.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)))]:
        files = [SimpleUploadedFile(name, content) for _ in range(2)]
        said = analyst("post", "/feeds/", {"file": files[0], "kind": "customers"}, status=400, format="multipart")
        sentence = said.get("detail") or said["file"][0]
        assert sentence in page_says(cast.analyst, "/data/upload/", {"file": files[1], "kind": "customers"})
    assert not FeedRun.objects.exists() and not Job.objects.exists()


def test_a_campaign_is_refused_with_the_pages_sentence(campaign: Campaign, cast: Cast) -> None:
    marketer = Program(cast.marketer)
    for verb, status in [("submit", 400), ("pause", 409), ("withdraw", 409)]:
        said = marketer("post", f"/campaigns/{campaign.pk}/{verb}/", status=status)
        assert said["detail"] in page_says(cast.marketer, f"/campaigns/{campaign.pk}/do/{verb}/", {}), verb
    campaign.refresh_from_db()
    assert campaign.state == "draft"


def test_what_is_not_the_callers_to_set_is_not_set(campaign: Campaign, cast: Cast) -> None:
    marketer, before = Program(cast.marketer), Campaign.objects.values().get()
    forged = {
        "state": "approved", "department": "card", "department_id": cast.card.pk, "owner": "manager",
        "owner_id": cast.manager.pk, "approved_size": 1, "launched_at": NOW.isoformat(), "id": 99, "audience": 99,
    }  # fmt: skip
    marketer("patch", f"/campaigns/{campaign.pk}/", forged)
    assert Campaign.objects.values().get() == before
    marketer("post", "/campaigns/", {"name": "另一个", **forged}, status=201)
    made = Campaign.objects.latest("pk")
    assert (made.state, made.department, made.owner, made.approved_size) == ("draft", cast.loan, cast.marketer, None)
    marketer("post", "/segments/", {"name": "别部门的", "rule": ADULTS, "department": "card"}, status=403)
    made = marketer(
        "post", "/segments/", {"name": "x", "rule": ADULTS, "owner": "manager", "size": 9, "id": 1}, status=201
    )
    assert (made["owner"], made["size"], made["version"]) == ("marketer", None, 1)
    assert set(Segment.objects.values_list("department__code", flat=True)) == {"loan"}


def test_a_delivered_file_cannot_say_that_it_has_landed(db, cast: Cast) -> None:
    forged = {"state": "done", "rows_landed": "9", "uploaded_by": str(cast.manager.pk)}
    said = Program(cast.analyst).deliver("/feeds/", "customers.csv", ["customer_no", "C1"], kind="customers", **forged)
    assert (said["state"], said["rows_landed"]) == ("queued", 0)
    assert FeedRun.objects.get().uploaded_by == cast.analyst


def test_another_department_finds_nothing(campaign: Campaign, cast: Cast) -> None:
    card, segment = Program(cast.card_marketer), campaign.audience.segment_id
    assert card("get", "/campaigns/")["results"] == card("get", "/segments/")["results"] == []
    for path in ("", "report/"):
        card("get", f"/campaigns/{campaign.pk}/{path}", status=404)
    card("patch", f"/campaigns/{campaign.pk}/", {"name": "x"}, status=404)
    for verb in ("submit", "approve", "launch", "pause", "resume", "cancel", "copy"):
        card("post", f"/campaigns/{campaign.pk}/{verb}/", status=404)
    card("get", f"/segments/{segment}/", status=404)
    card("post", f"/segments/{segment}/snapshots/", status=404)
    said = card("post", "/campaigns/", {"name": "x", "segment": segment}, status=400)
    assert said["fields"] == {"segment": "There is no such segment."}
    assert Campaign.objects.count() == 1


def test_a_token_ends(db, cast: Cast, clock: Clock) -> None:
    """Expired, revoked, of a closed account, made up, or none: 401 with a sentence, never a page."""
    expired, revoked, closed = Program(cast.marketer), Program(cast.manager), Program(cast.analyst)
    for program in (expired, revoked, closed):
        program("get", "/customers/")
    ApiToken.objects.filter(user=cast.marketer).update(expires_at=NOW)
    tokens.revoke(token=ApiToken.objects.get(user=cast.manager), by=cast.manager, at=NOW)
    people.set_active(user=cast.analyst, active=False, by=cast.admin, at=NOW)
    for program in (expired, revoked, closed):
        assert "unknown, revoked or expired" in program("get", "/customers/", status=401)["detail"]
    for headers in ({}, {"authorization": "Bearer mk_made-up"}, {"authorization": "Bearer "}):
        answer = APIClient(headers=headers).get(f"{V1}/customers/")
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    clock.at = NOW + timedelta(days=91)
    assert not ApiToken.objects.filter(expires_at__gt=clock.at).exists()


# -- its description ----------------------------------------------------------------------------------------------


def test_the_description_builds_without_a_warning(db) -> None:
    assert schema_check(None) == []
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())
    schema = APIClient().get(f"{V1}/schema/?format=json").json()
    named = [verb["operationId"] for path in schema["paths"].values() for verb in path.values()]
    assert len(named) == len(set(named))
    offered = {f"{method} {path}" for path, verbs in schema["paths"].items() for method in verbs}
    assert offered >= {
        f"{method} {V1}/{path}"
        for method, path in [
            ("post", "feeds/"), ("get", "feeds/{id}/"), ("get", "customers/"), ("get", "customers/{id}/"),
            ("post", "segments/"), ("post", "segments/count/"), ("post", "segments/{id}/snapshots/"),
            ("post", "campaigns/"), ("patch", "campaigns/{id}/"), ("post", "campaigns/{id}/{verb}/"),
            ("get", "campaigns/{id}/report/"), ("post", "openings/"), ("get", "runs/{id}/messages/"),
            ("get", "dashboard/"),
        ]
    }  # fmt: skip
    do = schema["paths"][f"{V1}/campaigns/{{id}}/{{verb}}/"]["post"]
    [verb] = [parameter for parameter in do["parameters"] if parameter["name"] == "verb"]
    assert {"submit", "approve", "launch", "pause", "resume", "cancel"} <= set(verb["schema"]["enum"])
    assert schema["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
