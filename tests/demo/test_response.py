"""What follows a campaign is drawn from the truth: base for the control group, base + uplift for the treated."""

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from demo.bank import Plan, write_bank
from demo.draws import hashed
from demo.response import OpeningRow, opening_times, respond

SINCE = dt.datetime(2026, 11, 2, 9, 30)  # noqa: DTZ001 - files are in the bank's local time
CUSTOMERS = 20_000


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bank")
    write_bank(Plan(customers=CUSTOMERS, months=1, activity=0), folder)
    return folder


@pytest.fixture(scope="module")
def customers(bank: Path) -> list[str]:
    return pq.read_table(bank / "truth.parquet")["customer_no"].to_pylist()


def rows(bank: Path, treated: list[str], control: list[str], **change: object) -> list[OpeningRow]:
    asked = {"product": "consumer_loan", "channel": "sms", "since": SINCE, "days": 14, "truth": bank, "seed": 1}
    return list(respond(treated, control, **{**asked, **change}))


def openers(found: list[OpeningRow]) -> set[str]:
    return {row.customer_no for row in found if row.stage == "opened"}


def test_treated_less_control_is_the_uplift_of_the_truth(bank: Path, customers: list[str]) -> None:
    truth = pq.read_table(bank / "truth.parquet")
    for product, channel in (("consumer_loan", "call"), ("credit_card", "sms"), ("online_banking", "call")):
        base, uplift = (truth[name].to_numpy() for name in (f"p_base_{product}", f"uplift_{channel}_{product}"))
        treated, control = customers[::2], customers[1::2]
        differences, controls = [], []
        for seed in range(12):
            opened = openers(rows(bank, treated, control, product=product, channel=channel, seed=seed))
            among = [sum(number in opened for number in group) / len(group) for group in (treated, control)]
            differences.append(among[0] - among[1])
            controls.append(among[1])
        variance = 2 * (base + uplift / 2).mean() / (CUSTOMERS / 2) / 12
        expected = (base + uplift)[::2].mean() - base[1::2].mean()
        assert abs(np.mean(differences) - expected) < 4 * np.sqrt(variance)
        assert abs(np.mean(controls) - base[1::2].mean()) < 4 * np.sqrt(variance)
        assert expected > 6 * np.sqrt(variance), "else the test would not see an uplift of nothing"


def test_opening_times_hold_the_truth_for_helped_and_hindered_alike() -> None:
    size = 400_000
    luck = np.stack([hashed(3, "test", np.arange(size), draw) for draw in range(4)])
    for base, added in ((0.02, 0.05), (0.3, 0.0), (0.3, -0.15), (0.0, 0.1), (0.0, 0.0)):
        times = opening_times(np.full(size, base), np.full(size, added), luck)
        assert abs((times < 14).mean() - (base + added)) < 5 * np.sqrt(0.25 / size)
        assert (times >= 0).all()


def test_the_same_customer_has_the_same_luck_in_any_company(bank: Path, customers: list[str]) -> None:
    everyone = rows(bank, customers[:8000], customers[8000:])
    some = rows(bank, customers[7000:4000:-1], customers[9000:8000:-1])
    asked = set(customers[4001:7001]) | set(customers[8001:9001])
    assert some == [row for row in everyone if row.customer_no in asked]
    assert some


def test_some_sleeping_dogs_wake_and_nobody_else_is_lost(bank: Path, customers: list[str]) -> None:
    truth = pq.read_table(bank / "truth.parquet")
    effect = dict(zip(customers, truth["uplift_sms_consumer_loan"].to_pylist(), strict=True))
    lost: set[str] = set()
    for seed in range(8):
        untouched, touched = (openers(rows(bank, *groups, seed=seed)) for groups in (([], customers), (customers, [])))
        assert len(touched) > len(untouched)
        assert all(effect[number] > 0 for number in touched - untouched)
        lost |= untouched - touched
    assert lost
    assert all(effect[number] < 0 for number in lost)


def test_rows_stay_in_the_window_and_in_order(bank: Path, customers: list[str]) -> None:
    for since, days in ((SINCE, 14), (dt.datetime(2026, 11, 2, 21), 3)):  # noqa: DTZ001
        found = rows(bank, customers, [], since=since, days=days, channel="call")
        by_number: dict[str, list[OpeningRow]] = {}
        for row in found:
            assert since < row.at < since + dt.timedelta(days=days)
            by_number.setdefault(row.opening_no, []).append(row)
        for stages in by_number.values():
            assert [row.stage for row in stages] == ["applied", "approved", "opened"][: len(stages)]
            assert [row.at for row in stages] == sorted(row.at for row in stages)
        assert {len(stages) for stages in by_number.values()} == {1, 2, 3}


def test_a_shorter_window_sees_a_part_of_the_longer(bank: Path, customers: list[str]) -> None:
    week, fortnight = (openers(rows(bank, customers, [], days=days)) for days in (7, 14))
    assert week < fortnight


def test_who_has_the_product_does_not_open_it_again(bank: Path, customers: list[str]) -> None:
    truth = pq.read_table(bank / "truth.parquet")
    holders = {n for n, p in zip(customers, truth["p_base_credit_card"].to_pylist(), strict=True) if p == 0}
    found = rows(bank, customers, [], product="credit_card")
    assert found
    assert not holders & {row.customer_no for row in found}


@pytest.mark.parametrize(
    ("treated", "control", "change", "says"),
    [
        (["6010000001"], ["6010000001"], {}, "treated and in the control"),
        (["6010020000"], [], {}, "1 customers are not in this demo bank"),
        (["6010000001"], [], {"product": "gold"}, "no product"),
    ],
)
def test_impossible_questions_are_refused_at_once(bank: Path, treated, control, change, says) -> None:
    with pytest.raises(ValueError, match=says):
        rows(bank, treated, control, **change)


def test_the_command_writes_the_openings_file(bank: Path, customers: list[str], tmp_path: Path) -> None:
    targets, out = tmp_path / "targets.csv", tmp_path / "openings.csv"
    arms = [f"{number},{'control' if n % 10 == 0 else 'treated'}" for n, number in enumerate(customers)]
    targets.write_text("\n".join(["customer_no,arm", *arms]), encoding="utf-8")
    asked = {"truth": bank, "targets": targets, "product": "consumer_loan", "since": SINCE, "out": out}
    call_command("make_openings", **asked)
    lines = out.read_text(encoding="utf-8").splitlines()
    expected = rows(bank, [n for i, n in enumerate(customers) if i % 10], customers[::10])
    assert lines[0] == ",".join(OpeningRow._fields)
    assert len(lines) == 1 + len(expected)
    assert lines[1].startswith(f"{expected[0].opening_no},{expected[0].customer_no},consumer_loan,applied,2026-11-")
    targets.write_text("customer_no,arm\n6010000001,both\n", encoding="utf-8")
    with pytest.raises(CommandError, match="Line 2"):
        call_command("make_openings", **asked)
