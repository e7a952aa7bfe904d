"""The stretch of days a report is about: a month, a quarter, or any first and last day of the bank's calendar."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils.translation import gettext as _

from marketing.lib.days import bounds, month_end
from marketing.lib.errors import UserError

MONTH, QUARTER, CUSTOM = "month", "quarter", "custom"
FIRST_YEAR, LAST_YEAR = 2000, 2100


@dataclass(frozen=True)
class Period:
    """Days `first` to `last`, both included."""

    kind: str
    first: date
    last: date

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """The UTC instants [start, end)."""
        return bounds(self.first, self.last)

    @property
    def previous(self) -> Period:
        """The period of the same kind before; a custom one of the same length."""
        before = self.first - timedelta(days=1)
        if self.kind == CUSTOM:
            return Period(CUSTOM, self.first - (self.last - self.first) - timedelta(days=1), before)
        return _holding(self.kind, before)

    @property
    def following(self) -> Period:
        """The period of the same kind after; a custom one of the same length."""
        after = self.last + timedelta(days=1)
        if self.kind == CUSTOM:
            return Period(CUSTOM, after, after + (self.last - self.first))
        return _holding(self.kind, after)

    @property
    def key(self) -> str:
        """What stands in the URL: 2026-Q4, 2026-11, or nothing for a custom one."""
        if self.kind == QUARTER:
            return f"{self.first.year}-Q{_quarter(self.first)}"
        return f"{self.first:%Y-%m}" if self.kind == MONTH else ""

    @property
    def query(self) -> str:
        """The part of a query string that names this period."""
        return f"period={self.key}" if self.key else f"from={self.first}&to={self.last}"

    @property
    def label(self) -> str:
        if self.kind == QUARTER:
            return _("%(year)s Q%(quarter)s") % {"year": self.first.year, "quarter": _quarter(self.first)}
        if self.kind == MONTH:
            return _("%(year)s-%(month)s") % {"year": self.first.year, "month": f"{self.first.month:02d}"}
        return f"{self.first} – {self.last}"

    @property
    def question(self) -> str:
        if self.kind == QUARTER:
            return _("What did this quarter's marketing bring?")
        return _("What did this month's marketing bring?") if self.kind == MONTH else _("What did marketing bring?")

    @property
    def before_words(self) -> str:
        """What the period before is called in "8.4 % vs …"."""
        if self.kind == QUARTER:
            return _("vs Q%(quarter)s") % {"quarter": _quarter(self.previous.first)}
        return _("vs month before") if self.kind == MONTH else _("vs days before")


def this(kind: str, *, today: date) -> Period:
    """Return the month or quarter in which the day lies."""
    return _holding(kind, today)


def parse(query: Mapping[str, str], *, today: date) -> Period:
    """Read ?period=2026-Q4, ?period=2026-11 or ?from=…&to=…; without any, the present quarter.

    Raises UserError where it cannot be read.
    """
    key = query.get("period", "").strip()
    if key:
        return _named(key)
    if query.get("from") or query.get("to"):
        return _custom(query.get("from", ""), query.get("to", ""))
    return _holding(QUARTER, today)


def _named(key: str) -> Period:
    if match := re.fullmatch(r"(\d{4})-Q([1-4])", key):
        year, month, kind = int(match[1]), int(match[2]) * 3, QUARTER
    elif match := re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", key):
        year, month, kind = int(match[1]), int(match[2]), MONTH
    else:
        raise UserError(_("A period is written as 2026-Q4 or 2026-11. Choose one from the list."))
    if not FIRST_YEAR <= year < LAST_YEAR:
        raise UserError(_("There are no reports for that year. Choose another period."))
    return _holding(kind, date(year, month, 1))


def _custom(first: str, last: str) -> Period:
    try:
        period = Period(CUSTOM, date.fromisoformat(first), date.fromisoformat(last))
    except ValueError as error:
        raise UserError(_("Give both the first and the last day of the period.")) from error
    if period.first > period.last:
        raise UserError(_("The first day lies after the last one. Exchange them."))
    if period.first.year < FIRST_YEAR or period.last.year >= LAST_YEAR:
        raise UserError(_("There are no reports for that year. Choose another period."))
    if (period.last - period.first).days >= 732:
        raise UserError(_("A report covers at most two years. Choose a shorter period."))
    return period


def _holding(kind: str, day: date) -> Period:
    if kind == MONTH:
        return Period(MONTH, day.replace(day=1), month_end(day))
    last_month = _quarter(day) * 3
    return Period(QUARTER, date(day.year, last_month - 2, 1), month_end(date(day.year, last_month, 1)))


def _quarter(day: date) -> int:
    return (day.month + 2) // 3
