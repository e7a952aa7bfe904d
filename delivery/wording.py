"""The text one person gets: the approved words, their own facts, the bank's signature and the way out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from campaigns import content
from campaigns.models import Campaign, ContactPolicy, Variant

SALUTATIONS = frozenset(content.BUILT_IN["salutation"])

# Facts and salutations (王女士) repeat; whole names do not and are not kept.
_usable = lru_cache(maxsize=50_000)(content.usable)


class Wording:
    """An approved variant, read once and filled for many people.

    It gives exactly `compose(signature, render(text, values), opt_out)` of `campaigns.content`; a test holds it to it.
    """

    def __init__(self, *, variant: Variant, campaign: Campaign, policy: ContactPolicy) -> None:
        product = campaign.product
        self.pieces = content.parse(variant.text)
        self.policy = policy
        self.needs_name = any(piece.is_name and piece.text in SALUTATIONS for piece in self.pieces)
        self.product = {
            name: value
            for name, value in content.built_in_values(
                annual_rate=product.annual_rate if product else "", product=product.name_zh if product else ""
            ).items()
            if name not in SALUTATIONS
        }

    @property
    def names(self) -> list[str]:
        return [piece.text for piece in self.pieces if piece.is_name]

    def text(self, facts: Mapping[str, str], name: str | None = None, *, mark: str = "") -> str:
        """Return the whole message for a person; raise content.MissingValue where a value is not there."""
        body = mark + "".join(self._value(p.text, facts, name) if p.is_name else p.text for p in self.pieces)
        return content.compose(self.policy.signature, body, self.policy.opt_out_text)

    def _value(self, key: str, facts: Mapping[str, str], name: str | None) -> str:
        if key in SALUTATIONS:
            value = _usable(content.salutation(name, facts.get("gender")))
        else:
            value = _usable(self.product.get(key) or facts.get(key))
        if value is None:
            raise content.MissingValue(key)
        return value

    def parts(self, text: str) -> int:
        """Return how many parts the text is billed as."""
        if self.policy.length_profile == "gsm":
            return content.sms_parts(text, "gsm").count
        return _domestic_parts(len(text))


@lru_cache(maxsize=1024)
def _domestic_parts(length: int) -> int:
    # Domestic gateways count characters only, so any text of the length tells.
    return content.sms_parts("字" * length, "cn").count
