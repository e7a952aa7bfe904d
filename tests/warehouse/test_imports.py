"""A feed's verbs: mapping, permission, start, cancel, memory of a layout, and what is refused."""

import csv
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry
from customers.models import Consent, Customer
from jobs import work as jobs
from jobs.models import Job
from marketing.lib.errors import MoveRefused, UserError
from tests.conftest import NOW
from tests.warehouse.conftest import AS_OF, GOOD, HEADER, customers_csv, frame, table
from warehouse import catalogue, engine, imports, running, tasks
from warehouse.models import Attribute, Feed, FeedRun, Partition

pytestmark = pytest.mark.django_db

CALLS = customers_csv(
    *([str(n), "a", "", "B001", "30", "1", "261", "teacher"] for n in range(1, 5)),
    header=[*HEADER, "duration", "job title"],
)


# ---------------------------------------------------------------------------------------------------- mapping


def test_chinese_and_english_columns_are_recognised(upload):
    header = ["客户号", "姓名", "手机号码", "网点", "客户经理", "年龄", "管理资产", "代发工资"]
    run = upload(customers_csv(["1", "王芳", "14212345678", "B001", "S1", "30", "5", "是"], header=header))
    assert [entry["to"] for entry in run.mapping["columns"].values()] == [
        "customer_no", "name", "phone", "branch_no", "rm_no", "age", "aum", "salary_paid_here",
    ]  # fmt: skip


def test_samples_are_masked_before_they_are_kept(upload):
    header = [*HEADER, "备用电话", "nickname"]
    run = upload(customers_csv(["1", "王芳", "14212345678", "B001", "30", "5", "14212340000", "小芳芳"], header=header))
    samples = run.layout["samples"]
    assert (samples["name"], samples["phone"]) == (["王*"], ["142****5678"])
    stored = str(FeedRun.objects.values_list("layout", "mapping").get())
    for private in ("王芳", "14212345678", "14212340000", "小芳芳"):
        assert private not in stored


def test_a_new_attribute_gets_an_inferred_type_and_editable_labels(upload, load):
    run = upload(CALLS)
    guessed = run.mapping["columns"]["job title"]
    assert guessed == {"to": "job_title", "new": {"label_zh": "job title", "label_en": "job title", "type": "choice"}}
    guessed["new"] |= {"label_zh": "职位", "label_en": "Position"}
    load(CALLS, mapping=run.mapping)
    made = Attribute.objects.get(key="job_title")
    assert (made.label_zh, made.label_en, made.type, made.choices[0]["value"]) == (
        "职位",
        "Position",
        "choice",
        "teacher",
    )
    assert table()["job_title"].tolist() == ["teacher"] * 4


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["是", "否", "是"], "boolean"),
        (["1.5", "-2", ""], "number"),
        (["2026-01-31", "2026/2/1"], "date"),
        (["a", "b", "a", "b", "a"], "choice"),
        (["the first", "the second", "the third"], "text"),
        (["0012", "0013", "0014"], "text"),
        ([], "text"),
    ],
)
def test_the_type_of_a_column_is_inferred_from_its_values(values, kind):
    from warehouse.feeds.mapping import infer

    assert infer(values) == kind


def test_a_fact_known_only_after_the_call_is_refused(upload, cast):
    run = upload(CALLS)
    assert run.mapping["columns"]["duration"]["to"] == ""
    run.mapping["columns"]["duration"] = {"to": "talk", "new": {"label_zh": "通话", "type": "number"}}
    with pytest.raises(UserError) as refused:
        imports.configure(run=run, mapping=run.mapping, as_of=AS_OF, by=cast.analyst, at=NOW)
    assert "The column “duration” is not taken. It is known only after the call" in str(refused.value)
    assert set(refused.value.fields) == {"duration"}


@pytest.mark.parametrize("name", ["身份证号", "备用手机", "email", "ID number", "passport", "home address", "卡号"])
def test_personal_data_never_becomes_an_attribute(upload, cast, name):
    run = upload(customers_csv(["1", "a", "", "B001", "30", "1", "x"], header=[*HEADER, name]))
    assert run.mapping["columns"][name]["to"] == ""
    run.mapping["columns"][name] = {"to": "harmless", "new": {"label_zh": "无害", "type": "text"}}
    with pytest.raises(UserError, match=r"is not taken\. It is personal data"):
        imports.configure(run=run, mapping=run.mapping, as_of=AS_OF, by=cast.analyst, at=NOW)


MAPPINGS = {
    "two columns for one meaning": ({"aum": {"to": "age"}}, "“age” is given to two columns; choose one of them."),
    "a column that is not there": ({"colour": {"to": "age"}}, "The file has no column “colour”."),
    "nothing for the number": ({"customer_no": {"to": ""}}, "The file has no column for: Customer number."),
    "an unknown attribute": (
        {"aum": {"to": "wealth"}},
        "There is no attribute “wealth” yet; give it a label and a type.",
    ),
    "a key of the system": (
        {"aum": {"to": "branch_id", "new": {"label_zh": "x", "type": "number"}}},
        "“branch_id” is used by the system; choose another key.",
    ),
    "a key with a quote": (
        {"aum": {"to": 'x"; DROP TABLE stage', "new": {"label_zh": "x", "type": "number"}}},
        "Use small Latin letters, digits and underscores for the key",
    ),
    "a known key made anew": (
        {"aum": {"to": "vip_level", "new": {"label_zh": "x", "type": "text"}}},
        "There is an attribute “vip_level” already; choose another key.",
    ),
}


@pytest.mark.parametrize(("change", "sentence"), MAPPINGS.values(), ids=MAPPINGS)
def test_a_mapping_that_cannot_work_is_refused_and_the_file_kept(upload, cast, change, sentence):
    run = upload(customers_csv())
    mapping = {"columns": run.mapping["columns"] | change}
    with pytest.raises(UserError) as refused:
        imports.configure(run=run, mapping=mapping, as_of=AS_OF, by=cast.analyst, at=NOW)
    assert str(refused.value).startswith(sentence)
    assert (running.folder_of(run) / "upload").exists()
    assert not Attribute.objects.exists()


def test_a_mapping_is_remembered_for_the_next_file_of_the_same_layout(upload, load):
    run = upload(customers_csv())
    run.mapping["columns"]["aum"] = {"to": "deposit_balance"}
    load(customers_csv(), mapping=run.mapping)
    assert upload(customers_csv(GOOD[0])).mapping["columns"]["aum"] == {"to": "deposit_balance"}
    assert Feed.objects.count() == 1


def test_a_retired_attribute_is_named(upload, load, cast):
    load(customers_csv())
    catalogue.retire(attribute=Attribute.objects.get(key="aum"), by=cast.analyst, at=NOW)
    run = upload(customers_csv(GOOD[0]))
    with pytest.raises(UserError, match="is out of use; leave the column out"):
        imports.configure(run=run, mapping=run.mapping, as_of=AS_OF, by=cast.analyst, at=NOW)


def test_made_up_numbers_are_refused_outside_of_mapping_files(upload, cast):
    run = upload(customers_csv())
    with pytest.raises(UserError, match="test data only"):
        imports.configure(run=run, mapping=run.mapping | {"make": {"phone": {}}}, as_of=AS_OF, by=cast.analyst, at=NOW)


# ------------------------------------------------------------------------------------------- start and cancel


def ready(run: FeedRun, cast) -> FeedRun:
    return imports.configure(run=run, mapping=run.mapping, as_of=AS_OF, by=cast.analyst, at=NOW)


def test_a_started_run_is_a_job_that_lands_and_removes_the_upload(upload, cast, settings):
    run = ready(upload(customers_csv()), cast)
    job = imports.start(run=run, by=cast.analyst, at=NOW)
    tasks.run_feed(job.pk)
    run.refresh_from_db()
    job.refresh_from_db()
    assert (run.state, run.rows_landed, run.path) == ("done", 3, "")
    assert (job.state, job.done, job.total) == ("done", 3, 3)
    assert list((settings.DATA_DIR / "feeds").glob("*")) == []
    actions = AuditEntry.objects.order_by("number").values_list("action", flat=True)
    assert [a for a in actions if a.startswith("feed.")] == ["feed.upload", "feed.start", "feed.land"]


def test_a_run_starts_once(upload, cast):
    run = ready(upload(customers_csv()), cast)
    imports.start(run=run, by=cast.analyst, at=NOW)
    with pytest.raises(MoveRefused, match="is being loaded already"):
        imports.start(run=run, by=cast.analyst, at=NOW)
    assert Job.objects.count() == 1


def test_a_waiting_run_is_cancelled_at_once(upload, cast, settings):
    run = ready(upload(customers_csv()), cast)
    run.job = imports.start(run=run, by=cast.analyst, at=NOW)
    imports.cancel(run=run, by=cast.analyst, at=NOW)
    run.refresh_from_db()
    assert run.state == "cancelled"
    tasks.run_feed(run.job_id)  # its doorbell rings late
    assert Customer.objects.count() == 0
    assert list((settings.DATA_DIR / "feeds").glob("*")) == []


def test_a_run_at_work_stops_where_it_is_asked_and_lands_nothing(upload, cast):
    run = ready(upload(customers_csv()), cast)

    def stop(done: int, total: int) -> None:
        raise jobs.Cancelled

    with pytest.raises(jobs.Cancelled):
        imports.carry_out(run, at=NOW, report=stop)
    run.refresh_from_db()
    assert (run.state, Customer.objects.count(), Partition.objects.count()) == ("cancelled", 0, 0)


def test_a_colleague_cannot_stop_it(upload, cast):
    run = ready(upload(customers_csv()), cast)
    run.job = imports.start(run=run, by=cast.analyst, at=NOW)
    with pytest.raises(MoveRefused, match="Only analyst, who started it, can stop it"):
        imports.cancel(run=run, by=cast.admin, at=NOW)


def test_uploads_that_nobody_started_are_dropped(upload, settings):
    run = upload(customers_csv())
    assert imports.tidy(at=NOW + timedelta(days=2)) == 0
    assert imports.tidy(at=NOW + timedelta(days=4)) == 1
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert list((settings.DATA_DIR / "feeds").glob("*")) == []


@pytest.mark.parametrize("who", ["marketer", "manager", "rm", "compliance", "auditor"])
def test_only_analysts_and_administrators_load_files(upload, cast, who):
    with pytest.raises(PermissionDenied):
        upload(customers_csv(), by=getattr(cast, who))


# ---------------------------------------------------------------------------------------------- on a terminal


def test_the_command_tells_the_same_sums_and_sentences(cast, tmp_path, capsys):
    path = tmp_path / "customers_2026-10-31.csv"
    path.write_bytes(customers_csv(*GOOD, ["9", "a", "1.38E+10", "B001", "1", "1"]))
    call_command("import_feed", "customers", path, user="analyst")
    out = capsys.readouterr().out
    assert "4 rows in = 3 landed + 1 rejected; 3 new or changed." in out
    assert "1 × A spreadsheet turned the phone number into something like 1.38E+10." in out
    assert engine.attributes()[1] == AS_OF


def test_the_command_refuses_with_the_sentence(cast, tmp_path, settings):
    path = tmp_path / "empty.csv"
    path.write_bytes(b"")
    with pytest.raises(CommandError, match="The file is empty"):
        call_command("import_feed", "customers", path)
    with pytest.raises(CommandError, match="There is no file"):
        call_command("import_feed", "customers", tmp_path / "nowhere.csv")
    path.write_bytes(customers_csv())
    with pytest.raises(CommandError, match="Your role does not allow this"):
        call_command("import_feed", "customers", path, user="marketer")
    assert list((settings.DATA_DIR / "feeds").glob("*")) == []


# ------------------------------------------------------------------------------------------------- real input

ROOT = Path(__file__).resolve().parents[2]
BANK = Path(os.environ.get("BANK_DATA") or ROOT.parent / "shared" / "data" / "bank-additional-full.csv.gz")


@pytest.mark.slow
@pytest.mark.skipif(not BANK.is_file(), reason=f"the public bank data is not at {BANK}; set BANK_DATA to its path")
def test_a_real_banks_file_loads_whole_and_counts_as_by_hand(cast, capsys):
    import pandas as pd

    mapping = ROOT / "warehouse" / "mappings" / "uci_bank.json"
    call_command("import_feed", "customers", BANK, mapping=mapping, as_of=AS_OF)
    out = capsys.readouterr().out
    assert "41188 rows in = 41188 landed + 0 rejected; 41188 new or changed." in out
    assert "Column “duration” is left out. It is known only after the call" in out

    clients = pd.read_csv(BANK, sep=";")
    by_hand = clients[
        (clients.contact == "cellular")
        & clients.age.between(30, 60)
        & (clients.loan == "no")
        & (clients.euribor3m < 1.5)
    ]
    facts = engine.attributes()[0]
    rule = (
        (facts.contact_type == "cellular")
        & facts.age.between(30, 60)
        & (facts.personal_loan == "no")
        & (facts.euribor3m < 1.5)
    )
    found = frame(facts.filter(rule).select("customer_id"))
    assert len(found) == len(by_hand) == 7288
    numbers = Customer.objects.filter(pk__in=found.customer_id.tolist()).values_list("number", flat=True)
    assert {int(n.removeprefix("UCI")) - 2 for n in numbers} == set(by_hand.index)
    assert not {"duration", "y"} & set(facts.columns)
    assert Customer.objects.order_by("number").first().phone == "+8614200000002"
    assert frame(facts.select("made_up_number")).made_up_number.all()
    assert Consent.objects.current().filter(channel="sms", granted=True).count() == 41188


# ---------------------------------------------------------------------------------------- the warehouse is blind


def test_the_warehouse_and_what_is_kept_hold_no_name_phone_or_number(load, settings, caplog):
    with caplog.at_level("DEBUG"):
        load(customers_csv(*GOOD, ["6010000009", "赵敏敏", "1421999", "B001", "1", "1"]))
    kept = [path for path in settings.DATA_DIR.rglob("*") if path.is_file() and path.name != "file.csv"]
    assert len(kept) >= 2  # a partition and the rejects
    private = ["王芳", "欧阳修远", "赵敏敏", "14212345678", "1421999", "6010000001"]
    for path in kept:
        content = path.read_bytes()
        assert [word for word in private if word.encode() in content] == [], path
    values = {str(value) for value in frame(engine.attributes()[0]).to_numpy().ravel()}
    assert not values & set(private)
    assert [word for word in private if word in caplog.text] == []


def test_a_rejects_file_is_safe_in_a_spreadsheet(load):
    from marketing.lib import export
    from warehouse import rejects

    run = load(customers_csv(*GOOD, ["=1+1", "a", "", "B001", "1", "=cmd()"]))
    lines = "".join(export.csv_lines(["line", "column", "value", "reason"], rejects.read(run)))
    cells = [cell for row in csv.reader(lines.lstrip("\ufeff").splitlines()) for cell in row]
    assert "'=cmd()" in cells
    assert not [cell for cell in cells if cell.startswith("=")]
