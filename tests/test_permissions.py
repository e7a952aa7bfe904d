"""Who may open and do what: every address of the project, for everybody. An address that is not in the table fails."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils.translation import override

from accounts import tokens
from accounts.models import User
from campaigns import approval, editing, schedule
from campaigns.models import Campaign, ContactPolicy
from customers.models import Consent, Customer, Product
from delivery import planner
from delivery.models import Inbound
from jobs.models import Job
from marketing.lib import crypto, days
from segments.editing import create_segment
from segments.models import Segment
from tests.conftest import NOW, Cast
from tests.delivery.conftest import CALLBACK, make_gateway
from warehouse import imports, store
from warehouse.models import Attribute

NAMES, PHONES = ["王小芳", "欧阳修远", "赵敏敏"], ["14212340001", "14212340002", "14212340003"]
RULE = {"op": "all", "items": [{"attribute": "age", "op": "ge", "value": 18}]}
TEXT = "{{称呼}}，装修贷可申请，年化利率{{年化利率}}，贷款以审批为准。"
WITHOUT_SIGN_IN = {"accounts:login", "set_language", "schema", "healthz", "delivery:receipts", "delivery:inbound"}

PEOPLE = ["marketer", "manager", "card_marketer", "card_manager", "branch_manager", "rm", "west_rm", "analyst"]
PEOPLE += ["compliance", "auditor", "admin", "anonymous"]

# What everybody is answered, in the order of PEOPLE. The loan department's objects and a customer of the east branch
# are asked for: another department and the west branch get 404. 400, 409 and 422 answer somebody who may, about a body
# that is empty or an object in the wrong state; 503 is a health that misses its worker; 302 sends the anonymous to the
# sign-in page.
TABLE = """
                                mark  mgr cmar cmgr bmgr   rm  wrm anal comp  aud  adm anon
GET  accounts:audit              403  403  403  403  403  403  403  403  200  200  200  302
GET  accounts:login              200  200  200  200  200  200  200  200  200  200  200  200
POST accounts:login              200  200  200  200  200  200  200  200  200  200  200  200
POST accounts:logout             302  302  302  302  302  302  302  302  302  302  302  302
GET  accounts:person             403  403  403  403  403  403  403  403  403  403  200  302
POST accounts:person             403  403  403  403  403  403  403  403  403  403  302  302
POST accounts:revoke_token       302  404  404  404  404  404  404  404  404  404  404  302
GET  accounts:settings           403  200  403  200  403  403  403  403  200  200  200  302
GET  accounts:tokens             200  200  200  200  200  200  200  200  200  200  200  302
POST accounts:tokens             200  200  200  200  200  200  200  200  200  200  200  302
POST accounts:verify             403  403  403  403  403  403  403  403  200  200  200  302
POST campaigns:action            302  302  404  404  403  403  403  403  403  403  403  302
POST campaigns:action#approve    403  302  404  404  403  403  403  403  403  403  403  302
GET  campaigns:api_detail        200  200  404  404  403  403  403  200  200  200  200  401
GET  campaigns:api_list          200  200  200  200  403  403  403  200  200  200  200  401
POST campaigns:api_list          400  400  400  400  403  403  403  403  403  403  403  401
POST campaigns:api_verb          200  200  404  404  403  403  403  403  403  403  403  401
POST campaigns:api_verb#approve  403  200  404  404  403  403  403  403  403  403  403  401
GET  campaigns:approval          200  200  404  404  403  403  403  200  200  200  200  302
GET  campaigns:approvals         200  200  200  200  403  403  403  200  200  200  200  302
GET  campaigns:approvals_count   403  200  403  200  403  403  403  403  403  403  403  302
GET  campaigns:audit             200  200  404  404  403  403  403  200  200  200  200  302
GET  campaigns:checks            200  200  404  404  403  403  403  200  200  200  200  302
GET  campaigns:content           200  200  404  404  403  403  403  200  200  200  200  302
GET  campaigns:create            200  200  200  200  403  403  403  403  403  403  403  302
POST campaigns:create            200  200  200  200  403  403  403  403  403  403  403  302
GET  campaigns:detail            200  200  404  404  403  403  403  200  200  200  200  302
GET  campaigns:edit              200  200  404  404  403  403  403  403  403  403  403  302
POST campaigns:edit              200  200  404  404  403  403  403  403  403  403  403  302
GET  campaigns:list              200  200  200  200  403  403  403  200  200  200  200  302
GET  campaigns:messages          200  200  404  404  403  403  403  200  200  200  200  302
POST campaigns:preview           200  200  404  404  403  403  403  403  403  403  403  302
GET  campaigns:result            200  200  404  404  403  403  403  200  200  200  200  302
GET  campaigns:set_up            200  200  404  404  403  403  403  200  200  200  200  302
GET  campaigns:split             200  200  404  404  403  403  403  200  200  200  200  302
GET  campaigns:targets           200  200  404  404  403  403  403  200  200  200  200  302
GET  campaigns:used_by           200  200  200  200  403  403  403  200  200  200  200  302
GET  customers:api_detail        200  200  200  200  200  200  404  200  200  200  200  401
GET  customers:api_list          200  200  200  200  200  200  200  200  200  200  200  401
POST customers:find              302  302  302  302  302  302  302  302  302  302  302  302
GET  customers:list              200  200  200  200  200  200  200  200  200  200  200  302
GET  customers:reveal            403  403  403  403  200  200  404  403  200  403  403  302
POST customers:reveal            403  403  403  403  200  200  404  403  200  403  403  302
GET  customers:suppress          403  200  403  200  200  200  404  403  200  403  403  302
POST customers:suppress          403  200  403  200  200  200  404  403  200  403  403  302
GET  delivery:api_run_messages   200  200  404  404  403  403  403  200  200  200  200  401
GET  delivery:gateways           200  200  200  200  403  403  403  200  200  200  200  302
POST delivery:inbound            401  401  401  401  401  401  401  401  401  401  401  401
GET  delivery:inbox              200  200  200  200  403  403  403  403  200  403  200  302
GET  delivery:inbox_count        200  200  200  200  403  403  403  403  200  403  200  302
GET  delivery:messages           302  302  404  404  403  403  403  302  302  302  302  302
POST delivery:receipts           401  401  401  401  401  401  401  401  401  401  401  401
POST delivery:reply_action       302  302  404  404  403  403  403  403  302  403  302  302
GET  delivery:cancel_form        200  200  404  404  403  403  403  403  403  403  403  302
GET  delivery:run_progress       200  200  404  404  403  403  403  200  200  200  200  302
POST delivery:switch             403  403  403  403  403  403  403  403  403  403  302  302
POST delivery:test_send          422  422  404  404  403  403  403  403  403  403  403  302
GET  docs                        200  200  200  200  200  200  200  200  200  200  200  302
GET  healthz                     503  503  503  503  503  503  503  503  503  503  503  503
GET  jobs:bell                   200  200  200  200  200  200  200  200  200  200  200  302
POST jobs:cancel                 302  404  404  404  404  404  404  404  404  404  404  302
GET  jobs:list                   200  200  200  200  200  200  200  200  200  200  200  302
GET  jobs:row                    200  404  404  404  404  404  404  404  404  404  404  302
GET  outcomes:conversions        200  200  200  200  403  403  403  200  200  200  200  302
GET  outcomes:result             200  200  404  404  403  403  403  200  200  200  200  302
GET  outcomes:result_days        403  200  403  404  403  403  403  200  200  200  403  302
GET  campaign_report             200  200  404  404  403  403  403  200  200  200  200  401
GET  reports:api_dashboard       200  200  200  200  403  403  403  200  200  200  200  401
GET  reports:campaign_export     403  200  403  404  403  403  403  200  200  200  403  302
GET  reports:customer            200  200  200  200  200  200  404  200  200  200  200  302
GET  reports:dashboard           200  200  200  200  403  403  403  200  200  200  200  302
GET  reports:dashboard_export    403  200  403  200  403  403  403  200  200  200  403  302
GET  reports:running             200  200  200  200  200  200  200  200  200  200  200  302
GET  reports:why                 200  200  404  404  404  404  404  200  200  200  200  302
GET  schema                      200  200  200  200  200  200  200  200  200  200  200  200
GET  search                      200  200  200  200  200  200  200  200  200  200  200  302
POST segments:api_count          400  400  400  400  403  403  403  400  400  400  400  401
GET  segments:api_detail         200  200  404  404  403  403  403  200  200  200  200  401
GET  segments:api_list           200  200  200  200  403  403  403  200  200  200  200  401
POST segments:api_list           400  400  400  400  403  403  403  400  403  403  403  401
GET  segments:api_snapshots      200  200  404  404  403  403  403  200  200  200  200  401
POST segments:api_snapshots      201  201  404  404  403  403  403  201  403  403  403  401
POST segments:archive            302  302  404  404  403  403  403  302  403  403  403  302
POST segments:count              200  200  200  200  403  403  403  200  403  403  403  302
GET  segments:create             200  200  200  200  403  403  403  200  403  403  403  302
POST segments:create             200  200  200  200  403  403  403  200  403  403  403  302
GET  segments:detail             200  200  404  404  403  403  403  200  200  200  200  302
GET  segments:edit               200  200  404  404  403  403  403  200  403  403  403  302
POST segments:edit               200  200  404  404  403  403  403  200  403  403  403  302
POST segments:examples           200  200  200  200  403  403  403  200  403  403  403  302
GET  segments:figures            200  200  404  404  403  403  403  200  200  200  200  302
POST segments:freeze             302  302  404  404  403  403  403  302  403  403  403  302
GET  segments:list               200  200  200  200  403  403  403  200  200  200  200  302
GET  segments:members            200  200  404  404  403  403  403  200  200  200  200  302
GET  segments:sample             200  200  404  404  403  403  403  200  200  200  200  302
POST segments:shape              200  200  200  200  403  403  403  200  403  403  403  302
POST set_language                302  302  302  302  302  302  302  302  302  302  302  302
GET  today                       200  200  200  200  200  200  200  200  200  200  200  302
GET  warehouse:api_detail        200  200  200  200  403  403  403  200  200  200  200  401
GET  warehouse:api_list          200  200  200  200  403  403  403  200  200  200  200  401
POST warehouse:api_list          403  403  403  403  403  403  403  400  403  403  400  401
POST warehouse:api_openings      403  403  403  403  403  403  403  400  403  403  400  401
GET  warehouse:attribute         200  200  200  200  403  403  403  200  200  200  200  302
POST warehouse:cancel            403  403  403  403  403  403  403  409  403  403  409  302
GET  warehouse:catalogue         200  200  200  200  403  403  403  200  200  200  200  302
POST warehouse:discard           403  403  403  403  403  403  403  302  403  403  302  302
GET  warehouse:feeds             200  200  200  200  403  403  403  200  200  200  200  302
GET  warehouse:mapping           403  403  403  403  403  403  403  200  403  403  200  302
POST warehouse:mapping           403  403  403  403  403  403  403  200  403  403  200  302
GET  warehouse:rejects           200  200  200  200  403  403  403  200  200  200  200  302
POST warehouse:retire            403  403  403  403  403  403  403  302  403  403  302  302
GET  warehouse:run               200  200  200  200  403  403  403  200  200  200  200  302
GET  warehouse:run_progress      200  200  200  200  403  403  403  200  200  200  200  302
GET  warehouse:runs              200  200  200  200  403  403  403  200  200  200  200  302
GET  warehouse:upload            403  403  403  403  403  403  403  200  403  403  200  302
POST warehouse:upload            403  403  403  403  403  403  403  422  403  403  422  302
"""


@dataclass
class World:
    """One of everything, and the address of each name."""

    cast: Cast
    places: dict[str, dict[str, Any]]
    queries: dict[str, str]

    def url(self, name: str) -> str:
        """Return the address of a name; after a # stands which of its uses is meant."""
        plain = name.partition("#")[0]
        return reverse(plain, kwargs=self.places.get(name)) + self.queries.get(name, "")


def every_name() -> set[str]:
    def walk(resolver: URLResolver, prefix: str) -> Iterator[str]:
        for entry in resolver.url_patterns:
            if isinstance(entry, URLPattern):
                yield f"{prefix}{entry.name}"
            else:
                yield from walk(entry, f"{prefix}{entry.namespace}:" if entry.namespace else prefix)

    return set(walk(get_resolver(), ""))


def rows() -> list[tuple[str, str, dict[str, int]]]:
    """Return (method, name, {person: status}) of every line of the table."""
    _head, *lines = [line.split() for line in TABLE.strip().splitlines()]
    return [(method, name, dict(zip(PEOPLE, map(int, codes), strict=True))) for method, name, *codes in lines]


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with override("en"):
        yield


@pytest.fixture
def customers(cast: Cast, make_customer) -> list[Customer]:
    places = [cast.east, cast.east, cast.west]
    made = [
        make_customer(f"C{n:04}", name=name, phone=phone, branch=branch)
        for n, (name, phone, branch) in enumerate(zip(NAMES, PHONES, places, strict=True), 1)
    ]
    for customer in made:
        Consent.objects.create(
            customer=customer, channel="sms", granted=True, source="app", given_at=NOW, recorded_at=NOW
        )
    return made


@pytest.fixture
def world(cast: Cast, customers, loan_product, tmp_path) -> World:
    gateway = make_gateway()
    Attribute.objects.create(key="age", label_zh="年龄", label_en="Age", type="number", created_at=NOW)
    facts = tmp_path / "facts.parquet"
    pq.write_table(
        pa.Table.from_pylist([{"customer_id": c.pk, "branch_id": c.branch_id, "age": 34} for c in customers]), facts
    )
    store.publish("attributes", "as_of=2026-10-31", facts, NOW)
    ContactPolicy.objects.create(
        channel="sms", signature="江州银行", opt_out_text="拒收请回复R", price_per_part="0.0720",
        open_from=time(8), open_until=time(20), cap_contacts=3, cap_days=30, updated_at=NOW,
    )  # fmt: skip
    segment = create_segment(name="成年客户", rule=RULE, by=cast.marketer, at=NOW)
    draft, waiting, campaign = (drafted(cast.marketer, loan_product, segment, name) for name in ("甲", "乙", "丙"))
    approval.submit(campaign=waiting, by=cast.marketer, at=NOW)
    approval.submit(campaign=campaign, by=cast.marketer, at=NOW)
    approval.approve(campaign=campaign, by=cast.manager, at=NOW)
    schedule.launch(campaign=campaign, by=cast.marketer, at=NOW)
    [run] = schedule.start_due(NOW)
    planner.plan(run=run, at=NOW)
    reply = Inbound.objects.create(
        gateway=gateway, event_key="1", phone_index=crypto.blind_index(f"+86{PHONES[0]}"), customers=1,
        text_sealed=crypto.encrypt("利率是多少？", field="inbound.text"), campaign=campaign, action="inbox", at=NOW,
        received_at=NOW,
    )  # fmt: skip
    file = tmp_path / "customers.csv"
    file.write_text("customer_no,name,phone\nC9,赵敏敏,14212340009\n", "utf-8")
    loaded = imports.upload(file=file, name="customers.csv", kind="customers", by=cast.analyst, at=NOW)
    job = Job.objects.create(task="x", argument=1, label="x", owner=cast.marketer, created_at=NOW)
    token, _secret = tokens.issue(user=cast.marketer, name="mine", at=days.now())
    where = places(cast, customers[0], segment, campaign, run, gateway, reply, loaded, job, token)
    where["campaigns:edit"] = {"pk": draft.pk, "step": "basics"}
    for name in ("campaigns:action", "campaigns:api_verb"):
        where[f"{name}#approve"] = {"pk": waiting.pk, "verb": "approve"}
    return World(cast, where, {"reports:why": f"?campaign={campaign.pk}"})


def drafted(by: User, product: Product, segment: Segment, name: str) -> Campaign:
    made = editing.create(name=name, by=by, at=NOW, product=product, audience=segment.latest, budget=100)
    editing.write(campaign=made, text=TEXT, by=by, at=NOW)
    return made


def places(cast, customer, segment, campaign, run, gateway, reply, loaded, job, token) -> dict[str, dict[str, Any]]:
    """Return the arguments of every address that has some."""
    by_prefix = {"campaigns:": campaign, "customers:": customer, "segments:": segment, "jobs:": job}
    by_name = {
        "accounts:person": cast.card_manager, "accounts:revoke_token": token, "campaigns:approval": campaign,
        "delivery:run_progress": run, "delivery:cancel_form": run,
        "delivery:api_run_messages": run, "delivery:messages": campaign,
        "delivery:test_send": campaign, "delivery:switch": gateway, "outcomes:result": campaign,
        "outcomes:result_days": campaign, "reports:campaign_export": campaign, "reports:customer": customer,
        "reports:why": customer, "campaign_report": campaign,
    }  # fmt: skip
    words = {
        "campaigns:used_by": {"segment": segment.pk},
        "campaigns:action": {"pk": campaign.pk, "verb": "pause"},
        "campaigns:api_verb": {"pk": campaign.pk, "verb": "pause"},
        "delivery:reply_action": {"pk": reply.pk, "verb": "handled"},
        "delivery:receipts": {"callback_path": CALLBACK},
        "delivery:inbound": {"callback_path": CALLBACK},
        **{f"warehouse:{name}": {"key": "age"} for name in ("attribute", "retire")},
        **{f"warehouse:{name}": {"pk": loaded.pk}
           for name in ("run", "mapping", "discard", "run_progress", "cancel", "rejects", "api_detail")},
    }  # fmt: skip
    for name in every_name() - set(words):
        thing = by_name.get(name) or next((t for prefix, t in by_prefix.items() if name.startswith(prefix)), None)
        if thing is not None and takes_a_key(name):
            words[name] = {"pk": thing.pk}
    return words


def takes_a_key(name: str) -> bool:
    *namespaces, last = name.split(":")
    found: Any = get_resolver()
    for namespace in namespaces:
        found = found.namespace_dict[namespace][1]
    return any("pk" in params for possibility in found.reverse_dict.getlist(last) for _p, params in possibility[0])


# -- asking -------------------------------------------------------------------------------------------------------


class Asking:
    """One person's browser and program; every request is undone afterwards."""

    def __init__(self, user: User | None) -> None:
        self.browser, self.program = Client(), Client()
        headers = {"accept-language": "en"}
        if user:
            self.browser.force_login(user)
            headers["authorization"] = f"Bearer {tokens.issue(user=user, name='t', at=days.now())[1]}"
        self.headers, self.cookies = headers, copy.deepcopy(self.browser.cookies)

    def ask(self, method: str, url: str) -> Any:
        api = url.startswith("/api/")
        client = self.program if api and "docs" not in url else self.browser
        client.raise_request_exception = False
        with transaction.atomic():
            answer = getattr(client, method.lower())(url, headers=self.headers if client is self.program else {})
            transaction.set_rollback(True)
        self.browser.cookies = copy.deepcopy(self.cookies)
        return answer


@pytest.mark.django_db
@pytest.mark.parametrize("person", PEOPLE)
def test_everybody_gets_what_the_table_says(world: World, person: str) -> None:
    asking = Asking(getattr(world.cast, person, None))
    expected = {(method, name): codes[person] for method, name, codes in rows()}
    answered = {(method, name): asking.ask(method, world.url(name)) for method, name in expected}
    wrong = {
        f"{method} {name}": f"{answered[method, name].status_code}, not {code}"
        for (method, name), code in expected.items()
        if answered[method, name].status_code != code
    }
    assert wrong == {}
    for (method, name), answer in answered.items():
        guarded_headers(f"{method} {name}", answer)
        if method == "GET" and "html" in answer.get("content-type", "") and not answer.streaming:
            clean_page(name, answer.content.decode())


def test_the_table_names_every_address() -> None:
    """An address that somebody adds must be thought about here."""
    assert {name.partition("#")[0] for _method, name, _codes in rows()} == every_name()
    assert len({(method, name) for method, name, _codes in rows()}) == len(rows())


def guarded_headers(where: str, answer: Any) -> None:
    policy = answer.headers.get("Content-Security-Policy", "")
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy, where
    assert "unsafe" not in policy and "*" not in policy, where
    assert answer.headers["X-Frame-Options"] == "DENY", where
    assert answer.headers["X-Content-Type-Options"] == "nosniff", where
    assert answer.headers["Referrer-Policy"] == "same-origin", where
    assert traceless(unquote(answer.headers.get("Location", ""))), where


ADDRESSES = re.compile(r"""(?:href|src|action|hx-get|hx-post|data-url)=["']([^"']*)["']""")
INLINE = re.compile(r"""<style|\sstyle=["']|\son[a-z]+=["']|<script(?![^>]*(?:\ssrc=|application/json))""")


def clean_page(name: str, page: str) -> None:
    """No phone or name in an address, nothing inline that the policy would block."""
    assert all(traceless(unquote(address)) for address in ADDRESSES.findall(page)), name
    assert not INLINE.search(page), f"{name}: {INLINE.search(page)}"
    if not name.startswith(("customers:reveal", "delivery:inbox")):
        assert not any(phone in page for phone in PHONES), name
    assert not any(full in page for full in NAMES), name


def traceless(text: str) -> bool:
    return not any(secret in text for secret in (*PHONES, *NAMES))


@pytest.mark.django_db
def test_only_these_addresses_answer_without_a_sign_in(world: World) -> None:
    nobody, open_ = Asking(None), set()
    for name in every_name():
        for method in ("GET", "POST"):
            answer = nobody.ask(method, world.url(name))
            sent_to_sign_in = answer.status_code == 302 and answer["Location"].startswith(reverse("accounts:login"))
            if not sent_to_sign_in and not (world.url(name).startswith("/api/") and answer.status_code == 401):
                open_.add(name)
    assert open_ == WITHOUT_SIGN_IN


@pytest.mark.django_db
def test_nothing_is_changed_without_the_forms_token(world: World) -> None:
    """A page of another site can post with the browser's cookies, not with the token of our forms."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(world.cast.admin)
    answers = {name: browser.post(world.url(name)).status_code for name in every_name()}
    api = {name for name in answers if world.url(name).startswith("/api/")}
    assert {name: answers[name] for name in api} == dict.fromkeys(api - {"schema", "docs"}, 401) | {
        "schema": 405, "docs": 405,
    }, "a program signs each call; the cookies of a browser do not count"  # fmt: skip
    callbacks = {"delivery:receipts": 401, "delivery:inbound": 401}  # signed by the gateway
    rest = dict.fromkeys(set(answers) - api - set(callbacks), 403)
    assert {name: code for name, code in answers.items() if name not in api} == rest | callbacks


@pytest.mark.django_db
def test_what_changes_something_is_posted(world: World) -> None:
    """Nothing is changed by following a link: an address that only posts refuses to be opened."""
    posted_only = {name.partition("#")[0] for method, name, _ in rows() if method == "POST"}
    posted_only -= {"set_language"} | {name for method, name, _ in rows() if method == "GET"}
    admin = Asking(world.cast.admin)
    assert posted_only > {"campaigns:action", "warehouse:discard", "accounts:logout", "jobs:cancel"}
    assert {admin.ask("GET", world.url(name)).status_code for name in posted_only} <= {403, 405}


@pytest.mark.django_db
def test_another_branch_is_not_there(world: World) -> None:
    """The west branch finds neither the east's customer nor a trace of them in lists, search and API."""
    west, east = Asking(world.cast.west_rm), Asking(world.cast.rm)
    link = world.url("reports:customer")
    for url in ("/customers/", "/customers/?q=C000", "/search?q=C0001"):
        assert link in east.ask("GET", url).content.decode(), url
        assert link not in west.ask("GET", url).content.decode(), url
    for url in ("/api/v1/customers/", "/api/v1/customers/?number=C000"):
        assert [row["number"] for row in east.ask("GET", url).json()["results"]] == ["C0001", "C0002"]
        assert [row["number"] for row in west.ask("GET", url).json()["results"]] == ["C0003"]
