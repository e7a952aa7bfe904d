"""What is wrong in the demo bank's files on purpose, and where, so that imports can be held to it."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demo.draws import BLOCK
from demo.people import names, phones, spaced

PER_BLOCK = 5
KINDS = (
    "phone_scientific",
    "phone_short",
    "age_impossible",
    "unknown_branch",
    "duplicate_customer",
    "salary_text",
    "name_formula",
)
COLUMN = dict(zip(KINDS, ("phone", "phone", "age", "branch_no", "customer_no", "salary_in", "name"), strict=True))
FORMULAS = ("=1+2", '=HYPERLINK("http://example.invalid","点击领取")')
SPACED_PHONES = 0.01


@dataclass(frozen=True)
class Wrong:
    """One wrong cell: ``row`` counts the block's rows of ``file`` from zero, ``first_row`` its twin's."""

    file: str
    row: int
    customer_no: str
    column: str
    kind: str
    value: str
    first_row: int | None = None

    def located(self, rows_before: int) -> dict[str, object]:
        """Return the entry of truth.json; lines count from one, and line 1 is the header."""
        entry: dict[str, object] = {
            "file": self.file,
            "line": rows_before + self.row + 2,
            "customer_no": self.customer_no,
            "column": self.column,
            "kind": self.kind,
            "value": self.value,
        }
        if self.first_row is not None:
            entry["first_line"] = rows_before + self.first_row + 2
        return entry


def spoil(customers: pa.Table, rng: np.random.Generator, block: int) -> tuple[pa.Table, list[Wrong]]:
    """Make five rows in a thousand wrong, the kinds taking turns, and write some good phones with spaces.

    The second row of a customer number that comes twice is added at the block's end; the first row stays good.
    """
    size = customers.num_rows
    rows = rng.permutation(BLOCK)[:PER_BLOCK]
    spaced_rows = np.flatnonzero(rng.random(BLOCK) < SPACED_PHONES)
    cells = {name: customers[name].to_pylist() for name in set(COLUMN.values())}
    for row in spaced_rows[spaced_rows < size]:
        cells["phone"][row] = cells["phone"][row] and spaced(cells["phone"][row])
    numbers, wrong, twins = list(cells["customer_no"]), list[Wrong](), list[int]()
    for turn, row in enumerate(int(r) for r in rows):
        kind = KINDS[(block * PER_BLOCK + turn) % len(KINDS)]
        if row >= size:
            continue
        if kind == "duplicate_customer":
            twins.append(row)
            continue
        value = _wrong_value(kind, numbers[row], block)
        cells[COLUMN[kind]][row] = value
        wrong.append(Wrong("customers.csv", row, numbers[row], COLUMN[kind], kind, value))
    for name, values in cells.items():
        customers = customers.set_column(customers.schema.get_field_index(name), name, pa.array(values, pa.string()))
    return _with_twins(customers, twins, wrong, rng)


def _wrong_value(kind: str, customer_no: str, block: int) -> str:
    values = {
        "phone_scientific": "1.42E+10",
        "phone_short": f"142{customer_no[-7:]}",
        "age_impossible": "203",
        "unknown_branch": "B999",
        "salary_text": "abc",
        "name_formula": FORMULAS[block % len(FORMULAS)],
    }
    return values[kind]


def _with_twins(
    customers: pa.Table, twins: list[int], wrong: list[Wrong], rng: np.random.Generator
) -> tuple[pa.Table, list[Wrong]]:
    if not twins:
        return customers, wrong
    size = customers.num_rows
    second = customers.take(twins)
    branches = [f"B{1 + int(number[1:]) % 24:03d}" for number in second["branch_no"].to_pylist()]
    # Phones from the far end of the ranges, which no customer has.
    others = {
        "name": names(rng, len(twins)),
        "phone": phones(0, np.array([99_000_000 + row for row in twins])),
        "branch_no": pa.array(branches),
        "salary_in": pa.array(["8888.0"] * len(twins)),
    }
    for name, values in others.items():
        second = second.set_column(second.schema.get_field_index(name), name, values)
    entries = [
        Wrong("customers.csv", size + n, number, "customer_no", "duplicate_customer", number, first_row=twins[n])
        for n, number in enumerate(second["customer_no"].to_pylist())
    ]
    return pa.concat_tables([customers, second]), wrong + entries


def default_consents(consents: pa.Table) -> list[Wrong]:
    """List the consents that nobody gave: a default is not an agreement."""
    rows = np.flatnonzero(pc.equal(consents["source"], "default").to_numpy())
    numbers = consents["customer_no"].take(rows).to_pylist()
    return [
        Wrong("consents.csv", int(row), number, "source", "source_default", "default")
        for row, number in zip(rows, numbers, strict=True)
    ]
