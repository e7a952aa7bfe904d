"""Field keys as they stand in the environment."""

import base64
import binascii
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True)
class FieldKeys:
    """The key of the blind index, and the encryption keys by id; the last listed one encrypts."""

    index: bytes
    encryption: dict[int, bytes]

    @property
    def current(self) -> int:
        return list(self.encryption)[-1]


def parse_field_keys(text: str) -> FieldKeys:
    """Read `index=<b64>,k1=<b64>[,k2=…]`; raise ImproperlyConfigured naming the part that is wrong."""
    index, encryption = b"", {}
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        try:
            key = base64.b64decode(value, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != 32:
            raise ImproperlyConfigured(f"FIELD_KEYS: {name or 'an empty part'} is not 32 bytes in base64.")
        if name == "index":
            index = key
        elif name[:1] == "k" and name[1:].isdigit() and 0 < int(name[1:]) < 256:
            encryption[int(name[1:])] = key
        else:
            raise ImproperlyConfigured(f"FIELD_KEYS: {name!r} is not known; use index, k1, k2, … k255.")
    if not index or not encryption:
        raise ImproperlyConfigured("FIELD_KEYS needs index=… and at least k1=….")
    return FieldKeys(index, encryption)
