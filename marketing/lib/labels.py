"""Words a bank keeps in two languages, shown in the reader's."""

from django.utils.translation import get_language


def in_language(zh: str, en: str) -> str:
    """Return the text of the active language, or the other one where it is empty."""
    first, second = (en, zh) if (get_language() or "").startswith("en") else (zh, en)
    return first or second
