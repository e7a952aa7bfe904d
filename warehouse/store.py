"""How facts become visible: a file is written beside, made durable, renamed, then announced in one transaction.

Until the announcement commits nobody reads the file; a crash before it leaves a file that `sweep` removes later.
A published file is never changed: a newer one replaces it, and readers that began on the old one finish on it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import ibis
import ibis.expr.types as ir
import pyarrow.parquet
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from marketing.lib.errors import UserError
from warehouse import engine
from warehouse.models import Partition

ROW_GROUP = 122_880  # DuckDB scans one row group per thread at a time
GRACE = timedelta(days=1)  # longer than any query that began on a file that was replaced
KEY = re.compile(r"[a-z_]+=[A-Za-z0-9_-]+")

Source: TypeAlias = ir.Table | str | Path


@dataclass(frozen=True)
class Written:
    """A durable file that nobody reads yet. `path` is relative to the warehouse folder."""

    dataset: str
    key: str
    path: str
    rows: int
    bytes: int
    sha256: str
    schema: dict[str, str]


def publish(dataset: str, key: str, source: Source, at: datetime) -> Partition:
    """Write the rows and make them the dataset's published partition of that key, in place of the one before.

    `source` is an Ibis table (sorted here by customer), a SELECT for the engine's connection, or a Parquet file
    that is moved in.
    """
    return announce(write(dataset, key, source), at)


def write(dataset: str, key: str, source: Source) -> Written:
    """Write an immutable file under a new name, durable before it gets that name, and publish nothing."""
    if not KEY.fullmatch(key):
        raise ValueError(f"{key!r} is not a partition key such as as_of=2026-10-31")
    folder = engine.root() / dataset / key
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{uuid.uuid4().hex}.part"
    try:
        _fill(draft, source)
        return _name(draft, dataset, key)
    finally:
        draft.unlink(missing_ok=True)


def _fill(draft: Path, source: Source) -> None:
    if isinstance(source, Path):
        shutil.move(source, draft)
        return
    if not isinstance(source, str):
        ordered = source.order_by("customer_id") if "customer_id" in source.columns else source
        source = str(ibis.to_sql(ordered, dialect="duckdb"))
    engine.connection().raw_sql(copy_statement(source, draft))


def copy_statement(select: str, target: Path) -> str:
    """Return the COPY that writes a SELECT as a Parquet file made for scanning."""
    options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}"
    return f"COPY ({select}) TO '{engine.quoted(target)}' ({options})"


def _name(draft: Path, dataset: str, key: str) -> Written:
    with draft.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    about = pyarrow.parquet.read_metadata(draft)
    final = draft.with_name(f"{sha256[:16]}-{uuid.uuid4().hex[:8]}.parquet")
    os.rename(draft, final)
    _sync_folder(final.parent)
    columns = {field.name: str(field.type) for field in about.schema.to_arrow_schema()}
    path = final.relative_to(engine.root()).as_posix()
    return Written(dataset, key, path, about.num_rows, final.stat().st_size, sha256, columns)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def announce(written: Written, at: datetime) -> Partition:
    """Make a written file the published one of its key, and the one before replaced, in one transaction."""
    with transaction.atomic():
        _lock(written)
        Partition.objects.published(written.dataset).filter(key=written.key).update(replaced_at=at)
        return Partition.objects.create(
            dataset=written.dataset,
            key=written.key,
            path=written.path,
            rows=written.rows,
            bytes=written.bytes,
            sha256=written.sha256,
            schema=written.schema,
            published_at=at,
        )


def _lock(written: Written) -> None:
    """Let one announcement per key through at a time, also where no row exists that could be locked."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"partition {written.dataset}/{written.key}"]
        )


def verify(partition: Partition) -> bool:
    """Return whether the partition's file is there and is, byte for byte, the one that was published."""
    path = engine.root() / partition.path
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == partition.sha256


def require_intact(partition: Partition) -> Partition:
    """Return the partition, or refuse to work on a file that was changed or lost."""
    if not verify(partition):
        raise UserError(
            _("The data file of %(name)s is missing or was changed on disk. Restore it from the backup.")
            % {"name": partition}
        )
    return partition


def sweep(*, at: datetime, grace: timedelta = GRACE) -> int:
    """Remove files that are no longer, or never were, published for longer than the grace; return how many."""
    kept = set(Partition.objects.filter(replaced_at=None).values_list("path", flat=True))
    kept |= set(Partition.objects.filter(replaced_at__gt=at - grace).values_list("path", flat=True))
    oldest = (at - grace).timestamp()
    removed = 0
    for path in engine.root().glob("*/*/*"):
        name = path.relative_to(engine.root()).as_posix()
        if path.suffix in (".parquet", ".part") and name not in kept and path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
            removed += 1
    return removed
