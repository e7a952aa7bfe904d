"""The demo bank is the same for the same seed, looks like a bank, and is wrong exactly where it says so."""

import datetime as dt
import hashlib
import json
from pathlib import Path

import numpy as np
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from demo.bank import Plan, blocks, write_bank
from demo.draws import BLOCK
from demo.events import KINDS
from demo.facts import FACTS
from demo.people import MISSING, PHONE_PREFIXES
from demo.truth import PRODUCTS

pytestmark = pytest.mark.filterwarnings("error")
CUSTOMERS = 12_345


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bank whose last block is not full."""
    folder = tmp_path_factory.mktemp("bank")
    write_bank(Plan(customers=CUSTOMERS), folder)
    return folder


@pytest.fixture(scope="module")
def truth(bank: Path) -> dict:
    return json.loads((bank / "truth.json").read_text(encoding="utf-8"))


def read(path: Path) -> pa.Table:
    """Read a CSV file with every cell as text and empty cells as null."""
    with path.open(encoding="utf-8") as file:
        names = file.readline().strip().split(",")
    options = pacsv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
    )
    return pacsv.read_csv(path, convert_options=options)


def good_rows(bank: Path, truth: dict) -> pa.Table:
    """Return the rows of customers.csv that nothing is wrong with."""
    customers = read(bank / "customers.csv")
    lines = {entry["line"] for entry in truth["wrong"] if entry["file"] == "customers.csv"}
    return customers.filter(pa.array([line not in lines for line in range(2, customers.num_rows + 2)]))


def digests(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def test_the_same_seed_gives_the_same_bytes_whatever_the_chunk(tmp_path: Path) -> None:
    for chunk in (1000, 2300, 20_000):
        write_bank(Plan(customers=3500, months=4, chunk=chunk), tmp_path / str(chunk))
    first = digests(tmp_path / "1000")
    assert first == digests(tmp_path / "2300") == digests(tmp_path / "20000")
    assert len(first) == 4 + 3 + 8


def test_parquet_bytes_do_not_depend_on_the_chunk_either(tmp_path: Path) -> None:
    for chunk in (1000, 7000):
        plan = Plan(customers=7000, months=3, chunk=chunk, activity=60, activity_format="parquet")
        write_bank(plan, tmp_path / str(chunk))
    assert digests(tmp_path / "1000") == digests(tmp_path / "7000")
    activity = pq.ParquetFile(tmp_path / "1000" / "activity_2026-10.parquet")
    assert activity.num_row_groups > 1


def test_another_seed_gives_another_bank(tmp_path: Path) -> None:
    for seed in (7, 8):
        write_bank(Plan(customers=1000, months=1, seed=seed), tmp_path / str(seed))
    one, other = digests(tmp_path / "7"), digests(tmp_path / "8")
    same = {name for name in one if one[name] == other[name]}
    assert same == {"branches.csv", "products.csv"}


def test_a_small_bank_is_the_beginning_of_a_large_one() -> None:
    small, large = (list(blocks(Plan(customers=n, months=2))) for n in (1200, 3000))
    assert [block.customers for block in small] == [1000, 200]
    for name in ("attributes_2026-10.csv", "openings.csv", "consents.csv", "truth.parquet"):
        ours, theirs = small[1].tables[name], large[1].tables[name]
        assert ours.equals(theirs.filter(pc.less(theirs["customer_no"], "6010001200")))
        assert 0 < ours.num_rows < theirs.num_rows


def test_blocks_are_made_one_at_a_time_and_are_not_alike() -> None:
    stream = blocks(Plan(customers=5_000_000, months=1))
    first, second = (next(stream).tables["customers.csv"].slice(0, BLOCK) for _ in range(2))
    assert second["customer_no"][0].as_py() == "6010001000"
    for column in ("name", "phone", "birth_date", "aum"):
        assert not first[column].equals(second[column])


def test_an_earlier_bank_in_the_folder_is_replaced_and_other_files_are_kept(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("mine")
    write_bank(Plan(customers=1000, months=2, as_of=dt.date(2026, 9, 30)), tmp_path)
    write_bank(Plan(customers=1000, months=1), tmp_path)
    assert sorted(file.name for file in tmp_path.glob("attributes_*")) == ["attributes_2026-10.csv"]
    assert (tmp_path / "notes.csv").read_text() == "mine"


@pytest.mark.parametrize(
    "change",
    [{"customers": 0}, {"as_of": dt.date(2026, 10, 30)}, {"chunk": 10}, {"activity_format": "xlsx"}, {"seed": -1}],
)
def test_an_impossible_plan_is_refused(change: dict) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        Plan(**{"customers": 1000, **change})


def test_phones_are_unique_and_in_ranges_no_operator_has(bank: Path, truth: dict) -> None:
    phones = [p.replace(" ", "") for p in good_rows(bank, truth)["phone"].drop_null().to_pylist()]
    assert {int(phone[:3]) for phone in phones} == set(PHONE_PREFIXES)
    assert {len(phone) for phone in phones} == {11}
    assert len(set(phones)) == len(phones)
    assert not any(phonenumbers.is_valid_number(phonenumbers.parse(phone, "CN")) for phone in phones[:500])


def test_cells_are_missing_as_often_as_documented(bank: Path, truth: dict) -> None:
    rows = good_rows(bank, truth)
    for column, share in MISSING.items():
        found = rows[column].null_count / rows.num_rows
        assert abs(found - share) < 4 * np.sqrt(share / rows.num_rows), column


def test_what_is_wrong_stands_on_the_lines_the_truth_names(bank: Path, truth: dict) -> None:
    customers, consents = read(bank / "customers.csv"), read(bank / "consents.csv")
    files = {"customers.csv": customers, "consents.csv": consents}
    kinds = {entry["kind"] for entry in truth["wrong"]}
    assert len(kinds) == 8
    for entry in truth["wrong"]:
        table, row = files[entry["file"]], entry["line"] - 2
        assert table["customer_no"][row].as_py() == entry["customer_no"]
        assert table[entry["column"]][row].as_py() == entry["value"]
    in_customers = sum(entry["file"] == "customers.csv" for entry in truth["wrong"])
    assert abs(in_customers / CUSTOMERS - 0.005) < 0.0005


def test_a_number_that_comes_twice_has_two_different_rows(bank: Path, truth: dict) -> None:
    customers = read(bank / "customers.csv")
    twice = [entry for entry in truth["wrong"] if entry["kind"] == "duplicate_customer"]
    numbers = customers["customer_no"].to_pylist()
    assert len(numbers) - len(set(numbers)) == len(twice) > 0
    for entry in twice:
        first, second = (customers.slice(entry[line] - 2, 1).to_pylist()[0] for line in ("first_line", "line"))
        assert first["customer_no"] == second["customer_no"]
        assert (first["name"], first["branch_no"]) != (second["name"], second["branch_no"])


def test_nothing_else_is_wrong(bank: Path, truth: dict) -> None:
    rows = good_rows(bank, truth)
    assert set(rows["branch_no"].to_pylist()) <= set(read(bank / "branches.csv")["branch_no"].to_pylist())
    staff = dict(zip(*(read(bank / "staff.csv")[c].to_pylist() for c in ("staff_no", "branch_no")), strict=True))
    managed = [(rm, b) for rm, b in zip(rows["rm_no"].to_pylist(), rows["branch_no"].to_pylist(), strict=True) if rm]
    assert all(staff[rm] == branch for rm, branch in managed)
    assert 0.2 < len(managed) / rows.num_rows < 0.45
    ages = [int(age) for age in rows["age"].to_pylist()]
    assert 14 <= min(ages) < 18
    assert 80 < max(ages) < 100
    assert all(float(salary) >= 0 for salary in rows["salary_in"].to_pylist())
    assert not any(name.startswith("=") for name in rows["name"].to_pylist())


def test_ages_go_with_birth_dates_and_balances_add_up(bank: Path, truth: dict) -> None:
    for row in good_rows(bank, truth).to_pylist():
        born = dt.date.fromisoformat(row["birth_date"])
        assert int(row["age"]) == 2026 - born.year - ((born.month, born.day) > (10, 31))
        assert abs(float(row["aum"]) - float(row["deposit_balance"]) - float(row["wealth_balance"])) < 0.02
        assert (row["card_limit"] is None) == (row["has_credit_card"] == "no")
        assert dt.date.fromisoformat(row["open_date"]) <= dt.date(2026, 10, 31)


def test_attributes_look_like_a_bank(bank: Path, truth: dict) -> None:
    rows = good_rows(bank, truth).select(["occupation", "age", "salary_in", "aum", "online_banking"]).to_pylist()
    by = {kind: [r for r in rows if r["occupation"] == kind] for kind in ("student", "retired", "salaried")}
    mean_age = {kind: np.mean([int(r["age"]) for r in members]) for kind, members in by.items()}
    assert mean_age["student"] < 25 < mean_age["salaried"] < 50 < 60 < mean_age["retired"]
    paid = [float(r["salary_in"]) for r in by["salaried"] if float(r["salary_in"])]
    assert 4000 < np.median(paid) < 12_000
    aum = np.array([float(r["aum"]) for r in rows])
    assert np.mean(aum) > 2 * np.median(aum)
    young, old = (
        [r["online_banking"] == "yes" for r in rows if (int(r["age"]) > 60) == side] for side in (False, True)
    )
    assert np.mean(young) > np.mean(old) + 0.1


def test_the_last_month_end_is_the_customers_file(bank: Path, truth: dict) -> None:
    attributes = {row["customer_no"]: row for row in read(bank / "attributes_2026-10.csv").to_pylist()}
    assert len(attributes) == CUSTOMERS
    for row in good_rows(bank, truth).to_pylist():
        facts = attributes[row["customer_no"]]
        assert [float_or_text(facts[name]) for name in FACTS] == [float_or_text(row[name]) for name in FACTS]


def float_or_text(cell: str | None) -> float | str | None:
    try:
        return float(cell) if cell is not None else None
    except ValueError:
        return cell


def test_month_ends_hold_who_was_a_customer_then_and_facts_only(bank: Path, truth: dict) -> None:
    files = sorted(bank.glob("attributes_*.csv"))
    assert [file.stem[-7:] for file in files] == [f"2025-{m:02d}" for m in range(9, 13)] + [
        f"2026-{m:02d}" for m in range(1, 11)
    ]
    first = read(files[0])
    assert first.column_names == ["customer_no", *FACTS]
    opened = dict(zip(*(good_rows(bank, truth)[c].to_pylist() for c in ("customer_no", "open_date")), strict=True))
    there = set(first["customer_no"].to_pylist())
    assert all((number in there) == (day <= "2025-09-30") for number, day in opened.items())


def test_facts_change_a_little_from_month_to_month(bank: Path) -> None:
    months = [read(bank / f"attributes_2026-{month:02d}.csv") for month in (9, 10)]
    aum = [dict(zip(m["customer_no"].to_pylist(), map(float, m["aum"].to_pylist()), strict=True)) for m in months]
    steps = np.array([np.log(aum[1][number] / value) for number, value in aum[0].items()])
    assert 0.08 < steps.std() < 0.25
    assert abs(steps.mean()) < 0.03


def test_activity_has_the_rows_asked_for_and_no_login_after_the_last(bank: Path) -> None:
    last = dict(
        zip(*(read(bank / "customers.csv")[c].to_pylist() for c in ("customer_no", "last_app_login")), strict=True)
    )
    tables = [read(bank / f"activity_2026-{month:02d}.csv") for month in (8, 9, 10)]
    assert 9 < sum(table.num_rows for table in tables) / CUSTOMERS < 11
    assert set(tables[2]["kind"].unique().to_pylist()) == set(KINDS)
    for row in tables[2].to_pylist():
        assert row["at"].startswith("2026-10-")
        assert row["kind"] != "app_login" or row["at"][:10] <= last[row["customer_no"]]
        assert (row["amount"] is None) == (row["kind"] in ("app_login", "branch_visit"))


def test_openings_go_through_their_stages_in_order(bank: Path) -> None:
    stages: dict[str, list[dict]] = {}
    for row in read(bank / "openings.csv").to_pylist():
        stages.setdefault(row["opening_no"], []).append(row)
    for rows in stages.values():
        assert [row["stage"] for row in rows] == ["applied", "approved", "opened"][: len(rows)]
        assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
        assert len({(row["customer_no"], row["product"], row["branch_no"]) for row in rows}) == 1
        assert "2025-09-01" <= rows[0]["at"] < "2026-11-01"
    assert {len(rows) for rows in stages.values()} == {1, 2, 3}


def test_an_opened_card_is_held_from_then_on(bank: Path) -> None:
    opened = {
        (row["customer_no"], row["at"][:7])
        for row in read(bank / "openings.csv").to_pylist()
        if (row["product"], row["stage"]) == ("credit_card", "opened") and "2026-03" <= row["at"][:7] <= "2026-04"
    }
    holds = {
        (row["customer_no"], month): row["has_credit_card"]
        for month in ("2026-02", "2026-03", "2026-04")
        for row in read(bank / f"attributes_{month}.csv").to_pylist()
    }
    assert len(opened) > 50
    before = {"2026-03": "2026-02", "2026-04": "2026-03"}
    assert all(holds[number, before[month]] == "no" and holds[number, month] == "yes" for number, month in opened)


def test_openings_come_at_the_rate_of_the_truth(bank: Path, truth: dict) -> None:
    rows = read(bank / "openings.csv").to_pylist()
    for product in PRODUCTS:
        opened = sum(r["product"] == product.code and r["stage"] == "opened" and r["at"] > "2026-09" for r in rows)
        expected = truth["base_rates"][product.code] * CUSTOMERS * 61 / 14
        assert 0.75 * expected - 15 < opened < 1.25 * expected + 15, product.code


def test_consents_name_how_they_were_given(bank: Path, truth: dict) -> None:
    rows = read(bank / "consents.csv").to_pylist()
    share = {c: np.mean([r["granted"] == "yes" for r in rows if r["channel"] == c]) for c in ("sms", "push", "call")}
    assert share["sms"] > share["call"]
    assert 0.6 < share["sms"] < 0.85
    seen: dict[tuple[str, str], str] = {}
    for row in rows:
        key = (row["customer_no"], row["channel"])
        assert row["at"] > seen.get(key, "")
        seen[key] = row["at"]
    assert len(seen) < len(rows)
    assert max(row["at"] for row in rows) < "2026-11-01"
    assert truth["wrong_counts"]["source_default"] == sum(row["source"] == "default" for row in rows) > 0


def test_the_commands_write_a_bank_and_refuse_an_impossible_one(tmp_path: Path) -> None:
    call_command("make_bank", customers=1000, out=tmp_path, months=1, verbosity=0)
    assert json.loads((tmp_path / "truth.json").read_text())["customers"] == 1000
    with pytest.raises(CommandError, match="last day of a month"):
        call_command("make_bank", customers=1000, out=tmp_path, as_of=dt.date(2026, 10, 30))
