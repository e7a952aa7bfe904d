"""An audit entry's detail in words: what a person reads where the trail keeps codes and numbers."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from marketing.lib.days import local

SHOWN_OF_A_HASH = 8
# Keys the trail writes; one that is not here shows its code.
WORDS = {
    "after": pgettext_lazy("audit", "now"),
    "as_of": pgettext_lazy("audit", "data of"),
    "audience": pgettext_lazy("audit", "audience"),
    "batches": pgettext_lazy("audit", "batches"),
    "before": pgettext_lazy("audit", "was"),
    "budget": pgettext_lazy("audit", "budget"),
    "channel": pgettext_lazy("audit", "channel"),
    "characters": pgettext_lazy("audit", "characters"),
    "characters_before": pgettext_lazy("audit", "characters before"),
    "code": pgettext_lazy("audit", "code"),
    "contact_cap": pgettext_lazy("audit", "contacted often enough"),
    "content_hash": pgettext_lazy("audit", "content"),
    "control": pgettext_lazy("audit", "control group"),
    "cost": pgettext_lazy("audit", "cost"),
    "customers": pgettext_lazy("audit", "customers"),
    "excluded": pgettext_lazy("audit", "left out"),
    "from": pgettext_lazy("audit", "from"),
    "gateway": pgettext_lazy("audit", "gateway"),
    "key": pgettext_lazy("audit", "key"),
    "kind": pgettext_lazy("audit", "feed"),
    "landed": pgettext_lazy("audit", "landed"),
    "made": pgettext_lazy("audit", "created"),
    "messages": pgettext_lazy("audit", "messages"),
    "name": pgettext_lazy("audit", "name"),
    "no_consent": pgettext_lazy("audit", "no consent"),
    "no_phone": pgettext_lazy("audit", "no phone"),
    "planned": pgettext_lazy("audit", "planned"),
    "product": pgettext_lazy("audit", "product"),
    "reason": pgettext_lazy("audit", "reason"),
    "role": pgettext_lazy("audit", "role"),
    "rows": pgettext_lazy("audit", "rows"),
    "rule": pgettext_lazy("audit", "rule"),
    "run": pgettext_lazy("audit", "run"),
    "rejected": pgettext_lazy("audit", "rejected"),
    "scheduled_at": pgettext_lazy("audit", "start"),
    "sha256": pgettext_lazy("audit", "fingerprint"),
    "size": pgettext_lazy("audit", "customers"),
    "snapshot": pgettext_lazy("audit", "snapshot"),
    "step": pgettext_lazy("audit", "step"),
    "token": pgettext_lazy("audit", "token"),
    "treated": pgettext_lazy("audit", "to contact"),
    "type": pgettext_lazy("audit", "type"),
    "until": pgettext_lazy("audit", "until"),
    "variant": pgettext_lazy("audit", "text"),
    "version": pgettext_lazy("audit", "version"),
    "what": pgettext_lazy("audit", "what"),
    "why": pgettext_lazy("audit", "why"),
}


def in_words(detail: dict[str, Any]) -> str:
    """Write an entry's detail in one line: `budget – → 2000` for a change, `to contact 3,574` for a fact."""
    before, after = detail.get("before"), detail.get("after")
    if isinstance(before, dict) and isinstance(after, dict):
        changes = (f"{_word(key)} {_value(before.get(key))} → {_value(after[key])}" for key in after)
        rest = {key: value for key, value in detail.items() if key not in ("before", "after")}
        return _("; ").join([*changes, *_facts(rest)])
    return _("; ").join(_facts(detail))


def _facts(detail: dict[str, Any]) -> list[str]:
    return [f"{_word(key)} {_value(value)}" for key, value in detail.items() if value != ""]


def _word(key: str) -> str:
    return str(WORDS.get(key, key))


def _value(value: Any) -> str:
    """Write a value as figures, a moment of the bank's zone, the beginning of a hash, or the facts inside."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        return f"({', '.join(_facts(value))})"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    text = str(value)
    if len(text) == 64 and text.isalnum():
        return text[:SHOWN_OF_A_HASH]
    return _moment(text)


def _moment(text: str) -> str:
    """Return an ISO instant as the bank's clock shows it, and any other text as it is."""
    if len(text) < len("2026-01-01 00:00+00:00"):
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{local(at):%Y-%m-%d %H:%M}" if at.tzinfo else text
