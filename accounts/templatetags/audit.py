"""Words for the audit page."""

from typing import Any

from django import template

from accounts.actions import ACTIONS
from accounts.details import in_words

register = template.Library()


@register.filter
def action_word(action: str) -> str:
    """Say what was done; an action without a word shows its code."""
    return str(ACTIONS.get(action, action))


@register.filter
def pairs(detail: dict[str, Any]) -> str:
    """Write an entry's detail as words and values in one line."""
    return in_words(detail)


@register.filter
def short_hash(digest: bytes) -> str:
    """Show the first four bytes of a hash."""
    return bytes(digest).hex()[:8]
