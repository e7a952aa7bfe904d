"""Names and phones are unreadable at rest, findable by exact value, masked on screens (rule 12)."""

import pytest

from marketing.lib import crypto
from marketing.lib.keys import parse_field_keys


def test_what_was_sealed_comes_back_and_never_looks_the_same_twice():
    first, second = (crypto.encrypt("+8614212341234", field="customer.phone") for _ in range(2))
    assert first != second
    assert b"1421234" not in first
    assert crypto.decrypt(first, field="customer.phone") == "+8614212341234"


def test_nothing_stays_nothing():
    assert crypto.encrypt("", field="customer.name") is None
    assert crypto.encrypt(None, field="customer.name") is None
    assert crypto.decrypt(None, field="customer.name") is None


def test_many_equal_one_by_one():
    sealed = crypto.encrypt_many(["王芳", None, "欧阳修远"], field="customer.name")
    assert [crypto.decrypt(s, field="customer.name") for s in sealed] == ["王芳", None, "欧阳修远"]


def test_a_changed_byte_or_a_moved_value_is_refused():
    sealed = crypto.encrypt("王芳", field="customer.name")
    with pytest.raises(crypto.Tampered):
        crypto.decrypt(sealed[:-1] + bytes([sealed[-1] ^ 1]), field="customer.name")
    with pytest.raises(crypto.Tampered):
        crypto.decrypt(sealed, field="customer.phone")


def test_an_older_key_still_opens_what_it_sealed(settings):
    sealed = crypto.encrypt("王芳", field="customer.name")
    text = "index={0},k1={1},k2={2}"
    b64 = __import__("base64").b64encode
    keys = settings.FIELD_KEYS
    settings.FIELD_KEYS = parse_field_keys(
        text.format(b64(keys.index).decode(), b64(keys.encryption[1]).decode(), b64(b"n" * 32).decode())
    )
    assert crypto.decrypt(sealed, field="customer.name") == "王芳"
    assert crypto.encrypt("王芳", field="customer.name")[0] == 2
    crypto._cipher.cache_clear()


@pytest.mark.parametrize(
    "raw",
    [
        "14212341234",
        "142 1234 1234",
        "142-1234-1234",
        "+86 142 1234 1234",
        "8614212341234",
        "008614212341234",
        "(142)12341234",
    ],
)
def test_one_phone_has_one_form_and_one_index(raw):
    assert crypto.normalise_phone(raw) == "+8614212341234"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("1.38E+10", "scientific"),
        ("1.38e10", "scientific"),
        ("1421234123", "digits"),
        ("24212341234", "digits"),
        ("", "digits"),
        ("电话", "digits"),
        ("+8610", "digits"),
    ],
)
def test_what_is_no_phone_says_why(raw, reason):
    with pytest.raises(crypto.PhoneError, match=reason):
        crypto.normalise_phone(raw)


def test_a_foreign_number_keeps_its_country():
    assert crypto.normalise_phone("+351 912 345 678") == "+351912345678"


@pytest.mark.parametrize(
    ("name", "mask"),
    [("王芳", "王*"), ("王", "王*"), ("欧阳修远", "欧阳**"), ("李小明", "李**"), ("Anna Silva", "A*"), ("", "")],
)
def test_masks_keep_the_family_name_only(name, mask):
    assert crypto.mask_name(name) == mask


def test_a_masked_phone_keeps_three_and_four_digits():
    assert crypto.mask_phone("+8614212341234") == "142****1234"


def test_the_index_needs_its_key(settings):
    before = crypto.blind_index("+8614212341234")
    assert len(before) == 32
    settings.FIELD_KEYS = settings.FIELD_KEYS.__class__(b"o" * 32, settings.FIELD_KEYS.encryption)
    assert crypto.blind_index("+8614212341234") != before
