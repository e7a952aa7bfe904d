"""The pages and fragments of sending: who sees what, numbers that open their lists, phones that stay masked."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from customers.models import Suppression
from delivery import outbox
from delivery.models import Gateway, Inbound, Message
from delivery.receipts import take_inbound
from marketing.lib import days
from tests.conftest import NOW
from tests.delivery.conftest import Process, World, states

LATER = NOW + timedelta(minutes=5)


def client(user: User, **headers: str) -> Client:
    browser = Client(headers=headers)
    browser.force_login(user)
    return browser


def fragment(user: User) -> Client:
    return client(user, hx_request="true")


@pytest.fixture
def mixed(world: World):
    """A run whose messages are in many states."""
    run = world.planned(60)
    ids = list(run.messages.order_by("id").values_list("id", flat=True))
    for state, reason, first, last in [
        ("delivered", "", 0, 30),
        ("failed", "number_off", 30, 33),
        ("unknown", "timeout", 33, 35),
        ("held", "quiet_hours", 35, 40),
        ("excluded", "contact_cap", 40, 44),
        ("excluded", "suppressed", 44, 45),
    ]:
        run.messages.filter(pk__in=ids[first:last]).update(state=state, reason=reason)
    return run


def test_the_card_splits_the_messages_and_the_sum_is_checked(world: World, mixed) -> None:
    response = fragment(world.cast.marketer).get(reverse("delivery:run_progress", args=[mixed.pk]))
    page = response.content.decode()
    counts = [
        int(n.replace(",", ""))
        for n in re.findall(r'<td class="num">\s*(?:<a[^>]*>)?\s*([\d,]+)\s*(?:</a>)?\s*</td>', page)
    ]
    assert counts[-1] == 60 == sum(counts[:-1])
    assert sorted(counts[:-1]) == [1, 2, 3, 4, 5, 15, 30]
    assert "= treated customers" in page or "= 触达组" in page
    assert 'hx-trigger="every 2s"' in page


def test_a_cancel_names_what_it_stops(world: World, mixed) -> None:
    page = fragment(world.cast.marketer).get(reverse("delivery:cancel_form", args=[mixed.pk])).content.decode()
    left = mixed.messages.filter(state__in=["planned", "held"]).count()
    assert re.search(rf'data-confirm="[^"]*\b{left}\b', page)
    assert fragment(world.cast.auditor).get(reverse("delivery:cancel_form", args=[mixed.pk])).status_code == 403


def test_a_missing_message_shows(world: World, mixed) -> None:
    mixed.messages.first().delete()
    page = fragment(world.cast.marketer).get(reverse("delivery:run_progress", args=[mixed.pk])).content.decode()
    assert 'class="cap pad bad"' in page


@pytest.mark.parametrize("ended", ["finished", "cancelled"])
def test_the_card_of_an_ended_run_does_not_ask_again(world: World, mixed, ended: str) -> None:
    mixed.campaign.__class__.objects.update(state=ended)
    page = fragment(world.cast.marketer).get(reverse("delivery:run_progress", args=[mixed.pk])).content.decode()
    assert "hx-trigger" not in page


def test_a_run_without_messages_yet_says_so_and_asks_again(world: World) -> None:
    run = world.run(world.customers(2))
    page = fragment(world.cast.marketer).get(reverse("delivery:run_progress", args=[run.pk])).content.decode()
    assert "moving" in page
    assert "hx-trigger" in page


def test_each_count_opens_the_list_it_counts(world: World, mixed) -> None:
    card = fragment(world.cast.marketer).get(reverse("delivery:run_progress", args=[mixed.pk])).content.decode()
    links = re.findall(r'<a class="count"\s+href="[^"?]*\?([^"]+)">\s*([\d,]+)\s*</a>', card)
    assert len(links) == 7
    for query, count in links:
        address = reverse("delivery:messages", args=[mixed.campaign_id]) + "?" + query.replace("&amp;", "&")
        response = fragment(world.cast.marketer).get(address)
        assert response.context["page_obj"].paginator.count == int(count)


def test_the_list_is_masked_and_paged_and_cheap(world: World, mixed, django_assert_max_num_queries) -> None:
    browser = fragment(world.cast.marketer)
    address = reverse("delivery:messages", args=[mixed.campaign_id])
    with django_assert_max_num_queries(12):
        page = browser.get(address).content.decode()
    assert page.count("<tr>") == 51
    assert "142****0000" in page
    assert not re.search(r"1\d{10}", page)
    assert "王芳" not in page
    assert browser.get(address + "?page=2").content.decode().count("142****") == 10


def test_a_message_is_found_by_the_customers_number(world: World, mixed) -> None:
    address = reverse("delivery:messages", args=[mixed.campaign_id])
    response = fragment(world.cast.marketer).get(address, {"q": "6000000007"})
    assert [m.customer_id for m in response.context["page_obj"].object_list] == [world.people[7].pk]


def test_somebody_who_left_the_register_still_stands_in_the_list(world: World, mixed) -> None:
    from customers.models import Consent, Customer

    Consent.objects.filter(customer=world.people[0]).delete()
    Customer.objects.filter(pk=world.people[0].pk).delete()
    response = fragment(world.cast.marketer).get(reverse("delivery:messages", args=[mixed.campaign_id]))
    assert response.context["page_obj"].paginator.count == 60


@pytest.mark.parametrize("who", ["card_marketer", "card_manager"])
def test_another_departments_run_is_not_found(world: World, mixed, who: str) -> None:
    """Rule 11."""
    browser = fragment(getattr(world.cast, who))
    assert browser.get(reverse("delivery:run_progress", args=[mixed.pk])).status_code == 404
    assert browser.get(reverse("delivery:messages", args=[mixed.campaign_id])).status_code == 404
    assert browser.post(reverse("delivery:test_send", args=[mixed.campaign_id])).status_code == 404


def test_branch_staff_see_no_campaign(world: World, mixed) -> None:
    assert fragment(world.cast.rm).get(reverse("delivery:run_progress", args=[mixed.pk])).status_code == 403


def test_compliance_sees_every_department(world: World, mixed) -> None:
    assert fragment(world.cast.compliance).get(reverse("delivery:run_progress", args=[mixed.pk])).status_code == 200


# -- API ----------------------------------------------------------------------------------------------------------


def bearer(user: User) -> dict[str, str]:
    from accounts import tokens

    _token, secret = tokens.issue(user=user, name="t", at=days.now())
    return {"Authorization": f"Bearer {secret}"}


def test_the_api_counts_the_same(world: World, mixed) -> None:
    address = reverse("delivery:api_run_messages", args=[mixed.pk])
    found = Client().get(address, headers=bearer(world.cast.marketer)).json()
    assert (found["total"], found["expected"]) == (60, 60)
    assert sum(line["count"] for line in found["lines"]) == 60
    assert Client().get(address, headers=bearer(world.cast.card_marketer)).status_code == 404
    assert Client().get(address).status_code == 401


# -- gateways -----------------------------------------------------------------------------------------------------


def test_everybody_of_head_office_sees_the_gateways_and_only_the_administrator_switches(world: World) -> None:
    run = world.planned(2)
    marketer, admin = client(world.cast.marketer), client(world.cast.admin)
    address = reverse("delivery:switch", args=[world.gateway.pk])
    assert "Sandbox" in marketer.get(reverse("delivery:gateways")).content.decode()
    assert marketer.post(address, {"active": "0"}).status_code == 403
    assert admin.post(address, {"active": "0"}).status_code == 302
    assert outbox.claim(gateway=world.fresh(), at=LATER) == []
    assert admin.post(address, {"active": "0"}).status_code == 409
    Gateway.objects.update(failures=4, closed_until=LATER + timedelta(hours=1))
    admin.post(address, {"active": "1"})
    assert outbox.claim(gateway=world.fresh(), at=LATER)
    assert states(run) == {"submitting": 2}
    assert [*AuditEntry.objects.order_by("number").values_list("action", flat=True)][-2:] == [
        "gateway.shut",
        "gateway.open",
    ]


# -- replies ------------------------------------------------------------------------------------------------------


@pytest.fixture
def reply(world: World, mixed) -> Inbound:
    from delivery.gateways import Reply

    Message.objects.filter(customer_id=world.people[50].pk).update(submitted_at=LATER)
    take_inbound(gateway=world.gateway, replies=[Reply("i1", "14200000050", "别再发了", LATER)], at=LATER)
    return Inbound.objects.get()


def test_a_reply_is_shown_to_its_department_and_closed_once(world: World, reply: Inbound) -> None:
    marketer = client(world.cast.marketer)
    page = marketer.get(reverse("delivery:inbox")).content.decode()
    assert "别再发了" in page
    assert "142****0050" in page
    assert "别再发了" not in client(world.cast.card_marketer).get(reverse("delivery:inbox")).content.decode()
    address = reverse("delivery:reply_action", args=[reply.pk, "done"])
    assert client(world.cast.card_marketer).post(address).status_code == 404
    assert marketer.post(address).status_code == 302
    assert marketer.post(address).status_code == 409
    assert "别再发了" not in marketer.get(reverse("delivery:inbox")).content.decode()
    assert "别再发了" in marketer.get(reverse("delivery:inbox") + "?show=all").content.decode()


def test_free_words_can_be_taken_for_an_opt_out(world: World, reply: Inbound) -> None:
    address = reverse("delivery:reply_action", args=[reply.pk, "stop"])
    assert client(world.cast.marketer).post(address).status_code == 403
    assert Inbound.objects.waiting().exists(), "a refused click closes nothing"
    assert client(world.cast.manager).post(address).status_code == 302
    assert Suppression.objects.get().customer_id == world.people[50].pk
    assert Message.objects.get(customer_id=world.people[50].pk).state == "excluded"
    entry = AuditEntry.objects.get(action="delivery.opt_out")
    assert entry.detail == {"channel": "sms", "reason": "reply", "customers": 1, "messages": 1}


def test_how_many_replies_wait(world: World, reply: Inbound) -> None:
    address = reverse("delivery:inbox_count")
    assert ">1<" in client(world.cast.marketer).get(address).content.decode()
    assert ">1<" not in client(world.cast.card_marketer).get(address).content.decode()


# -- a test to oneself --------------------------------------------------------------------------------------------


def try_out(world: World, run, phone: str = "13912345678", *, user: User | None = None):
    address = reverse("delivery:test_send", args=[run.campaign_id])
    return fragment(user or world.cast.marketer).post(address, {"to_phone": phone})


def test_a_test_goes_to_the_number_typed_and_leaves_no_trace_of_it(sending: World, sandbox: Process) -> None:
    run = sending.run(sending.customers(1))
    before = set(sandbox.get("/log")["accepted"])
    response = try_out(sending, run)
    assert response.status_code == 200, response.content.decode()
    [reference] = set(sandbox.get("/log")["accepted"]) - before
    assert reference.startswith("test-")
    assert Message.objects.count() == 0
    entry = AuditEntry.objects.get(action="delivery.test_send")
    assert "139" not in f"{entry.detail}{entry.object_name}"


def test_a_test_says_that_it_is_one(sending: World, sandbox: Process, monkeypatch) -> None:
    from delivery.wire import Wire

    run, sent = sending.run(sending.customers(1)), []
    real = Wire.send_one
    monkeypatch.setattr(
        Wire, "send_one", lambda wire, message, key: sent.append(message) or real(wire, message, key=key)
    )
    try_out(sending, run)
    assert sent[0].text == "【江州银行】（测试）客户，您有额度元额度，年化利率3.6%起（单利）。拒收请回复R"
    assert sent[0].phone == "+8613912345678"


@pytest.mark.parametrize("phone", ["", "12", "abc", "1391234567"])
def test_a_test_to_what_is_no_number_is_refused(world: World, phone: str) -> None:
    assert try_out(world, world.run(world.customers(1)), phone).status_code == 422


def test_a_test_to_somebody_who_opted_out_is_refused(sending: World, sandbox: Process) -> None:
    run = sending.run(sending.customers(1))
    Suppression.objects.create(customer=sending.people[0], channel="sms", reason="reply", at=NOW)
    before = sandbox.get("/log")["calls"]
    assert try_out(sending, run, "142 0000 0000").status_code == 422
    assert sandbox.get("/log")["calls"] == before


def test_tests_are_counted(sending: World, sandbox: Process, monkeypatch) -> None:
    monkeypatch.setattr(outbox, "TESTS_PER_HOUR", 2)
    run = sending.run(sending.customers(1))
    assert [try_out(sending, run).status_code for _ in range(3)] == [200, 200, 422]


def test_who_may_not_edit_campaigns_sends_no_tests(world: World) -> None:
    run = world.run(world.customers(1))
    assert try_out(world, run, user=world.cast.compliance).status_code == 403


def test_a_gateway_that_refuses_a_test_is_said_so(sending: World, sandbox: Process) -> None:
    run = sending.run(sending.customers(1))
    sandbox.fault("refuse", code="busy")
    response = try_out(sending, run)
    assert response.status_code == 422
    assert "busy" in response.content.decode()
