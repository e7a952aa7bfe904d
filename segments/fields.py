"""What a rule may talk about: typed fields with labels in both languages, and the operators each type allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias


class Words(NamedTuple):
    """One text in both languages of the product."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        """Return the text of a language code such as "zh-hans" or "en"; the other one where it is missing."""
        return (self.zh or self.en) if language.startswith("zh") else (self.en or self.zh)


NO_UNIT = Words("", "")


class FieldType(StrEnum):
    """The types of the attribute catalogue."""

    NUMBER = "number"
    MONEY = "money"
    TEXT = "text"
    CHOICE = "choice"
    BOOLEAN = "boolean"
    DATE = "date"


class Choice(NamedTuple):
    """One permitted value of a choice field: as stored in the warehouse, and as people read it."""

    value: str
    label: Words


@dataclass(frozen=True, slots=True)
class Field:
    """An attribute as a rule sees it; `unit` is written after the figure ("岁", "times") and may be empty."""

    key: str
    label: Words
    type: FieldType
    unit: Words = NO_UNIT
    choices: tuple[Choice, ...] = ()

    def choice_label(self, value: str) -> Words | None:
        """Return how people read a stored value, or None for a value that is not among the choices."""
        return next((choice.label for choice in self.choices if choice.value == value), None)


Catalogue: TypeAlias = Mapping[str, Field]


class Arity(StrEnum):
    """How many values an operator takes."""

    NONE = "none"
    ONE = "one"
    PAIR = "pair"
    MANY = "many"
    DAYS = "days"


ARITY: dict[str, Arity] = {
    "eq": Arity.ONE,
    "ne": Arity.ONE,
    "lt": Arity.ONE,
    "le": Arity.ONE,
    "gt": Arity.ONE,
    "ge": Arity.ONE,
    "before": Arity.ONE,
    "after": Arity.ONE,
    "contains": Arity.ONE,
    "between": Arity.PAIR,
    "in": Arity.MANY,
    "not_in": Arity.MANY,
    "in_last_days": Arity.DAYS,
    "not_in_last_days": Arity.DAYS,
    "in_next_days": Arity.DAYS,
    "is_empty": Arity.NONE,
    "not_empty": Arity.NONE,
}

_EMPTINESS = ("is_empty", "not_empty")
_FIGURES = ("between", "ge", "gt", "le", "lt", "eq", "ne", "in", "not_in", *_EMPTINESS)

# The first operator of a type is what the builder offers for a new condition.
OPERATORS: dict[FieldType, tuple[str, ...]] = {
    FieldType.NUMBER: _FIGURES,
    FieldType.MONEY: _FIGURES,
    FieldType.TEXT: ("contains", "eq", "ne", "in", "not_in", *_EMPTINESS),
    FieldType.CHOICE: ("in", "not_in", "eq", "ne", *_EMPTINESS),
    FieldType.BOOLEAN: ("eq", *_EMPTINESS),
    FieldType.DATE: (
        "in_last_days",
        "not_in_last_days",
        "in_next_days",
        "between",
        "before",
        "after",
        "le",
        "ge",
        "eq",
        "ne",
        *_EMPTINESS,
    ),
}
