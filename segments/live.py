"""What the pages show of a rule at once: its sentence, size, waterfall, effects per line, problems, examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.models import User
from marketing.lib.errors import UserError

from .catalogue import catalogue
from .counting import Count
from .explain import Step, Waterfall, effects, waterfall
from .fields import Catalogue, FieldType
from .rules import Path, Problem, Rule, RuleError, parse, usable_part
from .sampling import Example, columns, sample
from .wording import Spans, phrase, sentence, value_text


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of the waterfall: widths are shares of all customers in percent."""

    label: str
    removed: int
    left: int
    keep: float
    drop: float


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything a page says about a rule; `refused` is set where there is no number, and says why."""

    spans: Spans = ()
    count: Count | None = None
    bars: list[Bar] = field(default_factory=list)
    effects: dict[Path, tuple[str, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    refused: str = ""
    unfinished: bool = False


class Head(NamedTuple):
    """A column of examples: its label, and whether it holds figures, which stand on the right."""

    label: str
    is_figure: bool


class Cell(NamedTuple):
    """A value as it is read, under its column's head."""

    text: str
    head: Head


FIGURES = (FieldType.NUMBER, FieldType.MONEY)


@dataclass(frozen=True, slots=True)
class Table:
    """Masked examples with the labels of their columns; `refused` says why there are none."""

    heads: list[Head] = field(default_factory=list)
    rows: list[tuple[Example, list[Cell]]] = field(default_factory=list)
    refused: str = ""


def answer(data: Any, user: User) -> Answer:
    """Return what a page shows of a rule given as JSON-like data, whether or not it can be used."""
    known, language = catalogue(), get_language() or "en"
    try:
        rule = parse(data, known)
    except RuleError as error:
        unfinished = all(problem.unfinished for problem in error.problems)
        part = usable_part(data, known)
        spans = sentence(part, known, language) if part else ()
        return Answer(spans, problems=error.problems, refused=str(error), unfinished=unfinished)
    spans = sentence(rule, known, language)
    try:
        explained = waterfall(rule, user)
    except RuleError as error:
        return Answer(spans, problems=error.problems, refused=str(error))
    except UserError as error:
        return Answer(spans, refused=str(error))
    return Answer(spans, explained.count, bars(explained, known, language), effects(explained))


def bars(explained: Waterfall, known: Catalogue, language: str) -> list[Bar]:
    """Return the rows of the waterfall, all customers first."""

    def percent(number: int) -> float:
        return round(100 * number / explained.total, 2) if explained.total else 0.0

    first = Bar(_("All customers"), 0, explained.total, percent(explained.total), 0.0)
    rest = [
        Bar(_label(step, known, language), step.removed, step.left, percent(step.left), percent(step.removed))
        for step in explained.steps
    ]
    return [first, *rest]


def _label(step: Step, known: Catalogue, language: str) -> str:
    clause = phrase(step.node, known, language)
    label = _("not: {clause}").format(clause=clause) if step.barred else clause
    return label[:1].upper() + label[1:]


def examples(data: Any, user: User) -> Table:
    """Return a few masked members of a rule with the values it asks about."""
    known = catalogue()
    try:
        rule: Rule = parse(data, known)
        found = sample(rule, user)
    except UserError as error:
        return Table(refused=str(error))
    return table(rule, found, known)


def table(rule: Rule, found: Sequence[Example], known: Catalogue) -> Table:
    """Return examples with their values written out and the labels of the columns."""
    language = get_language() or "en"
    fields = [known[key] for key in columns(rule)]
    heads = [Head(each.label.in_language(language), each.type in FIGURES) for each in fields]
    rows = []
    for example in found:
        texts = [value_text(value, each, language) for value, each in zip(example.values, fields, strict=True)]
        rows.append((example, [Cell(text, head) for text, head in zip(texts, heads, strict=True)]))
    return Table(heads, rows)
