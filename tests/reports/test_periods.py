"""What stretch of days the URL means."""

from datetime import UTC, date, datetime

import pytest
from django.utils import translation

from marketing.lib.errors import UserError
from reports import periods

TODAY = date(2026, 11, 18)


def days(**query):
    found = periods.parse({key.rstrip("_"): value for key, value in query.items()}, today=TODAY)
    return found.first, found.last


def test_without_a_choice_it_is_the_present_quarter():
    assert days() == (date(2026, 10, 1), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("key", "first", "last"),
    [
        ("2026-Q1", date(2026, 1, 1), date(2026, 3, 31)),
        ("2026-Q4", date(2026, 10, 1), date(2026, 12, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2026-12", date(2026, 12, 1), date(2026, 12, 31)),
    ],
)
def test_a_key_names_a_month_or_a_quarter(key, first, last):
    found = periods.parse({"period": key}, today=TODAY)
    assert (found.first, found.last, found.key) == (first, last, key)


def test_any_two_days_make_a_period():
    assert days(from_="2026-11-01", to="2026-11-18") == (date(2026, 11, 1), date(2026, 11, 18))


@pytest.mark.parametrize(
    "query",
    [
        {"period": "2026-Q5"},
        {"period": "2026-13"},
        {"period": "last"},
        {"period": "0000-01"},
        {"period": "9999-Q4"},
        {"from": "2026-11-01"},
        {"from": "2026-11-18", "to": "2026-11-01"},
        {"from": "0001-01-01", "to": "0001-02-01"},
        {"from": "2020-01-01", "to": "2026-01-01"},
        {"from": "tomorrow", "to": "2026-11-01"},
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(query):
    with pytest.raises(UserError) as error:
        periods.parse(query, today=TODAY)
    assert str(error.value).endswith((".", "。"))


@pytest.mark.parametrize(
    ("query", "before", "after"),
    [
        ({"period": "2026-Q1"}, "2025-Q4", "2026-Q2"),
        ({"period": "2026-01"}, "2025-12", "2026-02"),
        ({"period": "2026-03"}, "2026-02", "2026-04"),
    ],
)
def test_the_neighbours_are_of_the_same_kind(query, before, after):
    found = periods.parse(query, today=TODAY)
    assert (found.previous.key, found.following.key) == (before, after)


def test_the_neighbours_of_a_custom_period_are_as_long():
    found = periods.parse({"from": "2026-11-08", "to": "2026-11-14"}, today=TODAY)
    assert (found.previous.first, found.previous.last) == (date(2026, 11, 1), date(2026, 11, 7))
    assert (found.following.first, found.following.last) == (date(2026, 11, 15), date(2026, 11, 21))


def test_it_begins_and_ends_at_the_banks_midnight():
    found = periods.parse({"period": "2026-11"}, today=TODAY)
    assert found.bounds == (datetime(2026, 10, 31, 16, tzinfo=UTC), datetime(2026, 11, 30, 16, tzinfo=UTC))


def test_the_query_leads_back_to_it():
    for query in ({"period": "2026-Q4"}, {"period": "2026-11"}, {"from": "2026-11-08", "to": "2026-11-14"}):
        found = periods.parse(query, today=TODAY)
        again = dict(part.split("=") for part in found.query.split("&"))
        assert periods.parse(again, today=TODAY) == found


def test_it_is_called_by_its_name():
    with translation.override("en"):
        assert periods.parse({"period": "2026-Q4"}, today=TODAY).label == "2026 Q4"
