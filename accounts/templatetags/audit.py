"""Words for the audit page."""

from typing import Any

from django import template

from accounts.actions import ACTIONS

register = template.Library()


@register.filter
def action_word(action: str) -> str:
    """Say what was done; an action without a word shows its code."""
    return str(ACTIONS.get(action, action))


@register.filter
def pairs(detail: dict[str, Any]) -> str:
    """Write an entry's detail as `key value` pairs in one line."""
    return ", ".join(f"{key} {value}" for key, value in detail.items())


@register.filter
def short_hash(digest: bytes) -> str:
    """Show the first four bytes of a hash."""
    return bytes(digest).hex()[:8]
