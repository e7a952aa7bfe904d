"""What gateways post to us: forward only, once each, the same in any order; stop words suppress at once."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta

import pytest
from django.test import Client

from customers.models import Suppression
from delivery import outbox, sender
from delivery.gateways import Reply, Report, signing
from delivery.models import Gateway, Inbound, Message, Receipt
from delivery.receipts import Taken, is_stop, take_inbound, take_receipts
from marketing.lib import days
from tests.conftest import NOW
from tests.delivery.conftest import CALLBACK, SECRET, Process, World, eventually, make_gateway, states

LATER = NOW + timedelta(minutes=5)


def report(message: Message, outcome: str = "delivered", *, event: str = "", code: str = "") -> Report:
    return Report(event or f"{message.pk}-{outcome}", str(message.pk), outcome, code, LATER)


def take(world: World, *reports: Report) -> Taken:
    return take_receipts(gateway=world.gateway, reports=reports, at=LATER)


@pytest.fixture
def accepted(world: World) -> list[Message]:
    run = world.planned(4)
    run.messages.update(state="accepted", submitted_at=LATER)
    return list(run.messages.order_by("id"))


def test_receipts_settle_messages(world: World, accepted: list[Message]) -> None:
    a, b, *_ = accepted
    assert take(world, report(a), report(b, "failed", code="number_off")) == Taken(2, 0, 2)
    assert states(a.run) == {"delivered": 1, "failed:number_off": 1, "accepted": 2}
    a.refresh_from_db()
    assert a.settled_at == LATER


def test_the_same_receipt_again_changes_nothing(world: World, accepted: list[Message]) -> None:
    take(world, report(accepted[0]))
    assert take(world, report(accepted[0]), report(accepted[0])) == Taken(0, 0, 0)
    assert Receipt.objects.count() == 1


@pytest.mark.parametrize("order", list(itertools.permutations(["accepted", "failed", "delivered"])))
@pytest.mark.parametrize("together", [True, False])
def test_the_order_of_receipts_does_not_matter(
    world: World, accepted: list[Message], order: tuple[str, ...], together: bool
) -> None:
    reports = [report(accepted[0], outcome) for outcome in order]
    for part in [reports] if together else [[r] for r in reports]:
        take(world, *part)
    accepted[0].refresh_from_db()
    assert (accepted[0].state, accepted[0].reason) == ("delivered", "")


@pytest.mark.parametrize("state", ["submitting", "unknown", "accepted"])
def test_a_receipt_faster_than_our_record_counts(world: World, accepted: list[Message], state: str) -> None:
    Message.objects.filter(pk=accepted[0].pk).update(state=state)
    assert take(world, report(accepted[0])).moved == 1


@pytest.mark.parametrize("state", ["excluded", "expired", "cancelled"])
def test_a_receipt_for_what_never_left_is_kept_and_changes_nothing(
    world: World, accepted: list[Message], state: str
) -> None:
    Message.objects.filter(pk=accepted[0].pk).update(state=state)
    assert take(world, report(accepted[0])) == Taken(1, 0, 0)


def test_a_message_taken_for_lost_but_delivered_is_not_sent_again(world: World, accepted: list[Message]) -> None:
    Message.objects.update(state="planned")
    take(world, *[report(m) for m in accepted])
    assert outbox.claim(gateway=world.fresh(), at=LATER) == []
    assert states(accepted[0].run) == {"delivered": 4}


@pytest.mark.parametrize("id", ["999999999", "x1", "٣", "9" * 30, "-1"])
def test_a_receipt_for_a_message_that_is_not_ours_is_kept_apart(world: World, accepted: list[Message], id: str) -> None:
    assert take(world, Report("e1", id, "delivered", "", LATER)) == Taken(1, 1, 0)
    assert Receipt.objects.get().message_id is None
    assert states(accepted[0].run) == {"accepted": 4}


def test_a_gateway_cannot_settle_the_messages_of_another(world: World, accepted: list[Message]) -> None:
    other = make_gateway(code="other", callback_path="other")
    taken = take_receipts(gateway=other, reports=[report(accepted[0])], at=LATER)
    assert taken == Taken(1, 1, 0)
    assert states(accepted[0].run) == {"accepted": 4}


# -- replies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "R",
        "r",
        "T",
        "TD",
        "N",
        "n",
        "退订",
        "拒收",
        "取消",
        "STOP",
        "stop",
        " T ",
        "ｔｄ",
        "Ｒ",
        "退订。",
        "“退订”",
        "Stop!!",
    ],
)
def test_stop_words(text: str) -> None:
    assert is_stop(text)


@pytest.mark.parametrize("text", ["", "好的", "不要退订我", "NO", "Thanks", "RR", "请问怎么退订", "1"])
def test_anything_else_is_for_a_person(text: str) -> None:
    assert not is_stop(text)


def reply(world: World, text: str, *, phone: str = "+8614200000000", event: str = "i1") -> int:
    return take_inbound(gateway=world.gateway, replies=[Reply(event, phone, text, LATER)], at=LATER)


def test_a_stop_word_suppresses_everybody_behind_the_number_at_once(world: World) -> None:
    run = world.planned(3)
    first, twin, _other = world.people
    twin.__class__.objects.filter(pk=twin.pk).update(phone_index=first.phone_index)
    Message.objects.filter(customer_id=twin.pk).update(state="held", reason="quiet_hours")
    assert reply(world, "ｔ", phone="142 0000 0000") == 2
    assert {*Suppression.objects.values_list("customer_id", "channel", "reason")} == {
        (first.pk, "sms", "reply"),
        (twin.pk, "sms", "reply"),
    }
    assert states(run) == {"excluded:suppressed": 2, "planned": 1}
    assert Inbound.objects.get().customers == 2
    assert Inbound.objects.get().action == "stop"


def test_the_same_stop_again_adds_nothing(world: World) -> None:
    world.planned(1)
    reply(world, "T")
    assert reply(world, "T") == 0
    assert (Inbound.objects.count(), Suppression.objects.count()) == (1, 1)


def test_a_stop_leaves_what_is_on_its_way(world: World) -> None:
    run = world.planned(1)
    outbox.claim(gateway=world.fresh(), at=LATER)
    reply(world, "T")
    assert states(run) == {"submitting": 1}


def test_a_stop_holds_for_later_campaigns_of_other_departments(world: World) -> None:
    """Rule 7: for ever, across campaigns."""
    from delivery import planner

    world.planned(2)
    reply(world, "退订")
    run = world.run(world.people, department=world.cast.card, owner=world.cast.card_marketer)
    planner.plan(run=run, at=LATER)
    outbox.claim(gateway=world.fresh(), at=LATER)
    assert states(run) == {"excluded:suppressed": 1, "submitting": 1}


def test_free_text_waits_for_a_person_sealed(world: World) -> None:
    run = world.planned(1)
    run.messages.update(state="delivered", submitted_at=LATER)
    reply(world, "利率是多少？")
    inbound = Inbound.objects.get()
    assert (inbound.action, inbound.text, inbound.campaign_id) == ("inbox", "利率是多少？", run.campaign_id)
    assert "利率".encode() not in bytes(inbound.text_sealed)
    assert not Suppression.objects.exists()


def test_a_reply_from_a_number_nobody_has(world: World) -> None:
    reply(world, "T", phone="10086")
    assert Inbound.objects.get().customers == 0


# -- over HTTP ----------------------------------------------------------------------------------------------------


def post(
    kind: str, body: object, *, secret: str = SECRET, path: str = CALLBACK, age: int = 0, raw: bytes | None = None
):
    data = raw if raw is not None else json.dumps(body).encode()
    stamp = int(days.now().timestamp()) - age
    head = signing.headers(
        secret.encode(), id="w1", timestamp=stamp, body=json.dumps(body).encode() if raw is None else raw
    )
    return Client(enforce_csrf_checks=True).post(
        f"/gateways/{path}/{kind}", data, content_type="application/json", headers=head
    )


def row(message: Message | str, **fields: object) -> dict:
    id = message if isinstance(message, str) else str(message.pk)
    return {"event": f"e{id}", "id": id, "status": "delivered", "code": "", "at": LATER.isoformat()} | fields


def test_signed_receipts_are_taken_without_a_session(accepted: list[Message]) -> None:
    response = post("receipts", {"receipts": [row(m) for m in accepted]})
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert states(accepted[0].run) == {"delivered": 4}


def test_foreign_and_repeated_receipts_get_the_same_answer(accepted: list[Message]) -> None:
    ours, again = [post("receipts", {"receipts": [row(accepted[0])]}) for _ in range(2)]
    foreign = post("receipts", {"receipts": [row("123456789")]})
    assert [(r.status_code, r.content) for r in (again, foreign)] == [(200, ours.content)] * 2


@pytest.mark.parametrize("wrong", [{"secret": "guessed"}, {"age": 301}, {"age": -302}])
def test_a_bad_signature_is_refused(accepted: list[Message], wrong: dict) -> None:
    response = post("receipts", {"receipts": [row(accepted[0])]}, **wrong)
    assert response.status_code == 401
    assert states(accepted[0].run) == {"accepted": 4}


def test_a_body_changed_on_the_way_is_refused(accepted: list[Message]) -> None:
    stamp = int(days.now().timestamp())
    head = signing.headers(SECRET.encode(), id="w1", timestamp=stamp, body=b"{}")
    body = json.dumps({"receipts": [row(accepted[0])]})
    response = Client().post(f"/gateways/{CALLBACK}/receipts", body, content_type="application/json", headers=head)
    assert response.status_code == 401


def test_without_a_signature_nothing_is_taken(accepted: list[Message]) -> None:
    body = json.dumps({"receipts": [row(accepted[0])]})
    assert Client().post(f"/gateways/{CALLBACK}/receipts", body, content_type="application/json").status_code == 401


def test_an_unknown_path_is_not_found(world: World) -> None:
    assert post("receipts", {"receipts": []}, path="guess").status_code == 404


def test_an_empty_secret_signs_nothing(world: World) -> None:
    Gateway.objects.update(secret_sealed=b"")
    assert post("receipts", {"receipts": []}, secret="").status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"receipts": "x"},
        {"receipts": [1]},
        {"receipts": [{}]},
        {"receipts": [row("1", status="opened")]},
        {"receipts": [row("1", at="yesterday")]},
        {"receipts": [row("1", at="2026-11-18T10:00:00")]},
        {"receipts": [row("1", event="")]},
        {"receipts": [row("1", event=5)]},
        {"receipts": [row("1\0")]},
    ],
)
def test_rubbish_is_refused_in_one_piece(accepted: list[Message], body: object) -> None:
    if isinstance(body, dict) and isinstance(body.get("receipts"), list):
        body["receipts"].insert(0, row(accepted[0]))
    assert post("receipts", body).status_code == 400
    assert states(accepted[0].run) == {"accepted": 4}


def test_a_reply_without_words_holds_up_no_other(world: World) -> None:
    run = world.planned(1)
    stop = {"event": "i1", "phone": "14200000000", "text": "T", "at": LATER.isoformat()}
    odd = [stop | {"event": "i2", "text": ""}, stop | {"event": "i3", "text": "\ud83d"}]
    assert post("inbound", {"inbound": [*odd, stop]}).status_code == 200
    assert states(run) == {"excluded:suppressed": 1}


def test_what_is_not_json_is_refused(world: World) -> None:
    assert post("receipts", None, raw=b"\xff<xml/>").status_code == 400


def test_a_body_too_large_is_refused_unread(world: World) -> None:
    assert post("receipts", None, raw=b"x" * (2 * 1024 * 1024 + 1)).status_code == 413


def test_a_stop_over_http(world: World) -> None:
    run = world.planned(1)
    body = {"inbound": [{"event": "i1", "phone": "14200000000", "text": "T", "at": LATER.isoformat()}]}
    assert post("inbound", body).status_code == 200
    assert states(run) == {"excluded:suppressed": 1}


def test_a_sent_run_gets_its_receipts_and_replies_from_the_gateway(sending: World, sandbox: Process) -> None:
    """The whole way: out, taken, receipts back over HTTP."""
    run = sending.planned(60)
    sender.drain(gateway=sending.fresh(), clock=lambda: LATER)
    sandbox.post("/quiet", {"quiet": False})
    eventually(lambda: set(run.messages.values_list("state", flat=True)) <= {"delivered", "failed"})
    sandbox.post("/quiet", {"quiet": True})
    assert Receipt.objects.filter(message__run=run).count() == 60
    assert run.messages.filter(state="failed").exclude(reason="").count() == run.messages.filter(state="failed").count()
