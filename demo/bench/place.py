"""A place to measure in that touches no data of the demo: a database and a folder of its own, gone afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test.utils import override_settings


@contextmanager
def throwaway_place() -> Iterator[Path]:
    """Yield a folder; inside the block, settings and connection mean an empty, migrated database and that folder.

    Both are removed however the block ends, Ctrl-C and SIGTERM included.
    """
    home = Path(settings.DATA_DIR)
    home.mkdir(parents=True, exist_ok=True)
    # Beside the data, not under /tmp, which may be memory.
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=home))
    # Set, not inherited: a shell that starts a program in the background has it ignore Ctrl-C.
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with (
            own_database(),
            override_settings(DATA_DIR=folder, WAREHOUSE_URL=str(folder / "warehouse"), MEDIA_ROOT=folder / "uploads"),
        ):
            call_command("migrate", verbosity=0, interactive=False)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def own_database() -> Iterator[str]:
    """Make a database on the same server and point the connection at it; drop it at the end."""
    name = f"bench_{os.getpid()}_{secrets.token_hex(4)}"
    usual = connection.settings_dict["NAME"]
    try:
        _on(usual, f'CREATE DATABASE "{name}"')
        connection.settings_dict["NAME"] = name
        yield name
    finally:
        patient = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave the database behind
        try:
            _on(usual, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        finally:
            signal.signal(signal.SIGINT, patient)


def _on(database: str, statement: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = database
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()
