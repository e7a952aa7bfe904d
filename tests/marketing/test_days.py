"""A day is decided once, in the bank's zone (rule 14)."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from marketing.lib import days


@pytest.fixture(autouse=True)
def forget_zone():
    days.bank_zone.cache_clear()
    yield
    days.bank_zone.cache_clear()


def test_the_banks_day_begins_before_the_utc_day_does(settings):
    settings.BANK_ZONE = "Asia/Shanghai"
    assert days.day_of(datetime(2026, 11, 17, 15, 59, 59, tzinfo=UTC)) == date(2026, 11, 17)
    assert days.day_of(datetime(2026, 11, 17, 16, 0, tzinfo=UTC)) == date(2026, 11, 18)


def test_bounds_are_half_open_and_meet(settings):
    settings.BANK_ZONE = "Asia/Shanghai"
    start, end = days.bounds(date(2026, 11, 18))
    assert (start, end) == (datetime(2026, 11, 17, 16, tzinfo=UTC), datetime(2026, 11, 18, 16, tzinfo=UTC))
    assert days.bounds(date(2026, 11, 19))[0] == end
    assert days.bounds(date(2026, 11, 1), date(2026, 11, 30))[1] == days.bounds(date(2026, 12, 1))[0]


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)])
def test_a_day_on_which_clocks_change_has_its_own_length(settings, day, hours):
    settings.BANK_ZONE = "Europe/Lisbon"
    start, end = days.bounds(day)
    assert end - start == timedelta(hours=hours)


def test_text_without_an_offset_is_the_banks_clock(settings):
    settings.BANK_ZONE = "Asia/Shanghai"
    assert days.parse_local("2026-11-24T09:30") == datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
    assert days.parse_local("2026-11-24T09:30+00:00") == datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    assert days.at_bank(date(2026, 11, 24), time(9, 30)) == days.parse_local("2026-11-24T09:30")


@pytest.mark.parametrize(
    ("day", "last"),
    [
        (date(2026, 2, 3), date(2026, 2, 28)),
        (date(2028, 2, 29), date(2028, 2, 29)),
        (date(2026, 12, 31), date(2026, 12, 31)),
    ],
)
def test_month_ends(day, last):
    assert days.month_end(day) == last


@pytest.mark.parametrize(
    ("birth", "on", "years"),
    [
        (date(2008, 11, 18), date(2026, 11, 17), 17),
        (date(2008, 11, 18), date(2026, 11, 18), 18),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
    ],
)
def test_full_years_at_the_edge_of_a_birthday(birth, on, years):
    assert days.full_years(birth, on) == years
