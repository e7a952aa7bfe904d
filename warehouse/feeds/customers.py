"""The customers file: who they are goes to the register, what is known about them becomes attributes of a date."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from django.utils.translation import gettext_lazy as _

from customers import consent, register
from marketing.lib import crypto
from warehouse.feeds import facts, lookups
from warehouse.feeds.checking import text
from warehouse.feeds.kind import Column, Kind, Landing, Prepared, Reference

CHUNK = register.CHUNK


class Customers(Kind):
    """One row per customer. The same number twice with different values: none of its rows is taken.

    An unknown branch rejects the row, because nobody could say who may see the customer; an unknown relationship
    manager does not: the customer stays without one, and the run counts it as a warning.
    """

    name = "customers"
    takes_attributes = True
    key = ("customer_no",)
    depends_on = ("customers", "attributes", "branches", "staff")
    columns = (
        Column(
            "customer_no",
            "code",
            _("Customer number"),
            required=True,
            aliases=("customer_number", "cust_no", "cust_id", "client_no", "客户号", "客户编号"),
        ),
        Column(
            "name",
            "text",
            _("Name"),
            aliases=("customer_name", "full_name", "姓名", "客户姓名", "客户名称"),
            personal=True,
        ),
        Column(
            "phone",
            "phone",
            _("Phone"),
            personal=True,
            aliases=(
                "mobile",
                "phone_no",
                "phone_number",
                "mobile_phone",
                "tel",
                "手机",
                "手机号",
                "手机号码",
                "电话",
                "联系电话",
            ),
        ),
        Column(
            "branch_no", "code", _("Branch"), aliases=("branch", "branch_code", "网点", "网点号", "机构号", "开户网点")
        ),
        Column(
            "rm_no",
            "code",
            _("Relationship manager"),
            aliases=("rm", "manager_no", "客户经理", "客户经理工号", "客户经理号"),
        ),
    )
    references = (
        Reference("branch_no", "branches", "branch_id", "unknown_branch"),
        Reference("rm_no", "staff", "rm_id", "unknown_rm", optional=True),
    )

    def prepare(self, landing: Landing) -> Prepared:
        brings = [name for name in register.FILLS if landing.has(name)]
        _identify(landing, brings)
        new, altered = landing.work / "new.copy", landing.work / "changed.copy"
        counts = (
            _seal(landing, new, "known IS NULL"),
            _seal(landing, altered, "known IS NOT NULL AND was IS DISTINCT FROM content"),
        )
        _facts_view(landing, brings)
        found = facts.prepare(landing, keep_others=not landing.options.get("complete"))
        changed = landing.one(
            "SELECT count(*) FROM (SELECT customer_id FROM people WHERE was IS DISTINCT FROM content "
            "UNION SELECT customer_id FROM changed_facts)"
        )

        def commit() -> None:
            if counts[0]:
                register.add(new)
            if counts[1]:
                register.change(altered, brings)
            found.announce(landing)
            _consents(landing)

        return Prepared(changed, commit)


def keyed(expression: str) -> str:
    """Return the expression of HMAC-SHA256 under the index key, in hex; its parameters are the outer and inner pad."""
    return f"sha256($outer || unhex(sha256($inner || encode({expression}))))"


def pads() -> dict[str, bytes]:
    inner, outer = crypto.index_pads()
    return {"inner": inner, "outer": outer}


def _identify(landing: Landing, brings: list[str]) -> None:
    """Fill `people`: who each good row is, what was known (`was`), what it says (`content`), ids for the new."""
    lookups.load(landing.db, "customers", landing.work)
    register_columns = {"name": "g.name", "phone": "g.phone", "branch_id": "g.branch_id", "rm_id": "g.rm_id"}
    there = {"name": "name", "phone": "phone", "branch_id": "branch_no", "rm_id": "rm_no"}
    picked = [f"{source if there[name] in brings else 'NULL'} AS {name}" for name, source in register_columns.items()]
    said = " || chr(31) || ".join(
        [
            "'customer'",
            *(
                f"'{there[n]}=' || coalesce(CAST({source} AS VARCHAR), '')"
                for n, source in register_columns.items()
                if there[n] in brings
            ),
        ]
    )
    landing.db.execute(
        f"CREATE OR REPLACE TABLE known_people AS SELECT g.line, g.customer_no AS number, {', '.join(picked)}, "
        f"c.id AS known, c.content AS was, left({keyed(said)}, 32) AS content, "
        "c.branch_id AS old_branch_id, c.branch AS old_branch "
        "FROM good g LEFT JOIN customers c ON c.code = g.customer_no",
        pads(),
    )
    landing.advance(0.1)
    _number_the_new(landing)


def _number_the_new(landing: Landing) -> None:
    """Make `people`: the known with their ids, the new with reserved ones in the order of the file."""
    new = landing.one("SELECT count(*) FROM known_people WHERE known IS NULL")
    fresh = register.reserve(new)
    if isinstance(fresh, range) and new == landing.one("SELECT count(*) FROM known_people"):
        landing.db.execute(
            f"CREATE OR REPLACE VIEW people AS SELECT *, {fresh.start} + rowid AS customer_id FROM known_people"
        )
        return
    ids = pa.table({"place": pa.array(range(1, new + 1), pa.int64()), "id": pa.array(fresh, pa.int64())})
    landing.db.register("reserved", ids)
    landing.db.execute(
        "CREATE OR REPLACE TABLE new_ids AS SELECT n.line, r.id FROM (SELECT line, row_number() OVER (ORDER BY line) "
        "AS place FROM known_people WHERE known IS NULL) n JOIN reserved r USING (place)"
    )
    landing.db.unregister("reserved")
    landing.db.execute(
        "CREATE OR REPLACE VIEW people AS SELECT p.*, coalesce(p.known, n.id) AS customer_id FROM known_people p "
        "LEFT JOIN new_ids n ON n.line = p.line"
    )


def _seal(landing: Landing, target: object, where: str) -> int:
    """Seal the people of the condition into a file; return how many."""
    total = landing.one(f"SELECT count(*) FROM people WHERE {where}")
    if not total:
        return 0
    for done in register.seal(_batches(landing, where), target, landing.at):  # type: ignore[arg-type]
        landing.advance(0.1 + 0.6 * done / total)
    return total


def _batches(landing: Landing, where: str) -> Iterator[register.Batch]:
    index = f"CASE WHEN phone IS NOT NULL THEN unhex({keyed('phone')}) END"
    people = landing.db.cursor().sql(
        f"SELECT customer_id, number, name, phone, {index}, branch_id, rm_id, unhex(content) FROM people "
        f"WHERE {where} ORDER BY customer_id",
        params=pads(),
    )
    reader = people.to_arrow_reader(CHUNK)
    for batch in reader:
        yield register.Batch(*(column.to_pylist() for column in batch.columns))


def _facts_view(landing: Landing, brings: list[str]) -> None:
    own = "branch_no" in brings
    branch = "g.branch_id, g.branch_no AS branch" if own else "p.old_branch_id AS branch_id, p.old_branch AS branch"
    attributes = "".join(f', g."{column.name}"' for column in landing.attributes)
    landing.db.execute(
        f"CREATE OR REPLACE VIEW facts AS SELECT p.customer_id, {branch}{attributes} "
        "FROM good g JOIN people p ON p.line = g.line"
    )
    landing.advance(0.75)


def _consents(landing: Landing) -> None:
    """Record the consents that a mapping of test data asks for, for every customer that landed."""
    for channel, about in landing.options.get("consents", {}).items():
        target = landing.work / "consents.csv"
        landing.db.execute(
            f"COPY (SELECT customer_id, {text(channel)}, true, {text(about['source'])}, "
            f"{text(about.get('text_version', ''))}, {text(about['given_at'])}, NULL FROM people) "
            f"TO '{target}' (FORMAT csv, HEADER false)"
        )
        consent.record(target, at=landing.at)
