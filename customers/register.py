"""The register in bulk: names and phones are sealed in chunks, rows go in by COPY, only what changed is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from django.db import connection

from marketing.lib import crypto

CHUNK = 20_000
COLUMNS = (
    "id",
    "number",
    "name_sealed",
    "phone_sealed",
    "phone_index",
    "branch_id",
    "rm_id",
    "content_index",
    "created_at",
    "updated_at",
)
# What a file's column fills; a file that lacks the column leaves what is known.
FILLS = {
    "name": ("name_sealed",),
    "phone": ("phone_sealed", "phone_index"),
    "branch_no": ("branch_id",),
    "rm_no": ("rm_id",),
}


@dataclass(frozen=True)
class Batch:
    """Register rows as columns of equal length. Phones are in E.164; indexes and contents are 32 and 16 bytes."""

    ids: Sequence[int]
    numbers: Sequence[str]
    names: Sequence[str | None]
    phones: Sequence[str | None]
    phone_indexes: Sequence[bytes | None]
    branch_ids: Sequence[int | None]
    rm_ids: Sequence[int | None]
    contents: Sequence[bytes]


def reserve(count: int) -> Sequence[int]:
    """Return this many customer ids that nobody else gets: a range, or a list where others drew in between."""
    draw = "SELECT nextval(pg_get_serial_sequence('customers_customer', 'id')) AS id FROM generate_series(1, %s)"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE reserved AS {draw}", [count])
        cursor.execute("SELECT min(id), max(id) FROM reserved")
        first, last = cursor.fetchone()
        if count and last - first + 1 == count:
            ids: Sequence[int] = range(first, last + 1)
        else:
            cursor.execute("SELECT id FROM reserved ORDER BY id")
            ids = [row[0] for row in cursor.fetchall()]
        cursor.execute("DROP TABLE reserved")
    return ids


def seal(batches: Iterable[Batch], target: Path, at: datetime) -> Iterator[int]:
    """Write the rows to a file in PostgreSQL's COPY format, sealed; yield how many so far after each chunk."""
    done = 0
    stamp = at.isoformat()
    with target.open("wb") as file:
        for batch in batches:
            _write(file, batch, stamp)
            done += len(batch.ids)
            yield done


def _write(file: BinaryIO, batch: Batch, stamp: str) -> None:
    names = _hex(crypto.encrypt_many(batch.names, field="customer.name"))
    phones = _hex(crypto.encrypt_many(batch.phones, field="customer.phone"))
    rows = zip(
        batch.ids,
        batch.numbers,
        names,
        phones,
        _hex(batch.phone_indexes),
        _plain(batch.branch_ids),
        _plain(batch.rm_ids),
        _hex(batch.contents),
        strict=True,
    )
    tail = f"\t{stamp}\t{stamp}\n"
    file.write("".join([f"{i}\t{n}\t{a}\t{p}\t{x}\t{b}\t{r}\t{c}{tail}" for i, n, a, p, x, b, r, c in rows]).encode())


def _hex(values: Iterable[bytes | None]) -> list[str]:
    return [f"\\\\x{value.hex()}" if value is not None else "\\N" for value in values]


def _plain(values: Iterable[int | None]) -> list[str]:
    return [str(value) if value is not None else "\\N" for value in values]


def add(sealed: Path) -> None:
    """Copy new customers in; call inside the transaction that makes the file's other facts visible."""
    _copy(sealed, "customers_customer")


def change(sealed: Path, brings: Iterable[str]) -> None:
    """Overwrite changed customers, only in what the file brings (`name`, `phone`, `branch_no`, `rm_no`)."""
    columns = [column for name in brings for column in FILLS.get(name, ())]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE changed (LIKE customers_customer) ON COMMIT DROP")
        _copy(sealed, "changed")
        sets = ", ".join(f"{column} = n.{column}" for column in [*columns, "content_index", "updated_at"])
        cursor.execute(f"UPDATE customers_customer c SET {sets} FROM changed n WHERE n.id = c.id")  # noqa: S608


def _copy(source: Path, table: str) -> None:
    statement = f"COPY {table} ({', '.join(COLUMNS)}) FROM STDIN"
    with connection.cursor() as cursor, source.open("rb") as file, cursor.copy(statement) as copy:
        while block := file.read(1 << 20):
            copy.write(block)
