"""Names and phones at rest: AES-256-GCM per field, a keyed blind index to search by, masks to show.

A stored value is one byte of key id, 12 bytes of nonce, then ciphertext and tag; the field's name is
authenticated with it, so that a phone cannot be moved into a name. The index is HMAC-SHA256 under its own key:
a plain hash of eleven digits could be tried out.
"""

import hmac
import re
import secrets
from collections.abc import Iterable
from functools import cache

import phonenumbers
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings


class PhoneError(ValueError):
    """The text is not a phone number that a message could reach."""


class Tampered(ValueError):
    """The stored bytes were changed, or belong to another field or key."""


@cache
def _cipher(key_id: int) -> AESGCM:
    return AESGCM(settings.FIELD_KEYS.encryption[key_id])


def encrypt(text: str | None, *, field: str) -> bytes | None:
    """Encrypt a value for the field; None and the empty text stay None."""
    if not text:
        return None
    key_id = settings.FIELD_KEYS.current
    nonce = secrets.token_bytes(12)
    return bytes([key_id]) + nonce + _cipher(key_id).encrypt(nonce, text.encode(), field.encode())


def encrypt_many(texts: Iterable[str | None], *, field: str) -> list[bytes | None]:
    """Encrypt values one by one, with the lookups done once."""
    key_id, aad = settings.FIELD_KEYS.current, field.encode()
    seal, head = _cipher(key_id).encrypt, bytes([key_id])
    nonces = secrets.token_bytes
    return [head + (n := nonces(12)) + seal(n, t.encode(), aad) if t else None for t in texts]


def decrypt(blob: bytes | memoryview | None, *, field: str) -> str | None:
    """Decrypt a stored value; raise Tampered where it is not what was stored for this field."""
    if not blob:
        return None
    raw = bytes(blob)
    try:
        return _cipher(raw[0]).decrypt(raw[1:13], raw[13:], field.encode()).decode()
    except (InvalidTag, KeyError, ValueError) as error:
        raise Tampered(f"{field} cannot be decrypted") from error


def blind_index(text: str) -> bytes:
    """Return the 32 bytes under which an exact value can be found without storing it."""
    return hmac.digest(settings.FIELD_KEYS.index, text.encode(), "sha256")


def index_pads() -> tuple[bytes, bytes]:
    """Return the (inner, outer) pads of the index key, for an engine that computes the HMAC over whole columns."""
    block = settings.FIELD_KEYS.index.ljust(64, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


CHINESE_MOBILE = re.compile(r"(?:\+?86|0086)?(1\d{10})")


def normalise_phone(raw: str) -> str:
    """Return the number in E.164; a Chinese mobile has eleven digits beginning with 1, others follow their plan.

    Raises PhoneError, whose text is a reason code: `scientific`, `digits`.
    """
    text = re.sub(r"[\s\-()（）]", "", raw)
    if re.fullmatch(r"[\d.]+[eE]\+?\d+", text):
        raise PhoneError("scientific")
    if match := CHINESE_MOBILE.fullmatch(text):
        return "+86" + match[1]
    if not text.startswith("+"):
        raise PhoneError("digits")
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException as error:
        raise PhoneError("digits") from error
    if number.country_code == 86 or not phonenumbers.is_possible_number(number):
        raise PhoneError("digits")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def mask_phone(phone: str | None) -> str:
    """Show 138****1234 of +8613812341234, and the outer digits of other numbers."""
    if not phone:
        return ""
    digits = phone.removeprefix("+86")
    return f"{digits[:3]}****{digits[-4:]}"


COMPOUND_SURNAMES = (
    "欧阳",
    "司马",
    "上官",
    "诸葛",
    "司徒",
    "东方",
    "独孤",
    "南宫",
    "夏侯",
    "尉迟",
    "皇甫",
    "慕容",
    "令狐",
    "公孙",
    "长孙",
)


def surname(name: str) -> str:
    """Return the family name: one character, or two of a compound one; the last word of a Latin name."""
    if name.isascii():
        return name.split()[-1] if name.split() else name
    return name[:2] if name.startswith(COMPOUND_SURNAMES) else name[:1]


def mask_name(name: str | None) -> str:
    """Show 王* of 王芳 and 欧阳** of 欧阳修远; a Latin name keeps its initial."""
    if not name:
        return ""
    if name.isascii():
        return f"{name[:1]}*"
    kept = surname(name)
    return kept + "*" * max(1, len(name) - len(kept))
