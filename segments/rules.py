"""The rule of a segment: a typed, immutable tree of conditions; read, checked, written and hashed here.

A rule travels as JSON. Groups hold conditions and further groups:

    {"version": 1, "op": "all", "items": [
        {"attribute": "age", "op": "between", "value": [25, 55]},
        {"op": "none", "items": [{"attribute": "overdue", "op": "eq", "value": true}]}]}

Meaning: `all` holds when every item holds, `any` when at least one does, `none` when not one does. A comparison with
an unknown value does not hold (so inside `none` it does not put anybody out); `is_empty` asks for the unknown itself.
Relative dates count from the date of the data, not from today.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from django.utils.translation import gettext as _

from marketing.lib.errors import UserError

from .fields import ARITY, OPERATORS, Arity, Catalogue, Field
from .values import MissingValueError, Scalar, WrongValueError, read_days, read_value

VERSION = 1
MOST_CONDITIONS = 200
DEEPEST = 10
LONGEST_LIST = 1_000
GROUP_OPS = ("all", "any", "none")

Path: TypeAlias = tuple[int, ...]
Value: TypeAlias = Scalar | tuple[Scalar, ...] | None


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison: an attribute's key, an operator of `fields.OPERATORS`, and none, one or several values."""

    attribute: str
    op: str
    value: Value = None


@dataclass(frozen=True, slots=True)
class Group:
    """Several nodes joined by all, any or none."""

    op: str
    items: tuple[Node, ...]


Node: TypeAlias = Condition | Group
Rule: TypeAlias = Group


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one node; `path` leads to it by position: (1, 0) is the first item of the second item."""

    path: Path
    sentence: str
    unfinished: bool = False  # something is still to be filled in, nothing filled in is wrong

    @property
    def key(self) -> str:
        """Return the path as text, "1.0"; the whole rule is ""."""
        return ".".join(map(str, self.path))


class RuleError(UserError):
    """A rule that cannot be used, with every problem found in it; `fields` maps a path ("1.0") to its sentence."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        sentences = dict.fromkeys(problem.sentence for problem in problems)
        super().__init__(" ".join(sentences), fields={problem.key: problem.sentence for problem in problems})


def parse(data: Any, catalogue: Catalogue) -> Rule:
    """Return the rule that `data` (decoded JSON) describes, or raise `RuleError` with all its problems."""
    reader = _Reader(catalogue)
    rule = reader.rule(data)
    if reader.problems or rule is None:
        raise RuleError(reader.problems)
    return rule


def usable_part(data: Any, catalogue: Catalogue) -> Rule | None:
    """Return the rule without the conditions that have problems, None when nothing is left; for showing only."""
    reader = _Reader(catalogue)
    rule = reader.rule(data)
    return _pruned(rule) if rule is not None else None


def restore(data: Any) -> Rule:
    """Return a rule that was checked when it was saved, whatever the catalogue says today; for showing only."""
    return Group(data["op"], tuple(_restore_node(item) for item in data["items"]))


def dump(rule: Rule) -> dict[str, Any]:
    """Return the rule as JSON-ready data; `parse` of it gives the same rule."""
    return {"version": VERSION, **_dump_group(rule)}


def rule_hash(rule: Rule) -> str:
    """Return the sha256 (hex) of the canonical JSON; equal rules have equal hashes."""
    text = json.dumps(dump(rule), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def walk(rule: Rule, path: Path = ()) -> Iterator[tuple[Path, Condition]]:
    """Yield every condition of the tree with its path, in the order people read them."""
    for position, item in enumerate(rule.items):
        if isinstance(item, Group):
            yield from walk(item, (*path, position))
        else:
            yield (*path, position), item


def attributes(rule: Rule) -> frozenset[str]:
    """Return the keys of the attributes the rule needs."""
    return frozenset(condition.attribute for _path, condition in walk(rule))


class _Reader:
    """One reading of a rule: walks the data once and collects problems instead of stopping at the first."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.problems: list[Problem] = []
        self.seen = 0

    def rule(self, data: Any) -> Rule | None:
        rule = self.guarded(self._root, data, ())
        if self.seen > MOST_CONDITIONS:
            sentence = _("A rule may hold at most {most} conditions; this one holds {count}.")
            self.problems.append(Problem((), sentence.format(most=MOST_CONDITIONS, count=self.seen)))
        return rule if isinstance(rule, Group) else None

    def guarded(self, read: Callable[[Any, Path], Node | None], data: Any, path: Path) -> Node | None:
        """Return what was read, or note at its place why it cannot be."""
        try:
            return read(data, path)
        except WrongValueError as error:
            self.problems.append(Problem(path, str(error), unfinished=isinstance(error, MissingValueError)))
            return None

    def _root(self, data: Any, path: Path) -> Rule:
        if not isinstance(data, dict) or "items" not in data:
            raise WrongValueError(_("This is not a rule: it needs an operator and a list of conditions."))
        if data.get("version", VERSION) != VERSION:
            raise WrongValueError(_("This rule was written by another version of the system and cannot be read."))
        return self._group(data, path)

    def _node(self, data: Any, path: Path) -> Node | None:
        if not isinstance(data, dict):
            raise WrongValueError(_("This is neither a condition nor a group."))
        return self._group(data, path) if "items" in data else self._condition(data)

    def _group(self, data: dict[str, Any], path: Path) -> Group:
        op, items = data.get("op"), data["items"]
        if op not in GROUP_OPS:
            raise WrongValueError(_("A group needs to say whether all, any or none of its conditions must hold."))
        if not isinstance(items, list) or not items:
            raise MissingValueError(_("This group is empty; add a condition or remove the group."))
        if len(path) >= DEEPEST:
            raise WrongValueError(_("Groups may be nested at most {most} deep.").format(most=DEEPEST))
        nodes = [self.guarded(self._node, item, (*path, position)) for position, item in enumerate(items)]
        return Group(op, tuple(node for node in nodes if node is not None))

    def _condition(self, data: dict[str, Any]) -> Condition | None:
        self.seen += 1
        if self.seen > MOST_CONDITIONS:
            return None  # said once, for the whole rule
        field, op = self._field(data.get("attribute")), data.get("op")
        if not isinstance(op, str) or op not in OPERATORS[field.type]:
            raise WrongValueError(_("This comparison does not fit the attribute; choose one of the list."))
        return Condition(field.key, op, _VALUES[ARITY[op]](field, data.get("value")))

    def _field(self, key: Any) -> Field:
        if not isinstance(key, str) or not key:
            raise MissingValueError(_("Choose an attribute for this condition."))
        field = self.catalogue.get(key)
        if field is None:
            sentence = _("The attribute “{key}” no longer exists; remove the condition or choose another attribute.")
            raise WrongValueError(sentence.format(key=key[:60]))
        return field


def _pruned(group: Group) -> Group | None:
    items = [_pruned(item) if isinstance(item, Group) else item for item in group.items]
    kept = tuple(item for item in items if item is not None)
    return Group(group.op, kept) if kept else None


def _no_value(field: Field, raw: Any) -> Value:
    return None


def _days(field: Field, raw: Any) -> Value:
    return read_days(raw)


def _pair(field: Field, raw: Any) -> Value:
    if not isinstance(raw, list | tuple) or len(raw) != 2:
        raise WrongValueError(_("Enter both a lower and an upper value."))
    low, high = (read_value(field, item) for item in raw)
    if low > high:  # type: ignore[operator]  # both were read as the same ordered type
        raise WrongValueError(_("The lower value is above the upper one; swap them."))
    return (low, high)


def _many(field: Field, raw: Any) -> Value:
    if not isinstance(raw, list | tuple) or not raw:
        raise MissingValueError(_("Choose at least one value."))
    if len(raw) > LONGEST_LIST:
        raise WrongValueError(_("A list may hold at most {most} values.").format(most=f"{LONGEST_LIST:,}"))
    return tuple(dict.fromkeys(read_value(field, item) for item in raw))


_VALUES: dict[Arity, Callable[[Field, Any], Value]] = {
    Arity.NONE: _no_value,
    Arity.ONE: read_value,
    Arity.PAIR: _pair,
    Arity.MANY: _many,
    Arity.DAYS: _days,
}


def _dump_group(group: Group) -> dict[str, Any]:
    return {"op": group.op, "items": [_dump_node(item) for item in group.items]}


def _dump_node(node: Node) -> dict[str, Any]:
    if isinstance(node, Group):
        return _dump_group(node)
    data: dict[str, Any] = {"attribute": node.attribute, "op": node.op}
    if isinstance(node.value, tuple):
        data["value"] = [_dump_value(item) for item in node.value]
    elif node.value is not None:
        data["value"] = _dump_value(node.value)
    return data


def _dump_value(value: Scalar) -> bool | int | float | str:
    return value.isoformat() if isinstance(value, date) else value


def _restore_node(data: dict[str, Any]) -> Node:
    if "items" in data:
        return restore(data)
    value = data.get("value")
    return Condition(data["attribute"], data["op"], tuple(value) if isinstance(value, list) else value)
