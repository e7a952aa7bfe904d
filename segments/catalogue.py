"""The attributes a person may use in a rule, read from the warehouse's catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from warehouse.models import Attribute

from .fields import NO_UNIT, Catalogue, Choice, Field, FieldType, Words

# Units are one column in the catalogue; these are the ones that read differently in the two languages.
UNITS = {
    words.zh: words
    for words in (
        Words("岁", "years"),
        Words("年", "years"),
        Words("月", "months"),
        Words("个月", "months"),
        Words("天", "days"),
        Words("日", "days"),
        Words("次", "times"),
        Words("笔", "transactions"),
        Words("个", ""),
        Words("种", ""),
        Words("人", "people"),
        Words("级", ""),
        Words("元", "yuan"),
    )
}
UNITS |= {words.en: words for words in UNITS.values() if words.en}


class Shelf(NamedTuple):
    """The fields of one group, as the picker shows them."""

    label: Words
    fields: list[Field]


def catalogue() -> Catalogue:
    """Return every attribute in use by its key, in the catalogue's order."""
    return {attribute.key: field(attribute) for attribute in Attribute.objects.in_use()}


def shelves() -> list[Shelf]:
    """Return the attributes in use by group, for the picker."""
    return list(_grouped(Attribute.objects.in_use()))


def _grouped(attributes: Iterable[Attribute]) -> Iterable[Shelf]:
    found: dict[Words, list[Field]] = {}
    for attribute in attributes:
        found.setdefault(Words(attribute.group_zh, attribute.group_en), []).append(field(attribute))
    return (Shelf(label, fields) for label, fields in found.items())


def field(attribute: Attribute) -> Field:
    """Return an attribute as rules see it; a choice attribute without a list of choices is free text."""
    choices = tuple(_choice(item) for item in attribute.choices)
    kind = FieldType(attribute.type)
    return Field(
        key=attribute.key,
        label=Words(attribute.label_zh, attribute.label_en),
        type=FieldType.TEXT if kind is FieldType.CHOICE and not choices else kind,
        unit=UNITS.get(attribute.unit, Words(attribute.unit, attribute.unit)) if attribute.unit else NO_UNIT,
        choices=choices,
    )


def _choice(item: dict[str, str]) -> Choice:
    value = str(item["value"])
    return Choice(value, Words(item.get("label_zh") or value, item.get("label_en") or ""))
