"""Who may open which page of the reports, what stands on it, and how many queries it takes."""

import csv
import io
import json
import re
from html import unescape

import pytest
from django.urls import reverse
from django.utils import translation
from openpyxl import load_workbook

from accounts import tokens
from accounts.models import AuditEntry
from campaigns.models import Approval, Campaign
from customers.models import Customer
from outcomes import attribution
from outcomes.models import Conversion
from tests import builders
from tests.conftest import NOW


@pytest.fixture(autouse=True)
def at_that_time(time_machine):
    time_machine.move_to(NOW, tick=False)


@pytest.fixture(autouse=True)
def english(settings):
    settings.LANGUAGE_CODE = "en"
    with translation.override("en"):
        yield


@pytest.fixture
def get(client):
    def get(user, url, **query):
        client.force_login(user)
        return client.get(url, query, headers={"accept-language": "en"})

    return get


def text_of(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def addresses(brought):
    customer = brought.ids[0]
    return {
        "today": reverse("today"),
        "running": reverse("reports:running"),
        "search": reverse("search"),
        "dashboard": reverse("reports:dashboard"),
        "dashboard_export": reverse("reports:dashboard_export"),
        "campaign_export": reverse("reports:campaign_export", args=[brought.first.pk]),
        "customer": reverse("reports:customer", args=[customer]),
        "why": reverse("reports:why", args=[customer]) + f"?campaign={brought.first.pk}",
        "result": reverse("outcomes:result", args=[brought.first.pk]),
        "result_days": reverse("outcomes:result_days", args=[brought.first.pk]),
        "conversions": reverse("outcomes:conversions"),
        "conversions_of": reverse("outcomes:conversions") + f"?campaign={brought.first.pk}",
    }


MAY = {
    #                   marketer manager card_m. card_mg. rm  west_rm analyst compl. auditor admin
    "today": (200, 200, 200, 200, 200, 200, 200, 200, 200, 200),
    "running": (200, 200, 200, 200, 200, 200, 200, 200, 200, 200),
    "search": (200, 200, 200, 200, 200, 200, 200, 200, 200, 200),
    "dashboard": (200, 200, 200, 200, 403, 403, 200, 200, 200, 200),
    "dashboard_export": (403, 200, 403, 200, 403, 403, 200, 200, 200, 403),
    "campaign_export": (403, 200, 403, 404, 403, 403, 200, 200, 200, 403),
    "customer": (200, 200, 200, 200, 200, 404, 200, 200, 200, 200),
    "why": (200, 200, 404, 404, 404, 404, 200, 200, 200, 200),
    "result": (200, 200, 404, 404, 403, 403, 200, 200, 200, 200),
    "result_days": (403, 200, 403, 404, 403, 403, 200, 200, 200, 403),
    "conversions": (200, 200, 200, 200, 403, 403, 200, 200, 200, 200),
    "conversions_of": (200, 200, 404, 404, 403, 403, 200, 200, 200, 200),
}
CAST = [
    "marketer",
    "manager",
    "card_marketer",
    "card_manager",
    "rm",
    "west_rm",
    "analyst",
    "compliance",
    "auditor",
    "admin",
]


@pytest.mark.parametrize("name", MAY)
def test_who_may_open_what(cast, brought, get, name):
    url = addresses(brought)[name]
    assert tuple(get(getattr(cast, who), url).status_code for who in CAST) == MAY[name]


def test_nobody_without_a_sign_in(brought, client):
    for url in addresses(brought).values():
        assert client.get(url)["Location"].startswith("/sign-in/")


@pytest.mark.parametrize(
    ("name", "most"),
    [("today", 24), ("dashboard", 14), ("customer", 18), ("conversions", 10), ("result", 9), ("search", 5)],
)
def test_a_page_takes_as_many_queries_however_much_there_is(
    cast, brought, client, django_assert_max_num_queries, name, most
):
    for n in range(12):
        more = builders.campaign(cast.loan, cast.marketer, name=f"活动 {n}")
        run = builders.run(more, treated=brought.ids[:20], control=brought.ids[20:25])
        builders.messages(run, brought.ids[:20])
    client.force_login(cast.manager)
    url = addresses(brought)[name]
    client.get(url)
    with django_assert_max_num_queries(most):
        client.get(url)


# ── today ────────────────────────────────────────────────────────────────────


def test_today_shows_what_runs_and_what_ended(cast, brought, get):
    text = text_of(get(cast.marketer, "/"))
    assert "90 / 100" in text
    assert "公积金客户首贷" in text
    assert "New campaign" in text
    assert "Waiting for me" not in text
    assert "Waiting for me" in text_of(get(cast.manager, "/"))


def test_today_of_another_department_shows_nothing_of_it(cast, brought, get):
    text = text_of(get(cast.card_marketer, "/"))
    assert "装修季消费贷" not in text
    assert "Nothing is running" in text


def test_the_live_part_asks_again_only_while_something_is_sent(cast, brought, get):
    url = reverse("reports:running")
    assert 'hx-trigger="every 3s"' in get(cast.marketer, url).content.decode()
    brought.first.messages.filter(state="planned").update(state="delivered")
    assert "hx-trigger" not in get(cast.marketer, url).content.decode()


def test_a_branch_sees_its_customers_masked(cast, brought, get):
    page = get(cast.rm, "/").content.decode()
    assert "王*" in page
    assert "王芳" not in page
    assert "120" in text_of(get(cast.rm, "/"))
    assert "Nobody was reached lately" in text_of(get(cast.west_rm, "/"))


# ── dashboard ────────────────────────────────────────────────────────────────


def test_the_dashboards_total_is_the_sum(cast, brought, get):
    page = get(cast.manager, reverse("reports:dashboard")).content.decode()
    total = re.search(r'<tr class="total"><td>All 2 campaigns.*?</tr>', page, re.S)[0]
    assert re.findall(r">(\d+)<", total)[0] == "130"
    assert "130 reached over all campaigns are 120 different people" in text_of(
        get(cast.manager, reverse("reports:dashboard"))
    )


@pytest.mark.parametrize(
    ("step", "arm", "people"),
    [
        ("treated", "treated", 150),
        ("reached", "treated", 130),
        ("applied", "treated", 24),
        ("opened", "treated", 24),
        ("opened", "control", 1),
        ("treated", "control", 30),
        ("treated", "", 180),
    ],
)
def test_each_count_opens_a_list_as_long(cast, brought, get, step, arm, people):
    query = {"from": "2026-10-01", "to": "2026-12-31", "step": step, "arm": arm}
    answer = get(cast.manager, reverse("outcomes:conversions"), **query)
    assert answer.context["page_obj"].paginator.count == people


def test_the_lists_are_masked_and_found_by_number(cast, brought, get):
    number = Customer.objects.get(pk=brought.ids[3]).number
    answer = get(cast.manager, reverse("outcomes:conversions"), campaign=brought.first.pk, q=number)
    assert [row.customer.number for row in answer.context["rows"]] == [number]
    assert "王芳" not in answer.content.decode()
    assert "14212345678" not in answer.content.decode()


def test_a_department_cannot_ask_for_anothers_dashboard(cast, brought, get):
    answer = get(cast.card_manager, reverse("reports:dashboard"), department="loan")
    assert answer.context["d"].rows == []
    listed = get(cast.card_manager, reverse("outcomes:conversions"), department="loan")
    assert listed.context["page_obj"].paginator.count == 0
    assert len(get(cast.analyst, reverse("reports:dashboard"), department="loan").context["d"].rows) == 2
    assert get(cast.analyst, reverse("reports:dashboard"), department="card").context["d"].rows == []
    assert get(cast.analyst, reverse("reports:dashboard"), department="nowhere").status_code == 404


def test_a_period_that_cannot_be_read_is_a_sentence(cast, get):
    answer = get(cast.manager, reverse("reports:dashboard"), period="yesterday")
    assert answer.status_code == 400
    assert "A period is written as 2026-Q4 or 2026-11." in text_of(answer)


@pytest.mark.parametrize(
    "sort", ["name", "-reached", "rate", "-lift", "extra", "amount", "-cost", "launched", "nonsense"]
)
def test_the_table_sorts_by_every_column(cast, brought, get, sort):
    answer = get(cast.manager, reverse("reports:dashboard"), sort=sort)
    rows = list(answer.context["page_obj"])
    if sort == "-reached":
        assert [row.result.reached for row in rows] == [80, 50]
    assert len(rows) == 2


def test_an_empty_dashboard_offers_the_first_step(cast, get):
    text = text_of(get(cast.marketer, reverse("reports:dashboard")))
    assert "No campaign was launched in these days" in text


# ── the result of a campaign ─────────────────────────────────────────────────


def test_the_result_adds_up(cast, brought, get):
    text = text_of(get(cast.marketer, reverse("outcomes:result", args=[brought.first.pk])))
    assert "Treated 100 15 15.00%" in text
    assert "Control (not contacted) 20 1 5.00%" in text
    assert "Total 120 16 13.33%" in text


def test_a_result_that_crosses_zero_is_not_claimed(cast, brought, get):
    page = get(cast.marketer, reverse("outcomes:result", args=[brought.first.pk])).content.decode()
    assert 'class="fig-l muted"' in page
    assert "cannot tell yet" in page


def test_a_result_that_is_certain_is_said(cast, brought, get):
    ids = builders.people(400)
    sure = builders.campaign(cast.loan, cast.marketer, name="确定的活动")
    run = builders.run(sure, treated=ids[:200], control=ids[200:])
    builders.messages(run, ids[:200])
    builders.openings(ids[:60] + ids[200:210], of=sure.product)
    attribution.attribute(at=NOW, run=run)
    text = text_of(get(cast.marketer, reverse("outcomes:result", args=[sure.pk])))
    assert "+25.00" in text
    assert "extra 50" in text
    assert "cannot tell" not in text


def test_before_the_start_there_is_nothing_to_compare(cast, get):
    draft = builders.campaign(cast.loan, cast.marketer, state="draft")
    assert "Nothing to compare yet" in text_of(get(cast.marketer, reverse("outcomes:result", args=[draft.pk])))


def test_the_chart_and_its_table_show_the_same(cast, brought, get):
    answer = get(cast.marketer, reverse("outcomes:result", args=[brought.first.pk]))
    page = answer.content.decode()
    assert "<script" not in page, "htmx drops scripts of fragments, and the chart's data with them"
    data = json.loads(unescape(re.search(r'id="lift-data-\d+" hidden>(.*?)</div>', page)[1]))
    assert len(data["days"]) == len(answer.context["shown"].days) == 10
    assert data["est"][-1] == pytest.approx(0.10)
    assert page.count("<tr>") >= 10


# ── files ────────────────────────────────────────────────────────────────────


def content(answer):
    return b"".join(answer.streaming_content)


def test_the_exported_dashboard_holds_the_figures_of_the_screen(cast, brought, get):
    answer = get(cast.manager, reverse("reports:dashboard_export"))
    sheet = load_workbook(io.BytesIO(content(answer))).active
    header, *rows, total = sheet.iter_rows(values_only=True)
    assert [row[0] for row in rows] == ["公积金客户首贷", "装修季消费贷"]
    reached, cost = header.index("Reached"), header.index("Cost (yuan)")
    assert total[reached] == sum(row[reached] for row in rows) == 130
    assert total[cost] == pytest.approx(sum(row[cost] for row in rows))
    entry = AuditEntry.objects.get(action="reports.export")
    assert (entry.actor, entry.detail["rows"]) == (cast.manager, 2)


def test_a_campaigns_report_as_csv(cast, brought, get):
    brought.first.name = "=cmd|' /C calc'!A0"
    brought.first.save(update_fields=["name"])
    answer = get(cast.manager, reverse("reports:campaign_export", args=[brought.first.pk]), format="csv")
    rows = list(csv.reader(io.StringIO(content(answer).decode("utf-8-sig"))))
    assert rows[2][:4] == ["Result", "Converted", "15", "1"]
    assert [row[2] for row in rows if row[0] == "Funnel"] == ["100", "80", "15", "15", "15"]
    assert len([row for row in rows if row[0] == "By day"]) == 10
    exported = content(get(cast.manager, reverse("reports:dashboard_export"), format="csv")).decode("utf-8-sig")
    assert "'=cmd" in exported


def test_a_refused_export_leaves_no_trace_of_an_export(cast, brought, get):
    assert get(cast.marketer, reverse("reports:dashboard_export")).status_code == 403
    assert not AuditEntry.objects.filter(action="reports.export").exists()


# ── one customer, the search ─────────────────────────────────────────────────


def test_a_customer_is_masked(cast, brought, get):
    page = get(cast.rm, reverse("reports:customer", args=[brought.ids[0]])).content.decode()
    assert "王*" in page
    assert "142****5678" in page
    assert "王芳" not in page
    assert "14212345678" not in page


def test_a_foreign_campaign_is_not_named(cast, brought, get):
    url = reverse("reports:customer", args=[brought.ids[0]])
    assert "装修季消费贷" in get(cast.marketer, url).content.decode()
    for user in (cast.card_marketer, cast.rm):
        page = get(user, url)
        assert "装修季消费贷" not in page.content.decode()
        assert "a campaign of Retail loans" in text_of(page)


def test_the_search_finds_what_one_may_see(cast, brought, get):
    def found(user, text):
        context = get(user, reverse("search"), q=text).context
        return len(context["campaigns"]), len(context["customers"])

    number = Customer.objects.get(pk=brought.ids[0]).number
    assert found(cast.marketer, "装修") == (1, 0)
    assert found(cast.card_marketer, "装修") == (0, 0)
    assert found(cast.rm, number) == (0, 1)
    assert found(cast.west_rm, number) == (0, 0)
    assert found(cast.marketer, number[:2]) == (0, 0), "two digits would list the register"
    assert found(cast.marketer, "") == (0, 0)


def test_a_phone_number_is_not_searched_for_in_an_address(cast, brought, get):
    answer = get(cast.rm, reverse("search"), q="14212345678")
    assert answer.context["customers"] == []
    assert "search for it on the customers page" in text_of(answer)


# ── for programs ─────────────────────────────────────────────────────────────


@pytest.fixture
def call(client):
    def call(user, url):
        _row, token = tokens.issue(user=user, name="program", at=NOW)
        return client.get(url, headers={"authorization": f"Bearer {token}"})

    return call


def test_the_api_tells_what_the_page_tells(cast, brought, call):
    answer = call(cast.analyst, reverse("reports:api_dashboard") + "?department=loan").json()
    assert answer["total"]["treated"]["converted"] == Conversion.objects.filter(arm="treated").count() == 24
    assert sum(c["reached"] for c in answer["campaigns"]) == answer["total"]["reached"] == 130
    assert answer["people_reached"] == 120


def test_the_api_has_the_same_eyes(cast, brought, call):
    assert call(cast.card_manager, reverse("reports:api_dashboard")).json()["campaigns"] == []
    assert call(cast.rm, reverse("reports:api_dashboard")).status_code == 403


def test_a_campaigns_report_has_its_sums_and_what_it_brought(cast, brought, call):
    url = reverse("campaign_report", args=[brought.first.pk])
    told = call(cast.marketer, url).json()
    assert (told["audience"], told["treated"], told["control"], told["excluded"]) == (130, 100, 20, {"no_consent": 10})
    assert told["result"]["treated"] == {"people": 100, "converted": 15, "rate": 0.15, "amount": "750000.00"}
    assert told["funnel"] == {"treated": 100, "reached": 80, "applied": 15, "approved": 15, "opened": 15}
    assert told["result"]["lift"]["conclusive"] is False
    assert told["result"]["extra_conversions"]["estimate"] == pytest.approx(10)
    assert call(cast.card_marketer, url).status_code == 404
    assert call(cast.rm, url).status_code == 403


def test_before_the_start_the_report_has_no_result(cast, call):
    draft = builders.campaign(cast.loan, cast.marketer, state="draft")
    assert call(cast.marketer, reverse("campaign_report", args=[draft.pk])).json()["result"] is None


def test_today_leads_to_the_page_where_one_decides(cast, brought, get):
    campaign = brought.second
    Campaign.objects.filter(pk=campaign.pk).update(state="in_review")
    submission = builders.approval(campaign, by=cast.marketer, at=NOW)
    Approval.objects.filter(pk=submission.pk).update(decision="pending", decided_by=None, decided_at=None)
    assert submission.pk != campaign.pk, "or the test could not tell them apart"
    assert f'href="{reverse("campaigns:approval", args=[campaign.pk])}"' in get(cast.manager, "/").content.decode()
