"""Tables of the floor: copies with the same columns and indexes, filled and emptied between the rounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.db import connection


def execute(statement: str, arguments: Sequence[Any] | dict[str, Any] | None = None) -> int:
    """Run a statement in a transaction of its own and return how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return cursor.rowcount


def value(statement: str, arguments: Sequence[Any] | None = None) -> Any:
    """Return the first value of the first row."""
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return cursor.fetchone()[0]


def column(statement: str) -> list[Any]:
    """Return the first column."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [row[0] for row in cursor.fetchall()]


def twin(table: str, name: str) -> None:
    """Make an empty logged table with the columns, defaults, checks and indexes of another, without foreign keys."""
    execute(f"DROP TABLE IF EXISTS {name}")
    execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")


def keep(name: str, select: str) -> None:
    """Keep what a SELECT finds as a plain table, to fill others from."""
    execute(f"DROP TABLE IF EXISTS {name}")
    execute(f"CREATE UNLOGGED TABLE {name} AS {select}")
    execute(f"ANALYZE {name}")


def refill(table: str, kept: str) -> None:
    """Empty a table, with all that refers to it, and fill it with kept rows, as vacuumed as it would be by the hour."""
    execute(f"TRUNCATE {table} CASCADE")
    execute(f"INSERT INTO {table} SELECT * FROM {kept}")  # noqa: S608 - names of the code
    settle(table)


def settle(*tables: str) -> None:
    """Vacuum and analyse, as autovacuum does within a minute."""
    for table in tables:
        execute(f"VACUUM ANALYZE {table}")


def copy_in(statement: str, source: Path) -> None:
    """Stream a file into a COPY … FROM STDIN."""
    with connection.cursor() as cursor, source.open("rb") as file, cursor.copy(statement) as copy:
        while block := file.read(1 << 20):
            copy.write(block)


def copy_out(statement: str, target: Path) -> None:
    """Write what a COPY … TO STDOUT gives into a file."""
    with connection.cursor() as cursor, target.open("wb") as file, cursor.copy(statement) as copy:
        for block in copy:
            file.write(block)
