"""One customer's page: what it knows, and why or why not."""

from datetime import timedelta

import pytest
from django.utils import translation

from campaigns.models import Reason
from customers.models import Consent, Customer, Suppression
from reports import customer as page
from tests import builders
from tests.builders import FROZEN
from tests.conftest import NOW


@pytest.fixture(autouse=True)
def english():
    with translation.override("en"):
        yield


@pytest.fixture
def somebody(cast):
    return Customer.objects.get(pk=builders.people(1, branch=cast.east)[0])


def test_every_reason_has_its_own_sentence():
    sentences = {page._excluded(reason) for reason in Reason.values}
    assert len(sentences) == len(Reason.values)
    assert page._excluded("something new") not in sentences


def test_why_and_why_not(cast, brought):
    def told(index, campaign):
        [answer] = page.why(Customer.objects.get(pk=brought.ids[index]), campaign)
        return answer.arm, answer.sentence

    assert told(0, brought.first) == ("treated", "In the segment, allowed to be contacted, and the message arrived.")
    assert told(85, brought.first) == ("treated", "In the segment and contacted, but the message did not arrive.")
    assert told(110, brought.first)[0] == "control"
    assert "not contacted on any channel" in told(110, brought.first)[1]
    assert told(125, brought.first) == (
        "excluded",
        "In the segment, but kept out: there was no consent to marketing on this channel.",
    )
    assert told(190, brought.first) == ("", "Not in the segment when it was frozen, on the data of 2026-10-31.")


def test_a_campaign_that_has_not_started_has_an_answer_too(cast, somebody):
    [answer] = page.why(somebody, builders.campaign(cast.loan, cast.marketer, state="draft"))
    assert answer.sentence == "This campaign has not started, so nobody has been chosen yet."


def test_all_reasons_are_of_campaigns_the_person_sees(cast, brought):
    somebody = Customer.objects.get(pk=brought.ids[75])
    assert [answer.campaign for answer in page.why_all(somebody, cast.marketer)] == [brought.second, brought.first]
    assert page.why_all(somebody, cast.card_marketer) == []
    assert page.why_all(somebody, cast.rm) == []


def test_the_time_line_holds_everything_in_order(cast, brought):
    somebody = Customer.objects.get(pk=brought.ids[0])
    Consent.objects.create(
        customer=somebody,
        channel="sms",
        granted=True,
        source="app",
        given_at=FROZEN - timedelta(days=90),
        recorded_at=NOW,
    )
    Suppression.objects.create(customer=somebody, channel="sms", reason="reply", at=NOW)
    found = page.timeline(somebody, cast.marketer)
    assert [event.kind for event in found] == ["suppressed", "converted", "message_delivered", "granted"]
    assert [event.at for event in found] == sorted((event.at for event in found), reverse=True)


def test_a_foreign_campaign_happened_but_has_no_name(cast, brought):
    somebody = Customer.objects.get(pk=brought.ids[0])
    kinds = {event.kind: event.foreign for event in page.timeline(somebody, cast.card_marketer)}
    assert kinds == {"message_delivered": True, "opened": False}
    kinds = {event.kind: event.foreign for event in page.timeline(somebody, cast.rm)}
    assert kinds == {"message_delivered": True, "converted": False}


def test_control_customers_show_no_conversion_as_caused(cast, brought):
    somebody = Customer.objects.get(pk=brought.ids[100])
    assert [event.kind for event in page.timeline(somebody, cast.marketer)] == ["opened"]


def test_consents_show_how_they_were_got_and_what_overrides_them(cast, somebody):
    def answer(granted, days_ago, **fields):
        return Consent.objects.create(
            customer=somebody,
            channel="sms",
            granted=granted,
            source="branch_form",
            given_at=NOW - timedelta(days=days_ago),
            recorded_at=NOW,
            **fields,
        )

    sms = page.consents(somebody, at=NOW)[0]
    assert (sms.current, sms.allowed) == (None, False)
    old = answer(False, 90, replaced_at=NOW - timedelta(days=10))
    new = answer(True, 10, expires_at=NOW + timedelta(days=1))
    sms, push, _call = page.consents(somebody, at=NOW)
    assert (sms.current, sms.earlier, sms.allowed) == (new, [old], True)
    assert push.allowed is False
    assert page.consents(somebody, at=NOW + timedelta(days=2))[0].allowed is False
    Suppression.objects.create(customer=somebody, channel="sms", reason="reply", at=NOW)
    assert page.consents(somebody, at=NOW)[0].allowed is False


def test_without_data_there_are_no_facts(somebody):
    found = page.facts(somebody)
    assert (found.groups, found.as_of) == ([], None)
