"""Attributes of a date: what a file says is laid over what was known, and published only where it differs.

The file's columns win for the customers it names; columns it does not have keep the last value known on or before
its date. Nothing here sees a name, a phone or a customer number: the rows carry our integer `customer_id` only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from warehouse import catalogue, engine, store
from warehouse.feeds.kind import Column, Landing
from warehouse.models import Attribute, AttributeType, Dataset, Partition

TYPES = {
    AttributeType.MONEY: "DOUBLE",
    AttributeType.TEXT: "VARCHAR",
    AttributeType.CHOICE: "VARCHAR",
    AttributeType.BOOLEAN: "BOOLEAN",
    AttributeType.DATE: "DATE",
}
IDENTITY = {"customer_id": "BIGINT", "branch_id": "BIGINT", "branch": "VARCHAR"}


@dataclass
class Facts:
    """A written, unpublished partition (None where nothing differs), and what it adds to the catalogue."""

    written: store.Written | None
    columns: list[Column]
    choices: dict[str, list[str]]

    def announce(self, landing: Landing) -> None:
        """Publish the partition and complete the catalogue; call inside the run's transaction."""
        _complete_catalogue(landing, self.columns)
        for key, values in self.choices.items():
            catalogue.add_choices(key, values)
        catalogue.refresh_branches()
        if self.written is not None:
            store.announce(self.written, landing.at)


def prepare(landing: Landing, *, keep_others: bool) -> Facts:
    """Write the partition of the run's date from the view `facts`; fill the table `changed` with customer ids.

    `facts` has customer_id, branch_id, branch and the attributes. With `keep_others` customers that the file does
    not name keep their row.
    """
    types = _types(landing)
    base = engine.attributes_partition(landing.as_of)
    same_date = base is not None and engine.as_of_date(base) == landing.as_of
    kept = _kept_columns(base, types)
    _lay_base(landing, base, kept)
    _find_changed(landing, types, kept if same_date else {}, same_date)
    choices = {c.name: _values(landing, c.name) for c in landing.attributes if c.type == AttributeType.CHOICE}
    new_columns = not set(types) <= set(kept)
    if same_date and not new_columns and not landing.one("SELECT count(*) FROM changed_facts"):
        return Facts(None, landing.attributes, choices)
    select = _merged(types, kept, keep_others or same_date) if base else _plain(types)
    return Facts(_write(landing, select), landing.attributes, choices)


def _types(landing: Landing) -> dict[str, str]:
    numbers = [c.name for c in landing.attributes if c.type == AttributeType.NUMBER]
    types = IDENTITY | {c.name: TYPES[AttributeType(c.type)] for c in landing.attributes if c.name not in numbers}
    if numbers:
        whole = ", ".join(f'bool_and("{n}" = floor("{n}") AND abs("{n}") < 1e15)' for n in numbers)
        found = landing.db.execute(f"SELECT {whole} FROM facts").fetchall()[0]
        types |= {name: "BIGINT" if all_whole else "DOUBLE" for name, all_whole in zip(numbers, found, strict=True)}
    return types


def _kept_columns(base: Partition | None, types: dict[str, str]) -> dict[str, str]:
    """Return the columns of the base that live on: the file's own and those still in use."""
    if base is None:
        return {}
    in_use = set(Attribute.objects.in_use().values_list("key", flat=True)) | set(IDENTITY) | set(types)
    return {name: kind for name, kind in base.schema.items() if name in in_use}


def _lay_base(landing: Landing, base: Partition | None, kept: dict[str, str]) -> None:
    if base is None:
        return
    names = ", ".join(f'"{name}"' for name in kept)
    path = engine.quoted(engine.root() / base.path)
    landing.db.execute(
        f"CREATE OR REPLACE VIEW base AS SELECT {names} FROM read_parquet('{path}', hive_partitioning = false)"
    )


def _find_changed(landing: Landing, types: dict[str, str], compared: dict[str, str], same_date: bool) -> None:
    """Fill `changed_facts` with the customers whose facts of this date are new or different."""
    if not same_date:
        landing.db.execute("CREATE OR REPLACE TABLE changed_facts AS SELECT customer_id FROM facts")
        return
    names = [name for name in types if name in compared and name != "customer_id"]
    added = [name for name in types if name not in compared]
    differs = [_differs(name, types[name]) for name in names] + [f'n."{name}" IS NOT NULL' for name in added]
    landing.db.execute(
        "CREATE OR REPLACE TABLE changed_facts AS SELECT n.customer_id FROM facts n LEFT JOIN base b "
        f"ON b.customer_id = n.customer_id WHERE b.customer_id IS NULL OR {' OR '.join(differs)}"
    )


def _differs(name: str, kind: str) -> str:
    return f'n."{name}" IS DISTINCT FROM TRY_CAST(b."{name}" AS {"DOUBLE" if kind == "BIGINT" else kind})'


def _plain(types: dict[str, str]) -> str:
    return f"SELECT {', '.join(_cast('', name, kind) for name, kind in types.items())} FROM facts ORDER BY customer_id"


def _cast(source: str, name: str, kind: str) -> str:
    return f'CAST({source}"{name}" AS {kind}) AS "{name}"'


def _merged(types: dict[str, str], kept: dict[str, str], keep_others: bool) -> str:
    """Return the SELECT that lays the file over the base."""
    columns = ["coalesce(n.customer_id, b.customer_id) AS customer_id"]
    for name, kind in types.items():
        if name in kept and name != "customer_id":
            old = f'TRY_CAST(b."{name}" AS {kind if kind != "BIGINT" else "DOUBLE"})'
            columns.append(
                f'CASE WHEN n.customer_id IS NULL THEN {old} ELSE CAST(n."{name}" AS {kind}) END AS "{name}"'
            )
        elif name != "customer_id":
            columns.append(f'CAST(n."{name}" AS {kind}) AS "{name}"')
    columns += [f'b."{name}"' for name in kept if name not in types]
    join = "FULL" if keep_others else "LEFT"
    return f"SELECT {', '.join(columns)} FROM facts n {join} JOIN base b ON b.customer_id = n.customer_id ORDER BY 1"


def _write(landing: Landing, select: str) -> store.Written:
    target = landing.work / "facts.parquet"
    landing.db.execute(store.copy_statement(select, target))
    return store.write(Dataset.ATTRIBUTES, f"as_of={landing.as_of.isoformat()}", target)


def _values(landing: Landing, name: str) -> list[str]:
    found = landing.db.execute(f'SELECT DISTINCT "{name}" FROM facts WHERE "{name}" IS NOT NULL ORDER BY 1 LIMIT 200')
    return [row[0] for row in found.fetchall()]


def _complete_catalogue(landing: Landing, columns: Iterable[Column]) -> None:
    """Make the attributes that the mapping asked for and nobody has made since."""
    wanted = [column.name for column in columns] + (["branch"] if landing.has("branch_no") else [])
    with transaction.atomic():
        catalogue.ensure(wanted, by=landing.by, at=landing.at)
        new: dict[str, dict[str, str]] = landing.options.get("new", {})
        there = set(Attribute.objects.filter(key__in=new).values_list("key", flat=True))
        for key, about in new.items():
            if key not in there:
                catalogue.create(key=key, by=landing.by, at=landing.at, **about)
