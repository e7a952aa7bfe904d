"""The members of a segment with what a text says about them, read from the warehouse as text ready to be sent.

Numbers, dates and choices are written here, once, as customers read them; a value that cannot stand in a text becomes
null, and whoever has one is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from campaigns import content
from segments import snapshots
from segments.models import Snapshot, Version
from warehouse import engine
from warehouse.models import Attribute, AttributeType

# What the bank's catalogue calls the facts on which a person may not be contacted, and those that address them.
PERSONAL = {"age": "int32", "birth_date": "date", "occupation": "string", "gender": "string"}
BATCH = 100_000


@dataclass(frozen=True)
class Members:
    """Members of a segment with their attributes as of one date; an expression, nothing is read yet."""

    table: ir.Table
    as_of: date

    def read(self, keys: Mapping[str, str]) -> ir.Table:
        """Narrow to customer_id and columns named as asked; an attribute that the data lacks is null for everybody."""
        there = set(self.table.columns)
        unknown = ibis.null().cast("string")
        wanted = {name: self.table[key] if key in there else unknown for name, key in keys.items()}
        return self.table.select("customer_id", **wanted)

    def some(self, number: int, turn: int) -> Members:
        """Return a few members, scattered over the segment; another `turn` gives others."""
        scattered = (self.table.customer_id * 2_654_435_761 + turn * 40_503) % 4_294_967_291
        return Members(self.table.order_by(scattered).limit(number), self.as_of)


def of_version(version: Version) -> Members:
    """Return who belongs to a version today."""
    return Members(*snapshots.live_members(version))


def of_snapshot(snapshot: Snapshot) -> Members:
    """Return who belonged when the snapshot was frozen, with their attributes of its date."""
    return Members(snapshots.members_with_attributes(snapshot), snapshot.as_of)


# -- placeholders -------------------------------------------------------------------------------------------------


def in_texts() -> list[Attribute]:
    """Return the attributes that may be written into a message."""
    return list(Attribute.objects.in_use().filter(allowed_in_text=True))


def known_names() -> dict[str, str]:
    """Map every name a placeholder may have to the attribute's or built-in's key."""
    return content.names((a.key, a.label_zh, a.label_en) for a in in_texts())


def attributes_of(texts: Iterable[str]) -> dict[str, Attribute]:
    """Return the attribute behind each placeholder of the texts, built-ins left out, by the name as written."""
    keys, by_key = known_names(), {a.key: a for a in in_texts()}
    names = dict.fromkeys(name for text in texts for name in content.placeholders(text))
    return {name: by_key[keys[name]] for name in names if keys.get(name) in by_key}


# -- values as customers read them --------------------------------------------------------------------------------


def written(column: pa.Array | pa.ChunkedArray, attribute: Attribute) -> pa.Array:
    """Return a column as the words that go into a text; each distinct value is worded once."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_null(whole.type):
        return whole.cast(pa.string())
    coded = whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()
    word = wording(attribute)
    words = [content.usable(word(value)) if value is not None else None for value in coded.dictionary.to_pylist()]
    return pa.array(words, pa.string()).take(coded.indices)


def wording(attribute: Attribute) -> Callable[[Any], str]:
    """Return how values of an attribute are written to a customer, who reads Chinese."""
    kind = attribute.type
    if kind == AttributeType.BOOLEAN:
        return lambda value: "是" if value else "否"
    if kind == AttributeType.DATE:
        return lambda value: f"{value.year}年{value.month}月{value.day}日"
    if kind in (AttributeType.NUMBER, AttributeType.MONEY):
        comma = "," if kind == AttributeType.MONEY else ""
        return lambda value: _figure(value, comma)
    labels = {choice["value"]: choice.get("label_zh") or choice["value"] for choice in attribute.choices}
    return lambda value: str(labels.get(value, value))


def _figure(value: float | int | Decimal, comma: str) -> str:
    """Write a whole number without decimals, another with two; not a number is nothing."""
    if value != value:
        return ""
    if value == int(value):
        return format(int(value), comma)
    return format(value, f"{comma}.2f")


def batches(members: Members, named: Mapping[str, Attribute]) -> Iterator[pa.Table]:
    """Yield chunks of customer_id, the personal facts (see PERSONAL) and value_0, value_1 … in the order of `named`."""
    columns = [(f"value_{i}", attribute) for i, attribute in enumerate(named.values())]
    table = members.read({key: key for key in PERSONAL} | {name: attribute.key for name, attribute in columns})
    table = table.mutate(**{key: table[key].try_cast(kind) for key, kind in PERSONAL.items()})
    query = engine.connection().con.sql(str(ibis.to_sql(table, dialect="duckdb")))
    for batch in query.to_arrow_reader(BATCH):
        chunk = pa.Table.from_batches([batch])
        for name, attribute in columns:
            chunk = chunk.set_column(chunk.column_names.index(name), name, written(chunk[name], attribute))
        yield chunk


def longest_values(members: Members, named: Mapping[str, Attribute]) -> dict[str, str]:
    """Return the longest worded value of each placeholder among the members, to price the longest text."""
    found: dict[str, str] = {}
    for name, attribute in named.items():
        column = members.read({"value": attribute.key}).select("value").distinct()
        distinct = engine.connection().to_pyarrow(column)
        words = [word for word in written(distinct["value"], attribute).to_pylist() if word]
        found[name] = max(words, key=len, default="")
    return found
