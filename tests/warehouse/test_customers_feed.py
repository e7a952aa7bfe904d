"""A customers file: register and facts land together, what is wrong is named, the same again changes nothing."""

import json
from datetime import date

import pytest

from accounts.models import AuditEntry, User
from customers.models import Customer
from marketing.lib import crypto
from marketing.lib.errors import UserError
from tests.conftest import NOW
from tests.warehouse.conftest import AS_OF, GOOD, HEADER, customers_csv, faults, nothing, table
from warehouse import engine, imports, rejects, running, store
from warehouse.models import Attribute, FeedRun, Partition

pytestmark = pytest.mark.django_db


def row(**changes: str) -> list[str]:
    base = dict(zip(HEADER, ["6010000009", "张伟", "14212345670", "B001", "40", "5"], strict=True)) | changes
    return [base[name] for name in HEADER]


def test_register_columns_are_sealed_and_facts_go_to_the_warehouse(load, cast):
    run = load(customers_csv())
    assert (run.rows_in, run.rows_landed, run.rows_changed, run.state) == (3, 3, 3, "done")
    wang = Customer.objects.get(number="6010000001")
    assert (wang.name, wang.phone, wang.branch) == ("王芳", "+8614212345678", cast.east)
    assert "王芳".encode() not in bytes(wang.name_sealed)
    assert bytes(wang.phone_index) == crypto.blind_index("+8614212345678")
    facts = table()
    assert facts.loc[wang.pk, "aum"] == 12000.5
    assert facts.loc[wang.pk, "branch_id"] == cast.east.pk
    assert facts.loc[wang.pk, "branch"] == "B001"
    assert engine.attributes()[1] == AS_OF
    assert Customer.objects.get(number="6010000003").phone == ""


def test_known_columns_become_known_attributes_with_both_labels(load):
    load(customers_csv())
    age = Attribute.objects.get(key="age")
    assert (age.label_zh, age.label_en, age.type) == ("年龄", "Age", "number")


# ------------------------------------------------------------------------------------------------- bad cells

BAD = {
    "phone as 1.38E+10": (
        {"phone": "1.38E+10"},
        "phone",
        "A spreadsheet turned the phone number into 1.38E+10 and lost its last digits. Format the column as text",
    ),
    "phone too short": ({"phone": "1421234"}, "phone", "This is not a phone number that can be reached."),
    "phone of another plan": ({"phone": "+999 12"}, "phone", "This is not a phone number that can be reached."),
    "formula": ({"name": '=HYPERLINK("http://x")'}, "name", "The cell holds a formula, which a spreadsheet would run."),
    "formula with at": ({"name": "@SUM(A1)"}, "name", "The cell holds a formula"),
    "formula with plus": ({"name": "+cmd|' /C calc'!A0"}, "name", "The cell holds a formula"),
    "formula in full width": ({"name": "＝1+1"}, "name", "The cell holds a formula"),
    "unknown branch": (
        {"branch_no": "B999"},
        "branch_no",
        "The bank has no branch B999. Load the branches file first, or correct the number.",
    ),
    "impossible age": ({"age": "130"}, "age", "The number is outside of what is possible."),
    "negative age": ({"age": "-1"}, "age", "The number is outside of what is possible."),
    "not a number": ({"aum": "8千"}, "aum", "This is not a number."),
    "not finite": ({"aum": "nan"}, "aum", "This is not a number."),
    "no customer number": ({"customer_no": ""}, "customer_no", "The cell is empty, and this column is needed."),
    "number as 6.01E+09": (
        {"customer_no": "6.01E+09"},
        "customer_no",
        "A spreadsheet turned the number into 6.01E+09.",
    ),
    "number with a space": ({"customer_no": "60 1"}, "customer_no", "Only letters, digits, dots, dashes"),
}


@pytest.mark.parametrize(("changes", "column", "sentence"), BAD.values(), ids=BAD)
def test_a_bad_cell_rejects_its_row_with_line_column_and_reason(load, changes, column, sentence):
    run = load(customers_csv(*GOOD, row(**changes)))
    assert (run.rows_in, run.rows_landed, run.rows_rejected) == (4, 3, 1)
    [(line, named, text)] = faults(run)
    assert (line, named) == (5, column)
    assert text.startswith(sentence)
    assert Customer.objects.count() == 3


def test_every_fault_of_a_row_is_listed_and_the_row_counted_once(load):
    run = load(customers_csv(*GOOD, row(phone="12", age="x")))
    assert [(line, column) for line, column, _text in faults(run)] == [(5, "age"), (5, "phone")]
    assert run.rows_rejected == 1
    assert run.reject_reasons == {"number": 1, "phone": 1}


def test_a_foreign_number_follows_its_own_plan(load):
    load(customers_csv(row(phone="+44 20 7946 0958")))
    assert Customer.objects.get().phone == "+442079460958"


def test_grouped_figures_and_dates_of_several_shapes_are_read(load):
    header = [*HEADER, "open_date"]
    rows = [
        [*row(customer_no="1", aum="1,234,567.89"), "2020-01-31"],
        [*row(customer_no="2", aum="7"), "2020/1/31"],
        [*row(customer_no="3", aum="8"), "20200131"],
        [*row(customer_no="4", aum="9"), "2020年01月31日"],
    ]
    run = load(customers_csv(*rows, header=header))
    assert run.rows_landed == 4
    assert sorted(table().aum) == [7, 8, 9, 1234567.89]
    assert {str(day) for day in table().open_date} == {"2020-01-31"}


def test_the_same_number_with_different_values_takes_none_and_names_the_other_line(load):
    run = load(customers_csv(*GOOD, row(customer_no="6010000001", aum="99")))
    sentence = "6010000001 stands here and on line {} with different values. Neither was taken; keep the right one."
    assert faults(run) == [(2, "customer_no", sentence.format(5)), (5, "customer_no", sentence.format(2))]
    assert (run.rows_landed, run.rows_rejected) == (2, 2)
    assert not Customer.objects.filter(number="6010000001").exists()


def test_the_same_row_twice_is_one_customer(load):
    run = load(customers_csv(*GOOD, GOOD[0]))
    assert (run.rows_in, run.rows_landed, run.rows_rejected, run.rows_changed) == (4, 4, 0, 3)
    assert Customer.objects.count() == 3
    assert len(table()) == 3


def test_an_unknown_relationship_manager_is_a_warning_not_a_reject(load, cast):
    User.objects.filter(pk=cast.rm.pk).update(staff_no="S1")
    header = [*HEADER, "rm_no"]
    run = load(customers_csv([*row(customer_no="1"), "S1"], [*row(customer_no="2"), "S9"], header=header))
    assert run.rows_landed == 2
    assert run.layout["warnings"] == {"unknown_rm": 1}
    assert [c.rm for c in Customer.objects.order_by("number")] == [cast.rm, None]


def test_a_phone_number_inside_a_text_attribute_is_rejected(load, upload):
    header = [*HEADER, "memo"]
    content = customers_csv(
        [*row(customer_no="1"), "likes tea"], [*row(customer_no="2"), "call 14212345678"], header=header
    )
    columns = upload(content).mapping["columns"]
    columns["memo"] = {"to": "memo", "new": {"label_zh": "备注", "label_en": "Memo", "type": "text"}}
    run = load(content, mapping={"columns": columns})
    assert faults(run) == [
        (3, "memo", "The text holds a phone or identity number, which is never kept as an attribute.")
    ]
    assert "14212345678" not in str(list(rejects.read(run)))


def test_a_file_without_one_good_row_fails_and_says_why(load):
    with pytest.raises(UserError, match="No row could be taken; the reasons are listed"):
        load(customers_csv(row(age="x")))
    run = FeedRun.objects.get()
    assert (run.state, run.rows_in, run.rows_rejected) == ("failed", 1, 1)
    assert not Partition.objects.exists()


# ------------------------------------------------------------------------------------------- again, and in part


def snapshot() -> list[tuple]:
    return list(Customer.objects.order_by("pk").values_list("pk", "number", "name_sealed", "updated_at"))


def test_the_same_file_twice_changes_nothing(load):
    load(customers_csv())
    before, partitions = snapshot(), list(Partition.objects.values_list("pk", "replaced_at"))
    again = load(customers_csv())
    assert (again.rows_in, again.rows_landed, again.rows_changed, again.state) == (3, 3, 0, "done")
    assert snapshot() == before
    assert list(Partition.objects.values_list("pk", "replaced_at")) == partitions


def test_the_same_rows_in_another_file_change_nothing_either(load):
    load(customers_csv())
    before = snapshot()
    again = load(customers_csv(*reversed(GOOD)))
    assert again.rows_changed == 0
    assert snapshot() == before
    assert Partition.objects.count() == 1


def test_the_first_file_again_after_another_one_counts_again(load):
    load(customers_csv())
    load(customers_csv(["6010000001", "王芳", "14212345678", "B001", "34", "77"]))
    run = load(customers_csv())
    assert run.rows_changed == 1
    assert sorted(table().aum.dropna()) == [380.0, 12000.5]


def test_rejected_rows_land_when_their_branch_has_come(load, cast):
    content = customers_csv(*GOOD, row(branch_no="B003"))
    assert load(content).rows_rejected == 1
    load("branch_no,name_zh\nB003,城南支行\n".encode(), "branches", by=cast.admin)
    assert load(content).rows_rejected == 0


def test_only_what_changed_is_written(load):
    load(customers_csv())
    before = dict(Customer.objects.values_list("number", "name_sealed"))
    changed = load(customers_csv(GOOD[0], ["6010000002", "李明", "14212345600", "B002", "51", "380"], GOOD[2]))
    assert changed.rows_changed == 1
    after = dict(Customer.objects.values_list("number", "name_sealed"))
    assert [n for n in before if bytes(before[n]) != bytes(after[n])] == ["6010000002"]
    assert Customer.objects.get(number="6010000002").phone == "+8614212345600"


def test_a_file_without_the_phone_column_keeps_the_phone(load):
    load(customers_csv())
    load(customers_csv(["6010000001", "王芳芳"], header=["customer_no", "name"]))
    wang = Customer.objects.get(number="6010000001")
    assert (wang.name, wang.phone, wang.branch.code) == ("王芳芳", "+8614212345678", "B001")


def test_a_file_of_some_customers_and_columns_keeps_the_rest(load):
    load(customers_csv())
    load(customers_csv(["6010000001", "88"], header=["customer_no", "aum"]), as_of=date(2026, 11, 1))
    facts = table()
    assert engine.attributes()[1] == date(2026, 11, 1)
    assert sorted(facts.aum.dropna()) == [88, 380]
    assert sorted(facts.age.dropna()) == [34, 51]
    assert sorted(table(AS_OF).aum.dropna()) == [380.0, 12000.5]  # the earlier date stays as it was


def test_a_complete_file_leaves_out_whom_it_does_not_name(load, upload):
    load(customers_csv())
    content = customers_csv(GOOD[0])
    mapping = upload(content).mapping | {"complete": True}
    load(content, mapping=mapping, as_of=date(2026, 11, 1))
    assert len(table()) == 1
    assert Customer.objects.count() == 3


# ------------------------------------------------------------------------------------------ nothing half-lands


def test_a_failure_between_register_and_publishing_lands_nothing(load, monkeypatch):
    load(customers_csv(GOOD[0]))
    before, facts = snapshot(), table()

    def fail(written, at):
        assert Customer.objects.count() == 3  # the register rows are in, within the transaction
        raise OSError("the disk is gone")

    monkeypatch.setattr(store, "announce", fail)
    with pytest.raises(OSError, match="the disk is gone"):
        load(customers_csv())
    assert snapshot() == before
    assert table().equals(facts)
    assert FeedRun.objects.latest("pk").state == "failed"


def test_a_failure_while_sealing_lands_nothing_and_removes_the_upload(load, monkeypatch, settings):
    from customers import register

    def fail(batches, target, at):
        raise MemoryError

    monkeypatch.setattr(register, "seal", fail)
    with pytest.raises(MemoryError):
        load(customers_csv())
    assert (Customer.objects.count(), Partition.objects.count()) == (0, 0)
    assert list((settings.DATA_DIR / "feeds").glob("*")) == []


def test_a_killed_worker_begins_anew(upload, cast, monkeypatch):
    run = upload(customers_csv())
    imports.configure(run=run, mapping=run.mapping, as_of=AS_OF, by=cast.analyst, at=NOW)
    killed = lambda *a, **k: (_ for _ in ()).throw(SystemExit)  # noqa: E731 – what a killed process leaves behind
    with monkeypatch.context() as patch:
        patch.setattr(running, "_commit", killed)
        patch.setattr(imports, "_end", lambda *a: None)
        with pytest.raises(SystemExit):
            imports.carry_out(run, at=NOW, report=nothing)
    run.refresh_from_db()
    assert (run.state, Customer.objects.count()) == ("running", 0)
    assert imports.carry_out(run, at=NOW, report=nothing).rows_landed == 3
    assert imports.carry_out(run, at=NOW, report=nothing).state == "done"  # delivered twice: nothing more happens
    assert Customer.objects.count() == 3


def test_what_landed_stands_in_the_audit_trail_without_names(load):
    load(customers_csv())
    entry = AuditEntry.objects.get(action="feed.land")
    assert entry.detail["landed"] == 3
    everything = json.dumps(list(AuditEntry.objects.values_list("detail", "object_name")), ensure_ascii=False)
    assert "王芳" not in everything
    assert "14212345678" not in everything
