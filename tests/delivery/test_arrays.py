"""Array literals come back from PostgreSQL as they went in."""

import pytest
from django.db import connection

from delivery import arrays

pytestmark = pytest.mark.django_db

NASTY = ["", "NULL", "null", "a", 'b"c', '","', "\\", '\\"', "{}", ",", " ", "王", "\n", "'", '"']


@pytest.mark.parametrize("given", [[], [""], ["accepted", "accepted"], NASTY, NASTY[::-1], ['"', "a"], ["\\", "a"]])
def test_texts_come_back(given: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::text[]", [arrays.texts(given)])
        assert cursor.fetchone()[0] == given


@pytest.mark.parametrize(("given", "kept"), [("plain", "plain"), ("a\0b", "ab"), ("王\ud800", "王"), ("王\0", "王")])
def test_what_cannot_be_stored_is_left_out(given: str, kept: str) -> None:
    assert arrays.storable(given) == kept
