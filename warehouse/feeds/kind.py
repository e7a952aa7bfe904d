"""What a kind of feed is: its columns, what its rows refer to, and how good rows land."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
from django.utils.functional import Promise

from accounts.models import User

Advance = Callable[[float], None]


@dataclass(frozen=True)
class Column:
    """A column that a kind of feed knows.

    `type` is code, text, phone, number, money, boolean, date, time or choice. `choices` maps what a file may say, in
    small letters, to what is stored. `low` and `high` bound a number.
    """

    name: str
    type: str
    label: str | Promise
    required: bool = False
    aliases: tuple[str, ...] = ()
    personal: bool = False
    choices: dict[str, str] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    own: bool = True  # the kind's own column; False for an attribute, which goes to the warehouse


@dataclass(frozen=True)
class Reference:
    """A column whose value must exist elsewhere; the lookup table has `code` and `id`.

    The id becomes a column of the good rows. Where it is not found the row is rejected, or, when `optional`, kept
    without it and counted as a warning.
    """

    column: str
    lookup: str
    into: str
    reason: str
    optional: bool = False


@dataclass
class Landing:
    """Everything a kind needs to land its rows; `good` is a view over the rows without a fault.

    `work` is a private folder that goes when the run ends. `advance` takes the share done, 0 to 1.
    """

    db: duckdb.DuckDBPyConnection
    work: Path
    present: list[Column]
    attributes: list[Column]
    options: dict[str, Any]
    as_of: date
    by: User | None
    at: datetime
    advance: Advance

    def has(self, name: str) -> bool:
        """Return whether the file brings the column."""
        return any(column.name == name for column in self.present)

    def one(self, sql: str) -> Any:
        """Return the first value of the first row."""
        rows = self.db.execute(sql).fetchall()  # all of it: an unfinished result blocks the connection
        return rows[0][0] if rows else None

    def rows(self, *names: str) -> list[dict[str, Any]]:
        """Return the good rows of a small feed: branches, staff, products."""
        chosen = ", ".join(f'"{name}"' for name in names)
        found = self.db.execute(f"SELECT {chosen} FROM good ORDER BY line").fetchall()
        return [dict(zip(names, row, strict=True)) for row in found]


@dataclass
class Prepared:
    """What is ready to be made visible: `commit` runs inside the one transaction, `changed` counts its rows."""

    changed: int
    commit: Callable[[], None]


class Kind(ABC):
    """One kind of feed. A new kind is one file with a subclass, and one line in `warehouse.feeds.KINDS`."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    takes_attributes: bool = False
    depends_on: tuple[str, ...] = ()
    permission = "feeds.load"

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)

    def check(self, landing: Landing) -> None:  # noqa: B027 – most kinds have no rule of their own
        """Add what is wrong beyond cells and references to the table `rejects`."""

    @abstractmethod
    def prepare(self, landing: Landing) -> Prepared:
        """Do the long work outside any transaction; nothing of it may be visible yet."""
