"""The trail only grows, each entry holds the one before, and verify names what SQL altered (rule 13)."""

from io import StringIO
from threading import Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import InternalError, ProgrammingError

from accounts import audit
from accounts.models import AuditEntry
from tests.conftest import NOW


@pytest.fixture
def trail(cast):
    for number in range(5):
        audit.record(action="accounts.grant", by=cast.admin, at=NOW, on=cast.rm, detail={"n": number, "字": "值"})


def alter(sql: str) -> None:
    """Do what a database owner could do: step around the trigger, then change the row."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(sql)
        cursor.execute("SET session_replication_role = DEFAULT")


def test_an_untouched_chain_holds(trail):
    assert list(audit.verify()) == []
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert out.getvalue().startswith("5 entries, every one as it was written")


@pytest.mark.parametrize(
    "change",
    [
        "SET detail = '{\"n\": 9}'",
        "SET actor_name = 'somebody else'",
        "SET at = at + interval '1 second'",
        "SET action = 'accounts.revoke'",
        "SET object_id = '1'",
    ],
)
def test_an_altered_row_is_named(trail, change):
    alter(f"UPDATE accounts_auditentry {change} WHERE number = 3")
    assert [(b.number, b.reason) for b in audit.verify()] == [(3, "altered")]
    with pytest.raises(CommandError, match="the first is entry 3"):
        call_command("verify_audit", stdout=StringIO())


def test_a_removed_row_is_named(trail):
    alter("DELETE FROM accounts_auditentry WHERE number = 2")
    assert (2, "missing") in [(b.number, b.reason) for b in audit.verify()]


def test_swapped_rows_are_named(trail):
    alter(
        "UPDATE accounts_auditentry SET number = -number WHERE number IN (2, 3);"
        "UPDATE accounts_auditentry SET number = CASE number WHEN -2 THEN 3 ELSE 2 END WHERE number < 0"
    )
    assert {b.number for b in audit.verify()} >= {2, 3}


@pytest.mark.parametrize("sql", ["UPDATE accounts_auditentry SET action = 'x'", "DELETE FROM accounts_auditentry"])
def test_the_table_refuses_changes(trail, sql):
    refused = pytest.raises((InternalError, ProgrammingError), match="only added")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert AuditEntry.objects.count() == 5


@pytest.mark.django_db(transaction=True)
def test_writers_at_the_same_time_do_not_fork_the_chain(cast):
    def write() -> None:
        for _ in range(10):
            audit.record(action="accounts.grant", by=cast.admin, at=NOW)
        connection.close()

    threads = [Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(AuditEntry.objects.order_by("number").values_list("number", flat=True)) == list(range(1, 41))
    assert list(audit.verify()) == []
