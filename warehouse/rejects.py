"""Rows that did not land: kept as codes with masked values, told as sentences in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
from django.conf import settings
from django.utils.translation import gettext_lazy

from warehouse import engine
from warehouse.feeds import KINDS
from warehouse.models import FeedRun

REASONS = {
    "missing": gettext_lazy("The cell is empty, and this column is needed."),
    "header_again": gettext_lazy("The line repeats the header."),
    "cells": gettext_lazy("The row has %(detail)s cells, which is not what the header has."),
    "number": gettext_lazy("This is not a number."),
    "range": gettext_lazy("The number is outside of what is possible."),
    "boolean": gettext_lazy("This is neither yes nor no."),
    "date": gettext_lazy("This is not a date; write it as 2026-10-31."),
    "time": gettext_lazy("This is not a time; write it as 2026-10-31 09:15:00."),
    "choice": gettext_lazy("This value is not one of those allowed in this column."),
    "phone": gettext_lazy("This is not a phone number that can be reached."),
    "phone_scientific": gettext_lazy(
        "A spreadsheet turned the phone number into %(value)s and lost its last digits. Format the column as text and "
        "export it again."
    ),
    "scientific": gettext_lazy(
        "A spreadsheet turned the number into %(value)s. Format the column as text and export again."
    ),
    "code": gettext_lazy("Only letters, digits, dots, dashes and underscores make a number or code, 32 at most."),
    "formula": gettext_lazy("The cell holds a formula, which a spreadsheet would run. Export values only."),
    "personal": gettext_lazy("The text holds a phone or identity number, which is never kept as an attribute."),
    "long": gettext_lazy("The text is longer than 200 characters."),
    "unknown_branch": gettext_lazy(
        "The bank has no branch %(value)s. Load the branches file first, or correct the number."
    ),
    "unknown_customer": gettext_lazy("The register has no customer %(value)s. Load the customers file first."),
    "unknown_product": gettext_lazy("There is no product %(value)s. Load the products file first."),
    "unknown_department": gettext_lazy("There is no department %(value)s."),
    "unknown_rm": gettext_lazy(
        "There is no relationship manager with this staff number; the customer has none for now."
    ),
    "twice": gettext_lazy(
        "%(value)s stands here and on line %(detail)s with different values. Neither was taken; keep the right one."
    ),
    "not_freely_given": gettext_lazy(
        "The source %(value)s is not a consent somebody gave on purpose, so it does not count as one."
    ),
}


SUMMARIES = {
    "cells": gettext_lazy("The row has more or fewer cells than the header."),
    "phone_scientific": gettext_lazy(
        "A spreadsheet turned the phone number into something like 1.38E+10. Format the column as text and export "
        "it again."
    ),
    "scientific": gettext_lazy(
        "A spreadsheet turned the number into something like 6.01E+09. Format the column as text."
    ),
    "unknown_branch": gettext_lazy("The bank has no such branch. Load the branches file first, or correct the number."),
    "unknown_customer": gettext_lazy("The register has no such customer. Load the customers file first."),
    "unknown_product": gettext_lazy("There is no such product. Load the products file first."),
    "unknown_department": gettext_lazy("There is no such department."),
    "twice": gettext_lazy("The same number stands on several lines with different values; none of them was taken."),
    "not_freely_given": gettext_lazy("A consent by default or bundled with something else does not count as one."),
}


def summary(reason: str) -> str:
    """Return the reason without the value, for a table of counts."""
    return str(SUMMARIES.get(reason) or REASONS[reason])


def sentence(reason: str, value: str = "", detail: str = "") -> str:
    """Return the reason as a sentence in the active language."""
    return str(REASONS[reason]) % {"value": value, "detail": detail}


def keep(db: duckdb.DuckDBPyConnection, run: FeedRun) -> str:
    """Write the run's rejects beside the data; return the path relative to DATA_DIR."""
    path = Path("rejects") / f"{run.pk}.parquet"
    target = settings.DATA_DIR / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    db.execute(f"COPY (SELECT * FROM rejects ORDER BY line, name) TO '{engine.quoted(target)}' (FORMAT parquet)")
    return str(path)


def read(run: FeedRun) -> Iterator[tuple[int, str, str, str]]:
    """Yield (line, column, value, sentence) of every fault, in the order of the file."""
    if not run.rejects_path:
        return
    labels = {column.name: str(column.label) for column in KINDS[run.kind].columns}
    given = {entry.get("to"): name for name, entry in run.mapping.get("columns", {}).items()}
    file = pq.ParquetFile(settings.DATA_DIR / run.rejects_path)
    for batch in file.iter_batches(batch_size=5_000):
        for row in batch.to_pylist():
            column = given.get(row["name"]) or labels.get(row["name"], row["name"])
            yield row["line"], column, row["value"], sentence(row["reason"], row["value"], row["detail"])
