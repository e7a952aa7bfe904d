"""The running product around a browser test: web server, Celery worker and beat, and the sandbox gateway, all real."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    """Return what a process needs to work on this test's database, broker and folders."""
    place = connection.settings_dict
    url = f"postgresql://{place['USER']}@/{place['NAME']}?host={place['HOST']}&port={place['PORT']}"
    return {
        **os.environ,
        "DATABASE_URL": url,
        "DATA_DIR": str(settings.DATA_DIR),
        "WAREHOUSE_URL": settings.WAREHOUSE_URL,
        "SANDBOX_URL": settings.SANDBOX_URL,
        "LOG_LEVEL": "WARNING",
        **more,
    }


@contextmanager
def process(*arguments: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python process and stop it at the end; its log says what it said."""
    with log.open("wb") as file:
        child = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=environment(), stdout=file, stderr=file)
        try:
            yield child
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(5)


@contextmanager
def running(web: str) -> Iterator[Path]:
    """Run worker, beat and sandbox beside the web server at `web`; yields the folder of their logs."""
    logs = Path(settings.DATA_DIR) / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    celery = ["-m", "celery", "-A", "marketing.celery"]
    port = settings.SANDBOX_URL.rpartition(":")[2]
    schedule = str(logs / "beat-schedule")
    with ExitStack() as stack:
        stack.enter_context(process("manage.py", "sandbox", "--port", port, "--notify", web, log=logs / "sandbox.log"))
        worker = [*celery, "worker", "--concurrency=2", "--without-gossip", "--without-mingle", "--loglevel=WARNING"]
        stack.enter_context(process(*worker, log=logs / "worker.log"))
        beat = [*celery, "beat", "--loglevel=WARNING", "--schedule", schedule, "--pidfile="]
        stack.enter_context(process(*beat, log=logs / "beat.log"))
        yield logs


def wait_for_health(web: str, seconds: float = 180) -> None:
    """Wait until database, broker, worker, beat and warehouse are all reported well."""
    ends, last = time.monotonic() + seconds, ""
    while time.monotonic() < ends:
        try:
            with urllib.request.urlopen(f"{web}/healthz", timeout=10):
                return
        except urllib.error.HTTPError as error:
            last = error.read().decode()
        except OSError as error:
            last = str(error)
        time.sleep(1)
    raise AssertionError(f"the system did not become healthy: {last}")
