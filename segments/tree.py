"""The rule as a form: field names that carry the tree, and the edits a person makes to it while building.

A node's fields are named by its path: `r.group` is the root's operator, `r.1.0.attribute` the attribute of the first
item of the second item. Between form and `rules.parse` the tree is plain JSON-like data, valid or not, so that what was
typed is kept.
"""

from __future__ import annotations

import re
from typing import Any

from django.http import QueryDict

from .fields import ARITY, OPERATORS, Arity, Catalogue, Field, FieldType
from .rules import VERSION, Path

ROOT = "r"
_NAME = re.compile(r"r((?:\.\d{1,4}){0,20})\.(group|attribute|op|value|list)")
_SEPARATORS = re.compile(r"[,，、;；\n]")

Tree = dict[str, Any]


def empty() -> Tree:
    """Return the rule a new segment starts with: all of nothing yet."""
    return {"version": VERSION, "op": "all", "items": []}


def read(form: QueryDict) -> Tree:
    """Return the tree a posted form holds; fields whose group is not there are left out."""
    nodes: dict[Path, Tree] = {(): empty()}
    for path, fields in sorted(_by_path(form).items()):
        node = _node(fields)
        if path:
            parent = nodes.get(path[:-1])
            if parent is None or "items" not in parent:
                continue
            parent["items"].append(node)
            nodes[path] = node
        elif "items" in node:
            nodes[()]["op"] = node["op"]
    return nodes[()]


def _by_path(form: QueryDict) -> dict[Path, dict[str, list[str]]]:
    found: dict[Path, dict[str, list[str]]] = {}
    for name in form:
        if match := _NAME.fullmatch(name):
            path = tuple(int(step) for step in match[1].split(".") if step)
            found.setdefault(path, {})[match[2]] = form.getlist(name)
    return found


def _node(fields: dict[str, list[str]]) -> Tree:
    if "group" in fields:
        return {"op": fields["group"][0], "items": []}
    op = fields.get("op", [""])[0]
    return {"attribute": fields.get("attribute", [""])[0], "op": op, "value": _value(ARITY.get(op), fields)}


def _value(arity: Arity | None, fields: dict[str, list[str]]) -> Any:
    values = fields.get("value", [])
    if arity is Arity.PAIR:
        return ([*values, "", ""])[:2]
    if arity is Arity.MANY:
        typed = [part.strip() for text in fields.get("list", []) for part in _SEPARATORS.split(text)]
        return [value for value in [*values, *typed] if value]
    if arity is Arity.NONE:
        return None
    return values[0] if values else ""


def path_of(text: str) -> Path:
    """Return the path written as "1.0"; what is no path leads to the root."""
    return tuple(int(step) for step in text.split(".")) if re.fullmatch(r"\d{1,4}(\.\d{1,4}){0,19}", text) else ()


def add_condition(tree: Tree, at: Path, field: Field) -> Path:
    """Append a condition on a field to the group at a path; return the path of the new condition."""
    return _append(tree, at, {"attribute": field.key, **_start(field)})


def add_group(tree: Tree, at: Path) -> Path:
    """Append an empty group that reads "any of" below "all of", and the other way round."""
    parent = _group_at(tree, at)
    return _append(tree, at, {"op": "any" if parent["op"] == "all" else "all", "items": []})


def choose_attribute(tree: Tree, at: Path, field: Field, catalogue: Catalogue) -> None:
    """Let a condition ask about another attribute; operator and value stay where the type stays."""
    node = _node_at(tree, at)
    if node is None or "items" in node:
        return
    before = catalogue.get(node.get("attribute", ""))
    same = before is not None and before.type is field.type is not FieldType.CHOICE
    node["attribute"] = field.key
    if not same or node.get("op") not in OPERATORS[field.type]:
        node.update(_start(field))


def remove(tree: Tree, at: Path) -> None:
    """Take a node out; the root stays."""
    parent = _node_at(tree, at[:-1]) if at else None
    if parent is not None and at[-1] < len(parent.get("items", ())):
        del parent["items"][at[-1]]


def _start(field: Field) -> Tree:
    op = OPERATORS[field.type][0]
    starts: dict[Arity, Any] = {Arity.PAIR: ["", ""], Arity.MANY: [], Arity.DAYS: "30"}
    value = "true" if field.type is FieldType.BOOLEAN else starts.get(ARITY[op], "")
    return {"op": op, "value": value}


def _append(tree: Tree, at: Path, node: Tree) -> Path:
    parent = _group_at(tree, at)
    parent["items"].append(node)
    where = at if parent is not tree else ()
    return (*where, len(parent["items"]) - 1)


def _group_at(tree: Tree, at: Path) -> Tree:
    node = _node_at(tree, at)
    return node if node is not None and "items" in node else tree


def _node_at(tree: Tree, at: Path) -> Tree | None:
    node = tree
    for step in at:
        items = node.get("items", [])
        if step >= len(items):
            return None
        node = items[step]
    return node
