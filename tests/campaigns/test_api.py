"""Campaigns for programs: the same verbs, permissions and sentences."""

import pytest

from accounts import tokens
from campaigns.models import Campaign
from marketing.lib import days
from tests.campaigns.conftest import TEXT

URL = "/api/v1/campaigns/"


@pytest.fixture
def call(client, settings):
    settings.LANGUAGE_CODE = "en"

    def as_(user):
        _token, secret = tokens.issue(user=user, name="test", at=days.now())
        headers = {"authorization": f"Bearer {secret}", "accept-language": "en"}

        def send(method, path="", data=None):
            return getattr(client, method)(URL + path, data, content_type="application/json", headers=headers)

        return send

    return as_


def test_from_plan_to_pause(call, segment, loan_product, cast):
    marketer, manager = call(cast.marketer), call(cast.manager)
    plan = {"name": "秋季", "product": "consumer_loan", "segment": segment.pk, "text": TEXT, "budget": "100"}
    made = marketer("post", data=plan).json()
    assert (made["state"], made["segment_version"], made["text"]) == ("draft", 1, TEXT)
    pk = made["id"]
    assert marketer("patch", f"{pk}/", {"goal_days": 30}).json()["goal_days"] == 30
    assert marketer("post", f"{pk}/submit/").json()["state"] == "in_review"
    assert marketer("post", f"{pk}/approve/").status_code == 403
    seen = manager("get", f"{pk}/report/").json()["approval"]
    assert seen["expected"]["treated"] == 5
    assert manager("post", f"{pk}/approve/", {"seen": "0" * 64}).status_code == 400
    assert manager("post", f"{pk}/approve/", {"seen": seen["content_hash"]}).json()["state"] == "approved"
    assert marketer("post", f"{pk}/schedule/").json()["state"] == "scheduled"
    refused = marketer("post", f"{pk}/pause/")
    assert refused.status_code == 409 and "is now in state" in refused.json()["detail"]
    assert marketer("post", f"{pk}/cancel/").json()["state"] == "cancelled"


def test_the_state_cannot_be_set(call, campaign, cast):
    answer = call(cast.marketer)("patch", f"{campaign.pk}/", {"state": "approved", "approved_size": 1})
    campaign.refresh_from_db()
    assert answer.status_code == 200 and campaign.state == "draft" and campaign.approved_size is None


def test_refusals_are_the_pages_sentences(call, campaign, cast):
    send = call(cast.marketer)
    past = send("patch", f"{campaign.pk}/", {"scheduled_at": "2020-01-01T00:00:00Z"})
    assert past.status_code == 400 and "already passed" in past.json()["fields"]["scheduled_at"]
    send("patch", f"{campaign.pk}/", {"text": "{{余额}}"})
    unknown = send("post", f"{campaign.pk}/submit/")
    assert unknown.status_code == 400 and "{{余额}}" in unknown.json()["detail"]


def test_foreign_campaigns_are_not_there(call, campaign, cast):
    send = call(cast.card_marketer)
    assert send("get").json()["results"] == []
    assert send("get", f"{campaign.pk}/").status_code == 404
    assert send("patch", f"{campaign.pk}/", {"goal_days": 1}).status_code == 404
    assert send("post", f"{campaign.pk}/cancel/").status_code == 404
    assert send("get", f"{campaign.pk}/report/").status_code == 404
    assert Campaign.objects.get().state == "draft"


@pytest.mark.parametrize(("who", "look", "plan"), [("rm", 403, 403), ("auditor", 200, 403), ("manager", 200, 201)])
def test_roles(call, campaign, cast, who, look, plan):
    send = call(getattr(cast, who))
    assert send("get").status_code == look
    assert send("post", data={"name": "x"}).status_code == plan


def test_without_a_token_nothing(client, campaign):
    assert client.get(URL).status_code == 401
