"""What a text says to one person: placeholders, the text as sent, its length in SMS parts and its price.

Nothing here evaluates anything. A text is cut into plain pieces and `{{names}}`; a name is looked up in a flat
dictionary of strings and put in as it stands. No filters, no attributes, no template engine: with one, whoever writes a
text would reach whatever the engine can reach.

The module is pure: no database, no clock.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from django.utils.translation import gettext as _

Profile = Literal["cn", "gsm"]

# A placeholder that is always there, whatever the bank's catalogue holds: its key, and the names people write for it.
BUILT_IN: dict[str, tuple[str, ...]] = {
    "salutation": ("称呼", "salutation"),
    "annual_rate": ("年化利率", "annual_rate"),
    "product": ("产品", "product"),
}

# Longer than this is not a name, an amount or a date, and would double the price of everybody's message. A longer value
# is refused, not cut: the first digits of an amount are another amount.
MAX_VALUE = 40

CN_MAX = 500  # characters with signature and opt-out wording, all domestic gateways


class TextError(ValueError):
    """Raise when a text cannot be read; the message is a sentence for the person who wrote it."""


class MissingValue(ValueError):
    """Raise when a person has no usable value for a placeholder: that person is left out, never sent a gap."""

    def __init__(self, name: str) -> None:
        super().__init__(_("There is no value for “%(name)s”.") % {"name": name})
        self.name = name


@dataclass(frozen=True)
class Piece:
    """A stretch of a text: plain words, or the name of a placeholder."""

    text: str
    is_name: bool = False


# -- reading ------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"\{\{([^{}]*)\}\}")
_WIDE_BRACE = re.compile(r"[｛｝]")
_ANY_BRACE = re.compile(r"[{}]")


def parse(text: str) -> list[Piece]:
    """Cut a text into plain pieces and placeholder names, in order.

    Raises TextError, with a sentence, for full-width or single braces, an empty name, or spaces inside the braces: each
    looks right on screen and would go out as typed.
    """
    if _WIDE_BRACE.search(text):
        raise TextError(_("The braces ｛｛ ｝｝ are full-width. Type them as {{ }} so that the value is put in."))
    pieces: list[Piece] = []
    at = 0
    for token in _TOKEN.finditer(text):
        pieces += _plain(text[at : token.start()])
        pieces.append(Piece(_name(token.group(1)), is_name=True))
        at = token.end()
    return pieces + _plain(text[at:])


def _plain(text: str) -> list[Piece]:
    if _ANY_BRACE.search(text):
        raise TextError(
            _("A brace is left over near “%(near)s”. A placeholder looks like {{name}}.") % {"near": text[:20]}
        )
    return [Piece(text)] if text else []


def _name(raw: str) -> str:
    name = raw.strip()
    if not name:
        raise TextError(_("A placeholder is empty. Write the name of a value between the braces."))
    if name != raw:
        raise TextError(_("Write {{%(name)s}} without spaces inside the braces.") % {"name": name})
    return name


def placeholders(text: str) -> list[str]:
    """Name the placeholders of a text, each once, in the order they are first used."""
    return list(dict.fromkeys(piece.text for piece in parse(text) if piece.is_name))


def names(attributes: Iterable[tuple[str, str, str]] = ()) -> dict[str, str]:
    """Map every name that may stand between braces to its key.

    `attributes` are (key, Chinese label, English label) of the allow-listed attributes. A built-in wins over an
    attribute of the same name, so that the annual rate is always the product's.
    """
    known: dict[str, str] = {}
    for key, *labels in attributes:
        for label in (*labels, key):
            known[label.strip()] = key
    known.pop("", None)
    return known | {alias: key for key, aliases in BUILT_IN.items() for alias in aliases}


def unknown(text: str, known: Mapping[str, str]) -> list[str]:
    """Name the placeholders of a text that nothing stands behind."""
    return [name for name in placeholders(text) if name not in known]


# -- the text as sent ---------------------------------------------------------------------------------------------

_LINK = re.compile(
    r"(?:https?://|www\.)\S+|(?<![\w.])(?:[a-z0-9-]+\.)+(?:cn|com|net|org|cc|top|vip|io|me|xyz|info)\b\S*", re.I
)
_STOP_WORDS = re.compile("退订|拒收")


# Most names and figures: nothing in them that could be taken away, normalised or joined.
_PLAIN = re.compile(r"[\u3400-\u9fff0-9,]*")


def clean(value: str) -> str:
    """Return a value that cannot change what surrounds it.

    Line breaks, control and zero-width characters, signature brackets, braces, links and opt-out words go: a customer
    whose name holds any of them must not break the signature, the links or the price of a message.
    """
    if _PLAIN.fullmatch(value) and not _STOP_WORDS.search(value):
        return value
    value = _LINK.sub("", unicodedata.normalize("NFC", value))
    value = "".join(" " if c.isspace() else c for c in value if c.isspace() or unicodedata.category(c)[0] != "C")
    value = _STOP_WORDS.sub("", re.sub(r"[【】{}｛｝]", "", value))
    return re.sub(r" {2,}", " ", value).strip()


def usable(value: str | None) -> str | None:
    """Return the value as it may stand in a text, or None where the person has to be left out."""
    cleaned = clean(value) if value else ""
    return cleaned if 0 < len(cleaned) <= MAX_VALUE else None


def filled(text: str, values: Mapping[str, str | None]) -> list[Piece]:
    """Put values in and keep which pieces came from a placeholder, for the preview to mark.

    Raises MissingValue for a name without a value, or whose value is empty or too long once cleaned.
    """
    return [Piece(_value(piece.text, values), is_name=True) if piece.is_name else piece for piece in parse(text)]


def _value(name: str, values: Mapping[str, str | None]) -> str:
    value = usable(values.get(name))
    if value is None:
        raise MissingValue(name)
    return value


def render(text: str, values: Mapping[str, str | None]) -> str:
    """Return the text with every placeholder replaced; `values` is keyed by the names as written in the text.

    >>> render("{{称呼}}，您好", {"称呼": "王女士"})
    '王女士，您好'
    """
    return "".join(piece.text for piece in filled(text, values))


def built_in_values(*, salutation: str = "", annual_rate: str = "", product: str = "") -> dict[str, str]:
    """Give the built-in placeholders their values under every name they may be written with."""
    values = {"salutation": salutation, "annual_rate": annual_rate, "product": product}
    return {alias: values[key] for key, aliases in BUILT_IN.items() for alias in aliases}


_DOUBLE_SURNAMES = re.compile(
    "欧阳|太史|端木|上官|司马|东方|独孤|南宫|万俟|闻人|夏侯|诸葛|尉迟|公羊|赫连|澹台|皇甫|宗政|濮阳|公冶|太叔|"
    "申屠|公孙|慕容|仲孙|钟离|长孙|宇文|司徒|鲜于|司空|令狐|百里|呼延|东郭|南门|西门|第五"
)
_HAN_NAME = re.compile(r"[\u3400-\u9fff·]{2,}")
_TITLES = {"M": "先生", "F": "女士", "男": "先生", "女": "女士", "MALE": "先生", "FEMALE": "女士"}


def salutation(name: str | None, gender: str | None) -> str:
    """Address a person: surname and 先生 or 女士, or 客户 where either is not known.

    >>> salutation("欧阳建国", "M")
    '欧阳先生'
    """
    name = clean(name or "")
    title = _TITLES.get((gender or "").strip().upper())
    if not title or not _HAN_NAME.fullmatch(name):
        return "客户"
    surname = name[:2] if _DOUBLE_SURNAMES.match(name) and len(name) > 2 else name[:1]
    return surname + title


def compose(signature: str, body: str, opt_out: str) -> str:
    """Return the whole message: 【signature】, body, and the opt-out wording unless the body already holds it."""
    sign = signature.strip().strip("【】")
    head = f"【{sign}】" if sign else ""
    tail = "" if not opt_out or opt_out in body else opt_out
    return head + body.rstrip() + (_joint(body.rstrip(), tail) if tail else "") + tail


def _joint(body: str, tail: str) -> str:
    if not body or not (body[-1].isalnum() or body[-1] == "}"):
        return ""
    return "，" if tail[0] > "\u2e7f" else " "


# -- length and price ---------------------------------------------------------------------------------------------

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_ESCAPED = frozenset("^{}[]~\\€|\f")


@dataclass(frozen=True)
class Parts:
    """How a text is billed: `segments` as cut, `length` in the units of `encoding` (cn, gsm7 or ucs2)."""

    encoding: str
    length: int
    segments: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.segments)


def sms_parts(text: str, profile: Profile = "cn") -> Parts:
    """Cut a text, signature and opt-out wording included, into the parts a gateway bills.

    `cn`: domestic gateways, every character counts 1; 70 in one part, 67 each where there are more.
    `gsm`: international; GSM-7 160/153 with escaped characters counting 2, any other character turns the whole text to
    UCS-2, 70/67 UTF-16 units. A part never ends inside an escape or a surrogate pair. An empty text has no parts.
    """
    encoding, sizes, single, each = _measure(text, profile)
    length = sum(sizes)
    if length <= single:
        return Parts(encoding, length, (text,) if text else ())
    return Parts(encoding, length, tuple(_cut(text, sizes, each)))


def _measure(text: str, profile: Profile) -> tuple[str, list[int], int, int]:
    if profile == "cn":
        return "cn", [1] * len(text), 70, 67
    if all(c in _GSM or c in _GSM_ESCAPED for c in text):
        return "gsm7", [2 if c in _GSM_ESCAPED else 1 for c in text], 160, 153
    return "ucs2", [2 if ord(c) > 0xFFFF else 1 for c in text], 70, 67


def _cut(text: str, sizes: list[int], each: int) -> Iterable[str]:
    start = used = 0
    for index, size in enumerate(sizes):
        if used + size > each:
            yield text[start:index]
            start, used = index, 0
        used += size
    yield text[start:]


def longest(text: str, max_values: Mapping[str, str]) -> str:
    """Return the text with the longest value of each placeholder put in: the most anybody's message can cost.

    A placeholder without a known longest value counts as the cap, so the answer is never too small.
    """
    widest = {name: (usable(max_values.get(name)) or "字" * MAX_VALUE) for name in placeholders(text)}
    return render(text, widest)


def cost(parts: int, price: Decimal) -> Decimal:
    """Return what `parts` billed parts cost at `price` per part."""
    return Decimal(parts) * price
