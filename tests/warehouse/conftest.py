"""Files as a bank would deliver them, and the short way from a file to what landed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pandas as pd
import pytest
from django.utils.translation import override

from accounts.models import User
from tests.conftest import NOW, Cast
from warehouse import engine, imports, rejects
from warehouse.models import FeedRun

AS_OF = date(2026, 10, 31)
HEADER = ["customer_no", "name", "phone", "branch_no", "age", "aum"]
GOOD = [
    ["6010000001", "王芳", "14212345678", "B001", "34", "12000.50"],
    ["6010000002", "李明", "142 1234 5679", "B002", "51", "380.00"],
    ["6010000003", "欧阳修远", "", "B001", "", ""],
]


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with override("en"):
        yield


def csv_bytes(rows: Iterable[Iterable[object]], *, delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode(encoding)


def customers_csv(*rows: list[str], header: list[str] = HEADER, **how: Any) -> bytes:
    return csv_bytes([header, *(rows or GOOD)], **how)


def nothing(done: int, total: int) -> None:
    """A report that nobody reads."""


@pytest.fixture
def upload(cast: Cast, tmp_path: Path) -> Callable[..., FeedRun]:
    """Return: upload(bytes, kind="customers", name="customers.csv", by=analyst) -> the uploaded run."""

    def go(content: bytes, kind: str = "customers", name: str = "file.csv", by: User | None = cast.analyst) -> FeedRun:
        path = tmp_path / name
        path.write_bytes(content)
        return imports.upload(file=path, name=name, kind=kind, by=by, at=NOW)

    return go


@pytest.fixture
def load(upload: Callable[..., FeedRun], cast: Cast) -> Callable[..., FeedRun]:
    """Return: load(bytes, kind, …) -> the run after it landed; mapping changes what was guessed."""

    def go(
        content: bytes, kind: str = "customers", *, as_of: date = AS_OF, mapping: Any = None, **more: Any
    ) -> FeedRun:
        run = upload(content, kind, **more)
        by = more.get("by", cast.analyst)
        imports.configure(run=run, mapping=mapping or run.mapping, as_of=as_of, by=by, at=NOW)
        return imports.carry_out(run, at=NOW, report=nothing)

    return go


def frame(table: ir.Table) -> pd.DataFrame:
    return engine.connection().to_pyarrow(table).to_pandas()


def count(table: ir.Table) -> int:
    return engine.connection().to_pyarrow(table.count()).as_py()


def table(as_of: date | None = None) -> pd.DataFrame:
    return frame(engine.attributes(as_of)[0]).set_index("customer_id")


def faults(run: FeedRun) -> list[tuple[int, str, str]]:
    """Return (line, column, sentence) of every fault."""
    run.refresh_from_db()
    return [(line, column, sentence) for line, column, _value, sentence in rejects.read(run)]
