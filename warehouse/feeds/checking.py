"""Rows checked as sets: every cell is read as its type in one pass, faults become rejects with line and reason.

The stage is a DuckDB table with one column per mapped column, already typed, and `problem`: the faults of the row's
cells, each `column ␟ reason ␟ value`, separated by ␞. What could name a person is masked before it gets there.
"""

from __future__ import annotations

import duckdb

from marketing.lib import crypto
from warehouse.feeds.kind import Column, Kind, Landing, Reference
from warehouse.feeds.mapping import NO, YES, Plan
from warehouse.feeds.reading import Layout, Rows

UNIT, RECORD = "chr(31)", "chr(30)"
LONGEST = 200
WHITE = " \t\r\n\u3000\u00a0"
FORMULA = (
    "left({v}, 1) IN ('=', '@', '＝', '＠', '-', '+', '－', '＋') "
    "AND regexp_matches({v}, '^[=@＝＠]|^[-+－＋][A-Za-z(=@\"]')"
)
PERSONAL = r"(^|\D)1[3-9]\d{9}(\D|$)|(^|\D)\d{17}[\dXx](\D|$)"  # a phone or identity number inside a text
GROUPED = r"^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$"
MOBILE = r"^(\+?86|0086)?1\d{10}$"
FORMATS = "['%Y/%m/%d', '%Y%m%d', '%Y年%m月%d日', '%Y.%m.%d']"
STAMPS = "['%Y/%m/%d %H:%M:%S', '%Y/%m/%d %H:%M', '%Y%m%d%H%M%S', '%Y-%m-%d %H:%M']"


def text(value: object) -> str:
    """Return an SQL literal."""
    return "'" + str(value).replace("'", "''") + "'"


def stage(db: duckdb.DuckDBPyConnection, rows: Rows, plan: Plan, layout: Layout, zone: str) -> None:
    """Read all rows into the table `stage`; raises duckdb.Error where the file is torn."""
    columns = plan.columns | plan.attributes
    line = ["CAST(line AS BIGINT) AS line"] if rows.numbered else []
    trimmed = [*line, *(f"nullif(trim(c{place}, {text(WHITE)}), '') AS v{place}" for place in columns)]
    typed = [f"{read(column, f'v{place}', zone)} AS x{place}" for place, column in columns.items()]
    named = [f'x{place} AS "{column.name}"' for place, column in columns.items()]
    named += [f"{_foreign(f'v{p}', f'x{p}')} AS phone_raw" for p, column in columns.items() if column.type == "phone"]
    chosen = ", ".join([*(["line"] if rows.numbered else []), *named, f"{_problem(columns, layout)} AS problem"])
    db.execute("DROP TABLE IF EXISTS stage")
    db.execute(
        f"CREATE TABLE stage AS SELECT {chosen} FROM (SELECT *, {', '.join(typed)} "
        f"FROM (SELECT {', '.join(trimmed)} FROM {rows.source}))"
    )
    _view(db, rows, plan, layout)


def _problem(columns: dict[int, Column], layout: Layout) -> str:
    """Return the expression of a row's faults. Only rows that have one build the text: most rows have none."""
    tests = [tests_of(column, f"v{place}", f"x{place}") for place, column in columns.items()]
    any_fault = " OR ".join(f"({test})" for found in tests for test, _reason in found)
    faults = ", ".join(
        fault(column, f"v{place}", found) for (place, column), found in zip(columns.items(), tests, strict=True)
    )
    again = " AND ".join(f"v{place} = {text(layout.columns[place])}" for place in list(columns)[:3])
    return (
        f"CASE WHEN {again} THEN {problem_text('', 'header_again', None)} "
        f"WHEN {any_fault} THEN concat_ws({RECORD}, {faults}) ELSE '' END"
    )


def _foreign(v: str, value: str) -> str:
    """Return the expression that keeps a number of another country as it was written, for the library to read."""
    return f"CASE WHEN {value} IS NULL AND left({v}, 1) = '+' THEN {v} END"


def _view(db: duckdb.DuckDBPyConnection, rows: Rows, plan: Plan, layout: Layout) -> None:
    line = "line" if rows.numbered else f"rowid + {layout.first_line}"
    made = [f'{expression} AS "{name}"' for name, expression in _made(plan, line).items()]
    star = "* EXCLUDE (line)" if rows.numbered else "*"
    db.execute(f"CREATE OR REPLACE VIEW staged AS SELECT {', '.join([f'{line} AS line', *made, star])} FROM stage")


def _made(plan: Plan, line: str) -> dict[str, str]:
    made = {}
    if "customer_no" in plan.make:
        made["customer_no"] = (
            f"{text(plan.make['customer_no'].get('prefix', ''))} || lpad(CAST({line} AS VARCHAR), 8, '0')"
        )
    if "phone" in plan.make:
        prefix = plan.make["phone"].get("prefix", "142")
        made["phone"] = f"{text('+86' + prefix)} || lpad(CAST({line} AS VARCHAR), {11 - len(prefix)}, '0')"
        made["made_up_number"] = "true"
    return made


# ------------------------------------------------------------------------------------------------------ one cell


def read(column: Column, v: str, zone: str) -> str:
    """Return the expression that reads a cell as its type; NULL where it cannot be read."""
    kind = column.type
    if kind in ("number", "money"):
        grouped = f"CASE WHEN regexp_matches({v}, {text(GROUPED)}) THEN TRY_CAST(replace({v}, ',', '') AS DOUBLE) END"
        return f"coalesce(TRY_CAST({v} AS DOUBLE), {grouped})"
    if kind == "boolean":
        return f"CASE WHEN lower({v}) IN ({_list(YES)}) THEN true WHEN lower({v}) IN ({_list(NO)}) THEN false END"
    if kind == "date":
        return f"coalesce(TRY_CAST({v} AS DATE), CAST(try_strptime({v}, {FORMATS}) AS DATE))"
    if kind == "time":
        plain = f"coalesce(TRY_CAST({v} AS TIMESTAMP), try_strptime({v}, {STAMPS}), try_strptime({v}, {FORMATS}))"
        offset = f"regexp_matches({v}, '([+-]\\d\\d(:?\\d\\d)?|Z)$') AND length({v}) > 16"
        return f"CASE WHEN {offset} THEN TRY_CAST({v} AS TIMESTAMPTZ) ELSE timezone({text(zone)}, {plain}) END"
    if kind == "phone":
        return f"CASE WHEN regexp_matches({bare(v)}, {text(MOBILE)}) THEN '+86' || right({bare(v)}, 11) END"
    if column.choices:
        pairs = " ".join(f"WHEN {text(said)} THEN {text(kept)}" for said, kept in column.choices.items())
        return f"CASE lower({v}) {pairs} END"
    return v


def bare(v: str) -> str:
    """Return the expression that drops spaces, dashes and brackets from a phone number."""
    return f"regexp_replace({v}, '[\\s\\-()（）]', '', 'g')"


def _list(words: frozenset[str]) -> str:
    return ", ".join(text(word) for word in sorted(words))


def fault(column: Column, v: str, tests: list[tuple[str, str]]) -> str:
    """Return the expression that names the first thing wrong with a cell `v`, or NULL."""
    cases = " ".join(
        f"WHEN {test} THEN {problem_text(column.name, reason, shown(column, v))}" for test, reason in tests
    )
    return f"CASE {cases} END"


def tests_of(column: Column, v: str, value: str) -> list[tuple[str, str]]:
    """Return (condition, reason) of everything that can be wrong with a cell `v` that was read as `value`."""
    missing = [(f"{v} IS NULL", "missing")] if column.required else []
    return missing + _faults(column, v, value)


def _faults(column: Column, v: str, value: str) -> list[tuple[str, str]]:
    kind = column.type
    if kind in ("number", "money"):
        found = [(f"{v} IS NOT NULL AND ({value} IS NULL OR NOT isfinite({value}))", "number")]
        if column.low is not None and column.high is not None:
            found.append((f"{value} NOT BETWEEN {column.low} AND {column.high}", "range"))
        return found
    if kind in ("boolean", "time"):
        return [(f"{v} IS NOT NULL AND {value} IS NULL", kind)]
    if kind == "date":
        return [
            (
                f"{v} IS NOT NULL AND ({value} IS NULL OR {value} NOT BETWEEN DATE '1800-01-01' AND DATE '9999-12-31')",
                kind,
            )
        ]
    if kind == "phone":
        scientific = f"regexp_matches({v}, '^[\\d.]+[eE]\\+?\\d+$')"
        other = f"{value} IS NULL AND left({v}, 1) <> '+'"
        return [(scientific, "phone_scientific"), (f"{v} IS NOT NULL AND ({other})", "phone")]
    if column.choices:
        return [(f"{v} IS NOT NULL AND {value} IS NULL", "choice")]
    found = [(FORMULA.format(v=v), "formula")]
    if kind == "code":
        found.append((f"regexp_matches({v}, '^\\d(\\.\\d+)?[eE]\\+?\\d+$')", "scientific"))
        plain = f"regexp_matches({v}, '^[A-Za-z0-9_./-]+$')"  # by far the most, and fast
        odd = f"NOT {plain} AND regexp_matches({v}, '[^\\p{{L}}\\p{{N}}_./-]')"
        found.append((f"length({v}) > 32 OR ({odd})", "code"))
        return found
    found.append((f"length({v}) > {LONGEST}", "long"))
    return (
        found
        if column.personal or column.own
        else [*found, (f"length({v}) > 10 AND regexp_matches({v}, {text(PERSONAL)})", "personal")]
    )


def shown(column: Column, v: str) -> str:
    """Return the expression of what may be shown of a cell: a name's first letter, a phone's outer digits."""
    if column.type == "phone":
        scientific = f"regexp_matches({v}, '[eE]\\+?\\d')"
        outer = f"left({v}, 3) || '****' || right({v}, 2)"
        return f"CASE WHEN {scientific} THEN {v} WHEN length({v}) > 8 THEN {outer} ELSE '****' END"
    if column.personal:
        return f"left({v}, 1) || '*'"
    if not column.own:
        return f"CASE WHEN regexp_matches({v}, {text(PERSONAL)}) THEN '****' ELSE left({v}, 60) END"
    return f"left({v}, 60)"


def problem_text(column: str, reason: str, value: str | None) -> str:
    shown = f"coalesce(translate({value}, chr(30) || chr(31), ''), '')" if value else "''"
    return f"{text(column)} || {UNIT} || {text(reason)} || {UNIT} || {shown}"


# ---------------------------------------------------------------------------------------- rows against each other


def collect(rows: Rows, kind: Kind, plan: Plan, landing: Landing) -> None:
    """Fill `rejects` (line, name, reason, value, detail) from cells, references and contradictions; leave `good`."""
    db = landing.db
    db.execute(
        "CREATE OR REPLACE TABLE rejects (line BIGINT, name VARCHAR, reason VARCHAR, value VARCHAR, detail VARCHAR)"
    )
    db.execute(
        f"INSERT INTO rejects SELECT line, split_part(item, {UNIT}, 1), split_part(item, {UNIT}, 2), "
        f"split_part(item, {UNIT}, 3), '' FROM (SELECT line, unnest(string_split(problem, {RECORD})) AS item "
        "FROM staged WHERE problem <> '')"
    )
    if rows.ragged:
        db.executemany(
            "INSERT INTO rejects VALUES (?, '', 'cells', '', ?)", [[line, str(n)] for line, n in rows.ragged]
        )
    if "phone" in {c.name for c in plan.present}:
        _foreign_phones(db)
    there = {column.name for column in plan.present} | set(plan.make)
    references = [reference for reference in kind.references if reference.column in there]
    for reference in references:
        if not reference.optional:
            _refer(db, reference)
    _good(db, references)
    kind.check(landing)
    _good(db, references)
    if kind.key and set(kind.key) <= there:
        _contradictions(db, kind, plan)
        _good(db, references, key=kind.key)


def _foreign_phones(db: duckdb.DuckDBPyConnection) -> None:
    """Numbers of other countries follow their own plans: the few there are go through the library."""
    foreign = db.execute("SELECT DISTINCT phone_raw FROM stage WHERE phone_raw IS NOT NULL").fetchall()
    for (raw,) in foreign:
        try:
            db.execute("UPDATE stage SET phone = ? WHERE phone_raw = ?", [crypto.normalise_phone(raw), raw])
        except crypto.PhoneError:
            db.execute(
                "INSERT INTO rejects SELECT line, 'phone', 'phone', '****', '' FROM staged WHERE phone_raw = ?", [raw]
            )


def _refer(db: duckdb.DuckDBPyConnection, reference: Reference) -> None:
    db.execute(
        f"INSERT INTO rejects SELECT line, {text(reference.column)}, {text(reference.reason)}, "
        f"s.\"{reference.column}\", '' "
        f'FROM staged s ANTI JOIN {reference.lookup} l ON l.code = s."{reference.column}" '
        f"WHERE s.\"{reference.column}\" IS NOT NULL AND NOT contains(problem, 'header_again')"
    )


def _good(db: duckdb.DuckDBPyConnection, references: list[Reference], *, key: tuple[str, ...] = ()) -> None:
    """Make `good` the rows without a fault, with the ids of what they refer to; of equal rows the first."""
    db.execute("CREATE OR REPLACE TABLE rejected AS SELECT DISTINCT line FROM rejects")
    joins = " ".join(f'LEFT JOIN {r.lookup} l{n} ON l{n}.code = s."{r.column}"' for n, r in enumerate(references))
    ids = "".join(f", l{n}.id AS {r.into}" for n, r in enumerate(references))
    where = "WHERE s.line NOT IN (SELECT line FROM rejected)" if _any(db, "rejected") else ""
    if key and _repeated(db, key):
        where += (" AND" if where else "WHERE") + " s.line NOT IN (SELECT line FROM repeats)"
    db.execute(f"CREATE OR REPLACE VIEW good AS SELECT s.* EXCLUDE (problem){ids} FROM staged s {joins} {where}")


def _any(db: duckdb.DuckDBPyConnection, table: str) -> bool:
    return bool(db.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def _columns(key: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in key)


def _repeated(db: duckdb.DuckDBPyConnection, key: tuple[str, ...]) -> bool:
    db.execute(
        f"CREATE OR REPLACE TABLE repeats AS SELECT unnest(lines[2:]) AS line FROM "
        f"(SELECT list(line ORDER BY line) AS lines FROM good SEMI JOIN twice USING ({_columns(key)}) "
        f"GROUP BY {_columns(key)} HAVING count(*) > 1)"
    )
    return _any(db, "repeats")


def _contradictions(db: duckdb.DuckDBPyConnection, kind: Kind, plan: Plan) -> None:
    """Reject all rows of a key that say different things: which of them is right is for the bank to say."""
    key = _columns(kind.key)
    said = _columns(tuple(c.name for c in (*plan.present, *plan.attributes.values())))
    db.execute(f"CREATE OR REPLACE TABLE twice AS SELECT {key} FROM good GROUP BY {key} HAVING count(*) > 1")
    if not _any(db, "twice"):
        return
    db.execute(
        f"INSERT INTO rejects WITH rows AS (SELECT line, {key}, hash({said}) AS said FROM good "
        f"SEMI JOIN twice USING ({key})), odd AS (SELECT {key}, min(line) AS first, max(line) AS last FROM rows "
        f"GROUP BY {key} HAVING count(DISTINCT said) > 1) "
        f"SELECT line, {text(kind.key[0])}, 'twice', \"{kind.key[0]}\", "
        f"CAST(CASE WHEN line = first THEN last ELSE first END AS VARCHAR) FROM rows JOIN odd USING ({key})"
    )
