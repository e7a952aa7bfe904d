"""Published partitions: immutable, durable, visible all at once or not at all (DESIGN §3)."""

import gc
import os
import threading
from datetime import date, timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from marketing.lib.errors import UserError
from tests.conftest import NOW
from tests.warehouse.conftest import count, frame
from warehouse import engine, store
from warehouse.models import Dataset, Partition

pytestmark = pytest.mark.django_db
KEY = "as_of=2026-10-31"


def rows(count: int, value: str = "1") -> str:
    return f"SELECT range AS customer_id, 5::BIGINT AS branch_id, {value} AS aum FROM range({count}) ORDER BY 1"


def test_a_partition_is_read_once_published():
    published = store.publish(Dataset.ATTRIBUTES, KEY, rows(3), NOW)
    table, as_of = engine.attributes()
    assert as_of == date(2026, 10, 31)
    assert frame(table).aum.tolist() == [1, 1, 1]
    assert (published.rows, published.schema["customer_id"]) == (3, "int64")


def test_a_written_file_is_invisible_until_it_is_announced():
    store.publish(Dataset.ATTRIBUTES, KEY, rows(3), NOW)
    written = store.write(Dataset.ATTRIBUTES, KEY, rows(5))
    assert count(engine.attributes()[0]) == 3
    store.announce(written, NOW)
    assert count(engine.attributes()[0]) == 5


def test_a_rolled_back_announcement_changes_nothing():
    store.publish(Dataset.ATTRIBUTES, KEY, rows(3), NOW)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        store.publish(Dataset.ATTRIBUTES, KEY, rows(5), NOW)
        raise ZeroDivisionError
    assert count(engine.attributes()[0]) == 3


def test_a_newer_partition_replaces_and_the_old_file_stays_for_its_readers():
    first = store.publish(Dataset.ATTRIBUTES, KEY, rows(3), NOW)
    reader = engine.attributes()[0]
    store.publish(Dataset.ATTRIBUTES, KEY, rows(5), NOW)
    assert count(reader) == 3
    first.refresh_from_db()
    assert first.replaced_at == NOW
    assert Partition.objects.published(Dataset.ATTRIBUTES).count() == 1


def test_a_stray_file_in_the_folder_is_never_read():
    published = store.publish(Dataset.ATTRIBUTES, KEY, rows(3), NOW)
    source = engine.root() / published.path
    (source.parent / "stray.parquet").write_bytes(source.read_bytes())
    assert count(engine.attributes()[0]) == 3


def test_a_changed_or_lost_file_is_noticed():
    published = store.publish(Dataset.ATTRIBUTES, KEY, rows(3), NOW)
    assert store.verify(published)
    path = engine.root() / published.path
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    assert not store.verify(published)
    with pytest.raises(UserError, match="missing or was changed on disk"):
        store.require_intact(published)
    path.unlink()
    assert not store.verify(published)


def test_the_sweep_removes_only_what_nobody_reads_any_more():
    old = store.publish(Dataset.ATTRIBUTES, KEY, rows(3), NOW - timedelta(days=3))
    new = store.publish(Dataset.ATTRIBUTES, KEY, rows(5), NOW - timedelta(hours=1))
    orphan = store.write(Dataset.ATTRIBUTES, KEY, rows(7))
    for path in (old.path, new.path, orphan.path):
        os.utime(engine.root() / path, (0, 0))
    assert store.sweep(at=NOW) == 1  # the orphan; the replaced one is within its grace
    assert store.sweep(at=NOW + timedelta(days=2)) == 1
    assert (engine.root() / new.path).exists()
    assert not (engine.root() / old.path).exists()


def test_the_newest_date_on_or_before_a_day_is_read():
    for day, size in [("2026-08-31", 1), ("2026-09-30", 2), ("2026-10-31", 3)]:
        store.publish(Dataset.ATTRIBUTES, f"as_of={day}", rows(size), NOW)
    assert count(engine.attributes()[0]) == 3
    assert engine.attributes(date(2026, 10, 30))[1] == date(2026, 9, 30)
    with pytest.raises(engine.NoData, match="no customer data"):
        engine.attributes(date(2026, 8, 30))


def test_an_ibis_table_is_published_sorted_by_customer():
    store.publish(Dataset.ATTRIBUTES, KEY, "SELECT 10 - range AS customer_id, 1 AS aum FROM range(10)", NOW)
    table = engine.attributes()[0]
    published = store.publish(Dataset.MEMBERS, "snapshot=1", table.filter(table.customer_id > 4), NOW)
    assert frame(engine.table([published])).customer_id.tolist() == [5, 6, 7, 8, 9, 10]


def test_activity_without_a_month_is_an_empty_table_with_its_columns():
    assert frame(engine.activity()).columns.tolist() == ["customer_id", "at", "kind", "channel", "amount"]


def test_threads_share_the_data_and_not_the_connection():
    store.publish(Dataset.ATTRIBUTES, KEY, rows(1000), NOW)
    partition = Partition.objects.get()
    counted: list[int] = []
    threads = [threading.Thread(target=lambda: counted.append(count(engine.table([partition])))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted == [1000] * 4


def test_the_reader_sees_nothing_outside_the_warehouse():
    with pytest.raises(Exception, match=r"disabled by configuration|Cannot access file"):
        engine.connection().raw_sql("SELECT * FROM read_csv('/etc/passwd')").fetchall()


def test_an_engine_that_is_not_supported_is_named(settings):
    settings.WAREHOUSE_URL = "trino://bank/warehouse"
    with pytest.raises(ImproperlyConfigured, match=r"trino:// is not supported yet"):
        engine.root()


def test_a_key_that_could_leave_the_folder_is_refused():
    with pytest.raises(ValueError, match="not a partition key"):
        store.publish(Dataset.ATTRIBUTES, "as_of=../../x", rows(1), NOW)


def test_a_forked_process_neither_crashes_nor_uses_its_parents_connection():
    """Celery's workers are forked, and so is whatever starts a program with a hook of its own."""
    store.publish(Dataset.ATTRIBUTES, KEY, rows(1), NOW)
    assert count(engine.attributes()[0]) == 1
    child = os.fork()
    if child == 0:  # the child says how it went by its exit code alone
        try:
            gc.collect()
            os._exit(0 if engine._database is None else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
