"""Which column of a file means what: guessed from names and values, corrected by a person, checked, remembered.

A mapping is JSON:

    {"columns": {"手机": {"to": "phone"}, "AUM": {"to": "aum"}, "memo": {"to": ""},
                 "job": {"to": "job", "new": {"label_zh": "职业", "label_en": "Job", "type": "choice"}}},
     "complete": false}

An empty `to` leaves the column out. Mapping files kept for test data may also `make` what a file lacks:
{"make": {"customer_no": {"prefix": "UCI"}, "phone": {"prefix": "142"}},
 "consents": {"sms": {"source": "web_form", "given_at": "2026-01-01T09:00:00+08:00"}}}.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _

from marketing.lib import crypto, days
from marketing.lib.errors import UserError
from warehouse import catalogue
from warehouse.feeds.kind import Column, Kind
from warehouse.feeds.reading import Layout
from warehouse.models import Attribute, AttributeType

YES = frozenset({"yes", "y", "true", "t", "1", "是", "有", "√"})
NO = frozenset({"no", "n", "false", "f", "0", "否", "无", "×"})
MOST_CHOICES = 24
PERSONAL_VALUE = re.compile(r"(^|\D)1[3-9]\d{9}(\D|$)|(^|\D)\d{17}[\dXx](\D|$)|@\w+\.\w")
DATE_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日")
OPTIONS = frozenset({"columns", "make", "complete", "consents"})


@dataclass
class Plan:
    """A checked mapping: the kind's columns and the attributes by their place in the file, and what is new."""

    columns: dict[int, Column] = field(default_factory=dict)
    attributes: dict[int, Column] = field(default_factory=dict)
    new: dict[str, dict[str, Any]] = field(default_factory=dict)
    make: dict[str, dict[str, str]] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def present(self) -> list[Column]:
        return list(self.columns.values())


def guess(kind: Kind, layout: Layout, samples: list[list[str]]) -> dict[str, Any]:
    """Return the mapping a clerk most likely wants; each meaning is given to the first column that fits it."""
    taken: set[str] = set()
    columns = {}
    for place, name in enumerate(layout.columns):
        entry = _guess_one(kind, name, [row[place] for row in samples], taken)
        taken.add(entry["to"])
        columns[name] = entry
    return {"columns": columns}


def _guess_one(kind: Kind, name: str, values: list[str], taken: set[str]) -> dict[str, Any]:
    own = own_column(kind, name)
    if own and own.name not in taken:
        return {"to": own.name}
    if not kind.takes_attributes:
        return {"to": ""}
    if reason := catalogue.refusal(name):
        return {"to": "", "refused": reason}
    key = catalogue.guess(name)
    if key and key not in taken:
        return {"to": key}
    key = catalogue.key_for(name)
    if key in taken or key in catalogue.RESERVED or _names_people(values):
        return {"to": ""}
    return {"to": key, "new": {"label_zh": name[:80], "label_en": name[:80], "type": infer(values)}}


def _names_people(values: list[str]) -> bool:
    """Return whether a column looks like phone or identity numbers, whatever it is called."""
    filled = [value for value in values if value.strip()]
    return bool(filled) and sum(bool(PERSONAL_VALUE.search(value)) for value in filled) * 2 > len(filled)


def own_column(kind: Kind, name: str) -> Column | None:
    """Return the kind's column that goes by this name, in Chinese or English."""
    name = catalogue.normal(name)
    for column in kind.columns:
        if name in {catalogue.normal(alias) for alias in (column.name, *column.aliases)}:
            return column
    return None


def infer(values: list[str]) -> str:
    """Return the attribute type that fits the values of a column."""
    filled = [value.strip() for value in values if value.strip()]
    distinct = set(filled)
    small = {value.lower() for value in distinct}
    if not filled:
        return AttributeType.TEXT
    if small <= YES | NO and len(small) <= 2 and not small <= {"0", "1"}:
        return AttributeType.BOOLEAN
    if all(_is_number(value) for value in distinct):
        return AttributeType.NUMBER
    if all(_is_date(value) for value in distinct):
        return AttributeType.DATE
    few = len(distinct) <= min(MOST_CHOICES, len(filled) // 2)
    return AttributeType.CHOICE if few and max(map(len, distinct)) <= 40 else AttributeType.TEXT


def _is_number(value: str) -> bool:
    try:
        float(value.replace(",", ""))
    except ValueError:
        return False
    return not (value.startswith("0") and value.isdigit() and len(value) > 1)


def _is_date(value: str) -> bool:
    for form in DATE_FORMATS:
        try:
            datetime.strptime(value[:10], form)  # noqa: DTZ007 – a calendar date, no instant
        except ValueError:
            continue
        return True
    return False


def plan(kind: Kind, mapping: dict[str, Any], layout: Layout, *, trusted: bool = False) -> Plan:
    """Check a mapping against the file and the catalogue; raise UserError that names the columns at fault.

    `trusted` mappings, which an operator gives by file, may make up customer numbers and phones for test data.
    """
    unknown = set(mapping) - OPTIONS
    if unknown:
        raise UserError(_("The mapping holds “%(name)s”, which means nothing here.") % {"name": sorted(unknown)[0]})
    made = mapping.get("make", {})
    if (made or mapping.get("consents")) and not trusted:
        raise UserError(_("Made-up numbers are for test data only and cannot be asked for here."))
    result = Plan(
        make=made, options={"complete": bool(mapping.get("complete")), "consents": mapping.get("consents", {})}
    )
    faults: dict[str, str] = {}
    entries = mapping.get("columns", {})
    for name in entries.keys() - set(layout.columns):
        faults[name] = _("The file has no column “%(name)s”.") % {"name": name}
    for place, name in enumerate(layout.columns):
        try:
            _place(kind, result, place, name, entries.get(name, {}))
        except UserError as error:
            faults[name] = str(error)
    _require_complete(kind, result, faults)
    return result


def _place(kind: Kind, result: Plan, place: int, name: str, entry: dict[str, Any]) -> None:
    to = entry.get("to", "")
    if not to:
        return
    if to in [column.name for column in (*result.present, *result.attributes.values())]:
        raise UserError(_("“%(key)s” is given to two columns; choose one of them.") % {"key": to})
    own = kind.column(to)
    if own:
        result.columns[place] = own
    elif kind.takes_attributes:
        result.attributes[place] = _attribute(name, to, entry.get("new"), result)
    else:
        raise UserError(_("This kind of file has no column “%(key)s”.") % {"key": to})


def _attribute(name: str, key: str, new: dict[str, Any] | None, result: Plan) -> Column:
    if reason := catalogue.refusal(name):
        raise UserError(_("The column “%(name)s” is not taken. %(reason)s") % {"name": name, "reason": reason})
    there = Attribute.objects.filter(key=key).first()
    if there and there.retired_at:
        raise UserError(_("The attribute “%(label)s” is out of use; leave the column out.") % {"label": there.label})
    if there and new and (there.type, there.label_zh) != (new.get("type"), new.get("label_zh")):
        raise UserError(_("There is an attribute “%(key)s” already; choose another key.") % {"key": key})
    known = catalogue.known().get(key)
    if there is None and (known is None or new):
        return _new_attribute(key, new, result)
    low, high = (known.low, known.high) if known else (None, None)
    kind = there.type if there else known.type  # type: ignore[union-attr]
    return Column(key, kind, there.label if there else key, low=low, high=high, own=False)


def _new_attribute(key: str, new: dict[str, Any] | None, result: Plan) -> Column:
    if key in catalogue.known():
        raise UserError(_("There is an attribute “%(key)s” already; choose another key.") % {"key": key})
    catalogue.check_key(key, *(str((new or {}).get(label) or "") for label in ("label_zh", "label_en")))
    if not new:
        raise UserError(_("There is no attribute “%(key)s” yet; give it a label and a type.") % {"key": key})
    if new.get("type") not in AttributeType.values:
        raise UserError(_("Choose a type for the new attribute “%(key)s”.") % {"key": key})
    label = str(new.get("label_zh") or new.get("label_en") or key)[:80]
    result.new[key] = {
        "label_zh": label,
        "label_en": str(new.get("label_en") or "")[:80],
        "type": new["type"],
        "group_zh": str(new.get("group_zh") or "")[:40],
        "group_en": str(new.get("group_en") or "")[:40],
        "unit": str(new.get("unit") or "")[:20],
    }
    return Column(key, new["type"], label, own=False)


def _require_complete(kind: Kind, result: Plan, faults: dict[str, str]) -> None:
    there = {column.name for column in result.present} | set(result.make)
    missing = [column for column in kind.columns if column.required and column.name not in there]
    if missing and not faults:
        names = ", ".join(str(column.label) for column in missing)
        raise UserError(
            _("The file has no column for: %(names)s. Choose one, or upload the right kind of file.") % {"names": names}
        )
    if faults:
        first = next(iter(faults.values()))
        raise UserError(first, fields=faults)


# ------------------------------------------------------------------------------- what a person sees of the values


def masked(kind: Kind, name: str, entry: dict[str, Any], values: list[str]) -> list[str]:
    """Return sample values that may be shown and kept: what could name a person is masked."""
    own = kind.column(entry.get("to", ""))
    if own and own.type == "phone":
        return [crypto.mask_phone(value) for value in values]
    if own and own.personal:
        return [crypto.mask_name(value) for value in values]
    if own or entry.get("to") in catalogue.known():
        return [value[:40] for value in values]
    plain = infer(values) in (AttributeType.BOOLEAN, AttributeType.DATE)
    return [value[:40] if plain or _is_short_number(value) else crypto.mask_name(value[:8]) for value in values]


def _is_short_number(value: str) -> bool:
    return _is_number(value) and sum(c.isdigit() for c in value) < 9 if value.strip() else True


def date_in_name(name: str) -> date | None:
    """Return the date a file's name carries: a day, or the last day of its month."""
    match = re.search(r"(20\d\d)[-_]?(0[1-9]|1[0-2])(?:[-_]?(0[1-9]|[12]\d|3[01]))?(?!\d)", name)
    if not match:
        return None
    year, month, day = match.groups()
    first = date(int(year), int(month), 1)
    last = days.month_end(first)
    return last if day is None else first.replace(day=min(int(day), last.day))
