"""The main job, as people do it in a browser: from a bank's file to a measured campaign, in both languages.

Web server, PostgreSQL, Valkey, a Celery worker and beat, and the sandbox gateway are all real processes.
"""

from __future__ import annotations

import csv
import io
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import translation
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import AuditEntry, User
from campaigns.models import Campaign, Run
from customers.models import Consent, Customer, Product
from delivery.gateway_setup import sandbox_gateway
from delivery.models import Gateway, Message
from demo import office
from demo.bank import Plan, write_bank
from demo.response import respond
from marketing.lib import days
from outcomes.models import Conversion
from segments.models import Segment
from tests.browser.stack import free_port, running, wait_for_health

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

expect.set_options(timeout=20_000)  # five processes share the machine with whatever else runs on it
AS_OF = date(2026, 10, 31)
CUSTOMERS = 1500


@pytest.fixture
def bank_files(tmp_path: Path) -> Path:
    """Write the files of a small bank; its customers file is in the encoding of an old core system."""
    folder = tmp_path / "files"
    write_bank(Plan(customers=CUSTOMERS, seed=7, as_of=AS_OF), folder)
    customers = folder / "customers.csv"
    customers.write_bytes(customers.read_text("utf-8").encode("gb18030"))
    return folder


@pytest.fixture
def bank(live_server, settings, bank_files) -> Iterator[Path]:
    """Open the bank: office, branches, staff, products and people; then everything that runs beside the web server."""
    settings.SANDBOX_URL = f"http://127.0.0.1:{free_port()}"
    now = days.now()
    office.open_office(at=now)
    for kind in ("branches", "staff", "products"):
        call_command("import_feed", kind, bank_files / f"{kind}.csv", stdout=StringIO())
    people = office.hire(password="pass", at=now)
    sandbox_gateway(by=people["admin"], at=now)
    # Slow enough that there is something to watch, to pause and to resume.
    Gateway.objects.update(batch_size=20, per_second=40)
    with running(live_server.url):
        wait_for_health(live_server.url)
        yield bank_files


@pytest.fixture(params=["zh-hans", "en"])
def language(request) -> Iterator[str]:
    with translation.override(request.param):
        yield request.param


@pytest.fixture
def sign_in(new_context: Callable[..., BrowserContext], live_server, language, complaints) -> Callable[[str], Page]:
    """Return a function that opens a browser of its own for somebody."""
    pages: dict[str, Page] = {}

    def enter(username: str) -> Page:
        if username not in pages:
            context = new_context(viewport={"width": 1440, "height": 900}, base_url=live_server.url)
            cookie = {"name": "django_language", "value": language, "url": live_server.url}
            context.add_cookies([cookie])
            page = context.new_page()
            page.goto("/sign-in/")
            page.fill("[name=username]", username)
            page.fill("[name=password]", "pass")
            page.press("[name=password]", "Enter")
            page.wait_for_url(re.compile(r"/$"))
            pages[username] = page
        return pages[username]

    return enter


@pytest.fixture(autouse=True)
def dropped_requests_are_fine(complaints) -> Iterator[None]:
    """htmx reports on the console each older question that it dropped for a newer one; nothing else may be said."""
    yield
    complaints[:] = [said for said in complaints if "htmx:sendAbort" not in said and "htmx:afterRequest" not in said]


def said(text: str) -> re.Pattern[str]:
    """Match an English text as the page says it in the language of the test."""
    return re.compile(re.escape(translation.gettext(text)))


def primary(page: Page) -> None:
    """Press the one primary button of the page's head."""
    page.locator(".ph .acts .btn-primary").click()


def confirm(page: Page) -> None:
    """Answer the question a destructive or far-reaching action asks."""
    page.locator("dialog[open] .btn-primary, dialog[open] .btn-danger").last.click()


def upload(page: Page, kind: str, file: Path, *, as_of: date | None = None) -> dict[str, int]:
    """Bring a file in through the pages; return the numbers of its result page."""
    page.goto(f"/data/upload/?kind={kind}")
    page.set_input_files("[name=file]", file)
    primary(page)
    page.wait_for_url(re.compile(r"/data/runs/\d+/columns/"))
    if as_of is not None:
        page.fill("[name=as_of]", as_of.isoformat())
    primary(page)
    page.wait_for_url(re.compile(r"/data/runs/\d+/$"))
    expect(page.locator("h1 .state.s-done")).to_be_visible(timeout=60_000)
    figures = [int(re.sub(r"\D", "", text)) for text in page.locator(".stats .stat .v").all_inner_texts()[:4]]
    return dict(zip(("rows_in", "landed", "rejected", "changed"), figures, strict=True))


def bring_data(analyst: Page, files: Path) -> None:
    """1. The analyst brings customers and consents; what is wrong comes back with line, column and reason."""
    first = upload(analyst, "customers", files / "customers.csv", as_of=AS_OF)
    assert first["rows_in"] == first["landed"] + first["rejected"] and first["rejected"] > 0
    assert Customer.objects.count() == first["landed"]
    with analyst.expect_download() as download:
        analyst.locator("a[href$='/rejects/']").first.click()
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    assert len({row[0] for row in rows[1:]}) == first["rejected"]
    assert any("1.38E+10" in cell or "E+" in cell for row in rows for cell in row)

    again = upload(analyst, "customers", files / "customers.csv", as_of=AS_OF)
    assert again["changed"] == 0 and again["landed"] == first["landed"]
    expect(analyst.locator("main")).to_contain_text(
        said("Everything in this file was known already. Nothing was changed.")
    )
    upload(analyst, "consents", files / "consents.csv")
    assert Consent.objects.filter(granted=True).exists()


def condition(marketer: Page, attribute: str, op: str, *values: str) -> None:
    """Add a condition to the rule's outermost group: pick the attribute, the comparison, type the values."""
    conditions = marketer.locator("#rule-tree .cond")
    before = conditions.count()
    marketer.locator("#rule-tree [data-pick=add]").last.click()
    marketer.locator(f"#pick [hx-vals*='\"{attribute}\"']").click()
    expect(conditions).to_have_count(before + 1)
    line = conditions.last
    if line.locator("select.op").input_value() != op:
        line.locator("select.op").select_option(op)
        expect(conditions.last.locator("select.op")).to_have_value(op)
    for place, value in enumerate(values):
        field = conditions.last.locator("[name$='.value']").nth(place)
        if field.evaluate("e => e.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)


def build_segment(marketer: Page) -> None:
    """2. The marketer builds a rule, watches the count, reads the sentence, saves, freezes a snapshot."""
    marketer.goto("/segments/new/")
    condition(marketer, "preapproved_limit", "ge", "1000")
    hero = marketer.locator("#rule-count .hero")
    expect(hero).to_have_text(re.compile(r"^\s*[\d,]+\s*$"))
    alone = hero.inner_text()
    condition(marketer, "age", "between", "20", "70")
    expect(hero).not_to_have_text(alone)
    expect(hero).to_have_text(re.compile(r"^\s*[\d,]+\s*$"))
    expect(marketer.locator("#rule-sentence")).to_contain_text("20–70")
    marketer.fill("#id_name", "预授信客户")
    primary(marketer)
    marketer.wait_for_url(re.compile(r"/segments/\d+/$"))
    marketer.locator("form[action$='/freeze/'] button").click()
    version = Segment.objects.get(name="预授信客户").latest
    assert version is not None and version.size
    expect(marketer.locator("table.tbl.tight tbody tr")).not_to_have_count(0)
    assert version.snapshots.get().size == version.size


def plan_campaign(marketer: Page, text: str) -> Campaign:
    """3. A one-step SMS campaign: offer, audience, text, schedule; previewed masked, checked, submitted."""
    marketer.goto("/campaigns/new/")
    marketer.fill("[name=name]", "装修季消费贷")
    marketer.select_option("[name=product]", str(Product.objects.get(code="consumer_loan").pk))
    marketer.fill("[name=budget]", "500")
    go_on(marketer, "audience")
    marketer.locator("[name=segment]").first.check()
    go_on(marketer, "content")
    marketer.fill("#id_text", text)
    phones = marketer.locator("#preview .sms")
    expect(phones).to_have_count(3)
    expect(phones.first).to_contain_text("【江州银行】")
    expect(phones.first.locator("mark").first).to_be_visible()
    assert not re.search(r"1\d{10}", marketer.locator("#preview").inner_text()), "numbers are masked"
    try_on_oneself(marketer)
    go_on(marketer, "schedule")
    marketer.check("[name=when][value=hand]")
    go_on(marketer, "check")
    expect(marketer.locator("ul.checks li").first).to_be_visible()
    marketer.locator("form[action$='/do/submit/'] button.btn-primary").click()
    marketer.wait_for_url(re.compile(r"/campaigns/\d+/$"))
    expect(marketer.locator("h1 .state.s-in_review")).to_be_visible()
    return Campaign.objects.get()


def try_on_oneself(marketer: Page) -> None:
    """Send the text to the marketer's own phone; no customer, so nothing in the ledger."""
    marketer.fill("[name=to_phone]", "14300009999")
    marketer.locator("form:has([name=to_phone]) button").click()
    expect(marketer.locator("#test-result")).not_to_be_empty()
    assert Message.objects.count() == 0


def go_on(page: Page, step: str) -> None:
    page.locator(".form-foot .btn-primary").click()
    page.wait_for_url(re.compile(rf"/edit/{step}/"))


def approve(campaign: Campaign, marketer: Page, manager: Page, text: str) -> None:
    """4. The manager sees exactly what goes out; the marketer cannot approve; a changed character voids it."""
    page = f"/approvals/{campaign.pk}/"
    marketer.goto(page)
    expect(marketer.locator("[formaction$='/do/approve/']")).to_have_count(0)

    sign(manager, campaign)
    change_text(marketer, campaign, text.replace("即可申请", "可以申请"))
    assert state_of(campaign) == "draft", "a changed character voids the approval"
    marketer.goto(f"/campaigns/{campaign.pk}/edit/check/")
    marketer.locator("form[action$='/do/submit/'] button.btn-primary").click()
    marketer.wait_for_url(re.compile(r"/campaigns/\d+/$"))

    manager.goto(page)
    expect(manager.locator(".diffs ins").first).to_be_visible()
    sign(manager, campaign)


def sign(manager: Page, campaign: Campaign) -> None:
    manager.goto("/approvals/")
    manager.locator(f"a[href*='/approvals/{campaign.pk}/']").first.click()
    expect(manager.locator(".sms").first).to_contain_text("【江州银行】")
    manager.locator("[formaction$='/do/approve/']").click()
    if manager.locator("dialog[open]").count():
        confirm(manager)
    until(lambda: state_of(campaign) == "approved", seconds=20)


def change_text(marketer: Page, campaign: Campaign, text: str) -> None:
    marketer.goto(f"/campaigns/{campaign.pk}/edit/content/")
    marketer.fill("#id_text", text)
    go_on(marketer, "schedule")


def state_of(campaign: Campaign) -> str:
    campaign.refresh_from_db()
    return str(campaign.state)


def send(campaign: Campaign, marketer: Page) -> Run:
    """5. The run freezes its targets and goes out; paused, resumed, watched to its end."""
    marketer.goto(f"/campaigns/{campaign.pk}/")
    marketer.locator("form[action$='/do/launch/'] button").click()
    confirm(marketer)
    expect(marketer.locator("h1 .state.s-scheduled, h1 .state.s-running").first).to_be_visible()
    until(lambda: Message.objects.filter(state__in=["accepted", "delivered"]).exists())

    marketer.goto(f"/campaigns/{campaign.pk}/")
    marketer.locator("form[action$='/do/pause/'] button").click()
    expect(marketer.locator("h1 .state.s-paused")).to_be_visible()
    until(lambda: not Message.objects.filter(state="submitting").exists())
    planned = Message.objects.filter(state="planned").count()
    marketer.wait_for_timeout(3000)
    assert planned and Message.objects.filter(state="planned").count() == planned, "nothing moves while paused"

    marketer.locator("form[action$='/do/resume/'] button").click()
    expect(marketer.locator("h1 .state.s-running")).to_be_visible()
    until(lambda: state_of(campaign) == "finished", seconds=90)
    return campaign.runs.get()


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, f"not in time: {list(Campaign.objects.values_list('state', flat=True))}"
        time.sleep(0.2)


def everything_adds_up(run: Run) -> None:
    arms = Counter(run.targets.values_list("arm", flat=True))
    assert run.audience == arms["treated"] + arms["control"] + sum(run.excluded.values()) == run.snapshot.size
    assert run.messages.count() == arms["treated"]
    assert not Message.objects.filter(customer__in=run.targets.filter(arm="control").values("customer")).exists()
    assert abs(arms["control"] / (arms["control"] + arms["treated"]) - 0.1) < 0.05


def load_openings(analyst: Page, run: Run, files: Path) -> None:
    """6a. The core system's file: treated customers take the loan up a little more often than the control group."""
    numbers = {
        f"customer_numbers_{arm}": list(run.targets.filter(arm=arm).values_list("customer__number", flat=True))
        for arm in ("treated", "control")
    }
    product = run.campaign.product
    assert product is not None
    since = days.local(run.frozen_at).replace(tzinfo=None)
    drawn = respond(**numbers, product=product.code, channel="sms", since=since, days=14, truth=files, seed=1)
    target = files / "openings_after.csv"
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["opening_no", "customer_no", "product", "stage", "at", "amount", "branch_no"])
        just_now = days.local(days.now()).replace(tzinfo=None, microsecond=0)  # nobody waits two weeks here
        writer.writerows(row._replace(at=just_now) for row in drawn)
    upload(analyst, "openings", target)


def read_result(manager: Page, campaign: Campaign) -> None:
    """6b. The campaign page shows funnel and effect, the dashboard the department."""
    until(lambda: Conversion.objects.filter(campaign=campaign).exists(), seconds=90)
    manager.goto(f"/campaigns/{campaign.pk}/result/")
    expect(manager.locator(".funnel")).to_be_visible()
    treated = Conversion.objects.filter(campaign=campaign, arm="treated").count()
    expect(manager.locator(".funnel")).to_contain_text(str(treated))
    expect(manager.locator(".chart svg").first).to_be_visible()
    manager.goto("/dashboard/")
    expect(manager.locator(".stats")).to_be_visible()
    expect(manager.locator("main")).to_contain_text(campaign.name)


def keep_apart(card: Page, rm: Page, campaign: Campaign) -> None:
    """7a. Another department's campaign does not exist; the branch sees its own customers only."""
    for address in (f"/campaigns/{campaign.pk}/", f"/campaigns/{campaign.pk}/result/", f"/approvals/{campaign.pk}/"):
        assert card.request.get(address).status == 404
    branch = User.objects.get(username="branch.rm").branch
    own = Customer.objects.filter(branch=branch).order_by("pk")[0]
    foreign = Customer.objects.exclude(branch=branch).order_by("pk")[0]
    assert rm.request.get(f"/customers/{own.pk}/").status == 200
    assert rm.request.get(f"/customers/{foreign.pk}/").status == 404
    assert rm.request.get(f"/campaigns/{campaign.pk}/").status in (403, 404)


def read_the_trail(auditor: Page) -> None:
    """7b. Every step is on the trail, the chain holds, and a row altered by SQL is named."""
    done = set(AuditEntry.objects.values_list("action", flat=True))
    steps = {
        "segment.create",
        "segment.freeze",
        "campaign.create",
        "campaign.submit",
        "campaign.approve",
        "campaign.start",
    }
    assert steps | {"campaign.pause", "campaign.resume", "campaign.approval_void", "campaign.finish"} <= done
    assert any(action.startswith("feed") for action in done)
    auditor.goto("/audit/")
    expect(auditor.locator("table.tbl tbody tr").first).to_be_visible()
    primary(auditor)
    expect(auditor.locator("#verified .note.good")).to_be_visible()
    call_command("verify_audit", stdout=StringIO())
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE accounts_auditentry SET actor_name = 'nobody' WHERE number = 5")
        cursor.execute("SET session_replication_role = DEFAULT")
    with pytest.raises(CommandError, match="the first is entry 5"):
        call_command("verify_audit", stdout=StringIO())
    primary(auditor)
    expect(auditor.locator("#verified .note.bad")).to_contain_text("5")


TEXT = "{{称呼}}，您有一笔预授信额度{{preapproved_limit}}元，年化利率{{年化利率}}，手机银行即可申请，贷款以审批为准。"


def test_the_main_job(bank: Path, sign_in: Callable[[str], Page], language: str) -> None:
    analyst, marketer, manager = (sign_in(name) for name in ("analyst", "loan.marketer", "loan.manager"))
    bring_data(analyst, bank)
    build_segment(marketer)
    campaign = plan_campaign(marketer, TEXT)
    expect(marketer.locator("html")).to_have_attribute("lang", re.compile("zh" if language == "zh-hans" else "en"))
    approve(campaign, marketer, manager, TEXT)
    run = send(campaign, marketer)
    everything_adds_up(run)
    until(lambda: not Message.objects.filter(state="accepted").exists(), seconds=60)
    load_openings(analyst, run, bank)
    read_result(manager, campaign)
    keep_apart(sign_in("card.marketer"), sign_in("branch.rm"), campaign)
    read_the_trail(sign_in("auditor"))
