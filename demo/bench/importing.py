"""`import`: a customers file from its bytes to the published partition and the register, against its bare parts."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import duckdb
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from customers import register
from customers.models import Customer
from demo.bench.database import copy_in, copy_out, execute, settle, twin
from demo.bench.ground import Ground
from demo.bench.measure import Race, Side
from warehouse import engine
from warehouse.models import FeedRun, FeedRunState, Partition

COLUMNS = ", ".join(register.COLUMNS)


def races(ground: Ground) -> Iterator[Race]:
    """Yield the first import into an empty register, the file with one row changed, and the very same file."""
    _office, file = ground.office, ground.files / "customers.csv"
    changed, rows = ground.folder / "changed.csv", _lines(file) - 1
    _change_one_row(file, changed)
    ground.load("customers", file)
    floor = Side(Floor(ground, file), before=lambda: execute("TRUNCATE bench_register"))
    yield Race("import", rows, Side(lambda: _landed(ground, file, rows), before=_forget), floor, target=2.0)
    settle("customers_customer")
    turns = _turns(changed, file)
    yield Race(
        "import again: one row changed",
        rows,
        Side(lambda: _landed(ground, next(turns), 1)),
        floor,
        target=1.2,
    )
    _landed(ground, next(turns), 1)
    same = file if FeedRun.objects.latest("pk").file_name == file.name else changed
    yield Race("import again: the same file", rows, Side(lambda: _landed(ground, same, 0)), floor, target=1.2)


def _turns(*files: Path) -> Iterator[Path]:
    while True:
        yield from files


def _lines(file: Path) -> int:
    with file.open("rb") as source:
        return sum(block.count(b"\n") for block in iter(lambda: source.read(1 << 20), b""))


def _change_one_row(file: Path, target: Path) -> None:
    """Write the file with another value in the last cell of its first row that has one."""
    with file.open("rb") as source, target.open("wb") as out:
        out.write(source.readline())
        first = source.readline()
        out.write(re.sub(rb"(\d+)\n$", lambda found: b"%d\n" % ((int(found[1]) + 1) % 5), first))
        while block := source.read(1 << 20):
            out.write(block)


def _landed(ground: Ground, file: Path, changed: int) -> None:
    """Load the file and be sure that it changed what it should: everybody who was taken, one customer or nobody."""
    run = ground.load("customers", file)
    expected = run.rows_landed if changed > 1 else changed
    if run.state != FeedRunState.DONE or run.rows_changed != expected or not run.rows_landed:
        raise RuntimeError(f"{file.name}: {run.state}, {run.rows_changed} of {run.rows_landed} rows changed")


def _forget() -> None:
    """Be a bank that has never loaded a customers file."""
    execute(f"TRUNCATE {Customer._meta.db_table} CASCADE")
    FeedRun.objects.filter(kind="customers").delete()
    Partition.objects.all().delete()


class Floor:
    """The three bare parts, one after the other; what they need is read before the clock starts."""

    def __init__(self, ground: Ground, file: Path) -> None:
        self.file, self.parquet = file, ground.folder / "floor.parquet"
        self.rows = ground.folder / "register.copy"
        twin("customers_customer", "bench_register")
        copy_out(f"COPY customers_customer ({COLUMNS}) TO STDOUT", self.rows)
        self.phones = self._read_phones()

    def _read_phones(self) -> list[bytes]:
        source = engine.quoted(self.file)
        found = duckdb.execute(f"SELECT phone FROM read_csv('{source}', all_varchar = true) WHERE phone IS NOT NULL")  # noqa: S608
        return [phone.encode() for (phone,) in found.fetchall()]

    def __call__(self) -> None:
        self.convert()
        self.seal()
        copy_in(f"COPY bench_register ({COLUMNS}) FROM STDIN", self.rows)

    def convert(self) -> None:
        """Turn the CSV into Parquet, types found by DuckDB, torn rows kept aside."""
        with duckdb.connect(config={"threads": os.cpu_count() or 1}) as db:
            db.execute(
                f"COPY (SELECT * FROM read_csv('{engine.quoted(self.file)}', header = true, store_rejects = true)) "  # noqa: S608
                f"TO '{engine.quoted(self.parquet)}' (FORMAT parquet, COMPRESSION zstd)"
            )

    def seal(self) -> None:
        """Encrypt every phone and work out its keyed hash."""
        seal, key, nonce = AESGCM(secrets.token_bytes(32)).encrypt, secrets.token_bytes(32), secrets.token_bytes
        for phone in self.phones:
            seal(nonce(12), phone, b"customer.phone")
            hmac.digest(key, phone, "sha256")
