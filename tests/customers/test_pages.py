"""Finding a customer, seeing a number for a reason, stopping contact – each within one's branch."""

from urllib.parse import unquote

import pytest
from django.urls import reverse
from django.utils.translation import override

from accounts.models import AuditEntry
from customers.models import Consent, Suppression
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
PHONE = "14212340001"


@pytest.fixture(autouse=True)
def english():
    with override("en"):
        yield


@pytest.fixture
def as_user(client, cast):
    def go(name: str):
        client.force_login(getattr(cast, name))
        client.cookies["django_language"] = "en"
        return client

    return go


@pytest.fixture
def wang(make_customer):
    return make_customer("6010000001", name="王芳", phone=PHONE)


def test_the_list_masks_names_and_phones(as_user, wang):
    page = as_user("analyst").get(reverse("customers:list")).content.decode()
    assert "6010000001" in page
    assert "王*" in page
    assert "142****0001" in page
    assert "王芳" not in page
    assert PHONE not in page


def test_the_list_finds_by_the_beginning_of_the_number(as_user, wang, make_customer):
    make_customer("7010000001", phone=None)
    page = as_user("analyst").get(reverse("customers:list"), {"q": "701"}).content.decode()
    assert "7010000001" in page
    assert "6010000001" not in page


def test_the_list_needs_few_queries(as_user, wang, make_customer, django_assert_max_num_queries):
    for number in range(40):
        make_customer(f"80{number:03d}", phone=None)
    client = as_user("analyst")
    with django_assert_max_num_queries(12):
        assert client.get(reverse("customers:list")).status_code == 200


@pytest.mark.parametrize("typed", [PHONE, "+86 142 1234 0001", "142-1234-0001", "6010000001"])
def test_a_phone_or_a_number_leads_to_the_customer_and_never_stands_in_an_address(as_user, wang, typed):
    response = as_user("analyst").post(reverse("customers:find"), {"q": typed})
    assert response.status_code == 302
    assert PHONE not in unquote(response.url)
    assert response.url == reverse("reports:customer", args=[wang.pk])


def test_an_unknown_phone_is_not_repeated(as_user, wang):
    response = as_user("analyst").post(reverse("customers:find"), {"q": "14299999999"}, follow=True)
    assert "14299999999" not in response.content.decode()
    assert "No customer you may see has this phone number." in response.content.decode()


def test_another_branch_sees_nothing_of_the_customer(as_user, wang):
    client = as_user("west_rm")
    assert "6010000001" not in client.get(reverse("customers:list")).content.decode()
    found = client.post(reverse("customers:find"), {"q": PHONE}, follow=True).content.decode()
    assert "No customer you may see" in found
    for name in ("reveal", "suppress"):
        assert client.get(reverse(f"customers:{name}", args=[wang.pk])).status_code == 404
        assert client.post(reverse(f"customers:{name}", args=[wang.pk]), {"reason": "call"}).status_code == 404


def test_a_number_is_shown_for_a_reason_once_and_recorded(as_user, wang, cast):
    client = as_user("rm")
    assert PHONE not in client.get(reverse("customers:reveal", args=[wang.pk])).content.decode()
    response = client.post(reverse("customers:reveal", args=[wang.pk]), {"reason": "call"})
    assert PHONE in response.content.decode()
    assert response["Cache-Control"] == "no-store"
    entry = AuditEntry.objects.get(action="customer.reveal")
    assert (entry.actor, entry.object_id, entry.detail) == (cast.rm, str(wang.pk), {"reason": "call"})


def test_without_a_reason_nothing_is_shown_or_recorded(as_user, wang):
    response = as_user("rm").post(reverse("customers:reveal", args=[wang.pk]), {"reason": ""})
    assert response.status_code == 422
    assert PHONE not in response.content.decode()
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("who", ["marketer", "manager", "analyst", "auditor", "admin"])
def test_only_who_calls_or_checks_may_see_a_number(as_user, wang, who):
    client = as_user(who)
    assert client.post(reverse("customers:reveal", args=[wang.pk]), {"reason": "call"}).status_code == 403


def test_a_customer_is_put_on_the_no_contact_list_once(as_user, wang, cast):
    client = as_user("rm")
    for _ in range(2):
        client.post(reverse("customers:suppress", args=[wang.pk]), {"channel": "sms", "reason": "complaint"})
    [kept] = Suppression.objects.all()
    assert (kept.customer, kept.channel, kept.by) == (wang, "sms", cast.rm)
    assert AuditEntry.objects.filter(action="customer.suppress").count() == 1


# --------------------------------------------------------------------------------------------------------- API


@pytest.fixture
def api(cast):
    from rest_framework.test import APIClient

    from accounts import tokens

    def go(name: str) -> APIClient:
        from marketing.lib import days

        _token, secret = tokens.issue(user=getattr(cast, name), name="test", at=days.now())
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client

    return go


def test_programs_read_customers_masked(api, wang):
    Consent.objects.create(customer=wang, channel="sms", granted=True, source="web_form", given_at=NOW, recorded_at=NOW)
    listed = api("analyst").get("/api/v1/customers/", {"number": "601"}).json()
    assert listed["count"] == 1
    one = api("analyst").get(f"/api/v1/customers/{wang.pk}/").json()
    assert (one["name"], one["phone"], one["branch"]) == ("王*", "142****0001", "B001")
    assert one["consents"][0]["source"] == "web_form"
    assert "王芳" not in str(one) + str(listed)
    assert PHONE not in str(one) + str(listed)


def test_programs_of_a_branch_read_its_customers_only(api, wang):
    client = api("west_rm")
    assert client.get("/api/v1/customers/").json()["count"] == 0
    assert client.get(f"/api/v1/customers/{wang.pk}/").status_code == 404


def test_nobody_reads_customers_without_a_token(client, wang):
    assert client.get("/api/v1/customers/").status_code == 401
