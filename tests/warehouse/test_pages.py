"""The pages of data: upload, columns, progress, result, catalogue – and who may open them."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from marketing.lib import days
from tests.conftest import NOW
from tests.warehouse.conftest import GOOD, customers_csv
from warehouse import imports, running, tasks, uploading
from warehouse.models import Attribute, FeedRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_user(client, cast):
    def go(name: str):
        client.force_login(getattr(cast, name))
        client.cookies["django_language"] = "en"
        return client

    return go


def file(content: bytes, name: str = "customers_2026-10-31.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="text/csv")


def send(client, content: bytes, kind: str = "customers", **more):
    return client.post(reverse("warehouse:upload"), {"kind": kind, "file": file(content)}, **more)


def fields(run: FeedRun, **changes: str) -> dict[str, str]:
    columns = run.layout["file"]["columns"]
    chosen = {f"to-{place}": run.mapping["columns"][name]["to"] for place, name in enumerate(columns)}
    return chosen | {"as_of": "2026-10-31"} | changes


def test_a_file_goes_from_upload_over_its_columns_to_its_result(as_user):
    client = as_user("analyst")
    bad = ["9", "a", "1.38E+10", "B001", "1", "1"]
    response = send(client, customers_csv(*GOOD, bad))
    run = FeedRun.objects.get()
    assert response.url == reverse("warehouse:mapping", args=[run.pk])
    page = client.get(response.url).content.decode()
    assert "GB18030" not in page
    assert "王*" in page
    assert "王芳" not in page
    response = client.post(response.url, fields(run))
    assert response.url == reverse("warehouse:run", args=[run.pk])
    progress = client.get(reverse("warehouse:run_progress", args=[run.pk]))
    assert 'hx-trigger="every 1s"' in progress.content.decode()
    run.refresh_from_db()
    tasks.run_feed(run.job_id)
    done = client.get(reverse("warehouse:run_progress", args=[run.pk]))
    assert done["HX-Refresh"] == "true"
    page = client.get(response.url).content.decode()
    assert "Rows in = 3 + 1" in page
    assert "A spreadsheet turned the phone number into 1.38E+10" in page
    rejects = client.get(reverse("warehouse:rejects", args=[run.pk]))
    lines = b"".join(rejects).decode().splitlines()
    assert lines[0] == "\ufeffLine,Column,Value,Reason"
    assert lines[1].startswith("5,phone,1.38E+10,")


def test_a_new_attribute_is_made_on_the_way(as_user):
    client = as_user("analyst")
    header = ["customer_no", "会员等级"]
    send(client, customers_csv(["1", "gold"], ["2", "silver"], header=header))
    run = FeedRun.objects.get()
    new = {"to-1": uploading.NEW, "label_zh-1": "会员等级", "label_en-1": "Tier", "key-1": "tier", "type-1": "choice"}
    client.post(reverse("warehouse:mapping", args=[run.pk]), fields(run, **new))
    run.refresh_from_db()
    tasks.run_feed(run.job_id)
    made = Attribute.objects.get(key="tier")
    assert (made.label_zh, made.label_en) == ("会员等级", "Tier")
    page = client.get(reverse("warehouse:attribute", args=["tier"])).content.decode()
    assert "100.0%" in page
    assert "gold" in page


def test_a_mapping_at_fault_is_shown_again_as_it_was_typed(as_user):
    client = as_user("analyst")
    send(client, customers_csv())
    run = FeedRun.objects.get()
    response = client.post(reverse("warehouse:mapping", args=[run.pk]), fields(run, **{"to-5": "age"}))
    assert response.status_code == 422
    page = response.content.decode()
    assert "“age” is given to two columns; choose one of them." in page
    assert page.count('<option value="age" selected>') == 2
    run.refresh_from_db()
    assert run.state == "uploaded"


def test_a_bad_file_says_why_on_the_upload_page(as_user):
    response = send(as_user("analyst"), b"%PDF-1.7")
    assert response.status_code == 422
    assert "This is not a CSV, Excel (.xlsx) or Parquet file." in response.content.decode()
    assert not FeedRun.objects.exists()


def test_two_gigabytes_are_refused_by_their_announcement(as_user, monkeypatch):
    monkeypatch.setattr(imports, "upload", lambda **kwargs: pytest.fail("the body was read"))
    response = send(as_user("analyst"), customers_csv(), CONTENT_LENGTH=str(3 * 1024**3))
    assert response.status_code == 413
    assert "The file is larger than 2 GB." in response.content.decode()


def test_an_upload_without_the_forms_token_is_refused(cast):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.analyst)
    assert send(client, customers_csv()).status_code == 403
    assert not FeedRun.objects.exists()


def test_an_uploaded_file_can_be_dropped(as_user):
    client = as_user("analyst")
    send(client, customers_csv())
    run = FeedRun.objects.get()
    client.post(reverse("warehouse:discard", args=[run.pk]))
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert not running.folder_of(run).exists()


PAGES = {
    "warehouse:feeds": "feeds.view",
    "warehouse:runs": "feeds.view",
    "warehouse:catalogue": "feeds.view",
    "warehouse:upload": "feeds.load",
}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("who", ["analyst", "marketer", "auditor", "rm", "branch_manager"])
def test_each_page_opens_for_those_who_may(as_user, cast, name, who):
    from accounts.permissions import has

    allowed = has(getattr(cast, who), PAGES[name])
    assert as_user(who).get(reverse(name)).status_code == (200 if allowed else 403)


def test_lists_take_few_queries(as_user, load, django_assert_max_num_queries):
    load(customers_csv())
    client = as_user("analyst")
    for name in ("warehouse:feeds", "warehouse:runs", "warehouse:catalogue"):
        with django_assert_max_num_queries(12):
            assert client.get(reverse(name)).status_code == 200


def test_the_runs_are_filtered_in_the_address(as_user, load):
    load(customers_csv(), name="one.csv")
    load(b"branch_no,name_zh\nB003,x\n", "branches", name="two.csv")
    client = as_user("analyst")
    page = client.get(reverse("warehouse:runs"), {"kind": "branches"}).content.decode()
    assert "two.csv" in page
    assert "one.csv" not in page
    assert "No delivery matches" in client.get(reverse("warehouse:runs"), {"q": "nothing"}).content.decode()


def test_the_catalogue_shows_coverage_and_finds(as_user, load):
    load(customers_csv())
    client = as_user("analyst")
    page = client.get(reverse("warehouse:catalogue")).content.decode()
    assert "66.7%" in page  # two of three customers have an age
    page = client.get(reverse("warehouse:catalogue"), {"q": "aum"}).content.decode()
    assert "/data/attributes/aum/" in page
    assert "/data/attributes/age/" not in page


def test_an_attribute_is_taken_out_of_use(as_user, load):
    load(customers_csv())
    client = as_user("analyst")
    client.post(reverse("warehouse:retire", args=["aum"]))
    assert Attribute.objects.get(key="aum").retired_at
    assert "/data/attributes/aum/" not in client.get(reverse("warehouse:catalogue")).content.decode()


# --------------------------------------------------------------------------------------------------------- API


@pytest.fixture
def api(cast):
    from rest_framework.test import APIClient

    from accounts import tokens

    def go(name: str) -> APIClient:
        _token, secret = tokens.issue(user=getattr(cast, name), name="test", at=days.now())
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}", HTTP_ACCEPT_LANGUAGE="en")
        return client

    return go


def test_a_program_delivers_a_file_and_follows_it(api):
    client = api("analyst")
    response = client.post(
        "/api/v1/feeds/", {"kind": "customers", "file": file(customers_csv()), "as_of": "2026-10-31"}
    )
    assert response.status_code == 202
    run = response.json()
    assert (run["state"], run["rows_in"]) == ("queued", 3)
    tasks.run_feed(FeedRun.objects.get().job_id)
    run = client.get(f"/api/v1/feeds/{run['id']}/").json()
    assert (run["state"], run["rows_landed"], run["rows_changed"]) == ("done", 3, 3)
    assert client.get("/api/v1/feeds/").json()["count"] == 1


def test_a_program_gets_the_pages_sentences(api, settings):
    client = api("analyst")
    response = client.post("/api/v1/feeds/", {"kind": "customers", "file": file(b"%PDF-1.7")})
    assert response.status_code == 400
    assert response.json()["detail"].startswith("This is not a CSV, Excel (.xlsx) or Parquet file.")
    mapping = '{"columns": {"customer_no": {"to": "customer_no"}, "aum": {"to": "x", "new": {"type": "colour"}}}}'
    response = client.post("/api/v1/feeds/", {"kind": "customers", "file": file(customers_csv()), "mapping": mapping})
    assert response.status_code == 400
    assert response.json()["fields"] == {"aum": "Choose a type for the new attribute “x”."}
    assert list((settings.DATA_DIR / "feeds").glob("*")) == []


def test_a_program_delivers_openings(api, load, loan_product):
    load(customers_csv())
    content = b"opening_no,customer_no,product,stage,at\nA1,6010000001,consumer_loan,opened,2026-11-02 10:00:00\n"
    response = api("analyst").post("/api/v1/openings/", {"file": file(content, "openings.csv")})
    assert response.status_code == 202
    tasks.run_feed(FeedRun.objects.get(kind="openings").job_id)
    assert FeedRun.objects.get(kind="openings").rows_landed == 1


def test_a_program_without_the_right_delivers_nothing(api):
    response = api("marketer").post("/api/v1/feeds/", {"kind": "customers", "file": file(customers_csv())})
    assert response.status_code == 403
    assert not FeedRun.objects.exists()


def test_a_stranger_gets_no_file(client, load):
    run = load(customers_csv(*GOOD, ["9", "a", "1", "B001", "1", "1"]))
    assert client.get(reverse("warehouse:rejects", args=[run.pk])).status_code == 302
    assert client.get("/api/v1/feeds/").status_code == 401
    assert run.uploaded_at == NOW
