"""Wake attribution up. Two beats or a task delivered twice change nothing: one works, the other leaves."""

from celery import shared_task
from django.db import connection, transaction

from marketing.lib import days
from outcomes import attribution

ATTRIBUTION_LOCK = 0x6F757463  # "outc"


@shared_task
def attribute() -> int:
    """Turn new openings into conversions; return how many, 0 where another worker is at it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ATTRIBUTION_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        return attribution.attribute(at=days.now())
