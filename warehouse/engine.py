"""Where facts are read: one embedded DuckDB per process, one cursor per thread, over published Parquet files only.

Nothing here looks into a folder: a table is the list of paths of published `Partition` rows, so a file that was
written but not published, or has been replaced, is never read.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import ibis
import ibis.expr.types as ir
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from ibis.backends.duckdb import Backend

from marketing.lib.errors import UserError
from warehouse.models import Dataset, Partition

MEMORY_LIMIT = "640MB"  # a worker stays below 1.5 GiB with Python's own share; what is larger spills to disk
KEPT_VIEWS = 64

ACTIVITY_COLUMNS = {
    "customer_id": "BIGINT",
    "at": "TIMESTAMPTZ",
    "kind": "VARCHAR",
    "channel": "VARCHAR",
    "amount": "DECIMAL(16, 2)",
}

_process = threading.Lock()
_thread = threading.local()
_database: duckdb.DuckDBPyConnection | None = None


class NoData(UserError):
    """Nothing has been published yet that could be read."""


def root() -> Path:
    """Return the warehouse folder; raise ImproperlyConfigured for an engine that is not supported yet."""
    url = settings.WAREHOUSE_URL
    scheme = urlsplit(url).scheme
    if scheme not in ("", "file"):
        raise ImproperlyConfigured(
            f"WAREHOUSE_URL: {scheme}:// is not supported yet; give a folder, which may be shared storage."
        )
    return Path(urlsplit(url).path if scheme else url)


def open_database(temporary: Path, *, memory: str = MEMORY_LIMIT, **config: object) -> duckdb.DuckDBPyConnection:
    """Open an in-memory DuckDB that loads no extension and spills into the given folder."""
    temporary.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, object] = {
        "threads": os.cpu_count() or 1,
        "memory_limit": memory,
        "temp_directory": str(temporary),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
    }
    return duckdb.connect(":memory:", config=options | config)  # type: ignore[arg-type]


def _open_reader() -> duckdb.DuckDBPyConnection:
    folder = root()
    folder.mkdir(parents=True, exist_ok=True)
    database = open_database(folder / ".spill" / f"{socket.gethostname()}-{os.getpid()}")
    database.execute(f"SET allowed_directories = ['{quoted(folder)}/']")
    database.execute("SET enable_external_access = false")
    return database


def quoted(text: object) -> str:
    """Return the text with its quotes doubled, to stand between single quotes in SQL."""
    return str(text).replace("'", "''")


def connection() -> Backend:
    """Return this thread's connection; it can read nothing outside the warehouse folder."""
    global _database
    key = str(root())
    if getattr(_thread, "key", None) != key:
        with _process:
            if _database is None or _database_folder != key:
                _open_shared(key)
            _thread.backend = ibis.duckdb.from_connection(_database.cursor())  # type: ignore[union-attr]
        _thread.key, _thread.tables = key, {}
    return _thread.backend


_database_folder = ""


def _open_shared(key: str) -> None:
    global _database, _database_folder
    _database, _database_folder = _open_reader(), key


_inherited: list[object] = []


def _forget() -> None:
    """A forked process opens its own: DuckDB's threads do not come along, and closing it without them crashes."""
    global _database, _database_folder, _thread, _process
    _inherited.extend((_database, _thread))
    _database, _database_folder, _thread, _process = None, "", threading.local(), threading.Lock()


os.register_at_fork(after_in_child=_forget)


def table(partitions: Iterable[Partition]) -> ir.Table:
    """Return the rows of these partitions as one table; a column that some lack is empty there."""
    paths = tuple(sorted(str(root() / p.path) for p in partitions))
    backend = connection()
    if paths not in _thread.tables:
        if len(_thread.tables) >= KEPT_VIEWS:
            _thread.tables.clear()
        name = "p_" + hashlib.sha256("\n".join(paths).encode()).hexdigest()[:24]
        _thread.tables[paths] = backend.read_parquet(
            # of one file there is nothing to unite, and uniting costs every query some milliseconds
            paths,
            table_name=name,
            union_by_name=len(paths) > 1,
            hive_partitioning=False,
        )
    return _thread.tables[paths]


def number(expression: ir.IntegerScalar) -> int:
    """Return the one number an expression stands for, without a table built around it: people wait for live counts."""
    backend = connection()
    return int(backend.con.execute(str(backend.compile(expression))).fetchall()[0][0])


def as_of_date(partition: Partition) -> date:
    """Return the date of an attributes partition, from its key `as_of=2026-10-31`."""
    return date.fromisoformat(partition.key.removeprefix("as_of="))


def attributes_partition(as_of: date | None = None) -> Partition | None:
    """Return the newest published attributes partition, on or before a date where one is given."""
    found = Partition.objects.published(Dataset.ATTRIBUTES)
    if as_of is not None:
        found = found.filter(key__lte=f"as_of={as_of.isoformat()}")
    return found.order_by("-key").first()


def attributes(as_of: date | None = None) -> tuple[ir.Table, date]:
    """Return the wide table of attributes and the date it is true for.

    One row per customer: `customer_id` (int64), `branch_id`, and a column per attribute key. Without `as_of` the
    newest date; with it the newest on or before that day. Raises NoData where there is none.
    """
    partition = attributes_partition(as_of)
    if partition is None:
        raise NoData(_("There is no customer data yet. Load a customers file under Data first."))
    return table([partition]), as_of_date(partition)


def activity() -> ir.Table:
    """Return what customers did, all published months: customer_id, at (UTC), kind, channel, amount (yuan)."""
    months = list(Partition.objects.published(Dataset.ACTIVITY))
    return table(months) if months else _no_activity()


def _no_activity() -> ir.Table:
    backend = connection()
    columns = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in ACTIVITY_COLUMNS.items())
    backend.raw_sql(f"CREATE OR REPLACE TEMP VIEW no_activity AS SELECT {columns} WHERE false")
    return backend.table("no_activity")
