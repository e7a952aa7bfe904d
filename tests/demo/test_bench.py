"""The bench measures every row, says so in JSON, and leaves nothing behind. No time is asserted: machines differ."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from demo.bench.counting import RULES
from demo.bench.measure import Race, Side, measure, row

ROOT = Path(__file__).resolve().parents[2]
ROWS = {
    "import",
    "import again: one row changed",
    "import again: the same file",
    *(f"count: {name}" for name in RULES),
    "freeze",
    "plan",
    "submit_batch",
    "submit_single",
    "receipts",
    "attribute",
}
KEYS = ["name", "seconds", "floor_seconds", "ratio", "rows", "rows_per_s", "target", "ok"]


def bench(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "manage.py"), "bench", *arguments]
    env = os.environ | {"DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "marketing.settings"}
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def databases() -> list[str]:
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        return [name for (name,) in connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'bench%'")]


@pytest.mark.slow
def test_every_row_is_measured_and_nothing_is_left_behind(tmp_path: Path) -> None:
    run = bench(tmp_path, "--customers", "500")
    printed, errors = run.communicate(timeout=300)
    assert run.returncode == 0, errors
    rows = [json.loads(line) for line in printed.splitlines()]
    assert [row["name"] for row in rows if row["name"] not in ROWS] == []
    assert len(rows) == len(ROWS)
    for found in rows:
        assert list(found) == KEYS
        assert found["seconds"] > 0 and found["floor_seconds"] > 0 and found["rows"] > 0
        assert found["ratio"] == pytest.approx(found["seconds"] / found["floor_seconds"], rel=0.2)
        assert isinstance(found["ok"], bool)
    assert databases() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("with_what", [signal.SIGINT, signal.SIGTERM])
def test_a_bench_that_is_stopped_leaves_nothing_behind(tmp_path: Path, with_what: signal.Signals) -> None:
    run = bench(tmp_path, "--customers", "200000", "--only", "count")
    assert run.stderr is not None
    said = next(line for line in run.stderr if "making the files" in line)
    assert said and databases() and list(tmp_path.iterdir())
    run.send_signal(with_what)
    run.communicate(timeout=60)
    assert run.returncode == 130
    assert databases() == []
    assert list(tmp_path.iterdir()) == []


def test_sides_take_turns_on_data_put_back_each_time() -> None:
    done: list[str] = []
    ours = Side(lambda: done.append("ours"), before=lambda: done.append("before ours"))
    floor = Side(lambda: done.append("floor"), before=lambda: done.append("before floor"))
    measure(Race("toy", 10, ours, floor, repeat=2), 3)
    assert done == ["before ours", "ours", "ours", "before floor", "floor", "floor"] * 3


@pytest.mark.parametrize(
    ("promises", "seconds", "ok"),
    [
        ({}, 9.0, None),
        ({"target": 2.0}, 2.0, True),
        ({"target": 2.0}, 2.1, False),
        ({"target": 2.0, "most_seconds": 0.5}, 1.0, False),
        ({"target": 2.0, "least_per_s": 1000}, 2.0, False),
        ({"target": 2.0, "least_per_s": 50}, 2.0, True),
    ],
)
def test_a_row_is_fine_when_every_promise_is_kept(promises: dict[str, float], seconds: float, ok: bool | None) -> None:
    nothing = Side(lambda: None)
    assert row(Race("toy", 100, nothing, nothing, **promises), seconds, 1.0).ok is ok
