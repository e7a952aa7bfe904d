"""Columns on their way into one statement: PostgreSQL's array literals, written without a driver's care per element.

A thousand rows go out and come back in each call; the driver's adaptation of lists costs more than sending them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime


def ints(values: Iterable[int | None]) -> str:
    """Return a literal for bigint[] or int[]."""
    return "{" + ",".join("NULL" if value is None else str(int(value)) for value in values) + "}"


def texts(values: Iterable[str]) -> str:
    """Return a literal for text[]; backslashes and quotes are escaped, nothing else has a meaning inside quotes.

    >>> texts(['a', 'b"c', 'NULL', ''])
    '{"a","b\\\\"c","NULL",""}'
    """
    given = list(values)
    joined = '","'.join(given)
    if given and "\\" not in joined and joined.count('"') == 2 * len(given) - 2:  # as nearly always
        return '{"' + joined + '"}'
    return "{" + ",".join('"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"' for v in given) + "}"


def instants(values: Iterable[datetime]) -> str:
    """Return a literal for timestamptz[]."""
    return texts(value.isoformat() for value in values)


def storable(text: str) -> str:
    """Return the text without what PostgreSQL cannot hold: the zero character and half surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "ignore").decode()
