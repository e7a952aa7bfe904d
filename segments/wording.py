"""Print a rule as a sentence, in Chinese or English, as spans of text that a page may set in bold or red."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext, override, pgettext

from .fields import Catalogue, Field, FieldType, Words
from .rules import Condition, Group, Node, Rule
from .values import Scalar

MOST_LISTED = 8


class Span(NamedTuple):
    """A piece of a sentence; `kind` is "text", "strong" (a condition) or "not" (the word that shuts people out)."""

    text: str
    kind: str = "text"


Spans = tuple[Span, ...]


def sentence(rule: Rule, catalogue: Catalogue, language: str) -> Spans:
    """Return the whole rule as one sentence.

    An attribute that is gone from the catalogue is named by its key, so that old versions stay readable.

    >>> plain(sentence(rule, catalogue, "en"))
    'Customers whose age is 25–55, and salary paid here is yes; without those whose overdue now is yes.'
    """
    with override(language):
        return _joined(_sentence(rule, catalogue, language), language)


def phrase(node: Node, catalogue: Catalogue, language: str) -> str:
    """Return one condition or group as a short plain clause, for a row of a waterfall."""
    with override(language):
        if isinstance(node, Condition):
            return _condition(node, catalogue, language)
        return plain(_joined(_group(node, catalogue, language), language))


def value_text(value: object, field: Field, language: str) -> str:
    """Return a stored value as people read it in a table: with its choice's label and thousands, "–" for unknown."""
    with override(language):
        if value is None or value == "" or value != value:
            return "–"
        if isinstance(value, bool):
            return _("Yes") if value else _("No")
        if isinstance(value, Decimal | float):
            value = round(float(value), 2)
            value = int(value) if value == int(value) else value
        if isinstance(value, int | float):
            return _figure(value, field)
        if isinstance(value, datetime):
            value = value.date()
        return value.isoformat() if isinstance(value, date) else _choice_or_text(str(value), field, language)


def _choice_or_text(value: str, field: Field, language: str) -> str:
    label = field.choice_label(value)
    return label.in_language(language) if label else value


def plain(spans: Sequence[Span]) -> str:
    """Return the sentence without its marks."""
    return "".join(span.text for span in spans)


def _sentence(rule: Rule, catalogue: Catalogue, language: str) -> list[Span]:
    must, barred = _split(rule)
    parts = {
        "must": _list(must, catalogue, language, last=_or() if rule.op == "any" else _and()),
        "without": [Span(pgettext("in the sentence of a rule", "without"), "not")],
        "barred": _list(barred, catalogue, language, last=_or()),
    }
    if must and barred:
        return _fill(_("Customers whose {must}; {without} those whose {barred}."), parts)
    if must:
        return _fill(_("Customers whose {must}."), parts)
    return _fill(_("All customers {without} those whose {barred}."), parts)


def _split(rule: Rule) -> tuple[list[Node], list[Node]]:
    """Return what must hold and what must not: the none-groups directly below an all-group read as one "without"."""
    if rule.op == "none":
        return [], list(rule.items)
    if rule.op == "any":
        return list(rule.items), []
    groups = [item for item in rule.items if isinstance(item, Group) and item.op == "none"]
    return [item for item in rule.items if item not in groups], [node for group in groups for node in group.items]


def _and() -> str:
    return pgettext("in the sentence of a rule", ", and ")


def _or() -> str:
    return pgettext("in the sentence of a rule", ", or ")


def _list(nodes: Sequence[Node], catalogue: Catalogue, language: str, *, last: str) -> list[Span]:
    spans: list[Span] = []
    for position, node in enumerate(nodes):
        if position:
            spans.append(Span(last if position == len(nodes) - 1 else pgettext("in the sentence of a rule", ", ")))
        spans += _node(node, catalogue, language)
    return spans


def _node(node: Node, catalogue: Catalogue, language: str) -> list[Span]:
    if isinstance(node, Condition):
        return [Span(_condition(node, catalogue, language), "strong")]
    return [
        Span(pgettext("in the sentence of a rule", "(")),
        *_group(node, catalogue, language),
        Span(pgettext("in the sentence of a rule", ")")),
    ]


def _group(group: Group, catalogue: Catalogue, language: str) -> list[Span]:
    if group.op == "none":
        parts = {
            "neither": [Span(_("none of these: "), "not")],
            "items": _list(group.items, catalogue, language, last=_or()),
        }
        return _fill("{neither}{items}", parts)
    return _list(group.items, catalogue, language, last=_or() if group.op == "any" else _and())


def _fill(template: str, parts: dict[str, list[Span]]) -> list[Span]:
    spans: list[Span] = []
    for position, piece in enumerate(re.split(r"\{(\w+)\}", template)):
        spans += parts[piece] if position % 2 else [Span(piece)]
    return spans


def _joined(spans: Sequence[Span], language: str) -> Spans:
    """Merge neighbouring plain texts and, in Chinese, set the customary space between Chinese and digits or Latin."""
    merged: list[Span] = []
    for span in spans:
        before = merged[-1] if merged else Span("")
        gap = " " if language.startswith("zh") and _SPACE.search(before.text[-1:] + span.text[:1]) else ""
        if span.kind == before.kind == "text" and merged:
            merged[-1] = Span(before.text + gap + span.text)
        elif span.kind == "text" or not gap:
            merged.append(Span(gap + span.text, span.kind))
        else:
            merged += [Span(gap), span] if before.kind != "text" else [span]
            if before.kind == "text":
                merged[-2] = Span(before.text + gap)
    return tuple(span for span in merged if span.text)


_SPACE = re.compile(r"(?<=[一-鿿])(?=[A-Za-z0-9¥−])|(?<=[A-Za-z0-9%])(?=[一-鿿])")


def _spaced(text: str) -> str:
    return _SPACE.sub(" ", text)


# ── one condition ────────────────────────────────────────────────────────────────────────────────────────────────


def _condition(condition: Condition, catalogue: Catalogue, language: str) -> str:
    field = catalogue.get(condition.attribute) or _gone(condition.attribute)
    parts = {"attribute": _label(field, language), **_values(condition, field, language)}
    text = _template(condition, field).format(**parts)
    return _spaced(text) if language.startswith("zh") else text


def _gone(key: str) -> Field:
    return Field(key, Words(f"“{key}”", f"“{key}”"), FieldType.NUMBER)


def _label(field: Field, language: str) -> str:
    """Return the field's name as it stands inside a sentence: English "Age" becomes "age", "AUM" stays."""
    label = field.label.in_language(language)
    if language.startswith("zh") or not label[1:2].islower():
        return label
    return label[0].lower() + label[1:]


def _template(condition: Condition, field: Field) -> str:
    op, value = condition.op, condition.value
    if op in ("in_last_days", "not_in_last_days", "in_next_days"):
        return _days_template(op, int(str(value)))
    if field.type is FieldType.DATE and op in _DATE_TEMPLATES:
        return _(_DATE_TEMPLATES[op])
    if op == "between" and isinstance(value, tuple) and isinstance(value[0], int | float) and value[0] >= 0:
        return _("{attribute} is {bare}–{high}")
    return _(_TEMPLATES[op])


def _days_template(op: str, days: int) -> str:
    if op == "in_last_days":
        return ngettext(
            "{attribute} is within the last {value} day", "{attribute} is within the last {value} days", days
        )
    if op == "not_in_last_days":
        return ngettext(
            "{attribute} is not within the last {value} day", "{attribute} is not within the last {value} days", days
        )
    return ngettext("{attribute} is within the next {value} day", "{attribute} is within the next {value} days", days)


def _values(condition: Condition, field: Field, language: str) -> dict[str, str]:
    value = condition.value
    if value is None:
        return {}
    if not isinstance(value, tuple):
        return {"value": _value(value, field, language)}
    texts = [_value(item, field, language) for item in value]
    if condition.op == "between":
        return {"low": texts[0], "high": texts[1], "bare": _figure(value[0], field)}
    return {"value": _one_of(texts)}


def _one_of(values: list[str]) -> str:
    """Return "a", "a or b", "a, b or c"; a long list is cut and says how many more there are."""
    if len(values) > MOST_LISTED:
        shown = _comma().join(values[: MOST_LISTED - 1])
        return _("{values} or one of {count} more").format(values=shown, count=len(values) - MOST_LISTED + 1)
    if len(values) == 1:
        return values[0]
    return _("{values} or {last}").format(values=_comma().join(values[:-1]), last=values[-1])


def _comma() -> str:
    return pgettext("between the values of a list", ", ")


def _value(value: Scalar, field: Field, language: str) -> str:
    if isinstance(value, bool):
        return pgettext("value of a condition", "yes") if value else pgettext("value of a condition", "no")
    if isinstance(value, int | float):
        return _with_unit(_figure(value, field), field, language)
    if isinstance(value, date):
        return value.isoformat()
    label = field.choice_label(value)
    if label is not None:
        return label.in_language(language)
    return value if field.type is FieldType.DATE else _("“{text}”").format(text=value)


def _figure(value: Scalar, field: Field) -> str:
    """Return a number with thousands separators; money carries its sign of currency. Other values have no figure."""
    if not isinstance(value, int | float):
        return ""
    return ("−" if value < 0 else "") + ("¥" if field.type is FieldType.MONEY else "") + f"{abs(value):,}"


def _with_unit(figure: str, field: Field, language: str) -> str:
    unit = field.unit.in_language(language)
    if not unit or field.type is FieldType.MONEY:
        return figure
    return f"{figure}{unit}" if unit in ("%", "‰", "×") else f"{figure} {unit}"


_TEMPLATES: dict[str, str] = {
    "eq": gettext_noop("{attribute} is {value}"),
    "ne": gettext_noop("{attribute} is not {value}"),
    "lt": gettext_noop("{attribute} is below {value}"),
    "le": gettext_noop("{attribute} is at most {value}"),
    "gt": gettext_noop("{attribute} is above {value}"),
    "ge": gettext_noop("{attribute} is at least {value}"),
    "between": gettext_noop("{attribute} is between {low} and {high}"),
    "in": gettext_noop("{attribute} is {value}"),
    "not_in": gettext_noop("{attribute} is not {value}"),
    "contains": gettext_noop("{attribute} contains {value}"),
    "before": gettext_noop("{attribute} is before {value}"),
    "after": gettext_noop("{attribute} is after {value}"),
    "is_empty": gettext_noop("{attribute} is unknown"),
    "not_empty": gettext_noop("{attribute} is known"),
}

_DATE_TEMPLATES: dict[str, str] = {
    "le": gettext_noop("{attribute} is on or before {value}"),
    "ge": gettext_noop("{attribute} is on or after {value}"),
}
