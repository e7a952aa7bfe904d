"""What customers did, by month: payments, transfers, logins, visits."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from warehouse import engine, store
from warehouse.feeds.checking import text
from warehouse.feeds.kind import Column, Kind, Landing, Prepared, Reference
from warehouse.models import Dataset, Partition


class Activity(Kind):
    """One row per event. A file adds what its months do not have yet; equal rows within one file are all kept."""

    name = "activity"
    depends_on = ("customers", "activity")
    columns = (
        Column(
            "customer_no", "code", _("Customer number"), required=True, aliases=("customer_number", "cust_no", "客户号")
        ),
        Column("at", "time", _("Time"), required=True, aliases=("time", "timestamp", "交易时间", "时间", "发生时间")),
        Column("kind", "text", _("Kind"), required=True, aliases=("type", "event", "交易类型", "类型", "事件")),
        Column("channel", "text", _("Channel"), aliases=("渠道", "交易渠道")),
        Column("amount", "money", _("Amount"), aliases=("金额", "交易金额")),
    )
    references = (Reference("customer_no", "customers", "customer_id", "unknown_customer"),)

    def prepare(self, landing: Landing) -> Prepared:
        _events(landing)
        months = [row[0] for row in landing.db.execute("SELECT DISTINCT month FROM events ORDER BY 1").fetchall()]
        written, changed = [], 0
        for number, month in enumerate(months, 1):
            added = _lay_month(landing, month)
            changed += added
            if added:
                written.append(_write(landing, month))
            landing.advance(0.2 + 0.8 * number / len(months))

        def commit() -> None:
            for file in written:
                store.announce(file, landing.at)

        return Prepared(changed, commit)


def _events(landing: Landing) -> None:
    channel = "channel" if landing.has("channel") else "NULL"
    amount = "CAST(amount AS DECIMAL(16, 2))" if landing.has("amount") else "CAST(NULL AS DECIMAL(16, 2))"
    month = f"strftime(timezone({text(settings.BANK_ZONE)}, \"at\"), '%Y-%m')"
    landing.db.execute(
        'CREATE OR REPLACE TABLE events AS SELECT customer_id, "at", kind, '
        f"CAST({channel} AS VARCHAR) AS channel, {amount} AS amount, {month} AS month FROM good"
    )
    landing.advance(0.2)


def _lay_month(landing: Landing, month: str) -> int:
    """Make `added` the month's events that are not published yet, counted as often as they occur; return how many."""
    events = f"SELECT * EXCLUDE (month) FROM events WHERE month = {text(month)}"
    base = Partition.objects.published(Dataset.ACTIVITY).filter(key=f"month={month}").first()
    names = ", ".join(f'"{name}"' for name in engine.ACTIVITY_COLUMNS)
    if base:
        path = engine.quoted(engine.root() / base.path)
        landing.db.execute(
            f"CREATE OR REPLACE VIEW published AS SELECT {names} FROM read_parquet('{path}', hive_partitioning = false)"
        )
    else:
        landing.db.execute(f"CREATE OR REPLACE VIEW published AS SELECT {names} FROM events WHERE false")
    landing.db.execute(f"CREATE OR REPLACE TABLE added AS {events} EXCEPT ALL SELECT {names} FROM published")
    return landing.one("SELECT count(*) FROM added")


def _write(landing: Landing, month: str) -> store.Written:
    target = landing.work / f"activity-{month}.parquet"
    select = 'SELECT * FROM published UNION ALL SELECT * FROM added ORDER BY customer_id, "at"'
    landing.db.execute(store.copy_statement(select, target))
    return store.write(Dataset.ACTIVITY, f"month={month}", target)
