"""How figures are written: thousands, money in 万/亿 or k/m, shares, points and durations.

Pure functions from a number to text in the active language. Minus is "−", a missing figure is "–".
"""

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

MISSING = "–"
MINUS = "−"
NBSP = "\u00a0"
Number = int | float | Decimal | str | None

# (from this absolute amount on, divide by, unit)
CHINESE_UNITS = ((Decimal(10) ** 8, Decimal(10) ** 8, "亿"), (Decimal(10) ** 4, Decimal(10) ** 4, "万"))
ENGLISH_UNITS = (
    (Decimal(10) ** 9, Decimal(10) ** 9, "bn"),
    (Decimal(10) ** 6, Decimal(10) ** 6, "m"),
    (Decimal(10) ** 4, Decimal(10) ** 3, "k"),
)


def chinese() -> bool:
    return (get_language() or "").startswith("zh")


def decimal(value: object) -> Decimal | None:
    """The value as a finite decimal; `None` when it is no number."""
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def plain(value: Decimal, places: int) -> str:
    """`-1234.5` with 1 place is `−1,234.5`; what rounds to zero has no sign."""
    short = rounded(value, places)
    return (MINUS if short < 0 else "") + f"{abs(short):,.{places}f}"


def num(value: Number, places: int = 0) -> str:
    found = decimal(value)
    return MISSING if found is None else plain(found, places)


def signed(value: Number, places: int = 0) -> str:
    """A difference: `+741`, `−81`, `0`."""
    found = decimal(value)
    if found is None:
        return MISSING
    return ("+" if rounded(found, places) > 0 else "") + plain(found, places)


def pct(value: Number, places: int = 1) -> str:
    """A share between 0 and 1 as percent."""
    found = decimal(value)
    return MISSING if found is None else plain(found * 100, places) + "%"


def points(value: Number, places: int = 2) -> str:
    """A difference of two shares in percentage points, with its sign and without the word."""
    found = decimal(value)
    return MISSING if found is None else signed(found * 100, places)


def places_for(scaled: Decimal) -> int:
    """Three digits carry the meaning: 4.86, 38.6, 386, 9,880."""
    size = abs(scaled)
    return 0 if size >= 100 else 1 if size >= 10 else 2


def money_parts(value: Number) -> tuple[str, str]:
    """The amount in yuan as figure and unit: `("¥4.86", "亿")`; small amounts have no unit."""
    found = decimal(value)
    if found is None:
        return MISSING, ""
    sign = MINUS if found < 0 else ""
    amount = abs(found)
    for start, divisor, unit in CHINESE_UNITS if chinese() else ENGLISH_UNITS:
        # What rounds up to the next unit is written in it: 9,999.6 is 1 万, not 10,000.
        if rounded(amount, 0) >= start:
            scaled = amount / divisor
            text = f"{rounded(scaled, places_for(scaled)):,}"
            return f"{sign}¥{text.rstrip('0').rstrip('.') if '.' in text else text}", unit
    places = 0 if amount >= 100 or amount == amount.to_integral_value() else 2
    return f"{sign}¥{rounded(amount, places):,}", ""


def money(value: Number) -> str:
    figure, unit = money_parts(value)
    return f"{figure}{NBSP}{unit}" if unit else figure


def money_exact(value: Number) -> str:
    """The amount to the fen: `¥1,234,567.00`."""
    found = decimal(value)
    if found is None:
        return MISSING
    return (MINUS if found < 0 else "") + f"¥{abs(rounded(found, 2)):,}"


def seconds_of(value: object) -> int | None:
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    found = decimal(value)
    return None if found is None else int(found)


def duration(value: object) -> str:
    """A length of time in its two largest sensible units: `3 min 10 s`, `5 h`, `3 days`."""
    seconds = seconds_of(value)
    if seconds is None:
        return MISSING
    seconds = max(seconds, 0)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}
    if hours:
        return _("%(n)d h") % {"n": hours}
    if minutes >= 10 or (minutes and not seconds % 60):
        return _("%(n)d min") % {"n": minutes}
    if minutes:
        return _("%(m)d min %(s)d s") % {"m": minutes, "s": seconds % 60}
    return _("%(n)d s") % {"n": seconds}
