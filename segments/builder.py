"""What the rule builder draws: for each node of the tree its labels, its choices and the editor of its value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import get_language, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from .fields import ARITY, OPERATORS, Arity, Catalogue, Field, FieldType, Words
from .rules import DEEPEST, GROUP_OPS, Path, Problem
from .tree import ROOT, Tree

Label = str | Promise

GROUP_LABELS: dict[str, Label] = {"all": _("All of"), "any": _("Any of"), "none": _("None of")}
ICONS = {
    FieldType.NUMBER: "sum",
    FieldType.MONEY: "coin",
    FieldType.TEXT: "pencil",
    FieldType.CHOICE: "list",
    FieldType.BOOLEAN: "checks",
    FieldType.DATE: "calendar",
}
WORDS: dict[str, Label] = {
    "eq": pgettext_lazy("comparison", "is"),
    "ne": pgettext_lazy("comparison", "is not"),
    "in": pgettext_lazy("comparison", "is one of"),
    "not_in": pgettext_lazy("comparison", "is none of"),
    "contains": pgettext_lazy("comparison", "contains"),
    "between": pgettext_lazy("comparison", "between"),
    "before": pgettext_lazy("comparison", "before"),
    "after": pgettext_lazy("comparison", "after"),
    "le": pgettext_lazy("comparison", "on or before"),
    "ge": pgettext_lazy("comparison", "on or after"),
    "in_last_days": pgettext_lazy("comparison", "in the last"),
    "not_in_last_days": pgettext_lazy("comparison", "not in the last"),
    "in_next_days": pgettext_lazy("comparison", "in the next"),
    "is_empty": pgettext_lazy("comparison", "is unknown"),
    "not_empty": pgettext_lazy("comparison", "is known"),
}
SIGNS: dict[str, Label] = {"eq": "=", "ne": "≠", "lt": "<", "le": "≤", "gt": ">", "ge": "≥"}


@dataclass(frozen=True, slots=True)
class Option:
    """One entry of a list to choose from."""

    value: str
    label: Label
    chosen: bool


@dataclass(slots=True)
class Line:
    """One node as the page draws it; `key` is its path ("1.0"), `name` the beginning of its field names."""

    path: Path
    is_group: bool = False
    ops: list[Option] = field(default_factory=list)
    op: str = ""
    items: list[Line] = field(default_factory=list)
    attribute: str = ""
    label: str = ""
    icon: str = "help"
    editor: str = ""
    value: Any = ""
    options: list[Option] = field(default_factory=list)
    unit: str = ""
    is_money: bool = False
    fresh: bool = False
    problem: Problem | None = None

    @property
    def key(self) -> str:
        return ".".join(map(str, self.path))

    @property
    def slug(self) -> str:
        """Return the path as part of an element's id."""
        return "-".join(map(str, self.path)) or "root"

    @property
    def name(self) -> str:
        return ".".join([ROOT, *map(str, self.path)])

    @property
    def may_nest(self) -> bool:
        return len(self.path) < DEEPEST - 1

    @property
    def chosen_text(self) -> str:
        comma = pgettext("between the values of a list", ", ")
        return comma.join(str(option.label) for option in self.options if option.chosen)


def lines(tree: Tree, catalogue: Catalogue, fresh: Path | None = None) -> Line:
    """Return the root line of a tree; the node at `fresh` was just added and takes the cursor."""
    return _line(tree, (), catalogue, fresh)


class Entry(NamedTuple):
    """One attribute in the picker; `words` is what a search looks through."""

    key: str
    title: str
    words: str
    icon: str
    kind: Label


class Shelf(NamedTuple):
    """The attributes of one group in the picker."""

    title: Label
    entries: list[Entry]


KINDS: dict[FieldType, Label] = {
    FieldType.NUMBER: _("Number"),
    FieldType.MONEY: _("Money"),
    FieldType.TEXT: _("Text"),
    FieldType.CHOICE: _("Choice"),
    FieldType.BOOLEAN: _("Yes / no"),
    FieldType.DATE: _("Date"),
}


def picker(groups: Iterable[tuple[Words, list[Field]]]) -> list[Shelf]:
    """Return the attributes by group, as the picker shows them in the active language."""
    language = get_language() or "en"
    return [
        Shelf(label.in_language(language) or _("Other attributes"), [_entry(each, language) for each in fields])
        for label, fields in groups
    ]


def _entry(each: Field, language: str) -> Entry:
    words = f"{each.label.zh} {each.label.en} {each.key}".lower()
    return Entry(each.key, each.label.in_language(language), words, ICONS[each.type], KINDS[each.type])


def mark(root: Line, problems: Iterable[Problem]) -> Line:
    """Put each problem at the line it is about; return the root."""
    at = {problem.path: problem for problem in problems}
    for line in flat(root):
        line.problem = at.get(line.path)
    return root


def flat(line: Line) -> list[Line]:
    """Return a line and everything below it, in order."""
    return [line, *(below for item in line.items for below in flat(item))]


def _line(node: Tree, path: Path, catalogue: Catalogue, fresh: Path | None) -> Line:
    if "items" in node:
        line = Line(path, is_group=True, op=str(node.get("op", "")), fresh=path == fresh)
        line.ops = [Option(op, GROUP_LABELS[op], op == line.op) for op in GROUP_OPS]
        line.items = [_line(item, (*path, at), catalogue, fresh) for at, item in enumerate(node["items"])]
        return line
    return _condition(node, path, catalogue, fresh)


def _condition(node: Tree, path: Path, catalogue: Catalogue, fresh: Path | None) -> Line:
    key, op = str(node.get("attribute", "")), str(node.get("op", ""))
    known = catalogue.get(key)
    line = Line(path, attribute=key, op=op, label=f"“{key}”", value=node.get("value"), fresh=path == fresh)
    if known is None:
        line.editor, line.icon = "gone", "alert-triangle"
        return line
    language = get_language() or "en"
    line.label, line.icon = known.label.in_language(language), ICONS[known.type]
    line.is_money = known.type is FieldType.MONEY
    line.unit = "" if line.is_money else known.unit.in_language(language)
    line.ops = [Option(each, op_label(known.type, each), each == op) for each in OPERATORS[known.type]]
    line.editor = _editor(known.type, ARITY.get(op, Arity.ONE))
    line.options = _options(known, line.value, language)
    line.value = _shown(line.editor, _grouped(line.value) if line.is_money else line.value)
    return line


def op_label(kind: FieldType, op: str) -> Label:
    """Return how an operator reads in the list: signs for figures, words for everything else."""
    signs: Mapping[str, Label] = SIGNS if kind in (FieldType.NUMBER, FieldType.MONEY) else {}
    return signs.get(op) or WORDS[op]


def _editor(kind: FieldType, arity: Arity) -> str:
    """Return the name of the editor: none, days, boolean, choice(s), date(s), number(s), text or a typed list."""
    if arity in (Arity.NONE, Arity.DAYS):
        return arity.value
    if kind is FieldType.BOOLEAN:
        return "boolean"
    if kind is FieldType.CHOICE:
        return "choices" if arity is Arity.MANY else "choice"
    if arity is Arity.MANY:
        return "list"
    one = {FieldType.DATE: "date", FieldType.TEXT: "text"}.get(kind, "number")
    return f"{one}s" if arity is Arity.PAIR else one


def _options(known: Field, value: Any, language: str) -> list[Option]:
    chosen = {str(item) for item in value} if isinstance(value, list | tuple) else {str(value)}
    if known.type is FieldType.BOOLEAN:
        truth = {"True": "true", "False": "false"}
        chosen = {truth.get(item, item) for item in chosen}
        return [Option("true", _("Yes"), "true" in chosen), Option("false", _("No"), "false" in chosen)]
    return [Option(c.value, c.label.in_language(language), c.value in chosen) for c in known.choices]


def _grouped(value: Any) -> Any:
    """Return saved amounts with thousands separators, the way they may be typed; typed text stays as it is."""
    if isinstance(value, list | tuple):
        return [_grouped(item) for item in value]
    return f"{value:,}" if isinstance(value, int | float) else value


def _shown(editor: str, value: Any) -> Any:
    """Return the value as the editor's inputs hold it; an editor that does not fit an old value starts empty."""
    if editor in ("numbers", "dates"):
        return ([*value, "", ""] if isinstance(value, list | tuple) else [value or "", ""])[:2]
    if editor == "list":
        return "、".join(map(str, value)) if isinstance(value, list | tuple) else value or ""
    if isinstance(value, list | tuple):
        return value[0] if value else ""
    return "" if value is None else value
