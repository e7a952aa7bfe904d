"""Everything under one supervisor: real processes on a folder of their own."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]
# What the test run itself set, and a newcomer has not.
OURS = ("DATABASE_URL", "BROKER_URL", "SECRET_KEY", "FIELD_KEYS", "TEST_SERVERS", "PORT", "SANDBOX_URL", "RUN_STARTED")
SERVICES = {"postgres", "valkey-server", "gunicorn", "worker", "beat"}


class Installation:
    """One DATA_DIR and the commands run on it. No demo bank: its building has tests of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if name not in OURS}
        self.env = {**kept, "DATA_DIR": str(folder), "DEMO": "0", "ALLOWED_HOSTS": "127.0.0.1", "PORT": "18400"}

    def run(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, cwd=ROOT, env=self.env, **pipes)

    def up(self) -> subprocess.Popen[str]:
        """Start everything and wait until it says that it runs."""
        supervisor = self.run("marketing.supervisor")
        said = ""
        assert supervisor.stdout
        for line in supervisor.stdout:
            said += line
            if "Ctrl-C stops everything" in line:
                return supervisor
        raise AssertionError(f"The supervisor ended:\n{said}")

    def processes(self) -> list[str]:
        """Return the command lines of all living processes that were started for this folder."""
        return [command for pid, command in living() if self.owns(pid, command)]

    def owns(self, pid: int, command: str) -> bool:
        """Return whether a process belongs to this folder: its environment says so, or PostgreSQL's command line."""
        try:
            return str(self.folder) in command or str(self.folder).encode() in Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False

    def services(self) -> set[str]:
        return {name for name in SERVICES for command in self.processes() if re.search(rf"\b{name}\b", command)}

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(json.loads((self.folder / "run.json").read_text())["DATABASE_URL"])


def living() -> Iterator[tuple[int, str]]:
    """Yield the number and the command line of every process that is not a zombie."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if command := (process / "cmdline").read_bytes().replace(b"\0", b" ").decode():
                yield int(process.name), command


def within(seconds: float, condition: object) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(condition())


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path / "data")
    yield made
    for pid, command in living():
        if made.owns(pid, command):
            os.kill(pid, signal.SIGKILL)


def finished(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _nothing = process.communicate(timeout=180)
    return process.returncode, said


@pytest.mark.slow
def test_one_life_of_an_installation(installation: Installation) -> None:
    first = installation.up()
    assert within(90, lambda: installation.services() == SERVICES), installation.processes()
    with installation.connect() as connection:
        connection.execute("create table kept as select 1 as one")
    keys = [(installation.folder / name).read_text() for name in ("secret_key", "field_keys")]
    for name in ("secret_key", "field_keys", "run.json"):
        assert (installation.folder / name).stat().st_mode & 0o777 == 0o600

    # A child that ends is started again.
    valkey = next(pid for pid, command in living() if installation.owns(pid, command) and "valkey-server" in command)
    os.kill(valkey, signal.SIGKILL)
    assert within(30, lambda: "valkey-server" not in installation.services())
    assert within(60, lambda: installation.services() == SERVICES), installation.processes()

    # A second copy on the same data says so and stops; a command works beside the first.
    code, said = finished(installation.run("marketing.supervisor"))
    assert code == 1 and "Another copy already runs" in said
    code, said = finished(installation.run("marketing.attach", "showmigrations", "accounts"))
    assert code == 0 and "[X] 0001" in said

    # A supervisor that is killed takes everything with it, and the next one finds the data.
    first.kill()
    finished(first)
    assert within(90, lambda: not installation.processes()), installation.processes()
    second = installation.up()
    with installation.connect() as connection:
        assert connection.execute("select one from kept").fetchall() == [(1,)]
    assert keys == [(installation.folder / name).read_text() for name in ("secret_key", "field_keys")]

    # Ctrl-C stops in order and leaves nothing; then a command brings servers of its own.
    second.send_signal(signal.SIGINT)
    code, said = finished(second)
    assert code == 0 and "Stopped; the data is in" in said
    assert not installation.processes() and not (installation.folder / "run.json").exists()
    code, said = finished(installation.run("marketing.attach", "showmigrations", "accounts"))
    assert code == 0 and "[X] 0001" in said
    assert not installation.processes()
