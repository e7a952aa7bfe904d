"""Read one value of a condition as its field's type, or say in a sentence why it cannot be read."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Any, TypeAlias

from django.utils.translation import gettext as _

from .fields import Field, FieldType

Scalar: TypeAlias = bool | int | float | str | date

# Whole numbers up to here are exact as 64-bit floats, which is how some engines keep attributes.
LARGEST = 2**53
LONGEST_TEXT = 200
MOST_DAYS = 36_500


class WrongValueError(ValueError):
    """A value that cannot be used; the message is a sentence for the person who typed it."""


class MissingValueError(WrongValueError):
    """A value that has not been given yet."""


def read_value(field: Field, raw: Any) -> Scalar:
    """Return `raw` (from JSON or as typed into a form) as a value of the field's type."""
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        raise MissingValueError(_("Enter a value."))
    return _READERS[field.type](field, raw)


def read_days(raw: Any) -> int:
    """Return a number of days, 1 to 36,500."""
    if raw is None or raw == "":
        raise MissingValueError(_("Enter a number of days."))
    days = _number(raw)
    if not isinstance(days, int) or not 1 <= days <= MOST_DAYS:
        raise WrongValueError(_("Enter a whole number of days between 1 and {most}.").format(most=f"{MOST_DAYS:,}"))
    return days


def _read_number(field: Field, raw: Any) -> Scalar:
    return _number(raw)


def _number(raw: Any) -> int | float:
    """Read 12, 12.5, "12,000", "¥12,000" or full-width digits; a whole number becomes an int."""
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise WrongValueError(_("Enter a number here."))
    try:
        value = _from_text(raw) if isinstance(raw, str) else raw
    except ValueError:
        value = math.nan
    if value != value:
        raise WrongValueError(_("“{value}” is not a number.").format(value=_shorten(raw)))
    if abs(value) > LARGEST:
        raise WrongValueError(_("This number is too large; use at most {most}.").format(most=f"{LARGEST:,}"))
    return int(value) if value == int(value) else value


def _from_text(text: str) -> int | float:
    plain = unicodedata.normalize("NFKC", text).strip().lstrip("¥").replace(",", "").replace("−", "-")
    if "_" in plain:  # Python's own spelling of digit groups is nobody's spelling of a number
        raise ValueError(plain)
    try:
        return int(plain)
    except ValueError:
        return float(plain)


def _read_text(field: Field, raw: Any) -> Scalar:
    if not isinstance(raw, str):
        raise WrongValueError(_("Enter text here."))
    if len(raw) > LONGEST_TEXT:
        raise WrongValueError(_("This text is too long; use at most {most} characters.").format(most=LONGEST_TEXT))
    # Control characters and lone surrogates cannot be stored by every engine.
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in raw):
        raise WrongValueError(_("This text holds a character that cannot be stored; type it again."))
    return raw


def _read_choice(field: Field, raw: Any) -> Scalar:
    if not isinstance(raw, str) or field.choice_label(raw) is None:
        raise WrongValueError(
            _("“{value}” is not among the choices of this attribute; choose one of the list.").format(
                value=_shorten(raw)
            )
        )
    return raw


def _read_boolean(field: Field, raw: Any) -> Scalar:
    if isinstance(raw, bool):
        return raw
    if raw in ("true", "false"):
        return bool(raw == "true")
    raise WrongValueError(_("Choose yes or no."))


def _read_date(field: Field, raw: Any) -> Scalar:
    if type(raw) is date:
        return raw
    try:
        parts = unicodedata.normalize("NFKC", raw).strip().replace("/", "-").split("-")
        year, month, day = (int(part) for part in parts)
        value = date(year, month, day)
    except (TypeError, ValueError, OverflowError):
        raise WrongValueError(
            _("“{value}” is not a date; write it as 2026-10-31.").format(value=_shorten(raw))
        ) from None
    if not 1900 <= value.year <= 2200:
        raise WrongValueError(_("Enter a date between the years 1900 and 2200."))
    return value


def _shorten(raw: Any) -> str:
    text = "".join(letter for letter in str(raw) if unicodedata.category(letter) not in ("Cc", "Cs"))
    return text if len(text) <= 40 else text[:39] + "…"


_READERS: dict[FieldType, Callable[[Field, Any], Scalar]] = {
    FieldType.NUMBER: _read_number,
    FieldType.MONEY: _read_number,
    FieldType.TEXT: _read_text,
    FieldType.CHOICE: _read_choice,
    FieldType.BOOLEAN: _read_boolean,
    FieldType.DATE: _read_date,
}
