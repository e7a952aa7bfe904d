"""What changed between two submissions, for the approver: words struck out and put in, and what stayed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from marketing.lib import days

_WORDS = re.compile(r"\{\{[^{}]*\}\}|[A-Za-z0-9.,%]+|\s+|.", re.S)


class Span(NamedTuple):
    """A stretch of text; `kind` is "same", "del" or "ins"."""

    kind: str
    text: str


class Change(NamedTuple):
    """One thing that differs, with its old and new wording as spans."""

    label: str
    spans: tuple[Span, ...]


def spans(old: str, new: str) -> tuple[Span, ...]:
    """Compare two texts; a placeholder, a number or a Latin word is one unit, a Chinese character is one."""
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    found: list[Span] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            found.append(Span("same", "".join(before[i1:i2])))
            continue
        found += [
            Span(kind, text) for kind, text in (("del", "".join(before[i1:i2])), ("ins", "".join(after[j1:j2]))) if text
        ]
    return tuple(found)


def whole(old: str, new: str) -> tuple[Span, ...]:
    """Compare two short values as wholes."""
    return tuple(Span(kind, text) for kind, text in (("del", old), ("ins", new)) if text)


def between(old: dict[str, Any], new: dict[str, Any]) -> tuple[list[Change], list[str]]:
    """Return what differs between two submissions' contents, and the labels of what does not."""
    changes, same = _texts(old, new)
    for label, key, say in _parts():
        if old.get(key) == new.get(key):
            same.append(label)
        else:
            changes.append(Change(label, whole(say(old.get(key)), say(new.get(key)))))
    return changes, same


def _texts(old: dict[str, Any], new: dict[str, Any]) -> tuple[list[Change], list[str]]:
    before = {(step, label): text for step, _channel, label, text in old.get("texts", [])}
    after = {(step, label): text for step, _channel, label, text in new.get("texts", [])}
    changes, same = [], []
    for step, label in sorted(before | after):
        name = _("Text %(label)s") % {"label": label}
        was, is_ = before.get((step, label), ""), after.get((step, label), "")
        if was == is_:
            same.append(name)
        else:
            changes.append(Change(name, spans(was, is_)))
    return changes, same


def _parts() -> Iterable[tuple[str, str, Any]]:
    return [
        (_("Segment and rule"), "audience", _audience),
        (_("Time"), "scheduled_at", _time),
        (_("Product and rate"), "product", lambda value: " ".join(value) if value else "–"),
        (_("Control group"), "control_percent", lambda value: f"{value} %"),
        (_("Budget"), "budget", lambda value: f"¥{value}" if value else "–"),
        (_("Goal"), "goal_days", lambda value: _("%(days)s days") % {"days": value}),
        (_("Size tolerance"), "size_tolerance_percent", lambda value: f"{value} %"),
        (_("Contact policy"), "policy", _policy),
    ]


def _audience(value: dict[str, Any] | None) -> str:
    return f"#{value['segment']} v{value['version']} {value['rule_hash'][:8]}" if value else "–"


def _time(value: str | None) -> str:
    return f"{days.local(datetime.fromisoformat(value)):%Y-%m-%d %H:%M}" if value else _("by hand after approval")


def _policy(value: list[dict[str, Any]] | None) -> str:
    return "; ".join(" ".join(str(part) for part in policy.values()) for policy in value or [])
