"""The pages of campaigns: who sees what, what a form keeps, what a button does."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns import approval, schedule
from campaigns.models import Campaign, Variant
from marketing.lib import days
from tests.campaigns.conftest import RULE, TEXT, create_segment
from tests.conftest import NOW

TABS = ["detail", "targets", "content", "messages", "result", "set_up", "audit"]


@pytest.fixture
def sign_in(client: Client, settings):
    settings.LANGUAGE_CODE = "en"

    def as_(user) -> Client:
        client.force_login(user)
        client.cookies["django_language"] = "en"
        return client

    return as_


@pytest.fixture
def submitted(campaign, cast):
    approval.submit(campaign=campaign, by=cast.marketer, at=NOW)
    campaign.refresh_from_db()
    return campaign


@pytest.fixture
def running(submitted, cast):
    approval.approve(campaign=submitted, by=cast.manager, at=NOW)
    schedule.launch(campaign=submitted, by=cast.marketer, at=NOW)
    schedule.start_due(NOW)
    submitted.refresh_from_db()
    return submitted


def act(client, campaign, verb, **data):
    return client.post(reverse("campaigns:action", args=[campaign.pk, verb]), data, follow=True)


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens_before_and_after_the_start(sign_in, campaign, cast, tab):
    client = sign_in(cast.marketer)
    assert client.get(reverse(f"campaigns:{tab}", args=[campaign.pk])).status_code == 200
    approval.submit(campaign=campaign, by=cast.marketer, at=NOW)
    approval.approve(campaign=campaign, by=cast.manager, at=NOW)
    schedule.launch(campaign=campaign, by=cast.marketer, at=NOW)
    assert schedule.start_due(NOW)
    assert client.get(reverse(f"campaigns:{tab}", args=[campaign.pk])).status_code == 200


@pytest.mark.parametrize("who", ["card_marketer", "card_manager"])
def test_another_department_finds_nothing(sign_in, running, cast, who):
    client = sign_in(getattr(cast, who))
    urls = [reverse(f"campaigns:{tab}", args=[running.pk]) for tab in TABS]
    urls += [reverse("campaigns:edit", args=[running.pk, "basics"]), reverse("campaigns:approval", args=[running.pk])]
    urls += [reverse(f"campaigns:{piece}", args=[running.pk]) for piece in ("split", "checks")]
    assert {client.get(url).status_code for url in urls} == {404}
    assert client.post(reverse("campaigns:action", args=[running.pk, "pause"])).status_code == 404
    assert client.post(reverse("campaigns:preview", args=[running.pk]), {"text": "x"}).status_code == 404
    assert running.name not in client.get(reverse("campaigns:list")).content.decode()


@pytest.mark.parametrize("who", ["rm", "branch_manager"])
def test_branches_have_no_campaigns(sign_in, running, cast, who):
    client = sign_in(getattr(cast, who))
    assert client.get(reverse("campaigns:list")).status_code == 403
    assert client.get(reverse("campaigns:detail", args=[running.pk])).status_code == 403


@pytest.mark.parametrize("who", ["analyst", "compliance", "auditor", "admin"])
def test_bank_wide_roles_look_and_do_not_touch(sign_in, running, cast, who):
    client = sign_in(getattr(cast, who))
    page = client.get(reverse("campaigns:detail", args=[running.pk]))
    assert page.status_code == 200 and "Pause campaign" not in page.content.decode()
    for verb in ("pause", "cancel", "copy", "approve", "submit"):
        assert act(client, running, verb).status_code == 403
    assert client.get(reverse("campaigns:edit", args=[running.pk, "basics"])).status_code == 403
    assert Campaign.objects.get(pk=running.pk).state == "running"


def test_nothing_without_signing_in(client, running):
    for name in ("campaigns:list", "campaigns:approvals"):
        assert client.get(reverse(name)).status_code == 302
    assert client.post(reverse("campaigns:action", args=[running.pk, "pause"])).status_code == 302


def test_the_wizard_from_basics_to_submission(sign_in, segment, loan_product, cast):
    client = sign_in(cast.marketer)
    basics = {"name": "秋季", "product": loan_product.pk, "goal_days": 14, "budget": "100"}
    page = client.post(reverse("campaigns:create"), basics)
    made = Campaign.objects.get()
    assert page.url == reverse("campaigns:edit", args=[made.pk, "audience"])
    audience = {"segment": segment.pk, "control_percent": "20", "size_tolerance_percent": "5"}
    page = client.post(page.url, audience)
    page = client.post(page.url, {"text": TEXT})
    tomorrow = days.local(timezone.now() + timedelta(days=1)).replace(hour=9, minute=30)
    page = client.post(page.url, {"when": "time", "scheduled_at": f"{tomorrow:%Y-%m-%dT%H:%M}"})
    assert page.url == reverse("campaigns:edit", args=[made.pk, "check"])
    assert client.get(page.url).status_code == 200
    checks = client.get(reverse("campaigns:checks", args=[made.pk])).content.decode()
    assert "Submit for 5 people" in checks and "¥0.36" in checks
    act(client, made, "submit")
    made.refresh_from_db()
    assert (made.state, made.control_percent, made.size_tolerance_percent) == ("in_review", 20, 5)
    assert days.local(made.scheduled_at).hour == 9


def test_what_is_refused_stands_beside_the_field_and_keeps_what_was_typed(sign_in, campaign, cast):
    client = sign_in(cast.marketer)
    page = client.post(reverse("campaigns:edit", args=[campaign.pk, "basics"]), {"name": "新名字", "goal_days": "0"})
    html = page.content.decode()
    assert page.status_code == 400 and 'value="新名字"' in html and "is-invalid" in html
    past = {"when": "time", "scheduled_at": "2020-01-01T10:00"}
    page = client.post(reverse("campaigns:edit", args=[campaign.pk, "schedule"]), past)
    html = page.content.decode()
    assert page.status_code == 400 and "already passed" in html and "2020-01-01T10:00" in html


def test_the_live_preview_shows_the_text_as_typed_and_saves_nothing(sign_in, campaign, published, cast):
    client = sign_in(cast.marketer)
    page = client.post(reverse("campaigns:preview", args=[campaign.pk]), {"text": TEXT.replace("装修", "购车")})
    html = page.content.decode()
    assert "<mark>王女士</mark>" in html and "200,000" in html and "【江州银行】" in html and "拒收请回复R" in html
    assert "王芳" not in html and "14212340" not in html, "masked"
    assert Variant.objects.get().text == TEXT


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{余额}}", "is not a value that may be used"),
        ("｛｛称呼｝｝", "full-width"),
        ("{{ 称呼 }}", "without spaces"),
        ("{{ user.password }}", "without spaces"),
        ("{{user.password}}", "is not a value that may be used"),
        ("", "There is no text yet"),
        ("<script>alert(1)</script>年化利率{{年化利率}}", "&lt;script&gt;"),
    ],
)
def test_the_preview_says_what_is_wrong(sign_in, campaign, cast, text, said):
    page = sign_in(cast.marketer).post(reverse("campaigns:preview", args=[campaign.pk]), {"text": text})
    assert page.status_code == 200 and said in page.content.decode() and "<script>" not in page.content.decode()


def test_the_manager_decides_on_the_page(sign_in, submitted, cast):
    client = sign_in(cast.manager)
    html = client.get(reverse("campaigns:approval", args=[submitted.pk])).content.decode()
    seen = submitted.approvals.get().content_hash
    assert "Approve sending to 5 people" in html and seen in html and "王女士" in html
    act(client, submitted, "approve", seen="0" * 64)
    assert Campaign.objects.get().state == "in_review", "not what was looked at"
    act(client, submitted, "approve", seen=seen)
    assert Campaign.objects.get().state == "approved"


def test_a_return_without_a_reason_stays_and_says_so(sign_in, submitted, cast):
    client = sign_in(cast.manager)
    page = client.post(
        reverse("campaigns:action", args=[submitted.pk, "return"]),
        {"reason": ""},
        follow=True,
        headers={"referer": f"http://testserver{reverse('campaigns:approval', args=[submitted.pk])}"},
    )
    assert "Say what has to change" in page.content.decode() and Campaign.objects.get().state == "in_review"


def test_the_author_sees_no_button_to_approve(sign_in, submitted, cast):
    client = sign_in(cast.marketer)
    html = client.get(reverse("campaigns:approval", args=[submitted.pk])).content.decode()
    assert "Approve sending" not in html
    assert act(client, submitted, "approve", seen=submitted.approvals.get().content_hash).status_code == 403
    assert Campaign.objects.get().state == "in_review"


def test_the_approval_shows_what_changed_since_it_was_returned(sign_in, submitted, cast):
    from campaigns import editing

    approval.return_with_reason(campaign=submitted, by=cast.manager, at=NOW, reason="太长")
    editing.write(campaign=submitted, text=TEXT.replace("可申请", "可办理"), by=cast.marketer, at=NOW)
    approval.submit(campaign=submitted, by=cast.marketer, at=NOW + timedelta(minutes=5))
    html = sign_in(cast.manager).get(reverse("campaigns:approval", args=[submitted.pk])).content.decode()
    assert "<del>申请</del>" in html and "<ins>办理</ins>" in html and "太长" in html


def test_the_side_bar_counts_what_waits(sign_in, submitted, cast):
    client = sign_in(cast.manager)
    assert ">1<" in client.get(reverse("campaigns:approvals_count")).content.decode()
    client = sign_in(cast.card_manager)
    assert client.get(reverse("campaigns:approvals_count")).content.decode().strip() == ""


def test_pause_and_cancel_from_the_page(sign_in, running, cast):
    client = sign_in(cast.marketer)
    html = client.get(reverse("campaigns:detail", args=[running.pk])).content.decode()
    assert "This stops every message of the 5 that has not been sent yet" in html
    act(client, running, "pause")
    assert Campaign.objects.get().state == "paused"
    act(client, running, "cancel")
    assert Campaign.objects.get().state == "cancelled"
    assert "is now in state" in act(client, running, "pause").content.decode(), "refused in a sentence"


def test_every_number_opens_its_list(sign_in, running, cast):
    client = sign_in(cast.marketer)
    run = running.runs.get()
    wanted = {"arm=treated": run.treated, "arm=control": run.control}
    wanted |= {f"reason={reason}": number for reason, number in run.excluded.items()}
    html = client.get(reverse("campaigns:detail", args=[running.pk])).content.decode()
    for query, number in wanted.items():
        assert f"?{query}" in html
        page = client.get(f"{reverse('campaigns:targets', args=[running.pk])}?{query}")
        assert page.context["page_obj"].paginator.count == number


def test_lists_take_few_queries(sign_in, running, cast, django_assert_max_num_queries):
    client = sign_in(cast.marketer)
    for name, args in [("list", []), ("targets", [running.pk]), ("approvals", [])]:
        with django_assert_max_num_queries(12):
            assert client.get(reverse(f"campaigns:{name}", args=args)).status_code == 200


@pytest.mark.parametrize(
    "query", ["tab=nowhere", "sort=nothing", "page=999", "product=x", "q=%00", "mine=1", "tab=ended"]
)
def test_a_strange_filter_is_no_error(sign_in, campaign, cast, query):
    assert sign_in(cast.marketer).get(f"{reverse('campaigns:list')}?{query}").status_code == 200


def test_used_by_shows_only_what_one_may_see(sign_in, running, segment, cast):
    url = reverse("campaigns:used_by", args=[segment.pk])
    assert running.name in sign_in(cast.marketer).get(url).content.decode()
    assert running.name not in sign_in(cast.card_marketer).get(url).content.decode()


def test_get_does_nothing(sign_in, running, cast):
    assert sign_in(cast.marketer).get(reverse("campaigns:action", args=[running.pk, "cancel"])).status_code == 405
    assert Campaign.objects.get().state == "running"


def test_the_split_follows_the_segment_chosen_before_it_is_saved(sign_in, campaign, segment, cast, client):
    other = create_segment(name="年长客户", rule={**RULE}, by=cast.marketer, at=NOW)
    client, url = sign_in(cast.marketer), reverse("campaigns:split", args=[campaign.pk])
    chosen = {"segment": segment.pk, "control_percent": "0", "size_tolerance_percent": "10", "slim": "1"}
    without_control = client.get(url, chosen).content.decode()
    assert "Control (not contacted)" in client.get(url, chosen | {"control_percent": "50"}).content.decode()
    assert client.get(url, chosen | {"segment": other.pk}).status_code == 200
    assert client.get(url).content.decode() != without_control, "the saved plan keeps a control group"
    campaign.refresh_from_db()
    assert campaign.audience == segment.latest
    assert campaign.control_percent == 10
