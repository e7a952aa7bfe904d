"""Month-end attributes, activity, openings, consents, branches, staff and products."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied

from accounts.models import AuditEntry, Branch, User
from customers import consent
from customers.models import Consent, Customer, Opening, Product
from marketing.lib.errors import UserError
from tests.conftest import NOW
from tests.warehouse.conftest import AS_OF, count, customers_csv, faults, frame, table
from warehouse import engine
from warehouse.models import Attribute, Dataset, Partition

pytestmark = pytest.mark.django_db


@pytest.fixture
def register(load):
    load(customers_csv())


# ---------------------------------------------------------------------------------------- month-end attributes


def test_history_is_a_partition_per_date_and_leaves_the_newest_alone(load, register):
    run = load(b"customer_no,aum,vip_level\n6010000001,10,2\n6010000002,20,3\n", "attributes", as_of=date(2026, 9, 30))
    assert (run.rows_landed, run.rows_changed) == (2, 2)
    assert engine.attributes()[1] == AS_OF
    assert sorted(table(date(2026, 9, 30)).aum) == [10, 20]
    assert "vip_level" not in table().columns


def test_the_month_end_of_the_name_is_offered_as_the_date(upload, register):
    run = upload(b"customer_no,aum\n6010000001,10\n", "attributes", name="attributes_2026-02.csv")
    assert run.as_of == date(2026, 2, 28)


def test_attributes_of_the_same_date_keep_the_columns_they_do_not_bring(load, register):
    run = load(b"customer_no,aum\n6010000001,10\n6010000002,380\n", "attributes")
    assert run.rows_changed == 1
    facts = table()
    assert sorted(facts.aum.dropna()) == [10, 380]
    assert sorted(facts.age.dropna()) == [34, 51]
    assert len(facts) == 3


def test_attributes_of_an_unknown_customer_are_rejected(load, register):
    run = load(b"customer_no,aum\n6010000001,10\n999,20\n", "attributes", as_of=date(2026, 9, 30))
    assert faults(run) == [(3, "customer_no", "The register has no customer 999. Load the customers file first.")]


def test_a_retired_attribute_is_not_carried_on(load, register, cast):
    Attribute.objects.filter(key="age").update(retired_at=NOW)
    load(b"customer_no,aum\n6010000001,11\n", "attributes", as_of=date(2026, 11, 30))
    assert "age" not in table().columns


# --------------------------------------------------------------------------------------------------- activity

EVENTS = (
    b"customer_no,at,kind,channel,amount\n"
    b"6010000001,2026-10-31 23:59:59,card_spend,pos,12.50\n"
    b"6010000001,2026-11-01 00:00:00,app_login,app,\n"
    b"6010000002,2026-10-05 10:00:00,card_spend,pos,3\n"
    b"6010000002,2026-10-05 10:00:00,card_spend,pos,3\n"
)


def test_events_land_in_the_month_of_the_banks_calendar_in_utc(load, register):
    run = load(EVENTS, "activity")
    assert (run.rows_landed, run.rows_changed) == (4, 4)
    months = Partition.objects.published(Dataset.ACTIVITY).values_list("key", "rows")
    assert list(months) == [("month=2026-10", 3), ("month=2026-11", 1)]
    events = frame(engine.activity()).sort_values("at")
    assert events["at"].iloc[-1].to_pydatetime() == datetime(2026, 10, 31, 16, tzinfo=UTC)
    assert (events.kind == "card_spend").sum() == 3  # two equal payments are two payments


def test_the_same_events_again_and_a_longer_file_add_only_what_is_new(load, register):
    load(EVENTS, "activity")
    run = load(EVENTS + b"6010000002,2026-10-06 10:00:00,card_spend,pos,3\n", "activity")
    assert run.rows_changed == 1
    assert count(engine.activity()) == 5


def test_a_time_that_is_none_is_rejected(load, register):
    run = load(EVENTS + b"6010000002,yesterday,card_spend,pos,3\n", "activity")
    assert faults(run) == [(6, "at", "This is not a time; write it as 2026-10-31 09:15:00.")]


# --------------------------------------------------------------------------------------------------- openings

OPENINGS = (
    b"opening_no,customer_no,product,stage,at,amount,branch_no\n"
    b"A1,6010000001,consumer_loan,applied,2026-11-02 09:15:00,,B001\n"
    b"A1,6010000001,consumer_loan,opened,2026-11-03 09:15:00,50000.00,B001\n"
)


def test_openings_are_kept_stage_by_stage_and_once(load, register, loan_product):
    run = load(OPENINGS, "openings")
    assert (run.rows_landed, run.rows_changed) == (2, 2)
    opened = Opening.objects.get(stage="opened")
    assert (opened.reference, opened.amount, opened.product) == ("A1", 50000, loan_product)
    assert opened.at == datetime(2026, 11, 3, 1, 15, tzinfo=UTC)
    again = load(
        OPENINGS.replace(b"50000.00", b"99.00") + b"A2,6010000002,consumer_loan,opened,2026-11-04,1,\n", "openings"
    )
    assert again.rows_changed == 1
    opened.refresh_from_db()
    assert opened.amount == 50000


def test_openings_of_unknown_customers_products_and_stages_are_rejected(load, register, loan_product):
    run = load(
        OPENINGS
        + b"A3,1,consumer_loan,opened,2026-11-04,,\nA4,6010000001,yacht,opened,2026-11-04,,\n"
        + b"A5,6010000001,consumer_loan,dreamt,2026-11-04,,\n",
        "openings",
    )
    assert [(line, column, text.split(".")[0]) for line, column, text in faults(run)] == [
        (4, "customer_no", "The register has no customer 1"),
        (5, "product", "There is no product yacht"),
        (6, "stage", "This value is not one of those allowed in this column"),
    ]


# --------------------------------------------------------------------------------------------------- consents


def consents(*rows: str) -> bytes:
    return ("customer_no,channel,granted,source,text_version,at\n" + "\n".join(rows) + "\n").encode()


def current(channel: str = "sms") -> list[tuple[str, bool]]:
    rows = Consent.objects.current().filter(channel=channel).order_by("customer__number")
    return list(rows.values_list("customer__number", "granted"))


def test_the_newest_answer_counts_and_the_history_stays(load, register):
    load(
        consents(
            "6010000001,sms,yes,branch_form,v1,2026-01-01 10:00:00",
            "6010000001,sms,no,app_setting,v1,2026-03-01 10:00:00",
            "6010000002,sms,yes,web_form,v2,2026-02-01 10:00:00",
        ),
        "consents",
    )
    assert current() == [("6010000001", False), ("6010000002", True)]
    assert Consent.objects.filter(customer__number="6010000001").count() == 2
    later = load(consents("6010000001,sms,yes,branch_form,v2,2026-04-01 10:00:00"), "consents")
    assert later.rows_changed == 1
    assert current() == [("6010000001", True), ("6010000002", True)]


def test_an_older_answer_never_replaces_a_newer_one(load, register):
    load(consents("6010000001,sms,no,app_setting,v1,2026-03-01 10:00:00"), "consents")
    load(consents("6010000001,sms,yes,branch_form,v1,2026-01-01 10:00:00"), "consents")
    assert current() == [("6010000001", False)]
    assert Consent.objects.count() == 2


def test_of_two_answers_of_one_instant_the_refusal_counts(load, register):
    load(consents("6010000001,sms,yes,web_form,v1,2026-03-01 10:00:00"), "consents")
    load(consents("6010000001,sms,no,web_form,v1,2026-03-01 10:00:00"), "consents")
    load(
        consents(
            "6010000002,sms,no,web_form,v1,2026-03-01 10:00:00", "6010000002,sms,yes,web_form,v1,2026-03-01 10:00:00"
        ),
        "consents",
    )
    assert current() == [("6010000001", False), ("6010000002", False)]


@pytest.mark.parametrize("source", ["default", "Bundled", "默认", "preticked"])
def test_a_consent_by_default_is_no_consent(load, register, source):
    run = load(
        consents(
            f"6010000001,sms,yes,{source},v1,2026-03-01 10:00:00",
            "6010000002,sms,yes,web_form,v1,2026-03-01 10:00:00",
        ),
        "consents",
    )
    sentence = f"The source {source} is not a consent somebody gave on purpose, so it does not count as one."
    assert faults(run) == [(2, "source", sentence)]
    assert current() == [("6010000002", True)]


def test_a_refusal_by_default_is_a_refusal(load, register):
    run = load(consents("6010000001,sms,no,default,v1,2026-03-01 10:00:00"), "consents")
    assert (run.rows_rejected, current()) == (0, [("6010000001", False)])


def test_an_import_never_lifts_a_suppression(load, register, cast):
    customer = Customer.objects.get(number="6010000001")
    consent.suppress(customer=customer, channel="sms", reason="reply", by=None, at=NOW)
    load(consents("6010000001,sms,yes,branch_form,v2,2026-11-17 10:00:00"), "consents")
    assert customer.suppression_set.count() == 1


def test_the_same_consents_twice_change_nothing(load, register):
    content = consents("6010000001,sms,yes,web_form,v1,2026-03-01 10:00:00")
    load(content, "consents")
    again = load(content + b"\n", "consents")
    assert again.rows_changed == 0
    assert Consent.objects.count() == 1


# ------------------------------------------------------------------------------- branches, staff and products


def test_branches_are_added_and_renamed(load, cast):
    content = (
        "branch_no,name_zh,name_en,region,city\nB001,城东支行,East,东区,江州\nB009,新区支行,New,新区,江州\n".encode()
    )
    assert load(content, "branches").rows_changed == 2
    assert Branch.objects.get(code="B001").name_en == "East"
    assert Branch.objects.get(code="B009").city == "江州"
    assert load(content + b"\n", "branches").rows_changed == 0


def test_the_choices_of_the_branch_attribute_follow_the_branches(load, cast, register):
    load("branch_no,name_zh\nB009,新区支行\n".encode(), "branches")
    values = [choice["value"] for choice in Attribute.objects.get(key="branch").choices]
    assert values == ["B001", "B002", "B009"]


STAFF = "staff_no,name,branch_no,role,department\nS1,赵敏,B001,rm,\nS2,钱进,B002,branch_manager,\n".encode()


def test_staff_come_without_a_password_and_with_an_audited_role(load, cast):
    run = load(STAFF, "staff", by=cast.admin)
    assert run.rows_changed == 2
    zhao = User.objects.get(staff_no="S1")
    assert (zhao.display_name, zhao.branch, set(zhao.roles)) == ("赵敏", cast.east, {"rm"})
    assert not zhao.has_usable_password()
    assert AuditEntry.objects.filter(action="accounts.grant", object_id=str(zhao.pk)).exists()
    assert load(STAFF + b"\n", "staff", by=cast.admin).rows_changed == 0


def test_a_staff_file_cannot_make_an_administrator(load, cast):
    run = load(STAFF + "S3,孙悟,B001,admin,\n".encode(), "staff", by=cast.admin)
    assert faults(run) == [(4, "role", "This value is not one of those allowed in this column.")]
    assert not User.objects.filter(staff_no="S3").exists()


def test_only_who_may_grant_roles_loads_staff(upload, cast):
    with pytest.raises(PermissionDenied):
        upload(STAFF, "staff", by=cast.analyst)


def test_products_are_added_and_changed(load, cast):
    content = (
        "code,name_zh,name_en,department,kind,annual_rate\nconsumer_loan,消费贷,Loan,loan,loan,3.6%起（单利）\n"
    ).encode()
    assert load(content, "products").rows_changed == 1
    assert load(content.replace(b"3.6", b"3.4"), "products").rows_changed == 1
    assert Product.objects.get().annual_rate == "3.4%起（单利）"
    run = load(content + b"x,x,x,moon,loan,\n", "products")
    assert faults(run) == [(3, "department", "There is no department moon.")]


def test_a_file_of_the_wrong_kind_names_what_is_missing(load, register):
    with pytest.raises(UserError, match="The file has no column for: Channel, Granted, Source, Given at"):
        load(customers_csv(), "consents")


def test_expiry_of_a_consent_is_kept(load, register):
    content = b"customer_no,channel,granted,source,at,expires_at\n6010000001,sms,yes,web_form,2026-03-01,2027-03-01\n"
    load(content, "consents")
    [kept] = Consent.objects.all()
    assert kept.expires_at - kept.given_at == timedelta(days=365)
