"""What a day is, decided once: UTC in storage, the bank's zone on the calendar, half-open bounds between them."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from django.conf import settings


@cache
def bank_zone() -> ZoneInfo:
    """Return the bank's time zone."""
    return ZoneInfo(settings.BANK_ZONE)


def day_of(at: datetime) -> date:
    """Return the bank's calendar day on which the instant falls."""
    return at.astimezone(bank_zone()).date()


def bounds(first: date, last: date | None = None) -> tuple[datetime, datetime]:
    """Return the UTC instants [start, end) of the bank's day, or of the days first to last inclusive."""
    start = datetime.combine(first, time.min, bank_zone())
    end = datetime.combine((last or first) + timedelta(days=1), time.min, bank_zone())
    return start.astimezone(UTC), end.astimezone(UTC)


def local(at: datetime) -> datetime:
    """Return the instant on the bank's clock."""
    return at.astimezone(bank_zone())


def at_bank(day: date, clock: time) -> datetime:
    """Return the UTC instant at which the bank's clock shows this day and time."""
    return datetime.combine(day, clock, bank_zone()).astimezone(UTC)


def parse_local(text: str) -> datetime:
    """Read ISO text; without an offset it is the bank's clock. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=bank_zone())).astimezone(UTC)


def month_end(day: date) -> date:
    """Return the last day of the day's month."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def full_years(birth: date, on: date) -> int:
    """Return the age in full years; somebody born on 29 February turns a year older on 1 March in other years."""
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))


def now() -> datetime:
    """Return the present instant; only views, tasks and commands ask, everything else takes it as an argument."""
    return datetime.now(UTC)
