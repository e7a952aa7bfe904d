"""The register in bulk seals exactly as one by one, and the keyed columns agree with Python's."""

import duckdb
import pytest

from marketing.lib import crypto
from warehouse.feeds import customers as feed

pytestmark = pytest.mark.django_db


def test_the_engine_computes_the_same_blind_index_as_python():
    texts = ["+8614212345678", "+442079460958", "customer\x1fname=王芳", ""]
    db = duckdb.connect()
    for text in texts:
        pads = feed.pads() | {"text": text}
        [[digest]] = db.execute(f"SELECT unhex({feed.keyed('$text')})", pads).fetchall()
        assert digest == crypto.blind_index(text)


def test_a_phone_is_normalised_alike_in_bulk_and_one_by_one():
    from warehouse.feeds.checking import read
    from warehouse.feeds.kind import Column

    column = Column("phone", "phone", "")
    db = duckdb.connect()
    for raw in [
        "14212345678", "142 1234 5678", "142-1234-5678", "+8614212345678", "008614212345678", "8614212345678",
        "（142）12345678", "1421234567", "24212345678", "142123456789", "abc", "1.42E+10", "+1 202 555 0143",
    ]:  # fmt: skip
        [[bulk]] = db.execute(f"SELECT {read(column, '$raw', 'UTC')}", {"raw": raw}).fetchall()
        try:
            alone = crypto.normalise_phone(raw)
        except crypto.PhoneError:
            alone = None
        assert bulk == alone or (bulk is None and raw.startswith("+")), raw
