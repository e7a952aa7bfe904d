"""Children are heard, restarted with growing patience, and never left behind."""

import os
import threading
import time
from pathlib import Path

import pytest

from marketing.processes import Process

STUBBORN = "trap '' TERM; echo ready; sleep 300 & wait"


def process(folder: Path, script: str, **options: object) -> Process:
    return Process("child", ["sh", "-c", script], env=os.environ, log=folder / "logs" / "child.log", **options)  # type: ignore[arg-type]


def ended(child: Process) -> None:
    assert child.child
    child.child.wait(10)


def test_what_a_child_writes_is_kept_and_heard(tmp_path: Path) -> None:
    heard: list[tuple[str, str]] = []
    child = process(tmp_path, "echo one; echo 江州 >&2; exit 3", heard=lambda name, line: heard.append((name, line)))
    child.start()
    ended(child)
    deadline = time.monotonic() + 5
    while len(heard) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert heard == [("child", "one"), ("child", "江州")]
    assert (tmp_path / "logs" / "child.log").read_text() == "one\n江州\n"
    assert child.exit_code == 3


def test_each_quick_end_makes_the_next_start_wait_longer(tmp_path: Path) -> None:
    child = process(tmp_path, "exit 1")
    child.start()
    waits = []
    for _ in range(7):
        ended(child)
        assert not child.retry(child.started)
        assert child.retry_at is not None
        waits.append(child.retry_at - child.started)
        assert child.retry(child.retry_at)
    ended(child)
    assert [round(wait) for wait in waits] == [1, 2, 4, 8, 16, 30, 30]


def test_after_a_long_life_the_wait_is_short_again(tmp_path: Path) -> None:
    child = process(tmp_path, "exit 1")
    child.start()
    ended(child)
    child.delay = 16
    later = child.started + 31
    assert not child.retry(later)
    assert child.retry_at == later + 1


@pytest.mark.parametrize("hurried", [False, True])
def test_a_child_that_does_not_stop_is_ended_with_its_own_children(tmp_path: Path, hurried: bool) -> None:
    ready = threading.Event()
    child = process(tmp_path, STUBBORN, grace=60 if hurried else 0.2, heard=lambda name, line: ready.set())
    child.start()
    assert ready.wait(5) and child.child
    hurry = threading.Event()
    if hurried:
        hurry.set()
    began = time.monotonic()
    child.stop(hurry)
    assert time.monotonic() - began < 5
    assert child.exit_code == -9
    # A zombie is no process any more; it waits for whoever reaps it.
    fields = [stat.read_text().rsplit(")", 1)[1].split() for stat in Path("/proc").glob("[0-9]*/stat") if stat.exists()]
    assert [state for state, _parent, group, *_ in fields if int(group) == child.child.pid and state != "Z"] == []
