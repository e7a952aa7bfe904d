"""Small copies of what rows refer to, brought from PostgreSQL into the run's DuckDB by COPY."""

from __future__ import annotations

from pathlib import Path

import duckdb
from django.db import connection

LOOKUPS = {
    "branches": ("SELECT code, id FROM accounts_branch", "code VARCHAR, id BIGINT"),
    "departments": ("SELECT code, id FROM accounts_department", "code VARCHAR, id BIGINT"),
    "staff": (
        "SELECT staff_no AS code, id FROM accounts_user WHERE staff_no IS NOT NULL AND is_active",
        "code VARCHAR, id BIGINT",
    ),
    "products": ("SELECT code, id FROM customers_product", "code VARCHAR, id BIGINT"),
    "customers": (
        "SELECT c.number AS code, c.id, c.branch_id, b.code AS branch, encode(c.content_index, 'hex') AS content "
        "FROM customers_customer c LEFT JOIN accounts_branch b ON b.id = c.branch_id",
        "code VARCHAR, id BIGINT, branch_id BIGINT, branch VARCHAR, content VARCHAR",
    ),
}


def load(db: duckdb.DuckDBPyConnection, name: str, work: Path) -> None:
    """Make a lookup a table of the run's database: `code`, `id`, and for customers the branch and what is known."""
    select, columns = LOOKUPS[name]
    target = work / f"{name}.csv"
    export = f"COPY ({select}) TO STDOUT (FORMAT csv)"
    with target.open("wb") as file, connection.cursor() as cursor, cursor.copy(export) as copy:
        for block in copy:
            file.write(block)
    db.execute(f"CREATE OR REPLACE TABLE {name} ({columns})")
    db.execute(
        f"INSERT INTO {name} SELECT * FROM read_csv('{target}', header = false, auto_detect = false, "
        f"columns = {_varchars(columns)})"
    )
    target.unlink()


def _varchars(columns: str) -> str:
    return "{" + ", ".join(f"'{part.split()[0]}': 'VARCHAR'" for part in columns.split(", ")) + "}"
