"""Random rules and random customers over the test catalogue; values come from small pools, so that they meet."""

from datetime import date, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from segments.fields import ARITY, OPERATORS, Arity, FieldType
from segments.rules import Condition, Group
from tests.segments.catalogue import CATALOGUE, FIELDS

AS_OF = date(2026, 10, 31)
# A busy machine is no finding about a rule; the fixtures of the database connection do not change between examples.
PATIENT = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], max_examples=60
)
NASTY = [
    "江州银行",
    "'; DROP TABLE customers; --",
    '" OR 1=1 --',
    "100%",
    "50_%",
    "a\\b",
    "😀👨‍👩‍👧",
    "１２３",
    "123",
    "O'Brien",
    "{x}",
    "$1 ? :p",
]
TEXTS = st.sampled_from(NASTY) | st.text(
    alphabet=st.characters(blacklist_categories=("Cc", "Cs")), min_size=1, max_size=4
).filter(str.strip)
NUMBERS = st.sampled_from([-3, 0, 1, 25, 30, 55]) | st.integers(-60, 60)
FRACTIONS = st.sampled_from([-0.5, 0.0, 1.5, 4.857]) | st.floats(-5, 5, allow_nan=False, width=32)
DATES = st.builds(lambda days: AS_OF + timedelta(days=days), st.integers(-40, 40))


def _canonical(number):
    return int(number) if number == int(number) else number


VALUES = {
    "age": NUMBERS,
    "euribor": FRACTIONS.map(_canonical),
    "aum": (FRACTIONS | NUMBERS).map(_canonical),
    "employer": TEXTS,
    "job": st.sampled_from([choice.value for choice in CATALOGUE["job"].choices]),
    "salaried": st.booleans(),
    "overdue": st.booleans(),
    "last_login": DATES,
}


@st.composite
def conditions(draw):
    field = draw(st.sampled_from(FIELDS))
    op = draw(st.sampled_from(OPERATORS[field.type]))
    one = VALUES[field.key]
    value = {
        Arity.NONE: st.none(),
        Arity.ONE: one,
        Arity.PAIR: st.tuples(one, one).map(lambda pair: tuple(sorted(pair))),
        Arity.MANY: st.lists(one, min_size=1, max_size=4).map(lambda items: tuple(dict.fromkeys(items))),
        Arity.DAYS: st.integers(1, 60),
    }[ARITY[op]]
    return Condition(field.key, op, draw(value))


def groups(items):
    return st.builds(Group, st.sampled_from(["all", "any", "none"]), st.lists(items, min_size=1, max_size=3).map(tuple))


RULES = groups(st.recursive(conditions(), groups, max_leaves=8))

_STORED = {FieldType.TEXT: TEXTS | st.just(""), FieldType.NUMBER: NUMBERS, FieldType.MONEY: FRACTIONS | NUMBERS}
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            field.key: st.none()
            | (
                FRACTIONS | st.just(float("nan"))
                if field.key == "euribor"
                else _STORED.get(field.type, VALUES[field.key])
            )
            for field in FIELDS
        }
    ),
    min_size=1,
    max_size=12,
)
